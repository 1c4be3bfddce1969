"""`build/<bench>/`: a readable view of one bench. Copies, for the cache's own files are never lent to anybody.

A view is prepared aside and moved into place whole, so that its `report.json` always speaks of the files beside it.
What was written is on record in the state folder: a view is held against that before it is shown or called up to date,
and written again from the cache where it differs. What is shown is the record's, never what somebody wrote there.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyflow.core import lock, safe_text
from tinyflow.core.action import Action
from tinyflow.core.digest import of_file, tree_files
from tinyflow.core.errors import CacheError, UsageError
from tinyflow.core.execute import Session
from tinyflow.core.store import Store
from tinyflow.flow.atomic_files import replacing, write_if_changed, writing
from tinyflow.flow.messages import shown
from tinyflow.flow.planning.plan import BenchPlan
from tinyflow.flow.project import Project
from tinyflow.flow.publishing.inventory import Inventories, Inventory
from tinyflow.flow.publishing.outcome import provenance_of, report_of
from tinyflow.flow.session.ledger import Ledger
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Suite
from tinyflow.report.documents import BenchDocuments, read_documents
from tinyflow.report.html.fingerprint import fingerprint

Row = dict[str, Any]

_OUTPUTS = {  # name in the view: stage and output
    "model.tflite": ("fetch", "model.tflite"),
    "model.onnx": ("fetch", "model.onnx"),
    "quantised.tflite": ("quantise", "model.tflite"),
    "quantise.json": ("quantise", "quantise.json"),
    "layer.tflite": ("cut", "model.tflite"),
    "tidied.tflite": ("tidy", "model.tflite"),
    "tidy.json": ("tidy", "tidy.json"),
    "shrunk.tflite": ("shrink", "model.tflite"),
    "shrink.json": ("shrink", "shrink.json"),
    "patched.tflite": ("patch", "model.tflite"),
    "patch.json": ("patch", "patch.json"),
    "lowered/": ("lower", "lowered/"),
    "generate/": ("generate", "sources/"),
    "graph.json": ("convert", "graph.json"),
    "network.json": ("generate", "network.json"),
    "relax.json": ("generate", "relax.json"),
    "plan.json": ("generate", "plan.json"),
    "firmware.elf": ("link", "firmware.elf"),
    "firmware.map": ("link", "firmware.map"),
    "sizes.json": ("link", "sizes.json"),
    "run.json": ("run", "run.json"),
    "timing.json": ("run", "timing.json"),
    "profile.json": ("profile", "profile.json"),
    "accuracy.json": ("accuracy", "accuracy.json"),
}
# where the backend itself has none of these
_OTHERWISE = {"relax.json": ("lower", "relax.json")}
_LOG, _REPORT, _PROVENANCE, _PAGE = "run.log", "report.json", "provenance.json", "report.html"


class Views:
    """The views of a project, and the folders of its suites: each is held against its record once in a session."""

    def __init__(self, project: Project, store: Store, warn: Callable[[str], None]) -> None:
        """`store` has what views are copies of; `warn` gets a line for each that was not as it was written."""
        self.project = project
        self._store = store
        self._warn = warn
        self._inventories = Inventories(project.states)
        self._known: dict[str, tuple[Inventory | None, str]] = {}
        self._unwritten: dict[str, Row] = {}  # reports of this session that no view has
        self._lost: set[str] = set()  # views that are not as they were written, and can't be written again

    # What is shown

    def report(self, bench: str) -> Row | None:
        """What a bench's `report.json` says, as it was written; None where there is no view of it or no record."""
        if bench in self._unwritten:
            return self._unwritten[bench]
        inventory, fault = self._look(bench)
        if inventory is None:
            if bench not in self._lost and (self.project.build / bench / _REPORT).exists():
                self._give_up(bench, "not on record, so it is left out")
            return None
        if fault and bench not in self._lost:
            self._restore(bench, inventory, fault)
        report: Row = inventory.facts["report"]
        return report

    def note(self, report: Row) -> None:
        """Have a report in this session that no view is written of: nothing ran."""
        self._unwritten[report["bench"]] = report

    def reports(self, benches: Iterable[str]) -> list[Row]:
        """The reports of those benches that have one."""
        return [report for bench in benches if (report := self.report(bench)) is not None]

    def documents(self, bench: str) -> BenchDocuments | None:
        """All documents of a view, or None where it has no report."""
        report = self.report(bench)
        if report is None or bench in self._lost or bench in self._unwritten:
            return None if report is None else BenchDocuments(report)
        return read_documents(self.project.build / bench)

    def all(self) -> list[str]:
        """The names of all benches that have a view."""
        with contextlib.suppress(OSError):
            return sorted(path.name for path in self.project.build.iterdir() if "-" in path.name)
        return []

    def check(self, path: Path) -> None:
        """Hold what lies at a path below `build/` against its record. Raises UsageError for a suite's folder."""
        build = self.project.build.resolve()
        if not path.resolve().is_relative_to(build):
            return
        parts = path.resolve().relative_to(build).parts
        if parts[:1] != ("suites",):
            self.reports(parts[:1] or self.all())
        elif fault := self._look("/".join(parts[:2]))[1]:
            hint = f"doit report:{parts[1]} writes it again"
            raise UsageError(fault, where=shown(self.project.build / "suites" / parts[1]), hint=hint)

    # What is written

    def is_current(self, bench: BenchPlan, session: Session) -> bool:
        """Whether a view shows what is recorded of a bench whose actions are all up to date."""
        inventory, fault = self._look(bench.name)
        report = inventory.facts.get("report") if inventory is not None else None
        if fault or report is None or report["status"] != "ok" or "made_by" not in report:
            return False
        row = session.output_digest(bench.final, "row.json")
        return bool(report["artifacts"] == {**_artifacts(bench.actions, session), "row.json": row})

    def publish(self, bench: BenchPlan, session: Session, ledger: Ledger, *, is_refused: bool = False) -> Row:
        """Write the view of a bench as far as it came; its report. Raises CacheError.

        `is_refused`: that it has no result is expected.
        """
        done = [action for action in bench.actions if ledger.is_done(action)]
        artifacts = _artifacts(done, session)
        sources = _sources(done)
        row = {"row.json": session.output_digest(bench.final, "row.json")} if ledger.is_done(bench.final) else {}
        report = report_of(bench, session, ledger, artifacts | row, is_refused=is_refused)
        self._unwritten[bench.name] = report
        with self._replacing(bench.name, {"report": report}) as fresh:
            for name in artifacts:
                if name == _LOG:
                    session.store.copy_blob(artifacts[_LOG], fresh / _LOG)
                else:
                    action, output = sources[name]
                    session.copy_output(action, output, fresh / name)
                    if (fresh / name).is_dir() and not any((fresh / name).iterdir()):
                        (fresh / name).rmdir()  # an interpreter's sources are none: only files are on record
            provenance = _spell(provenance_of(bench, session, ledger))
            (fresh / _PROVENANCE).write_bytes(provenance)
            (fresh / _REPORT).write_bytes(_spell(report))
        write_if_changed(self._provenance(bench.name), provenance)
        del self._unwritten[bench.name]
        return report

    def is_made_of(self, name: str, page: str) -> bool:
        """Whether the page of a bench's view, or the folder of a suite, is as it was written from this fingerprint."""
        inventory, fault = self._look(name)
        return inventory is not None and not fault and inventory.facts.get("page") == page

    def update_page(self, row: Mapping[str, Any]) -> None:
        """Bring `report.html` in a bench's view up to date with its report. Raises CacheError."""
        bench, wanted = row["bench"], fingerprint([row])
        if self.is_made_of(bench, wanted):
            return
        from tinyflow.flow.publishing.page_writer import write_bench

        path = self.project.build / bench / _PAGE
        with self._lock(bench):
            write_bench(self, row, path, wanted)
            inventory = self._inventories.read(bench)
            if inventory is not None:
                digests = {**inventory.digests, _PAGE: of_file(path)}
                self._keep(bench, Inventory(digests, {**inventory.facts, "page": wanted}, inventory.stamps))

    def update_suite(self, suite: Suite, rows: Sequence[Row], catalogue: Catalogue) -> Path:
        """`build/suites/<name>/report.{csv,json,md,html}`, `junit.xml` and a table per view; the path of the page.

        Raises CacheError and RecipeError.
        """
        name, wanted = f"suites/{suite.name}", fingerprint(rows, repr(suite))
        if not self.is_made_of(name, wanted):
            from tinyflow.flow.publishing.page_writer import write_suite

            with self._replacing(name, {"page": wanted}) as fresh:
                write_suite(self, catalogue, suite, rows, fresh, wanted)
        return self.project.build / name / _PAGE

    # Records

    def _look(self, name: str) -> tuple[Inventory | None, str]:
        """The inventory of a folder, and in what the folder differs; one that is gone as a whole just is not there."""
        if name not in self._known:
            self._known[name] = self._compare(name)
            if self._known[name][1]:
                with self._lock(name):  # another session may have been writing it
                    self._known[name] = self._compare(name)
        return self._known[name]

    def _compare(self, name: str) -> tuple[Inventory | None, str]:
        folder = self.project.build / name
        inventory = self._inventories.read(name) if folder.exists() or folder.is_symlink() else None
        if inventory is None:
            return None, ""
        before = dict(inventory.stamps)
        fault = inventory.fault(folder)
        if not fault and inventory.stamps != before:
            with contextlib.suppress(CacheError):  # files are read again the next time
                self._inventories.keep(name, inventory)
        return inventory, fault

    def _keep(self, name: str, inventory: Inventory) -> None:
        self._inventories.keep(name, inventory)
        self._known[name] = (inventory, "")
        self._lost.discard(name)

    @contextlib.contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        """Nobody else writes this folder meanwhile, as far as locks can be had."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                stack.enter_context(lock.hold(self.project.state / "locks" / name.replace("/", " ")))
            yield

    @contextlib.contextmanager
    def _replacing(self, name: str, facts: dict[str, Any]) -> Iterator[Path]:
        """A fresh folder for this name; where the old one was not as it was written, that is said and it is kept."""
        folder, kept = self.project.build / name, self.project.state / "aside" / name
        with self._lock(name):
            _, fault = self._compare(name)
            with writing(folder), replacing(folder, kept if fault else None) as fresh:
                yield fresh
                digests = {name: of_file(path) for name, path in tree_files(fresh)}
            self._keep(name, Inventory(digests, facts))
        if fault:
            self._warn(f"{shown(folder)}: {fault}; written again, what was there is in {shown(kept)}")

    def _restore(self, bench: str, inventory: Inventory, fault: str) -> None:
        """Write a view again from its record and the cache, whatever its sources are by now."""
        report = inventory.facts["report"]
        try:
            with self._replacing(bench, {"report": report}) as fresh:
                (fresh / _REPORT).write_bytes(_spell(report))
                for name in inventory.digests.keys() - {_REPORT, _PAGE}:
                    if name == _PROVENANCE:
                        shutil.copyfile(self._provenance(bench), fresh / name)
                    elif not self._store.copy_blob(inventory.digests[name], fresh / name):
                        raise CacheError(f"{name} is no longer in the cache")
                if of_file(fresh / _PROVENANCE) != inventory.digests[_PROVENANCE]:
                    raise CacheError(f"{_PROVENANCE} is no longer on record")
            self.update_page(report)
        except CacheError as error:
            self._give_up(bench, f"{fault}, and {error.what}; shown is what was measured")

    def _provenance(self, bench: str) -> Path:
        """Where a copy of a view's provenance is kept, which no action made."""
        return self.project.state / "provenance" / bench

    def _give_up(self, bench: str, why: str) -> None:
        """Say once that a view is not to be relied on."""
        self._lost.add(bench)
        self._warn(f"{shown(self.project.build / bench)}: {why}; doit bench:{bench} makes it again")


def _sources(actions: Iterable[Action]) -> dict[str, tuple[Action, str]]:
    """Name in the view → the action that made it, and what it is called there."""
    named = {action.stage: action for action in actions}
    return {
        name: (named[stage], output)
        for name, (stage, output) in (*_OTHERWISE.items(), *_OUTPUTS.items())
        if stage in named and output in named[stage].outputs
    }


def _artifacts(actions: Iterable[Action], session: Session) -> dict[str, str]:
    """Name in the view → digest, for what these actions made."""
    named = {action.stage: action for action in actions}
    found = {name: session.output_digest(action, output) for name, (action, output) in _sources(actions).items()}
    # a model that was tidy is there already
    if found.get("tidied.tflite") == found.get("layer.tflite", found.get("model.tflite")):
        found = {name: digest for name, digest in found.items() if name not in ("tidied.tflite", "tidy.json")}
    if "run" in named and (record := session.records.get(named["run"].id)) is not None:
        found[_LOG] = record.log
    return found


def _spell(document: Mapping[str, Any]) -> bytes:
    return safe_text.json_text(document, indent=2).encode()
