"""Examples of `firmware:`: what surrounds a network is right by itself, and with it gives what the reference gives."""

from __future__ import annotations

import ctypes
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import kept
import numpy as np
import pytest
from hypothesis import given, settings
from packed_firmware import (
    WARNINGS,
    Compiled,
    build,
    chip_of,
    input_of,
    pack,
    plan_of,
    run_tool,
    words_of,
)
from tests_support import write_models

from tinyflow.core.action import Action, Output
from tinyflow.core.errors import ModelError, UsageError
from tinyflow.flow.loader import Loader
from tinyflow.flow.planning.firmware import EXAMPLES, FORMS, Wanted, firmware
from tinyflow.model import tflite_reader
from tinyflow.model.graph import Graph
from tinyflow.model.interpreters import tflm
from tinyflow.model.zoo import synthesize
from tinyflow.stages.firmware import examples
from tinyflow.targets import elf
from tinyflow.targets.protocol import Machine, open_machine
from tinyflow.targets.unicorn.machine import Simulator

MODELS = {
    "speech": synthesize({"graph": "aww", "height": 13, "width": 9, "channels": 6, "blocks": 1}),
    "colours": synthesize({"graph": "resnet", "size": 11, "channels": 6, "stacks": 2}),
    "person": synthesize({"graph": "person_detection", "size": 36}),
    "curve": synthesize({"graph": "sine"}),
    "waking": synthesize({"graph": "streaming_wake_word"}),
}
FITTING = {"bare": "speech", "keywords": "speech", "camera": "colours", "sine": "curve"}
FRAMES, COEFFICIENTS = 13, 9  # of "speech"
# What docs/firmware.md promises: integers against real numbers.
MOST = 1 / 32


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loader]:
    """A session in a project with these models; what other tests built is a hit."""
    place = tmp_path_factory.mktemp("user")
    write_models(place, MODELS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("TINYFLOW_CACHE", str(kept.folder()))
        loader = Loader()
        yield loader
        loader.session.close()


# The features, by themselves


def features_of(frames: np.ndarray) -> np.ndarray:
    """MLPerf Tiny's features of frames of real numbers, from what tf.signal documents of the functions it calls."""

    def mel(hertz: Any) -> Any:
        return 1127 * np.log1p(np.asarray(hertz, float) / 700)

    edges = np.linspace(mel(20), mel(4000), 42)
    bins = mel(np.linspace(0, 8000, 257))[1:, None]  # the constant bin has no weight
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.pad(np.maximum(0, np.minimum(rising, falling)), ((1, 0), (0, 0)))
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(480) / 480)
    logs = np.log(abs(np.fft.rfft(frames * hann, 512)) @ weights + 1e-6)
    turns = np.outer(np.arange(COEFFICIENTS), np.arange(40) + 0.5) / 40
    return logs @ (np.sqrt(2 / 40) * np.cos(np.pi * turns)).T


def frames_of(sound: np.ndarray) -> np.ndarray:
    """Of 30 ms, 20 ms apart."""
    return np.lib.stride_tricks.sliding_window_view(sound, 480)[::320]


