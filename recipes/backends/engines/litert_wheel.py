"""LiteRT's interpreter on one thread, with the kernels it takes by itself (XNNPACK)."""

from ai_edge_litert.interpreter import Interpreter


def load(folder, inputs, outputs):
    """An interpreter."""
    net = Interpreter(model_path=f"{folder}/model.tflite", num_threads=1)
    net.allocate_tensors()
    given, made = ([port["index"] for port in ports] for ports in (net.get_input_details(), net.get_output_details()))

    def invoke(arrays):
        for index, array in zip(given, arrays):
            net.set_tensor(index, array)
        net.invoke()
        return [net.get_tensor(index) for index in made]

    return invoke
