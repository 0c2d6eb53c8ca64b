# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What Caffe2 says about its operators: arity, argument types, required arguments, what may run in place.

Facts as the last Caffe2 reports and enforces them. The builder takes the types of arguments from here, because a
float written into the integer field (or the reverse) makes Caffe2 stop; the checker holds whole nets against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

__all__ = ["SCHEMAS", "ArgType", "OperatorSchema"]


class ArgType(Enum):
    """The field of an Argument that Caffe2 reads a value from."""

    FLOAT = "f"
    INT = "i"
    STRING = "s"
    FLOATS = "floats"
    INTS = "ints"
    STRINGS = "strings"


F, I, S = ArgType.FLOAT, ArgType.INT, ArgType.STRING  # noqa: E741
FLOATS, INTS, STRINGS = ArgType.FLOATS, ArgType.INTS, ArgType.STRINGS

MANY = 2**31 - 1

ANY_INPLACE = frozenset({(-1, -1)})


@dataclass(frozen=True)
class OperatorSchema:
    """One operator. ``inplace`` holds the (input, output) pairs that may share a blob."""

    type: str
    inputs: tuple[int, int]
    outputs: tuple[int, int] = (1, 1)
    args: Mapping[str, ArgType] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    inplace: frozenset[tuple[int, int]] = frozenset()

    def allows_inplace(self, input_index: int, output_index: int) -> bool:
        """Whether output ``output_index`` may be the blob of input ``input_index``."""
        return self.inplace == ANY_INPLACE or (input_index, output_index) in self.inplace


SCHEMAS: dict[str, OperatorSchema] = {}


def _operator(
    types: str,
    inputs: int | tuple[int, int] = 1,
    outputs: int | tuple[int, int] = 1,
    args: Mapping[str, ArgType] | None = None,
    required: tuple[str, ...] = (),
    inplace: frozenset[tuple[int, int]] | tuple[tuple[int, int], ...] = (),
) -> None:
    for name in types.split():
        SCHEMAS[name] = OperatorSchema(
            name,
            (inputs, inputs) if isinstance(inputs, int) else inputs,
            (outputs, outputs) if isinstance(outputs, int) else outputs,
            args or {},
            frozenset(required),
            frozenset(inplace),
        )


# Convolution and pooling share one argument base, with a plural, a singular and a per-side spelling of each size.
_WINDOW: dict[str, ArgType] = {
    **dict.fromkeys(("kernels", "strides", "pads", "dilations"), INTS),
    **dict.fromkeys(("kernel", "kernel_h", "kernel_w", "stride", "stride_h", "stride_w"), I),
    **dict.fromkeys(("pad", "pad_t", "pad_l", "pad_b", "pad_r", "dilation", "dilation_h", "dilation_w"), I),
    **dict.fromkeys(("legacy_pad", "global_pooling", "group", "shared_buffer", "float16_compute"), I),
    "order": S,
}
_BROADCAST: dict[str, ArgType] = {"broadcast": I, "axis": I, "axis_str": S, "order": S}
_REDUCE: dict[str, ArgType] = {"axes": INTS, "keepdims": I}
_FIRST = ((0, 0),)
_FIRST_OR_SECOND = ((0, 0), (1, 0))

_operator("Conv", (2, 3), args={**_WINDOW, "no_bias": I})
_operator("ConvTranspose", (2, 3), args={**_WINDOW, "adjs": INTS, "adj": I, "adj_h": I, "adj_w": I, "no_bias": I})
_operator("MaxPool", args=_WINDOW)
_operator("AveragePool", args={**_WINDOW, "count_include_pad": I})
_operator("LpPool", args={**_WINDOW, "p": F})
_operator("FC FCTransposed", 3, args={"axis": I, "axis_w": I, "float16_compute": I})
_operator("MatMul", (2, 3), args={"axis_a": I, "axis_b": I, "trans_a": I, "trans_b": I})
_operator("BatchMatMul", 2, args={"trans_a": I, "trans_b": I, "broadcast": I})

_operator(
    "SpatialBN",
    (5, 7),
    (1, 5),
    args={"is_test": I, "epsilon": F, "momentum": F, "order": S, "num_batches": I},
    required=("is_test",),
    inplace=((0, 0), (3, 1), (4, 2), (5, 3), (6, 4)),
)
_operator("InstanceNorm", 3, (1, 3), args={"epsilon": F, "order": S}, inplace=_FIRST)
_operator("GroupNorm", 3, (1, 3), args={"group": I, "num_groups": I, "epsilon": F, "order": S, "is_test": I})
_operator("LayerNorm", (1, 3), 3, args={"axis": I, "epsilon": F, "elementwise_affine": I})
_operator("LRN", 1, (1, 2), args={"size": I, "alpha": F, "beta": F, "bias": F, "order": S})
_operator("AffineChannel", 3, args={"order": S, "is_learnable": I}, inplace=_FIRST)
_operator("Normalize", args={"axis": I})

