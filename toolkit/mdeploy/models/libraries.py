# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Which library ``--model`` names. Imports none of them."""

from __future__ import annotations

__all__ = ["TIMM", "TRANSFORMERS", "is_of_a_library", "is_torchvision"]

TIMM, TRANSFORMERS = "timm:", "transformers:"


def is_torchvision(spec: str) -> bool:
    """Whether it is a function of torchvision.models."""
    return spec.partition(":")[0] == "torchvision.models" or spec.startswith("torchvision.models.")


def is_of_a_library(spec: str) -> bool:
    """Whether it is a model of a library that says how its images are prepared."""
    return spec.startswith((TIMM, TRANSFORMERS)) or is_torchvision(spec)
