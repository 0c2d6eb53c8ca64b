# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Models by name, and what a checkpoint of one may ask for."""

from __future__ import annotations

from typing import Any

import pytest

from mdeploy.errors import InputError, UsageError
from mdeploy.formats import checkpoint
from mdeploy_training.data import Normalization
from mdeploy_training.models import resnest_small
from mdeploy_training.models.registry import (
    full_arguments,
    image_input,
    make_checkpoint,
    new_model,
    with_classes,
)

HALF = Normalization((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def test_arguments_are_filled_in() -> None:
    assert with_classes("resnest_small", {}, 7) == {"classes": 7}
    assert with_classes("resnest_small", {"classes": 3}, 7) == {"classes": 3}
    assert full_arguments("resnest50_cifar", {"radix": 4}) == {
        "block": "basic",
        "classes": 10,
        "radix": 4,
        "cardinality": 1,
        "seed": 0,
    }


def test_square_images_are_cut_and_others_are_scaled() -> None:
    square, wide = image_input(32, 32, HALF), image_input(32, 48, HALF)
    assert square.resize is not None
    assert (square.resize.short_side, square.crop) == (32, (32, 32))
    assert wide.resize is not None
    assert (wide.resize.size, wide.crop) == ((32, 48), None)


def test_names_and_arguments_that_do_not_fit() -> None:
    with pytest.raises(UsageError, match=r"no model named 'resnet'; registered: .*resnest_small"):
        new_model("resnet", {})
    with pytest.raises(UsageError, match=r"model resnest_small: .*'depth'"):
        new_model("resnest_small", {"depth": 3})
    with pytest.raises(UsageError, match="10 classes, the data 2; give --arg classes=2"):
        make_checkpoint("resnest_small", {}, resnest_small(), image_input(32, 32, HALF), ("a", "b"), {})


@pytest.mark.parametrize(
    "arguments", [{"classes": 10**9}, {"widths": [10**7] * 3}, {"layers": [10**9] * 3}, {"stem_width": 10**15}]
)
def test_a_checkpoint_cannot_ask_for_more_memory_than_its_weights_fill(arguments: dict[str, Any]) -> None:
    made = make_checkpoint("resnest_small", arguments, resnest_small(), image_input(32, 32, HALF), None, {})
    with pytest.raises(InputError, match="resnest_small"):
        checkpoint.build_model(made)
