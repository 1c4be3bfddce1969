"""What two words name that can be compared: files, folders, suites, benches, features, names of parts, revisions.

doit compare mlperf_tiny old/report.json     a suite and a file (or folder) of another time or machine
doit compare vww-tvmaot-stm32f7 vww-tinyc-stm32f7    two benches
doit compare + +dsp                          every bench without a feature and the same bench with it
doit compare tvmaot tvmaotplus               two backends (models, targets): benches that agree in all else
doit compare HEAD~3 HEAD                     two git revisions, from the history kept here
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.flow.project import Project
from tinyflow.flow.publishing.query import measured_at, suite_reports
from tinyflow.flow.publishing.revision import ancestors, resolve_revision
from tinyflow.flow.publishing.views import Views
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.fields import Limit
from tinyflow.recipes.schema import Backend, Model, Suite, Target
from tinyflow.report import history, rows
from tinyflow.report.compare import TIMES, Limits, Measured, Results
from tinyflow.report.documents import Document, read_documents

_PARTS = ("model", "backend", "target")


def find_comparison(old: str, new: str, views: Views, catalogue: Catalogue) -> tuple[Results, Results]:
    """Both sides, paired by the keys of the two. UsageError for words that name nothing, or nothing in common."""
    old, new = bench_name(old), bench_name(new)
    if old.startswith("+") or new.startswith("+"):
        sides = _pairs(*_by_feature(old, new, views))
    elif (part := _common_part(old, new, views)) is not None:
        sides = _pairs(*_by_part(part, old, new, views))
    elif (before := _measured(old, views)) is not None and (after := _measured(new, views)) is not None:
        label = f"{old} -> {new}"
        sides = ({label: before}, {label: after})
    else:
        sides = (find_results(old, views, catalogue), find_results(new, views, catalogue))
    if not set(sides[0]) & set(sides[1]):
        hint = "benches are paired by name; `doit results` lists what has run"
        raise UsageError(f"{old} and {new} have no bench in common", hint=hint)
    return sides


def find_results(word: str, views: Views, catalogue: Catalogue) -> Results:
    """One side that stands for itself: benches by name."""
    path = Path(word)
    views.check(path)
    if path.is_dir() and (side := _from_folder(path)):
        return side
    if path.is_file():
        return read_results(path)
    if catalogue.has(Suite, word):
        return _of_reports(suite_reports(views, catalogue, word), views)
    if (measured := _measured(word, views)) is not None:
        return {word: measured}
    if (commit := resolve_revision(views.project.root, word)) is not None:
        return _at_revision(commit, word, views.project)
    if path.is_dir():
        raise UsageError(f"{path} holds no report.json")
    hint = "name a suite, bench, backend, +feature, report.json, folder or git revision that has results here"
    if _is_bench(word, catalogue):
        hint = f"it has not run here: doit bench:{word}"
    raise UsageError(f'"{word}" names nothing to compare', hint=hint)


def limits_of(catalogue: Catalogue, names: Sequence[str]) -> Limits:
    """The limits of the first suite among these names."""
    for name in names:
        if catalogue.has(Suite, name):
            return catalogue.get(Suite, name).max_regression
    return {}


def parse_limits(text: str) -> Limits:
    """`ram_bytes:0,invoke_instructions:0.5%`, as typed. Raises UsageError."""
    found = {}
    for part in filter(None, text.split(",")):
        name, colon, limit = part.partition(":")
        try:
            found[name.strip()] = Limit().validate(limit.strip())
        except ValueError as error:
            raise UsageError(f'"{part}": {error}', hint="for example ram_bytes:0,invoke_instructions:0.5%") from error
        if not colon:
            raise UsageError(f'"{part}" has no limit', hint="for example ram_bytes:0")
    return found


def bench_name(word: str) -> str:
    """As its folder is called, whatever the order of features and with or without `bench:`; other words as they are."""
    try:
        return parse(word.removeprefix("bench:")).name
    except UsageError:
        return word


def _is_bench(word: str, catalogue: Catalogue) -> bool:
    """Whether it names a bench that could run."""
    try:
        bench = parse(word)
    except UsageError:
        return False
    parts = ((Backend, bench.backend), (Target, bench.target))
    is_model = bench.is_file or catalogue.has(Model, bench.model)
    return is_model and all(catalogue.has(kind, name) for kind, name in parts)


def read_results(path: Path) -> Results:
    """A suite's or bench's `report.json`, or a saved baseline. UsageError for another file."""
    try:
        document = json.loads(path.read_bytes())
        reports = document.get("benches", [document])
        samples = document.get("samples", {})
        return {
            report["bench"]: Measured(
                _checked(report), _times(samples.get(report["bench"], {})), _commit({**document, **report})
            )
            for report in reports
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path} is not a report", hint="a report.json of a bench or suite, or a baseline") from error


def _checked(report: Document) -> Document:
    """The report, if it has what comparing needs."""
    if report["schema"] != rows.SCHEMA or not all(map(history.is_number, report["metrics"].values())):
        raise ValueError("another schema")
    return {"weights": report["weights"], **report, "status": str(report["status"])}


def _times(found: Mapping[str, Any]) -> dict[str, list[float]]:
    """Repeated times by metric, as far as they are such."""
    lists = {name: found[name] for name in TIMES if isinstance(found.get(name), list)}
    return {name: times for name, times in lists.items() if all(map(history.is_number, times))}


def _commit(document: Document) -> str | None:
    """The commit that a baseline says."""
    commit = document.get("commit")
    return commit + ("+" if document.get("is_dirty") else "") if isinstance(commit, str) else None


def _from_folder(folder: Path) -> Results:
    """The reports of a folder of any time or machine; none where it has none."""
    if (folder / "report.json").is_file():
        return read_results(folder / "report.json")
    side: dict[str, Measured] = {}
    for path in sorted(folder.glob("*/report.json")):
        (measured,) = read_results(path).values()
        documents = read_documents(path.parent)
        timing = (documents and documents.timing) or {}
        side[path.parent.name] = replace(measured, samples=_times(timing))
    return side


def _measured(bench: str, views: Views) -> Measured | None:
    """What a bench's view says, with its repeated times and the commit that it was measured at; None without one."""
    documents = views.documents(bench) if "-" in bench and "/" not in bench else None
    if documents is None:
        return None
    return Measured(documents.report, _times(documents.timing or {}), measured_at(documents.report, views.project))