class Keywords:
    """The C of example keywords on this machine, around a network that notes its inputs and answers with their sums."""

    def __init__(self, library: Path) -> None:
        self.c = ctypes.CDLL(str(library))
        self.inputs = (ctypes.c_int8 * (64 * FRAMES * COEFFICIENTS)).in_dll(self.c, "noted")
        self.count = ctypes.c_int.in_dll(self.c, "noted_count")

    @property
    def recording(self) -> np.ndarray:
        """The sound that comes with it."""
        count = ctypes.c_int.in_dll(self.c, "recorded").value
        return np.array((ctypes.c_int16 * count).in_dll(self.c, "speech_recording"))

    def features(self, frames: np.ndarray) -> np.ndarray:
        """Of each frame, as real numbers."""
        found = np.zeros((len(frames), COEFFICIENTS), np.int16)
        for frame, row in zip(np.ascontiguousarray(frames, np.int16), found, strict=True):
            self.c.speech_mfcc(frame.ctypes.data_as(ctypes.c_void_p), row.ctypes.data_as(ctypes.c_void_p))
        return found / 128

    def hear(self, sound: np.ndarray, pieces: Sequence[int]) -> tuple[np.ndarray, list[tuple[int, ...]]]:
        """Inputs of all runs, and after each the word and the averages; pieces of these sizes, again and again."""
        self.c.speech_forget()
        self.count.value, at, told = 0, 0, []
        while at < len(sound):
            piece = np.ascontiguousarray(sound[at : at + pieces[len(told) % len(pieces)]], np.int16)
            at += len(piece)
            place, left = ctypes.c_void_p(piece.ctypes.data), ctypes.c_int32(len(piece))
            while ran := self.c.speech_hear(ctypes.byref(place), ctypes.byref(left)):
                assert ran == 1
                told.append((self.c.speech_word(), *(self.c.speech_average(i) for i in range(12))))
            assert left.value == 0 and place.value == piece.ctypes.data + 2 * len(piece)
        inputs = np.array(self.inputs[: self.count.value * FRAMES * COEFFICIENTS], np.int8)
        return inputs.reshape(-1, FRAMES, COEFFICIENTS), told


NETWORK = """
#include "speech.h"
#include "speech_recording.h"
int8_t speech_arena[1 << 16];
int8_t noted[64 * SPEECH_INPUT_COUNT];
int noted_count;
int recorded = SPEECH_RECORDING_SAMPLES;
int speech_setup(void) { return 0; }
int speech_invoke(void) {
  int32_t sum = 0;
  for (int32_t i = 0; i < SPEECH_INPUT_COUNT; ++i) {
    noted[noted_count * SPEECH_INPUT_COUNT + i] = speech_input()[i];
    sum += (i + 1) * speech_input()[i];
  }
  ++noted_count;
  for (int32_t i = 0; i < SPEECH_OUTPUT_COUNT; ++i) {
    speech_output()[i] = (int8_t)(sum >> i);
  }
  return 0;
}
"""


@pytest.fixture(scope="module")
def keywords(loader: Loader, tmp_path_factory: pytest.TempPathFactory) -> Keywords:
    """Compiled for this machine, without a warning."""
    work = tmp_path_factory.mktemp("keywords")
    folder = pack(loader, "speech-tinyc-stm32f4", work, example="keywords")
    (work / "network.c").write_text(NETWORK)
    module, cpu = words_of(loader, "speech-tinyc-host", "zig")
    flags = ["-O2", "-fPIC", "-ffreestanding", f"-I{folder}/src", f"-I{folder}/example", *WARNINGS, "-Wconversion"]
    sources = [path for path in (folder / "example").glob("*.c") if path.name != "main.c"]
    sources += [work / "network.c", folder / "chip" / "support" / "src" / "memory.c"]
    for source in sources:
        run_tool(module.compile_command(cpu, source, work / f"{source.name}.o", (), (), flags))
    (work / "exports").write_text("{ global: *; };\n")
    objects = sorted(work.glob("*.o"))
    run_tool(module.link_command(cpu, objects, [], work / "exports", work / "keywords.so", work / "map"))
    return Keywords(work / "keywords.so")


def sounds() -> st.SearchStrategy[np.ndarray]:
    """Noise and tones of any loudness, some cut off at full scale."""

    def sound(seed: int, noise: float, tones: list[tuple[float, float]]) -> np.ndarray:
        time = np.arange(9000) / 16000
        made = np.random.default_rng(seed).uniform(-noise, noise, len(time))
        for hertz, size in tones:
            made += size * np.sin(2 * np.pi * hertz * time)
        return np.clip(np.round(made), -32768, 32767).astype(np.int16)

    loud = st.floats(0, 15).map(lambda power: 2.0**power)
    return st.builds(
        sound,
        st.integers(0, 1 << 30),
        st.one_of(st.just(0.0), loud),
        st.lists(st.tuples(st.floats(30, 7900), loud), max_size=3),
    )


