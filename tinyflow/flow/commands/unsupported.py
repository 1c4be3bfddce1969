"""doit's commands that mean nothing here, since our records are not a doit database: each says what to do."""

from __future__ import annotations

from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.flow.command_list import UNSUPPORTED, class_name
from tinyflow.flow.commands.command import OwnCommand


class _Unsupported(OwnCommand):
    """Refuses, with the way to what was probably wanted."""

    def parse_execute(self, in_args: list[str]) -> int:
        """Refuse whatever follows."""
        del in_args
        return super().parse_execute([])

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Refuse."""
        del params, args
        raise UsageError(f"there is no {self.name} here", hint=UNSUPPORTED[self.name].format(bin=self.bin_name))


# A class for each, since doit finds commands by their class.
globals().update({class_name(name): type(class_name(name), (_Unsupported,), {"name": name}) for name in UNSUPPORTED})
