"""What a network became in ONNX (`export_onnx.json`), for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow.core import safe_text
from tinyflow.core.units import format_size

Document = Mapping[str, Any]
_FORMS = {"model.onnx": ("", "as it is, integers as QDQ"), "model_float.onnx": ("_float", "dequantised")}


def exported_text(model: str, document: Document) -> str:
    """The files, and how near ONNX Runtime's outputs are."""
    lines = [
        f"{model}{ending}.onnx: {words}, {format_size(document[name]['bytes'])}; {_verdict(document[name])}"
        for name, (ending, words) in _FORMS.items()
    ]
    return safe_text.plain("\n".join(lines) + "\n")


def _verdict(told: Document) -> str:
    difference = told["onnxruntime_max_abs_error"]
    if difference is None:
        return f"not held against ONNX Runtime: {told.get('onnxruntime_refusal', 'it is not installed')}"
    unit = f" step{'s' * (difference != 1)}" if isinstance(difference, int) else ""
    return f"ONNX Runtime's outputs are up to {difference:.3g}{unit} from those of {told['reference']}"
