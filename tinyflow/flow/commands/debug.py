"""`doit debug`: a bench's firmware, stopped where it is invoked, behind a port for GDB."""

from __future__ import annotations

from typing import Any

from tinyflow.core.action import Action, Output, in_order
from tinyflow.core.errors import UsageError
from tinyflow.flow.atomic_files import write_if_changed
from tinyflow.flow.commands.command import OwnCommand, option
from tinyflow.flow.messages import shown
from tinyflow.flow.session import parallel_runner
from tinyflow.flow.session.signals import stoppable

_FIRMWARE = "firmware.elf"
_PORT = "3333"  # OpenOCD's


class Debug(OwnCommand):
    """Builds a bench, begins its first invoke on its target, and leaves the rest to a debugger."""

    doc_purpose = "a bench's firmware, stopped at its invoke, behind a port for GDB"
    doc_usage = "BENCH"
    doc_description = """\
The inputs of the first sample are in place. It ends when the debugger detaches, kills or leaves, or with Ctrl-C.
Example: doit debug vww-tinyc-stm32f7"""
    cmd_options = (
        option("port", "to listen at, on this machine; 0 is any that is free [default: %(default)s]", _PORT),
    )

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Serve one debugger."""
        if len(args) != 1:
            what = "debug what?" if not args else "one bench at a time"
            raise UsageError(what, hint=f"for example {self.bin_name} debug vww-tinyc-stm32f7")
        number = params["port"]
        if not number.isdecimal() or int(number) > 0xFFFF:
            raise UsageError(f'--port: "{number}" is no port', hint="0 to 65535; 0 is any that is free")
        plan = self.loader.planner.plan_bench(self.loader.selector.bench(args[0].partition(":")[2] or args[0]))
        run = next(action for action in plan.actions if action.stage == "run")
        if _FIRMWARE not in run.inputs:
            plan.bench.refuse("an interpreter's wheel is no firmware", at="backend", hint="tinyc makes some")
        with stoppable():
            self._serve(plan.name, run, self._make(run), int(number))
        return 0

    def _make(self, run: Action) -> dict[str, Any]:
        """The inputs of a run, built if need be, but not run: where they lie."""
        makers = {made.action.id: made.action for made in run.inputs.values() if isinstance(made, Output)}
        session = self.loader.session

        def tell(_: Action, ended: object) -> None:
            if isinstance(ended, Exception):
                raise ended

        parallel_runner.run(in_order(makers.values()).values(), session, tell)
        return {
            name: session.output_path(made.action, made.name) if isinstance(made, Output) else made.path
            for name, made in run.inputs.items()
        }

    def _serve(self, bench: str, run: Action, files: dict[str, Any], number: int) -> None:
        from tinyflow.stages.debug import stopped
        from tinyflow.targets.gdb_port import Port

        try:
            port = Port(number)
        except OSError as error:
            raise UsageError(f"port {number}: {error.strerror}", hint="--port 0 takes any that is free") from error
        try:
            with stopped(run.parameters, files) as (symbol, stub):
                firmware = self.loader.project.build / "debug" / f"{bench}.elf"
                write_if_changed(firmware, files[_FIRMWARE].read_bytes())
                print(f"{bench} is at {symbol}; connect by")
                print(f"  gdb-multiarch {shown(firmware)} -ex 'target remote :{port.number}'", flush=True)
                port.serve(stub, lambda line: print(line, flush=True))
        finally:
            port.close()
