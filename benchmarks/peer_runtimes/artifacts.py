# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Our artifact of each net of the comparison, made once and kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mdeploy.progress import Tell, quiet
from native_build import CACHE
from peer_runtimes.nets import NETS

__all__ = ["environment", "prepare"]

ROOT = Path(__file__).resolve().parents[2]


def environment(threads: int) -> dict[str, str]:
    """What a process of the comparison is started with."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        variables[name] = str(threads)
    variables["PYTHONPATH"] = os.pathsep.join(str(ROOT / part) for part in ("benchmarks", "toolkit", "training"))
    return variables


def prepare(net: str, tell: Tell = quiet) -> Path:
    """The net's directory: checkpoint, our artifact and the input. Made once."""
    directory = CACHE / net
    directory.mkdir(parents=True, exist_ok=True)
    spec = NETS[net]
    checkpoint = directory / "checkpoint.pt"
    if not checkpoint.exists():
        tell(f"{net}: making a checkpoint")
        command = [sys.executable, "-m", "peer_runtimes.nets", net, str(checkpoint)]
        subprocess.run(command, env=environment(2), check=True, capture_output=True)
    if not (directory / "artifact" / "manifest.json").exists():
        tell(f"{net}: converting")
        command = [str(Path(sys.executable).parent / "mdeploy"), "convert", str(checkpoint)]
        command += ["--model", f"{spec.package}:{spec.model}", "--input-shape", f"1,3,{spec.size},{spec.size}"]
        command += [option for k, v in spec.arguments.items() for option in ("--model-arg", f"{k}={v}")]
        subprocess.run([*command, "-o", str(directory / "artifact")], check=True, capture_output=True)
    if not (directory / "input.npy").exists():
        golden = directory / "artifact" / "golden" / "random" / "input_0.npy"
        (directory / "input.npy").write_bytes(golden.read_bytes())
    return directory