@pytest.mark.slow
@given(sound=sounds())
def test_features_are_those_of_mlperf_tiny(keywords: Keywords, sound: np.ndarray) -> None:
    """Integers against real numbers; and by the largest sample of a clip, what the network gets against all of it."""
    frames = frames_of(sound)
    assert abs(keywords.features(frames) - features_of(frames / 32768)).max() <= MOST
    inputs, _ = keywords.hear(sound, [len(sound)])
    graph = read("speech")
    scheme = graph.tensors[graph.inputs[0]].quantisation
    assert scheme is not None and len(inputs) == 2
    for run, got in enumerate(inputs):
        latest = frames[10 * run :][:FRAMES]
        if latest.max() >= 256:  # quieter ones have a floor that depends on how loud they are
            wanted = features_of(latest / latest.max()) / scheme.scale + scheme.zero_point
            assert abs(np.clip(wanted, -128, 127) - got).max() <= 0.5 + 2 * MOST / scheme.scale


@pytest.mark.slow
def test_no_sound_is_too_quiet_or_too_loud(keywords: Keywords) -> None:
    """Zeros are the floor in all filters; constants at either end, and full scale in nothing that a filter sees."""
    ends = np.array([np.zeros(480), np.full(480, 32767), np.full(480, -32768), np.tile([32767, -32768], 240)], np.int16)
    apart = abs(keywords.features(ends) - features_of(ends / 32768)).max(axis=1)
    assert apart[:3].max() <= MOST and apart[3] < 0.25


@pytest.mark.slow
@given(pieces=st.lists(st.integers(1, 2000), min_size=1, max_size=12), sound=sounds())
@settings(max_examples=30)
def test_pieces_of_any_size_are_the_same(keywords: Keywords, pieces: list[int], sound: np.ndarray) -> None:
    """Inputs of every run, words and averages: as if all of it came at once."""
    sound = np.concatenate([sound, keywords.recording])
    inputs, told = keywords.hear(sound, [len(sound)])
    assert len(told) == len(inputs) == 1 + (len(sound) - 480 - 320 * (FRAMES - 1)) // 3200
    again, told_again = keywords.hear(sound, pieces)
    assert inputs.tobytes() == again.tobytes() and told == told_again


@pytest.mark.slow
def test_words_are_averages_that_are_large_enough(keywords: Keywords) -> None:
    """Outputs of three runs in a row; then a pause; and forgotten, nothing of it is left."""
    sound = np.tile(keywords.recording, 3)
    inputs, told = keywords.hear(sound, [160])
    weights = np.arange(1, FRAMES * COEFFICIENTS + 1)
    sums = [int(weights @ one.ravel().astype(int)) for one in inputs]
    outputs = [[(total >> place & 255) - 2 * (total >> place & 128) for place in range(12)] for total in sums]
    pause, words = 0, []
    for run, (word, *averages) in enumerate(told):
        last = np.array(outputs[max(0, run - 2) : run + 1])
        assert averages == [int(value) for value in np.trunc(last.sum(0) / len(last))]
        sure = run >= 2 and max(averages) >= 26  # 0.6, by the output's scale of 1 / 256
        wanted = int(np.argmax(averages)) if sure and not pause else -1
        assert word == wanted
        pause = 4 if wanted >= 0 else max(0, pause - 1)
        words.append(wanted)
    assert any(word >= 0 for word in words) and len({*words}) > 1
    assert keywords.hear(sound, [160])[1] == told


# On the simulator, with the network


class Noted:
    """What a network reads and writes, of each call of it."""

    def __init__(self, machine: Machine, plan: dict[str, Any], *, is_fed: bool) -> None:
        self._machine, self._plan, self._is_fed = machine, plan, is_fed
        self.runs: list[tuple[bytes, bytes]] = []
        self._before = b""

    def begun(self, _: str) -> None:
        """Its input is written."""
        port = self._plan["inputs"][0]
        self._before = b"" if self._is_fed else self._machine.read(port["symbol"], port["bytes"])

    def ended(self) -> None:
        """Its output is there."""
        port = self._plan["outputs"][0]
        self.runs.append((self._before, self._machine.read(port["symbol"], port["bytes"])))


