"""What the header of packed firmware says of a network's inputs and outputs."""

from __future__ import annotations

import re

import pytest

from tinyflow.core.errors import ModelError
from tinyflow.model.element_types import ELEMENT_TYPES, WHOLE_BYTES
from tinyflow.model.graph import Tensor
from tinyflow.model.plan_document import Port
from tinyflow.stages.firmware.deployment import lines_of_c
from tinyflow.stages.firmware.program import _port


@pytest.mark.parametrize("dtype", WHOLE_BYTES)
def test_every_type_is_one_of_c_or_refused(dtype: str) -> None:
    """Of as many bits."""
    bits = ELEMENT_TYPES[dtype].bits
    port, tensor = Port(symbol="model_output", bytes=bits // 8), Tensor(0, "y", (1,), dtype)
    if dtype in ("float16", "bfloat16"):
        with pytest.raises(ModelError, match=f"output y is {dtype}, which C has no type for"):
            _port("output", "output", port, tensor)
        return
    word = _port("output", "output", port, tensor)["type"]
    digits = re.fullmatch(r"u?int(\d+)_t", word)
    assert (int(digits[1]) if digits else {"float": 32, "double": 64}[word]) == bits


def test_comments_are_no_lines_to_write() -> None:
    """Neither are empty ones."""
    assert lines_of_c("/* one\n   two */ int x;\n\n// three\nint y; /* four */\n") == 2
