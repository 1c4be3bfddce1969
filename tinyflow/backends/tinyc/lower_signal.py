"""Features of sound, TFLM's operators Signal…: a call of one kernel, or of a few that share a state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tinyflow.backends.programs.steps import REMEMBERED, Lowering, Operand, Step
from tinyflow.backends.tinynn.choice import plain
from tinyflow.backends.tinynn.sound import SOUNDS, Sound
from tinyflow.model.graph import Graph, Operator


def _lowering(sound: Sound) -> Lowering:
    """By its kernel, with the state behind what is read."""

    def lowering(graph: Graph, operator: Operator, variant: str) -> Iterator[Step]:
        fields = sound.fields_of(graph, operator)
        size_bytes = sound.state_bytes(graph, operator, fields)
        read = tuple(map(Operand, operator.inputs[: len(sound.read.split())]))
        made, *others = map(Operand, operator.outputs)

        def step(kernel: str, inputs: tuple[Operand, ...], output: Operand, remembered_bytes: int = 0) -> Step:
            return Step(
                operator.index, plain(variant, kernel, fields), inputs, output, remembered_bytes=remembered_bytes
            )

        if sound.kernel == "signal_scale":
            yield step("signal_headroom", read, others[0])
            yield step("signal_scale", (*read, others[0]), made)
        elif sound.kernel == "signal_subtract":
            yield step("signal_noise", read, _STATE, size_bytes)
            yield step("signal_subtract", (*read, _STATE), made)
            yield Step(operator.index, plain(variant, "copy", {"bytes": size_bytes}), (_STATE,), others[0])
        else:
            yield step(sound.kernel, (*read, _STATE) if size_bytes else read, made, size_bytes)
            for output in others:  # whether the first one is valid
                yield step("signal_is_valid", (_STATE,), output)

    return lowering


_STATE = Operand(REMEMBERED)
# form → operator → lowering
LOWERINGS: Mapping[str, Mapping[str, Lowering]] = {
    form: {name: _lowering(sound) for name, sound in sounds.items()} for form, sounds in SOUNDS.items()
}
