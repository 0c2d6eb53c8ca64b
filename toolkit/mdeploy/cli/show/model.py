# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What an artifact expects and answers: the facts that a user has to check, shown by convert and by inspect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mdeploy import figures
from mdeploy.formats.manifest import InputSpec, Manifest
from mdeploy.formats.preprocessing import Preprocessing

__all__ = ["checklist"]

_ARITHMETICS = {"pillow": "Pillow does", "pillow-12": "Pillow did before 13", "tensor": "torchvision does tensors"}


def checklist(manifest: Manifest) -> list[tuple[str, str]]:
    """Inputs with how an image becomes them, outputs, and labels; where nothing was said, the flag that says it."""
    facts: list[tuple[str, str]] = []
    for spec in manifest.inputs:
        facts.append(("input", f"{spec.name} {figures.shape(spec.shape)} {spec.dtype}"))
        facts += _image_facts(spec)
    for output in manifest.outputs:
        facts.append(("output", f"{output.name} {figures.shape(output.shape)} {output.meaning}"))
    facts.append(("labels", _labels(manifest)))
    return facts


def _image_facts(spec: InputSpec) -> Iterator[tuple[str, str]]:
    if spec.layout is None:
        yield "image", "no: it has neither 1 nor 3 channels, so only arrays go in"
        return
    height, width = spec.shape[2:4] if spec.layout == "NCHW" else spec.shape[1:3]
    yield "colour order", f"{spec.color_order or 'rgb'} ({spec.layout})"
    if spec.mean is None or spec.std is None:
        yield "mean, std", "none: pixels become 0 to 1 (--mean and --std say what the model was trained with)"
    else:
        yield "mean", _numbers(spec.mean)
        yield "std", _numbers(spec.std)
    if spec.preprocessing is not None:
        yield from _preprocessing_facts(spec.preprocessing)
        return
    if spec.resize is None:
        yield "resize", f"none: images must have {height}x{width} pixels, or be cropped to it"
    elif spec.resize.size is not None:
        yield "resize", f"to {figures.shape(spec.resize.size)}, {spec.resize.mode}"
    else:
        yield "resize", f"shorter side to {spec.resize.short_side}, {spec.resize.mode}"
    yield "crop", "none" if spec.crop is None else f"{figures.shape(spec.crop)} from the centre"


def _preprocessing_facts(how: Preprocessing) -> Iterator[tuple[str, str]]:
    filtered = f"{how.interpolation}{'' if how.antialias else ' without antialias'}, as {_ARITHMETICS[how.arithmetic]}"
    if how.short_side is not None:
        yield "resize", f"shorter side to {how.short_side}, {filtered}"
    elif how.size is not None:
        yield "resize", f"to {figures.shape(how.size)}, {filtered}"
    elif how.letterbox is not None:
        yield "resize", f"into {figures.shape(how.letterbox)} on the colour {_numbers(how.fill)}, {filtered}"
    else:
        yield "resize", "none"
    yield "crop", "none" if how.crop is None else f"{figures.shape(how.crop)} from the centre"
    yield "scale", how.scale
    yield "alpha", "dropped" if how.background is None else f"over the colour {_numbers(how.background)}"
    yield "orientation", "as the camera was held" if how.orientation == "exif" else "as stored"


def _labels(manifest: Manifest) -> str:
    if manifest.labels is None:
        return "none: classes are numbered (--labels FILE names them)"
    count = figures.plural(len(manifest.labels), "class", "classes")
    if len(manifest.labels) == 1:
        return f"{count}: {manifest.labels[0]}"
    return f"{count}, from {manifest.labels[0]} to {manifest.labels[-1]}"


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
