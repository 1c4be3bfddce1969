"""Run: firmware on its target, every sample in, every output compared with the reference; what it cost.

`run.json` holds what is exact and the same in every run, `timing.json` what isn't. Firmware that faults, never ends or
computes something else leaves neither.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import reduce
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from tinyflow.core.action import JSON, Workspace
from tinyflow.core.errors import ModelError, RunError, Timeout, TinyflowError, ValidationError
from tinyflow.model.plan_document import PlanDocument
from tinyflow.report.rows import spell_agreement
from tinyflow.stages import arena_check
from tinyflow.stages.comparison import Difference, Tolerance
from tinyflow.stages.layer_check import LayerCheck
from tinyflow.targets.lines import source_line
from tinyflow.targets.protocol import Counters, Machine, open_machine
from tinyflow.targets.write_limits import guarded

# What is said beside a verdict: in run.json, and in reference.json.
_EVIDENCE = {
    "distinct_outputs": "distinct_outputs",
    "references_differ_by": "litert_max_abs_error",
    "warnings": "warnings",
}
# of the text that sources made for debugging leave
_ERROR_BYTES = 160


class _Worst(NamedTuple):
    """A sample's outputs: which of them is farthest from the reference, and how far."""

    sample: int
    output: int
    difference: Difference

    def __str__(self) -> str:
        return f"sample {self.sample}, output {self.output}{self.difference}"

    @property
    def severity(self) -> tuple[bool, float]:
        return self.difference.severity


@dataclass(frozen=True)
class _Answers:
    """What invokes cost and computed: for every sample the costs of each repetition and its last outputs."""

    invokes: list[list[Counters]]
    differences: list[_Worst]
    outputs: list[list[bytes]]

    @property
    def worst(self) -> _Worst:
        return max(self.differences, key=lambda difference: difference.severity)


@dataclass(frozen=True)
class Samples:
    """What goes in and what must come out, for every sample the tensors' bytes in order."""

    inputs: list[list[bytes]]
    outputs: list[list[bytes]]
    output_tensors: list[Mapping[str, Any]]  # what reference.json says of each
    reference: str
    evidence: Mapping[str, JSON] = field(default_factory=dict)  # how much it says that outputs are equal

    @property
    def output_dtypes(self) -> list[str]:
        """Of every output the type of its elements."""
        return [tensor["dtype"] for tensor in self.output_tensors]


def run(workspace: Workspace) -> None:
    """Make run.json and timing.json of `firmware.elf`, or of `model.tflite` where an interpreter runs that.

    Parameters: `target`, `tolerance`, `limit_instructions` (of one call).
    Raises RunError and Timeout (they name the function), and ValidationError for outputs that differ by more than the
    tolerance, in steps of quantised outputs, or more than what the plan has for them.
    """
    plan = PlanDocument.read(workspace.inputs["plan.json"])
    program = workspace.inputs.get("firmware.elf") or workspace.inputs["model.tflite"]
    samples = read_samples(workspace.inputs, plan)
    started = time.perf_counter()
    machine = open_machine(workspace.parameters["target"], workspace.inputs)
    try:
        startup = machine.load(program)
        if "guard" in workspace.parameters:
            machine.watch_writes(guarded(plan, workspace.parameters["guard"]))
        tolerance = Tolerance(plan, workspace.parameters["tolerance"])
        bench = _Bench(machine, plan, program, samples, tolerance, workspace.parameters["limit_instructions"])
        layers = LayerCheck.of(workspace.inputs, plan, tolerance)
        setup = bench.set_up()
        answers = bench.invoke_all()
        validation = _verdict(answers, samples, tolerance)
        refusal = _refusal(answers, samples, validation)
        bench.check_layers(layers)  # may know more: a layer that writes where it must not, the first wrong one
        if layers is not None and refusal is None:
            layers.refuse()
            validation["layers"] = layers.verdict()
        elif layers is not None and refusal is not None and layers.wrong is not None:
            refusal.layer, refusal.hint = layers.wrong[0].index, f"{layers.words()}; {refusal.hint}"
        counts = bench.counts(answers.invokes)
        told = machine.told()
    finally:
        machine.close()
    status = "ok" if refusal is None else "mismatch"
    result = {"status": status, **_costs(startup, setup, answers.invokes, counts), "validation": validation}
    if "original.bin" in workspace.inputs:  # of a dequantised network
        validation["of_integers"] = _agreement_with(workspace.inputs["original.bin"], answers, samples)
    if told.get("remarks"):
        validation["warnings"] = [*validation.get("warnings", ()), *told["remarks"]]
    timing = _timing(machine, answers.invokes, time.perf_counter() - started)
    if "memory_bytes" in told:
        timing["host_memory_bytes"] = told["memory_bytes"]
    if "cycles" in timing:
        timing["clock_hz"] = workspace.parameters["target"].get("clock_hz")
    documents = {"run.json": result, "timing.json": timing}
    if refusal is not None:
        refusal.documents = documents  # what wrong outputs cost is worth knowing, too
        raise refusal
    for name, document in documents.items():
        workspace.write_json(name, document, indent=2, ensure_ascii=True, allow_nan=False)


