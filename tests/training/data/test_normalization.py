# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Measured mean and standard deviation against NumPy's."""

from __future__ import annotations

import numpy as np
import torch

from mdeploy_training.data import Images, Normalization


def test_measured_normalization_is_numpys() -> None:
    pixels = torch.randint(0, 256, (2345, 3, 7, 5), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    data = Images(pixels, torch.zeros(2345, dtype=torch.int64), ("a",))
    values = pixels.numpy().astype(np.float64) / 255
    measured = Normalization.measured(data)
    np.testing.assert_allclose(measured.mean, values.mean((0, 2, 3)), atol=5e-5)
    np.testing.assert_allclose(measured.std, values.std((0, 2, 3)), atol=5e-5)


def test_the_rule() -> None:
    pixels = torch.randint(0, 256, (4, 3, 2, 5), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    mean, std = np.array([0.5, 0.25, 0.0]), np.array([0.25, 0.5, 1.0])
    expected = (pixels.numpy() / 255 - mean[:, None, None]) / std[:, None, None]
    np.testing.assert_allclose(Normalization((0.5, 0.25, 0.0), (0.25, 0.5, 1.0))(pixels).numpy(), expected, atol=1e-6)


def test_a_flat_channel_is_not_divided_by_zero() -> None:
    flat = Images(torch.full((2, 3, 4, 4), 51, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), ("a",))
    assert Normalization.measured(flat) == Normalization((0.2, 0.2, 0.2), (1.0, 1.0, 1.0))
