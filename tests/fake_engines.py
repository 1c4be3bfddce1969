"""Engines that behave, and engines that don't: wheels as pip leaves them in a folder, made by tests."""

from __future__ import annotations

from pathlib import Path

# What an adapter of theirs looks like: `fake` is the package.
ADAPTER = """
import fake

def load(folder, inputs, outputs):
    return fake.load(folder + "/model.onnx", outputs)
"""
# computes with ONNX Runtime, so that outputs are right
RIGHT = """
import onnxruntime

def load(path, outputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_inputs()]
    return lambda arrays: session.run(None, dict(zip(names, arrays)))
"""
_OWN = """
import numpy

def load(path, outputs):
    return lambda arrays: [{made}]
"""
ZEROS = _OWN.format(made="numpy.zeros(port['shape'], port['dtype']) for port in outputs")
SHORT = _OWN.format(made="numpy.zeros(3, 'float64')")
HANGS = "import time\n\ndef load(path, outputs):\n    return lambda arrays: time.sleep(100)\n"
DIES = "import os\n\ndef load(path, outputs):\n    os.abort()\n"
RAISES = "raise OSError('libfake.so.3: cannot open shared object file')\n"
LEAVES = "import sys\n\nsys.exit('no licence')\n"
# at import, and by the system's own descriptor
PRINTS = "import os\n\nprint('fake 1.2')\nos.write(1, b'from C')\n" + ZEROS
CALLS_HOME = (
    """
import socket

try:
    socket.create_connection(("192.0.2.1", 443), timeout=0.2)
except OSError as error:
    print(error)
"""
    + ZEROS
)


def wheel(place: Path, module: str, name: str = "fake", version: str = "1.2") -> Path:
    """An installed distribution with one module; the folder is to be on the path of modules."""
    site = place / "site"
    described = site / f"{name}-{version}.dist-info"
    described.mkdir(parents=True, exist_ok=True)
    (site / f"{name}.py").write_text(module)
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (described / "RECORD").write_text(f"{name}.py,,\n{described.name}/METADATA,,\n")
    return site
