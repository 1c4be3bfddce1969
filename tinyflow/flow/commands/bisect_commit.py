"""`doit bisect-commit`: the commit that changed a number of a bench. Runs the bench at as few commits as git needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.flow.bisection.measure import Measuring
from tinyflow.flow.bisection.repository import Repository
from tinyflow.flow.bisection.search import BAD, GOOD, SKIP, search
from tinyflow.flow.commands.command import OwnCommand, option, run_options
from tinyflow.flow.session.signals import stoppable
from tinyflow.recipes.fields import Limit
from tinyflow.report.compare import allowed
from tinyflow.report.frame import frame_of
from tinyflow.report.history import short
from tinyflow.report.metrics import SHORT_NAMES
from tinyflow.report.tables import spell

_MOST_FILES = 20
_LONGEST = 60  # letters of a subject, in a line with what was measured
_AMBIGUOUS = 1  # exit status where several commits may be it

Value = float | str
Judge = Callable[[Value], bool]  # whether it is as bad as the bad one


class BisectCommit(OwnCommand):
    """Asks git which commit is next, and tells it what the bench gives there."""

    name = "bisect-commit"
    doc_purpose = "the commit that changed a number of a bench"
    doc_usage = "BENCH --good REV [--bad REV]"
    doc_description = """\
The bench runs at commits between the two, each with its own recipes (in a checkout of tinyflow with its own code, too),
in a worktree of git's that is gone afterwards; what is known of a commit is kept. Without --bad what is checked out is
the bad one, with edits that are not committed. A commit at which the bench gives no number is skipped.
Bad is what lies nearer to the bad one's number, or, with --threshold, what is further than that from the good one's.
Exit status 1 where commits had to be skipped and several may be the one.
Example: doit bisect-commit vww-tinyc-stm32f7 --good HEAD~20
Example: doit bisect-commit vww-tinyc-stm32f7 --good v1.0 --bad HEAD --metric ram --threshold 1KiB"""
    cmd_options = (
        option("good", "a commit at which it was as it should be", short="g"),
        option("bad", "one at which it no longer was [default: what is checked out]"),
        option(
            "metric",
            "instructions, ram, rom, exact, status or any column of results [default: %(default)s]",
            "instructions",
            short="m",
        ),
        option("threshold", "how much worse is bad: 0, 1KiB, 0.5%% [default: half of the difference]"),
        *(each for each in run_options() if each["name"] == "num_process"),
    )

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print the commit."""
        self.require(args, "bisect-commit of what?", "bisect-commit vww-tinyc-stm32f7 --good HEAD~20")
        if len(args) != 1:
            raise UsageError("one bench at a time", hint=f"`{self.bin_name} bisect-commit {args[0]} --good …`")
        if not params["good"]:
            raise UsageError("bisect-commit needs a good commit", hint="for example --good HEAD~20")
        metric = frame_of([]).with_metrics().column(SHORT_NAMES.get(params["metric"], params["metric"]))
        threshold = _threshold(params["threshold"])
        loader = self.loader
        bench = loader.selector.bench(args[0].removeprefix("bench:"))
        project = loader.project
        repository = Repository(project.root)
        good = repository.commit(params["good"])
        bad = (
            repository.commit(params["bad"]) if params["bad"] else repository.uncommitted() or repository.commit("HEAD")
        )
        options = ["-n", str(params["num_process"])]
        options += [] if loader.timeout_s is None else ["--timeout", f"{loader.timeout_s:g}s"]
        measuring = Measuring(repository, bench, project.state / "revisions", project.cache, options)
        among = repository.count(good, bad, measuring.within)
        if not among:
            what = f"no commit lies between {params['good']} and the bad one"
            raise UsageError(what, hint="--good names a commit that came before, and its files are others")
        with stoppable(), repository.worktree(bad) as worktree:
            asked = _Asked(repository, measuring, worktree, metric)
            before, after = (asked.end(commit) for commit in (good, bad))
            is_bad = _judge(before, after, threshold)
            if not is_bad(after):
                what = f"the good commit is as bad as the other one: {metric} {spell(before)} and {spell(after)}"
                also = "" if before == after else ", or a lower --threshold"
                raise UsageError(what, hint=f"take one further back{also}")

            def judge(commit: str) -> str:
                return asked.say(commit, is_bad)

            found = search(worktree, good, bad, measuring.within, judge)
            for line in _answer(repository, asked, found, str(bench)):
                print(line)
            print(f"{asked.counts}, of {among} commits")
        return 0 if len(found) == 1 else _AMBIGUOUS


