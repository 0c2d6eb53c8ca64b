# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What the user says about an image's way into the net: flags and presets, checked and put into an input's spec."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mdeploy.errors import UsageError
from mdeploy.figures import plural
from mdeploy.formats.artifact import Artifact, ArtifactWriter
from mdeploy.formats.manifest import InputSpec
from mdeploy.formats.preprocessing import (
    CLIP,
    HALF,
    IMAGENET,
    Preprocessing,
    installed_arithmetic,
    scale_as_mean_and_std,
)

__all__ = ["PRESETS", "PreprocessingFlags", "preprocessed", "rewrite_artifact"]

Size = tuple[int, int]
Colour = tuple[int, int, int]

_CIFAR10 = ((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616))


@dataclass(frozen=True)
class _Preset:
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bilinear"
    margin: float | None = 256 / 224
    """Short side over crop; None: stretched to the net's size."""


PRESETS = {
    "imagenet": _Preset(*IMAGENET),
    "imagenet-bicubic": _Preset(*IMAGENET, "bicubic"),
    "inception": _Preset(*HALF),
    "clip": _Preset(*CLIP, "bicubic", 1.0),
    "cifar10": _Preset(*_CIFAR10, margin=None),
}


@dataclass(frozen=True)
class PreprocessingFlags:
    """None is what the user did not say."""

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    color_order: str | None = None
    preset: str | None = None
    short_side: int | None = None
    size: Size | None = None
    letterbox: Size | None = None
    fill: Colour | None = None
    crop: Size | None = None
    interpolation: str | None = None
    antialias: bool = True
    scale: str | None = None
    background: Colour | None = None
    arithmetic: str | None = None
    orientation: str | None = None

    @property
    def says_more(self) -> bool:
        """Whether there is more than mean, std and colour order."""
        return replace(self, mean=None, std=None, color_order=None) != PreprocessingFlags()

    def check(self) -> None:
        """What contradicts itself, whatever the net is. Raises ``UsageError``."""
        if (self.short_side or self.size) and self.letterbox:
            raise UsageError("--resize and --letterbox exclude each other")
        if self.scale not in (None, "0-1") and (self.mean or self.std or self.preset):
            raise UsageError(f"--scale {self.scale} leaves no room for mean and std, which are on the scale 0-1")
        if max(self.mean or (0,)) > 1 or max(self.std or (0,)) > 1:
            offered = " ".join(
                f"--{name} {','.join(f'{value / 255:.4g}' for value in values)}"
                for name, values in (("mean", self.mean), ("std", self.std))
                if values
            )
            raise UsageError(f"--mean and --std are on the scale 0 to 1, these are on 0 to 255; divided: {offered}")


def preprocessed(spec: InputSpec, flags: PreprocessingFlags) -> InputSpec:
    """An input with what the user says; one that is no image has none. Raises ``UsageError`` for what cannot be."""
    flags.check()
    if spec.layout is None:
        return spec
    spec = _normalised(spec, flags)
    if not flags.says_more:
        return spec
    how = spec.described(installed_arithmetic())
    preset = PRESETS.get(flags.preset or "")
    assert spec.image_size is not None
    height, width = spec.image_size
    if preset is not None:
        how = replace(how, interpolation=preset.interpolation, short_side=None, size=None, letterbox=None)
        how = replace(how, crop_rounding="even")
        if preset.margin is None:
            how = replace(how, size=(height, width), crop=None)
        else:
            how = replace(how, short_side=round(min(height, width) * preset.margin), crop=(height, width))
    if flags.short_side or flags.size or flags.letterbox:
        how = replace(how, short_side=flags.short_side, size=flags.size, letterbox=flags.letterbox)
        how = replace(how, crop=how.crop if flags.short_side else None, fill=flags.fill or how.fill)
    if not flags.antialias:
        how = replace(how, antialias=False, arithmetic="tensor")
    given = {name: getattr(flags, name) for name in ("crop", "interpolation", "scale", "background", "orientation")}
    given["arithmetic"] = flags.arithmetic
    how = replace(how, **{name: value for name, value in given.items() if value is not None})
    if how.arithmetic == "tensor" and how.interpolation in ("box", "lanczos"):
        raise UsageError(f"--interpolation {how.interpolation} does not exist for tensors, nor without antialias")
    _check_size(how, (height, width))
    same = scale_as_mean_and_std(how.scale, spec.channels)
    if same is not None:
        spec = replace(spec, mean=same[0], std=same[1])
    return replace(spec, resize=None, crop=None, preprocessing=how)


def rewrite_artifact(path: Path, flags: PreprocessingFlags) -> Artifact:
    """Give an artifact its preprocessing: its files stay, the manifest is written anew, the whole swapped in.

    Golden cases keep their tensors: what the net answers to them has not changed. Raises ``InputError`` for a damaged
    artifact and ``UsageError`` for flags that do not fit.
    """
    artifact = Artifact.open(path)
    manifest = artifact.manifest
    inputs = tuple(preprocessed(spec, flags) for spec in manifest.inputs)
    if all(spec.layout is None for spec in inputs):
        raise UsageError(f"{path}: the model takes no image")
    with ArtifactWriter(path) as writer:
        for name in manifest.files:
            writer.add_file(name, (path / name).read_bytes())
        return writer.finish(replace(manifest, inputs=inputs), golden=manifest.golden)


def _normalised(spec: InputSpec, flags: PreprocessingFlags) -> InputSpec:
    channels = spec.channels
    preset = PRESETS.get(flags.preset or "")
    if preset is not None and channels != 3:
        raise UsageError(f"--preset {flags.preset} is for three channels; input {spec.name} has {channels}")
    mean = flags.mean or (None if preset is None else preset.mean)
    std = flags.std or (None if preset is None else preset.std)
    for name, values in (("mean", mean), ("std", std)):
        if values is not None and len(values) != channels:
            raise UsageError(f"--{name} has {plural(len(values), 'value')}, input {spec.name} has {channels} channels")
    if mean is not None or std is not None:
        how = spec.preprocessing
        if how is not None and how.scale != "0-1":  # then the input's mean and std are the scale's own
            spec = replace(spec, mean=None, std=None, preprocessing=replace(how, scale="0-1"))
        spec = replace(spec, mean=mean or spec.mean or (0.0,) * channels, std=std or spec.std or (1.0,) * channels)
    if flags.color_order is None:
        return spec
    if (flags.color_order == "gray") != (channels == 1):
        raise UsageError(f"--color-order {flags.color_order} does not fit the {channels} channels of {spec.name}")
    return replace(spec, color_order=flags.color_order)


def _check_size(how: Preprocessing, net: Size) -> None:
    """The image must end at the net's size."""
    end = how.crop or how.size or how.letterbox
    wanted = f"{net[0]}x{net[1]}"
    if end is not None and end != net:
        raise UsageError(f"the image ends at {end[0]}x{end[1]} (height x width), but the net takes {wanted}")
    if end is None and how.short_side is not None and how.short_side != min(net):
        raise UsageError(f"--resize {how.short_side} leaves images larger than the net's {wanted}; add --crop {wanted}")
