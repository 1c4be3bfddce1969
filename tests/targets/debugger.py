"""A debugger for tests: our own client at a GDB port."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import IO, cast

from tinyflow.targets.chip import Chip
from tinyflow.targets.gdb_port import Port
from tinyflow.targets.remote import Remote


@contextmanager
def debugged(chip: Chip, symbol: str) -> Iterator[tuple[Remote, list[str]]]:
    """A client at a call of this function, and what is said meanwhile."""
    said: list[str] = []
    with closing(Port(0)) as port:
        serving = threading.Thread(target=port.serve, args=(chip.stopped_at(symbol), said.append), daemon=True)
        serving.start()
        with socket.create_connection(("127.0.0.1", port.number)) as stream:
            remote = Remote(stream.makefile("wb"), cast(IO[bytes], stream.makefile("rb", buffering=0)))
            remote.ask("qSupported:multiprocess+")
            remote.learn_registers({})
            yield remote, said
            stream.shutdown(socket.SHUT_RDWR)
        serving.join(10)
        assert not serving.is_alive()


def never() -> bool:
    """To `Remote.run`: let it run."""
    return False
