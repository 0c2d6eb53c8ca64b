# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""One runtime, one net, one number of threads: ``python -m peer_runtimes.worker PEER NET DIR THREADS``.

Loads, runs once, and prints ``{"output": [...], "load_ms": ..., "first_ms": ...}``. Then, for each line ``N`` on
standard input, runs once to warm up and N times to measure, and prints ``{"ms": [...]}``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peer_runtimes.nets import NETS, load_model

Run = Callable[[], Any]


@dataclass(frozen=True)
class Job:
    """What a runtime is to load, and the image to run it on."""

    net: str
    directory: Path
    threads: int
    x: Any


def _mdeploy(job: Job) -> Run:
    from mdeploy import native
    from mdeploy.tensors import TensorSpec

    loaded = native.load_net(
        (job.directory / "artifact/init_net.pb").read_bytes(),
        (job.directory / "artifact/predict_net.pb").read_bytes(),
        [TensorSpec("", job.x.shape)],  # by position
    )
    session = loaded.session(threads=job.threads)
    return lambda: session.run([job.x])[0]


def _torch(job: Job) -> Run:
    import torch

    torch.set_num_threads(job.threads)
    torch.set_grad_enabled(False)
    model = load_model(NETS[job.net], str(job.directory / "checkpoint.pt"))
    tensor = torch.from_numpy(job.x)
    return lambda: model(tensor).numpy()


def _onnxruntime(job: Job) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = job.threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    path = str(job.directory / "sliced.onnx")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: job.x})[0]


def _openvino(job: Job) -> Run:
    import openvino

    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": job.threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,
    }
    request = openvino.Core().compile_model(str(job.directory / "openvino.xml"), "CPU", settings).create_infer_request()
    request.set_input_tensor(openvino.Tensor(job.x))

    def run() -> Any:
        request.infer()
        return request.get_output_tensor(0).data

    return run


def _ncnn(job: Job) -> Run:
    import ncnn
    import numpy as np

    loaded = ncnn.Net()
    loaded.opt.num_threads = job.threads
    loaded.opt.use_vulkan_compute = False
    for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage", "use_bf16_packed"):
        if hasattr(loaded.opt, name):  # float32 throughout, as everybody here
            setattr(loaded.opt, name, False)
    loaded.load_param(str(job.directory / "sliced.ncnn.param"))
    loaded.load_model(str(job.directory / "sliced.ncnn.bin"))
    image = ncnn.Mat(np.ascontiguousarray(job.x[0])).clone()

    def run() -> Any:
        with loaded.create_extractor() as extractor:
            extractor.input("in0", image)
            return np.array(extractor.extract("out0")[1]).reshape(1, -1)

    return run


def _mnn(job: Job) -> Run:
    import MNN
    import numpy as np

    interpreter = MNN.Interpreter(str(job.directory / "sliced.mnn"))
    session = interpreter.createSession({"backend": "CPU", "precision": "high", "numThread": job.threads})
    shape = (1, NETS[job.net].classes)
    source = MNN.Tensor(job.x.shape, MNN.Halide_Type_Float, job.x, MNN.Tensor_DimensionType_Caffe)
    empty = np.zeros(shape, np.float32)
    target = MNN.Tensor(shape, MNN.Halide_Type_Float, empty, MNN.Tensor_DimensionType_Caffe)
    first, last = interpreter.getSessionInput(session), interpreter.getSessionOutput(session)

    def run() -> Any:
        first.copyFrom(source)
        interpreter.runSession(session)
        last.copyToHostTensor(target)
        return np.array(target.getData(), np.float32).reshape(shape)

    return run


def _litert(job: Job) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(job.directory / "sliced.tflite"), num_threads=job.threads)
    interpreter.allocate_tensors()
    first, last = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run() -> Any:
        interpreter.set_tensor(first, job.x)
        interpreter.invoke()
        return interpreter.get_tensor(last)

    return run


def _executorch(job: Job) -> Run:
    import torch
    from executorch.extension.pybindings import portable_lib
    from executorch.runtime import Runtime

    portable_lib._unsafe_reset_threadpool(job.threads)
    method = Runtime.get().load_program(str(job.directory / "sliced.pte")).load_method("forward")
    tensor = torch.from_numpy(job.x)
    return lambda: method.execute((tensor,))[0].numpy()


def _caffe2(job: Job) -> Run:
    from caffe2.python import workspace

    workspace.GlobalInit(["caffe2", "--caffe2_log_level=2", f"--caffe2_omp_num_threads={job.threads}"])
    nets = [(job.directory / "artifact" / f"{which}_net.pb").read_bytes() for which in ("init", "predict")]
    predictor = workspace.Predictor(*nets)
    return lambda: predictor.run([job.x])[0]


PEERS = {
    "mdeploy": _mdeploy,
    "torch": _torch,
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "ncnn": _ncnn,
    "mnn": _mnn,
    "litert": _litert,
    "executorch": _executorch,
    "caffe2": _caffe2,
}


def main(peer: str, net: str, directory: Path, threads: int) -> None:
    """Serve the protocol on standard input and output."""
    # Some runtimes chat on standard output: keep it for ourselves and give them standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import numpy as np

    start = time.perf_counter()
    run = PEERS[peer](Job(net, directory, threads, np.load(directory / "input.npy")))
    loaded = time.perf_counter()
    output = np.asarray(run(), np.float64).ravel().tolist()
    first = time.perf_counter()
    answer = {"output": output, "load_ms": (loaded - start) * 1e3, "first_ms": (first - loaded) * 1e3}
    print(json.dumps(answer), file=answers, flush=True)
    for line in sys.stdin:
        run()
        samples = []
        for _ in range(int(line)):
            begin = time.perf_counter()
            run()
            samples.append((time.perf_counter() - begin) * 1e3)
        print(json.dumps({"ms": samples}), file=answers, flush=True)
    os._exit(0)  # some runtimes hang or crash while they are torn down


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