_operator("Relu Sigmoid Tanh Softsign Exp", inplace=_FIRST)
_operator("Abs Sqr Log Reciprocal Negative Sqrt Rsqrt Ceil Floor Erf Sign", inplace=_FIRST)
_operator("Not")
_operator("Sin Cos Tan Asin Acos Atan Sinh Cosh Cube Cbrt", inplace=_FIRST)
_operator("Swish Gelu", args={"fast_gelu": I})
_operator("Copy", args={})
_operator("LeakyRelu Elu", args={"alpha": F}, inplace=_FIRST)
_operator("Selu", args={"alpha": F, "scale": F}, inplace=_FIRST)
_operator("ReluN", args={"n": F}, inplace=_FIRST)
_operator("ThresholdedRelu", args={"alpha": F}, inplace=_FIRST)
_operator("HardSigmoid", args={"alpha": F, "beta": F}, inplace=_FIRST)
_operator("PRelu", 2, args={"order": S}, inplace=_FIRST)
_operator("Clip", args={"min": F, "max": F}, inplace=_FIRST)
_operator("Scale", args={"scale": F}, inplace=_FIRST)
_operator("Softplus", inplace=_FIRST)
_operator("Softmax", args={"axis": I})
_operator("Dropout", 1, (1, 2), args={"ratio": F, "is_test": I}, required=("is_test",), inplace=_FIRST)
_operator("StopGradient", inplace=_FIRST)
_operator("Cast", args={"to": I, "from_type": I})
_operator("Alias", inplace=_FIRST)

_operator("Add Sub Mul", 2, args=_BROADCAST, inplace=_FIRST_OR_SECOND)
_operator("Div", 2, args=_BROADCAST, inplace=_FIRST)
_operator("EQ NE LT LE GT GE", 2, args=_BROADCAST)
_operator("And Or Xor", 2, args=_BROADCAST, inplace=_FIRST)
_operator("Where Conditional", 3, args={"broadcast_on_rows": I})
_operator("Pow", (1, 2), args={"exponent": F, **_BROADCAST}, inplace=_FIRST_OR_SECOND)
_operator("Sum", (1, MANY), inplace=_FIRST)
_operator("Max Min Mean", (1, MANY), inplace=_FIRST)

_operator("Concat", (1, MANY), 2, args={"axis": I, "order": S, "add_axis": I})
_operator("Split", (1, 2), (1, MANY), args={"axis": I, "split": INTS, "order": S})
_operator("Slice", (1, 3), args={"starts": INTS, "ends": INTS})
_operator("Reshape", (1, 2), 2, args={"shape": INTS}, inplace=_FIRST)
_operator("Flatten", args={"axis": I})
_operator("FlattenToVec")
_operator("Transpose", args={"axes": INTS})
_operator("ExpandDims Squeeze", args={"dims": INTS}, inplace=_FIRST)
_operator("Expand NumpyTile", 2, args={"shape": INTS})
_operator("Tile", (1, 3), args={"tiles": I, "axis": I})
_operator("Gather BatchGather", 2, args={"axis": I, "match_outer": I})
_operator("Shape", args={"axes": INTS})
_operator("NCHW2NHWC NHWC2NCHW")
_operator("PadImage", args={**_WINDOW, "mode": S, "value": F})
_operator("ResizeNearest", (1, 2), args={"width_scale": F, "height_scale": F, "order": S})
_operator("ResizeBilinear", (1, 2), args={"width_scale": F, "height_scale": F, "order": S})
_operator("ChannelShuffle", args={"group": I, "order": S})
_operator("SpaceToBatch", args={"block_size": I, "pad": I, **_WINDOW})

_operator("ReduceMean ReduceSum ReduceMax ReduceMin ReduceL1 ReduceL2", args=_REDUCE)
_operator(
    "ReduceFrontMean ReduceBackMean ReduceFrontSum ReduceBackSum ReduceFrontMax ReduceBackMax",
    (1, 2),
    args={"num_reduce_dim": I, "num_reduce_dims": I},
)
_operator("ArgMax ArgMin", args={"axis": I, "keepdims": I})
_operator("TopK", (1, 2), (2, 3), args={"k": I, "axis": I})

_FILL: dict[str, ArgType] = {"shape": INTS, "extra_shape": INTS, "input_as_shape": I, "dtype": I}
_operator(
    "GivenTensorFill GivenTensorDoubleFill",
    (0, 1),
    args={**_FILL, "values": FLOATS},
    required=("values",),
    inplace=_FIRST,
)
_operator(
    "GivenTensorIntFill GivenTensorInt64Fill GivenTensorInt16Fill GivenTensorBoolFill",
    (0, 1),
    args={**_FILL, "values": INTS},
    required=("values",),
    inplace=_FIRST,
)
_operator(
    "GivenTensorStringFill GivenTensorByteStringToUInt8Fill",
    (0, 1),
    args={**_FILL, "values": STRINGS},
    required=("values",),
    inplace=_FIRST,
)
_operator("ConstantFill", (0, 2), args={**_FILL, "value": F}, inplace=_FIRST)
_operator("XavierFill MSRAFill", (0, 1), args=_FILL)
_operator("UniformFill", (0, 3), args={**_FILL, "min": F, "max": F})
_operator("GaussianFill", (0, 1), args={**_FILL, "mean": F, "std": F})
