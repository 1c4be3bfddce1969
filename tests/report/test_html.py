"""Pages: complete without a script, closed in themselves, of one size and of the same bytes every time."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from sample_documents import failed, good, many, plan, run, sizes, suite

from tinyflow.recipes.schema import Published
from tinyflow.report.documents import BenchDocuments, read_documents
from tinyflow.report.html import arena, bars, memory, profile, provenance
from tinyflow.report.html.fingerprint import fingerprint
from tinyflow.report.html.page import bench_page, suite_page
from tinyflow.report.html.svg import Drawing, number

PRINT = "sha256:" + "0" * 64
VOID = {"meta", "link", "br", "input", "rect", "line", "path"}
SUITE = [
    good("vww", "one", "chip"),
    good("vww", "two", "chip", size=900, weights="synthetic"),
    failed("aww", "one", "x"),
]


# What a beginning or ending tag ends by itself: HTML, "Optional tags".
IMPLIED = {"td": {"td", "th"}, "th": {"td", "th"}, "tr": {"td", "th", "tr"}}
ENDED = {"td", "th", "tr"}


class Checker(HTMLParser):
    """Collects text and attributes, and refuses tags that close what isn't open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.addresses: list[str] = []
        self.ids: set[str] = set()
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what it is and where it leads."""
        self.seen.append(tag)
        found = dict(attrs)
        self.addresses += [value for name in ("href", "src", "srcset", "data") if (value := found.get(name))]
        if "id" in found:
            assert found["id"] not in self.ids
            self.ids.add(str(found["id"]))
        self._end(IMPLIED.get(tag, set()))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself."""
        self.seen.append(tag)
        self.addresses += [value for name, value in attrs if name == "href" and value]

    def handle_endtag(self, tag: str) -> None:
        """The innermost open tag ends, or it is not HTML."""
        self._end(ENDED - {tag})
        if tag not in VOID:
            assert self.open.pop() == tag

    def _end(self, tags: set[str]) -> None:
        """Cells and rows end with what they are in."""
        while self.open and self.open[-1] in tags:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        """Text that a reader sees."""
        if self.open and self.open[-1] not in ("script", "style"):
            self.words += data


def check(text: str) -> Checker:
    """A page, parsed."""
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == []
    return checker


def test_a_page_says_everything_without_a_script() -> None:
    """Every bench, exact numbers, reasons, definitions, tools and commands are in the text itself."""
    words = check(suite_page(suite("tiny"), SUITE, fingerprint=PRINT)).words
    for expected in (
        "vww-one-chip",
        "1,003,000 instructions",
        "run: hard fault in <conv_3>",
        "retired in one model_invoke",
        "ziglang 0.17.0",
        "flags: -O3",
        "doit bench:vww-two-chip",
        "synthetic weights",
        "3 benches: 2 ok, 1 failed",
    ):
        assert expected in words


def test_what_was_removed_from_a_model_is_told_with_its_reasons() -> None:
    """Layers that went whole and those that lost channels, by the original's numbers; models as they came have none."""
    bench = good("vww", "one", "chip")
    sizes = {"macs": 1000, "weights_bytes": 2048, "peak_live_bytes": 10, "operators": 4, "tensors": 9}
    removed = {
        "schema": 1,
        "before": sizes,
        "after": {**sizes, "macs": 250, "weights_bytes": 1024},
        "operators": [{"operator": 3, "name": "RESHAPE", "tensor": "t", "why": "its output is its input"}],
        "channels": [
            {
                "operator": 2,
                "name": "CONV_2D",
                "tensor": "c",
                "channels": 8,
                "kept": 2,
                "removed": {"always 5": [0], "nothing reads it": [1, 2, 3, 4], "always <1": [7]},
            }
        ],
    }
    shrunk = replace(bench, report={**bench.report, "removed": removed})
    words = " ".join(check(bench_page(shrunk, fingerprint=PRINT)).words.split())
    assert "MACs 1,000 → 250 (-75.0 %), weights 2.0 KiB → 1.0 KiB (-50.0 %)" in words
    expected = "2 CONV_2D 8 2 4 nothing reads it, 1 always 5, 1 always <1 3 RESHAPE all of it: its output is its input"
    assert expected.replace(" ", "") in words.replace(" ", "")
    assert "Removed from the model" not in check(bench_page(bench, fingerprint=PRINT)).words
    nothing = replace(
        bench, report={**bench.report, "removed": {**removed, "after": sizes, "operators": [], "channels": []}}
    )
    assert "nothing can be removed" in check(bench_page(nothing, fingerprint=PRINT)).words


