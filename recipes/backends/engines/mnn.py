"""MNN on one thread, in float32."""

import subprocess
import sys

import MNN
import MNN.numpy
import numpy

# its command is not called: it installs a package that reports how it is used
_CONVERT = """
import _tools, sys
options = {"-f": "ONNX", "--modelFile": sys.argv[1], "--MNNModel": sys.argv[2], "--bizCode": "none"}
_tools.mnnconvert(["mnnconvert", *(word for option in options.items() for word in option)])
"""


def convert(model, folder):
    """model.mnn, by a process of its own, which the converter may end."""
    subprocess.run([sys.executable, "-c", _CONVERT, model, f"{folder}/model.mnn"], check=True)


def load(folder, inputs, outputs):
    """A module."""
    names = ([port["name"] for port in ports] for ports in (inputs, outputs))
    config = ({"backend": "CPU", "numThread": 1, "precision": "high"},)
    manager = MNN.nn.create_runtime_manager(config)
    net = MNN.nn.load_module_from_file(f"{folder}/model.mnn", *names, runtime_manager=manager)

    def invoke(arrays):
        given = [MNN.expr.placeholder(list(array.shape), MNN.expr.NCHW) for array in arrays]
        for port, array in zip(given, arrays):
            port.write(array)
        made = [MNN.expr.convert(value, MNN.expr.NCHW) for value in net.forward(given)]
        return [numpy.array(value.read()).reshape(port["shape"]) for value, port in zip(made, outputs)]

    return invoke
