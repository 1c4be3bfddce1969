"""A serial port of this machine, or what a URL of pyserial's stands for; the one place that knows pyserial."""

from __future__ import annotations

import errno
import time
from typing import Any

from tinyflow.core.distribution import pip_install
from tinyflow.core.errors import RunError, ToolError

PACKAGE = "pyserial"
_WRITE_LIMIT_S = 10.0
_MOST_BYTES = 1 << 16  # of what is there already
_PULSE_S = 0.1
_HINTS = {
    errno.ENOENT: "is the board plugged in? `doit boards` lists the ports that there are",
    errno.EACCES: "who may use it? Often the group dialout: `sudo usermod -aG dialout $USER`, then log in anew",
    errno.EBUSY: "another program has it: close its terminal window, or stop ModemManager",
}
_HINTS |= {errno.ENXIO: _HINTS[errno.ENOENT], errno.ENODEV: _HINTS[errno.ENOENT]}
_HINTS |= {errno.EPERM: _HINTS[errno.EACCES], errno.EAGAIN: _HINTS[errno.EBUSY]}


def _serial() -> Any:
    """Raises ToolError where it isn't installed."""
    try:
        import serial
    except ModuleNotFoundError:
        raise ToolError(f"{PACKAGE} is not installed", hint=pip_install("boards"), missing=True) from None
    return serial


def ports() -> list[tuple[str, str]]:
    """The serial ports of this machine, each with what its USB adapter says. Raises ToolError without pyserial."""
    _serial()
    from serial.tools import list_ports

    found = sorted(list_ports.comports(), key=lambda one: str(one.device))
    return [(one.device, _told(one) if one.vid is not None else "") for one in found]


def _told(one: Any) -> str:
    return f"{one.description}, serial number {one.serial_number or 'unknown'}"


class Port:
    """An open port, for us alone."""

    def __init__(self, name: str, baud: int) -> None:
        """Raises ToolError for one that isn't there, or isn't ours to open."""
        self.name, self.baud = name, baud
        serial = _serial()
        self._errors: tuple[type[Exception], ...] = (serial.SerialException, OSError)
        try:
            opened: Any = serial.serial_for_url(name, do_not_open=True)
            opened.baudrate, opened.write_timeout = baud, _WRITE_LIMIT_S
            opened.exclusive = True
            opened.open()
        except (*self._errors, ValueError) as error:
            number = getattr(error, "errno", None)
            hint = _HINTS.get(number or 0, "does something listen there? `port` of the recipe: docs/boards.md")
            raise ToolError(f"can't open the port {name}: {_words(error)}", hint=hint) from None
        self._serial = opened

    def read(self, limit_s: float) -> bytes:
        """What has come; nothing after so long without a byte. Raises RunError for a port that is gone."""
        try:
            self._serial.timeout = limit_s
            first = self._serial.read(1)
            self._serial.timeout = 0
            return bytes(first + self._serial.read(_MOST_BYTES) if first else b"")
        except self._errors as error:
            raise self._gone(error) from None

    def write(self, data: bytes) -> None:
        """Raises RunError for a port that is gone, or takes nothing."""
        try:
            self._serial.write(data)
        except self._errors as error:
            raise self._gone(error) from None

    def pulse(self, line: str) -> None:
        """Reset the board by a line of the port; the other one is off meanwhile."""
        try:
            for name in ("dtr", "rts"):
                setattr(self._serial, name, name == line)
            time.sleep(_PULSE_S)
            setattr(self._serial, line, False)
        except self._errors as error:
            raise self._gone(error) from None

    def close(self) -> None:
        """For others."""
        self._serial.close()

    def _gone(self, error: Exception) -> RunError:
        what = f"the port {self.name} is gone: {_words(error)}"
        return RunError(what, hint="was the board unplugged, or does another program read there, too?")


def _words(error: Exception) -> str:
    """Without pyserial's repetitions."""
    import os

    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error)
