"""TFLM's interpreter with its reference kernels."""

from tflite_micro import runtime


def load(folder, inputs, outputs):
    """An interpreter with an arena of ten times the model, as the wheel takes by itself."""
    net = runtime.Interpreter.from_file(f"{folder}/model.tflite")

    def invoke(arrays):
        for number, array in enumerate(arrays):
            net.set_input(array, number)
        net.invoke()
        return [net.get_output(number) for number in range(len(outputs))]

    return invoke
