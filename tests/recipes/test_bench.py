"""The grammar of bench names."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyflow.core.errors import UsageError
from tinyflow.recipes.bench import Bench, parse, spell_feature

_NAMES = st.text("abcxyz019_", min_size=1, max_size=8)
_VALUES = st.none() | st.text("abcXYZ019_", min_size=1, max_size=6)
_PATHS = st.text("ab/.-+_ XY", max_size=12).map(lambda stem: f"./{stem}net.tflite")
_FEATURES = st.dictionaries(_NAMES, _VALUES, max_size=4).map(lambda found: tuple(sorted(found.items())))
_BENCHES = st.builds(Bench, _NAMES | _PATHS, _NAMES, _NAMES, _FEATURES)


@given(_BENCHES)
def test_a_bench_is_spelled_as_it_is_parsed(bench: Bench) -> None:
    """`parse` inverts `str`, for recipe names and for paths with any characters."""
    assert parse(str(bench)) == bench


@given(_BENCHES, st.randoms(use_true_random=False))
def test_the_order_of_features_doesn_t_matter(bench: Bench, source: random.Random) -> None:
    """Every order names the same bench and is written the same."""
    words = [spell_feature(feature, value) for feature, value in bench.features]
    source.shuffle(words)
    shuffled = parse("+".join([f"{bench.model}-{bench.backend}-{bench.target}", *words]))
    assert shuffled == bench
    assert str(shuffled) == str(bench)


@given(_BENCHES)
def test_the_name_of_a_bench_is_a_file_name_and_a_bench(bench: Bench) -> None:
    """`name` has no slash, whatever path the model came from, and is itself a name that can be parsed."""
    assert "/" not in bench.name
    assert parse(bench.name).name == bench.name


@given(st.text(alphabet="ab-+._/A \n=*é", max_size=30) | st.text(max_size=20))
def test_any_text_is_a_bench_or_refused(text: str) -> None:
    """Nothing else happens; a refusal quotes the text and has carets within it."""
    try:
        bench = parse(text)
    except UsageError as refusal:
        assert refusal.where == text
        assert refusal.hint.startswith(text)
    else:
        assert parse(str(bench)) == bench


def test_parts_and_features() -> None:
    """The canonical example of architecture.md."""
    assert parse("vww-tvmaot-stm32f7+tuned+layout.NCHW") == Bench(
        "vww", "tvmaot", "stm32f7", (("layout", "NCHW"), ("tuned", None))
    )


def test_a_path_keeps_its_own_characters() -> None:
    """Only what follows the last `.tflite-` is grammar; the name is made of a recipe name's letters; see own_model."""
    bench = parse("./a-b/My-Net+1.tflite-tvmaot-host+dsp")
    assert bench == Bench("./a-b/My-Net+1.tflite", "tvmaot", "host", (("dsp", None),))
    assert bench.is_file
    assert re.fullmatch(r"my_net_1_[0-9a-f]{6}-tvmaot-host\+dsp", bench.name)


@pytest.mark.parametrize(
    ("text", "what", "underlined", "hint"),
    [
        ("vww-tvmaot", "not the name of a bench", "vww-tvmaot", "a bench is model-backend-target"),
        ("my-net-tvmaot-host", "not the name of a bench", "my-net-tvmaot-host", "it has 4 parts"),
        ("./net.tflite", "not the name of a bench", "./net.tflite", "./my/net.tflite-tvmaot-stm32f7"),
        ("Vww-tvmaot-host", '"Vww" can\'t be the name of a model', "Vww", "a-z, 0-9 and _"),
        ("vww-tvm aot-host", '"tvm aot" can\'t be the name of a backend', "tvm aot", "a-z, 0-9 and _"),
        ("vww-tvmaot-STM", '"STM" can\'t be the name of a target', "STM", "a-z, 0-9 and _"),
        ("vww--host", "the backend is missing", "-", "a bench is"),
        ("vww-tvmaot-host+DSP", '"DSP" can\'t be the name of a feature', "DSP", "a-z, 0-9 and _"),
        ("vww-tvmaot-host+a.b-", '"b-" can\'t be', "b-", "letters, digits and _"),
        ("vww-tvmaot-host+opt.O2+opt.O3", 'feature "opt" a second time', "opt.O3", "give it once"),
        ("vww-tvmaot-host+layout.N=1", '"N=1" can\'t be', "N=1", "letters, digits and _"),
    ],
)
def test_a_refusal_points_at_the_fault(text: str, what: str, underlined: str, hint: str) -> None:
    """The second line is the name, the third has carets under the fault, the fourth says what to type."""
    with pytest.raises(UsageError) as refusal:
        parse(text)
    lines = str(refusal.value).splitlines()
    assert what in lines[0]
    assert lines[1] == f"  {text}"
    start = lines[2].index("^")
    assert lines[1][start : start + lines[2].count("^")] == underlined
    assert hint in lines[3]
