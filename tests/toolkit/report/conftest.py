# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A report with a value in every field."""

from __future__ import annotations

import copy
from typing import Any

import pytest

_THERMAL: dict[str, Any] = {"max_c": 41.5, "zones": {"cpu": 41.5}, "status": None}
_DOCUMENT: dict[str, Any] = {
    "schema": "mdeploy-report/1",
    "status": "ok",
    "error": None,
    "runner": "cli",
    "model": {
        "name": "tiny",
        "inputs": [{"name": "data", "shape": [1, 3, 8, 8], "dtype": "float32"}],
        "outputs": [{"name": "scores", "shape": [1, 5], "dtype": "float32"}],
        "parameters": 1397,
        "macs": 8192,
    },
    "files": {"init_net.pb": {"bytes": 7, "sha256": None}},
    "latency_ms": {
        "n": 3,
        "mean": 2.0,
        "std": 0.5,
        "min": 1.0,
        "p50": 2.0,
        "p90": 2.8,
        "p99": 2.98,
        "max": 3.0,
        "percentile_method": "linear",
        "samples": [1.0, 2.0, 3.0],
    },
    "init_ms": 4.5,
    "verify_ms": None,
    "first_run_ms": 3.25,
    "peak_rss_bytes": 12345678,
    "threads": 2,
    "affinity": {"requested": "big", "cores": [4, 5, 7], "applied": True},
    "isa": "neon",
    "emulated": True,
    "compiler": {"id": "clang 19", "flags": "-O3", "build_type": "release"},
    "device": {
        "model": "Phone",
        "os": "Android",
        "abi": "arm64-v8a",
        "cores": [{"id": 0, "max_khz": 1800000, "cluster": "little"}, {"id": 7, "max_khz": None, "cluster": "big"}],
        "manufacturer": "Maker",
        "soc": None,
        "os_version": "14",
        "sdk": 34,
        "kernel": "5.15",
        "page_size_bytes": 16384,
        "memory_bytes": 8000000000,
    },
    "thermal": {"before": {"max_c": None, "zones": {}, "status": None}, "after": {**_THERMAL, "status": 1}},
    "battery": {"level_percent": 80, "temperature_c": 30.5, "charging": False},
    "parity": [
        {
            "case": "zeros",
            "output": "scores",
            "max_abs": 1e-7,
            "max_rel": 1e-7,
            "passed": True,
            "tolerance": 1e-5,
            "required_tolerance": 1e-7,
        },
        {
            "case": "ones",
            "output": "scores",
            "max_abs": None,
            "max_rel": None,
            "passed": False,
            "tolerance": 1e-5,
            "required_tolerance": None,
        },
    ],
    "ops": [{"name": "hidden", "type": "Conv", "kernel": "gemm_neon", "ms": 1.5, "macs": 6912}],
    "rounds": [
        {
            "n": 3,
            "p50": 2.0,
            "start_ms": 0.0,
            "duration_ms": 6.0,
            "outliers": [2],
            "cpu_khz": [1800000, None],
            "thermal": _THERMAL,
        }
    ],
    "sustained": [{"minute": 1, "n": 30000, "p50": 2.0, "p90": 2.5, "thermal": _THERMAL, "cpu_khz": [None]}],
    "warnings": ["1 of 3 runs are outliers"],
    "versions": {"harness": "0.1.0", "runtime": "0.1.0", "abi_version": 1},
}


@pytest.fixture
def document() -> dict[str, Any]:
    """Plain JSON values, to change at will."""
    return copy.deepcopy(_DOCUMENT)
