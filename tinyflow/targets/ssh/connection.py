"""One connection by ssh: what is asked of the other machine's shell, and what it means when that goes wrong.

It never asks for a password, and leaves nothing behind: the program is removed when the shell ends.
"""

from __future__ import annotations

import math
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from tinyflow.core.errors import RunError
from tinyflow.targets.programs import Ended, run

# by instruction set, what `uname -m` says, as patterns of a shell
MACHINES = {"arm": "armv7*|armv8l", "aarch64": "aarch64|arm64", "riscv": "riscv64", "x86_64": "x86_64"}
_SSH_FAILED = 255
_WRONG_MACHINE, _NO_FOLDER, _NO_COPY, _NO_RUNNER = 90, 91, 92, 93
_NOT_EXECUTED = (126, 127)  # a shell's statuses
_SIGNALLED = 128
_CPU_TIME_OVER = -24  # SIGXCPU
_ALIVE_EVERY_S = 5
# what ssh says → what that is, what to do
_REASONS = (
    ("Could not resolve", "isn't found", "is `host` in its recipe right?"),
    ("HOST IDENTIFICATION HAS CHANGED|Host key verification", "isn't known", "connect once by hand: ssh {way}"),
    (
        "Identity file .* not accessible",
        "isn't asked: the key's file isn't there",
        "`options` in its recipe's `ssh` name it",
    ),
    ("Permission denied", "lets nobody in without a password", "copy a key there: ssh-copy-id {way}"),
    ("refused", "has no ssh server at that port", "is it running, and `port` in its recipe right?"),
    ("timed out|No route|unreachable|not responding", "doesn't answer", "is it switched on, in this network?"),
)


def limit_s(words: Mapping[str, Any]) -> float:
    """How long one run may take."""
    return float(words.get("call_s", 60.0))


def run_there(words: Mapping[str, Any], isa: str, program: Path) -> Ended:
    """Copy a program there and run it; `words` are the recipe's `ssh`. Raises RunError where it never ran.

    The status is the program's, negative for a signal, None where it took too long.
    """
    command = " ".join(quote(word) for word in words.get("run") or ["{program}"]).replace("{program}", "'\"$p\"'")
    script = f"""
umask 077
p=$(mktemp {quote(words.get("folder", "/tmp"))}/tinyflow.XXXXXX) || exit {_NO_FOLDER}
trap 'rm -f "$p"' EXIT
trap 'exit 1' HUP INT PIPE TERM
cat >"$p" && [ "$(wc -c <"$p")" -eq {program.stat().st_size} ] && chmod 700 "$p" || exit {_NO_COPY}
echo @tf-runs
ulimit -S -t {math.ceil(limit_s(words))}
{command}
s=$?
echo; echo "@tf-status $s"
"""
    ended, text = _ask(words, isa, script, program, limit_s(words))
    found = re.search(r"^@tf-status (\d+)\s*$", text, re.MULTILINE)
    if found is None:
        if ended.status is None or ended.is_flood:
            return ended
        what = f"the connection to {words['host']} was lost while the program ran"
        raise RunError(what, hint=ended.last_words or "is it switched on, in this network?")
    status = int(found[1])
    if status in _NOT_EXECUTED:
        what = f"{words['host']} doesn't execute the program: {ended.last_words}"
        hint = "is that folder mounted noexec? `folder` in the recipe's `ssh` names another"
        raise RunError(what, hint=f"is `run` in the recipe right? {hint}" if words.get("run") else hint)
    status = status if status <= _SIGNALLED else _SIGNALLED - status
    return Ended(None if status == _CPU_TIME_OVER else status, ended.printed, ended.wall_s)


def look(words: Mapping[str, Any], isa: str) -> str:
    """What the machine says of itself. Raises RunError where it isn't reached, or isn't as the recipe says.

    So where it is another one, has no place for programs, or nothing that runs them.
    """
    folder, runner = quote(words.get("folder", "/tmp")), quote(([*words.get("run", ())] or ["{program}"])[0])
    wanted = "" if "{program}" in runner else f"command -v {runner} || {{ echo no {runner}; exit {_NO_RUNNER}; }} >&2"
    script = f"""
[ -d {folder} ] && [ -w {folder} ] || {{ echo {folder} "can't be written" >&2; exit {_NO_FOLDER}; }}
{wanted}
echo @tf-found
echo "$(uname -srm), $(nproc) processors"
cat /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor 2>/dev/null | sed 's/^/clock governed by /'
cat /proc/sys/kernel/perf_event_paranoid 2>/dev/null | sed 's/^/perf_event_paranoid /'
echo @tf-runs
"""
    text = _ask(words, isa, script, Path(os.devnull), 0)[1]
    told = text.rpartition("@tf-found")[2].splitlines()
    return "; ".join(line for line in told if line and "@tf" not in line)


def _ask(words: Mapping[str, Any], isa: str, script: str, given: Path, more_s: float) -> tuple[Ended, str]:
    """How its shell ended, and what it said. Raises RunError for another machine, and before `@tf-runs`."""
    pattern = words.get("uname") or ("*" if words.get("run") else MACHINES[isa])
    script = f"""
m=$(uname -m); echo "@tf-machine $m"
case $m in {pattern}) ;; *) exit {_WRONG_MACHINE};; esac{script}"""
    connect_s = words.get("connect_s", 10.0)
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": str(math.ceil(connect_s)),
        "LogLevel": "ERROR",
        "ServerAliveInterval": str(_ALIVE_EVERY_S),
    }
    command = ["ssh", "-T", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    command += ["-p", str(words["port"])] if words.get("port") else []
    command += [*words.get("options", ()), "--", words["host"], f"sh -c {quote(script)}"]
    agent = {name: os.environ[name] for name in ("SSH_AUTH_SOCK",) if name in os.environ}
    ended = run(command, {}, Path(tempfile.gettempdir()), 2 * connect_s + more_s, given=given, variables=agent)
    text = ended.printed.decode("utf-8", "replace")
    if "@tf-runs" not in text:
        raise _never_ran(words, ended, text, MACHINES[isa])
    return ended, text


def _never_ran(words: Mapping[str, Any], ended: Ended, text: str, wanted: str) -> RunError:
    host, told = words["host"], ended.last_words
    way = f"-p {words['port']} {host}" if words.get("port") else host
    if ended.status is None:
        return RunError(f"{host} doesn't answer", hint=told or "is it switched on, in this network?")
    if ended.status == _SSH_FAILED:
        for pattern, what, hint in _REASONS:
            if re.search(pattern, text):
                return RunError(f"{host} {what}", hint=f"{hint.format(way=way)} (ssh: {told})")
        return RunError(f"ssh doesn't reach {host}", hint=told or "try it by hand")
    if ended.status == _WRONG_MACHINE:
        machine = re.search("@tf-machine (.*)", text)
        what = f"{host} is {machine[1] if machine else 'another machine'}, not {wanted.replace('|', ' or ')}"
        return RunError(what, hint="is it the machine that the recipe means? With an emulator there: `run` of `ssh`")
    if ended.status == _NO_FOLDER:
        return RunError(f"{host} has no place for the program: {told}", hint="`folder` in the recipe's `ssh` names one")
    if ended.status == _NO_RUNNER:
        return RunError(f"{host} can't run programs: {told}", hint="`run` in the recipe's `ssh` names what is to")
    if ended.status == _NO_COPY:
        what = f"the program can't be copied to {host}: {told or 'not all of it came'}"
        return RunError(what, hint="is there room? `folder` in the recipe's `ssh` names another place")
    return RunError(f"the shell of {host} ended with status {ended.status}", hint=told or "is it a usual shell?")
