# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The converter's schemas and the runtime's registry say the same of an operator, each written down by itself."""

from __future__ import annotations

import pytest

from mdeploy import native
from mdeploy.caffe2.schema import MANY, SCHEMAS, OperatorSchema

RULES = {rule.type: rule for rule in native.operator_rules()}
SHARED = sorted(set(RULES) & set(SCHEMAS))
MOST = 8  # inputs and outputs that are tried for the rule about blobs
# What only nets made elsewhere have: the converter writes none of them, under these names.
IMPORTED = {"AveragePool2D", "Conv2D", "CopyFromCPUInput", "EnsureCPUOutput", "MaxPool2D", "ScatterAssign"}

# Pairs (input, output) of which real Caffe2 said, when asked to run them, that they may or may not share a blob.
PROBED = {
    "And": {(0, 0): True, (1, 0): False},
    "ConstantFill": {(0, 0): True, (1, 0): False},
    "GivenTensorFill": {(0, 0): True},
    "GivenTensorStringFill": {(0, 0): True},
    "Not": {(0, 0): False},
    "Relu": {(0, 0): True},
    "Softmax": {(0, 0): False},
    "SpatialBN": {(3, 1): True, (4, 2): True, (1, 0): False, (1, 2): False},
    "Where": {(0, 0): False, (1, 0): False, (2, 0): False},
    "Xor": {(0, 0): True, (1, 0): False},
}


def most(count: int | None) -> int:
    return MANY if count is None else count


def test_the_registry_is_listed_whole() -> None:
    assert [rule.type for rule in native.operator_rules()] == native.operators()
    assert len(SHARED) > 80


def test_every_operator_of_the_runtime_has_a_schema() -> None:
    assert set(RULES) - set(SCHEMAS) == IMPORTED


@pytest.mark.parametrize("name", SHARED)
def test_arity(name: str) -> None:
    rule, schema = RULES[name], SCHEMAS[name]
    least = 2 if name == "Expand" else rule.inputs[0]  # the runtime also takes the shape as an argument
    assert (least, most(rule.inputs[1])) == schema.inputs
    assert (rule.outputs[0], most(rule.outputs[1])) == schema.outputs


@pytest.mark.parametrize("name", SHARED)
def test_blobs_that_may_be_shared(name: str) -> None:
    rule, schema = RULES[name], SCHEMAS[name]
    pairs = [(i, o) for i in range(min(most(rule.inputs[1]), MOST)) for o in range(min(most(rule.outputs[1]), MOST))]
    assert [pair for pair in pairs if rule.allows_inplace(*pair)] == [
        pair for pair in pairs if OperatorSchema.allows_inplace(schema, *pair)
    ]


@pytest.mark.parametrize("name", PROBED)
def test_blobs_are_shared_as_real_caffe2_says(name: str) -> None:
    for pair, allowed in PROBED[name].items():
        assert RULES[name].allows_inplace(*pair) == allowed
        assert SCHEMAS[name].allows_inplace(*pair) == allowed
