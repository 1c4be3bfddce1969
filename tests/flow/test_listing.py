"""`doit targets`, `backends`, `features`, `suites`, `models`: what there is, what goes with what, as text and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests_support import doit

import tinyflow
from tinyflow.core import identity
from tinyflow.core.errors import UsageError
from tinyflow.flow import cli
from tinyflow.flow.command_list import BACKENDS, FEATURES, SUITES, TARGETS
from tinyflow.flow.commands import listing, models
from tinyflow.flow.commands.help import overview
from tinyflow.flow.loader import Loader
from tinyflow.flow.planning.matching import Matching
from tinyflow.flow.planning.options import check_options
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import KINDS, Catalogue, data_folder
from tinyflow.recipes.resolve import resolve
from tinyflow.recipes.schema import Feature, Target

CATALOGUE = Catalogue([data_folder() / "recipes"])
MATCHING = Matching(CATALOGUE)


@pytest.fixture
def told(project: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """What a command line prints, in a project with recipes of its own."""
    loader = Loader(project)

    def run(*words: str) -> str:
        status = cli.run(list(words), loader)
        printed = capsys.readouterr()
        assert (status, printed.err) == (0, ""), printed.err
        return printed.out

    return run


@pytest.mark.parametrize("command", [TARGETS, FEATURES, BACKENDS, SUITES])
@pytest.mark.every(2)
def test_every_recipe_has_a_line_and_an_object(command: str, told: Any, project: Path) -> None:
    """A project's own, too; one that is named is told whole, and JSON holds the same."""
    kind = next(kind for kind, (_, plural, *_) in KINDS.items() if plural == command)
    names = list(Loader(project).catalogue.names(kind))
    head, *lines = told(command).splitlines()
    assert [line.split()[0] for line in lines] == names and head.split()[0] == command[:-1]
    rows = json.loads(told(command, "--format", "json"))
    assert [row["name"] for row in rows] == names and len({tuple(row) for row in rows}) == 1
    one = rows[0]
    block = told(command, names[0])
    assert block.splitlines()[0].split() == [command[:-1], names[0]] and one["description"].split()[0] in block


