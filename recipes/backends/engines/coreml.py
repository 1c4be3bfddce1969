"""Core ML: onnx2torch and coremltools export a network on any system; macOS alone runs it."""

import coremltools
import numpy
import onnx
import torch
from onnx2torch import convert as torch_of_onnx


def convert(model, folder):
    """model.mlpackage, in float32."""
    ports = onnx.load(model).graph.input
    shapes = [tuple(size.dim_value for size in port.type.tensor_type.shape.dim) for port in ports]
    net = torch.jit.trace(torch_of_onnx(model).eval(), tuple(map(torch.zeros, shapes)))
    given = [coremltools.TensorType(name=port.name, shape=shape) for port, shape in zip(ports, shapes)]
    precision = coremltools.precision.FLOAT32
    made = coremltools.convert(net, inputs=given, convert_to="mlprogram", compute_precision=precision)
    made.save(f"{folder}/model.mlpackage")


def load(folder, inputs, outputs):
    """A model whose ports are as they were exported."""
    net = coremltools.models.MLModel(f"{folder}/model.mlpackage", compute_units=coremltools.ComputeUnit.CPU_ONLY)
    described = net.get_spec().description
    given = [(port.name, list(port.type.multiArrayType.shape)) for port in described.input]
    if given != [(port["name"], port["shape"]) for port in inputs]:
        raise ValueError(f"it was exported with the inputs {given}")
    names = [port.name for port in described.output]

    def invoke(arrays):
        made = net.predict({name: array for (name, _), array in zip(given, arrays)})
        return [numpy.asarray(made[name]) for name in names]

    return invoke
