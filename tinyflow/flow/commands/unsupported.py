"""doit's commands that mean nothing here, since our records are no doit database: each says what to do."""

from __future__ import annotations

from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.flow.commands.command import OwnCommand


class _LeftOut(OwnCommand):
    """Refuses, with the way to what was probably wanted."""

    instead: str

    def parse_execute(self, in_args: list[str]) -> int:
        """Refuse whatever follows."""
        del in_args
        return super().parse_execute([])

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Refuse."""
        del params, args
        raise UsageError(f"there is no {self.name} here", hint=self.instead.format(bin=self.bin_name))


class Clean(_LeftOut):
    """doit's `clean`."""

    name = "clean"
    instead = "the folder build/ may be deleted at any time; `{bin} cache gc --keep 1GiB` makes room in the cache"


class Forget(_LeftOut):
    """doit's `forget`."""

    name = "forget"
    instead = "what changed is seen by its content; `{bin} verify BENCH` rebuilds from nothing and compares"


class Ignore(_LeftOut):
    """doit's `ignore`."""

    name = "ignore"
    instead = "`exclude` in a suite's recipe leaves benches out"


class Info(_LeftOut):
    """doit's `info`."""

    name = "info"
    instead = "`{bin} explain BENCH` tells what its actions hang on, `{bin} graph BENCH` draws them"


class DumpDB(_LeftOut):
    """doit's `dumpdb`."""

    name = "dumpdb"
    instead = "`{bin} explain BENCH` tells what is on record"


class ResetDep(_LeftOut):
    """doit's `reset-dep`."""

    name = "reset-dep"
    instead = "`{bin} plan BENCH` tells what would run and why"


class Strace(_LeftOut):
    """doit's `strace`."""

    name = "strace"
    instead = "`{bin} explain BENCH` tells every input of its actions"
