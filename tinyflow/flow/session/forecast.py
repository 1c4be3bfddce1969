"""How long a session will still take, from what its actions took before. Says nothing where it can't be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tinyflow.core.action import Action

# Of the work that is left, so much must have been done before; and of all the work so much must be done now, since
# that tells how fast it goes this time: how much is a hit, how much runs at once, how busy the machine is.
_LEAST_KNOWN = 0.8
_LEAST_DONE = 0.1
_LEAST_ELAPSED_S = 2.0


Duration = tuple[str, str, str, float]  # id, stage, title and seconds of an action when it was built


class Forecast:
    """Of one session. Not safe to use from several threads at once."""

    def __init__(self, actions: Iterable[Action], durations: Iterable[Duration]) -> None:
        """All that may run, and what is on record, the latest last."""
        durations = list(durations)
        by_id = {name: seconds for name, _, _, seconds in durations}
        by_title = {(stage, title): seconds for _, stage, title, seconds in durations}
        # By title where only a parameter changed since; None where it never ran here.
        self._left = {each.id: by_id.get(each.id, by_title.get((each.stage, each.title))) for each in actions}
        self._done_s = 0.0

    def end(self, action: Action) -> None:
        """An action needs no more time, whatever became of it."""
        self._done_s += self._left.pop(action.id, None) or 0.0

    def seconds_left(self, elapsed_s: float, running_s: Mapping[str, float]) -> float | None:
        """Seconds until all is done, after `elapsed_s` of work; `running_s`: id of each running action → its age.

        None where too much of what is left is new, or too little is done.
        """
        known = {name: seconds for name, seconds in self._left.items() if seconds is not None}
        if elapsed_s < _LEAST_ELAPSED_S or not known or len(known) < _LEAST_KNOWN * len(self._left):
            return None
        begun_s = sum(min(age, known.get(name, 0.0)) for name, age in running_s.items())
        left_s, done_s = sum(known.values()) - begun_s, self._done_s + begun_s
        if done_s < _LEAST_DONE * (done_s + left_s):
            return None
        return elapsed_s * left_s / done_s
