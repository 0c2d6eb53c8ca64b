# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The one description of a tensor, and who else describes tensors by it."""

from __future__ import annotations

import json

import numpy as np

from mdeploy.backends.optional.module import NetSpec
from mdeploy.formats.manifest import InputSpec, OutputSpec, Resize
from mdeploy.tensors import TensorSpec


def test_of_an_array_and_back() -> None:
    spec = TensorSpec.of("mask", np.ones((2, 0, 3), np.bool_))
    assert spec == TensorSpec("mask", (2, 0, 3), "bool")
    made = spec.zeros()
    assert (made.shape, made.dtype) == ((2, 0, 3), np.dtype("bool"))
    assert TensorSpec.of("", np.float32(1).reshape(())) == TensorSpec("", ())


def test_the_manifests_specs_cross_the_pipe_without_what_only_the_manifest_says() -> None:
    image = InputSpec("x", (1, 3, 8, 8), "float32", "NCHW", "rgb", resize=Resize("bilinear", size=(8, 8)))
    sent = json.loads(json.dumps(NetSpec((image,), (OutputSpec("y", (1, 5), meaning="probabilities"),)).to_json()))
    assert NetSpec.from_json(sent) == NetSpec((TensorSpec("x", (1, 3, 8, 8)),), (TensorSpec("y", (1, 5)),))
