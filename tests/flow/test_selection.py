"""Words to benches: spelled in any way, planned only where asked for, refused with what to type instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flow_support import Run
from synthetic_benches import synthetic_loader

from tinyflow.core.errors import TinyflowError, UsageError
from tinyflow.flow.loader import Loader
from tinyflow.flow.planning.plan import task_name
from tinyflow.recipes.schema import Model


@pytest.fixture
def loader(project: Path) -> Loader:
    """A loader over the three suites."""
    return synthetic_loader()


def test_only_what_is_selected_is_planned(loader: Loader) -> None:
    """One bench costs the planning of one bench, however many the suites have."""
    loader.selector.select(["bench:net-good-chip"])
    assert loader.planner.planned == ["net-good-chip"]


def test_a_bench_of_no_suite_can_be_selected(loader: Loader) -> None:
    """Suites list benches for convenience only."""
    assert list(loader.selector.select(["bench:other-good-board"]).benches) == ["other-good-board"]


def test_features_in_any_order_name_one_task(loader: Loader) -> None:
    """The canonical spelling is what doit gets, once."""
    selection = loader.selector.select(["bench:net-good-chip+tuned+dsp", "bench:net-good-chip+dsp+tuned"])
    assert list(selection.tasks) == ["bench:net-good-chip+dsp+tuned"]


def test_patterns_match_known_benches(loader: Loader) -> None:
    """A pattern selects members of suites, each once though two suites have it."""
    assert list(loader.selector.select(["bench:net-good-*"]).benches) == ["net-good-chip", "net-good-host"]


def test_a_suite_selects_its_benches_in_its_order(loader: Loader) -> None:
    """The order of rows in a report is the recipe's."""
    selection = loader.selector.select(["suite:good"])
    assert selection.suites == {"good": ["net-good-chip", "net-good-host", "tiny-good-chip"]}
    assert list(selection.tasks) == ["suite:good"]


def test_a_report_plans_nothing(loader: Loader) -> None:
    """`report:` only shows what is known."""
    selection = loader.selector.select(["report:good"])
    assert selection.reports == {"good": ["net-good-chip", "net-good-host", "tiny-good-chip"]}
    assert loader.planner.planned == []


def test_an_action_can_be_selected_by_its_short_id(loader: Loader) -> None:
    """With what it waits for, and nothing behind it."""
    bench = loader.selector.select(["bench:net-good-chip"]).benches["net-good-chip"]
    link = bench.actions[3]
    selection = loader.selector.select([task_name(link)])
    assert [action.stage for action in selection.all_actions.values()] == ["fetch", "generate", "link"]


def test_shared_actions_come_once(loader: Loader) -> None:
    """Two benches with one model share its fetch, and each action is after those that it waits for."""
    actions = list(loader.selector.select(["suite:good"]).all_actions.values())
    assert [action.title for action in actions].count("fetch net") == 1
    seen: set[str] = set()
    for action in actions:
        assert {before.id for before in action.dependencies} <= seen
        seen.add(action.id)


@pytest.mark.parametrize(
    ("word", "what", "hint"),
    [
        ("bench:nothing*", 'no bench matches "nothing*"', "`doit list`"),
        ("suite:goof", 'unknown suite "goof"', 'did you mean "good"?'),
        ("report:goof", 'unknown suite "goof"', 'did you mean "good"?'),
        ("export:goof", 'unknown suite "goof"', 'did you mean "good"?'),
        ("export:net-goof", "not the name of a bench", "model-backend-target"),
        ("bench:net-good", "not the name of a bench", "model-backend-target"),
        ("bnech:net-good-chip", "neither a command nor a task", 'did you mean "bench"?'),
        ("net-good-chip", "neither a command nor a task", "type bench:net-good-chip"),
        ("good", "neither a command nor a task", "type suite:good"),
        ("pln", "neither a command nor a task", 'did you mean "plan"?'),
        ("link:abcdef12", "no action of a known bench", "doit plan"),
        ("lnik:abcdef12", "no action of a known bench", 'did you mean "link"?'),
        ("suite:deadbeef", 'unknown suite "deadbeef"', "good, memory, mixed"),
        ("bench:deadbeef", "not the name of a bench", "model-backend-target"),
    ],
)
def test_refusals_say_what_to_type(loader: Loader, word: str, what: str, hint: str) -> None:
    """Every word that names nothing is wrong use, with a way on."""
    with pytest.raises(TinyflowError) as caught:
        loader.selector.select([word])
    assert isinstance(caught.value, UsageError)
    assert what in caught.value.what
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "word",
    [
        "bench:sine-tvmrt-stm32f7",
        "sine-tinyc-stm32f7+shrink+layer.1",
        "bench:sine-tvmaotplus-stm32f7+tune.2",
        "bench:vww-tflm-host",
        "shrink:vww",
        "profile:sine-tinyc-stm32f7",
        "suite:sine",
    ],
)
@pytest.mark.every(7, 3)
def test_whatever_plan_lists_can_be_selected(word: str, real: Run) -> None:
    """Every stage by the name that is printed, of benches that no suite has, too."""
    listed = real("plan", "--all", word).stdout
    first = {name.partition(":")[0]: name for name in reversed(re.findall(r"\b[a-z_]+:[0-9a-f]{12}\b", listed))}
    assert first
    for name in first.values():
        one = real("plan", "--all", name)
        assert (one.returncode, one.stderr) == (0, "")
        assert re.findall(r"\b[a-z_]+:[0-9a-f]{12}\b", one.stdout)[-1] == name


def test_each_group_has_its_members(loader: Loader) -> None:
    """What patterns match, and what a group without a name stands for: benches, suites, models."""
    benches, suites = list(loader.selector.benches), list(loader.selector.suites)
    found = {group: list(loader.selector._known(group)) for group in ("bench", "profile", "layers", "suite", "report")}
    assert found == {"bench": benches, "profile": benches, "layers": benches, "suite": suites, "report": suites}
    assert list(loader.selector._known("export")) == [*suites, *benches]
    for group in ("shrink", "quantise"):
        assert list(loader.selector._known(group)) == list(loader.catalogue.names(Model))
    assert loader.selector._resolve("suite", False) == [("suite", name) for name in suites]
    assert loader.selector._resolve("suite:g*", False) == [("suite", "good")]
    assert loader.selector._resolve("suite:good", False) == [("suite", "good")]
    assert loader.selector._resolve("good", True) == [("suite", "good")]
    assert loader.selector._resolve("a-b-c", True) == [("bench", "a-b-c")]
    for word, is_bare_fine in (("good", False), ("a-b-c", False), ("nothing", True), ("export:", True)):
        with pytest.raises(UsageError):
            loader.selector._resolve(word, is_bare_fine)


def test_a_suite_that_is_wrong_is_told_while_actions_are_looked_for(
    loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words that were remembered and select nothing any more are passed over."""

    def refuse(name: str) -> None:
        raise UsageError(f"{name} is wrong")

    assert list(loader.selector._actions_of("bench:gone")) == list(loader.selector._actions_of("gone:x")) == []
    assert len(list(loader.selector._actions_of("suite:good"))) > 3
    monkeypatch.setattr(loader.planner, "plan_suite", refuse)
    for word in ("suite:good", "good"):
        with pytest.raises(UsageError, match="good is wrong"):
            loader.selector._actions_of(word)