class _Asked:
    """Commits that were asked for, each told in a line."""

    def __init__(self, repository: Repository, measuring: Measuring, worktree: Path, metric: str) -> None:
        self._repository = repository
        self._measuring = measuring
        self._worktree = worktree
        self.metric = metric
        self.values: dict[str, Value | None] = {}

    def value(self, commit: str) -> tuple[Value | None, str]:
        """What the bench gives there, else why it gives nothing."""
        given = self._measuring.at(commit, self._worktree)
        value = self.values[commit] = given.row.get(self.metric)
        why = given.skipped or given.row.get("reason") or f"it has no {self.metric}"
        return value, "" if value is not None else str(why)

    def end(self, commit: str) -> Value:
        """The same of one that was named. UsageError where it gives nothing."""
        self._begin(commit)
        value, why = self.value(commit)
        print("-" if value is None else spell(value))
        if value is None:
            raise UsageError(f"{short(commit)} gives no {self.metric}: {why}", hint="name another commit")
        return value

    def say(self, commit: str, is_bad: Judge) -> str:
        """What git is to be told of a commit."""
        self._begin(commit)
        value, why = self.value(commit)
        if value is None:
            print(f"skipped: {why}")
            return SKIP
        verdict = BAD if is_bad(value) else GOOD
        print(f"{spell(value)} {verdict}")
        return verdict

    def _begin(self, commit: str) -> None:
        subject = self._repository.subject(commit)
        subject = subject if len(subject) <= _LONGEST else f"{subject[: _LONGEST - 1]}…"
        print(f"  {short(commit)} {subject}: ", end="", flush=True)

    @property
    def counts(self) -> str:
        """How many commits it took."""
        runs, skipped = self._measuring.runs, sum(value is None for value in self.values.values())
        return f"{runs} run, {len(self.values) - runs} known" + (f", {skipped} skipped" if skipped else "")


def _answer(repository: Repository, asked: _Asked, found: list[str], bench: str) -> Iterator[str]:
    """What is found, for people."""
    if len(found) > 1:
        yield f"{bench}: {asked.metric} changed in one of {len(found)} commits; those between were skipped"
        for commit in found:
            yield f"  {short(commit)} {repository.subject(commit)}"
    for commit in found if len(found) == 1 else ():
        parent = repository.parent(commit)
        before, _ = asked.value(parent) if parent else (None, "")
        after, _ = asked.value(commit)
        yield f"{bench}: {asked.metric} {_change(before, after)}"
        yield f"{commit} {repository.subject(commit)}"
        files = repository.changed(parent, commit) if parent else []
        yield from (f"  {file}" for file in files[:_MOST_FILES])
        if len(files) > _MOST_FILES:
            yield f"  and {len(files) - _MOST_FILES} more files"


def _change(before: Value | None, after: Value | None) -> str:
    """`1,259 -> 2,300 (+82.7 %)`."""
    told = " -> ".join("-" if value is None else spell(value) for value in (before, after))
    if isinstance(before, str) or isinstance(after, str) or not before or after is None:
        return told
    return f"{told} ({(after / before - 1) * 100:+.3g} %)"


def _threshold(text: str) -> str:
    try:
        return Limit().validate(text) if text else ""
    except ValueError as error:
        raise UsageError(f"--threshold: {error}", hint="for example --threshold 0.5%") from error


def _judge(before: Value, after: Value, threshold: str) -> Judge:
    """What is bad, between a good value and a bad one: texts are where they differ."""
    if isinstance(before, str) or isinstance(after, str):
        return lambda value: value != before
    sign = 1 if after > before else -1
    least = allowed(threshold, abs(before)) if threshold else abs(after - before) / 2

    def is_bad(value: Value) -> bool:
        return not isinstance(value, str) and (value - before) * sign > least

    return is_bad