def program_of(loader: Loader, bench: str, example: str) -> tuple[Action, Path]:
    """What links a bench's firmware with an example, and that."""
    plan_of(loader, bench)
    packed = firmware(plan_of(loader, bench), loader.catalogue, Wanted(example=example))
    made = packed.inputs["example.json"]
    assert isinstance(made, Output)
    loader.session.bring_about(made.action)
    return made.action, loader.session.output_path(made.action, "firmware.elf")


def ran(loader: Loader, bench: str, firmware_path: Path) -> tuple[list[tuple[bytes, bytes]], Simulator]:
    """Inputs and outputs of each run of the network within `main`, which comes to its end; the machine."""
    run = next(action for action in plan_of(loader, bench).actions if action.stage == "run")
    plan = json.loads(input_of(loader, run, "plan.json").read_text())
    files = {name: input_of(loader, run, name) for name in run.inputs if name.endswith(".so")}
    machine = open_machine(run.parameters["target"], files)
    assert isinstance(machine, Simulator)
    own = {symbol.name for symbol in elf.read(firmware_path).functions}
    callers = ("main", "model_hear", "run", "end_line", "model_camera_rgb565", "model_camera_grey", "line_ready")
    for caller in own.intersection(callers):  # whichever it became a part of
        machine.load(firmware_path)
        noted = Noted(machine, plan, is_fed=bool(plan.get("feed")))
        status = machine.follow("main", caller, ["model_invoke"], noted, limit_instructions=1 << 30)
        if noted.runs:
            assert status == -1  # the recording is over
            return noted.runs, machine
    raise AssertionError("nobody calls the network")


def answers(model: str, inputs: Sequence[np.ndarray]) -> list[bytes]:
    """TFLM's outputs for inputs, one after the other."""
    graph = read(model)
    invoke = tflm(MODELS[model], graph)
    shape = graph.tensors[graph.inputs[0]].shape
    return [invoke([one.reshape(shape)])[0].tobytes() for one in inputs]


def read(model: str) -> Graph:
    """Its graph."""
    return tflite_reader.read(MODELS[model])


TARGETS = ("stm32f7", "esp32c3", "rp2040")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tinyc", "tvmaotplus"])
@pytest.mark.parametrize("target", TARGETS)
def test_keywords_on_a_chip(loader: Loader, keywords: Keywords, target: str, backend: str) -> None:
    """The network's inputs are those of this machine, byte for byte, its outputs TFLM's."""
    bench = f"speech-{backend}-{target}"
    inputs, _ = keywords.hear(keywords.recording, [160])
    runs, machine = ran(loader, bench, program_of(loader, bench, "keywords")[1])
    assert [before for before, _ in runs] == [one.tobytes() for one in inputs]
    assert len(runs) == 6 and len({before for before, _ in runs}) == 6
    assert [after for _, after in runs] == answers("speech", inputs)
    assert int.from_bytes(machine.read("model_runs", 4), "little") == 6


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("clang-22") is None, reason="clang 22 is not installed")
def test_keywords_on_an_esp32(loader: Loader, keywords: Keywords) -> None:
    """On QEMU, which sees no calls: after the last run of the recording the outputs are TFLM's."""
    bench = "speech-tinyc-esp32"
    _, path = program_of(loader, bench, "keywords")
    run = next(action for action in plan_of(loader, bench).actions if action.stage == "run")
    files = {name: input_of(loader, run, name) for name in run.inputs if name.endswith(".so")}
    machine = open_machine(run.parameters["target"], files)
    try:
        machine.load(path)
        assert machine.call("main", limit_instructions=1 << 30)[0] == -1
        port = json.loads(input_of(loader, run, "plan.json").read_text())["outputs"][0]
        inputs, _ = keywords.hear(keywords.recording, [160])
        assert machine.read(port["symbol"], port["bytes"]) == answers("speech", inputs)[-1]
        assert int.from_bytes(machine.read("model_runs", 4), "little") == len(inputs)
    finally:
        machine.close()


