"""`python benchmarks/operator_list.py > docs/operators.md` writes what tinyc and tinyi compute, in which types."""

from __future__ import annotations

from collections.abc import Mapping

from tinyflow.backends.tinyc.lowering import LOWERINGS
from tinyflow.backends.tinyi.operators import ENTRIES

_HEAD = """\
# Operators of tinyc and tinyi

Written by `python benchmarks/operator_list.py > docs/operators.md` from what both backends look up. A type is that of
an operator's main input; `any` stands for int8, int16, int32, int64, uint8, bool and float32. Integers are bit for bit
those of TFLM's reference kernels, or of LiteRT's where TFLM hasn't the operator or the type
(`tests/backends/test_every_operator.py`). So is float32, but for functions of the C library
(exp, log, tanh, sin, cos; SOFTMAX, LOGISTIC, ELU, LSTM and others by them): 1e-5 of the tensor's largest value
(`tests/backends/test_float32.py`).

| operator | tinyc | tinyi |
| --- | --- | --- |
"""
_TYPES = ("int8", "int16", "int32", "int64", "uint8", "bool", "float32")


def document() -> str:
    """docs/operators.md."""
    names = sorted({name for forms in (LOWERINGS, ENTRIES) for form in forms.values() for name in form})
    return _HEAD + "".join(f"| {name} | {_types(LOWERINGS, name)} | {_types(ENTRIES, name)} |\n" for name in names)


def _types(forms: Mapping[str, Mapping[str, object]], name: str) -> str:
    known = [form for form, operators in forms.items() if name in operators]
    common = [form for form in _TYPES if form in known]
    if common == [*_TYPES]:
        return "any"
    return ", ".join(common or filter(None, known)) or ("yes" if known else "–")


if __name__ == "__main__":
    print(document(), end="")