def _of_reports(
    reports: Iterable[Document], views: Views, key: Callable[[Document], str] = lambda report: str(report["bench"])
) -> Results:
    found = ((key(report), _measured(report["bench"], views)) for report in reports)
    return {name: measured for name, measured in found if measured is not None}


def _pairs(old: Results, new: Results) -> tuple[Results, Results]:
    """Both sides without the benches that have no counterpart: nobody said that they should have one."""
    both = [name for name in old if name in new]
    return {name: old[name] for name in both}, {name: new[name] for name in both}


def _by_feature(old: str, new: str, views: Views) -> tuple[Results, Results]:
    """Benches that have a feature each, paired by the rest of their names; `+` alone: those that have neither."""
    named = [_feature(word) for word in (old, new)]
    both = {name for name, _ in filter(None, named)}
    sides = []
    for chosen in named:
        reports = [report for report in views.reports(views.all()) if _has(report, chosen, both)]
        sides.append(_of_reports(reports, views, lambda report: _without(report, both)))
    return sides[0], sides[1]


def _feature(word: str) -> tuple[str, Any] | None:
    if not word.startswith("+"):
        raise UsageError(
            f'"{word}" is not a feature', hint="a feature is written +dsp or +opt.O2; + alone means without it"
        )
    name, _, value = word[1:].partition(".")
    return (name, value or True) if name else None


def _has(report: Document, chosen: tuple[str, Any] | None, both: set[str]) -> bool:
    if chosen is None:
        return both.isdisjoint(report["features"])
    return bool(report["features"].get(chosen[0]) == chosen[1])


def _without(report: Document, left_out: set[str]) -> str:
    kept = [
        name if value is True else f"{name}.{value}"
        for name, value in report["features"].items()
        if name not in left_out
    ]
    return "+".join([f"{report['model']}-{report['backend']}-{report['target']}", *kept])


def _common_part(old: str, new: str, views: Views) -> str | None:
    """The part of a bench's name that both words name, if there is one."""
    reports = views.reports(views.all())
    for part in _PARTS:
        if {old, new} <= {report[part] for report in reports}:
            return part
    return None


def _by_part(part: str, old: str, new: str, views: Views) -> tuple[Results, Results]:
    def key(report: Document) -> str:
        return _without({**report, part: "*"}, set())

    reports = views.reports(views.all())
    sides = [_of_reports((r for r in reports if r[part] == word), views, key) for word in (old, new)]
    return sides[0], sides[1]


def _at_revision(commit: str, word: str, project: Project) -> Results:
    """What was measured at just this commit with no file changed; what others measured is only pointed at."""
    before: frozenset[str] | None = None
    side = {}
    for bench, records in history.read_all(project.history).items():
        record = history.at_commit(records, commit)
        if record is None:
            before = before if before is not None else ancestors(project.root, commit)
            side[bench] = Measured({"status": _not_measured(records, commit, before)}, is_missing=True)
        else:
            side[bench] = Measured(record.as_report(bench), commit=record.place)
    if all(bench.is_missing for bench in side.values()):
        told = next((f"; {bench.report['status']}" for bench in side.values()), "")
        raise UsageError(
            f"no result of revision {word} is on record: {history.short(commit)}{told}",
            hint="results are recorded when benches run with that revision checked out and no file changed",
        )
    return side


def _not_measured(records: Sequence[history.Record], commit: str, before: frozenset[str]) -> str:
    """That a bench was not measured at a commit, and what is known besides."""
    if any(record.commit == commit for record in records):
        return "not measured (but with changed files)"
    last = next((record.place for record in reversed(records) if record.commit in before), None)
    return "not measured" + (f" (before it at {history.short(last)})" if last else "")
