"""What a choice among kernels minimises: one description for searches, their records, and backends that choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# by which of equals is decided, where they were measured
_SPEED = ("cycles_estimate", "instructions")


@dataclass(frozen=True)
class Objective:
    """A number that is to be small."""

    name: str
    metric: str
    """Of what was measured of a kernel."""
    others: tuple[str, ...] = ()
    """Objectives by whose tuning records it goes where it has none of its own, best first."""

    def of(self, metrics: Mapping[str, int]) -> tuple[int, ...]:
        """What is compared, the less the better: its own metric, then how fast it is."""
        return tuple(metrics[name] for name in dict.fromkeys((self.metric, *_SPEED)) if name in metrics)

    def is_met(self, record: Mapping[str, Mapping[str, int]]) -> bool:
        """Whether a record's choice, whatever it was searched for, is no worse than the default as far as is known."""
        counts = record.get(self.metric)
        return counts is None or counts["after"] <= counts["before"]


OBJECTIVES: Mapping[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective("cycles", "cycles_estimate", ("instructions",)),
        Objective("instructions", "instructions", ("cycles",)),
        Objective("ram", "scratch_bytes"),
        Objective("flash", "flash_bytes"),
    )
}