def test_published_figures_stand_beside_ours() -> None:
    """With their source and the ratio; a bench that has not run shows theirs alone."""
    numbers = {"vww-one-chip": {"rom_bytes": 122_000}, "nobody-ran-this": {"rom_bytes": 5}}
    quoted = Published(source="Somebody, 2024, on a board", numbers=numbers)
    words = check(suite_page(suite("tiny", published=(quoted,)), SUITE, fingerprint=PRINT)).words
    assert "Somebody, 2024, on a board" in words
    assert "59.6 KiB119.1 KiB0.500" in words.replace("\n", "")
    assert "nobody-ran-this" in words


def test_a_page_leads_to_itself_alone() -> None:
    """No address leaves the file, and each finds its place in it."""
    checker = check(suite_page(suite("tiny"), SUITE, fingerprint=PRINT))
    places = [address.removeprefix("#") for address in checker.addresses if address != "data:,"]
    assert all(address.startswith("#") for address in checker.addresses if address != "data:,")
    assert set(places) <= checker.ids
    assert {"img", "iframe", "object", "embed", "audio", "video"}.isdisjoint(checker.seen)
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org)", suite_page(suite("t"), SUITE, fingerprint=PRINT))


def test_texts_of_a_bench_are_never_markup() -> None:
    """A reason, a symbol's and a tensor's name may hold any characters."""
    bad = "</script><script>alert(1)</script>\"'&"
    broken = plan(10)
    broken["arena"]["tensors"][0]["name"] = bad
    swollen = sizes(10)
    swollen["symbols"][0]["name"] = bad
    bench = BenchDocuments(good("a", "b", "c").report | {"reason": bad}, plan=broken, sizes=swollen, run=run(10))
    checker = check(bench_page(bench, fingerprint=PRINT))
    assert checker.seen.count("script") == 1
    assert bad in checker.words


def test_a_suite_of_a_hundred_is_small_and_quick() -> None:
    """Under 2 MB with every bench's row, maps and profile, none of them equal; made in less than 3 s of CPU time."""
    benches = many(100)
    started = time.process_time()
    text = suite_page(suite("hundred"), benches, fingerprint=PRINT)
    assert time.process_time() - started < 3
    assert len(text.encode()) < 2_000_000
    assert text.count("<tr data-words") == 100
    assert "are left out" not in text
    assert text.count('<svg class="chart arena"') == 100


def test_what_benches_have_in_common_stands_in_a_page_once() -> None:
    """An arena map, the tools and a stage's settings: each bench leads to them; what is its own stays with it."""
    equal = [good("vww", "one", f"chip{index}", size=1000) for index in range(3)]
    other = good("vww", "two", "chip0", size=2000)
    text = suite_page(suite("tiny"), [*equal, other], fingerprint=PRINT)
    checker = check(text)
    assert text.count("t17: 8,000 bytes") == text.count("t17: 16,000 bytes") == 1
    assert text.count('<svg class="chart arena"') == 4
    assert text.count('href="#shapes-') == 3 * 3  # flash, ram and arena
    assert text.count("toolchain.name = zig") == text.count("ziglang 0.17.0") == 1
    assert {"#tools-1", "#settings-1", "#shapes-1"} <= set(checker.addresses)
    assert {address.removeprefix("#") for address in checker.addresses if address != "data:,"} <= checker.ids
    alone = bench_page(equal[0], fingerprint=PRINT)
    assert "shapes-" not in alone and "toolchain.name = zig" in alone


