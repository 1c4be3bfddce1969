"""`doit fit`: which chips and backends run a model within a time and so much memory; builds and runs what it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TextIO

from tinyflow.core.errors import UsageError
from tinyflow.core.units import parse_energy, parse_size, parse_time
from tinyflow.flow.commands.command import option, parse_timeout, run_options
from tinyflow.flow.commands.run import Run
from tinyflow.flow.loader import Loader
from tinyflow.flow.planning.available import lacking
from tinyflow.flow.planning.cycle_models import no_cycles
from tinyflow.flow.planning.options import check_options
from tinyflow.flow.session.display import width_of
from tinyflow.recipes.bench import Bench
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.own_model import is_path
from tinyflow.recipes.resolve import processor_of, resolve
from tinyflow.recipes.schema import Target
from tinyflow.report import fit, tables
from tinyflow.targets.protocol import capabilities

# option → metric, how its value is read, and what that is in the metric's unit
_LIMITS: dict[str, tuple[str, Callable[[str], float], float]] = {
    "latency": ("latency_ms", parse_time, 1e3),
    "ram": ("ram_bytes", parse_size, 1),
    "flash": ("rom_bytes", parse_size, 1),
    "energy": ("energy_uj", parse_energy, 1e6),
}
# What a bench is tried with besides plain, where backend and target know it: more of the processor's instructions.
_VARIANTS = ((), (("dsp", None),))


class Fit(Run):
    """A run of the benches that may fit, and a table of those that do."""

    name = "fit"
    doc_purpose = "which chips and backends run a model within a time, RAM, flash and energy, with margins"
    doc_usage = "FILE|MODEL"
    doc_description = """\
Builds and runs every backend that takes the model on every simulated chip whose cycles can be estimated, or on those
that are named. Latency and energy are estimates: "fits" is said where they keep the limit even if they are as far off
as their model may be, "perhaps" where that error decides it. Exit status 1 where nothing fits.
Example: doit fit vww --latency 100ms --ram 64KiB --flash 256KiB"""
    cmd_options = (
        option("latency", "the longest that one inference may take: 100ms"),
        option("ram", "the most RAM, with the stack at its deepest: 64KiB"),
        option("flash", "the most flash: 256KiB"),
        option("energy", "the most energy of one inference, where a target's recipe says what it draws: 500uJ"),
        option("target", "only this target; may be given several times", [], short="t", name="targets"),
        option("backend", "only this backend; may be given several times", [], short="b", name="backends"),
        *run_options(),
    )

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Run what may fit."""
        if params["timeout"]:
            parse_timeout(params["timeout"])  # before anything is read
        if len(args) != 1:
            raise UsageError("fit takes one model", hint="for example doit fit vww --latency 100ms --ram 64KiB")
        self._limits = dict(_limits(params))
        if not self._limits:
            raise UsageError("fit needs a limit", hint="for example --latency 100ms, --ram 64KiB, --flash 256KiB")
        self._left_out: dict[str, str] = {}
        benches = list(self._candidates(args[0], params["targets"], params["backends"]))
        if not benches:
            why = "; ".join(dict.fromkeys(self._left_out.values())) or "no backend takes it"
            raise UsageError(
                f"nothing can be tried: {why}", hint=f"`doit check {args[0]}` tells all that speaks against it"
            )
        self._has_found = False
        status = super().execute(params, [f"bench:{bench}" for bench in benches])
        return status if status > 1 else int(not self._has_found)

    def _candidates(self, model: str, targets: list[str], backends: list[str]) -> Iterator[Bench]:
        """The benches that a build may prove right, by all that is known without one."""
        from tinyflow.flow.planning.suitability import assess, tidied

        loader: Loader = self.loader
        catalogue = loader.catalogue
        chips = [name for name in targets or catalogue.names(Target) if self._is_simulated(catalogue, name, targets)]
        if not chips:
            return
        _, changed, size_bytes = tidied(loader.model_content(model), model)
        model = f"./{model}" if is_path(model) and "/" not in model else model
        suitable = assess(catalogue, model, changed, size_bytes, chips)
        absent: dict[str, str] = {}
        for command, names in lacking(catalogue, dict.fromkeys(each.backend for each in suitable)).items():
            absent |= dict.fromkeys(names, f"not installed: {', '.join(names)}: {command}")
        for each in suitable:
            if backends and each.backend not in backends:
                continue
            if each.is_suitable and each.backend in absent:
                self._left_out[absent[each.backend]] = absent[each.backend]
                continue
            if not each.is_suitable:
                short = ", ".join(f"{size:,} bytes of {kind} are missing" for kind, size in each.shortages.items())
                why = short or each.refusals[0].what
                self._left_out[f"{each.backend} on {each.target}"] = f"{each.backend} on {each.target}: {why}"
                continue
            for features in _VARIANTS:
                bench = Bench(model, each.backend, each.target, features)
                if _is_possible(catalogue, bench):
                    yield bench

    def _is_simulated(self, catalogue: Catalogue, name: str, asked: list[str]) -> bool:
        """Whether a chip is run here, and its cycles are estimated where that is asked for; else why not is noted."""
        target = catalogue.get(Target, name)
        is_chip = bool(target.memory)
        why = self._why_not(catalogue, target) if is_chip else f"{name} is no chip"
        if why and (is_chip or name in asked):
            self._left_out[name] = f"{name}: {why}"
        return not why

    def _why_not(self, catalogue: Catalogue, target: Target) -> str:
        """What speaks against a chip, whatever runs on it."""
        try:
            capabilities(target.seen(processor_of(catalogue, target)))
        except UsageError as error:  # its simulator lacks the processor
            return error.what
        if {"latency_ms", "energy_uj"} & self._limits.keys():
            return no_cycles(catalogue, target)
        return ""

    def _show(self, rows: list[dict[str, Any]], stream: TextIO) -> None:
        """See `Run`."""
        found = fit.fits(rows, self._limits)
        self._has_found = any(each.verdict in (fit.FITS, fit.PERHAPS) for each in found)
        stream.write(fit.to_text(found, self._limits, width_of(stream)))
        told = [*tables.notes(rows), *(f"left out: {why}" for why in self._left_out.values())]
        stream.writelines(f"{line}\n" for line in told)


def _limits(params: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for name, (metric, parse, factor) in _LIMITS.items():
        if text := params[name]:
            try:
                limit = parse(text) * factor
                if not limit:
                    raise ValueError("nothing is as little as that")
                yield metric, limit
            except ValueError as error:
                raise UsageError(f"--{name}: {error}", hint="for example 100ms, 64KiB, 500uJ") from error


def _is_possible(catalogue: Catalogue, bench: Bench) -> bool:
    try:
        check_options(resolve(bench, catalogue), catalogue)
    except UsageError:
        return False
    return True
