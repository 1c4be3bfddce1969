"""Every operator, unit, aggregate and comparison gives its own value, and refuses what has none."""

from __future__ import annotations

from typing import Any

import pytest

from tinyflow.core.errors import UsageError
from tinyflow.recipes.schema import Against, Group, Pivot
from tinyflow.report import expressions, postprocess
from tinyflow.report.frame import Frame

ROW = {"n": 7, "x": 2.5, "t": "chip", "none": None, "bench": "a-b-c"}


def value(text: str) -> Any:
    """Of an expression over that row."""
    return expressions.parse(text, tuple(ROW), ("t", "bench")).value(ROW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("n + 2", 9), ("n - 2", 5), ("n * 2", 14), ("n / 2", 3.5), ("n // 2", 3), ("n % 4", 3), ("n ** 2", 49)),
        *(("-n", -7), ("+n", 7), ("not n", False), ("-none", None), ("none - 1", None), ("1 - none", None)),
        *(("n < 7", False), ("n <= 7", True), ("n > 7", False), ("n >= 7", True), ("n == 7", True), ("n != 7", False)),
        *(
            ("n in (6, 7)", True),
            ("n not in (6, 7)", False),
            ("t in [chip, board]", True),
            ("t not in (board, x)", True),
        ),
        *(("n > 1 and x > 2", True), ("n > 1 and x > 3", False), ("n > 9 or x > 2", True), ("n > 9 or x > 3", False)),
        *(
            ("5 < n < 9", True),
            ("5 < n < 6", False),
            ("8 < n < 9", False),
            ("none == None", True),
            ("n == None", False),
        ),
        *(("none != 3", False), ("n != None", True), ("n = 7", True)),
        *(
            ("min(n, x)", 2.5),
            ("max(n, x)", 7),
            ("abs(0 - n)", 7),
            ("log2(8)", 3),
            ("sqrt(9)", 3),
            ("round(x * 3, 1)", 7.5),
        ),
        *(("1KiB", 1024), ("2kHz", 2000), ("3ms", 0.003), ("4kinstr", 4000), ("t == 'a = 1KiB'", False)),
        *(("2 ** 64", 2**64), ("2 ** -1", 0.5), ("round(123456, -300)", 0), ("True", True)),
    ],
)
def test_an_operator_means_what_it_means(text: str, expected: Any) -> None:
    """Also with what was not measured."""
    found = value(text)
    assert found == expected and type(found) in (type(expected), int, float)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("n / 0", "n / 0: division by zero"),
        ("2 ** 65", "a power above 64"),
        ("2 ** -65", "a power above 64"),
        ("round(n, 301)", "rounding to 301 digits"),
        ("round(n, -301)", "rounding to -301 digits"),
        ("(0 - 8) ** 0.5", "-8 to the power of 0.5 is not a real number"),
        ("(2 ** 64) ** 64 * 2", "an integer of more than 4096 bits"),
        ("t + 1", "texts and lists can be compared, not calculated with"),
        ("(1, 2) * 2", "texts and lists can be compared"),
        ("1 + " * 300 + "1", "an expression of 1201 characters"),
        ("-" * 60 + "1", "is nested too deeply"),
        ("min(**n)", "call can't be used here"),
        ("3 is n", "compare can't be used here"),
        ("~n", "unaryop can't be used here"),
        ("n @ 2", "binop can't be used here"),
    ],
)
def test_what_has_no_value_is_refused(text: str, what: str) -> None:
    """With the expression and the reason."""
    with pytest.raises(UsageError) as caught:
        value(text)
    assert what in caught.value.what


def test_limits_are_reached_and_not_passed() -> None:
    """The largest that is let through."""
    assert value("(2 ** 64) ** 63 * 2 ** 63").bit_length() == 4096
    assert value("-" * 48 + "1") == 1
    assert value("1" + " " * 999) == 1


FRAME = Frame(
    ("bench", "model", "backend", "rom_bytes", "time_s", "clock"),
    (
        {"bench": "m-a", "model": "m", "backend": "a", "rom_bytes": 2048, "time_s": 0.004, "clock": 3_000_000},
        {"bench": "m-b", "model": "m", "backend": "b", "rom_bytes": 1024, "time_s": 0.001},
        {"bench": "n-a", "model": "n", "backend": "a", "rom_bytes": 4096, "clock": 5_000_000},
        {"bench": "n-b", "model": "n", "backend": "b", "clock": 7000},
    ),
)


