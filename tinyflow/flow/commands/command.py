"""What all commands share: a refusal is one line of what and one of what to do instead, and an exit status."""

from __future__ import annotations

import contextlib
import getopt
import os
import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from doit.cmd_base import Command, DoitCmdBase
from doit.cmdparse import CmdOption, CmdParse, CmdParseError
from doit.exceptions import InvalidCommand, InvalidDodoFile, InvalidTask

from tinyflow.core import safe_text
from tinyflow.core.errors import UsageError, refusal_of
from tinyflow.core.units import parse_time
from tinyflow.flow.early import CANCELLED, begin
from tinyflow.flow.loader import Loader
from tinyflow.flow.messages import error_lines
from tinyflow.flow.planning.firmware import EXAMPLES, FORMS
from tinyflow.flow.session.ledger import exit_status
from tinyflow.flow.session.null_database import MemoryDB
from tinyflow.flow.streams import as_plain, plain_output

HELP = frozenset({"-h", "--help"})
_LEVELS = "0: only errors and tables, 1: what was done, 2: all that is known of errors"
_PIPE_CLOSED = 141  # 128 + SIGPIPE, what other programs end with


class Refusing:
    """Mixed into doit's commands, before them; doit itself would print a traceback and end with 3."""

    bin_name: str
    name: str
    renamed: ClassVar[Mapping[str, str]] = {}  # options of earlier versions → what they are called now
    # doit's options about its database, which we do without: known to doit, but not to the command line.
    base_options = tuple({**option, "section": "", "short": "", "long": ""} for option in DoitCmdBase.base_options)

    def get_backends(self) -> dict[str, type[MemoryDB]]:
        """Ours alone. doit would look for more in every installed package, as long as an empty run takes otherwise."""
        return {"memory": MemoryDB}

    def get_reporters(self) -> dict[str, type]:
        """None that could be chosen, for the same reason; `Run` brings its own."""
        return {}

    @plain_output()
    def parse_execute(self, in_args: list[str]) -> int:
        """Run the command; its exit status."""
        try:
            begin()
            for word in in_args:
                if not safe_text.is_encodable(word):
                    hint = "rename it: names become texts in reports and keys"
                    raise UsageError(f'"{word}" is not UTF-8', hint=hint)
            return self.parse_words(in_args)
        except CmdParseError as error:
            what = str(error).partition(" (parsing options")[0].removeprefix("Error parsing Command: ")
            return refuse(self._wrong_use(" ".join(what.split())))
        except (InvalidCommand, InvalidTask, InvalidDodoFile) as error:
            return refuse(UsageError(str(error).partition("\n")[0]))
        except KeyboardInterrupt:
            return CANCELLED
        except BrokenPipeError:  # `doit list | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _PIPE_CLOSED
        except Exception as error:  # a refusal, or a bug of ours, which doit would end with 3, a missing tool
            return refuse(refusal_of(error) or error)

    def parse_words(self, words: list[str]) -> int:
        """Run the command, or tell about it; its exit status. Raises what refuses it."""
        if HELP & {*words}:
            return self.tell_help(words)
        status: Any = super().parse_execute(self._options_first(words))  # type: ignore[misc]
        return int(status or 0)

    def tell_help(self, words: list[str]) -> int:
        """Print what `help` says of this command."""
        del words
        print(self.help())  # type: ignore[attr-defined]
        return 0

    def _options_first(self, words: list[str]) -> list[str]:
        """Options may be behind names, too; doit would take them for options of a task, or for names.

        Those of `run` are understood by every command, as far as they mean something to it.
        """
        options, names = self.split(words)
        own: Any = self.cmdparser  # type: ignore[attr-defined]
        shared = [option for option in options if own.get_option(option[0])[0] is None]
        if shared:
            self.share(shared)
            options = [option for option in options if option not in shared]
        return [*_flat(options), *names]

    def split(self, words: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
        """Options with their values, and the other words. UsageError for an option that there isn't."""
        own: Any = self.cmdparser  # type: ignore[attr-defined]
        short, long = own.get_short(), own.get_long()
        with contextlib.suppress(getopt.GetoptError):
            return getopt.gnu_getopt(words, short, long)
        shared = _shared_options()
        short += "".join(letter for letter in re.findall("[A-Za-z]:?", shared.get_short()) if letter[0] not in short)
        known = {name.rstrip("=") for name in long}
        long = [*long, *(name for name in shared.get_long() if name.rstrip("=") not in known)]
        try:
            return getopt.gnu_getopt(words, short, long)
        except getopt.GetoptError as error:
            raise self._wrong_use(error.msg) from None

    @staticmethod
    def are_shared(options: Iterable[tuple[str, str]]) -> bool:
        """Whether every command understands these."""
        known = _shared_options()
        return all(known.get_option(name)[0] is not None for name, _ in options)

    def share(self, options: Iterable[tuple[str, str]]) -> None:
        """Heed options of `run`: how long an action may take, and where to print. Raises CmdParseError."""
        params, _ = _shared_options().parse(_flat(options))
        loader: Loader = self.loader  # type: ignore[attr-defined]
        if params["timeout"]:
            loader.timeout_s = parse_timeout(params["timeout"])
        loader.cluster_address = params["cluster"] or loader.cluster_address
        if isinstance(params["outfile"], str):
            # Until this command ends.
            sys.stdout = as_plain(Path(params["outfile"]).open("w", encoding="utf-8"))  # noqa: SIM115

    def _wrong_use(self, what: str) -> UsageError:
        now = next((new for old, new in self.renamed.items() if old in what.split()), None)
        hint = f"`{self.bin_name} help {self.name}` tells what can be typed"
        return UsageError(what, hint=hint if now is None else f"it is called {now} now")


class OwnCommand(Refusing, Command):  # type: ignore[misc]  # doit has no types
    """A command that runs no doit tasks, with the session's loader. It has its class's name, unless it says another."""

    def __init__(self, task_loader: Loader, **options: Any) -> None:
        super().__init__(**options)
        self.loader = task_loader

    def require(self, args: list[str], what: str, example: str) -> None:
        """UsageError where nothing is named."""
        if not args:
            raise UsageError(what, hint=f"for example {self.bin_name} {example}")

    def parse_words(self, words: list[str]) -> int:
        """Run the command and close the session, if there is one; its exit status."""
        try:
            return super().parse_words(words)
        finally:
            self.loader.close()


def option(
    long: str,
    text: str,
    default: str | bool | list[str] = "",
    *,
    short: str = "",
    name: str = "",
    choices: Iterable[str] = (),
) -> dict[str, Any]:
    """An option of a command in doit's form; one that is on by default has an inverse, `--no-…`.

    With a list as its default it may be given several times.
    """
    return {
        "name": name or long.replace("-", "_"),
        "long": long,
        "short": short,
        "type": type(default),
        "default": default,
        "help": text,
        **({"inverse": f"no-{long}"} if default is True else {}),
        **({"choices": [(choice, "") for choice in choices]} if choices else {}),
    }


def flag(long: str, text: str, *, short: str = "") -> dict[str, Any]:
    """An option that is off by default and takes no value."""
    return option(long, text, False, short=short)


@cache
def run_options() -> tuple[dict[str, Any], ...]:
    """The options of `run`, which every command understands as far as they mean something to it."""
    from doit.cmd_run import opt_num_process, opt_outfile, opt_parallel_type, opt_verbosity

    return (
        opt_outfile,
        {**opt_num_process, "default": os.cpu_count() or 1, "help": "actions at once [default: %(default)s]"},
        # doit's worker processes hang for ever when one is killed; our actions start processes of their own.
        {
            **opt_parallel_type,
            "default": "thread",
            "choices": [("thread", "the only way")],
            "help": "how they run at once",
        },
        {**opt_verbosity, "default": 1, "help": f"{_LEVELS} [default: %(default)s]"},
        flag("quiet", "the same as -v 0", short="q"),
        flag("plain", "a line per action and nothing that moves, as in a log; NO_COLOR=1 only takes the colours away"),
        option("timeout", "for each action, such as 30s or 5min, instead of what the recipes say"),
        option("for", f"whose build system firmware: packs for: {', '.join(FORMS)} [default: %(default)s]", "c"),
        option("example", f"what it does around the network: {', '.join(EXAMPLES)} [default: %(default)s]", "bare"),
        option("prefix", "what all names of that firmware begin with, instead of the model's name"),
        option("board", "what that build system calls the board, for --build and --flash"),
        flag("build", "build that firmware by its build system's program, which must be on PATH"),
        flag("flash", "and flash it"),
        option(
            "cluster", "where actions run: tcp://host:8786 of a dask scheduler, or local:4 to try [TINYFLOW_CLUSTER]"
        ),
        option("continue", "go on with other benches when one fails [default: %(default)s]", True, short="c"),
    )


def _shared_options() -> CmdParse:
    return CmdParse([CmdOption(option) for option in (*Loader.cmd_options, *run_options())])


def parse_timeout(text: str) -> float:
    """What `--timeout` says, in seconds. UsageError for what is not a time."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise UsageError(f"--timeout: {error}", hint="for example --timeout 5min") from error


def _flat(options: Iterable[tuple[str, str]]) -> list[str]:
    return [word for option in options for word in option if word]


def refuse(error: Exception) -> int:
    """Print an error; the exit status that it asks for."""
    for line in error_lines(error):
        print(line, file=sys.stderr)
    return exit_status([error])
