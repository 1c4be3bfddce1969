"""Reports as they are written, whole: of benches that ran, that doubt, that failed and that were cancelled."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from golden_texts import check
from sample_documents import failed, good
from sample_profile import PROFILE, causes

from tinyflow.recipes.schema import Published, Suite
from tinyflow.report import (
    changes,
    diagram,
    formats,
    frame,
    github,
    glossary,
    history,
    junit,
    profile,
    published,
    rows,
    tables,
)
from tinyflow.report.compare import Measured, compare, doubts
from tinyflow.report.documents import BenchDocuments, read_documents, read_report
from tinyflow.report.html import page
from tinyflow.report.html.fingerprint import template_folder

METRICS = {
    **{"invoke_instructions": 22_600_123, "invoke_instructions_min": 22_500_001, "setup_instructions": 900},
    **{"rom_bytes": 261_120, "rom_code": 61_120, "rom_rodata": 199_000, "rom_data": 1000, "ram_bytes": 70_500},
    **{"ram_data": 1000, "ram_bss": 69_000, "stack_peak_bytes": 400, "heap_peak_bytes": 100, "arena_bytes": 65_536},
    **{"weights_bytes": 190_000, "macs": 7_489_664, "instructions_per_mac": 3.0175, "simulated_mips": 412.5},
}
ACCURACY = {
    **{"task": "classification", "data": "set.npz", "samples": 20, "of": 40, "inferences": 20, "classes": ["a <b>"]},
    "sides": {"reference": {"top1": 0.8}, "firmware": {"top1": 0.75, "auc": 0.875}},
    "target": {"metric": "top1", "value": 0.8, "is_reached": False},
    "confusion": [[9, 1], [4, 6]],
    "by_class": [
        {"precision": 0.692308, "recall": 0.9, "support": 10, "mistaken_for": 1, "times": 1},
        {"precision": None, "recall": 0.6, "support": 10, "mistaken_for": None, "times": 0},
    ],
}
TENSORS = [
    {"name": "in", "offset": 0, "bytes": 4096, "first": 0, "last": 0},
    {"name": "conv & <co>", "offset": 8192, "bytes": 8192, "first": 0, "last": 2},
    {"name": "in place", "offset": 8192, "bytes": 4096, "first": 2, "last": 3},
    {"name": "scratch", "offset": 20_000, "bytes": 10, "first": 1, "last": 1},
    {"name": "out", "offset": 0, "bytes": 16, "first": 3, "last": 3},
]
LAYERS = [
    {"index": 0, "operator": "CONV_2D", "functions": ["conv"], "macs": 1000, "outputs_bytes": 8192},
    {"index": 1, "operator": "CONV_2D", "functions": ["conv"], "macs": 1000, "outputs_bytes": 8192},
    {"index": 2, "operator": "RESHAPE", "functions": [], "macs": 0},
    {"index": 3, "operator": "ADD", "functions": ["add", "clip"], "macs": 0, "outputs_bytes": 16},
    {"index": 4, "operator": "MEAN", "functions": ["clip"], "macs": 0, "outputs_bytes": 4},
]
RUN = {
    "functions": [
        {"name": "conv", "instructions": 5001, "calls": 2},
        {"name": "add", "instructions": 4000, "calls": 1},
        {"name": "clip", "instructions": 700, "calls": 2},
        {"name": "memcpy", "instructions": 300, "calls": 9},
        {"name": "tiny", "instructions": 4, "calls": 1},
        {"name": "tinier", "instructions": 1, "calls": 1},
    ]
}
SIZES = {
    "regions": {
        "flash": {"used": 9000, "size": 65_536},
        "ram": {"used": 6000, "size": 8192},
        "ccm": {"used": 0, "size": 64},
    },
    "symbols": [
        {"name": "weights", "bytes": 5000, "section": ".rodata"},
        {"name": "arena", "bytes": 4096, "section": ".bss"},
        {"name": "conv", "bytes": 2000, "section": ".text"},
        {"name": "state", "bytes": 100, "section": ".data"},
        *({"name": f"tiny{i}", "bytes": 5 - i, "section": ".text"} for i in range(3)),
        {"name": "alone", "bytes": 3, "section": ".bss"},
    ],
}
DOUBTED = {
    **{"reference": "tflm", "samples": 8, "result": "exact", "max_abs_error": 0, "tolerance": 2, "distinct_outputs": 1},
    **{"references_differ_by": 125, "warnings": ["every sample has the same answer"]},
}
CLOSE = {"reference": "tflm", "samples": 4, "result": "within 3 steps", "max_abs_error": 2, "tolerance": 3}


def naming(backend: str, target: str = "chip", **features: Any) -> dict[str, Any]:
    """Of one bench of `net`."""
    spelled = "".join(f"+{name}" if value is True else f"+{name}.{value}" for name, value in features.items())
    name = f"net-{backend}-{target}{spelled}"
    return {"bench": name, "model": "net", "backend": backend, "target": target, "features": features}


def provenance(*facts: str) -> dict[str, Any]:
    """Of two actions."""
    told = ['parameter ["flags",0] "-O3"', 'parameter ["toolchain","name"] "zig"', 'input "x" sha256:00', *facts]
    keys = {"stage": "compile", "title": "compile it", "key": "sha256:11", "facts": told}
    return {"actions": [keys, {**keys, "stage": "link", "facts": []}]}


def profiled() -> dict[str, Any]:
    """`profile.json` of those layers."""

    def costs(instructions: int, *parts: int) -> dict[str, Any]:
        return {"instructions": instructions, "cycles_estimate": sum(parts), **causes(*parts)}

    layers = [costs(4000, 5000, 600, 0, 30), costs(1001, 1200, 0, 0, 3), costs(0, 0, 0, 0, 0)]
    layers += [costs(4000, 4000, 50, 70, 8), costs(700, 800, 0, 200, 0)]
    functions = [
        {"name": name, "calls": 2, **costs(count, count, 0, 5, 0)} for name, count in (("conv", 5001), ("add", 5000))
    ]
    other = costs(300, 300, 0, 0, 0)
    return {"layers": layers, "functions": functions, "total": {"instructions": 10_001}, "other": other}


def benches() -> list[BenchDocuments]:
    """One with everything, one that is close and smaller, one of a host, one that failed, one that was cancelled."""
    made = {"stages": {"run": {"outcome": "built", "seconds": 1.25}, "link": {"outcome": "hit", "seconds": 0.5}}}
    more = {"tools": {"ziglang": "0.17.0", "unicorn": "2.1"}, "artifacts": {"firmware.elf": "sha256:" + "ab" * 32}}
    first = rows.bench_row(
        naming("one", dsp=True, layout="NCHW"), weights="synthetic", metrics=METRICS, validation=DOUBTED
    )
    smaller = {name: value // 2 if isinstance(value, int) else value for name, value in METRICS.items()}
    estimated = {**smaller, "cycles_estimate": 14_000_500, "latency_ms": 140.005, "energy_uj": 4200.5}
    second = rows.bench_row(naming("two"), weights="trained", metrics=estimated, validation=CLOSE)
    second["cycle_model"] = {"name": "cortex-m4", "error_percent": 12, "evidence": "boards"}
    host = {
        "top1": 0.75,
        "auc": 0.875,
        "top1_reference": 0.8,
        "invoke_s": 0.00123,
        "rom_bytes": 5000,
        "macs": 7_489_664,
        "wall_s": 0.5,
    }
    third = rows.bench_row(naming("one", "host"), weights="trained", metrics=host, validation=CLOSE)
    third["accuracy"] = {name: ACCURACY[name] for name in rows.OF_ACCURACY}
    fourth = rows.bench_row(naming("three"), status="mismatch", reason="run: sample 3 | output 1 <x>\x01\nhint & more")
    fifth = rows.bench_row(naming("four"), status="cancelled", reason="run: cancelled")
    counted = {"cycles": 5_096_000, "cycles_median": 5_096_020, "cycles_spread": 40, "board_ms": 318.5}
    board = rows.bench_row(
        naming("one", "nucleo"), weights="trained", metrics={"rom_bytes": 5000, **counted, "repetitions": 5}
    )
    plan = {"arena": {"bytes": 24_576, "tensors": TENSORS}, "layers": LAYERS}
    options = {"target_options": {"schedule": "cortexm", "usmp": "hill"}}
    return [
        BenchDocuments(
            rows.with_provenance({**first, **options}, **made, **more), plan, SIZES, RUN, None, None, provenance()
        ),
        BenchDocuments(
            rows.with_provenance(second, **made, **more), plan, SIZES, RUN, None, profiled(), provenance("tool x")
        ),
        BenchDocuments(
            rows.with_provenance(third, stages={}, tools={}, artifacts={}),
            {"arena": None, "layers": []},
            accuracy=ACCURACY,
        ),
        BenchDocuments(rows.with_provenance(fourth, stages={}, tools={}, artifacts={})),
        BenchDocuments(rows.with_provenance(fifth, stages={}, tools={}, artifacts={})),
        BenchDocuments(rows.with_provenance(board, stages={}, tools={}, artifacts={}), {"arena": None, "layers": []}),
    ]


def reports() -> list[dict[str, Any]]:
    """Their `report.json`."""
    return [dict(bench.report) for bench in benches()]


SUITE = Suite(
    name="tiny",
    description="for <tests>",
    include=("net-one-chip",),
    published=(
        Published(
            source="Somebody, 2020",
            notes=("as printed",),
            clocks_hz={"chip": 100_000_000},
            numbers={"net-two-chip": {"rom_bytes": 150_000, "board_s": 0.5}, "net-six-chip": {"ram_bytes": 9}},
        ),
    ),
)


def body(text: str) -> str:
    """A page without style, script and the program's version, a tag a line."""
    text = re.sub(r"<(style|script)\b.*?</\1>", r"<\1>", text, flags=re.DOTALL)
    text = re.sub(r"\b0\.\d+\.\d+[\w.+]*", "VERSION", text) if "tinyflow" in text else text
    return re.sub(r">\s*<", ">\n<", text)


