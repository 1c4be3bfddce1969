"""`doit` alone and `doit help`: what can be typed, by examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from doit.cmd_help import Help as DoitHelp

from tinyflow.core.errors import UsageError
from tinyflow.flow.command_list import COMMANDS, GROUPS, UNSUPPORTED
from tinyflow.flow.commands.command import Refusing
from tinyflow.recipes.catalogue import KINDS
from tinyflow.recipes.suggest import hint_for

_TEXT = """\
Deploys neural networks on microcontrollers and compares them; equal work runs once.

  {bin} bench:vww-tvmaot-stm32f7        one bench: model-backend-target[+feature[.value]]…
  {bin} 'bench:aww-*'                   every known bench that a pattern matches
  {bin} suite:mlperf_tiny               all benches of a suite, and its report
  {bin} report:mlperf_tiny              the report of what is known already; runs nothing
  {bin} shrink:vww                      build/shrink/vww.tflite: the same outputs, without what no input changes
  {bin} quantise:./my_net.onnx          build/quantise/my_net.tflite: int8 after training, and what each layer loses
  {bin} export-onnx:vww                 build/export-onnx/vww.onnx: integers as QDQ; vww_float.onnx: dequantised
  {bin} layers:vww-tinyc-stm32f7        each layer as a model of its own, benched alone; one of them: bench:…+layer.3
  {bin} profile:vww-tinyc-stm32f7       instructions, loads, stores per layer and function; build/profile/
  {bin} trace:vww-tinyc-stm32f7         bytes read and written per layer and symbol, reuse; `--cache 16KiB,4,32`
  {bin} pareto:vww-tinyc-stm32f7        RAM against instructions: by rows, chase, patches; build/pareto/
  {bin} plot:mlperf_tiny --kind bars    for papers: bars, pareto, layers as --format pdf, pgf, svg, png; build/plots/
  {bin} accuracy:vww-tinyc-stm32f7      how right it is over the labelled samples of its recipe; build/accuracy/

  {bin} init my_project --model my_net.tflite   a project of your own, with your model
  {bin} list                            suites and known benches
  {bin} plan suite:mlperf_tiny          what would run, and why; runs nothing
  {bin} explain bench:vww-tvmaot-stm32f7    how its results came about
  {bin} check my_net.tflite             which backends take it, where it fits, and all that speaks against it
  {bin} fit vww --latency 100ms         which chips and backends do it, with so much --ram, --flash, --energy
  {bin} sweep vww-tvmaotplus-stm32f7 --feature opt.O2,O3 --feature layout.NHWC,NCHW    all combinations, as a table
  {bin} models                          models with shapes, operators, weights
  {bin} targets                         chips with core, clock, memories, what runs them, what is missing here
  {bin} backends                        what compiles or interprets: operators, targets, features, what is missing here
  {bin} features                        what +feature can be, who takes it, what excludes what
  {bin} suites                          what is in each suite, and which benches can't run here
  {bin} boards                          debug probes and serial ports, boards that recipes know
  {bin} cluster tcp://host:8786         the machines that `--cluster tcp://host:8786` has actions run on
  {bin} fetch vww                       get a model's real file
  {bin} doctor                          which tools are here, what is missing, and whether all recipes are right
  {bin} schema                          recipes/schemas/*.json: what recipes may hold, for editors
  {bin} verify bench:vww-tvmaot-stm32f7     rebuild it from nothing and compare every artifact
  {bin} export:vww-tvmaot-stm32f7       an archive with all that it was made from; same bytes anywhere
  {bin} firmware:vww-tinyc-stm32f7 --for cmake    its C, a header and an example, for your own build system
  {bin} verify FILE.tar.gz              check an archive, and rebuild it from what is in it
  {bin} import FILE.tar.gz              take what an archive holds into the cache; runs nothing
  {bin} cache stats                     size, hit rate, time saved; also verify, gc --keep 5GiB, uses DIGEST

  {bin} watch bench:vww-tinyc-stm32f7   run it again whenever a kernel, recipe or model is saved
  {bin} bisect-layer vww-tinyc-stm32f7  the layer whose output is wrong, or whose kernel faults
  {bin} bisect-commit vww-tinyc-stm32f7 --good HEAD~20    the commit that changed a number, or another --metric
  {bin} debug vww-tinyc-stm32f7         the firmware, stopped at its invoke, behind a port for GDB
  {bin} tuning                          records of tuned kernels: list, export BENCH, import FILE
  {bin} cycles                          what boards measured beside what is estimated; `cycles add FILE.csv` takes more
  {bin} graph vww-tvmaot-stm32f7        the actions of a bench as DOT, Mermaid or SVG
  {bin} results --where 'ram_bytes<64KiB'    query what was measured; csv, json, md, xlsx, parquet
  {bin} compare tvmaot tvmaotplus       two suites, reports, benches, features, revisions
  {bin} baseline save mlperf_tiny       keep results; `baseline check` holds later ones against them
  {bin} history vww-tvmaot-stm32f7      what a bench measured over time
  {bin} tabcompletion                   a script that completes names in your shell

  {bin} help <command>                  options of a command, also `<command> --help`; and what there is about any word
  -n 4: four actions at once   -v 2: tell everything   --no-continue: stop at the first failure
"""


# a word of the lines above ← what somebody may call it
_OTHER_WORDS = {
    "firmware": "zephyr arduino esp-idf platformio deploy source code c",
    "chips": "mcu mcus microcontroller device hardware processor cpu",
    "latency": "speed time performance energy fast",
    "quantise": "quantize quantization quantisation int8",
    "doctor": "install setup missing",
    "init": "start new begin",
    "backends": "operators ops supported runtime framework",
    "features": "options flags",
    "my_net": "network net tflite keras pytorch",
    "report": "html page table",
    "RAM": "size arena",
    "wrong": "mismatch accuracy",
}


def overview(bin_name: str) -> str:
    """What a person who knows nothing yet should read."""
    return _TEXT.format(bin=bin_name)


class Help(Refusing, DoitHelp):  # type: ignore[misc]  # doit has no types
    """doit's help of a command, else our overview."""

    name = "help"
    doc_purpose = "what can be typed, or all about one command"
    doc_usage = "[COMMAND | GROUP | WORD]"
    doc_description = """\
Of a word that is neither, such as the name of a chip, what there is about it.
Example: doit help results
Example: doit help firmware"""

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print it."""
        del params
        if not args:
            print(overview(self.bin_name), end="")
            return 0
        word = args[0].partition(":")[0] if len(args) == 1 else " ".join(args)
        told = list(self._about(word))
        if not told:
            hint = hint_for(args[-1], sorted(COMMANDS), "commands")
            raise UsageError(f'there is no command "{word}"', hint=hint)
        print("\n".join(told))
        return 0

    def _about(self, word: str) -> Iterator[str]:
        """What can be told of a command, a group of tasks, a recipe, or any other word."""
        if word in UNSUPPORTED:
            raise UsageError(f"there is no {word} here", hint=UNSUPPORTED[word].format(bin=self.bin_name))
        if word in COMMANDS or word in GROUPS:
            if word in GROUPS:
                yield from _examples(self.bin_name, f"{self.bin_name} {word}:")
                yield f"  {self.bin_name} {word}:…   takes these options:\n"
            name = word if word in COMMANDS else "run"
            yield self.cmds[name](cmds=self._cmds, **self.init_kwargs).help()
            return
        catalogue = self.loader.catalogue
        for kind, (noun, plural, *_) in KINDS.items():
            if catalogue.has(kind, word):
                yield f"{word} is a {noun}: {catalogue.get(kind, word).description}"
                if plural in COMMANDS:
                    yield f"  {self.bin_name} {plural} {word}"
                return
        yield from _examples(
            self.bin_name, next((one for one, others in _OTHER_WORDS.items() if word.lower() in others.split()), word)
        )


def _examples(bin_name: str, word: str) -> list[str]:
    """Lines of the overview with a word, or with one that begins so."""
    lines = [line for line in overview(bin_name).splitlines() if line.startswith(f"  {bin_name} ")]
    return [line for line in lines if re.search(rf"\b{re.escape(word)}", line, re.IGNORECASE)]
