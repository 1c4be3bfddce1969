"""ONNX Runtime on one thread."""

import onnxruntime


def load(folder, inputs, outputs):
    """A session on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Sums of products of uint8 and int8 saturate at 16 bits without it, on x86-64 processors that lack VNNI.
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(f"{folder}/model.onnx", options, providers=["CPUExecutionProvider"])
    names = [port["name"] for port in inputs]
    return lambda arrays: session.run(None, dict(zip(names, arrays)))
