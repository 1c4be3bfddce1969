"""An ssh server of our own, on a port of this machine, for the user who runs the tests; keys choose its moods."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests_support import wait_until

from tinyflow.core.process import with_parent
from tinyflow.targets.programs import free_port

_OBEYS = 'sh -c "$SSH_ORIGINAL_COMMAND"'
# mood → what is done whatever is asked
MOODS = {
    "well": _OBEYS,
    "noisy": f"echo 'Welcome to @tf'; {_OBEYS}; echo bye",
    "full": f"ulimit -f 8; {_OBEYS}",
    "hung": "sleep 60",
    "garbage": "head -c 4096 /dev/urandom",
    "lost": "echo @tf-runs; sleep 0.5; kill -9 $PPID",
    "damaged": f"{_OBEYS} | tr 0 1",
}


class SshServer:
    """It serves until `close`."""

    def __init__(self, folder: Path) -> None:
        """Skips the test where there is no sshd, or it doesn't start."""
        program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None or shutil.which("ssh") is None:
            pytest.skip("sshd or ssh is not installed")
        self._folder = folder
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        for name in ("host", "nobody", *MOODS):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        (folder / "authorized").write_text("".join(self._allowed(*mood) for mood in MOODS.items()))
        self.port = int(free_port())
        (folder / "known").write_text(f"[127.0.0.1]:{self.port} {(folder / 'host.pub').read_text()}")
        (folder / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nPasswordAuthentication no\n"
        )
        with (folder / "log").open("wb") as log:
            command = [program, "-D", "-e", "-f", folder / "config"]
            self._process = subprocess.Popen(command, stderr=log, preexec_fn=with_parent())
        wait_until(lambda: "listening" in self.log() or self._process.poll() is not None)
        if self._process.poll() is not None:
            pytest.skip(f"sshd doesn't start: {self.log()}")

    def _allowed(self, name: str, command: str) -> str:
        """A line of authorized_keys."""
        quoted = command.replace('"', '\\"')
        return f'command="{quoted}" {(self._folder / f"{name}.pub").read_text()}'

    def words(self, mood: str = "well") -> dict[str, object]:
        """For a recipe's `ssh`."""
        files = ["-i", str(self._folder / mood), "-o", f"UserKnownHostsFile={self._folder / 'known'}"]
        options = [*files, "-o", "IdentitiesOnly=yes", "-F", "none"]
        return {"host": f"{getpass.getuser()}@127.0.0.1", "port": self.port, "options": options, "repetitions": 3}

    def log(self) -> str:
        """What it has said."""
        return (self._folder / "log").read_text(errors="replace")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)
