# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Makes ``old_nets/``: net pairs as people have them from years ago, and what real Caffe2 answers to each.

    ~/.cache/mdeploy/caffe2/bin/python tests/golden/make_old_nets.py

They are built with Caffe2's own helpers (model_helper, brew) and exporter, or in the form that its Caffe translator
wrote, small but with the traits that such nets have. ``hand_written`` is text that was typed in; only its answers are
made here. Tests: ``tests/toolkit/conversion/test_nets.py``.
"""

import shutil
from pathlib import Path

import numpy as np
from caffe2.proto import caffe2_pb2
from caffe2.python import brew, core, model_helper, workspace
from caffe2.python.predictor import mobile_exporter
from google.protobuf import text_format

HERE = Path(__file__).parent / "old_nets"
GENERATOR = np.random.RandomState(5)


def trained(model):
    """Give the parameters of a new model numbers that make the outputs depend on the input."""
    workspace.RunNetOnce(model.param_init_net)
    for name in map(str, model.params):
        value = workspace.FetchBlob(name)
        if name.endswith("_riv"):
            value = GENERATOR.uniform(0.5, 1.5, value.shape)
        elif value.ndim == 1:
            value = GENERATOR.normal(1 if name.endswith("_s") else 0, 0.2, value.shape)
        else:
            value = GENERATOR.normal(0, 1.6 / np.sqrt(value[0].size), value.shape)
        workspace.FeedBlob(name, value.astype(np.float32))


def exported(model):
    trained(model)
    statistics = [p for p in map(str, model.GetAllParams()) if p.endswith(("_rm", "_riv"))]
    for name in statistics:
        shape = workspace.FetchBlob(name).shape
        value = GENERATOR.uniform(0.5, 1.5, shape) if name.endswith("_riv") else GENERATOR.normal(0, 0.2, shape)
        workspace.FeedBlob(name, value.astype(np.float32))
    parameters = list(dict.fromkeys([*map(str, model.params), *statistics]))
    return mobile_exporter.Export(workspace, model.net, parameters)


def lenet():
    """Singular arguments and an in-place Relu; mobile_exporter puts a placeholder of the data into the init net."""
    model = model_helper.ModelHelper(name="lenet", arg_scope={"order": "NCHW"}, init_params=True)
    conv1 = brew.conv(model, "data", "conv1", dim_in=1, dim_out=6, kernel=5)
    pool1 = brew.max_pool(model, conv1, "pool1", kernel=2, stride=2)
    conv2 = brew.conv(model, pool1, "conv2", dim_in=6, dim_out=12, kernel=5)
    pool2 = brew.max_pool(model, conv2, "pool2", kernel=2, stride=2)
    fc3 = brew.fc(model, pool2, "fc3", dim_in=12 * 4 * 4, dim_out=24)
    brew.relu(model, fc3, fc3)
    pred = brew.fc(model, fc3, "pred", 24, 10)
    brew.softmax(model, pred, "softmax")
    return exported(model)


def mobilenet():
    """Depthwise and pointwise convolutions with engine hints, SpatialBN, a Sum in place, StopGradient, Dropout whose
    mask is exported as an output."""
    model = model_helper.ModelHelper(name="mobilenet", arg_scope={"order": "NCHW", "is_test": True}, init_params=True)
    x = brew.conv(model, "data", "conv1", 3, 8, kernel=3, stride=2, pad=1, no_bias=True)
    x = brew.relu(model, brew.spatial_bn(model, x, "conv1_bn", 8, is_test=True), "conv1_relu")
    for number in (1, 2):
        name = f"block{number}"
        y = brew.group_conv(
            model, x, f"{name}_dw", 8, 8, kernel=3, pad=1, group=8, use_cudnn=False, engine="DEPTHWISE_3x3"
        )
        y = brew.spatial_bn(model, y, f"{name}_dw_bn", 8, is_test=True)
        y = brew.relu(model, y, y)
        y = brew.conv(model, y, f"{name}_pw", 8, 8, kernel=1, use_cudnn=False, engine="NNPACK")
        x = model.net.Sum([y, x], y)
    x = model.net.StopGradient(x, x)
    x = brew.average_pool(model, x, "gap", global_pooling=True)
    x = brew.dropout(model, x, "dropped", ratio=0.4, is_test=1)
    brew.softmax(model, brew.fc(model, x, "logits", 8, 7), "prob")
    return exported(model)


def operator(kind, inputs, outputs, engine="", device=0, **args):
    op = core.CreateOperator(kind, inputs, outputs, **args)
    op.engine = engine
    if device:
        op.device_option.device_type = device
    return op


def init_with(name, shapes, constants=(), gain=1.6):
    net = caffe2_pb2.NetDef(name=name)
    for blob, shape in shapes.items():
        if blob in constants:
            net.op.add().CopyFrom(operator("ConstantFill", [], [blob], shape=shape, value=0.1))
            continue
        values = GENERATOR.normal(0, gain / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)
        net.op.add().CopyFrom(operator("GivenTensorFill", [], [blob], shape=shape, values=values.ravel()))
    return net


def caffenet():
    """As the Caffe translator wrote AlexNet: Caffe's rounding of pools, LRN, groups, cuDNN, placed on a GPU, no
    declared output, biases by ConstantFill, labels among the inputs, in text."""
    shapes = {
        "conv1_w": [8, 3, 7, 7],
        "conv1_b": [8],
        "conv2_w": [12, 4, 5, 5],
        "conv2_b": [12],
        "fc6_w": [20, 12 * 5 * 5],
        "fc6_b": [20],
        "fc8_w": [9, 20],
        "fc8_b": [9],
    }
    init = init_with("", shapes, constants=("conv1_b", "conv2_b"))
    predict = caffe2_pb2.NetDef(name="")
    pool = {"kernel": 3, "stride": 2, "legacy_pad": 3, "order": "NCHW"}
    predict.op.extend(
        [
            operator("Conv", ["data", "conv1_w", "conv1_b"], ["conv1"], "CUDNN", 1, kernel=7, stride=2, pad=0),
            operator("Relu", ["conv1"], ["conv1"], device=1),
            operator("LRN", ["conv1"], ["norm1", "_norm1_scale"], device=1, size=5, alpha=0.01, beta=0.75, bias=1.0),
            operator("MaxPool", ["norm1"], ["pool1"], "CUDNN", 1, **pool),
            operator("Conv", ["pool1", "conv2_w", "conv2_b"], ["conv2"], "CUDNN", 1, kernel=5, pad=2, group=2),
            operator("Relu", ["conv2"], ["conv2"], device=1),
            operator("AveragePool", ["conv2"], ["pool2"], "CUDNN", 1, pad=1, **pool),
            operator("FC", ["pool2", "fc6_w", "fc6_b"], ["fc6"], device=1),
            operator("Relu", ["fc6"], ["fc6"], device=1),
            operator("Dropout", ["fc6"], ["fc6", "_fc6_mask"], device=1, ratio=0.5, is_test=1),
            operator("FC", ["fc6", "fc8_w", "fc8_b"], ["fc8"], device=1),
            operator("Softmax", ["fc8"], ["prob"], device=1),
        ]
    )
    predict.external_input.extend(["data", "label", *shapes])
    return init, predict


def squeezenet():
    """Fire modules: Concat with its by-product as an output, legacy_pad SAME, a named global pool, a shape of one for
    the data in the init net, and the net type of 2017."""
    shapes = {"conv1_w": [6, 3, 3, 3], "conv1_b": [6], "conv10_w": [5, 8, 1, 1], "conv10_b": [5]}
    for number, channels in ((2, 6), (3, 8)):
        shapes[f"fire{number}/squeeze1x1_w"], shapes[f"fire{number}/squeeze1x1_b"] = [3, channels, 1, 1], [3]
        for kernel in (1, 3):
            name = f"fire{number}/expand{kernel}x{kernel}"
            shapes[f"{name}_w"], shapes[f"{name}_b"] = [4, 3, kernel, kernel], [4]
    init = init_with("squeezenet_init", shapes)
    init.op.add().CopyFrom(operator("ConstantFill", [], ["data"], shape=[1]))
    predict = caffe2_pb2.NetDef(name="squeezenet", type="dag", num_workers=4)

    def conv(source, name, kernel, **args):
        predict.op.extend(
            [
                operator("Conv", [source, f"{name}_w", f"{name}_b"], [name], kernel=kernel, **args),
                operator("Relu", [name], [name]),
            ]
        )
        return name

    x = conv("data", "conv1", 3, stride=2, legacy_pad=2)
    for number in (2, 3):
        squeezed = conv(x, f"fire{number}/squeeze1x1", 1)
        left = conv(squeezed, f"fire{number}/expand1x1", 1)
        right = conv(squeezed, f"fire{number}/expand3x3", 3, legacy_pad=2)
        x, sizes = f"fire{number}/concat", f"_fire{number}/concat_dims"
        predict.op.add().CopyFrom(operator("Concat", [left, right], [x, sizes], order="NCHW"))
    predict.op.add().CopyFrom(operator("MaxPool", [x], ["pool3"], kernel=3, stride=2, legacy_pad=1))
    conv("pool3", "conv10", 1)
    gap = operator("AveragePool", ["conv10"], ["pool10"], global_pooling=1, kernel=1)
    gap.name = "pool10"
    predict.op.extend([gap, operator("Softmax", ["pool10"], ["softmaxout"])])
    predict.external_input.extend(["data", *shapes])
    predict.external_output.extend(["softmaxout", "_fire2/concat_dims", "_fire3/concat_dims"])
    return init, predict


def nhwc():
    """Every operator that has an order in NHWC, which Caffe2 does on the CPU too."""
    shapes = {
        "w1": [6, 3, 3, 3],
        **{name: [6] for name in ("b1", "scale", "shift", "mean", "var")},
        "w2": [8, 3, 3, 6],
        "b2": [8],
        "fw": [4, 4 * 4 * 8],
        "fb": [4],
    }
    init = init_with("nhwc_init", shapes, constants=("var",), gain=0.6)
    predict = caffe2_pb2.NetDef(name="nhwc")
    predict.op.extend(
        [
            operator("Conv", ["data", "w1", "b1"], ["c1"], kernel=3, pad=1, order="NHWC"),
            operator(
                "SpatialBN", ["c1", "scale", "shift", "mean", "var"], ["n1"], is_test=1, order="NHWC", epsilon=1e-3
            ),
            operator("Relu", ["n1"], ["n1"]),
            operator("MaxPool", ["n1"], ["p1"], kernel=2, stride=2, order="NHWC"),
            operator("Conv", ["p1", "w2", "b2"], ["c2"], kernel=3, pad=1, stride=1, order="NHWC"),
            operator("AveragePool", ["c2"], ["p2"], kernel=3, stride=2, pad=1, order="NHWC"),
            operator("FC", ["p2", "fw", "fb"], ["fc"]),
            operator("Softmax", ["fc"], ["prob"]),
            operator("Log", ["prob"], ["log_prob"]),
        ]
    )
    predict.external_input.extend([*list(shapes), "data"])  # data last: Predictor would bind a weight
    predict.external_output.append("log_prob")
    return init, predict


def hand_written():
    nets = caffe2_pb2.NetDef(), caffe2_pb2.NetDef()
    for net, name in zip(nets, ("init_net", "predict_net")):  # noqa: B905 - Python 3.9 has no strict
        text_format.Parse((HERE / "hand_written" / f"{name}.pbtxt").read_text(), net)
    return nets


def on_cpu(net):
    copy = caffe2_pb2.NetDef()
    copy.CopyFrom(net)
    for op in copy.op:
        op.ClearField("device_option")
    copy.name = copy.name or "unnamed"
    return copy


CASES = {
    lenet: ((1, 1, 28, 28), "softmax", False),
    mobilenet: ((1, 3, 32, 32), "prob", False),
    caffenet: ((2, 3, 37, 37), "prob", True),
    squeezenet: ((1, 3, 27, 29), "softmaxout", False),
    nhwc: ((1, 16, 16, 3), "log_prob", False),
    hand_written: ((1, 3, 9, 11), "prob", None),
}


def main():
    for make, (shape, output, text) in CASES.items():
        workspace.ResetWorkspace()
        init, predict = make()
        folder = HERE / make.__name__
        if text is not None:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for name, net in (("init_net", init), ("predict_net", predict)):
                if text and name == "predict_net":
                    (folder / f"{name}.pbtxt").write_text(str(net))
                else:
                    (folder / f"{name}.pb").write_bytes(net.SerializeToString())
        data = GENERATOR.uniform(0, 1, shape).astype(np.float32)
        workspace.ResetWorkspace()
        workspace.RunNetOnce(on_cpu(init))
        workspace.FeedBlob("data", data)
        workspace.RunNetOnce(on_cpu(predict))
        answer = workspace.FetchBlob(output)
        np.save(folder / "input_0.npy", data)
        np.save(folder / "output_0.npy", answer)
        other = 1 - data
        workspace.FeedBlob("data", other)
        workspace.RunNetOnce(on_cpu(predict))
        spread = np.abs(workspace.FetchBlob(output) - answer).max()
        print(f"{make.__name__}: {answer.shape}, moves by {spread:.2g}")
        assert spread > 1e-3


main()
