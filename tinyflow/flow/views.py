"""`build/<bench>/`: a readable view of one bench. Copies, for the cache's own files are never lent to anybody.

A view is prepared aside and moved into place whole, so that its `report.json` always speaks of the files beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.action import Action
from tinyflow.core.errors import CacheError
from tinyflow.core.execute import Session
from tinyflow.core.scratch import clear, fresh_file, fresh_folder
from tinyflow.flow.ledger import Ledger
from tinyflow.flow.outcome import provenance_of, report_of
from tinyflow.flow.plan import BenchPlan
from tinyflow.report.documents import read_report

_OUTPUTS = {  # name in the view: stage and output
    "model.tflite": ("fetch", "model.tflite"),
    "model.onnx": ("fetch", "model.onnx"),
    "layer.tflite": ("cut", "model.tflite"),
    "shrunk.tflite": ("shrink", "model.tflite"),
    "shrink.json": ("shrink", "shrink.json"),
    "lowered/": ("lower", "lowered/"),
    "generate/": ("generate", "sources/"),
    "plan.json": ("generate", "plan.json"),
    "firmware.elf": ("link", "firmware.elf"),
    "firmware.map": ("link", "firmware.map"),
    "sizes.json": ("link", "sizes.json"),
    "run.json": ("run", "run.json"),
    "timing.json": ("run", "timing.json"),
}
_LOG = "run.log"
_VIEW, _REPORT = ".view-", ".report-"  # what is not yet in its place
_ATTEMPTS = 100  # another process may write the same view at the same time


def is_current(bench: BenchPlan, session: Session, folder: Path) -> bool:
    """Whether a view shows what is recorded of a bench whose actions are all up to date."""
    report = read_report(folder)
    if report is None or report.get("status") != "ok":
        return False
    artifacts = _artifacts(bench.actions, session)
    row = session.output_digest(bench.final, "row.json")
    return report.get("artifacts") == {**artifacts, "row.json": row} and all(
        (folder / name).exists() for name in artifacts
    )


def publish(bench: BenchPlan, session: Session, ledger: Ledger, folder: Path) -> None:
    """Write the view of a bench as far as it came. Raises CacheError."""
    done = [action for action in bench.actions if ledger.is_done(action)]
    artifacts = _artifacts(done, session)
    named = {action.stage: action for action in done}
    with _writing(folder), _replacing(folder) as fresh:
        for name in artifacts:
            if name == _LOG:
                session.store.copy_blob(artifacts[_LOG], fresh / _LOG)
            else:
                stage, output = _OUTPUTS[name]
                session.copy_output(named[stage], output, fresh / name)
        if ledger.is_done(bench.final):
            artifacts["row.json"] = session.output_digest(bench.final, "row.json")
        _write_json(fresh / "provenance.json", provenance_of(bench, session, ledger))
        _write_json(fresh / "report.json", report_of(bench, session, ledger, artifacts))


def _artifacts(actions: Iterable[Action], session: Session) -> dict[str, str]:
    """Name in the view → digest, for what these actions made."""
    named = {action.stage: action for action in actions}
    found = {
        name: session.output_digest(named[stage], output)
        for name, (stage, output) in _OUTPUTS.items()
        if stage in named and output in named[stage].outputs
    }
    if "run" in named and (record := session.records.get(named["run"].id)) is not None:
        found[_LOG] = record.log
    return found


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Raises CacheError where a place can't be written: no space, no right."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise CacheError(f"can't be written: {error.strerror or error}", where=str(path)) from error


@contextlib.contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A fresh folder that takes `folder`'s place at the end."""
    with fresh_folder(folder.parent, _VIEW) as aside:
        fresh = aside / "new"
        fresh.mkdir()
        yield fresh
        for attempt in range(_ATTEMPTS):
            with contextlib.suppress(FileNotFoundError):
                folder.rename(aside / f"old{attempt}")
            try:
                fresh.rename(folder)
                return
            except OSError as error:
                refusal = error
        raise refusal


def write_if_changed(path: Path, text: str | bytes) -> None:
    """Replace a file whole, unless it says this already. Raises CacheError."""
    content = text.encode() if isinstance(text, str) else text
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return
    with _writing(path):
        clear(path.parent, _REPORT)
        with fresh_file(path.parent, _REPORT) as (descriptor, fresh):
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(content)
            fresh.chmod(0o644)
            fresh.replace(path)


def clear_killed(build: Path) -> None:
    """Remove what runs that were killed while they wrote left below `build/`; nothing of a living one."""
    clear(build, _VIEW)
    for folder in (build, *_folders(build), *_folders(build / "suites")):
        clear(folder, _REPORT)


def _folders(parent: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(parent) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