@pytest.mark.slow
def test_a_suite_too_big_for_one_file_keeps_its_table() -> None:
    """Maps that have no room are left to the benches' own pages, and the page says so."""
    text = suite_page(suite("big"), many(300), fingerprint=PRINT)
    assert text.count("<tr data-words") == 300
    assert "are left out to keep this file small" in text
    assert len(text.encode()) < 2_000_000


@pytest.mark.slow
def test_same_documents_give_the_same_bytes_in_any_process() -> None:
    """No order of hashes and nothing of the machine gets into a page."""
    program = (
        "import sample_documents as s; from tinyflow.report.html.page import suite_page; "
        "print(suite_page(s.suite('x'), s.many(12), fingerprint=''))"
    )
    pages = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "LANG": language},
            capture_output=True,
            check=True,
        ).stdout
        for seed, language in (("1", "C.UTF-8"), ("2", "C"))
    }
    assert len(pages) == 1


def test_a_page_knows_what_it_was_made_from() -> None:
    """The fingerprint is in it, and changes with any report."""
    rows = [bench.report for bench in SUITE]
    assert fingerprint(rows) in suite_page(suite("x"), SUITE, fingerprint=fingerprint(rows))
    assert fingerprint(rows) != fingerprint(rows[1:])
    assert fingerprint(rows) != fingerprint(rows, "another name")


def test_documents_that_are_missing_are_left_out(tmp_path: Path) -> None:
    """A view without report is none; one of a failed bench has a page all the same."""
    assert read_documents(tmp_path) is None
    (tmp_path / "report.json").write_text("{}")
    assert read_documents(tmp_path) is None
    assert "hard fault" in check(bench_page(failed("a", "b", "c"), fingerprint=PRINT)).words


def test_live_bytes_are_those_of_the_worst_step_and_shared_bytes_count_once() -> None:
    """In-place tensors lie on one another."""
    tensors = [
        {"name": "a", "offset": 0, "bytes": 10, "first": 0, "last": 1},
        {"name": "b", "offset": 0, "bytes": 10, "first": 1, "last": 2},
        {"name": "c", "offset": 16, "bytes": 4, "first": 1, "last": 1},
    ]
    assert arena.most_live_bytes({"arena": {"bytes": 20, "tensors": tensors}}) == 14
    assert arena.arena_map({"arena": {"bytes": 0, "tensors": []}}) is None


def test_a_region_is_filled_to_the_last_byte() -> None:
    """What no symbol accounts for is set aside; sections add up to what is used: RAM, and what it left of that."""
    region = memory.regions(sizes(1000), {})[1]
    assert (region["name"], region["used"], region["percent"], region["told"]) == ("ram", "16.6 KiB", 3.3, "")
    assert [section[0] for section in region["sections"]] == [".bss", "set aside"]
    run = {"stack_peak_bytes": 300, "heap_peak_bytes": 100, "ram_bytes": 16_400}
    flash, region = memory.regions(sizes(1000), run)
    assert {name: size for name, _, size in region["sections"]} == {
        **{".bss": "15.6 KiB", "stack and heap": "400 B", "set aside": "600 B"}
    }
    assert (
        region["told"] == "RAM as linked: RAM, which is 16.0 KiB, and 600 B set aside for stack and heap and not used"
    )
    assert flash["told"] == ""
    assert "model_arena (.bss): 16,000 bytes" in region["drawing"]


def test_a_function_of_equal_layers_is_divided_and_of_unequal_ones_is_not() -> None:
    """A layer's count is told only where it follows from the counts."""
    lines = profile.layers(plan(1000), run(1000))
    assert (lines[0].instructions, lines[0].is_shared) == ("50,000", False)
    assert (lines[1].instructions, lines[1].is_shared) == ("25,000", True)
    unequal = plan(1000)
    unequal["layers"][2]["macs"] += 1
    assert profile.layers(unequal, run(1000))[1].instructions == ""
    assert lines[-1].name == "functions of no layer"


