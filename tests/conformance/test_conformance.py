# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The two conformance commands on a selection that every build can afford."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mdeploy.backends.registry import get_backend

ROOT = Path(__file__).resolve().parents[2]
NODES = "test_conv,pool,softmax,gemm,test_slice,_pad,test_resize,test_reduce_mean,test_batchnorm,test_add,test_concat"
# Batch statistics, corners aligned by scales that give no whole size, nothing left: docs/conformance.md says why.
EXPLAINED = (
    *("batchnorm_example_training_mode", "batchnorm_epsilon_training_mode"),
    *("resize_downsample_scales_linear_align_corners", "resize_downsample_scales_cubic_align_corners"),
    "slice_start_out_of_bounds",
)
MODELS = (
    "resnet18,squeezenet1_1,googlenet,mobilenet_v2,mobilenet_v3_small,shufflenet_v2_x1_0,efficientnet_b0,regnet_y_400mf"
)


def backends() -> str:
    """Those that are here; our runtime at least."""
    if not get_backend("mdeploy").availability().available:
        pytest.skip("the native runtime is not built")
    return "mdeploy,caffe2" if get_backend("caffe2").availability().available else "mdeploy"


def command(program: str, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    line = [sys.executable, "-m", f"tools.conformance.{program}", "--backends", backends(), *arguments]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_onnx_backend_tests_pass_or_are_refused() -> None:
    output = command("onnx_backend", "--match", NODES, "--kinds", "node,light")
    counts = re.findall(r"^(.+): passed (\d+), refused (\d+), failed (\d+)$", output, re.MULTILINE)
    assert next(title for title, *_ in counts) == "all"
    assert all(failed == "0" for *_, failed in counts)
    _, passed, refused, _ = counts[-1]  # float tests of operators that have a converter
    assert int(passed) > 150
    assert int(refused) <= len(EXPLAINED)


@pytest.mark.slow
@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_published_models_pass(exporter: str) -> None:
    pytest.importorskip("torchvision")
    output = command("models", "--models", MODELS, "--exporters", exporter)
    rows = [line for line in output.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) == len(MODELS.split(","))
    assert all(row.endswith("| yes |") for row in rows), output
