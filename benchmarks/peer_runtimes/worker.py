# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""One runtime, one net, one number of threads: ``python -m peer_runtimes.worker PEER NET DIR THREADS``.

Loads the net's form through ``mdeploy.backends``, runs once, and prints ``{"output": [...], "load_ms": ...,
"first_ms": ..., "pids": [...]}``. Then, for each line ``N`` on standard input, runs once to warm up and N times to
measure, one right after the other, and prints ``{"ms": [...]}``. Times are those inside the runtime's own process.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from mdeploy.backends.base import PrepareOptions, Session
from mdeploy.backends.registry import get_backend
from mdeploy.backends.table import CONVERTED, info_of
from mdeploy.errors import UnavailableError
from mdeploy.tensors import TensorSpec
from peer_runtimes.nets import NETS, load_model

__all__ = ["load", "main"]


def load(peer: str, net: str, directory: Path, threads: int) -> Session:
    """The runtime with the form of the net that suits it best."""
    options = PrepareOptions(threads)
    if peer == "torch":
        from mdeploy.backends.torch import TorchSession

        started, checkpoint = time.perf_counter(), directory / "checkpoint.pt"
        return TorchSession(load_model(NETS[net], str(checkpoint)), options, [checkpoint], started)
    if peer == "onnxruntime":
        from mdeploy.backends.onnxruntime import OnnxRuntimeSession

        return OnnxRuntimeSession(directory / "forms" / peer / "model.onnx", options)
    if peer in CONVERTED:
        from mdeploy.backends.optional.environment import find_home, why_missing
        from mdeploy.backends.optional.module import NetSpec
        from mdeploy.backends.optional.process import OptionalSession

        info = info_of(peer)
        home = find_home(info, info.run)
        if home is None:
            raise UnavailableError(why_missing(info, info.run))
        side = NETS[net].size
        spec = NetSpec((TensorSpec("x", (1, 3, side, side)),), (TensorSpec("y", (1, NETS[net].classes)),))
        return OptionalSession(info, home, directory / "forms" / peer, spec, threads)
    from mdeploy.formats.artifact import Artifact

    return get_backend(peer).prepare(Artifact.open(directory / "artifact", verify=False), options)


def main(peer: str, net: str, directory: Path, threads: int) -> None:
    """Serve the protocol on standard input and output."""
    # Some runtimes chat on standard output: keep it for ourselves and give them standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    inputs = [np.load(directory / "input.npy")]
    session = load(peer, net, directory, threads)
    output = np.asarray(session.run(inputs)[0], np.float64).ravel().tolist()
    times = {"load_ms": session.load_seconds * 1e3, "first_ms": session.last_run_seconds * 1e3}
    answer = {"output": output, "pids": sorted({os.getpid(), session.pid}), **times}
    print(json.dumps(answer), file=answers, flush=True)
    for line in sys.stdin:
        _, *seconds = session.time_runs(inputs, 1 + int(line))
        print(json.dumps({"ms": [one * 1e3 for one in seconds]}), file=answers, flush=True)
    os._exit(0)  # some runtimes hang or crash while they are torn down


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
