"""What `doit boards` tells of probes and of boards."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinyflow.core.errors import ToolError, UsageError
from tinyflow.flow.commands import boards
from tinyflow.flow.planning import available
from tinyflow.flow.planning.cycle_models import no_cycles
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.schema import Target
from tinyflow.targets.monitor.machine import Monitor
from tinyflow.targets.protocol import capabilities

CATALOGUE = Catalogue([data_folder() / "recipes"])


def test_probes_are_known_by_their_usb_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With serial numbers, whatever else is plugged in; any product of SEGGER's is a J-Link."""
    monkeypatch.setattr(boards, "_USB", tmp_path / "devices")
    assert list(boards._probes()) == [f"no USB is seen here: there is no {tmp_path / 'devices'}"]
    for name, words in (
        ("1-1", {"idVendor": "0483", "idProduct": "374B", "serial": "066EFF"}),
        ("1-2", {"idVendor": "1366", "idProduct": "0105"}),
        ("1-3", {"idVendor": "046d", "idProduct": "c52b"}),
        ("usb1", {}),
    ):
        for key, value in words.items():
            path = tmp_path / "devices" / name / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{value}\n")
    assert list(boards._probes()) == [
        "probe J-Link, serial number unknown",
        "probe ST-Link V2-1, serial number 066EFF",
    ]


def test_boards_are_listed_with_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each with the program that its server needs; a chip that is simulated is none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = list(boards._recipes(CATALOGUE))
    assert [line.split()[1] for line in lines] == [
        f"{name}:"
        for name in (
            *("esp32c3_devkit", "nrf52840dk", "nucleo_f413zh", "nucleo_f767zi", "nucleo_l4r5zi", "pyboard"),
            "rpi_pico",
        )
    ]
    assert "through /dev/ttyUSB0 (no " in lines[5] and lines[5].endswith("stm32flash)")
    assert lines[1].endswith("through pyocd (no pyocd)") and lines[2].endswith("through openocd (no openocd)")
    with pytest.raises(UsageError, match="stm32f7 is no board"):
        boards._look(CATALOGUE, CATALOGUE.get(Target, "stm32f7"))


def test_a_serial_line_that_is_not_there_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path of this machine; what only pyserial can find is not asked for."""
    monkeypatch.setattr(available, "is_here", lambda tool: True)
    board = CATALOGUE.get(Target, "pyboard")
    assert board.monitor is not None
    for port, missing in (("tty", f"no {tmp_path / 'tty'}"), (".", ""), ("hwgrep://CP2102", "")):
        place = port if ":" in port else str(tmp_path / port)
        there = replace(board, monitor=replace(board.monitor, port=place))
        assert available.missing_on(CATALOGUE, there) == missing


def test_serial_ports_are_listed_with_their_adapters(monkeypatch: pytest.MonkeyPatch) -> None:
    """By pyserial, which a line says where it isn't installed."""
    list_ports = pytest.importorskip("serial.tools.list_ports")
    usb = SimpleNamespace(device="/dev/ttyUSB0", description="CP2102N", serial_number="0001", vid=0x10C4)
    built_in = SimpleNamespace(device="/dev/ttyS0", description="n/a", serial_number=None, vid=None)
    for found, lines in (
        ([usb, built_in], ["port /dev/ttyS0", "port /dev/ttyUSB0: CP2102N, serial number 0001"]),
        ([], ["no serial port is plugged in"]),
    ):
        monkeypatch.setattr(list_ports, "comports", lambda found=found: found)
        assert list(boards._ports()) == lines
    monkeypatch.setitem(sys.modules, "serial", None)
    (line,) = boards._ports()
    assert line.startswith("no serial ports are seen: pyserial is not installed; pip install")


def test_a_board_at_a_serial_line_says_hello(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or nothing: then its port is told."""
    pytest.importorskip("serial")
    with pytest.raises(ToolError, match="can't open the port /dev/ttyUSB0"):
        boards._look(CATALOGUE, CATALOGUE.get(Target, "pyboard"))
    assert "its own counter" in no_cycles(CATALOGUE, CATALOGUE.get(Target, "pyboard"))


def test_a_server_of_a_serial_line_has_to_be_there() -> None:
    """Where it is; nothing is started for that."""
    machine = {"port": "tcp:{port}", "server": ["no_such_server", "{port}"]}
    with pytest.raises(ToolError, match="no_such_server is not installed"):
        Monitor({"machine": machine}).greet()
    assert Monitor({"machine": {**machine, "server": ["sh"]}}).greet().endswith("/sh is started for each bench")


def test_a_module_that_is_not_there_is_told() -> None:
    """In a line, and in another what there is; what such a module itself lacks is no word against the recipe."""
    with pytest.raises(UsageError, match=r"there is no module tinyflow\.targets\.unicron"):
        capabilities({"implementation": "tinyflow.targets.unicron", "cpu": "cortex-m4"})


def test_a_board_has_no_estimate_but_its_counter() -> None:
    """And says so."""
    assert "its own counter" in no_cycles(CATALOGUE, CATALOGUE.get(Target, "nucleo_f767zi"))
