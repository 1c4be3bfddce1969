"""Networks that microcontrollers run beside MLPerf Tiny's first four, parametric in what varies between relatives.

With default parameters they have the operators, shapes and quantisation scheme of the published int8 files, if one is
named.
"""

from __future__ import annotations

from tinyflow.model.graph import Graph
from tinyflow.model.zoo.builder import LOGITS_PEAK, NetworkBuilder
from tinyflow.model.zoo.mlperf_tiny import MOBILENET_BLOCKS, classified

# (expansion, output channels at full width, repetitions, stride of the first); MobileNetV2, arXiv:1801.04381, table 2
_INVERTED_RESIDUALS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
# (taps, output channels) of each separable block of MLPerf Tiny's wake word
_WAKE_WORD_BLOCKS = ((3, 128), (5, 128), (10, 128), (15, 32))


def person_detection(seed: int, size: int = 96, width: float = 0.25, classes: int = 2) -> Graph:
    """MobileNetV1 on a grey image `[1, size, size, 1]`, TFLite Micro's person_detect; `width` multiplies channels."""
    net = NetworkBuilder(seed, (size, size, 1), input_scale=1 / 127.5, input_zero_point=-1)
    x = net.depthwise(net.input, (3, 3), (2, 2), "RELU6", multiplier=max(1, int(32 * width)))
    for stride, channels in MOBILENET_BLOCKS:
        x = net.depthwise(x, (3, 3), (stride, stride), "RELU6")
        x = net.convolution(x, max(1, int(channels * width)), (1, 1), activation="RELU6")
    x = net.convolution(net.global_average(x), classes, (1, 1), activation="NONE", peak=LOGITS_PEAK)
    return net.graph((net.softmax(net.reshape(x, (1, classes))),), "person_detection")


def micro_speech(seed: int, height: int = 49, width: int = 40, channels: int = 8, classes: int = 4) -> Graph:
    """One convolution over a flat spectrogram `[1, height * width]` and a dense layer, TFLite Micro's micro_speech."""
    net = NetworkBuilder(seed, (height * width,), input_scale=0.1016, input_zero_point=-128)
    x = net.reshape(net.input, (1, height, width, 1))
    x = net.depthwise(x, (10, 8), (2, 2), multiplier=channels)
    return net.graph((net.softmax(net.fully_connected(x, classes)),), "micro_speech")


def streaming_wake_word(seed: int, frames: int = 30, features: int = 40, classes: int = 3) -> Graph:
    """Separable convolutions over time on `[1, frames, 1, features]`, MLPerf Tiny v1.3 (github.com/mlcommons/tiny)."""
    net = NetworkBuilder(seed, (frames, 1, features), input_scale=0.0037, input_zero_point=-128)
    x = net.input
    for taps, channels in _WAKE_WORD_BLOCKS:
        x = net.depthwise(x, (taps, 1), activation="NONE", padding="VALID")
        x = net.convolution(x, channels, (1, 1), padding="VALID")
    x = net.flatten(x)
    return net.graph((net.softmax(net.fully_connected(x, classes)),), "streaming_wake_word")


def mobilenet_v2(seed: int, size: int = 96, width: float = 0.35, classes: int = 2) -> Graph:
    """MobileNetV2 on an image `[1, size, size, 3]` (arXiv:1801.04381); `width` multiplies all channels but the last."""
    net = NetworkBuilder(seed, (size, size, 3), input_scale=1 / 255, input_zero_point=-128)
    x = net.convolution(net.input, _divisible(32 * width), (3, 3), (2, 2), "RELU6")
    for expansion, channels, repetitions, first_stride in _INVERTED_RESIDUALS:
        for number in range(repetitions):
            stride = first_stride if number == 0 else 1
            y = x
            if expansion > 1:
                y = net.convolution(y, expansion * net.shape(x)[3], (1, 1), activation="RELU6")
            y = net.depthwise(y, (3, 3), (stride, stride), "RELU6")
            y = net.convolution(y, _divisible(channels * width), (1, 1), activation="NONE")
            x = net.add(x, y, "NONE") if net.shape(x) == net.shape(y) else y
    return classified(net, net.convolution(x, 1280, (1, 1), activation="RELU6"), classes, "mobilenet_v2")


def mobilenet_v2_144(seed: int) -> Graph:
    """MobileNetV2 0.35 for ImageNet on 144 x 144 images, on which others tell their memory."""
    return mobilenet_v2(seed, 144, classes=1000)


def convolutional_autoencoder(seed: int, size: int = 32, channels: int = 16, depth: int = 2) -> Graph:
    """Convolutions that halve a map `[1, size, size, 1]` `depth` times, and transposed ones that bring it back."""
    net = NetworkBuilder(seed, (size, size, 1), input_scale=1 / 255, input_zero_point=-128)
    x = net.input
    for level in range(depth):
        x = net.convolution(x, channels << level, (3, 3), (2, 2))
    for level in reversed(range(depth)):
        x = net.transposed_convolution(x, channels << level, (3, 3), (2, 2))
    return net.graph((net.convolution(x, 1, (3, 3), activation="NONE"),), "convolutional_autoencoder")


def _divisible(channels: float) -> int:
    """The multiple of 8 that is nearest to a number of channels, at least 8 and no more than a tenth below."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded
