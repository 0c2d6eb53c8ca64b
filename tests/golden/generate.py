# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Makes ``operators/``: small nets, inputs, and what real Caffe2 answers. Run it with the Python that has Caffe2:

    ~/.cache/mdeploy/caffe2/bin/python tests/golden/generate.py

One directory a case: ``init_net.pb``, ``predict_net.pb``, ``input_N.npy`` and ``output_N.npy`` by position, or
``refused.txt`` with the first line of Caffe2's message where it refuses the net. The test beside it runs the same nets
on our runtime (``tests/runtime/test_golden.py``).
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from caffe2.proto import caffe2_pb2
from caffe2.python import core, utils, workspace

sys.path.insert(0, str(Path(__file__).parent))
from cases import CASES

HERE = Path(__file__).parent / "operators"
FILLS = {
    "float32": "GivenTensorFill",
    "int32": "GivenTensorIntFill",
    "int64": "GivenTensorInt64Fill",
    "bool": "GivenTensorBoolFill",
}


class Unexpected(Exception):
    """Caffe2 does not do what the case says."""


def init_net(weights, extra):
    net = caffe2_pb2.NetDef(name="case_init")
    for name, array in weights.items():
        op = net.op.add(type=FILLS[array.dtype.name], output=[name])
        op.arg.extend([utils.MakeArgument("shape", list(array.shape)), utils.MakeArgument("values", array.ravel())])
    net.op.extend(make_op(*spec) for spec in extra)
    return net


def make_op(kind, inputs, outputs, args=None):
    args = dict(args or {})
    engine = args.pop("engine", None)
    op = core.CreateOperator(kind, inputs, outputs, **args)
    if engine:
        op.engine = engine
    return op


def predict_net(case):
    net = caffe2_pb2.NetDef(name="case_predict")
    net.op.extend(make_op(*spec) for spec in case.ops)
    made_by_init = [name for _, _, outputs, *_ in case.init for name in outputs]
    net.external_input.extend([*case.inputs, *case.weights, *made_by_init])
    net.external_output.extend(case.outputs)
    return net


def run(case, init, predict):
    workspace.ResetWorkspace()
    workspace.RunNetOnce(init)
    for name, array in case.inputs.items():
        workspace.FeedBlob(name, array)
    workspace.RunNetOnce(predict)
    return [workspace.FetchBlob(name) for name in case.outputs]


def write(case):
    folder = HERE / case.name
    folder.mkdir(parents=True)
    init, predict = init_net(case.weights, case.init), predict_net(case)
    folder.joinpath("init_net.pb").write_bytes(init.SerializeToString())
    if case.text:
        folder.joinpath("predict_net.pbtxt").write_text(str(predict))
    else:
        folder.joinpath("predict_net.pb").write_bytes(predict.SerializeToString())
    for index, array in enumerate(case.inputs.values()):
        np.save(folder / f"input_{index}.npy", array)
    try:
        outputs = run(case, init, predict)
    except Exception as error:
        if not case.refused:
            raise Unexpected("Caffe2 refuses it: " + str(error).splitlines()[0][-300:]) from error
        lines = [line for line in str(error).splitlines() if line.strip()]
        folder.joinpath("refused.txt").write_text(lines[0].split("] ", 1)[-1][:300] + "\n")
        return "refused"
    if case.refused:
        raise Unexpected("Caffe2 was to refuse it and ran it")
    for index, array in enumerate(outputs):
        array = np.asarray(array)
        if array.dtype == np.bool_:
            raise Unexpected("a bool output; add a Cast")
        np.save(folder / f"output_{index}.npy", array)
    return ", ".join(f"{array.dtype}{list(array.shape)}" for array in outputs)


def main():
    names, failures = sys.argv[1:], []
    if len({case.name for case in CASES}) != len(CASES):
        raise SystemExit("two cases have the same name")
    if not names:
        shutil.rmtree(HERE, ignore_errors=True)
    for case in CASES:
        if names and case.name not in names:
            continue
        shutil.rmtree(HERE / case.name, ignore_errors=True)
        try:
            print(f"{case.name}: {write(case)}")
        except Unexpected as error:
            failures.append(f"{case.name}: {error}")
            shutil.rmtree(HERE / case.name)
    if failures:
        raise SystemExit("\n".join(["", *failures]))


main()
