"""Every operator of TFLM's list, in every type that it has there: tinyc and tinyi give what TFLM computes."""

from __future__ import annotations

from pathlib import Path

import pytest
from operator_cases import MOVING, Case
from tinyc_host import assert_exact

CASES = MOVING


@pytest.mark.parametrize("case", CASES, ids=str)
def test_tinyc_is_exact(case: Case, tmp_path: Path) -> None:
    """One operator of odd shapes and scales gives the reference's bytes."""
    assert_exact(case.graph(), tmp_path / "model", by=case.reference)
