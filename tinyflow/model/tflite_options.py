"""How an operator's option table in a `.tflite` file maps to plain values, for reading and writing alike.

Field names are those of the TFLite schema (tensorflow/lite/schema/schema.fbs) as the `tflite` package spells them.
Tables that are not listed here are read as `{"table": "<name>"}`: the operator has a name but no usable options.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tflite

from tinyflow.model.graph import OptionValue

# more dimensions than any TFLite kernel takes
MAX_RANK = 8

_ENUMERATIONS: Mapping[str, Any] = {
    "Padding": tflite.Padding,
    "FusedActivationFunction": tflite.ActivationFunctionType,
    "WeightsFormat": tflite.FullyConnectedOptionsWeightsFormat,
    "InDataType": tflite.TensorType,
    "OutDataType": tflite.TensorType,
    "OutputType": tflite.TensorType,
    "Mode": tflite.MirrorPadMode,
}


@dataclass(frozen=True)
class OptionField:
    """One option: its name here, the schema fields that hold it (two for (height, width)), and its default.

    A default of `()` stands for a vector of dimensions.
    """

    option: str
    fields: tuple[str, ...]
    default: OptionValue

    def read(self, table: Any) -> OptionValue:
        """The value in an option table; ValueError for a number that its enumeration has not."""
        if self.is_vector:
            return self._read_vector(table)
        values = [getattr(table, name)() for name in self.fields]
        if self.fields[0] in _ENUMERATIONS:
            return enumeration_name(_ENUMERATIONS[self.fields[0]], values[0])
        if len(values) > 1:
            return tuple(int(value) for value in values)
        return type(self.default)(values[0])

    def _read_vector(self, table: Any) -> tuple[int, ...]:
        (name,) = self.fields
        length = getattr(table, f"{name}Length")()
        if length > MAX_RANK:
            raise ValueError(f"{self.option} has {length} dimensions")
        return tuple(int(getattr(table, name)(i)) for i in range(length))

    @property
    def is_vector(self) -> bool:
        """Whether the value is a vector of its own in the file, not a part of the table."""
        return self.default == ()

    def numbers(self, value: OptionValue) -> tuple[float, ...]:
        """What each schema field holds for an option's value."""
        if self.fields[0] in _ENUMERATIONS:
            return (getattr(_ENUMERATIONS[self.fields[0]], str(value)),)
        return value if isinstance(value, tuple) else (value,)  # type: ignore[return-value]


_PADDING = OptionField("padding", ("Padding",), "SAME")
_STRIDE = OptionField("stride", ("StrideH", "StrideW"), (1, 1))
_DILATION = OptionField("dilation", ("DilationHFactor", "DilationWFactor"), (1, 1))
_ACTIVATION = OptionField("activation", ("FusedActivationFunction",), "NONE")
_AXIS = OptionField("axis", ("Axis",), 0)
_POT_SCALE = OptionField("pot_scale_int16", ("PotScaleInt16",), True)
_ASYMMETRIC = OptionField("asymmetric_quantize_inputs", ("AsymmetricQuantizeInputs",), False)
_BLOCK = OptionField("block_size", ("BlockSize",), 1)
_SPLITS = OptionField("num_splits", ("NumSplits",), 1)
_RESIZE = (
    OptionField("align_corners", ("AlignCorners",), False),
    OptionField("half_pixel_centers", ("HalfPixelCenters",), False),
)