def of_bits(words: np.ndarray, place: int, bits: int) -> np.ndarray:
    """A colour of so many bits as one of eight: its digits over and over, as far as there is room."""
    known = [int((f"{value:0{bits}b}" * 2)[:8], 2) for value in range(1 << bits)]
    return np.array(known)[words >> place & ((1 << bits) - 1)]


def pictures(model: str, sensor: tuple[int, int]) -> list[np.ndarray]:
    """What of the recorded picture, and of it upside down, a network gets: real numbers of its pixels."""
    graph = read(model)
    tensor = graph.tensors[graph.inputs[0]]
    _, rows, columns, channels = tensor.shape
    from tinyflow.stages.firmware.examples import camera

    port = {"kind": "input", "shape": tensor.shape, "zero_point": tensor.quantisation.zero_point}  # type: ignore[union-attr]
    scale = tensor.quantisation.scale  # type: ignore[union-attr]
    description = {"ports": [{**port, "scale": f"{scale:.9g}f", "lowest": "-128", "highest": "127"}]}
    lines = np.array(camera.values(description)["lines"])
    if channels == 3:
        words = lines[:, ::2] << 8 | lines[:, 1::2]
        levels = np.stack([of_bits(words, 11, 5), of_bits(words, 5, 6), of_bits(words, 0, 5)], -1)
    else:
        levels = lines[..., None]
    zoom, step = sensor[1] // 120, min(sensor[0] // columns, sensor[1] // rows)
    seen = levels.repeat(zoom, 0).repeat(zoom, 1)
    top, left = (sensor[1] - rows * step) // 2, (sensor[0] - columns * step) // 2
    low, high = {"colours": (0, 255), "person": (-1, 1)}[model]
    found = []
    for whole in (seen, seen[::-1]):
        part = whole[top : top + rows * step : step, left : left + columns * step : step]
        real = (low + (high - low) * part / 255) / scale + port["zero_point"]
        found.append(np.clip(np.floor(real + 0.5), -128, 127).astype(np.int8))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("bench", ["colours-tinyc", "person-tinyc", "colours-tinyc-{}+feed", "person-tinyc-{}+feed"])
def test_a_camera_on_a_chip(loader: Loader, bench: str, target: str) -> None:
    """Pixels of the sensor become the network's input, whole or row by row; outputs are TFLM's, for both pictures."""
    bench = bench.format(target) if "{}" in bench else f"{bench}-{target}"
    model = bench.partition("-")[0]
    seen = pictures(model, (160, 120))
    assert len({one.tobytes() for one in seen}) == 2
    runs, machine = ran(loader, bench, program_of(loader, bench, "camera")[1])
    if "feed" not in bench:
        assert [before for before, _ in runs] == [one.tobytes() for one in seen]
    assert [after for _, after in runs] == answers(model, seen)
    largest = int(np.argmax(np.frombuffer(runs[-1][1], np.int8)))
    assert [int.from_bytes(machine.read(f"model_{name}", 4), "little") for name in ("pictures", "largest")] == [
        2,
        largest,
    ]


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_a_sine_on_a_chip(loader: Loader, target: str) -> None:
    """For each x of a period the network's y, by its own quantisation, near to the sine."""
    bench = f"curve-tinyc-{target}"
    runs, _ = ran(loader, bench, program_of(loader, bench, "sine")[1])
    graph = read("curve")
    first, last = (graph.tensors[index].quantisation for index in (graph.inputs[0], graph.outputs[0]))
    assert first is not None and last is not None
    sweep = np.float32(2 * np.pi) / np.float32(64) * np.arange(64, dtype=np.float32)
    inputs = np.clip(np.floor(sweep / np.float32(first.scale) + 0.5) + first.zero_point, -128, 127).astype(np.int8)
    assert [before for before, _ in runs] == [one.tobytes() for one in inputs]
    assert [after for _, after in runs] == answers("curve", [*inputs])
    values = np.array([np.frombuffer(after, np.int8)[0] for _, after in runs], float)
    assert abs((values - last.zero_point) * last.scale - np.sin(sweep)).max() < 0.06


