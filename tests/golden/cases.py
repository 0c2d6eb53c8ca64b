# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The cases of ``generate.py``: every operator in its forms, each as small as it can be."""

import numpy as np


class Case:
    """A net: ``ops`` are (type, inputs, outputs, args); ``init`` are operators of the init net behind the weights."""

    def __init__(self, name, ops, inputs, outputs=("y",), weights=None, init=(), refused=False, text=False):
        self.name, self.ops, self.inputs, self.outputs = name, ops, inputs, list(outputs)
        self.weights, self.init, self.refused, self.text = weights or {}, list(init), refused, text


CASES = []
_seed = 0


def floats(*shape, low=-2.0, high=2.0):
    global _seed
    _seed += 1
    return np.random.default_rng(_seed).uniform(low, high, shape).astype(np.float32)


def case(name, kind, inputs, args=None, outputs=1, **options):
    """One operator on data inputs x0, x1, ... given as arrays, and weights w0, w1, ... given by ``weights``."""
    data = {f"x{i}": array for i, array in enumerate(inputs)}
    weights = {f"w{i}": array for i, array in enumerate(options.pop("weights", ()))}
    names = ["y"] if outputs == 1 else [f"y{i}" for i in range(outputs)]
    shown = options.pop("shown", names)
    op = (kind, [*data, *weights], names, args)
    CASES.append(Case(name, [op], data, shown, weights, **options))


def net(name, ops, inputs, **options):
    CASES.append(Case(name, ops, inputs, **options))


X = floats(2, 4, 6, 7)
X_NHWC = np.ascontiguousarray(X.transpose(0, 2, 3, 1))

# ---- convolution
W = floats(6, 4, 3, 3, low=-0.5, high=0.5)
B = floats(6)
conv = {"kernels": [3, 3], "strides": [2, 1], "pads": [1, 0, 2, 1]}
case("conv", "Conv", [X], conv, weights=[W, B])
case("conv_no_bias", "Conv", [X], {"kernels": [3, 3]}, weights=[W])
case("conv_dilated", "Conv", [X], {"kernels": [3, 3], "dilations": [2, 2], "pads": [2, 2, 2, 2]}, weights=[W, B])
case("conv_group", "Conv", [X], {"kernel": 3, "pad": 1, "group": 2}, weights=[W[:, :2].copy(), B])
case("conv_depthwise", "Conv", [X], {"kernel": 3, "pad": 1, "group": 4}, weights=[floats(4, 1, 3, 3), floats(4)])
case("conv_1x1", "Conv", [X], {"kernel": 1}, weights=[floats(5, 4, 1, 1), floats(5)])
case("conv_1x1_stride", "Conv", [X], {"kernel": 1, "stride": 2}, weights=[floats(5, 4, 1, 1), floats(5)])
case(
    "conv_singular_hw",
    "Conv",
    [X],
    {"kernel_h": 3, "kernel_w": 3, "stride_h": 2, "stride_w": 1, "pad_t": 1, "pad_l": 0, "pad_b": 2, "pad_r": 1},
    weights=[W, B],
)
case(
    "conv_nhwc", "Conv", [X_NHWC], {**conv, "order": "NHWC"}, weights=[np.ascontiguousarray(W.transpose(0, 2, 3, 1)), B]
)
case("conv_same", "Conv", [X], {"kernel": 3, "stride": 2, "legacy_pad": 2}, weights=[W, B])
case("conv_valid", "Conv", [X], {"kernel": 3, "stride": 2, "legacy_pad": 1}, weights=[W, B])
case("conv_engine", "Conv", [X], {"kernel": 3, "engine": "NOSUCH"}, weights=[W, B])
case(
    "conv_wide_channels",
    "Conv",
    [floats(1, 20, 5, 5)],
    {"kernel": 3, "pad": 1},
    weights=[floats(35, 20, 3, 3, low=-0.3, high=0.3), floats(35)],
)
case("conv_two_pads_refused", "Conv", [X], {"kernels": [3, 3], "pads": [1, 1]}, weights=[W, B], refused=True)
case("conv_no_kernel_refused", "Conv", [X], {}, weights=[W, B], refused=True)
case("conv_float_kernel_refused", "Conv", [X], {"kernel": 3.0}, weights=[W, B], refused=True)
case("conv_small_input_refused", "Conv", [floats(1, 4, 2, 2)], {"kernel": 3}, weights=[W, B], refused=True)
case("conv_channels_refused", "Conv", [floats(1, 5, 6, 6)], {"kernel": 3}, weights=[W, B], refused=True)
case(
    "conv_transpose",
    "ConvTranspose",
    [floats(1, 3, 4, 5)],
    {"kernels": [3, 2], "strides": [2, 3], "pads": [1, 0, 0, 1]},
    weights=[floats(3, 5, 3, 2), floats(5)],
)
case(
    "conv_transpose_adj",
    "ConvTranspose",
    [floats(2, 4, 3, 3)],
    {"kernel": 3, "stride": 2, "pad": 1, "adj": 1},
    weights=[floats(4, 2, 3, 3)],
)
case(
    "conv_transpose_group",
    "ConvTranspose",
    [floats(1, 4, 3, 3)],
    {"kernel": 2, "stride": 2, "group": 2},
    weights=[floats(4, 3, 2, 2), floats(6)],
)

