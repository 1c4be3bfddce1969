"""A tty whose other end is a TCP port, by way of a thread that may spoil what passes, as a bad cable would."""

from __future__ import annotations

import os
import random
import select
import socket
import threading
import tty
from collections.abc import Callable

Spoil = Callable[[bytes], bytes]


def untouched(data: bytes) -> bytes:
    """A good cable."""
    return data


def noise(seed: int, share: float) -> Spoil:
    """Of so many bytes one is changed, lost, or followed by another."""
    chance = random.Random(seed)

    def spoil(data: bytes) -> bytes:
        made = bytearray()
        for byte in data:
            kind = chance.choice(["flip", "drop", "insert"]) if chance.random() < share else ""
            made += b"" if kind == "drop" else bytes([byte ^ (1 << chance.randrange(8) if kind == "flip" else 0)])
            made += bytes([chance.randrange(256)]) if kind == "insert" else b""
        return bytes(made)

    return spoil


def by_frames(spoil: Spoil) -> Spoil:
    """Spoils whole frames, which come in pieces."""
    rest = bytearray()

    def collect(data: bytes) -> bytes:
        made = b""
        for byte in data:
            rest.append(byte)
            if byte == 0xC0 and len(rest) > 1:
                made += spoil(bytes(rest))
                rest.clear()
        return made

    return collect


class Relay:
    """`name` is the tty's; `spoil` may be changed at any time. Directions: to the chip, from the chip."""

    def __init__(self, port: int, to_chip: Spoil = untouched, from_chip: Spoil = untouched) -> None:
        self.to_chip, self.from_chip = to_chip, from_chip
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.name = os.ttyname(self._slave)
        self._chip = socket.create_connection(("127.0.0.1", port))
        self._chip.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._pass, daemon=True)
        self._thread.start()

    def _pass(self) -> None:
        while not self._is_over.is_set():
            for ready in select.select([self._master, self._chip], [], [], 0.1)[0]:
                try:
                    if ready is self._chip:
                        data = self._chip.recv(4096)
                        if not data:
                            return
                        os.write(self._master, self.from_chip(data))
                    else:
                        self._chip.sendall(self.to_chip(os.read(self._master, 4096)))
                except OSError:
                    return

    def close(self) -> None:
        """Both ends."""
        self._is_over.set()
        self._thread.join(5)
        self._chip.close()
        os.close(self._master)
        os.close(self._slave)
