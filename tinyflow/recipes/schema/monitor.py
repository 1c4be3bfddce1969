"""A board's serial line in its target's recipe, and how the firmware is told of it."""

from __future__ import annotations

from typing import Literal

from tinyflow.recipes.fields import Address, Duration, Natural
from tinyflow.recipes.schema.part import Part, part

_CSRS = 4096
Width = Literal[8, 16, 32]


@part
class Condition(Part):
    """What a register's bits tell; `any` or `none`."""

    at: Address
    any: Natural = 0
    """Bits of which one at least is set."""
    none: Natural = 0
    """Bits of which none is set."""
    acknowledge: bool = False
    """Whether 0 is written there afterwards, as events of some chips need it."""

    def __post_init__(self) -> None:
        if bool(self.any) == bool(self.none):
            raise ValueError('give "any" or "none", bits of the register')

    def words(self, width: int) -> str:
        """For `serial.c`."""
        return _condition(width, self.at, self.any, self.none)

    def after(self, width: int) -> str:
        """What follows when it is so."""
        return f"WRITE({width},{self.at:#x}u,0)" if self.acknowledge else ""


def _condition(width: int, at: int | None, some: int, none: int) -> str:
    name, mask = ("ANY", some) if some else ("NONE", none)
    return f"{name}({width},{at:#x}u,{mask:#x}u)"


@part
class SetUp(Part):
    """One step before the first byte: write a register, change bits of it, or wait for some."""

    at: Address | None = None
    csr: Natural | None = None
    """Instead of `at`, RISC-V: a control and status register, by its number."""
    write: Natural | None = None
    clear: Natural = 0
    set: Natural = 0
    any: Natural = 0
    none: Natural = 0
    bits: Width = 32
    """How wide the register is."""

    def __post_init__(self) -> None:
        changes = bool(self.clear or self.set)
        if (self.at is None) == (self.csr is None):
            raise ValueError('give "at" or "csr", which register')
        if [self.write is not None, changes, bool(self.any), bool(self.none)].count(True) != 1:
            raise ValueError('give "write", or "clear" and "set", or "any", or "none"')
        if self.csr is not None and self.write is None:
            raise ValueError('a "csr" is only written')
        if (self.csr or 0) >= _CSRS:
            raise ValueError(f"a csr's number is below {_CSRS}")

    def words(self) -> str:
        """For `serial.c`."""
        if self.csr is not None:
            return f"CSR({self.csr:#x},{self.write:#x}u)"
        if self.write is not None:
            return f"WRITE({self.bits},{self.at:#x}u,{self.write:#x}u)"
        if self.any or self.none:
            return f"WAIT({_condition(self.bits, self.at, self.any, self.none)})"
        return f"CHANGE({self.bits},{self.at:#x}u,{self.clear:#x}u,{self.set:#x}u)"


@part
class Uart(Part):
    """The chip's end of the line: registers, and what is written to them first."""

    receive: Address
    """Where a byte is read,"""
    received: Condition
    """once this is so."""
    send: Address
    """Where a byte is written,"""
    sent: Condition
    """and the next when this is so."""
    bits: Width = 32
    """How wide these registers are."""
    setup: tuple[SetUp, ...] = ()
    """In this order: clocks, pins, baud rate, on."""

    def defines(self) -> dict[str, str]:
        """What `recipes/runtimes/monitor/src/serial.c` is compiled with."""
        return {
            "TF_UART": str(self.bits),
            "TF_SETUP": " ".join(step.words() for step in self.setup),
            "TF_RECEIVE": f"{self.receive:#x}u",
            "TF_RECEIVED": self.received.words(self.bits),
            "TF_AFTER_RECEIVED": self.received.after(self.bits),
            "TF_SEND": f"{self.send:#x}u",
            "TF_SENT": self.sent.words(self.bits),
            "TF_AFTER_SENT": self.sent.after(self.bits),
        }


@part
class Monitor(Part):
    """A board without a debug probe: its firmware answers over a serial line. docs/boards.md."""

    port: str
    """The host's end: /dev/ttyUSB0, or a URL of pyserial's, such as socket://lab:4000 or hwgrep://CP2102."""
    baud: Natural = 115200
    uart: Uart | None = None
    """The chip's end; without it, semihosting of what runs the firmware."""
    server: tuple[str, ...] = ()
    """A command that runs the firmware `{elf}` meanwhile, such as QEMU's; `{port}`, in `port` too, is a free one."""
    loader: tuple[str, ...] = ()
    """The command that puts `{elf}`, or `{bin}`, its bytes as they lie in flash, on the board; `{port}` is the port."""
    reset: Literal["", "dtr", "rts"] = ""
    """The line of the port that resets the board."""
    start_s: Duration = 10.0
    """How long it may take until the board answers."""
    call_s: Duration = 60.0
    """How long one call may take."""
    cycles: Address | None = None
    """Where cycles are counted: an address or, RISC-V, a CSR's number. By default DWT_CYCCNT and mcycle."""
    repetitions: Natural = 5
    """How often each sample is measured."""

    def __post_init__(self) -> None:
        if not self.port:
            raise ValueError('"port" is empty')
        if not self.baud:
            raise ValueError("baud begins at 1")
        if not self.repetitions:
            raise ValueError("repetitions begin at 1")
        if ("{port}" in self.port) != any("{port}" in word for word in self.server):
            raise ValueError('"server" and "port" both have {port}, or neither')

    def defines(self) -> dict[str, str]:
        """What the firmware's main is compiled with."""
        counter = {} if self.cycles is None else {"TF_CYCLES": f"{self.cycles:#x}"}
        return {**counter, **(self.uart.defines() if self.uart is not None else {})}


# of `Monitor`, what only the firmware is made with
FIRMWARES_OWN = ("uart", "cycles")