# ---- products
case("fc", "FC", [floats(3, 5)], weights=[floats(4, 5), floats(4)])
case("fc_4d", "FC", [floats(2, 3, 2, 2)], weights=[floats(4, 12), floats(4)])
case("fc_axis_2", "FC", [floats(2, 3, 5)], {"axis": 2}, weights=[floats(4, 5), floats(4)])
case("fc_no_bias_refused", "FC", [floats(3, 5)], weights=[floats(4, 5)], refused=True)
case("fc_transposed", "FCTransposed", [floats(3, 5)], weights=[floats(5, 4), floats(4)])
case("matmul", "MatMul", [floats(3, 5), floats(5, 4)])
case("matmul_trans", "MatMul", [floats(5, 3), floats(4, 5)], {"trans_a": 1, "trans_b": 1})
case("matmul_4d", "MatMul", [floats(2, 3, 2, 2), floats(12, 4)])
case("matmul_axes", "MatMul", [floats(2, 3, 4), floats(2, 2, 5)], {"axis_a": 2, "axis_b": 2})
case("batch_matmul", "BatchMatMul", [floats(2, 3, 5), floats(2, 5, 4)])
case("batch_matmul_trans", "BatchMatMul", [floats(2, 5, 3), floats(2, 4, 5)], {"trans_a": 1, "trans_b": 1})
case("batch_matmul_broadcast", "BatchMatMul", [floats(2, 3, 5), floats(5, 4)], {"broadcast": 1})
case("batch_matmul_vector", "BatchMatMul", [floats(2, 3, 5), floats(5)], {"broadcast": 1})
case("batch_matmul_outer", "BatchMatMul", [floats(2, 1, 3, 5), floats(3, 5, 2)], {"broadcast": 1})
case("batch_matmul_rank_refused", "BatchMatMul", [floats(2, 3, 5), floats(5, 4)], refused=True)

# ---- pooling
for kind, short in (("MaxPool", "max_pool"), ("AveragePool", "average_pool")):
    case(short, kind, [X], {"kernels": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]})
    case(f"{short}_global", kind, [X], {"global_pooling": 1})
    case(f"{short}_singular", kind, [X], {"kernel": 3, "stride": 2, "pad": 1})
    case(f"{short}_caffe", kind, [X], {"kernel": 3, "stride": 2, "pad": 1, "legacy_pad": 3})
    case(f"{short}_caffe_no_pad", kind, [X], {"kernel": 3, "stride": 2, "legacy_pad": 3})
    case(f"{short}_same", kind, [X], {"kernel": 3, "stride": 2, "legacy_pad": 2})
    case(f"{short}_valid", kind, [X], {"kernel": 3, "stride": 2, "legacy_pad": 1})
    case(f"{short}_nhwc", kind, [X_NHWC], {"kernel": 3, "stride": 2, "pad": 1, "order": "NHWC"})
    case(f"{short}_ceil_mode_ignored", kind, [X], {"kernel": 2, "stride": 2, "ceil_mode": 1})
    case(f"{short}_dilation_refused", kind, [X], {"kernel": 2, "dilation": 2}, refused=True)
    case(f"{short}_pad_refused", kind, [X], {"kernel": 2, "pad": 2}, refused=True)