@pytest.mark.every(2)
def test_a_narrow_terminal_has_records(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that is wider would be broken anywhere; one that has room stays."""
    table = told(SUITES)
    for width, is_table in ((80, False), (max(map(len, table.splitlines())), True)):
        monkeypatch.setattr(listing, "width_of", lambda stream, width=width: width)
        shown = told(SUITES)
        assert (shown == table) is is_table
        assert "  benches " in shown or is_table


def test_what_goes_together_is_what_a_bench_could_be() -> None:
    """Operators by type, targets and features of a backend; who takes a feature, and what it needs and excludes."""
    assert MATCHING.pairs["tflm"] == ("host",) and "esp32" not in MATCHING.pairs["tvmllvm"]
    assert MATCHING.pairs["tinyc"] == CATALOGUE.names(Target)
    assert set(MATCHING.takers("mve")) == {"tinyc", "tinyi"} and "stm32f7" not in MATCHING.takers("mve")["tinyc"]
    assert "host" not in MATCHING.takers("memcpy")["tinyc"]  # which needs a toolchain besides
    assert MATCHING.features("tflm") == ["layer", "patch", "quantised", "shrink", "tidy"]
    assert "rows" in MATCHING.features("tinyc") and "rows" not in MATCHING.features("tinyi")
    for feature in CATALOGUE.names(Feature):
        recipe = CATALOGUE.get(Feature, feature)
        assert MATCHING.takers(feature), feature
        assert not recipe.requires.backends or set(MATCHING.takers(feature)) <= {*recipe.requires.backends}
    check_options(resolve(parse("vww-tinyc-stm32f7+dsp"), CATALOGUE), CATALOGUE)
    with pytest.raises(UsageError):
        resolve(parse("vww-tvmaot-stm32f7+dsp"), CATALOGUE)
    assert "tvmaot" not in MATCHING.takers("dsp") and "stm32f7" in MATCHING.takers("dsp")["tinyc"]


def test_what_excludes_a_feature_is_told_from_both_sides(told: Any) -> None:
    """Only one of the two recipes says it."""
    conflicts = {row["name"]: row["conflicts"] for row in json.loads(told("features", "--format", "json"))}
    assert "layout.NCHW" in conflicts["dsp"] and "dsp" in conflicts["layout"]
    assert CATALOGUE.get(Feature, "layout").conflicts == ()


def test_a_suite_says_what_cant_run_here_and_why(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By bench; packages with what to type, programs by name."""
    assert json.loads(told("suites", "mlperf_tiny", "--format", "json"))[0]["not_here"] == {}
    real = identity.installed_version
    monkeypatch.setattr(identity, "installed_version", lambda name: None if "tvm" in name else real(name))
    monkeypatch.setenv("PATH", "/nowhere")
    (suite,) = json.loads(told("suites", "mlperf_tiny", "--format", "json"))
    assert len(suite["benches"]) == 32 == sum(map(len, suite["not_here"].values()))
    assert all(why.startswith("pip install ") and "[tvm]" in why for why in suite["not_here"])
    (chips,) = json.loads(told("suites", "chips", "--format", "json"))
    assert "vww-tinyc-corstone300" in chips["not_here"]["no qemu-system-arm"]
    assert "vww-tinyc-stm32f7" not in {bench for benches in chips["not_here"].values() for bench in benches}
    backends = {row["name"]: row for row in json.loads(told("backends", "--format", "json"))}
    assert backends["tinyc"]["install"] is None and "[tvm]" in backends["tvmrt"]["install"]
    assert backends["tvmrt"]["operators"] == backends["tvmaot"]["operators"]
    assert {"int8", "float32"} <= {*backends["tinyi"]["operators"]["CONV_2D"]}


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("firmware", "firmware:vww-tinyc-stm32f7 --for cmake"),
        ("zephyr", "firmware:vww-tinyc-stm32f7 --for cmake"),
        ("stm32f7", "tinyflow targets stm32f7\n"),
        ("tinyi", "tinyflow backends tinyi\n"),
        ("dsp", "tinyflow features dsp\n"),
        ("vww", "tinyflow models vww\n"),
        ("chip", "tinyflow targets "),
        ("bench:vww-tinyc-stm32f7", "tinyflow bench:vww-tvmaot-stm32f7"),
        ("quantize", "tinyflow quantise:"),
    ],
)
def test_help_leads_somewhere_from_any_word(word: str, wanted: str, told: Any) -> None:
    """A group, a recipe's name, what others call a thing: to a line that can be typed."""
    assert wanted in told("help", word)


def test_help_can_be_asked_for_behind_and_before(told: Any) -> None:
    """Of commands and of groups of tasks, with options around; it is what `help` says."""
    for words in (
        ["plan", "--help"],
        ["-h", "plan"],
        ["-n", "2", "plan", "-h"],
        ["plan", "vww-x", "--help"],
    ):
        assert told(*words) == told("help", "plan")
    for words in (["bench", "--help"], ["bench:vww-tinyc-stm32f7", "-h"]):
        assert told(*words) == told("help", "bench")
    assert told("run", "--help") == told("help", "run") and told("--help") == told("help")


def test_plain_doit_tells_our_version_and_commands(tmp_path: Path) -> None:
    """Which it would do itself, before it asks anybody: its own version, and a list without a word of ours."""
    version = doit(tmp_path, "--version").stdout.splitlines()
    assert version[0].startswith(f"tinyflow {tinyflow.__version__} ") and " doit " in version[-1]
    assert version[-1].startswith("Python ")
    for word in ("--help", "-h"):
        assert doit(tmp_path, word).stdout == overview("doit")


def test_networks_that_only_try_kernels_are_left_out(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless one is named, or all are asked for; and how many is said."""
    graph = {
        "operators": [],
        "tensors": [],
        "inputs": [],
        "outputs": [],
        "macs": 0,
        "weights_bytes": 0,
        "peak_live_bytes": 0,
    }
    origin = {"weights": "trained", "source": "here"}
    monkeypatch.setattr(models, "_read", lambda loader, model: (graph, origin, "sha256:0"))
    usual, every = told("models"), told("models", "--all")
    assert "\nvww: " in usual and "trial_pool: " not in usual
    assert usual.endswith("\nand 6 networks that only try kernels: tinyflow models --all\n")
    assert "\ntrial_pool: " in every and "only try kernels:" not in every
    assert told("models", "trial_pool").startswith("trial_pool: ")
