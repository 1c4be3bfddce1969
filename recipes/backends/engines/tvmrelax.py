"""TVM's graph compiler (relax) on one thread, for this machine's processor."""

import os

os.environ["TVM_NUM_THREADS"] = "1"

import onnx
import tvm
from tvm.relax.frontend import onnx as importer


def convert(model, folder):
    """model.so, with the weights."""
    module = importer.from_onnx(onnx.load(model), keep_params_in_input=False)
    tvm.compile(module, target=tvm.target.Target.from_device("cpu")).export_library(f"{folder}/model.so")


def load(folder, inputs, outputs):
    """The function `main` of a virtual machine."""
    machine = tvm.relax.VirtualMachine(tvm.runtime.load_module(f"{folder}/model.so"), tvm.cpu())

    def invoke(arrays):
        made = machine["main"](*map(tvm.runtime.tensor, arrays))
        return [made.numpy()] if len(outputs) == 1 else [one.numpy() for one in made]

    return invoke
