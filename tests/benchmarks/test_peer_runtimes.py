# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The comparison with other runtimes: what they are given is the same net, and wrong answers are not timed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from mdeploy_training.models import resnest_small
from mdeploy_training.models.calibration import calibrate

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_sliced_form_is_the_same_net(benchmark_module) -> None:
    nets = benchmark_module("peer_runtimes.nets")
    model = resnest_small().eval()
    calibrate(model, (1, 3, 32, 32), 0)
    model.eval()
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = model(x)
        found = nets.sliced(model)(x)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_difference_refuses_other_shapes_and_sees_relative_error(benchmark_module) -> None:
    peers = benchmark_module("peers")
    assert peers._difference([1.0], [1.0, 2.0]) == float("inf")
    assert peers._difference([100.0, 0.1], [101.0, 0.1]) == pytest.approx(1 / 101)
    assert not peers._difference([float("nan")], [1.0]) <= peers.TOLERANCE


def test_worker_answers_and_measures(benchmark_module, tmp_path: Path) -> None:
    """The protocol, on a peer that is made here."""
    script = tmp_path / "serve.py"
    script.write_text(
        "import sys, numpy as np\n"
        f"sys.path.insert(0, {str(BENCHMARKS)!r})\n"
        "from pathlib import Path\n"
        "from mdeploy.backends.base import LocalSession\n"
        "from peer_runtimes import worker\n"
        "class Double(LocalSession):\n"
        "    def _compute(self, inputs): return [inputs[0] * 2 * self.threads]\n"
        "    def close(self): pass\n"
        "def load(peer, net, directory, threads):\n"
        "    session = Double([], 0.0)\n"
        "    session.threads = threads\n"
        "    return session\n"
        "worker.load = load\n"
        "worker.main('double', 'basic', Path(sys.argv[1]), 3)\n"
    )
    import numpy as np

    np.save(tmp_path / "input.npy", np.array([1.0, 2.0], np.float32))
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], input="4\n2\n", capture_output=True, text=True, check=True
    )
    first, *rounds = map(json.loads, done.stdout.splitlines())
    assert first["output"] == [6.0, 12.0]
    assert first["load_ms"] > 0
    assert first["first_ms"] > 0
    assert len(first["pids"]) == 1
    assert [len(one["ms"]) for one in rounds] == [4, 2]


def test_unknown_peers_are_a_usage_error(benchmark_module) -> None:
    result = CliRunner().invoke(benchmark_module("peers").main, ["--peers", "nothing"])
    assert result.exit_code == 2
    assert "no runtime nothing" in result.output


def test_ratio_is_the_median_of_rounds(benchmark_module) -> None:
    peers = benchmark_module("peers")
    ours = peers.Worker("mdeploy", 1, None, {}, rounds=[[1.0, 9.0, 2.0], [4.0], [1.0]])
    other = peers.Worker("other", 1, None, {}, rounds=[[4.0], [4.0], [4.0]])
    assert peers._ratio(ours, other) == pytest.approx(0.5)