case("average_pool_count", "AveragePool", [X], {"kernel": 3, "stride": 2, "pad": 1, "count_include_pad": 1})
case("average_pool_global_pad_refused", "AveragePool", [X], {"global_pooling": 1, "pad": 1}, refused=True)

# ---- normalisation
bn = [floats(4), floats(4), floats(4), floats(4, low=0.2, high=2.0)]
case("spatial_bn", "SpatialBN", [X], {"is_test": 1, "epsilon": 1e-3}, weights=bn)
case("spatial_bn_nhwc", "SpatialBN", [X_NHWC], {"is_test": 1, "order": "NHWC"}, weights=bn)
case("spatial_bn_2d", "SpatialBN", [floats(3, 4)], {"is_test": 1}, weights=bn)
case("spatial_bn_bogus_argument", "SpatialBN", [X], {"is_test": 1, "bogus": 3}, weights=bn)
case("spatial_bn_no_is_test_refused", "SpatialBN", [X], {}, weights=bn, refused=True)
case("affine_channel", "AffineChannel", [X], weights=bn[:2])
case("affine_channel_nhwc", "AffineChannel", [X_NHWC], {"order": "NHWC"}, weights=bn[:2])
case("instance_norm", "InstanceNorm", [X], {"epsilon": 1e-3}, weights=bn[:2])
case("instance_norm_nhwc", "InstanceNorm", [X_NHWC], {"order": "NHWC"}, weights=bn[:2])
case("group_norm", "GroupNorm", [X], {"group": 2}, weights=bn[:2], outputs=3)
case("group_norm_num_groups_ignored", "GroupNorm", [X], {"group": 4, "num_groups": 2}, weights=bn[:2], outputs=3)
case("layer_norm", "LayerNorm", [floats(3, 4, 5)], {"axis": 1}, outputs=3)
case(
    "layer_norm_affine",
    "LayerNorm",
    [floats(3, 4, 5)],
    {"axis": 2, "elementwise_affine": True},
    weights=[floats(5), floats(5)],
    outputs=3,
)
case("lrn", "LRN", [X], {"size": 3, "alpha": 0.5, "beta": 0.75, "bias": 2.0})
case("lrn_scale", "LRN", [X], {"size": 5, "alpha": 1e-2, "beta": 0.75}, outputs=2)
case("lrn_even", "LRN", [X], {"size": 4, "alpha": 0.5, "beta": 0.75, "bias": 2.0})
case("lrn_even_nhwc", "LRN", [X_NHWC], {"size": 2, "alpha": 0.5, "beta": 0.75, "order": "NHWC"})
case("lrn_nhwc", "LRN", [X_NHWC], {"size": 3, "alpha": 0.5, "beta": 0.75, "order": "NHWC"})
case("normalize", "Normalize", [floats(3, 4, 2)], {"axis": 1})
case("normalize_default", "Normalize", [floats(3, 4)])

# ---- activations and functions of one element
for kind in (
    "Relu",
    "Sigmoid",
    "Tanh",
    "Softsign",
    "Softplus",
    "Exp",
    "Sqr",
    "Abs",
    "Negative",
    "Swish",
    "Copy",
    "Gelu",
    "Elu",
    "Selu",
    "LeakyRelu",
    "ReluN",
    "HardSigmoid",
    "Clip",
    "Scale",
    "Cube",
    "Floor",
    "Ceil",
    "Sign",
    "Sin",
    "Cos",
    "Erf",
    "StopGradient",
):
    case(kind.lower(), kind, [floats(3, 5, low=-4.0, high=4.0)])
for kind in ("Log", "Sqrt", "Reciprocal", "Rsqrt"):
    case(kind.lower(), kind, [floats(3, 5, low=0.1, high=4.0)])
