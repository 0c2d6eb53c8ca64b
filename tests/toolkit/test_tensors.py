# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The one description of a tensor, and who else describes tensors by it."""

from __future__ import annotations

import json

import numpy as np

from mdeploy.backends.optional.module import NetSpec
from mdeploy.comparison.tolerance import Tolerance, compare, required_by_scale
from mdeploy.formats.manifest import InputSpec, OutputSpec, Resize
from mdeploy.onnx.pipeline import PASS_TOLERANCE, largest_difference
from mdeploy.tensors import TensorSpec, element_scale, tensor_scale


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


def test_what_the_two_rules_measure_by() -> None:
    values = np.array([[-130.0, 0.25], [np.nan, -np.inf]], np.float32)
    np.testing.assert_array_equal(element_scale(values), [[130.0, 1.0], [np.nan, np.inf]])
    assert tensor_scale(values) == 130.0
    assert tensor_scale(np.full(3, np.inf)) == tensor_scale(np.zeros(0)) == tensor_scale(np.zeros(3)) == 1.0
    assert tensor_scale(np.array([3, -7], np.int64)) == 7.0


def test_the_scale_rule_is_the_same_for_layers_and_for_passes() -> None:
    """What a small element of a large tensor is allowed, where the tolerance rule would not."""
    reference = np.array([1000.0, 0.0], np.float32)
    actual = np.array([1000.0, 0.005], np.float32)
    comparison = compare(reference, actual, "logits", Tolerance(1e-5))
    assert not comparison.passed
    assert required_by_scale(reference, comparison) == np.float64(np.float32(0.005)) / 1000
    difference, allowed = largest_difference([[reference]], [[actual]])
    assert (difference, allowed) == (np.float32(0.005), PASS_TOLERANCE * 1000)
    misplaced = compare(reference, np.array([1000.0, np.nan]), "logits", Tolerance())
    assert required_by_scale(reference, misplaced) == np.inf