def test_pages() -> None:
    """Of the suite with its views and trends, and of each kind of bench."""
    assert (template_folder() / "page.html.j2").is_file()
    trends = {"net-two-chip": {"rom_bytes": history.sparkline("rom_bytes", [3, 5, 4])}}
    view = ("sizes", "Sizes", frame.frame_of(reports()))
    print_ = "sha256:" + "0" * 64
    check("suite.html", body(page.suite_page(SUITE, benches(), fingerprint=print_, trends=trends, views=[view])))
    for number in (0, 1, 3, 5):
        check(f"bench{number}.html", body(page.bench_page(benches()[number], fingerprint=print_)))


def test_texts_for_people_and_for_other_programs() -> None:
    """Tables in every form, published figures, JUnit, annotations."""
    shown = tables.to_text(reports())
    check("results.txt", shown)
    check("results.md", tables.to_markdown("tiny", reports()))
    check("results.csv", tables.to_csv(reports()))
    check("results.json", tables.to_json("tiny", reports()))
    check("junit.xml", junit.to_junit("tiny", reports()))
    check("annotations.txt", "\n".join(github.annotate(reports())) + "\n")
    compared = published.side_by_side(SUITE, reports())
    check("published.txt", published.to_text(compared))
    check("published.md", published.to_markdown(compared))
    whole = frame.frame_of(reports())
    check("../../docs/glossary.md", glossary.to_markdown())
    check("frame.txt", "".join(formats.FORMATS[name](whole).decode() for name in ("text", "csv", "json", "md")))


