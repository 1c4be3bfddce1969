"""The graph executor under graphs that are damaged: a code, and never a byte outside of what it was given."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import kept
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st
from tests_support import examples

from tinyflow.backends.tvm.emit import packed_calls
from tinyflow.backends.tvm.graph import binary_format, document, executor
from tinyflow.backends.tvm.graph.artifact import Argument, Artifact
from tinyflow.backends.tvm.graph.document import ExecutorGraph, GraphTensor, Node
from tinyflow.model.tflite_reader import read
from tinyflow.model.zoo import synthesize

RUNTIMES = Path(__file__).parents[2] / "recipes" / "runtimes"
HERE = Path(__file__).parent
OK, BAD_SYNTAX, BAD_GRAPH, UNKNOWN_FUNCTION, UNKNOWN_PARAMETER, BAD_ARGUMENT, UNSUPPORTED, NO_MEMORY = range(8)

# two calls: one has scratch, the other reads the input again
X, Y, S, Z = (
    GraphTensor("int8", (1, 4, 3), 1),
    GraphTensor("int8", (12,), 0),
    GraphTensor("int32", (3,), 2),
    GraphTensor("int8", (2, 2), 3),
)
GRAPH = ExecutorGraph(
    nodes=(
        Node("x", (X,)),
        Node("weights_0", (GraphTensor("int8", (5, 2), 4),)),
        Node("mix_0", (Y, S), "mix_0", (0, 1), 0),
        Node("scale_1", (GraphTensor("int32", (2, 2), 5),)),
        Node("join_1", (Z,), "join_1", (2, 0, 4), 1),
    ),
    outputs=(5,),
)
PARAMETERS = {
    "weights_0": np.arange(10, dtype=np.int8).reshape(5, 2),
    "scale_1": np.arange(4, dtype=np.int32).reshape(2, 2),
}
ARTIFACT = Artifact(
    GRAPH,
    PARAMETERS,
    {
        "mix_0": (
            Argument("input", "int8", 12, 1),
            Argument("constant", "int8", 10, 1),
            Argument("output", "int8", 12, 1),
            Argument("scratch", "int32", 12, 4),
        ),
        "join_1": (
            Argument("input", "int8", 12, 1),
            Argument("input", "int8", 12, 1),
            Argument("constant", "int32", 16, 4),
            Argument("output", "int8", 4, 1),
        ),
    },
    {},
)
# functions that touch each byte that they may
_KERNEL = """
int32_t {name}(void* self, void* arguments, int32_t count, void* result) {{
  static const int sizes[] = {{{sizes}}};
  int8_t sum = 0;
  (void)self, (void)result;
  for (int i = 0; i < count; ++i) {{
    int8_t* const data = ((DLTensor*)((TVMFFIAny*)arguments)[i].v_ptr)->data;
    for (int j = 0; j < sizes[i]; ++j) {{
      if (i < {inputs}) sum += data[j]; else data[j] = (int8_t)(sum + j);
    }}
  }}
  return count == {count} ? 0 : -1;
}}
"""


def _kernels() -> dict[str, str]:
    header = f"#include <stdint.h>\n{packed_calls.TYPES}" + "".join(
        f"int32_t {name}(void*, void*, int32_t, void*);\n" for name in ARTIFACT.signatures
    )
    bodies = ""
    for name, arguments in ARTIFACT.signatures.items():
        sizes = ", ".join(str(argument.size_bytes) for argument in arguments)
        inputs = sum(argument.role in ("input", "constant") for argument in arguments)
        bodies += _KERNEL.format(name=name, sizes=sizes, inputs=inputs, count=len(arguments))
    return {"kernels.h": header, "kernels_0.c": f'#include "kernels.h"\n{bodies}'}


class Executor:
    """A process that opens and runs graphs with the runtime, watched by sanitizers where the compiler has them."""

    def __init__(self, folder: Path) -> None:
        """Generate, compile and start."""
        lowered, sources, model = folder / "lowered", folder / "sources", folder / "model.tflite"
        lowered.mkdir()
        sources.mkdir()
        model.write_bytes(synthesize({"graph": "toycar", "features": 8, "hidden": 4, "depth": 1}))
        Artifact(GRAPH, PARAMETERS, ARTIFACT.signatures, _kernels()).write(lowered)
        executor.generate(lowered, read(model), "tested", {}, sources, folder / "plan.json")
        include: dict[str, kept.Source] = {"sources/": sources, "include/": RUNTIMES / "tvmrt" / "include"}
        generated = {path.name: path for path in sources.glob("*.c") if path.name != "model.c"}  # that is included
        inputs = {**include, **generated, "src/": RUNTIMES / "tvmrt" / "src", "harness.c": HERE / "tvmrt_harness.c"}
        flags = ["-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", *(_SANITIZERS if shutil.which("gcc") else ())]
        harness = kept.copy(kept.made_here(inputs, flags, [*include]), folder / "harness")
        harness.chmod(0o700)
        self._process = subprocess.Popen([harness], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.forms = (_dump(GRAPH, 0), _dump(GRAPH, 1))

    def open(self, form: int, content: bytes, less_pool: int = 0, less_arena: int = 0) -> int:
        """The code of opening (and, where that is 0, of running) a graph: form 0 is JSON, 1 binary."""
        pipes = self._process.stdin, self._process.stdout
        assert pipes[0] is not None
        assert pipes[1] is not None
        pipes[0].write(struct.pack("<iiii", form, less_pool, less_arena, len(content)) + content)
        pipes[0].flush()
        answer = pipes[1].read(4)
        assert len(answer) == 4, f"the executor died of {content!r}"
        (code,) = struct.unpack("<i", answer)
        return int(code)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


_NAMES = (sorted(ARTIFACT.signatures), sorted(PARAMETERS))
_ZIG = [sys.executable, "-m", "ziglang", "cc"]
_SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
_MANY = examples(300, *HealthCheck)


@pytest.fixture(scope="module")
def tvmrt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    """The executor of one small graph."""
    executor = Executor(tmp_path_factory.mktemp("tvmrt"))
    yield executor
    executor.close()


@pytest.mark.slow
@pytest.mark.parametrize("form", [0, 1])
def test_whole_graph_runs_in_just_the_memory_that_is_planned(form: int, tvmrt: Executor) -> None:
    """Neither pool nor arena has a byte too many, and every byte less is said."""
    content = tvmrt.forms[form]
    assert tvmrt.open(form, content) == OK
    for less in range(1, 120):
        assert tvmrt.open(form, content, less_pool=less) == NO_MEMORY
    for less in range(1, 52):
        assert tvmrt.open(form, content, less_arena=less) == NO_MEMORY


@pytest.mark.parametrize("form", [0, 1])
def test_cut_off_anywhere_is_refused(form: int, tvmrt: Executor) -> None:
    """As is a byte behind it."""
    content = tvmrt.forms[form]
    for end in range(len(content)):
        assert tvmrt.open(form, content[:end]) == BAD_SYNTAX, content[:end]
    assert tvmrt.open(form, content + b"1") == BAD_SYNTAX


@pytest.mark.parametrize(
    ("pattern", "replacement", "code"),
    [
        (r'"nodes"', '"notes"', BAD_GRAPH),
        (r"^\{", '{"heads":[[4,0,0]],', BAD_GRAPH),
        (r'"arg_nodes":\[0,', '"arg_nodes":[', BAD_GRAPH),
        (r'"arg_nodes":\[0,', '"arg_nodes":[2,', BAD_GRAPH),
        (r'"arg_nodes":\[0,', '"arg_nodes":[900,', BAD_GRAPH),
        (r'"heads":\[\[4,', '"heads":[[9,', BAD_GRAPH),
        (r'"heads":\[.*?\]\]', '"heads":[]', BAD_GRAPH),
        (r'"node_row_ptr":\[0,1', '"node_row_ptr":[0,0', BAD_GRAPH),
        (r'"node_row_ptr":\[0,1', '"node_row_ptr":[0,1,2', BAD_GRAPH),
        (r'"inputs":\[\[0,0,0\]', '"inputs":[[2,0,0]', BAD_GRAPH),  # its own result
        (r'"storage_id":\["list_int",\[1', '"storage_id":["list_int",[6', BAD_GRAPH),
        (r'"storage_id":\["list_int"', '"storage_id":["list_str"', BAD_GRAPH),
        (r'"storage_id":\["list_int",\[1,', '"storage_id":["list_int",[', BAD_GRAPH),
        (r'"storage_id":\["list_int",\[', '"storage_id":["list_int",[' + 200 * "1,", BAD_GRAPH),
        (r'"func_name":"mix_0"', '"func_name":"mix_"', UNKNOWN_FUNCTION),
        (r'"func_name":"mix_0"', '"func_name":"mix_00"', UNKNOWN_FUNCTION),
        (r'"name":"scale_1"', '"name":"scale_2"', UNKNOWN_PARAMETER),
        (r'"inputs":\[\[0,0,0\],', '"inputs":[', BAD_ARGUMENT),
        (r'"func_name":"mix_0"', '"func_name":"join_1"', BAD_ARGUMENT),
        (r"\[5,2\]", "[3,3]", BAD_ARGUMENT),  # a parameter of another size
        (r"\[5,2\]", "[5,3]", BAD_ARGUMENT),
        (r"\[1,4,3\]", "[1,4,2]", BAD_ARGUMENT),  # less than the function reads
        (r"\[2,2\]", "[3]", BAD_ARGUMENT),  # less than it writes
        (r'"int8"', '"float64"', UNSUPPORTED),
        (r'"op":"null"', '"op":"copy"', UNSUPPORTED),
        (r"\[1,4,3\]", "[1,1,1,1,1,4,3]", UNSUPPORTED),
        (r"\[1,4,3\]", "[1,4,300]", NO_MEMORY),
        (r"\[1,4,3\]", "[65536,65536,65536]", BAD_GRAPH),
        (r'"nodes"', '"n\\q":1,"nodes"', BAD_SYNTAX),
        (r'"name":"mix_0"', '"name":"mix\n0"', BAD_SYNTAX),
        (r'"nodes"', '"more":' + 40 * "[" + 40 * "]" + ',"nodes"', BAD_SYNTAX),
        (r'"nodes"', '"more":{"a":[1.5e-3,true,null,"\\u00e4"]},"nodes"', OK),
    ],
)
def test_what_is_wrong_has_its_code(pattern: str, replacement: str, code: int, tvmrt: Executor) -> None:
    """One edit of a good graph for each reason."""
    text = document.dump(GRAPH)
    edited = re.sub(pattern, lambda _: replacement, text, count=1)
    assert edited != text
    assert tvmrt.open(0, edited.encode()) == code


@pytest.mark.parametrize("form", [0, 1])
def test_calls_have_as_many_results_as_their_functions(form: int, tvmrt: Executor) -> None:
    """One fewer or one more is refused, however right the counts of the graph are."""
    for count in (1, 3):
        tensors = (Y, *(count - 1) * [S])
        nodes = tuple(_with_storage(node, 0) for node in GRAPH.nodes[:2])
        graph = ExecutorGraph((*nodes, _with_storage(replace(GRAPH.nodes[2], tensors=tensors), 0)), (2,))
        assert tvmrt.open(form, _dump(graph, form)) == BAD_ARGUMENT


def _with_storage(node: Node, storage: int) -> Node:
    return replace(node, tensors=tuple(replace(tensor, storage=storage) for tensor in node.tensors))


def _dump(graph: ExecutorGraph, form: int) -> bytes:
    return binary_format.dump(graph, *_NAMES) if form else document.dump(graph).encode()


@pytest.mark.parametrize("form", [0, 1])
def test_types_of_other_sizes_are_refused(form: int, tvmrt: Executor) -> None:
    """Rather than taken for smaller ones."""
    nodes = (Node("x", (replace(X, dtype="int4"),)), *GRAPH.nodes[1:])
    assert tvmrt.open(form, _dump(replace(GRAPH, nodes=nodes), form)) == UNSUPPORTED


def test_order_and_space_mean_nothing(tvmrt: Executor) -> None:
    """A graph whose keys are sorted and whose lines are indented is the same graph."""
    loose = json.dumps(json.loads(document.dump(GRAPH)), indent=3, sort_keys=True)
    assert tvmrt.open(0, loose.encode()) == OK


def test_binary_for_other_tables_is_refused(tvmrt: Executor) -> None:
    """Indices mean something else there."""
    functions, parameters = _NAMES
    assert tvmrt.open(1, binary_format.dump(GRAPH, [*functions, "other"], parameters)) == BAD_GRAPH


_BYTES = st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=6), st.integers(0, 6)), min_size=1, max_size=4)


@pytest.mark.parametrize("form", [0, 1])
@pytest.mark.every(2)
def test_damaged_bytes_do_no_harm(form: int, tvmrt: Executor) -> None:
    """Bytes put in, taken out or replaced anywhere."""

    @_MANY
    @given(_BYTES)
    def holds(edits: list[tuple[int, bytes, int]]) -> None:
        content = bytearray(tvmrt.forms[form])
        for place, fresh, length in edits:
            start = place % (len(content) + 1)
            content[start : start + length] = fresh
        assert tvmrt.open(form, bytes(content)) in range(8)

    holds()


_TOKEN = re.compile(r'"[^"]*"|\d+|[\[\]{},:]')
_WORDS = st.one_of(
    st.sampled_from(_TOKEN.findall(document.dump(GRAPH))),
    st.integers(0, 2**40).map(str),
    st.sampled_from(["0", "1", "65535", "65536", "4294967295", "-1", "1e3", "null", "[]", "{}", '""']),
)


@pytest.mark.slow
def test_damaged_tokens_do_no_harm(tvmrt: Executor) -> None:
    """JSON in which words and numbers are others: most is good JSON of a bad graph."""
    tokens = _TOKEN.findall(document.dump(GRAPH))
    places = st.lists(st.tuples(st.integers(0, len(tokens) - 1), _WORDS), min_size=1, max_size=3)

    @_MANY
    @given(places)
    @example([(0, "{")])
    def holds(edits: list[tuple[int, str]]) -> None:
        edited: list[Any] = list(tokens)
        for place, word in edits:
            edited[place] = word
        assert tvmrt.open(0, "".join(edited).encode()) in range(8)

    holds()


@pytest.mark.slow
def test_damaged_numbers_do_no_harm(tvmrt: Executor) -> None:
    """Binary graphs with other numbers behind a header that is right."""

    @_MANY
    @given(st.lists(st.integers(0, 2**33), max_size=60), st.integers(0, 60))
    def holds(numbers: list[int], kept: int) -> None:
        content = tvmrt.forms[1]
        changed = b"".join(binary_format.varint(number) for number in numbers)
        assert tvmrt.open(1, content[: 9 + kept] + changed + content[9 + kept + len(numbers) :]) in range(8)

    holds()
