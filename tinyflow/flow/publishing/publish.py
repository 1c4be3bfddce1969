"""The end of a session, however it came: a view for every selected bench, a report for every selected suite.

Runs nothing. What was not reached is looked up once more, for it may be up to date all the same.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tinyflow.core.action import Action, Output
from tinyflow.core.errors import CacheError
from tinyflow.core.execute import Session
from tinyflow.core.states import UP_TO_DATE
from tinyflow.flow.atomic_files import clear_killed, replacing, write_if_changed, writing
from tinyflow.flow.planning.firmware import folder_of
from tinyflow.flow.planning.plan import BenchPlan
from tinyflow.flow.planning.selection import Selection
from tinyflow.flow.project import Project
from tinyflow.flow.publishing.outcome import excused, report_of_refused
from tinyflow.flow.publishing.revision import Checkout
from tinyflow.flow.publishing.views import Views
from tinyflow.flow.session.ledger import Ledger
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Suite
from tinyflow.recipes.suite import with_published
from tinyflow.report import history
from tinyflow.report.pareto import Choice

Row = dict[str, Any]


def publish(
    selection: Selection,
    session: Session,
    ledger: Ledger,
    project: Project,
    catalogue: Catalogue,
    checkout: Checkout,
    warn: Callable[[str], None],
) -> tuple[list[Row], list[Path], list[CacheError]]:
    """Write what is missing; returns all selected benches' rows, the suites' reports, and why some were not written.

    `checkout` was begun with the session; `warn` gets a line for what went wrong. What can't be written is shown.
    """
    unwritten = _Unwritten()
    clear_killed(project.build)
    views = Views(project, session.store, warn)
    for refused in selection.refused.values():
        views.note(report_of_refused(*refused))
    for bench in selection.benches.values():
        _look_up(bench, session, ledger)
    may_lack = excused(selection, ledger, catalogue)
    for bench in selection.benches.values():
        if not (ledger.is_done(bench.final) and views.is_current(bench, session)):
            with unwritten:
                views.publish(bench, session, ledger, is_refused=bench.name in may_lack)
        if (row := views.report(bench.name)) is not None:
            with unwritten:
                _record(row, project, checkout)
            with unwritten:
                views.update_page(row)
    reports: list[Path] = []
    for name, benches in (selection.suites | selection.reports).items():
        with unwritten:
            suite = with_published(catalogue, catalogue.get(Suite, name))
            reports.append(views.update_suite(suite, views.reports(benches), catalogue))
    looked_at = (*selection.profiles.items(), *selection.traces.items(), *selection.accuracies.items())
    changed = (*selection.shrunk.items(), *selection.quantised.items(), *selection.onnx.items())
    for name, action in (*changed, *looked_at):
        with unwritten:
            reports += _write(name, action, session, project)
    for name, action in selection.firmware.items():
        with unwritten:
            reports += _write_firmware(name, action, session, project)
    for name, choices in selection.choices.items():
        with unwritten:
            run = [choice.bench for choice in choices if choice.bench in selection.benches]
            reports.append(_write_choices(name, choices, views.reports(run), project))
    unwritten.tell(warn)
    names = dict.fromkeys(
        [*selection.benches, *selection.refused, *(name for names in selection.reports.values() for name in names)]
    )
    return views.reports(names), reports, unwritten.errors


class _Unwritten(AbstractContextManager[None]):
    """Notes why something could not be written, and lets the rest go on: results are shown all the same."""

    def __init__(self) -> None:
        self.errors: list[CacheError] = []

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        if isinstance(error, CacheError):
            self.errors.append(error)
        return isinstance(error, CacheError)

    def tell(self, warn: Callable[[str], None]) -> None:
        """One line, however many there are."""
        if self.errors:
            more = f" (and {len(self.errors) - 1} more)" if len(self.errors) > 1 else ""
            warn(f"{str(self.errors[0]).partition(chr(10))[0]}{more}; results are shown and stay in the cache")


def _record(row: Row, project: Project, checkout: Checkout) -> None:
    """A line in a bench's history where it was not yet measured, or not so, at what is checked out.

    One that is up to date was measured there, too: of the same content everything is the same.
    """
    path = project.history / f"{row['bench']}.jsonl"
    before = history.last(path)
    if row["status"] == "cancelled" or (
        before is not None and (before.commit, before.is_dirty) == checkout.began and before.is_of(row)
    ):
        return
    commit, is_dirty = checkout.measured
    date = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        history.add(path, row, commit=commit, is_dirty=is_dirty, date=date)
    except OSError as error:
        raise CacheError(f"not recorded: {error.strerror or error}", where=str(path)) from error


def compare_published(selection: Selection, views: Views, catalogue: Catalogue, width: int | None = None) -> str:
    """What others published beside what is known of the selected suites, as text; empty where they quote nobody."""
    texts = []
    for name, benches in (selection.suites | selection.reports).items():
        suite = catalogue.get(Suite, name)
        if suite.published:
            from tinyflow.report import published

            tables = published.side_by_side(with_published(catalogue, suite), views.reports(benches))
            texts.append(published.to_text(tables, width))
    return "\n".join(texts)


def _write(name: str, action: Action, session: Session, project: Project) -> list[Path]:
    """Write what such an action made, if it is there: `build/<stage>/<name>*`; the text's path."""
    if not session.is_current(action):
        return []
    folder, content = project.build / action.stage.replace("_", "-"), b""
    for output in action.outputs:  # a JSON is the last
        content = session.output_path(action, output).read_bytes()
        ending = output.removeprefix("model") if output.startswith("model") else Path(output).suffix
        write_if_changed(folder / f"{name}{ending}", content)
    document = json.loads(content)
    if action.stage == "profile":
        from tinyflow.report.profile import profile_text

        text = profile_text(name, document)
    elif action.stage == "accuracy":
        from tinyflow.report.accuracy import accuracy_text

        text = accuracy_text(name, document)
    elif action.stage == "trace":
        from tinyflow.report.trace import trace_text

        text = trace_text(name, document)
    elif action.stage == "quantise":
        from tinyflow.report.quantised import quantised_text

        text = quantised_text(name, document)
    elif action.stage == "export_onnx":
        from tinyflow.report.exported import exported_text

        text = exported_text(name, document)
    else:
        from tinyflow.report.removed import removed_text

        model = action.inputs["model.tflite"]
        assert isinstance(model, Output), "models are fetched by an action"
        origin = session.read_json(model.action, "origin.json")
        text = removed_text(name, document, origin["weights"])
    write_if_changed(folder / f"{name}.txt", text)
    return [folder / f"{name}.txt"]


