"""`export:<bench|suite>`: what was built becomes an archive, the same bytes on any machine that builds the same.

So it holds no time that was measured, and speaks of no mirror: benches are planned once more without those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tinyflow
from tinyflow.archive import contents
from tinyflow.archive.contents import ArchivedAction
from tinyflow.core.action import Action, Input, Output, SourceFile, in_order
from tinyflow.core.errors import CacheError
from tinyflow.core.execute import Session
from tinyflow.core.units import format_size
from tinyflow.flow.archives.rebuild import VOLATILE
from tinyflow.flow.archives.sources import sources_of
from tinyflow.flow.atomic_files import write_if_changed
from tinyflow.flow.messages import shown
from tinyflow.flow.planning.plan import BenchPlan, Planner
from tinyflow.flow.planning.selection import Selection
from tinyflow.flow.project import Project
from tinyflow.flow.session.ledger import Ledger
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.mirrors import Mirrors
from tinyflow.recipes.schema import Suite

# What stands for measured times: a row made from it has none.
NO_TIMES = b"{}\n"


@dataclass(frozen=True)
class Exporter:
    """What writing archives needs."""

    session: Session
    catalogue: Catalogue
    mirrors: Mirrors
    project: Project

    def write(self, selection: Selection, ledger: Ledger) -> Iterator[tuple[Path | None, str]]:
        """Write the archives that were selected; path and a line of each, be it why there is none.

        Raises TinyflowError.
        """
        for name, benches in selection.exports.items():
            undone = [bench for bench in benches if not ledger.is_done(selection.benches[bench].final)]
            if undone:
                yield None, f"export:{name}: no archive, since {undone[0]} has no result"
                continue
            path = self.project.archives / f"{name}{contents.SUFFIX}"
            data = self.pack(name, [selection.benches[bench] for bench in benches])
            archive = contents.parse(data)  # what can't be read is not written
            write_if_changed(path, data)
            size = format_size(len(data))
            yield path, f"archive: {shown(path)} ({size}, {len(archive.files)} files, content {archive.digest})"

    def pack(self, name: str, benches: Sequence[BenchPlan]) -> bytes:
        """The archive of benches that are up to date."""
        # The model is in the store by now, so it is no matter where it came from; and whose mirror it was is private.
        catalogue = self.catalogue.afresh()
        planner = Planner(catalogue, replace(self.mirrors, urls=()), self.session.store)
        plans = [planner.plan_bench(plan.bench) for plan in benches]
        recorded = {action.id: self._record(action) for action in in_order([plan.final for plan in plans]).values()}
        sources = sources_of(plans, catalogue)
        if self.catalogue.has(Suite, name):
            sources[f"recipes/suites/{name}.yaml"] = self.catalogue.path(Suite, name).read_bytes()
        return contents.compose(
            name,
            {plan.name: [recorded[action.id] for action in plan.actions] for plan in plans},
            sources,
            self._blobs(recorded),
            tinyflow.__version__,
        )

    def _record(self, action: Action) -> ArchivedAction:
        """An action with its key and outputs, as if no time had been measured."""
        self.session.execute(action)  # up to date, but for what the second plan names otherwise
        timeless = replace(action, inputs={name: self._without_times(source) for name, source in action.inputs.items()})
        if any(source is not action.inputs[name] for name, source in timeless.inputs.items()):
            self.session.execute(timeless)
        record = self.session.records.get(timeless.id)
        text = self.session.key_text(timeless)
        if record is None or text is None:
            raise CacheError(f"{action.title} was lost while it was exported", hint="run it again")
        outputs = {name: self._no_times if name == VOLATILE else digest for name, digest in record.outputs.items()}
        # What servers said is in no key.
        is_local = bool(action.parameters.get("urls"))
        return ArchivedAction(action.stage, action.title, record.key, text, outputs, is_local)

    def _without_times(self, source: Input) -> Input:
        if isinstance(source, Output) and source.name == VOLATILE:
            return SourceFile(self.session.store.blob_path(self._no_times), VOLATILE)
        return source

    @property
    def _no_times(self) -> str:
        return self.session.store.add_bytes(NO_TIMES)

    def _blobs(self, recorded: Mapping[str, ArchivedAction]) -> dict[str, bytes]:
        """Digest → content of all outputs, trees and what is in them."""
        found: dict[str, bytes] = {}

        def add(name: str) -> bytes:
            if name not in found:
                content = self.session.store.read(name)
                if content is None:
                    raise CacheError(f"{name} was damaged or is gone", hint="run it again: it is made anew")
                found[name] = content
            return found[name]

        for action in recorded.values():
            for _, blob in contents.blobs_of(action.outputs, add):
                add(blob)
        return found
