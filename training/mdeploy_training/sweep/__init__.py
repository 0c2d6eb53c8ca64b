# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A search over a model's arguments for accuracy and for latency of the converted net."""

from mdeploy_training.sweep.latency import HarnessLatency
from mdeploy_training.sweep.pareto import TrialResult, draw_front, on_front, sweep_table
from mdeploy_training.sweep.study import Sweep, results_of, run_sweep

__all__ = [
    "HarnessLatency",
    "Sweep",
    "TrialResult",
    "draw_front",
    "on_front",
    "results_of",
    "run_sweep",
    "sweep_table",
]
