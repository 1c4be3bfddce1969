"""What there is to see of a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SeenWorker:
    """One worker of a cluster, as it was just now."""

    name: str
    address: str
    slots: int
    memory_bytes: int
    memory_limit_bytes: int  # 0: none
    offers: Sequence[str]
    running: Sequence[str]  # titles of actions, of all sessions
    actions: int
    blobs_had: int
    blobs_asked: int
    unfit: str  # why it is not used

    @classmethod
    def of(cls, address: str, scheduler: Mapping[str, Any], told: Mapping[str, Any], unfit: str) -> SeenWorker:
        """Out of what the scheduler knows of it, and what it tells itself."""
        return cls(
            name=str(scheduler["name"]),
            address=address,
            slots=scheduler["nthreads"],
            memory_bytes=scheduler.get("metrics", {}).get("memory", 0),
            memory_limit_bytes=scheduler["memory_limit"] or 0,
            offers=sorted(scheduler.get("resources", ())),
            running=told.get("running", ()),
            actions=told.get("actions", 0),
            blobs_had=told.get("hit", 0),
            blobs_asked=told.get("asked", 0),
            unfit=unfit,
        )
