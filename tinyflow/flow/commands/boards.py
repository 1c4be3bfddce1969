"""`doit boards`: debug probes and serial ports, boards that recipes know, and what a board says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tinyflow.core.errors import TinyflowError, ToolError, UsageError
from tinyflow.flow.commands.command import OwnCommand, refuse
from tinyflow.flow.planning.available import boards
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import cpu_of, processor_of
from tinyflow.recipes.schema import Target
from tinyflow.targets.monitor.port import ports

_USB = Path("/sys/bus/usb/devices")
# USB vendor, product (all where empty) → what it is
_PROBES = {
    ("0483", "3748"): "ST-Link V2",
    ("0483", "374b"): "ST-Link V2-1",
    ("0483", "374e"): "ST-Link V3",
    ("0483", "374f"): "ST-Link V3",
    ("0483", "3753"): "ST-Link V3",
    ("0483", "3754"): "ST-Link V3",
    ("1366", ""): "J-Link",
    ("0d28", "0204"): "DAPLink",
    ("2e8a", "000c"): "Raspberry Pi Debug Probe",
    ("303a", "1001"): "ESP32's own USB-JTAG",
    ("0403", "6010"): "FTDI FT2232",
}


class Boards(OwnCommand):
    """Probes by USB's table in /sys, boards by their recipes; with names, a connection to each."""

    doc_purpose = "debug probes and serial ports, boards that recipes know; with a name, what the board says"
    doc_usage = "[TARGET...]"
    doc_description = """\
A board is a target whose recipe has `gdb:`, `ssh:` or `monitor:`. With names, its GDB server is started or connected
to, and the chip's identification is read, or its system is asked by ssh what it is, or its firmware over a serial line
whether it is there; nothing is written.
Example: doit boards nucleo_f767zi"""

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print what there is, or what the named boards say."""
        del params
        catalogue = self.loader.catalogue
        if not args:
            print("\n".join([*_probes(), *_ports(), *_recipes(catalogue)]))
            return 0
        status = 0
        for name in args:
            try:
                print(f"{name}: {_look(catalogue, catalogue.get(Target, name))}")
            except TinyflowError as error:
                status = max(status, refuse(error))
        return status


def _probes() -> Iterator[str]:
    found = sorted(filter(None, map(_probe, _USB.iterdir()))) if _USB.is_dir() else []
    yield from (f"probe {each}" for each in found)
    if not found:
        yield "no debug probe is plugged in" if _USB.is_dir() else f"no USB is seen here: there is no {_USB}"


def _probe(device: Path) -> str | None:
    """What a USB device is and its serial number, if it is a debug probe."""
    words = {}
    for name in ("idVendor", "idProduct", "serial"):
        path = device / name
        words[name] = path.read_text(errors="replace").strip() if path.is_file() else ""
    vendor = words["idVendor"].lower()
    kind = _PROBES.get((vendor, words["idProduct"].lower())) or _PROBES.get((vendor, ""))
    return f"{kind}, serial number {words['serial'] or 'unknown'}" if kind else None


def _ports() -> Iterator[str]:
    try:
        found = ports()
    except ToolError as error:
        yield f"no serial ports are seen: {error.what}; {error.hint}"
        return
    yield from (f"port {name}: {what}" if what else f"port {name}" for name, what in found)
    if not found:
        yield "no serial port is plugged in"


def _recipes(catalogue: Catalogue) -> Iterator[str]:
    for board in boards(catalogue):
        yield f"board {board.name}: {board.description}; through {board.through} ({board.here})"


def _look(catalogue: Catalogue, target: Target) -> str:
    if target.ssh is not None:
        from tinyflow.targets.ssh.connection import look

        seen = target.seen(processor_of(catalogue, target))
        return look(seen["machine"], seen["isa"])
    if target.gdb is None and target.monitor is None:
        raise UsageError(f"{target.name} is no board", hint="doit boards lists those that are")
    seen = {**target.seen(processor_of(catalogue, target)), "isa": cpu_of(catalogue, target).isa}
    described = {**seen, "name": target.name, "memory": [], "clock_hz": target.clock_hz}
    if target.monitor is not None:
        from tinyflow.targets.monitor.machine import Monitor

        with closing(Monitor(described)) as monitor:
            return monitor.greet()
    from tinyflow.targets.gdb.board import Board

    with closing(Board(described)) as board:
        return board.identify()
