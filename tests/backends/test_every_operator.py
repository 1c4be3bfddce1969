"""Every operator of TFLM's list, in every type that it has there: tinyc and tinyi give what TFLM computes."""

from __future__ import annotations

from pathlib import Path

import pytest
import tinyc_host
import tinyi_host
from hypothesis import given
from hypothesis import strategies as st
from operator_cases import CASES, Case
from tests_support import exact_reports, examples, thinned, write_models
from tinyi_host import ARENA_TOO_SMALL, OK, UNSUPPORTED, Interpreter

from tinyflow.model.tflite_writer import write


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    """With the kernels in portable C."""
    return Interpreter.load("c")


@pytest.mark.parametrize("case", thinned(CASES, 29), ids=str)
def test_tinyc_is_exact(case: Case, tmp_path: Path) -> None:
    """One operator of odd shapes and scales gives the reference's bytes."""
    tinyc_host.assert_exact(case.graph(), tmp_path / "model", by=case.reference)


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if case.name == "TRANSPOSE_CONV"], ids=str)
def test_transposed_convolutions_by_blocks_are_exact(case: Case, tmp_path: Path) -> None:
    """Where one convolution computes all outputs of a block."""
    tinyc_host.assert_exact(case.graph(), tmp_path / "model", "c")


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_tinyi_is_exact(case: Case, interpreter: Interpreter) -> None:
    """The same, in an arena as large as the tool says."""
    tinyi_host.assert_exact(case.graph(), interpreter, "c", by=case.reference)


@pytest.mark.slow
@examples(1500)
@given(data=st.data(), case=st.sampled_from(CASES))
def test_damaged_files_are_refused_or_harmless(interpreter: Interpreter, data: st.DataObject, case: Case) -> None:
    """Changed anywhere, a file gets a status, and nothing is read or written outside (guards, and no crash)."""
    content = bytearray(write(case.graph()))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    session = interpreter.model(bytes(content), 1 << 16)
    assert OK <= session.status <= ARENA_TOO_SMALL
    if session.status == OK:
        assert OK <= session.invoke() <= UNSUPPORTED


# what chips may take otherwise: wide numbers, alignment, functions of a C library, unusual walks
_ON_CHIPS = (
    "TRANSPOSE_CONV int8 SAME",
    "RESIZE_BILINEAR int8 half_pixel_centers 9",
    "BATCH_MATMUL int8 3 2 10",
    "LOG_SOFTMAX int8",
    "ELU int8",
    "RSQRT int8",
    "CAST int32 to float32",
    "MINIMUM int64",
    "MIRROR_PAD int8",
    "SUB int8",
)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["stm32f7", "esp32c3"])
@pytest.mark.parametrize("backend", ["tinyc", "tinyi"])
def test_operators_are_exact_on_chips(backend: str, target: str, tmp_path: Path) -> None:
    """With the kernels that the processor is best at, and what compilers for it make of them."""
    known = {str(case): case for case in CASES}
    models = {f"case{number}": write(known[name].graph()) for number, name in enumerate(_ON_CHIPS)}
    write_models(tmp_path, models)
    exact_reports(tmp_path, [f"{model}-{backend}-{target}" for model in models])
