"""`doit plan`: what would run and why. Runs nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tinyflow.core.states import UP_TO_DATE, WAITING
from tinyflow.flow.commands.command import OwnCommand, flag
from tinyflow.flow.planning.plan import task_name

_WIDTH = len(WAITING)


class Plan(OwnCommand):
    """Checks every action of a selection against the records and the cache, in the order in which they would run."""

    doc_purpose = "what would run, and why; runs nothing"
    doc_usage = "BENCH|SUITE..."
    doc_description = "Example: doit plan suite:mlperf_tiny"
    cmd_options = (flag("all", f"show what is {UP_TO_DATE}, too", short="a"),)

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print one line per action that is not up to date, then the counts."""
        self.require(args, "plan what?", "plan suite:mlperf_tiny")
        loader = self.loader
        counts: Counter[str] = Counter()
        selection = loader.selector.select(args, is_bare_fine=True)
        loader.remember(args)
        for action in selection.all_actions.values():
            verdict = loader.session.check(action)
            counts[verdict.state] += 1
            if params["all"] or verdict.state != UP_TO_DATE:
                print(f"{verdict.state:<{_WIDTH}}  {task_name(action):<17}  {action.title}")
                for reason in () if verdict.state == WAITING else verdict.reasons:
                    print(f"{'':<{_WIDTH}}  {'':<17}    {reason}")
        print(", ".join(f"{count} {word}" for word, count in sorted(counts.items())))
        return 0
