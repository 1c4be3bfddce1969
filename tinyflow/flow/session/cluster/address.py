"""What `--cluster` and `TINYFLOW_CLUSTER` say, understood without dask."""

from __future__ import annotations

import re
from typing import NamedTuple

from tinyflow.core.errors import UsageError

VARIABLE = "TINYFLOW_CLUSTER"
_SCHEDULER = re.compile(r"(?:tcp|tls|ws|wss)://(?:\[[0-9a-fA-F:.]+\]|[^\s/:\[\]]+):(\d+)")
_LOCAL = re.compile(r"local:(\d+)")
_MOST_LOCAL = 256


class ClusterAddress(NamedTuple):
    """A scheduler's address, or how many workers to start on this machine."""

    scheduler: str
    local_workers: int = 0

    def __str__(self) -> str:
        return self.scheduler or f"local:{self.local_workers}"


def parse(text: str) -> ClusterAddress:
    """The meaning of an address. UsageError for what is none."""
    scheduler, local = _SCHEDULER.fullmatch(text), _LOCAL.fullmatch(text)
    if local and 1 <= int(local[1]) <= _MOST_LOCAL:
        return ClusterAddress("", int(local[1]))
    if scheduler and 0 < int(scheduler[1]) < 1 << 16:
        return ClusterAddress(text)
    raise UsageError(
        f'"{text}" is not the address of a cluster',
        hint="such as tcp://host:8786, what dask's scheduler prints, or local:4 for four workers on this machine",
    )