def read_samples(inputs: Mapping[str, Path], plan: PlanDocument) -> Samples:
    """What `inputs.bin` and `reference.bin` hold. Raises ModelError where the plan has other tensors."""
    reference = json.loads(inputs["reference.json"].read_bytes())
    for kind in ("inputs", "outputs"):
        planned, wanted = [port.bytes for port in getattr(plan, kind)], [one["bytes"] for one in reference[kind]]
        if planned != wanted:
            raise ModelError(f"{plan.backend} made {kind} of {planned} bytes; the model's have {wanted}")
    return Samples(
        inputs=split(inputs["inputs.bin"].read_bytes(), reference["inputs"], reference["samples"]),
        outputs=split(inputs["reference.bin"].read_bytes(), reference["outputs"], reference["samples"]),
        output_tensors=reference["outputs"],
        reference=reference["reference"],
        evidence={name: reference[key] for name, key in _EVIDENCE.items() if key in reference},
    )


def split(content: bytes, tensors: Sequence[Mapping[str, Any]], count: int) -> list[list[bytes]]:
    """Cut a file into samples, and these into tensors."""
    size = count * sum(tensor["bytes"] for tensor in tensors)
    if size != len(content):
        raise ModelError(f"{count} samples take {size} bytes, and the file has {len(content)}", hint="convert again")
    stream = BytesIO(content)
    return [[stream.read(tensor["bytes"]) for tensor in tensors] for _ in range(count)]


def call(machine: Machine, symbol: str, limit_instructions: int, given: bytes = b"") -> Counters:
    """Call a function of the firmware; its cost. Raises RunError for a status other than 0."""
    status, counters = machine.call(symbol, limit_instructions=limit_instructions, given=given)
    _check_status(machine, symbol, status)
    return counters


def _check_status(
    machine: Machine, symbol: str, status: int, statuses: Mapping[str, str] = MappingProxyType({})
) -> None:
    """RunError for a status other than 0; `statuses` explain some."""
    if status != 0:
        told = statuses.get(str(status)) or _told(machine)
        hint = told or "the generated code refuses its inputs; +debug may know why, where the backend has it"
        raise RunError(f"returned {status}, not 0", where=symbol, hint=hint)


def _told(machine: Machine) -> str:
    """What the firmware says went wrong; only sources made for debugging have a place for that."""
    try:
        text = machine.read("model_error", _ERROR_BYTES)
    except RunError:
        return ""
    return text.partition(b"\0")[0].decode("ascii", "replace")


def write_inputs(machine: Machine, plan: PlanDocument, sample: Sequence[bytes]) -> None:
    """Write a sample's tensors to their places; one that is fed has none."""
    for port, data in zip(plan.inputs, sample, strict=True):
        if port.symbol:
            machine.write(port.symbol, data)