case("thresholded_relu", "ThresholdedRelu", [floats(3, 5)], {"alpha": 0.5})
case("leaky_relu_alpha", "LeakyRelu", [floats(3, 5)], {"alpha": 0.2})
case("elu_alpha", "Elu", [floats(3, 5)], {"alpha": 0.5})
case("relu_n_4", "ReluN", [floats(3, 5, low=-8.0, high=8.0)], {"n": 4.0})
case("hard_sigmoid_torch", "HardSigmoid", [floats(3, 5, low=-4.0, high=4.0)], {"alpha": 1 / 6, "beta": 0.5})
case("clip_range", "Clip", [floats(3, 5)], {"min": -0.5, "max": 1.0})
case("clip_int_refused", "Clip", [floats(3, 5)], {"min": 0, "max": 1.0}, refused=True)
case("gelu_fast", "Gelu", [floats(3, 5)], {"fast_gelu": True})
case("scale_half", "Scale", [floats(3, 5)], {"scale": 0.5})
case("prelu", "PRelu", [X], weights=[floats(4)])
case("prelu_shared", "PRelu", [X], weights=[floats(1)])
case("prelu_nhwc", "PRelu", [X_NHWC], {"order": "NHWC"}, weights=[floats(4)])
case("softmax", "Softmax", [floats(3, 5)])
case("softmax_flattens", "Softmax", [floats(2, 3, 4)], {"axis": 1})
case("softmax_last", "Softmax", [floats(2, 3, 4)], {"axis": -1})
case("softmax_large", "Softmax", [floats(2, 4) * 100])
case("dropout", "Dropout", [floats(3, 5)], {"is_test": 1, "ratio": 0.3})
case("dropout_no_is_test_refused", "Dropout", [floats(3, 5)], {}, refused=True)

# ---- two operands
for kind in ("Add", "Sub", "Mul", "Div"):
    short = kind.lower()
    case(short, kind, [X, floats(2, 4, 6, 7, low=0.5)])
    case(f"{short}_numpy", kind, [X, floats(4, 1, 1, low=0.5)])
    case(f"{short}_numpy_both", kind, [floats(2, 1, 3), floats(4, 1, low=0.5)])
    case(f"{short}_scalar", kind, [X, floats(1, low=0.5)])
    case(f"{short}_legacy_suffix", kind, [X, floats(6, 7, low=0.5)], {"broadcast": 1})
    case(f"{short}_legacy_axis", kind, [X, floats(4, low=0.5)], {"broadcast": 1, "axis": 1})
case("add_int64", "Add", [np.arange(6).reshape(2, 3), np.arange(3)])
case("mul_int32", "Mul", [np.arange(6, dtype=np.int32), np.arange(6, dtype=np.int32)])
case("add_legacy_axis_str", "Add", [X, floats(4)], {"broadcast": 1, "axis_str": "C"})
case("add_legacy_ones", "Add", [X, floats(1, 4, 1)], {"broadcast": 1, "axis": 0})
case("add_legacy_small_b", "Add", [X, floats(1)], {"broadcast": 1})
case("add_channels_refused", "Add", [X, floats(4)], refused=True)
case("add_axis_refused", "Add", [X, floats(4)], {"axis": 1}, refused=True)
case("pow", "Pow", [floats(3, 5, low=0.1)], {"exponent": 2.5})
case("pow_tensor", "Pow", [floats(3, 5, low=0.1), floats(3, 5)])
for kind in ("EQ", "NE", "LT", "LE", "GT", "GE"):
    ints = np.array([[1, 2, 3], [3, 2, 1]], np.int32)
    net(
        f"compare_{kind.lower()}",
        [(kind, ["a", "b"], ["c"]), ("Cast", ["c"], ["y"], {"to": "float"})],
        {"a": ints, "b": np.array([[2, 2, 2], [3, 3, 3]], np.int32)},
    )
logic = {"a": np.array([0, 0, 1, 1], np.int32), "b": np.array([0, 1, 0, 1], np.int32)}
to_int = ("Cast", ["c"], ["y"], {"to": "int32"})
to_bool = [("Cast", ["a"], ["ab"], {"to": "bool"}), ("Cast", ["b"], ["bb"], {"to": "bool"})]
for kind in ("And", "Or", "Xor"):
    net(f"logic_{kind.lower()}", [*to_bool, (kind, ["ab", "bb"], ["c"]), to_int], logic)
