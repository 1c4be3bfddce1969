"""A trace (`trace.json`) as tables: layers, kinds of memory, symbols that are read and written, functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow.core import safe_text
from tinyflow.core.units import format_size
from tinyflow.report.formats import to_text
from tinyflow.report.frame import Frame

Document = Mapping[str, Any]

_DATA = ("loads", "stores", "load_bytes", "store_bytes")
_CACHE = ("data_hits", "data_misses", "lines_written_back")
_CODE = ("code_hits", "code_misses")
_FEWEST_SHARE = 0.005  # of all bytes, or instructions: what has less is told together
_KINDS = ("code", "constants", "flash", "arena", "stack", "heap", "data", "ram", "nothing")


def trace_text(bench: str, document: Document) -> str:
    """All tables, for a terminal."""
    tables = [layers(document), kinds(document), symbols(document), functions(document)]
    told = "\n".join(to_text(frame).decode() for frame in tables)
    cache = document.get("cache")
    if cache is not None:
        what = f"{format_size(cache['bytes'])}, {cache['ways']} ways, lines of {cache['line_bytes']} bytes"
        told = f"a cache for instructions and one for data, each {what}, empty at first\n{told}"
    return f"{safe_text.shown(bench)}, the first sample\n{told}"


def layers(document: Document) -> Frame:
    """Layers in order, what belongs to none, and the sum; `reuse` is how often each byte is touched."""
    named = [(str(one["index"]), one["operator"], one) for one in document["layers"]]
    named += [("other", "", document["other"]), ("all", "", document["total"])]
    rows = [{"layer": name, "operator": operator, **_layer(one)} for name, operator, one in named]
    memories = [f"{memory}_{what}" for memory in ("flash", "ram") for what in ("bytes", "distinct", "reuse")]
    columns = ("layer", "operator", "instructions", "loads", "stores", *memories)
    return Frame((*columns, *(name for name in (*_CACHE, *_CODE) if name in document["total"])), tuple(rows))


def _layer(one: Document) -> dict[str, Any]:
    found = {name: one[name] for name in ("instructions", "loads", "stores", *_CACHE, *_CODE) if name in one}
    for memory in ("flash", "ram"):
        if memory in one:
            found |= {f"{memory}_{name}": value for name, value in _reuse(one[memory]).items()}
    return found


def _reuse(one: Document) -> dict[str, Any]:
    touched, distinct = one["load_bytes"] + one["store_bytes"], one["distinct_bytes"]
    return {"bytes": touched, "distinct": distinct, **({"reuse": round(touched / distinct, 1)} if distinct else {})}


def kinds(document: Document) -> Frame:
    """Places by their kind."""
    found: dict[str, list[Document]] = {}
    for place in document["places"]:
        found.setdefault(place["kind"], []).append(place)
    rows = [{"kind": kind, **_sum(found[kind])} for kind in _KINDS if kind in found]
    return Frame(("kind", *_columns(document)), tuple(rows))


def symbols(document: Document) -> Frame:
    """Places by the bytes that are moved there."""
    places = sorted(document["places"], key=lambda one: -one["load_bytes"] - one["store_bytes"])
    all_bytes = sum(one["load_bytes"] + one["store_bytes"] for one in places)
    return Frame(
        ("symbol", "kind", *_columns(document)),
        tuple(
            {"symbol": name, **({"kind": ones[0]["kind"]} if len(ones) == 1 else {}), **_sum(ones)}
            for name, ones in _large(places, lambda one: one["load_bytes"] + one["store_bytes"], all_bytes)
        ),
    )


def functions(document: Document) -> Frame:
    """Functions by instructions."""
    columns = ("instructions", *_DATA, *(name for name in (*_CACHE, *_CODE) if name in document["total"]))
    rows = [
        {"function": name, **{column: sum(one[column] for one in ones) for column in columns}}
        for name, ones in _large(
            document["functions"], lambda one: one["instructions"], document["total"]["instructions"]
        )
    ]
    return Frame(("function", *columns), tuple(rows))


def _large(ones: list[Document], size: Any, whole: int) -> list[tuple[str, list[Document]]]:
    """Each, the small ones together."""
    small = [one for one in ones if size(one) < _FEWEST_SHARE * whole]
    found = [(one["name"], [one]) for one in ones if size(one) >= _FEWEST_SHARE * whole]
    return [*found, (f"{len(small)} smaller ones", small)] if small else found


def _columns(document: Document) -> tuple[str, ...]:
    return (*_DATA, "distinct_bytes", "reuse", *(name for name in _CACHE if name in document["total"]))


def _sum(ones: list[Document]) -> dict[str, Any]:
    names = [name for name in (*_DATA, "distinct_bytes", *_CACHE) if name in ones[0]]
    whole = {name: sum(one[name] for one in ones) for name in names}
    reuse = _reuse(whole).get("reuse")
    return whole if reuse is None else {**whole, "reuse": reuse}
