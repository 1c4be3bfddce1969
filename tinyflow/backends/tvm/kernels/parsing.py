"""TVMScript's parser without work that it does again and again: a third of the time that generating takes.

For each kernel and each call of a macro TVM 0.27 asks `inspect` for the file and lines of source of every frame of the
stack, of which it needs only the frames; it reads and parses the text of a kernel or macro anew at each use; and it
looks a name up by compiling it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import CodeType, FrameType, SimpleNamespace
from typing import Any

from tvm.script.parser.core import diagnostics, doc, evaluator, parser
from tvm.tirx.script.parser import entry


def hasten() -> None:
    """Have all functions that are parsed in this process from now on parsed so."""
    frames_only = SimpleNamespace(**vars(inspect))
    frames_only.stack = lambda: list(_outer(inspect.currentframe()))[1:]
    frames_only.getouterframes = _outer
    entry.inspect = frames_only
    parser.inspect = frames_only
    diagnostics.Source.__init__ = _reading_once(diagnostics.Source.__init__)
    diagnostics.Source.as_ast = lambda source: _parsed(source.source)
    evaluator._eval_expr = _looking_up(evaluator._eval_expr)


def _outer(frame: FrameType | None) -> Iterator[Any]:
    """A frame and those that called it, as `inspect` tells them of a function outside of any class."""
    while frame is not None:
        yield SimpleNamespace(frame=frame, code_context=None)
        frame = frame.f_back


def _reading_once(read: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """`Source.__init__`, which reads what belongs to one piece of code once."""
    known: dict[CodeType, Mapping[str, Any]] = {}

    def initialise(source: Any, program: Any) -> None:
        code = getattr(program, "__code__", None)
        if code is None:
            read(source, program)
        elif code in known:
            vars(source).update(known[code])
        else:
            read(source, program)
            known[code] = dict(vars(source))

    return initialise


@cache
def _parsed(text: str) -> Any:
    """The tree of a macro or function, which visiting doesn't change."""
    return doc.parse(text)


def _looking_up(evaluate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`_eval_expr`, to which names and numbers need no compiler."""

    def look_up(node: Any, values: Mapping[str, Any] | None) -> Any:
        if isinstance(node, doc.Constant):
            return node.value
        if isinstance(node, doc.Name) and values is not None and node.id in values:
            return values[node.id]
        return evaluate(node, values)

    return look_up