TABLES: Mapping[str, tuple[OptionField, ...]] = {
    "Conv2DOptions": (_PADDING, _STRIDE, _DILATION, _ACTIVATION),
    "DepthwiseConv2DOptions": (
        _PADDING,
        _STRIDE,
        _DILATION,
        OptionField("depth_multiplier", ("DepthMultiplier",), 1),
        _ACTIVATION,
    ),
    "TransposeConvOptions": (_PADDING, _STRIDE, _ACTIVATION),
    "Pool2DOptions": (_PADDING, _STRIDE, OptionField("filter", ("FilterHeight", "FilterWidth"), (1, 1)), _ACTIVATION),
    "FullyConnectedOptions": (
        _ACTIVATION,
        OptionField("weights_format", ("WeightsFormat",), "DEFAULT"),
        OptionField("keep_num_dims", ("KeepNumDims",), False),
        _ASYMMETRIC,
    ),
    "BatchMatMulOptions": (
        OptionField("adj_x", ("AdjX",), False),
        OptionField("adj_y", ("AdjY",), False),
        _ASYMMETRIC,
    ),
    "SoftmaxOptions": (OptionField("beta", ("Beta",), 1.0),),
    "AddOptions": (_ACTIVATION, _POT_SCALE),
    "SubOptions": (_ACTIVATION, _POT_SCALE),
    "MulOptions": (_ACTIVATION,),
    "DivOptions": (_ACTIVATION,),
    "ConcatenationOptions": (_AXIS, _ACTIVATION),
    "L2NormOptions": (_ACTIVATION,),
    "LeakyReluOptions": (OptionField("alpha", ("Alpha",), 0.0),),
    "ReducerOptions": (OptionField("keep_dims", ("KeepDims",), False),),
    "StridedSliceOptions": (
        OptionField("begin_mask", ("BeginMask",), 0),
        OptionField("end_mask", ("EndMask",), 0),
        OptionField("ellipsis_mask", ("EllipsisMask",), 0),
        OptionField("new_axis_mask", ("NewAxisMask",), 0),
        OptionField("shrink_axis_mask", ("ShrinkAxisMask",), 0),
        OptionField("offset", ("Offset",), False),
    ),
    "SplitOptions": (_SPLITS,),
    "SplitVOptions": (_SPLITS,),
    "PackOptions": (OptionField("values_count", ("ValuesCount",), 0), _AXIS),
    "UnpackOptions": (OptionField("num", ("Num",), 0), _AXIS),
    "GatherOptions": (_AXIS, OptionField("batch_dims", ("BatchDims",), 0)),
    "CastOptions": (
        OptionField("in_data_type", ("InDataType",), "FLOAT32"),
        OptionField("out_data_type", ("OutDataType",), "FLOAT32"),
    ),
    "ArgMaxOptions": (OptionField("output_type", ("OutputType",), "INT64"),),
    "ArgMinOptions": (OptionField("output_type", ("OutputType",), "INT64"),),
    "MirrorPadOptions": (OptionField("mode", ("Mode",), "REFLECT"),),
    "DepthToSpaceOptions": (_BLOCK,),
    "SpaceToDepthOptions": (_BLOCK,),
    "ResizeBilinearOptions": _RESIZE,
    "ResizeNearestNeighborOptions": _RESIZE,
    "ReshapeOptions": (OptionField("new_shape", ("NewShape",), ()),),
    "SqueezeOptions": (OptionField("squeeze_dims", ("SqueezeDims",), ()),),
    "PadOptions": (),
    "PadV2Options": (),
    "TransposeOptions": (),
    "QuantizeOptions": (),
    "DequantizeOptions": (),
    "MaximumMinimumOptions": (),
    "SliceOptions": (),
    "ExpandDimsOptions": (),
    "HardSwishOptions": (),
    "LogSoftmaxOptions": (),
}

# operator → its option table
OPERATOR_TABLES: Mapping[str, str] = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "L2_POOL_2D": "Pool2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "SOFTMAX": "SoftmaxOptions",
    "ADD": "AddOptions",
    "SUB": "SubOptions",
    "MUL": "MulOptions",
    "DIV": "DivOptions",
    "CONCATENATION": "ConcatenationOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "MEAN": "ReducerOptions",
    "SUM": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SPLIT": "SplitOptions",
    "SPLIT_V": "SplitVOptions",
    "PACK": "PackOptions",
    "UNPACK": "UnpackOptions",
    "GATHER": "GatherOptions",
    "CAST": "CastOptions",
    "ARG_MAX": "ArgMaxOptions",
    "ARG_MIN": "ArgMinOptions",
    "MIRROR_PAD": "MirrorPadOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "SPACE_TO_DEPTH": "SpaceToDepthOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "RESHAPE": "ReshapeOptions",
    "SQUEEZE": "SqueezeOptions",
    "PAD": "PadOptions",
    "PADV2": "PadV2Options",
    "TRANSPOSE": "TransposeOptions",
    "QUANTIZE": "QuantizeOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "SLICE": "SliceOptions",
    "EXPAND_DIMS": "ExpandDimsOptions",
    "HARD_SWISH": "HardSwishOptions",
    "LOG_SOFTMAX": "LogSoftmaxOptions",
}


def enumeration_name(enumeration: Any, number: int) -> str:
    """The name of a schema number; ValueError where the enumeration has no such number."""
    for name, value in vars(enumeration).items():
        if not name.startswith("_") and value == number:
            return str(name)
    raise ValueError(f"{enumeration.__name__} has no value {number}")


def default_options(operator: str) -> dict[str, OptionValue]:
    """All scalar options of an operator at their defaults; empty where it has none."""
    fields = TABLES[OPERATOR_TABLES[operator]] if operator in OPERATOR_TABLES else ()
    return {field.option: field.default for field in fields if not field.is_vector}
