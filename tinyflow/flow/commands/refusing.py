"""What all commands share: a refusal is one line of what and one of what to do instead, and an exit status."""

from __future__ import annotations

import getopt
import os
import sys
from typing import Any

from doit.cmd_base import Command, DoitCmdBase
from doit.cmdparse import CmdParseError
from doit.exceptions import InvalidCommand, InvalidDodoFile, InvalidTask

from tinyflow.core.errors import TinyflowError, UsageError
from tinyflow.flow.ledger import exit_status
from tinyflow.flow.loader import Loader
from tinyflow.flow.memory import MemoryDB
from tinyflow.flow.messages import error_lines

CANCELLED = 130
_PIPE_CLOSED = 141  # 128 + SIGPIPE, what other programs end with


class Refusing:
    """Mixed into doit's commands, before them; doit itself would print a traceback and end with 3."""

    bin_name: str
    name: str
    # doit's options about its database, which we do without: known to doit, but not to the command line.
    base_options = tuple({**option, "section": "", "short": "", "long": ""} for option in DoitCmdBase.base_options)

    def get_backends(self) -> dict[str, type[MemoryDB]]:
        """Ours alone. doit would look for more in every installed package, as long as an empty run takes otherwise."""
        return {"memory": MemoryDB}

    def get_reporters(self) -> dict[str, type]:
        """None that could be chosen, for the same reason; `Run` brings its own."""
        return {}

    def parse_execute(self, in_args: list[str]) -> int:
        """Run the command; its exit status."""
        try:
            status: Any = super().parse_execute(self._options_first(in_args))  # type: ignore[misc]
            return int(status or 0)
        except CmdParseError as error:
            what = str(error).partition(" (parsing options")[0].removeprefix("Error parsing Command: ").strip()
            return refuse(self._wrong_use(what))
        except (InvalidCommand, InvalidTask, InvalidDodoFile) as error:
            return refuse(UsageError(str(error).partition("\n")[0]))
        except TinyflowError as error:
            return refuse(error)
        except KeyboardInterrupt:
            return CANCELLED
        except BrokenPipeError:  # `doit list | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _PIPE_CLOSED
        except Exception as error:  # a bug of ours, which doit would end with 3, a missing tool
            return refuse(error)

    def _options_first(self, words: list[str]) -> list[str]:
        """Options may stand behind names, too; doit would take them for options of a task, or for names."""
        parser: Any = self.cmdparser  # type: ignore[attr-defined]
        try:
            options, names = getopt.gnu_getopt(words, parser.get_short(), parser.get_long())
        except getopt.GetoptError as error:
            raise self._wrong_use(error.msg) from None
        return [word for option in options for word in option if word] + names

    def _wrong_use(self, what: str) -> UsageError:
        return UsageError(what, hint=f"`{self.bin_name} help {self.name}` tells what can be typed")


class OwnCommand(Refusing, Command):  # type: ignore[misc]  # doit has no types
    """A command that runs no doit tasks, with the session's loader."""

    def __init__(self, task_loader: Loader, **options: Any) -> None:
        super().__init__(**options)
        self.loader = task_loader


def refuse(error: Exception) -> int:
    """Print an error; the exit status that it asks for."""
    for line in error_lines(error):
        print(line, file=sys.stderr)
    return exit_status([error])