@pytest.mark.parametrize(
    ("column", "unit", "name", "expected"),
    [
        ("rom_bytes", "KiB", "rom_KiB", [2, 1, 4, None]),
        ("rom_bytes", "MiB", "rom_MiB", [1 / 512, 1 / 1024, 1 / 256, None]),
        ("rom_bytes", "KB", "rom_KB", [2.048, 1.024, 4.096, None]),
        ("time_s", "ms", "time_ms", [4, 1, None, None]),
        ("time_s", "us", "time_us", [4000, 1000, None, None]),
        ("clock", "k", "clock_k", [3000, None, 5000, 7]),
        ("clock", "M", "clock_M", [3, None, 5, 0.007]),
        ("clock", "G", "clock_G", [0.003, None, 0.005, 0.000007]),
    ],
)
def test_a_unit_divides_by_what_it_is(column: str, unit: str, name: str, expected: list[float | None]) -> None:
    """And names the column; what was not measured stays so."""
    scaled = postprocess.scale(FRAME, {column: unit})
    assert scaled.columns == tuple(name if other == column else other for other in FRAME.columns)
    assert [row.get(name) for row in scaled] == [None if one is None else pytest.approx(one) for one in expected]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("mean", [1536, 4096]),
        ("geomean", [2048 / 2**0.5, 4096]),
        ("median", [1536, 4096]),
        ("sum", [3072, 4096]),
        ("min", [1024, 4096]),
        ("max", [2048, 4096]),
        ("count", [2, 1]),
    ],
)
def test_an_aggregate_is_of_what_a_group_has(how: Any, expected: list[float]) -> None:
    """In the order of the groups."""
    found = postprocess.group(FRAME, Group(by=("model",), take={"rom_bytes": how}))
    assert [row["model"] for row in found] == ["m", "n"] and found.columns == ("model", "rom_bytes")
    assert [row["rom_bytes"] for row in found] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("how", "expected"),
    [("ratio", [1, 0.5, 1, None]), ("difference", [0, -1024, 0, None]), ("percent", [0, -50, 0, None])],
)
def test_a_comparison_is_with_the_counterpart(how: Any, expected: list[float | None]) -> None:
    """The row that agrees in all other names."""
    found = postprocess.compare(FRAME, Against(to={"backend": "a"}, columns=("rom_bytes",), how=how))
    assert [row.get(f"rom_bytes_{how}") for row in found] == expected
    assert found.columns == (*FRAME.columns, f"rom_bytes_{how}")


def test_a_pivot_has_a_cell_for_each_pair() -> None:
    """Headings in the order in which they come; two rows for one cell are refused."""
    found = postprocess.pivot(FRAME, Pivot(rows=("model",), columns="backend", values="rom_bytes"))
    assert found.columns == ("model", "a", "b")
    assert list(found) == [{"model": "m", "a": 2048, "b": 1024}, {"model": "n", "a": 4096, "b": None}]
    twice = Frame(FRAME.columns, FRAME.rows + FRAME.rows[:1])
    with pytest.raises(UsageError, match=r"two rows for \(a, m\)"):
        postprocess.pivot(twice, Pivot(rows=("backend",), columns="model", values="clock"))


@pytest.mark.parametrize(
    ("take", "told"),
    [
        ({"backend": "sum"}, "backend holds texts; they have no sum"),
        ({"clock": "geomean"}, "clock has values that are not above 0"),
        ({"gone": "sum"}, 'unknown column "gone"'),
    ],
)
def test_what_can_t_be_aggregated_is_told(take: dict[str, Any], told: str) -> None:
    """Texts can be counted; a geometric mean needs numbers above 0."""
    frame = Frame(FRAME.columns, (*FRAME.rows, {"model": "m", "clock": 0}))
    with pytest.raises(UsageError, match=told):
        postprocess.group(frame, Group(by=("model",), take=take))
    counted = postprocess.group(frame, Group(by=("model",), take={"backend": "count"}))
    assert [row["backend"] for row in counted] == [2, 2]


def test_frames_sort_choose_and_rename() -> None:
    """What is not measured comes last, up and down; patterns stand for all that match, in the frame's order."""
    assert [row["bench"] for row in FRAME.sort(["rom_bytes"])] == ["m-b", "m-a", "n-a", "n-b"]
    assert [row["bench"] for row in FRAME.sort(["-rom_bytes"])] == ["n-a", "m-a", "m-b", "n-b"]
    assert [row["bench"] for row in FRAME.sort(["-backend", "rom_bytes"])] == ["m-b", "n-b", "m-a", "n-a"]
    chosen = FRAME.choose(["clock", "*_bytes", "mod?l", "clock"])
    assert chosen.columns == ("clock", "rom_bytes", "model")
    assert chosen[1] == {"rom_bytes": 1024, "model": "m"} and len(chosen) == 4
    assert FRAME.choose(["x*"]).columns == ()
    renamed = FRAME.rename({"clock": "hz"})
    assert renamed.columns[-1] == "hz" and renamed[3] == {"bench": "n-b", "model": "n", "backend": "b", "hz": 7000}
    with pytest.raises(UsageError, match="two columns would have one name: model"):
        FRAME.rename({"clock": "model"})
    computed = FRAME.compute({"half": "rom_bytes / 2", "quarter": "half / 2", "clock": "1"})
    assert computed.columns == (*FRAME.columns, "half", "quarter")
    assert [row["quarter"] for row in computed] == [512, 256, 1024, None]
    assert [row["bench"] for row in FRAME.where("rom_bytes > 1KiB and backend = a")] == ["m-a", "n-a"]
