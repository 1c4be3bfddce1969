"""Changes between two sides, told to people (text, Markdown) and to programs (JSON)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from tinyflow.core import safe_text
from tinyflow.report.compare import Change, Measured
from tinyflow.report.frame import Frame
from tinyflow.report.history import short
from tinyflow.report.metrics import BY_NAME
from tinyflow.report.tables import spell

_COLUMNS = ("bench", "metric", "old", "new", "change", "verdict")
_FIELDS = (
    *("bench", "metric", "old", "new", "ratio", "verdict", "limit", "is_regression"),
    *("old_commit", "new_commit"),
)


def to_table(changes: Sequence[Change], *, is_all: bool) -> Frame:
    """The changes that matter most as a table; `is_all`: every metric, and what stayed the same."""
    rows = tuple(
        {
            "bench": change.bench,
            "metric": change.metric,
            "old": _spell(change.old, change.spreads[0]),
            "new": _spell(change.new, change.spreads[1]),
            "change": _spell_ratio(change.ratio),
            "verdict": change.verdict + (f" (limit {change.limit})" if change.is_regression and change.limit else ""),
        }
        for change in changes
        if is_all or change.is_regression or (change.verdict != "same" and _is_main(change.metric))
    )
    return Frame(_COLUMNS, rows)


def _is_main(metric: str) -> bool:
    """Whether a console table has a column for it; parts of a sum have none. Of no metric: the whole bench."""
    return metric not in BY_NAME or bool(BY_NAME[metric].heading)


def _spell(value: float | str | None, spread: float | None) -> str:
    """`1,000 (+20)`: the most of its repetitions was so much more."""
    return spell(value) + (f" (+{spell(spread)})" if spread else "")


def _spell_ratio(ratio: float | None) -> str:
    """`x0.93 -7.00 %`; all digits that tell it from no change."""
    if ratio is None or ratio == 1:
        return ""
    percent = (ratio - 1) * 100
    return f"x{ratio:.4g} {percent:+.2f} %" if abs(percent) >= 0.01 else f"x{ratio:.6f} {percent:+.2g} %"


def summary(changes: Sequence[Change], shown: Frame | None = None) -> str:
    """One line of counts, of all metrics; and how many differ that a table doesn't show."""
    counts = Counter(change.verdict for change in changes)
    benches = len({change.bench for change in changes})
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    crossed = sum(change.is_regression and change.limit is not None for change in changes)
    differ = len(changes) - counts["same"]
    hidden = 0 if shown is None else differ - sum(row["verdict"] != "same" for row in shown)
    more = [f"{crossed} over the limit"] * (crossed > 0) + [f"--all shows {hidden} more that differ"] * (hidden > 0)
    return "; ".join([f"{benches} bench{'' if benches == 1 else 'es'}: {told}", *more])


def commits(side: Mapping[str, Measured], head: str | None) -> str:
    """Which commits the results of a side are from, and what is checked out (`head`) if that is another.

    `1a2b3c4d5e (7), 5e6f708192+ (1); now 5e6f708192 is checked out`; empty where no commit is known.
    """
    known = Counter(bench.commit for bench in side.values() if not bench.is_missing)
    if not known.keys() - {None}:
        return ""
    spelled = [f"{short(commit) if commit else 'no known commit'} ({count})" for commit, count in known.items()]
    text = ", ".join(spelled) if len(spelled) > 1 else spelled[0].partition(" ")[0]
    is_of_now = head is None or {commit and commit.rstrip("+") for commit in known} == {head}
    return text if is_of_now else f"{text}; now {short(head or '')} is checked out"


def to_json(old: str, new: str, changes: Sequence[Change], warnings: Sequence[str] = ()) -> bytes:
    """The schema is in the docstring of `compare`."""
    document = {
        "schema": 1,
        "old": old,
        "new": new,
        "changes": [
            {
                **{name: getattr(change, name) for name in _FIELDS},
                "ratio": None if change.ratio is None else round(change.ratio, 6),
                **({"spreads": change.spreads} if any(change.spreads) else {}),
            }
            for change in changes
        ],
        "warnings": list(warnings),
    }
    return safe_text.json_text(document, indent=2).encode()
