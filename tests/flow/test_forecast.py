"""An estimate is made from what is on record, scaled by how fast it goes this time, or not at all."""

from __future__ import annotations

import pytest

from tinyflow.core.action import Action
from tinyflow.flow.session.forecast import Duration, Forecast


def action(name: str) -> Action:
    """One of many."""
    return Action("run", f"run {name}", "m:f", ("out",), parameters={"name": name})


ACTIONS = [action(f"net{index}") for index in range(10)]
KNOWN = [(each.id, "run", "", 4.0) for each in ACTIONS]


def forecast(past: list[Duration], done: int) -> Forecast:
    """After so many of ten actions."""
    made = Forecast(ACTIONS, past)
    for each in ACTIONS[:done]:
        made.end(each)
    return made


def test_the_rest_takes_as_long_as_before_at_this_session_s_pace() -> None:
    """Half of the recorded work took 10 s, so the other half will; twice as slow a machine doubles it."""
    assert forecast(KNOWN, 5).seconds_left(10.0, {}) == pytest.approx(10.0)
    assert forecast(KNOWN, 5).seconds_left(20.0, {}) == pytest.approx(20.0)
    assert forecast(KNOWN, 10).seconds_left(10.0, {}) is None


def test_what_runs_counts_by_its_age_but_never_for_more_than_it_takes() -> None:
    """An action that hangs does not make the rest look shorter."""
    half_done = forecast(KNOWN, 4).seconds_left(10.0, {ACTIONS[4].id: 2.0})
    assert half_done == pytest.approx(10.0 * 22 / 18)
    hanging = forecast(KNOWN, 4).seconds_left(10.0, {ACTIONS[4].id: 500.0})
    assert hanging == pytest.approx(10.0 * 20 / 20)


def test_nothing_is_told_where_little_is_known() -> None:
    """Too early, too little done, or too much that never ran here."""
    assert forecast(KNOWN, 5).seconds_left(1.0, {}) is None
    assert forecast(KNOWN, 0).seconds_left(10.0, {}) is None
    assert forecast(KNOWN[:7], 2).seconds_left(10.0, {}) is None
    assert forecast([], 5).seconds_left(10.0, {}) is None


def test_a_changed_action_is_expected_to_take_what_it_took() -> None:
    """Its id is new, its stage and title are not."""
    past = [(f"earlier {each.id}", "run", each.title, 4.0) for each in ACTIONS]
    assert forecast(past, 5).seconds_left(10.0, {}) == pytest.approx(10.0)
