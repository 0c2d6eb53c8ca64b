# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Which transform is the source's: the one that --transform makes, the library's of --model, or a checkpoint's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mdeploy.backends.base import PrepareOptions
from mdeploy.backends.torch import find_source
from mdeploy.comparison.pipeline.source import SourceTransform, Step, steps_of, steps_of_pillow
from mdeploy.errors import UnavailableError, UsageError
from mdeploy.formats.artifact import Artifact
from mdeploy.formats.manifest import InputSpec
from mdeploy.models.libraries import TIMM, is_torchvision
from mdeploy.models.transform import ImageTransform

__all__ = ["source_transform"]

Found = tuple[str, list[Step], tuple[str, ...] | None]
"""Who says it, the steps, and the labels."""

_SAY = (
    "name the source's transform: --model as at conversion (torchvision.models:NAME, timm:NAME), --source with a "
    "checkpoint or a directory of the Hugging Face hub, or --transform FILE_OR_MODULE:FACTORY"
)


def source_transform(artifact: Artifact, options: PrepareOptions, factory: str | None) -> SourceTransform:
    """The transform of the model that the artifact was made from. Raises ``UsageError`` where nobody says it."""
    spec = artifact.manifest.inputs[0]
    gray = spec.channels == 1
    if factory is not None:
        from mdeploy.models.factory import made_by

        return SourceTransform(factory, steps_of(made_by(factory, "--transform"), f"--transform {factory}"), gray)
    source = artifact.manifest.source
    folder = options.source if options.source is not None and options.source.is_dir() else None
    if folder is not None:
        found = _of_directory(folder, spec)
    elif options.model is not None and options.model.startswith(TIMM):
        found = _of_timm(options.model.removeprefix(TIMM), spec)
    elif options.model is not None and is_torchvision(options.model):
        found = _of_torchvision(options.model.rpartition(":")[2], source.sha256, spec)
    elif source.kind == "checkpoint":
        found = _of_checkpoint(artifact, options)
    else:
        raise UsageError(f"{artifact.path}: {_SAY}")
    origin, steps, labels = found
    return SourceTransform(origin, steps, gray, labels)


def _of_torchvision(name: str, sha256: str, spec: InputSpec) -> Found:
    from mdeploy.models.torchvision_models import brought_by_torchvision, torchvision_weights

    brought = brought_by_torchvision(name, sha256, spec.image_size)
    if brought.transform is None:
        raise UsageError(f"{brought.unsaid}; {_SAY}")
    entry = torchvision_weights(name, sha256)
    own = None if entry is None else entry.transforms()
    if own is not None and (own.crop_size[0],) * 2 == spec.image_size:
        return brought.origin, steps_of(own, brought.origin), brought.labels
    return brought.origin, steps_of_pillow(brought.transform), brought.labels


def _of_timm(name: str, spec: InputSpec) -> Found:
    from mdeploy.models.timm_models import timm_configuration, timm_labels

    config = timm_configuration(name)
    return f"timm's {name}", _timm_steps(config, spec), timm_labels(config)


def _timm_steps(config: Mapping[str, Any], spec: InputSpec) -> list[Step]:
    from mdeploy.models.timm_models import timm_own_transform

    return steps_of(timm_own_transform(config, (spec.channels, *(spec.image_size or ()))), "timm's transform")


def _of_directory(folder: Path, spec: InputSpec) -> Found:
    from mdeploy.models.snapshot import PROCESSOR, open_snapshot
    from mdeploy.models.transformers_models import processor_transform

    snapshot = open_snapshot(folder)
    if snapshot.timm_architecture is not None:
        return f"the config.json of {folder}", _timm_steps(snapshot.timm_config, spec), snapshot.labels_in_order
    origin = f"the {PROCESSOR} of {folder}"
    transform, unsaid = processor_transform(snapshot.processor or {}, origin)
    if transform is None:
        raise UsageError(f"{unsaid}; {_SAY}")
    return origin, steps_of_pillow(transform), snapshot.labels_in_order


def _of_checkpoint(artifact: Artifact, options: PrepareOptions) -> Found:
    from mdeploy.formats import checkpoint

    try:
        path = find_source(artifact, options.source)
    except UnavailableError as error:
        raise UsageError(f"{error}; {_SAY}") from error
    loaded = checkpoint.load(path)
    given = loaded.input
    how = given.described("pillow")
    mean, std = given.mean or (0.0,) * given.channels, given.std or (1.0,) * given.channels
    transform = ImageTransform(given.image_size or (0, 0), how, mean, std, given.color_order or "rgb")
    return f"the checkpoint {path.name}", steps_of_pillow(transform), loaded.labels
