# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Asks whoever made a model what it brings along: torchvision, timm, or the files of a snapshot."""

from __future__ import annotations

from torch import nn

from mdeploy.errors import InputError
from mdeploy.models.libraries import TIMM, is_torchvision
from mdeploy.models.snapshot import PROCESSOR, Snapshot
from mdeploy.models.timm_models import brought_by_timm, timm_transform
from mdeploy.models.torchvision_models import brought_by_torchvision
from mdeploy.models.transform import Brought
from mdeploy.models.transformers_models import processor_transform

__all__ = ["brought_by"]

Size = tuple[int, int]


def brought_by(spec: str, module: nn.Module, sha256: str, size: Size | None, snapshot: Snapshot | None) -> Brought:
    """What the model brings along, for an input of ``size``; a snapshot's own files go before its library."""
    if snapshot is not None and (snapshot.processor is not None or snapshot.timm_architecture is not None):
        return _by_snapshot(snapshot, size)
    if spec.startswith(TIMM):
        return brought_by_timm(module, spec.removeprefix(TIMM), size)
    if is_torchvision(spec):
        return brought_by_torchvision(spec.rpartition(":")[2], sha256, size)
    return Brought()


def _by_snapshot(snapshot: Snapshot, size: Size | None) -> Brought:
    """By config.json where timm wrote it, else by preprocessor_config.json."""
    try:
        if snapshot.timm_architecture is not None:
            origin = f"the config.json of {snapshot.folder}"
            transform, unsaid = timm_transform(snapshot.timm_config, origin, size)
        else:
            origin = f"the {PROCESSOR} of {snapshot.folder}"
            transform, unsaid = processor_transform(snapshot.processor or {}, origin)
    except (TypeError, ValueError, KeyError, AttributeError, AssertionError, ZeroDivisionError) as error:
        raise InputError(f"{origin} is damaged: {type(error).__name__}: {error}") from error
    if transform is not None and size is not None and transform.size != size:
        was = "x".join(map(str, transform.size))
        return Brought(origin, None, None, f"{origin} is for an input of {was}, not of {size[0]}x{size[1]}")
    return Brought(origin, transform, None, unsaid)
