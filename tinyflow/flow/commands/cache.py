"""`doit cache`: what the cache holds, whether it is whole, what may go, and who made or uses a blob."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tinyflow.core import cache_maintenance
from tinyflow.core.errors import UsageError
from tinyflow.core.states import BUILT, HIT
from tinyflow.core.units import format_seconds, format_size, parse_size
from tinyflow.flow.commands.command import OwnCommand, flag, option
from tinyflow.flow.planning.selection import Selection

_FOUND_FAULTS = 1
_DIGITS_TO_TELL_APART = 4
_DIGITS = 64
_RENAMED = {"why": "it is called `cache uses` now"}


class Cache(OwnCommand):
    """One verb of several; each prints a few lines."""

    doc_purpose = "size and hit rate, verification, eviction, who made a blob"
    doc_usage = "stats | verify | gc --keep SIZE | uses DIGEST"
    doc_description = (
        "stats   size, entries, hit rate and time saved\n"
        "verify  read everything and move aside what is damaged; ends with status 1 where something was\n"
        "gc      make room; safe beside running builds\n"
        "uses    which actions made and use a blob, by its digest or the beginning of it\n"
        "Example: doit cache gc --keep 5GiB --dry-run"
    )
    cmd_options = (
        option("keep", "gc: remove what was used longest ago until the cache is no larger than this, such as 5GiB"),
        flag("dry-run", "gc: only tell what would be removed"),
        flag("force", "gc: remove even what the current suites need"),
    )

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Run the verb."""
        verbs: dict[str, Callable[..., int]]
        verbs = {"stats": self._stats, "verify": self._verify, "gc": self._collect, "uses": self._uses}
        if not args or args[0] not in verbs:
            word = " ".join(args[:1])
            hint = _RENAMED.get(word, f"one of {', '.join(verbs)}")
            raise UsageError(f"cache {word}".strip() + "?", hint=hint)
        if len(args) != (2 if args[0] == "uses" else 1):
            raise UsageError(f"cache {args[0]}: too few or too many words", hint=f"`{self.bin_name} help cache`")
        return verbs[args[0]](params, *args[1:])

    def _stats(self, params: Mapping[str, Any]) -> int:
        del params
        session = self.loader.session
        found = cache_maintenance.contents(session.store)
        print(
            f"{session.store.root}: {format_size(found.size_bytes)}, {found.results} results of actions, "
            f"{found.blobs} blobs"
        )
        counters = session.records.counters()
        built, hits = counters[BUILT], counters[HIT]
        looked_up = built.times + hits.times
        if looked_up:
            print(
                f"this checkout: {hits.times} hits of {looked_up} ({100 * hits.times / looked_up:.0f} %), which saved "
                f"{format_seconds(hits.seconds)}; building the others took {format_seconds(built.seconds)}"
            )
        else:
            print("this checkout has asked it for nothing yet")
        return 0

    def _verify(self, params: Mapping[str, Any]) -> int:
        del params
        found = cache_maintenance.verify(self.loader.session.store)
        damaged = len(found.damaged) + len(found.stuck)
        print(f"{found.checked} files read: {damaged} damaged, {len(found.incomplete)} results incomplete")
        for word, names, why in (
            ("damaged", found.damaged, "moved aside"),
            ("damaged", found.stuck, "can't be moved aside, is not used"),
            ("incomplete", found.incomplete, "names a blob that is gone"),
        ):
            for name in names:
                print(f"  {word:<10}  {name}: {why}, made again when needed")
        return _FOUND_FAULTS if damaged or found.incomplete else 0

    def _collect(self, params: Mapping[str, Any]) -> int:
        try:
            keep_bytes = parse_size(params["keep"])
        except ValueError as error:
            raise UsageError(f"--keep: {error}", hint=f"for example {self.bin_name} cache gc --keep 5GiB") from error
        needed = frozenset() if params["force"] else self._needed()
        store = self.loader.session.store
        removed = cache_maintenance.collect(store, keep_bytes, needed, is_dry_run=params["dry_run"])
        verb = "would remove" if params["dry_run"] else "removed"
        print(
            f"{verb} {removed.results} results and {removed.blobs} blobs, {format_size(removed.freed_bytes)}; "
            f"{format_size(removed.left_bytes)} left"
        )
        if removed.left_bytes > keep_bytes:
            print("  what is left is needed by the current suites (--force removes it), or younger than an hour")
        return 0

    def _needed(self) -> frozenset[str]:
        """Keys of all actions of the current suites, as far as they were ever done in this checkout."""
        selector, records = self.loader.selector, self.loader.session.records
        chosen: Selection = selector.select([f"suite:{name}" for name in selector.suites])
        found = (records.get(action_id) for action_id in chosen.all_actions)
        return frozenset(record.key for record in found if record is not None)

    def _uses(self, params: Mapping[str, Any], digest: str) -> int:
        del params
        digits = digest.removeprefix("sha256:")
        if not re.fullmatch("[0-9a-f]+", digits) or not _DIGITS_TO_TELL_APART <= len(digits) <= _DIGITS:
            what = f'"{digest}" is not a digest, nor the beginning of one'
            raise UsageError(what, hint=f"at least {_DIGITS_TO_TELL_APART} digits, such as sha256:1a2b3c")
        session = self.loader.session
        uses = cache_maintenance.uses(session.store, digits)
        for use in uses:
            title = session.records.title_of(use.key) or f"{use.stage} ({use.key[:19]}, not of this checkout)"
            print(f"{'made' if use.made else 'used'} by {title}, as {use.name}")
        if not uses:
            print("no action in the cache made or uses it")
        return 0 if uses else _FOUND_FAULTS