net("logic_not", [to_bool[0], ("Not", ["ab"], ["c"]), to_int], {"a": logic["a"]})

# ---- many operands
for kind in ("Sum", "Mean", "Max", "Min"):
    case(kind.lower(), kind, [floats(3, 4), floats(3, 4), floats(3, 4)])
case("sum_one", "Sum", [floats(3, 4)])
case("sum_shapes_refused", "Sum", [floats(3, 4), floats(4)], refused=True)

# ---- reductions
for kind in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2"):
    short = "reduce_" + kind[6:].lower()
    case(short, kind, [floats(2, 3, 4)])
    case(f"{short}_axes", kind, [X], {"axes": [1, 3], "keepdims": 0})
    case(f"{short}_keep", kind, [X], {"axes": [-1], "keepdims": 1})
for side in ("Front", "Back"):
    for what in ("Sum", "Mean", "Max"):
        case(f"reduce_{side.lower()}_{what.lower()}", f"Reduce{side}{what}", [floats(2, 3, 4)], {"num_reduce_dim": 2})
case("reduce_front_dims_ignored", "ReduceFrontSum", [floats(2, 2, 3, 4)], {"num_reduce_dims": 2})

# ---- shapes
case("reshape", "Reshape", [floats(2, 3, 4)], {"shape": [0, -1, 2]}, outputs=2)
case("reshape_input", "Reshape", [floats(2, 3, 4)], weights=[np.array([4, -1])], outputs=2)
case("reshape_one_output_refused", "Reshape", [floats(2, 3)], {"shape": [3, 2]}, refused=True)
case("reshape_mismatch_refused", "Reshape", [floats(2, 3)], {"shape": [4, 2]}, outputs=2, refused=True)
case("flatten", "Flatten", [floats(2, 3, 4)])
case("flatten_axis_2", "Flatten", [floats(2, 3, 4)], {"axis": 2})
case("flatten_negative_refused", "Flatten", [floats(2, 3, 4)], {"axis": -1}, refused=True)
case("flatten_to_vec", "FlattenToVec", [floats(2, 3, 4)])
case("expand_dims", "ExpandDims", [floats(2, 3)], {"dims": [0, 3]})
case("squeeze", "Squeeze", [floats(1, 2, 1, 3)], {"dims": [0, 2]})
case("squeeze_refused", "Squeeze", [floats(1, 2)], {"dims": [1]}, refused=True)
case("shape", "Shape", [floats(2, 3, 4)])
case("shape_axes", "Shape", [floats(2, 3, 4)], {"axes": [2, 0]})
case("transpose", "Transpose", [floats(2, 3, 4, 5)], {"axes": [0, 2, 3, 1]})
case("transpose_default", "Transpose", [floats(2, 3, 4)])
case("nchw2nhwc", "NCHW2NHWC", [X])
case("nhwc2nchw", "NHWC2NCHW", [X_NHWC])
case("channel_shuffle", "ChannelShuffle", [floats(2, 6, 3, 2)], {"group": 3})
case("channel_shuffle_nhwc", "ChannelShuffle", [floats(2, 3, 2, 6)], {"group": 2, "order": "NHWC"})
case("concat", "Concat", [floats(2, 3, 2), floats(2, 1, 2)], {"axis": 1}, outputs=2)
case("concat_default", "Concat", [X, X], outputs=2)
case("concat_nhwc", "Concat", [X_NHWC, X_NHWC], {"order": "NHWC"}, outputs=2)
case("concat_add_axis", "Concat", [floats(2, 3), floats(2, 3)], {"axis": 1, "add_axis": 1}, outputs=2)
case("concat_negative_axis", "Concat", [floats(2, 3), floats(2, 1)], {"axis": -1}, outputs=2)
case("concat_batch_1", "Concat", [floats(1, 3, 2, 2), floats(1, 2, 2, 2)], {"axis": 1}, outputs=2)
case("concat_one_output_refused", "Concat", [floats(2, 3), floats(2, 3)], {"axis": 1}, refused=True)
case("concat_axis_and_order_refused", "Concat", [X, X], {"axis": 1, "order": "NCHW"}, outputs=2, refused=True)
case("split_equal", "Split", [X], {"axis": 1}, outputs=2)
case("split_sizes", "Split", [X], {"axis": 3, "split": [2, 4, 1]}, outputs=3)
case("split_input", "Split", [X], {"axis": 1}, weights=[np.array([1, 3], np.int32)], outputs=2)
case("split_nhwc", "Split", [X_NHWC], {"order": "NHWC"}, outputs=2)
case("split_batch_1", "Split", [floats(1, 4, 3, 3)], {"axis": 1, "split": [1, 3]}, outputs=2)
case("slice", "Slice", [floats(3, 5)], {"starts": [0, 1], "ends": [-1, 4]})
case("slice_negative", "Slice", [floats(3, 5)], {"starts": [0, -4], "ends": [-1, -2]})
case("slice_missing_dims", "Slice", [floats(5, 3)], {"starts": [2], "ends": [4]})
case("slice_inputs", "Slice", [floats(3, 5)], weights=[np.array([1, 0]), np.array([3, -1])])
case("slice_two_dims_refused", "Slice", [floats(3, 5)], {"starts": [1, 1], "ends": [2, 2]}, refused=True)
case("gather", "Gather", [floats(5, 3), np.array([[4, 0], [2, 2]])])
case("gather_int32", "Gather", [floats(5, 3), np.array([1, 3], np.int32)])
case("gather_axis", "Gather", [floats(2, 5, 3), np.array([4, 0])], {"axis": 1})
case("gather_range_refused", "Gather", [floats(5, 3), np.array([5])], refused=True)
case("batch_gather", "BatchGather", [floats(2, 5, 3), np.array([4, 0, 1])])
case("tile", "Tile", [floats(2, 3)], {"tiles": 3, "axis": 1})
case("tile_inputs", "Tile", [floats(2, 3)], weights=[np.array([2], np.int32), np.array([0], np.int32)])
case("numpy_tile", "NumpyTile", [floats(2, 1, 3)], weights=[np.array([2, 3, 1])])
case("expand", "Expand", [floats(3, 1)], weights=[np.array([2, 1, 4])])
case("expand_keeps", "Expand", [floats(3, 4)], weights=[np.array([1, 1])])
net(
    "scatter_assign",
    [("Copy", ["x0"], ["d"]), ("ScatterAssign", ["d", "w0", "w1"], ["d"])],
    {"x0": floats(5, 3)},
    outputs=["d"],
    weights={"w0": np.array([3, 0]), "w1": floats(2, 3)},
)