def test_changes() -> None:
    """Better, worse and over a limit, failed, gone, new, counted by a board; a doubt is told with its side."""
    first, second, host, bad, _, board = benches()
    worse = {**second.report, "metrics": {**second.report["metrics"], "rom_bytes": 130_561, "ram_bytes": 35_000}}
    old = {"a": Measured(second.report, commit="c" * 40), "b": Measured(first.report), "c": Measured(host.report)}
    slower = {**board.report, "metrics": {**board.report["metrics"], "cycles": 5_096_050, "cycles_median": 5_096_060}}
    old["e"] = Measured(board.report)
    new = {"a": Measured(worse, commit="d" * 40 + "+"), "b": Measured(bad.report), "d": Measured(first.report)}
    new["e"] = Measured(slower)
    found = compare(old, new, {"rom_bytes": "0", "ram_bytes": "1%"}, must_stay=True)
    tells = [doubts(old, new), changes.summary(found), changes.commits(new, "e" * 40), changes.commits(old, None)]
    texts = [
        formats.FORMATS[name](changes.to_table(found, is_all=is_all)).decode()
        for name in ("text", "md")
        for is_all in (False, True)
    ]
    document = changes.to_json("old", "new", found, doubts(old, new)).decode()
    check("changes.txt", "\n".join([*map(str, tells), *texts, document]))


def test_profile() -> None:
    """With and without estimated cycles, with and without a clock; an empty call."""
    model = {"name": "cortex-m4", "error_percent": 12, "evidence": "boards", "clock_hz": 100_000_000}
    empty = {**PROFILE, "layers": [], "functions": [], "total": {"instructions": 0}, "other": {"instructions": 0}}
    documents = [
        PROFILE,
        {**PROFILE, "cycle_model": model},
        {**PROFILE, "cycle_model": {**model, "evidence": "none", "clock_hz": None}},
        {**PROFILE, "no_cycles": "nobody knows"},
        empty,
    ]
    check("profile.txt", "\n".join(profile.profile_text("net-one-chip", document) for document in documents))


