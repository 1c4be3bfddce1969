"""The words of tables, pages and documents, each explained once: for `docs/glossary.md` and the end of every page."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from tinyflow.report.metrics import BY_NAME, METRICS

_COLUMNS = 150


def place_of(name: str) -> str:
    """`term-ram-as-linked`; of what has no letter, `term-33`."""
    return "term-" + (re.sub("[^a-z0-9]+", "-", name.lower()).strip("-") or "-".join(f"{ord(one):x}" for one in name))


@dataclass(frozen=True)
class Term:
    """One word; `metric` is the number that it heads, if it heads one."""

    name: str
    text: str
    metric: str = ""

    @property
    def place(self) -> str:
        """What its place in a page or document is called."""
        return place_of(self.name)

    @property
    def definition(self) -> str:
        """Of the metric."""
        return BY_NAME[self.metric].definition if self.metric else ""

    @property
    def unit(self) -> str:
        """Of the metric."""
        return BY_NAME[self.metric].unit if self.metric else ""


_TEXTS = {
    "invoke": "Machine instructions of one inference, exactly counted",
    "cycles": "Clock cycles of one inference as a model of the core and its flash estimates them, never measured; "
    "what the model's error is stands below each table",
    "latency": "Estimated cycles over the chip's clock",
    "energy": "Estimated: latency times the current and the voltage in the target's recipe",
    "set-up": "Machine instructions of what runs once before the first inference",
    "ROM": "Flash that the firmware takes: code, constants (the weights among them) and the first values of variables",
    "RAM": "What the firmware needs in RAM: all variables, the arena among them, the stack at its deepest and the heap "
    "at its fullest, of all samples. It is the one number that is called RAM; a bench that doesn't fit never ran, and "
    "shows RAM as linked",
    "arena": "The part of RAM in which activations, inputs, outputs and scratch lie, laid over each other where they "
    "aren't needed at one time",
    "instr/MAC": "Instructions of an inference over its multiply-accumulates",
    "time": "Wall time of one inference on the machine itself, not of a microcontroller",
    "memory": "Physical memory that an engine's process took on this machine",
    "counted": "Clock cycles of one inference by the chip's own counter, on a board",
    "board": "Counted cycles over the chip's clock: a measured time",
    "median time": "Time of one inference, the median of all repetitions",
    "time spread": "How much time varies among the repetitions of one sample",
    "median counted": "Counted cycles, the median of all repetitions",
    "counted spread": "How much counted cycles vary among the repetitions of one sample",
    "top-1": "How many labelled samples the firmware takes for what they are: the largest output is their class's",
    "AUC": "How well one number tells two kinds of labelled samples apart: the chance that one of the kind to be found "
    "has more of it than one of the other",
    "repeated": "How often every sample was measured",
}
_MORE = {
    "RAM as linked": "RAM with all that is set aside for stack and heap, used or not: what the linker holds against "
    "the chip's RAM, and what the map of a page shows. It is never less than RAM",
    "set aside": "Stack and heap that the target's recipe asks for (`stack`, `heap`), of which a run uses a part",
    "stack": "RAM of function calls. Its depth is what a painted stack shows to be overwritten, the worst sample's",
    "heap": "RAM that is asked for at run time; what tinyflow's backends generate has none",
    "scratch": "Memory that one layer needs while it runs, besides what it reads and writes; in the arena or on the "
    "stack",
    "parameters": "Constants of a layer as the model has them: weights, biases, tables",
    "MAC": "A multiplication whose product is added to a sum: what most of a network's arithmetic is",
    "layer": "An operator of the model as it is compiled, by its number there",
    "output": "The verdict on outputs, of every sample, held against the reference's",
    "exact": "Every output of every sample is the reference's, bit for bit",
    "within": "The largest difference of an output, in steps of its quantisation or as a share of its largest value, "
    "where the arithmetic isn't the reference's; more than the backend allows is an error",
    "wrong": "An output differs by more than the backend allows; the bench's status is `mismatch`",
    "!": "Behind a verdict: it says less than it seems to, and a note below the table says why",
    "weights": "Whether they are trained, or seeded random numbers in the same graph (synthetic), which say nothing of "
    "accuracy",
    "row by row": "Layers that compute a few rows at a time, so that what is between them is never whole in memory",
    "reference kernel": "The plain kernel of an operator; it takes over where a faster one isn't exact",
    "issue, load, branch, flash": "What estimated cycles of a layer are spent on: instructions themselves, waiting for "
    "what was loaded, taken branches, waiting for flash",
}
TERMS = (
    *(Term(metric.heading, _TEXTS[metric.heading], metric.name) for metric in METRICS if metric.heading),
    *(Term(name, text) for name, text in _MORE.items()),
)
PLACES = {term.name: term.place for term in TERMS}


def to_markdown() -> str:
    """The document of all terms and metrics."""
    lines = [
        "# Glossary",
        "",
        "What the words of tables, pages and these documents mean. Every page has it at its end.",
        "",
    ]
    for term in TERMS:
        known = f" `{term.metric}` [{term.unit}]: {term.definition}." if term.metric else ""
        text = f'- <a id="{term.place}"></a>**{term.name}**: {term.text}.{known}'
        lines += textwrap.wrap(text, _COLUMNS, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    lines += ["", "## Numbers without a column of their own", ""]
    lines += [f"- `{metric.name}` [{metric.unit}]: {metric.definition}" for metric in METRICS if not metric.heading]
    return "\n".join(lines) + "\n"
