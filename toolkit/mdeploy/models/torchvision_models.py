# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What torchvision says of its models' weights: transforms and categories. Nothing is downloaded."""

from __future__ import annotations

from typing import Any

from mdeploy.formats.preprocessing import Preprocessing, installed_arithmetic
from mdeploy.models.transform import Brought, ImageTransform

__all__ = ["brought_by_torchvision", "torchvision_weights"]

_HASH = 8  # hexadecimal digits of a file's SHA-256 at the end of its name, as torch.hub has them


def torchvision_weights(name: str, sha256: str = "") -> Any | None:
    """The entry of torchvision's weights that the file of this hash is, else the default one; None: it has none."""
    from torchvision import models

    try:
        entries = list(models.get_model_weights(name))
    except ValueError:  # another function than one that makes a model
        return None
    for entry in entries:
        stem = str(entry.url).rpartition("/")[2].rpartition(".")[0]
        if sha256 and stem.rpartition("-")[2] == sha256[:_HASH]:
            return entry
    return getattr(type(entries[0]), "DEFAULT", entries[0]) if entries else None


def brought_by_torchvision(name: str, sha256: str, size: tuple[int, int] | None) -> Brought:
    """Transform and labels of these weights. For another ``size`` than theirs the margin keeps its share."""
    entry = torchvision_weights(name, sha256)
    if entry is None:
        return Brought(unsaid=f"torchvision names no weights of {name}")
    origin = f"torchvision's {type(entry).__name__}.{entry.name}"
    labels = tuple(entry.meta.get("categories", ())) or None
    how = entry.transforms()
    if type(how).__name__ != "ImageClassification":
        return Brought(origin, None, labels, f"{origin} has no transform of a classifier's images")
    (resize,), (crop,) = how.resize_size, how.crop_size
    height, width = size or (crop, crop)
    preprocessing = Preprocessing(
        installed_arithmetic(),
        how.interpolation.value,
        short_side=resize if (height, width) == (crop, crop) else round(min(height, width) * resize / crop),
        crop=(height, width),
    )
    return Brought(origin, ImageTransform((height, width), preprocessing, tuple(how.mean), tuple(how.std)), labels)
