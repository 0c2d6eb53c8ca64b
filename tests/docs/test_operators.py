# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What docs/operators.md says of a converter is there to be said."""

from __future__ import annotations

import onnx.defs
import pytest

from mdeploy.caffe2 import registry
from mdeploy.caffe2.registry import converters, converts


@pytest.mark.parametrize("converter", converters().values(), ids=lambda item: item.op_type)
def test_every_entry_is_an_onnx_operator(converter: registry.Converter) -> None:
    assert onnx.defs.has(converter.op_type)
    assert 1 <= converter.since <= onnx.defs.onnx_opset_version()
    assert converter.maps_to
    assert converter.function.__doc__


def test_two_converters_for_one_operator_are_refused() -> None:
    with pytest.raises(ValueError, match="Relu has two converters"):
        converts("Relu", to="Relu")(lambda context: None)
