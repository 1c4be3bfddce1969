"""ExecuTorch on one thread, by XNNPACK; onnx2torch makes of the ONNX file what torch.export takes."""

import pathlib

import onnx
import torch
from onnx2torch import convert as torch_of_onnx
from onnx2torch.node_converters.reshape import OnnxReshape


def _exported(model):
    """The network as a program of torch.export. Shapes are put in as numbers: it doesn't take those of tensors."""
    net = torch_of_onnx(onnx.load(model)).eval()
    for node in [node for node in net.graph.nodes if node.op == "call_module"]:
        if isinstance(net.get_submodule(node.target), OnnxReshape):
            values, shape = node.args
            owner, _, name = shape.target.rpartition(".")
            numbers = getattr(net.get_submodule(owner), name).tolist()
            with net.graph.inserting_before(node):
                node.replace_all_uses_with(net.graph.call_function(torch.reshape, (values, numbers)))
            net.graph.erase_node(node)
    net.recompile()
    given = [port.type.tensor_type.shape.dim for port in onnx.load(model).graph.input]
    return torch.export.export(net, tuple(torch.zeros([size.dim_value for size in shape]) for shape in given))


def convert(model, folder):
    """model.pte."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    edge = to_edge_transform_and_lower(_exported(model), partitioner=[XnnpackPartitioner()])
    pathlib.Path(folder, "model.pte").write_bytes(edge.to_executorch().buffer)


def load(folder, inputs, outputs):
    """The method `forward` of a program."""
    from executorch.extension.pybindings.portable_lib import _unsafe_reset_threadpool
    from executorch.runtime import Runtime

    _unsafe_reset_threadpool(1)
    program = Runtime.get().load_program(f"{folder}/model.pte")
    method = program.load_method("forward")
    return lambda arrays: [made.numpy() for made in method.execute([torch.from_numpy(array) for array in arrays])]
