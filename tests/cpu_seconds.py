"""CPU seconds of tests, told at the end of each run: what a change adds is seen, on a busy machine as well."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest

# Of the tests that aren't slow, on two cores and with nothing kept: within a minute.
BUDGET_S = 105


def spent_s(*, with_children: bool = True) -> float:
    """Of this process, and of those that it waited for."""
    return sum(os.times()[: 4 if with_children else 2])


class CpuSeconds:
    """A plugin: in a worker it counts, where workers are it adds up."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.of_workers: Counter[str] = Counter()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Fixtures count with the first test that asks for them."""
        before = spent_s()
        try:
            return (yield)
        finally:
            kind = "slow" if item.get_closest_marker("slow") else item.path.relative_to(item.config.rootpath).parts[1]
            self.seconds[kind] += spent_s() - before  # type: ignore[assignment]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """What is left is starting and collecting; workers are children that tell themselves."""
        others = spent_s(with_children=not self.of_workers) - self.seconds.total()
        self.seconds["starting"] += others  # type: ignore[assignment]
        self.seconds.update(self.of_workers)
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["cpu_seconds"] = dict(self.seconds)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """One that was killed tells nothing."""
        self.of_workers.update(getattr(node, "workeroutput", {}).get("cpu_seconds", {}))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line."""
        quick = Counter({name: seconds for name, seconds in self.seconds.items() if name != "slow"})
        parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in quick.most_common())
        slow = f"; slow tests {self.seconds['slow']:.0f}" if self.seconds["slow"] else ""
        terminalreporter.write_line(
            f"CPU seconds of the quick set: {quick.total():.0f}, of {BUDGET_S} for all of it ({parts}){slow}"
        )
