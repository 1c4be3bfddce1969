"""ncnn on one thread; pnnx, which its wheel has as a program, makes its files of ONNX."""

import importlib.metadata
import pathlib
import shutil
import subprocess

import ncnn
import numpy


def convert(model, folder):
    """model.ncnn.param and model.ncnn.bin, weights in float32."""
    # the wheel's module needs PyTorch, its program doesn't
    pnnx = importlib.metadata.distribution("pnnx").locate_file("pnnx/pnnx")
    subprocess.run([str(pnnx), model, "fp16=0"], check=True)
    for made in pathlib.Path(model).parent.glob("*.ncnn.[bp]*[nm]"):
        shutil.move(made, folder)


def load(folder, inputs, outputs):
    """A network; it knows no batches."""
    net = ncnn.Net()
    net.opt.num_threads = 1
    net.opt.use_vulkan_compute = False
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    if net.load_param(f"{folder}/model.ncnn.param") or net.load_model(f"{folder}/model.ncnn.bin"):
        raise RuntimeError("its files can't be loaded")

    def invoke(arrays):
        extractor = net.create_extractor()
        for name, array in zip(net.input_names(), arrays):
            extractor.input(name, ncnn.Mat(array[0]))
        return [numpy.array(extractor.extract(name)[1])[None] for name in net.output_names()]

    return invoke