def test_diagrams() -> None:
    """Every form of one graph: boxes, arrows, what is to be done."""
    boxes = [
        diagram.Box("a", 'fetch "net" <&>'),
        diagram.Box("b", "convert it", ("a",)),
        diagram.Box("c", "generate", ("a",), is_stale=True),
        diagram.Box("d", "run", ("b", "c")),
    ]
    many = [diagram.Box("root", "root")]
    for index in range(24):
        waits = {many[(index * 7 + step) % len(many)].name for step in range(1 + index % 3)}
        many.append(diagram.Box(f"b{index}", f"box {index}", () if index % 6 == 5 else tuple(sorted(waits))))
    whole = diagram.to_svg("many", many).replace("><", ">\n<")
    check("diagrams.txt", "\n".join([*(drawing("a title", boxes) for drawing in diagram.DRAWINGS.values()), whole]))


def test_a_summary_is_added_where_there_is_one(tmp_path: Path) -> None:
    """GitHub names the file; elsewhere nothing is written."""
    path = tmp_path / "summary"
    github.add_summary({}, "none")
    for text in ("one", "two"):
        github.add_summary({"GITHUB_STEP_SUMMARY": str(path)}, text)
    assert path.read_text() == "one\ntwo\n"
    assert [github.is_here({"GITHUB_ACTIONS": value}) for value in ("true", "false", "")] == [True, False, False]
    assert not github.is_here({})
    escaped = github.annotation("error", "a:b,c%\r\n", "100 %: x,\r\ny")
    assert escaped == "::error title=a%3Ab%2Cc%25%0D%0A::100 %25: x,%0D%0Ay"


def test_documents_are_read_as_far_as_they_are_whole(tmp_path: Path) -> None:
    """Without a report, or with one of another schema, there is nothing; else damaged files are left out."""
    assert read_documents(tmp_path) is None
    report = good("a", "b", "c").report
    for name in ("report", "plan", "sizes", "run", "timing", "provenance"):
        (tmp_path / f"{name}.json").write_text(json.dumps({**report, "is": name}))
    found = read_documents(tmp_path)
    assert found is not None
    parts = (found.report, found.plan, found.sizes, found.run, found.timing, found.provenance)
    assert [part and part["is"] for part in parts] == ["report", "plan", "sizes", "run", "timing", "provenance"]
    (tmp_path / "plan.json").write_text("{")
    (tmp_path / "run.json").write_text("[]")
    (tmp_path / "sizes.json").unlink()
    found = read_documents(tmp_path)
    assert found is not None and (found.plan, found.run, found.sizes) == (None, None, None)
    (tmp_path / "report.json").write_text(json.dumps({**report, "schema": 2}))
    assert read_documents(tmp_path) is None and read_report(tmp_path) is None


def test_a_history_is_read_from_its_end(tmp_path: Path) -> None:
    """The last record is the same however long the file is; text and drawing of a course."""
    path = tmp_path / "a.jsonl"
    assert history.last(path) is None and history.read(path) == []
    for number in range(300):
        history.add(
            path,
            good("a", "b", "c", size=number + 1).report,
            commit=f"{number:040x}",
            is_dirty=number % 2 == 1,
            date="d",
        )
    records = history.read(path)
    assert len(records) == 300 and history.last(path) == records[-1]
    assert records[-1].place == f"{299:040x}+" and records[-2].place == f"{298:040x}"
    assert replace(records[-1], commit=None).place is None
    assert records[-1].as_report("x") == {
        **{"schema": 1, "bench": "x", "status": "ok", "reason": None, "weights": "trained"},
        "metrics": {"invoke_instructions": 300_900, "setup_instructions": 2, "rom_bytes": 18_300, "ram_bytes": 5100}
        | {"arena_bytes": 4800, "macs": 180_000},
    }
    long = failed("a", "b", "c", "x" * 5000).report
    history.add(path, long, commit="c", is_dirty=False, date="e")
    last = history.last(path)
    assert last is not None and last.reason is not None and len(last.reason) == 1000 and last.status == "failed"
    drawn = history.sparkline("rom_bytes", [float(value % 7) for value in range(100)])
    check("sparkline.svg", drawn.replace("><", ">\n<") + "\n" + history.text_sparkline([1, 9, 5, 3, 7]) + "\n")
    assert history.short("0123456789abcdef") == "0123456789" and history.short("0123456789abcdef+") == "0123456789+"


@pytest.mark.parametrize("text", ["", "a"])
def test_a_golden_text_that_differs_fails(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the comparison itself is no matter of course."""
    monkeypatch.delenv("GOLDEN_TEXTS", raising=False)
    with pytest.raises(AssertionError):
        check("profile.txt", text)