# ---- images
case("resize_nearest", "ResizeNearest", [floats(1, 2, 3, 4)], {"width_scale": 2.0, "height_scale": 2.0})
case("resize_nearest_odd", "ResizeNearest", [floats(1, 2, 5, 7)], {"width_scale": 1.7, "height_scale": 0.6})
case("resize_nearest_scales", "ResizeNearest", [floats(1, 2, 3, 4)], weights=[np.array([3.0, 2.0], np.float32)])
case(
    "resize_nearest_nhwc",
    "ResizeNearest",
    [floats(1, 3, 4, 2)],
    {"width_scale": 2.0, "height_scale": 2.0, "order": "NHWC"},
)
for mode in ("constant", "reflect", "edge"):
    case(f"pad_image_{mode}", "PadImage", [floats(1, 2, 3, 4)], {"pads": [1, 2, 0, 1], "mode": mode})
case(
    "pad_image_value", "PadImage", [floats(1, 2, 3, 4)], {"pad_t": 1, "pad_l": 0, "pad_b": 2, "pad_r": 1, "value": 1.5}
)
case("pad_image_nhwc", "PadImage", [floats(1, 3, 4, 2)], {"pads": [1, 2, 0, 1], "order": "NHWC"})

# ---- choices and types
case("arg_max", "ArgMax", [floats(3, 4, 5)])
case("arg_max_axis", "ArgMax", [floats(3, 4, 5)], {"axis": 1, "keepdims": 0})
case("arg_max_ties", "ArgMax", [np.array([[1, 3, 3], [2, 2, 2]], np.float32)])
case("arg_min", "ArgMin", [floats(3, 4, 5)], {"axis": 0})
case("top_k", "TopK", [floats(3, 6)], {"k": 3}, outputs=2)
case("top_k_ties", "TopK", [np.array([[1, 3, 3, 2, 3, 0]], np.float32)], {"k": 4}, outputs=3)
case("top_k_axis", "TopK", [floats(4, 3, 2)], {"k": 2, "axis": 0}, outputs=3)
net("where", [("GT", ["a", "b"], ["c"]), ("Where", ["c", "a", "b"], ["y"])], {"a": floats(3, 4), "b": floats(3, 4)})
net(
    "where_rows",
    [("GT", ["a", "b"], ["c"]), ("Where", ["c", "p", "q"], ["y"], {"broadcast_on_rows": True})],
    {"a": floats(3), "b": floats(3), "p": floats(3, 4), "q": floats(3, 4)},
)
net(
    "conditional",
    [("GT", ["a", "b"], ["c"]), ("Conditional", ["c", "p", "q"], ["y"])],
    {"a": floats(3), "b": floats(3), "p": floats(3, 4), "q": floats(3, 4)},
)
case("cast_int32", "Cast", [floats(3, 4)], {"to": "int32"})
case("cast_int64", "Cast", [floats(3, 4)], {"to": 10})
case("cast_float", "Cast", [np.arange(-3, 3)], {"to": 1})
case("cast_uint8", "Cast", [floats(3, 4, low=0, high=200)], {"to": "uint8"})