# As files


def examples_of(folder: Path, form: str) -> list[Path]:
    """The sources of an example, read back from what the form's files list."""
    texts = {path: path.read_text() for path in folder.rglob("*") if path.suffix in (".txt", ".pdsc")}
    patterns = {
        "cmake": r"^    (example/\S+\.c)$",
        "zephyr": r"(src/\w+\.c)(?=[ )])",
        "esp-idf": r"(?<=[ ])(\w+\.c)(?= )",
        "cmsis-pack": r'category="source" name="([^"]+)" attr="template"',
    }
    if form in patterns:
        pattern = re.compile(patterns[form], re.MULTILINE)
        wanted = {"zephyr": "samples", "esp-idf": "main"}.get(form, "")
        found = [
            (path.parent if form in ("zephyr", "esp-idf") else folder) / name
            for path, text in texts.items()
            if wanted in path.as_posix().removeprefix(folder.as_posix())
            for name in pattern.findall(text)
        ]
    else:
        place = {"c": "example", "arduino": "examples/*", "platformio": "examples/*/src"}[form]
        found = [path for path in folder.glob(f"{place}/*") if path.suffix in (".c", ".ino")]
    main = next(path for path in folder.rglob("*") if path.name in ("main.c", f"{folder.name}.ino"))
    assert {*found} == {path for path in main.parent.iterdir() if path.suffix in (".c", ".ino")}
    return sorted(found)


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize("form", FORMS)
def test_examples_of_each_form_compile_without_a_warning(
    loader: Loader, form: str, compiler: str, tmp_path: Path
) -> None:
    """All examples, fed ones too, by the files that the form lists; a sketch is C++."""
    for example, model in [*FITTING.items(), ("camera", "colours+feed"), ("keywords", "waking")]:
        name, _, feature = model.partition("+")
        bench = f"{name}-tinyc-stm32f4{'+' if feature else ''}{feature}"
        folder = pack(loader, bench, tmp_path / f"{example}-{model}", form, example=example)
        module, cpu = words_of(loader, bench, compiler)
        for source in examples_of(folder, form):
            compiled = source
            if source.suffix == ".ino":
                compiled = source.with_suffix(".cpp")
                source.rename(compiled)
            flags = ["-O2", "-ffreestanding", f"-I{folder}/src", f"-I{source.parent}", *WARNINGS, "-Wconversion"]
            run_tool(module.compile_command(cpu, compiled, tmp_path / "object.o", (), (), flags))


@pytest.mark.slow
@pytest.mark.parametrize("target", ["stm32f4", "rp2040", "esp32c3", "esp32"])
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_readme_says_what_it_takes(loader: Loader, example: str, target: str, tmp_path: Path) -> None:
    """The bench's ROM and RAM and what `main` adds: as the folder has it, built with the bench's compiler and flags."""
    compiler = "llvm" if target == "esp32" else "zig"
    if compiler == "llvm" and shutil.which("clang-22") is None:
        pytest.skip("this compiler is not installed")
    bench = f"{FITTING[example]}-tinyc-{target}"
    folder = pack(loader, bench, tmp_path, example=example)
    text = (folder / "README.md").read_text()
    found = re.search(r"with the example's `main` \| (\d+) bytes of ROM, (\d+) of RAM", text)
    assert found is not None
    groups = re.findall(r"^    (-O\S.*?)  \(\d+ files, (\S+) …\)$", text, re.MULTILINE)
    flags = {place.split("/")[2]: words.split() for words, place in groups}
    own = [Compiled(path, flags[path.relative_to(folder).parts[2]]) for path in (folder / "src").rglob("*.[cS]")]
    script = folder / "chip" / "link.ld"
    action, own_path = program_of(loader, bench, example)
    firmware_path = build(loader, bench, compiler, [*sorted(own), *chip_of(folder)], script, tmp_path / "built", action)
    sizes = elf.sizes(elf.read(firmware_path), action.parameters["target"]["memory"])
    rom, ram = (int(number) for number in found.groups())
    assert abs(sizes["rom_bytes"] - rom) <= 16  # functions in another order are at other distances from what they read
    assert sizes["ram_data"] + sizes["ram_bss"] == ram
    link = next(one for one in plan_of(loader, bench).actions if one.stage == "link")
    alone, bench_path = loader.session.read_json(link, "sizes.json"), loader.session.output_path(link, "firmware.elf")
    before = {symbol.name for symbol in elf.read(bench_path).symbols} - {"main"}
    kinds = {section.name: section.is_writable for section in elf.read(own_path).sections}
    parts = [one for one in elf.read(own_path).symbols if one.name not in before and one.kind != "label"]
    places = {one.address: (kinds[one.section], one.size_bytes) for one in parts}  # some have two names
    added = {kind: sum(size for is_ram, size in places.values() if is_ram is kind) for kind in (False, True)}
    assert added[True] > 0 and 0 <= ram - alone["ram_data"] - alone["ram_bss"] - added[True] <= 16
    # the bench's own `main` goes; alignment and Xtensa's literals have no symbols
    assert -64 <= rom - alone["rom_bytes"] - added[False] <= 256