def rows_of(plan: PlanDocument, sample: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """The calls that follow: a function, and the row that it is given."""
    if plan.feed is not None:
        for begin in range(0, plan.feed.rows * plan.feed.row_bytes, plan.feed.row_bytes):
            yield plan.feed.function, sample[0][begin : begin + plan.feed.row_bytes]


def begin(machine: Machine, plan: PlanDocument, sample: Sequence[bytes], limit_instructions: int) -> None:
    """All that comes before the first invoke: set-up, the inputs or, where it is fed, all rows."""
    set_up(machine, plan, limit_instructions)
    give(machine, plan, sample, limit_instructions)


def set_up(machine: Machine, plan: PlanDocument, limit_instructions: int) -> Counters:
    """Call set-up, whose status the plan may explain."""
    status, counters = machine.call(plan.setup, limit_instructions=limit_instructions)
    _check_status(machine, plan.setup, status, plan.statuses)
    return counters


def give(machine: Machine, plan: PlanDocument, sample: Sequence[bytes], limit_instructions: int) -> None:
    """A sample to a model that has seen none."""
    if plan.reset:
        call(machine, plan.reset, limit_instructions)
    write_inputs(machine, plan, sample)
    for function, row in rows_of(plan, sample):
        call(machine, function, limit_instructions, row)


@dataclass(frozen=True)
class _Bench:
    """Firmware on a machine, what it must compute, and how long one call may take."""

    machine: Machine
    plan: PlanDocument
    program: Path
    samples: Samples
    tolerance: Tolerance
    limit_instructions: int

    def set_up(self) -> Counters:
        """Call set-up; a fault tells in which layer."""
        with self._layer_named():
            return set_up(self.machine, self.plan, self.limit_instructions)

    def invoke_all(self) -> _Answers:
        """Every sample, as often as the machine repeats it.

        To a model with state all samples together are one sequence.
        """
        samples = range(len(self.samples.inputs))
        repetitions = self.machine.repetitions
        turns = [samples] * repetitions if self.plan.reset else [[sample] * repetitions for sample in samples]
        invokes: list[list[Counters]] = [[] for _ in samples]
        differences = []
        outputs: list[list[bytes]] = [[] for _ in samples]
        for turn in turns:
            self._reset()
            for sample in turn:
                with self._layer_named(sample):
                    invokes[sample].append(self._invoke(sample))
                outputs[sample] = self._outputs(sample)
                differences.append(self._largest_difference(sample, outputs[sample]))
        return _Answers(invokes, differences, outputs)

    def _reset(self) -> None:
        if self.plan.reset:
            call(self.machine, self.plan.reset, self.limit_instructions)

    def _outputs(self, sample: int) -> list[bytes]:
        pairs = zip(self.plan.outputs, self.samples.outputs[sample], strict=True)
        return [self.machine.read(port.symbol, len(expected)) for port, expected in pairs]

    def _largest_difference(self, sample: int, outputs: Sequence[bytes]) -> _Worst:
        """Compare one sample's outputs."""
        wanted = self.samples.outputs[sample]
        ports = zip(self.plan.outputs, wanted, outputs, self.samples.output_dtypes, strict=True)
        found = []
        for output, (port, expected, got, dtype) in enumerate(ports):
            others = (outputs[output] for outputs in self.samples.outputs)
            here = self.tolerance.largest_difference(expected, got, dtype, port.scale, others)
            found.append(_Worst(sample, output, here))
        return max(found, key=lambda worst: worst.severity)

    def _invoke(self, sample: int) -> Counters:
        """Write one sample's inputs and invoke; invokes may overwrite their inputs, so each needs them anew."""
        self._write(sample)
        costs = [*self._feed(sample), call(self.machine, self.plan.invoke, self.limit_instructions)]
        for port, data in zip(self.plan.inputs, self.samples.inputs[sample], strict=True):
            if self.plan.keeps_inputs and self.machine.read(port.symbol, len(data)) != data:
                what = f"input {port.name or port.symbol} is another one when {self.plan.invoke} is back"
                raise RunError(what, where=port.symbol, hint="the plan says it is kept; +guard.arena watches writes")
        return reduce(Counters.and_then, costs)

    def _begin(self) -> None:
        """Write the first sample to a model that has seen none."""
        self._reset()
        self._write(0)

    def _write(self, sample: int) -> None:
        write_inputs(self.machine, self.plan, self.samples.inputs[sample])

    def _feed(self, sample: int) -> list[Counters]:
        """What it costs to take all rows."""
        rows = rows_of(self.plan, self.samples.inputs[sample])
        return [call(self.machine, function, self.limit_instructions, row) for function, row in rows]

    def check_layers(self, layers: LayerCheck | None) -> None:
        """Hold the layers of the first sample against the memory plan and the reference. Raises RunError."""
        ports = zip(self.plan.outputs, self.samples.outputs[0], strict=True)
        outputs = [(port.symbol, expected) for port, expected in ports]
        more = () if layers is None else (layers.look,)
        with self._layer_named():
            give = arena_check.Give(self._begin, lambda: self._feed(0))
            unseen = arena_check.check(self.machine, self.plan, give, outputs, self.limit_instructions, *more)
        if layers is not None:
            layers.unseen = unseen

    def counts(self, invokes: Sequence[Sequence[Counters]]) -> list[int | None]:
        """Instructions of every sample; where only a slower twin can count, those of the first."""
        known = [[cost.instructions for cost in costs if cost.instructions is not None] for costs in invokes]
        counts = [min(counted, default=None) for counted in known]
        feeding = [] if self.plan.feed is None else [self.plan.feed.function]
        found = []
        for symbol in (*feeding, self.plan.invoke):
            twin = self.machine.counting_twin(symbol)
            if twin is None:
                return counts
            try:
                twin.load(self.program)
                call(twin, self.plan.setup, self.limit_instructions)
                found.append(replace(self, machine=twin)._invoke(0).instructions)
            finally:
                twin.close()
        return [sum(count or 0 for count in found), *counts[1:]]

    @contextmanager
    def _layer_named(self, sample: int | None = None) -> Iterator[None]:
        """Add to a fault in which layer it was, where the machine knows the calls and the plan names them in order.

        An interpreter calls the layers' functions in set-up, too. The source's line, where the firmware knows it.
        `sample`: what is invoked.
        """
        try:
            yield
        except (RunError, Timeout) as error:
            calls = self.plan.calls
            count = self.machine.calls_begun(self.plan.caller, {name for _, name in calls}) if calls else 0
            if not count and self.machine.is_remote and sample is not None and error.where:
                count = self._begun_again(sample)
            if 0 < count <= len(calls) and error.layer is None:
                layer, name = calls[count - 1]
                error.layer = layer.index
                error.what += f"; in layer {layer.index} {layer.operator}, which {name} computes"
            address = re.search(r"\(0x([0-9a-f]+)\)$", error.where)
            line = source_line(self.program, int(address[1], 16)) if address is not None else ""
            error.what += f"; {line}" if line else ""
            if ": " in line:
                error.hint = "undefined behaviour of C, for which +ubsan or -fsanitize-trap has put a trap there"
            raise

    def _begun_again(self, sample: int) -> int:
        """How many calls of layers begin when what has just failed is done anew and followed; 0 if it doesn't fail."""
        begun = _Begun()
        limit = self.limit_instructions
        try:
            self.machine.load(self.program)
            begin(self.machine, self.plan, self.samples.inputs[sample], limit)
            names = [name for _, name in self.plan.calls]
            self.machine.follow(self.plan.invoke, self.plan.caller, names, begun, limit_instructions=limit)
        except TinyflowError:  # whatever it is, the first fault is told
            return begun.count
        return 0


@dataclass
class _Begun:
    """Counts calls: see `protocol.Calls`."""

    count: int = 0

    def begun(self, function: str) -> None:  # noqa: ARG002 (the protocol's)
        """One more."""
        self.count += 1

    def ended(self) -> None:
        """It counts as well."""


def _refusal(answers: _Answers, samples: Samples, verdict: Mapping[str, JSON]) -> ValidationError | None:
    """What is wrong with outputs that are farther from the reference than is allowed."""
    wrong = sorted({each.sample for each in answers.differences if each.difference.is_wrong})
    if not wrong:
        return None
    error, allowed = answers.worst.difference.error, answers.worst.difference.allowed
    what = f"{len(wrong)} of {len(samples.inputs)} samples differ from {samples.reference} by up to {error:g}"
    hint = f"the backend's tolerance is {allowed:g}; samples {wrong} are wrong; bisect-layer finds the layer"
    hint = "; ".join([hint, spell_agreement(verdict), *samples.evidence.get("warnings", ())])
    return ValidationError(what, where=str(answers.worst), hint=hint)


def _verdict(answers: _Answers, samples: Samples, tolerance: Tolerance) -> dict[str, JSON]:
    """What run.json says of the outputs."""
    difference = answers.worst.difference
    result = tolerance.result(samples.output_dtypes, is_equal=not difference.error)
    relative = tolerance.plan.relative_tolerance
    agrees: Mapping[str, JSON] = {}
    if difference.error:
        from tinyflow.stages.agreement import agreement  # with numpy

        agrees = agreement(samples.output_tensors, samples.outputs, answers.outputs)
    return {
        "reference": samples.reference,
        "samples": len(samples.inputs),
        "result": "wrong" if difference.is_wrong else result,
        "max_abs_error": difference.error if math.isfinite(difference.error) else None,
        "tolerance": tolerance.steps,
        **({"relative_tolerance": relative} if relative else {}),
        **agrees,
        **samples.evidence,
    }


def _agreement_with(path: Path, answers: _Answers, samples: Samples) -> dict[str, JSON]:
    """How far a dequantised network's outputs agree with those of the integer one: numbers as of `agreement`."""
    from tinyflow.stages.agreement import agreement

    integers = split(path.read_bytes(), samples.output_tensors, len(samples.inputs))
    return agreement(samples.output_tensors, integers, answers.outputs)


def _costs(
    startup: Counters, setup: Counters, invokes: Sequence[Sequence[Counters]], counts: Sequence[int | None]
) -> dict[str, JSON]:
    every = [setup, *(counters for costs in invokes for counters in costs)]
    return {
        "startup_instructions": startup.instructions,
        "setup_instructions": setup.instructions,
        "invoke_instructions": list(counts),
        "stack_peak_bytes": _peak([counters.stack_bytes for counters in every]),
        "heap_peak_bytes": _peak([counters.heap_bytes for counters in every]),
        "functions": [
            {"name": name, "instructions": count.instructions, "calls": count.calls}
            for name, count in invokes[0][0].functions.items()
        ],
    }


def _peak(values: Sequence[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _timing(machine: Machine, invokes: Sequence[Sequence[Counters]], wall_s: float) -> dict[str, JSON]:
    seconds = [counters.wall_s for costs in invokes for counters in costs]
    timing: dict[str, JSON] = {"wall_s": wall_s}
    if machine.is_remote:
        timing["running_s"] = sum(seconds)
    every = [counters for costs in invokes for counters in costs]
    if machine.is_native:
        timing["invoke_s"] = seconds
    if any(counters.cycles is not None for counters in every):
        timing["cycles"] = [[counters.cycles for counters in costs] for costs in invokes]
    if {"invoke_s", "cycles"} & set(timing):
        return {**timing, "repetitions": machine.repetitions}
    instructions = sum(counters.instructions or 0 for counters in every)
    if not instructions:
        return timing
    return {**timing, "simulated_mips": instructions / sum(seconds) / 1e6}
