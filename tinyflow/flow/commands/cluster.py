"""`doit cluster`: the workers of a cluster, what they run, and how much they had to ask for."""

from __future__ import annotations

import sys
from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.core.units import format_size
from tinyflow.flow.commands.command import OwnCommand
from tinyflow.flow.session.cluster.address import VARIABLE
from tinyflow.flow.session.cluster.seen_worker import SeenWorker
from tinyflow.report.tables import aligned

_TITLES = ("worker", "address", "slots", "memory", "offers", "actions", "blobs had", "asked for", "runs")
_RIGHT = (False, False, True, True, False, True, True, True, False)


class Cluster(OwnCommand):
    """A line for each worker."""

    doc_purpose = "workers of a cluster, what they run, blobs that they had and asked for"
    doc_usage = "[ADDRESS]"
    doc_description = f"""\
ADDRESS is that of dask's scheduler; by default what {VARIABLE} says. docs/cluster.md tells how to set one up.
"slots" is how many actions a worker takes at once, "offers" what only some can do, such as board:nucleo_f767zi.
Example: doit cluster tcp://host:8786"""

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print the table."""
        del params
        if len(args) > 1:
            raise UsageError(f'"{args[1]}": one cluster at a time', hint="doit cluster tcp://host:8786")
        self.loader.cluster_address = args[0] if args else self.loader.cluster_address
        if not self.loader.cluster_address:
            raise UsageError("which cluster?", hint=f"doit cluster tcp://host:8786, or set {VARIABLE}")
        workers = self.loader.cluster.workers()
        rows = [_row(worker) for worker in workers]
        sys.stdout.writelines(f"{line}\n" for line in aligned([_TITLES, *rows], _RIGHT))
        return 0


def _row(worker: SeenWorker) -> tuple[str, ...]:
    limit = f" of {format_size(worker.memory_limit_bytes)}" if worker.memory_limit_bytes else ""
    return (
        *(worker.name, worker.address, str(worker.slots), f"{format_size(worker.memory_bytes)}{limit}"),
        *(", ".join(worker.offers) or "–", str(worker.actions), str(worker.blobs_had), str(worker.blobs_asked)),
        f"not used: {worker.unfit}" if worker.unfit else ", ".join(worker.running) or "–",
    )
