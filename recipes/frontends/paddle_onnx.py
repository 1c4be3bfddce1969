"""Convert an inference model, with the parameters that lie beside it: python paddle_onnx.py MODEL OUT."""

import sys
from pathlib import Path

import paddle2onnx

model, out = map(Path, sys.argv[1:])
parameters = model.with_suffix(".pdiparams")
paddle2onnx.export(str(model), str(parameters) if parameters.is_file() else "", str(out))
