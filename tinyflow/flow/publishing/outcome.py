"""What became of one bench, as documents: its `report.json` and its provenance. Reads records, writes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinyflow.core import safe_text
from tinyflow.core.action import Action
from tinyflow.core.errors import DoesNotFit, Timeout, TinyflowError, UsageError, ValidationError
from tinyflow.core.execute import Session
from tinyflow.core.key import tools_of
from tinyflow.core.states import DONE, FAILED
from tinyflow.flow.planning.plan import BenchPlan
from tinyflow.flow.planning.selection import Selection
from tinyflow.flow.session.ledger import Ledger
from tinyflow.recipes.bench import Bench
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Suite
from tinyflow.recipes.suite import expects
from tinyflow.report import rows

_STATUS: dict[type[Exception], str] = {
    ValidationError: "mismatch",
    DoesNotFit: "does_not_fit",
    Timeout: "timeout",
}

# What made the firmware, and what ran it, which `tools` doesn't tell from each other.
_TOLD_BY_STAGE = ("compile", "run")
# in the order in which `rows.metrics_of` takes them
_OF_METRICS = ("graph.json", "plan.json", "sizes.json", "run.json", "timing.json")


def excused(selection: Selection, ledger: Ledger, catalogue: Catalogue) -> frozenset[str]:
    """The benches that have no result for a reason that a selected suite expects."""
    return frozenset(
        name
        for suite, benches in selection.suites.items()
        if (recipe := catalogue.get(Suite, suite)).refused
        for name in benches
        if not ledger.is_done((plan := selection.benches[name]).final)
        and expects(recipe, name, failure_of(plan, ledger)[1])
    )


def expected(selection: Selection, names: frozenset[str]) -> frozenset[str]:
    """Ids of the actions that these benches need, and nothing else that was asked for."""
    others = {action.id for name, plan in selection.benches.items() if name not in names for action in plan.actions}
    return frozenset(action.id for name in names for action in selection.benches[name].actions) - others


def report_of(
    bench: BenchPlan, session: Session, ledger: Ledger, artifacts: dict[str, str], *, is_refused: bool = False
) -> dict[str, Any]:
    """The `report.json` of a bench, good or failed, as far as it came in this session."""
    done = [action for action in bench.actions if ledger.is_done(action)]
    if ledger.is_done(bench.final):
        row = session.read_json(bench.final, "row.json")
    else:
        status, reason = failure_of(bench, ledger)
        status = "refused" if is_refused else status
        row = rows.bench_row(bench.final.parameters, status=status, reason=reason, **_partial(bench, session, ledger))
    tools = tools_of("\n".join(_facts(action, session)) for action in done)
    made_by = {stage: _tools_of_first(stage, done, session) for stage in _TOLD_BY_STAGE}
    return rows.with_provenance(row, stages=_stages(done, ledger), tools=tools, made_by=made_by, artifacts=artifacts)


def _tools_of_first(stage: str, done: Iterable[Action], session: Session) -> dict[str, str]:
    """The tools in the key of a stage's first action, which is the bench's own."""
    first = next((action for action in done if action.stage == stage), None)
    return {} if first is None else tools_of(["\n".join(_facts(first, session))])


def report_of_refused(bench: Bench, error: UsageError) -> dict[str, Any]:
    """The same of a bench that recipes refuse."""
    naming = {"bench": bench.name, "model": bench.model_name, "backend": bench.backend, "target": bench.target}
    features = {name: True if value is None else value for name, value in bench.features}
    row = rows.bench_row({**naming, "features": features}, status="unsupported", reason=safe_text.shown(error.what))
    return rows.with_provenance(row, stages={}, tools={}, artifacts={})


def _partial(bench: BenchPlan, session: Session, ledger: Ledger) -> dict[str, Any]:
    """What is known of firmware that doesn't fit or computes something else: its metrics; nothing of all others."""
    entries = (ledger.get(action) for action in bench.actions)
    errors = (entry.error for entry in entries if entry is not None)
    found = next((error.documents for error in errors if isinstance(error, TinyflowError) and error.documents), None)
    if found is None:
        return {}
    made = {name: action for action in bench.actions if ledger.is_done(action) for name in action.outputs}
    read = {name: session.read_json(made[name], name) for name in (*_OF_METRICS, "origin.json") if name in made}
    files = {**{name: {} for name in _OF_METRICS}, **read, **found}
    metrics = rows.metrics_of(*(files[name] for name in _OF_METRICS))
    return {
        "metrics": metrics,
        "weights": files["origin.json"]["weights"],
        "validation": files["run.json"].get("validation"),
    }


def failure_of(bench: BenchPlan, ledger: Ledger) -> tuple[str, str]:
    """Status and reason of a bench that has no result; the reason begins with the stage."""
    entries = [(action, ledger.get(action)) for action in bench.actions]
    for action, entry in entries:
        if entry is not None and entry.error is not None and entry.state == FAILED:
            return _STATUS.get(type(entry.error), "failed"), f"{action.stage}: {_one_line(action, entry.error)}"
    for action, entry in entries:
        if entry is None or entry.state not in DONE:
            return "cancelled", f"{action.stage}: {entry.state if entry is not None else 'not started'}"
    raise ValueError(f"{bench.name} did not fail")


def _one_line(action: Action, error: Exception) -> str:
    if not isinstance(error, TinyflowError):
        return safe_text.shown(f"{type(error).__name__}: {error}".partition("\n")[0])
    what = error.what.partition("\n")[0]
    return safe_text.shown(what if error.where in ("", action.title) else f"{error.where}: {what}")


def _stages(done: Iterable[Action], ledger: Ledger) -> dict[str, Any]:
    """Per stage: the id of its first action, the liveliest outcome, the seconds of all together.

    The first is the bench's own: plans name what a bench alone needs before the libraries that it shares.
    """
    found: dict[str, dict[str, Any]] = {}
    for action in done:
        entry = ledger.get(action)
        assert entry is not None
        before = found.get(action.stage, {"id": action.id, "outcome": DONE[0], "seconds": 0.0})
        found[action.stage] = {
            "id": before["id"],
            "outcome": max(before["outcome"], entry.state, key=DONE.index),
            "seconds": round(before["seconds"] + entry.seconds, 3),
        }
    return found


def _facts(action: Action, session: Session) -> list[str]:
    """The lines of the key that an action's record stands for."""
    record = session.records.get(action.id)
    text = session.records.key_text(record.key) if record is not None else None
    return text.rstrip("\n").split("\n") if text else []


def provenance_of(bench: BenchPlan, session: Session, ledger: Ledger) -> dict[str, Any]:
    """Every finished action of a bench with the whole text of its key: all that its outputs depend on."""
    return {
        "schema": 1,
        "bench": bench.name,
        "actions": [
            {
                "stage": action.stage,
                "title": action.title,
                "id": action.id,
                "key": record.key,
                "facts": _facts(action, session),
                "outputs": dict(record.outputs),
            }
            for action in bench.actions
            if ledger.is_done(action) and (record := session.records.get(action.id)) is not None
        ],
    }