def _write_firmware(name: str, action: Action, session: Session, project: Project) -> list[Path]:
    """Unpack what was packed, if it is there: `build/firmware/<bench>-<form>/` and its `.zip`; what to read first."""
    if not session.is_current(action):
        return []
    folder = folder_of(name, action, project)
    content = session.output_path(action, "firmware.zip").read_bytes()
    write_if_changed(folder.with_name(f"{folder.name}.zip"), content)
    with writing(folder), replacing(folder) as fresh, zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            path = fresh / entry.filename.partition("/")[2]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(entry))
    return [folder / "README.md"]


def _write_choices(name: str, choices: list[Choice], rows: list[Row], project: Project) -> Path:
    """Write RAM against instructions: `build/pareto/<name>.*`; the text's path."""
    from tinyflow.report.pareto import documents, frame

    folder = project.build / "pareto"
    for ending, content in documents(frame(choices, rows)).items():
        write_if_changed(folder / f"{name}.{ending}", content)
    return folder / f"{name}.txt"


def _look_up(bench: BenchPlan, session: Session, ledger: Ledger) -> None:
    """Enter the actions that are up to date though nobody asked, since the session was stopped before."""
    for action in bench.actions:
        if ledger.get(action) is None and session.is_current(action):
            ledger.end(action, UP_TO_DATE)
