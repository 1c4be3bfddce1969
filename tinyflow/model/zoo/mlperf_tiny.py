"""The four MLPerf Tiny networks (v0.5, github.com/mlcommons/tiny), parametric in what varies between relatives.

With default parameters they have the operators, shapes and quantisation scheme of the published int8 files.
"""

from __future__ import annotations

from tinyflow.model.graph import Graph
from tinyflow.model.zoo.builder import NetworkBuilder

# (stride, output channels at full width) of each depthwise-separable block; MobileNets, arXiv:1704.04861, table 1
MOBILENET_BLOCKS = ((1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), *((1, 512),) * 5, (2, 1024), (1, 1024))


def keyword_spotting(
    seed: int, height: int = 49, width: int = 10, channels: int = 64, blocks: int = 4, classes: int = 12
) -> Graph:
    """DS-CNN on a spectrogram `[1, height, width, 1]` (arXiv:1711.07128)."""
    net = NetworkBuilder(seed, (height, width, 1), input_scale=0.5748364, input_zero_point=87)
    x = net.convolution(net.input, channels, (10, 4), (2, 2))
    for _ in range(blocks):
        x = net.depthwise(x, (3, 3))
        x = net.convolution(x, channels, (1, 1))
    return classified(net, x, classes, "keyword_spotting")


def visual_wake_words(
    seed: int, size: int = 96, width: float = 0.25, blocks: int = len(MOBILENET_BLOCKS), classes: int = 2
) -> Graph:
    """MobileNetV1 on an image `[1, size, size, 3]` (arXiv:1704.04861); `width` multiplies all channels."""
    net = NetworkBuilder(seed, (size, size, 3), input_scale=1 / 255, input_zero_point=-128)
    x = net.convolution(net.input, max(1, int(32 * width)), (3, 3), (2, 2))
    for stride, channels in MOBILENET_BLOCKS[:blocks]:
        x = net.depthwise(x, (3, 3), (stride, stride))
        x = net.convolution(x, max(1, int(channels * width)), (1, 1))
    return classified(net, x, classes, "visual_wake_words")


def image_classification(seed: int, size: int = 32, channels: int = 16, stacks: int = 3, classes: int = 10) -> Graph:
    """ResNet with one block per stack on an image `[1, size, size, 3]`; each further stack halves the map."""
    net = NetworkBuilder(seed, (size, size, 3), input_scale=1.0, input_zero_point=-128)
    x = net.convolution(net.input, channels, (3, 3))
    for stack in range(stacks):
        stride = (1, 1) if stack == 0 else (2, 2)
        y = net.convolution(x, channels << stack, (3, 3), stride)
        y = net.convolution(y, channels << stack, (3, 3), activation="NONE")
        if stack > 0:
            x = net.convolution(x, channels << stack, (1, 1), stride, activation="NONE")
        x = net.add(x, y)
    return classified(net, x, classes, "image_classification")


def anomaly_detection(seed: int, features: int = 640, hidden: int = 128, bottleneck: int = 8, depth: int = 4) -> Graph:
    """Fully connected autoencoder on `[1, features]`: `depth` layers on either side of the bottleneck."""
    net = NetworkBuilder(seed, (features,), input_scale=0.39101523, input_zero_point=89)
    x = net.input
    for units in [hidden] * depth + [bottleneck] + [hidden] * depth:
        x = net.fully_connected(x, units, "RELU")
    return net.graph((net.fully_connected(x, features, peak=40.0),), "anomaly_detection")


def classified(net: NetworkBuilder, features: int, classes: int, name: str) -> Graph:
    """The network with a mean of all places, a dense layer and a softmax behind its features."""
    x = net.flatten(net.global_average(features))
    return net.graph((net.softmax(net.fully_connected(x, classes)),), name)