# ---- fills, in either net
net(
    "fills",
    [("Add", ["x0", "a"], ["p"], {"broadcast": 1}), ("Mul", ["p", "b"], ["y"]), ("Copy", ["n"], ["m"])],
    {"x0": floats(2, 3)},
    outputs=["y", "m", "i"],
    init=[
        ("ConstantFill", [], ["a"], {"shape": [3], "value": 0.5}),
        ("GivenTensorFill", [], ["v"], {"shape": [2, 3], "values": floats(2, 3)}),
        ("Scale", ["v"], ["b"], {"scale": 3.0}),
        ("ConstantFill", [], ["n"], {"shape": [2], "value": 7, "dtype": 2}),
        ("ConstantFill", [], ["i"], {"shape": [2], "value": 9}),
    ],
)
net(
    "fill_like_input",
    [("ConstantFill", ["x0"], ["c"], {"value": 2.0}), ("Mul", ["x0", "c"], ["y"])],
    {"x0": floats(2, 3)},
)
net(
    "fill_from_shape",
    [
        ("Shape", ["x0"], ["s"]),
        ("ConstantFill", ["s"], ["c"], {"input_as_shape": 1, "value": 2.0}),
        ("Mul", ["x0", "c"], ["y"]),
    ],
    {"x0": floats(2, 3)},
)
net(
    "fill_double",
    [("Cast", ["d"], ["w"], {"to": "float"}), ("Add", ["x0", "w"], ["y"])],
    {"x0": floats(3)},
    init=[("GivenTensorDoubleFill", [], ["d"], {"shape": [3], "values": [0.5, 1.5, -2.5]})],
)
net(
    "fill_count_refused",
    [("Add", ["x0", "w"], ["y"])],
    {"x0": floats(3)},
    refused=True,
    init=[("GivenTensorFill", [], ["w"], {"shape": [3], "values": [1.0, 2.0]})],
)
net(
    "dummy_input_fill",
    [("Relu", ["x0"], ["y"])],
    {"x0": floats(2, 3)},
    init=[("GivenTensorFill", [], ["x0"], {"shape": [1, 1], "values": [0.0]})],
)