def test_a_chain_s_cost_is_its_last_layer_s() -> None:
    """Where a profile has no count of its own for a layer none is made up; the others keep theirs and their time."""
    costs = {"instructions": 600, "cycles_estimate": 2000, "cycles_by_cause": {"issue": 1500, "load": 500, "flash": 0}}
    of_layers: list[dict[str, Any]] = [dict(costs) for _ in plan(1000)["layers"]]
    of_layers[3] = {"index": 3}
    total = {"instructions": 1200}
    document = {"layers": of_layers, "total": total, "other": costs, "cycle_model": {"clock_hz": 1_000_000}}
    lines = profile.layers(plan(1000), run(1000), document)
    assert (lines[3].instructions, lines[3].time, lines[3].percent) == ("", "", 0.0)
    assert (lines[4].instructions, lines[4].time, lines[4].percent) == ("600", "2 ms", 50.0)
    assert (lines[4].causes, lines[-1].is_rest, lines[-2].is_rest) == ("75, 25, 0", True, False)


def test_shares_of_all_functions_add_up() -> None:
    """Small functions are told together, none is lost."""
    counted = {"functions": [{"name": f"f{i}", "instructions": 10**6 // (i + 1) ** 3, "calls": 1} for i in range(50)]}
    lines = profile.functions(counted)
    assert sum(line.percent for line in lines) == pytest.approx(100)
    assert lines[-1].name.endswith("smaller functions")


def test_flags_and_settings_come_from_the_key() -> None:
    """Of each stage that people ask about, the words that its key holds."""
    (step,) = provenance.steps(good("a", "b", "c").provenance)
    assert (step["stage"], step["flags"], step["settings"]) == ("compile", "-O3", "toolchain.name = zig")


def test_bars_have_a_panel_for_each_model_and_lead_to_their_bench() -> None:
    """Only metrics that somebody has get a chart; a failed bench has no bar."""
    rows = [bench.report for bench in SUITE]
    found = bars.charts(rows, {row["bench"]: row["bench"] for row in rows})
    assert [metric.name for metric, _ in found] == ["invoke_instructions", "ram_bytes", "rom_bytes"]
    (panel,) = found[0][1]
    assert panel.count("<rect") == 2
    assert 'href="#vww-two-chip"' in panel


def test_a_bar_is_as_long_as_its_value() -> None:
    """The largest takes the room between labels and values, the others a share, zero a hair; each has a colour."""
    metrics = ({"rom_bytes": 1000}, {"rom_bytes": 250, "ram_bytes": 0}, {"ram_bytes": 0})
    rows = [
        {"bench": f"net-b{at}-chip", "model": "net", "backend": f"b{at % 9}", "metrics": metrics[min(at, 2)]}
        for at in range(10)
    ]
    ram, rom = bars.charts(rows, {row["bench"]: "here" for row in rows})
    shown = [
        re.findall(r'<rect[^>]* width="([0-9.]+)" height="14"[^>]*class="(s\d)"', panels[0]) for _, panels in (rom, ram)
    ]
    assert shown[0] == [("316.8", "s0"), ("79.2", "s1")]  # 440 less 7 letters and 8, less 11 letters
    assert shown[1] == [("1", f"s{at % 9 % 8}") for at in range(1, 10)]
    assert re.findall(r'<rect[^>]* y="([0-9.]+)"', rom[1][0]) == ["22", "40"]
    assert [bars.exact(value) for value in (1234567.0, 1234, 0.12345678)] == ["1,234,567", "1,234", "0.123457"]


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (12, "12"), (12.50, "12.5"), (0.066, "0.07"), (1200.0, "1200")])
def test_numbers_of_drawings_are_short(value: float, text: str) -> None:
    """The same text on every machine."""
    assert number(value) == text


def test_text_inside_a_shape_needs_room() -> None:
    """A label that would run over its neighbours is left to the hover text."""
    drawing = Drawing(100, 20, "x", "y")
    drawing.rectangle(0, 0, 10, 20, style="s0", text="too long for it")
    assert "<text" not in str(drawing)
