"""IREE on one thread, compiled for this machine's processor."""

import subprocess
import sys

import iree.runtime
import numpy

_LOCAL = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu"]


def convert(model, folder):
    """model.vmfb."""
    tools = [sys.executable, "-m", "iree.compiler.tools"]
    between, made = f"{model}.mlir", f"{folder}/model.vmfb"
    subprocess.run([*tools[:2], f"{tools[2]}.import_onnx", model, "-o", between], check=True)
    compiled = [*tools[:2], f"{tools[2]}.scripts.iree_compile", between, "-o", made]
    subprocess.run([*compiled, *_LOCAL, "--iree-llvmcpu-target-cpu=host"], check=True)


def load(folder, inputs, outputs):
    """A function of a module, on the calling thread."""
    module = iree.runtime.load_vm_flatbuffer_file(f"{folder}/model.vmfb", driver="local-sync")
    (name,) = (name for name in module.vm_module.function_names if "$" not in name and not name.startswith("__"))

    def invoke(arrays):
        made = module[name](*arrays)
        return [numpy.asarray(array) for array in (made if len(outputs) > 1 else [made])]

    return invoke