# ---- nets as they were written years ago
net(
    "old_block",
    [
        ("Conv", ["x", "w", "b"], ["c"], {"kernel": 3, "pad": 1, "engine": "NNPACK", "order": "NCHW"}),
        ("SpatialBN", ["c", "s", "t", "m", "v"], ["c"], {"is_test": 1}),
        ("Relu", ["c"], ["c"]),
        ("Dropout", ["c"], ["c"], {"is_test": 1}),
        ("MaxPool", ["c"], ["p"], {"kernel": 3, "stride": 2, "legacy_pad": 3}),
        ("StopGradient", ["p"], ["p"]),
        ("Add", ["p", "k"], ["q"], {"broadcast": 1, "axis": 1}),
        ("FC", ["q", "fw", "fb"], ["f"]),
        ("Softmax", ["f"], ["y"]),
    ],
    {"x": floats(1, 3, 8, 8)},
    weights={
        "w": floats(4, 3, 3, 3),
        "b": floats(4),
        "s": floats(4),
        "t": floats(4),
        "m": floats(4),
        "v": floats(4, low=0.5),
        "k": floats(4),
        "fw": floats(5, 64, low=-0.2, high=0.2),
        "fb": floats(5),
    },
)
net(
    "old_block_text",
    [
        ("Conv", ["x", "w", "b"], ["c"], {"kernel": 3, "stride": 2}),
        ("LRN", ["c"], ["l"], {"size": 3, "alpha": 1e-4, "beta": 0.75}),
        ("AveragePool", ["l"], ["g"], {"global_pooling": 1}),
        ("Softmax", ["g"], ["y"]),
    ],
    {"x": floats(1, 3, 9, 9)},
    weights={"w": floats(4, 3, 3, 3), "b": floats(4)},
    text=True,
)
net(
    "nhwc_block",
    [
        ("Conv", ["x", "w", "b"], ["c"], {"kernel": 3, "pad": 1, "order": "NHWC"}),
        ("Relu", ["c"], ["r"]),
        ("MaxPool", ["r"], ["p"], {"kernel": 2, "stride": 2, "order": "NHWC"}),
        ("Concat", ["p", "p"], ["k", "k_info"], {"order": "NHWC"}),
        ("AveragePool", ["k"], ["y"], {"global_pooling": 1, "order": "NHWC"}),
    ],
    {"x": floats(1, 6, 6, 3)},
    weights={"w": floats(4, 3, 3, 3), "b": floats(4)},
)
net(
    "log_softmax",
    [
        ("ReduceMax", ["x"], ["m"], {"axes": [1], "keepdims": 1}),
        ("Sub", ["x", "m"], ["s"]),
        ("Exp", ["s"], ["e"]),
        ("ReduceSum", ["e"], ["t"], {"axes": [1], "keepdims": 1}),
        ("Log", ["t"], ["l"]),
        ("Sub", ["s", "l"], ["y"]),
    ],
    {"x": floats(3, 10) * 40},
)
net(
    "residual_chain",
    [
        ("Conv", ["x", "w"], ["a"], {"kernel": 1}),
        ("Relu", ["a"], ["a"]),
        ("Conv", ["a", "w"], ["b"], {"kernel": 1}),
        ("Sum", ["b", "a"], ["b"]),
        ("Relu", ["b"], ["b"]),
        ("Split", ["b"], ["s0", "s1"], {"axis": 1}),
        ("Mul", ["s0", "s1"], ["m"]),
        ("Concat", ["m", "s0", "s1"], ["y", "y_info"], {"axis": 1}),
    ],
    {"x": floats(1, 32, 3, 3)},
    weights={"w": floats(32, 32, 1, 1, low=-0.3, high=0.3)},
)
net("unknown_operator_refused", [("NoSuchOperator", ["x"], ["y"])], {"x": floats(2)}, refused=True)
net(
    "conv_in_place_refused",
    [("Conv", ["x", "w"], ["x"], {"kernel": 1})],
    {"x": floats(1, 4, 2, 2)},
    outputs=["x"],
    weights={"w": floats(4, 4, 1, 1)},
    refused=True,
)
net("missing_source_refused", [("Add", ["x", "nowhere"], ["y"])], {"x": floats(2)}, refused=True)
net("missing_output_refused", [("Relu", ["x"], ["z"])], {"x": floats(2)}, refused=True)
