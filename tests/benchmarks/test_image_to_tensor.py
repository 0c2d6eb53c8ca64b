# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A photograph of 12 megapixels: the tensor that Pillow and numpy give, and little memory beside the decoded image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("photograph") / "p.jpg"


def test_equal_tensors_and_little_memory(benchmark_module: Callable[[str], ModuleType], photograph: Path) -> None:
    program = benchmark_module("image_to_tensor")
    program.make_photograph(photograph)
    np.testing.assert_array_equal(program.ours(photograph), program.pillow(photograph))
    peaks = {way: program.peak_bytes(way, photograph) for way in ("decode", "ours")}
    assert peaks["decode"] > 36e6
    assert peaks["ours"] - peaks["decode"] <= 20e6