@pytest.mark.slow
def test_two_networks_with_two_examples(loader: Loader, keywords: Keywords, tmp_path: Path) -> None:
    """A microphone and a camera in one firmware, one main after the other: both end as they do alone."""
    parts = {"ear": ("speech-tinyc-stm32f7", "keywords"), "eye": ("colours-tinyc-stm32f7+feed", "camera")}
    compiled: list[Compiled] = []
    chips: dict[str, Compiled] = {}
    for prefix, (bench, example) in parts.items():
        folder = pack(loader, bench, tmp_path, prefix=prefix, example=example)
        flags = ["-O3", "-ffreestanding", "-ffp-contract=off"]
        compiled += [Compiled(path, flags) for path in sorted((folder / "src").rglob("*.[cS]"))]
        for one in chip_of(folder):
            if one.source.parent.name == "example":
                compiled.append(Compiled(one.source, [*one.flags, f"-Dmain={prefix}_main"]))
            else:
                chips[one.source.name] = one  # one start-up for both
    (tmp_path / "both.c").write_text(
        "int ear_main(void);\nint eye_main(void);\nint main(void) { return ear_main() + eye_main(); }\n"
    )
    compiled.append(Compiled(tmp_path / "both.c", ["-O2"]))
    bench, script = parts["ear"][0], tmp_path / "ear" / "chip" / "link.ld"
    firmware_path = build(loader, bench, "gcc", [*compiled, *chips.values()], script, tmp_path / "built")
    run = next(action for action in plan_of(loader, bench).actions if action.stage == "run")
    files = {name: input_of(loader, run, name) for name in run.inputs if name.endswith(".so")}
    machine = open_machine(run.parameters["target"], files)
    machine.load(firmware_path)
    assert machine.call("main", limit_instructions=1 << 30)[0] == -2
    heard, _ = keywords.hear(keywords.recording, [160])
    seen = pictures("colours", (160, 120))
    for prefix, model, inputs in (("ear", "speech", [*heard]), ("eye", "colours", seen)):
        run = next(one for one in plan_of(loader, parts[prefix][0]).actions if one.stage == "run")
        port = json.loads(input_of(loader, run, "plan.json").read_text())["outputs"][0]
        symbol = port["symbol"].replace("model_", f"{prefix}_")
        assert machine.read(symbol, port["bytes"]) == answers(model, inputs)[-1]


# What they aren't for


def test_every_example_is_known() -> None:
    """To those who plan, and to those who write; templates there are for no other."""
    assert tuple(examples.EXAMPLES) == EXAMPLES
    folder = Path(__file__).parents[2] / "templates" / "firmware" / "examples"
    assert {path.name for path in folder.iterdir()} == {*EXAMPLES}
    for name, example in examples.EXAMPLES.items():
        parts = {path.name.removesuffix(".j2") for path in (folder / name).iterdir()}
        assert parts == {"body.c", *example.parts}
    with pytest.raises(UsageError, match='there is no "keyword"'):
        Wanted(example="keyword")


def port(kind: str, shape: list[int], dtype: str = "int8", scale: str = "0.5f") -> dict[str, Any]:
    """As a description has it."""
    count = int(np.prod(shape))
    return {"kind": kind, "name": kind, "shape": shape, "count": count, "dtype": dtype, "scale": scale, "zero_point": 0}


@pytest.mark.parametrize(
    ("example", "ports", "told"),
    [
        ("keywords", [port("input", [1, 490]), port("output", [1, 12])], "no frames of at most 40 features"),
        ("keywords", [port("input", [1, 49, 41, 1]), port("output", [1, 12])], "no frames of at most 40 features"),
        ("keywords", [port("input", [1, 49, 10], "float32", ""), port("output", [1, 12])], "its input is float32"),
        ("keywords", [port("input", [1, 49, 10]), port("output", [1, 2], "int32")], "its output is int32"),
        ("keywords", [*(port("input", [1, 9]),) * 2, port("output", [1, 2])], "it has 2 inputs"),
        ("keywords", [port("input", [1, 9, 9], scale="1e-7f"), port("output", [1, 2])], "its input's scale is 1e-7f"),
        ("camera", [port("input", [1, 49, 10]), port("output", [1, 2])], "no picture"),
        ("camera", [port("input", [1, 49, 10, 2]), port("output", [1, 2])], "no picture"),
        ("camera", [port("input", [1, 49, 10, 1]), port("output", [1, 2])], "longer than a camera's picture"),
        ("camera", [port("input", [1, 500, 300, 3]), port("output", [1, 2])], "larger than 640 x 480"),
        ("camera", [port("input", [1, 32, 32, 3], "int16"), port("output", [1, 2])], "its input is int16"),
        ("sine", [port("input", [1, 2]), port("output", [1, 1])], "its input has 2 values"),
        ("sine", [port("input", [1, 1], "int32", ""), port("output", [1, 1])], "int32 without a scale"),
    ],
)
def test_networks_that_an_example_is_not_for(example: str, ports: list[dict[str, Any]], told: str) -> None:
    """What it is, and what would do, in one line each."""
    with pytest.raises(ModelError, match=told) as refused:
        examples.check(example, {"bench": "b", "ports": ports, "feed": None, "has_reset": False})
    assert refused.value.hint.startswith("it takes") and "\n" not in str(refused.value.what)


@pytest.mark.parametrize(
    ("scale", "zero_point", "brightest"),
    [
        ("0.00392156886f", -128, 127),  # 0 to 1
        ("0.00784313772f", -1, 126),  # -1 to 1: 1 is 127.5 steps
        ("1.0f", -128, 127),  # 0 to 255
        ("0.0254f", 20, 127),  # nothing known: all that the input can hold
        ("0.00407f", -128, 118),  # a calibration that saw a little more than 1
    ],
)
def test_pixels_are_what_the_scale_suggests(scale: str, zero_point: int, brightest: int) -> None:
    """Of the ranges that networks are trained on, else all of the input's range."""
    known = {**port("input", [1, 96, 96, 3], scale=scale), "zero_point": zero_point, "lowest": "-128", "highest": "127"}
    levels = examples.EXAMPLES["camera"].values({"ports": [known]})["levels"]
    assert levels == sorted(levels) and len(levels) == 256
    assert (levels[0], levels[255]) == (-128, brightest)


@pytest.mark.slow
def test_the_sensor_is_the_smallest_that_holds_the_picture() -> None:
    """And of it the middle, as much as whole steps give."""
    found = [
        [
            examples.EXAMPLES["camera"].values({"ports": [{**port("input", [1, size, size, 1]), **ends}]})[name]
            for name in wanted
        ]
        for ends in [{"lowest": "-128", "highest": "127"}]
        for wanted in [("width", "height", "step")]
        for size in (32, 96, 121, 224, 241)
    ]
    assert found == [[160, 120, 3], [160, 120, 1], [320, 240, 1], [320, 240, 1], [640, 480, 1]]
