# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Classify images on several backends: the class, each backend's score, and how far the scores are apart."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mdeploy.backends.base import Backend, Session
from mdeploy.backends.lineup import Lineup
from mdeploy.backends.registry import get_backend
from mdeploy.errors import InputError, MdeployError, UsageError
from mdeploy.formats.artifact import Artifact, npy_bytes
from mdeploy.native.images import image_input
from mdeploy.tensors import Array, Doubles

__all__ = ["ImagePrediction", "PredictionReport", "predict", "probabilities"]


@dataclass(frozen=True)
class ImagePrediction:
    """One image: probabilities by class, per backend."""

    image: str
    probabilities: dict[str, Doubles]

    @property
    def reference(self) -> Doubles:
        """Probabilities of the first backend, which the others are compared with."""
        return next(iter(self.probabilities.values()))

    @property
    def ranking(self) -> list[int]:
        """Classes, most likely first by the reference."""
        return [int(i) for i in np.argsort(-self.reference, kind="stable")]

    @property
    def difference(self) -> Doubles:
        """Per class, the largest distance of any backend from the reference."""
        reference = self.reference
        others = [np.abs(values - reference) for values in self.probabilities.values()]
        return np.asarray(np.max(others, axis=0))

    @property
    def agree(self) -> bool:
        """Whether all backends name the same class."""
        return len({int(values.argmax()) for values in self.probabilities.values()}) == 1


@dataclass(frozen=True)
class PredictionReport:
    """All images on all backends. ``titles`` and ``versions`` by backend name, in column order."""

    artifact: str
    labels: tuple[str, ...]
    titles: dict[str, str]
    versions: dict[str, str]
    images: tuple[ImagePrediction, ...]
    missing: tuple[tuple[str, str], ...]

    def to_json(self, top: int) -> dict[str, Any]:
        """Return plain JSON values, with the ``top`` classes of each image."""
        return {
            "schema": "mdeploy-prediction/1",
            "artifact": self.artifact,
            "backends": [{"name": name, "version": self.versions[name] or None} for name in self.titles],
            "missing": [{"name": name, "reason": reason} for name, reason in self.missing],
            "pictures": [
                {
                    "picture": item.image,
                    "agree": item.agree,
                    "max_difference": _number(float(item.difference.max())),
                    "top": [
                        {
                            "class": index,
                            "label": self.labels[index],
                            "scores": {name: _number(float(p[index])) for name, p in item.probabilities.items()},
                            "difference": _number(float(item.difference[index])),
                        }
                        for index in item.ranking[:top]
                    ],
                }
                for item in self.images
            ],
        }


def predict(lineup: Lineup, images: Sequence[Path], save_inputs: Path | None = None) -> PredictionReport:
    """Classify every image on every backend of the line-up.

    ``save_inputs`` is a folder for the tensors that they were given, IMAGENAME.npy each.

    Its first backend is the reference. Raises ``InputError`` for a bad image, ``UsageError`` when the model is no
    classifier of images, ``UnavailableError`` when no backend can run.
    """
    artifact = lineup.artifact
    if not images:
        raise UsageError("no image was given")
    spec, output = artifact.manifest.inputs[0], artifact.manifest.outputs[0]
    if len(artifact.manifest.inputs) != 1:
        raise UsageError(f"{artifact.path}: the model takes {len(artifact.manifest.inputs)} inputs, not one image")
    inputs = [image_input(path, spec) for path in images]
    if save_inputs is not None:
        _save(images, inputs, save_inputs)
    with ExitStack() as stack:

        def prepare(backend: Backend) -> Session:
            # A first answer should not wait for the files of every runtime that happens to be installed.
            options = lineup.options if lineup.backends is not None else replace(lineup.options, made_only=True)
            made = (
                "" if options.made_only or not backend.info.make else ", or making its files, which can take a minute"
            )
            lineup.tell(f"loading {backend.title}{made}")
            return stack.enter_context(backend.prepare(artifact, options))

        sessions = lineup.each(prepare, fatal=MdeployError)
        sessions.require()
        results = []
        for path, tensor in zip(images, inputs, strict=True):
            lineup.tell(path.name)
            scores = {
                name: probabilities(session.run([tensor])[0], output.meaning) for name, session in sessions.done.items()
            }
            results.append(ImagePrediction(str(path), scores))
    backends = [get_backend(name) for name in sessions.done]
    return PredictionReport(
        artifact.name,
        _labels(artifact, len(results[0].reference)),
        {backend.name: backend.title for backend in backends},
        {backend.name: backend.availability().version for backend in backends},
        tuple(results),
        tuple((absent.name, absent.explained) for absent in sessions.absent),
    )


def _save(images: Sequence[Path], inputs: Sequence[Array], folder: Path) -> None:
    """NAME.npy for NAME.jpg; where two images share the name, NAME.jpg.npy."""
    stems = [path.stem for path in images]
    names = [path.stem if stems.count(path.stem) == 1 else path.name for path in images]
    if len(set(names)) != len(names):
        raise UsageError("--save-inputs: two images have the same name")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, tensor in zip(names, inputs, strict=True):
            (folder / f"{name}.npy").write_bytes(npy_bytes(tensor))
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error


def probabilities(output: Array, meaning: str) -> Doubles:
    """Turn a net's output for one image into probabilities, in double: (classes,)."""
    values = np.asarray(output, np.float64).reshape(-1)
    if meaning == "probabilities":
        return values
    if meaning == "log_probabilities":
        return np.asarray(np.exp(values))
    shifted = np.exp(values - values.max())
    return np.asarray(shifted / shifted.sum())


def _labels(artifact: Artifact, classes: int) -> tuple[str, ...]:
    labels = artifact.manifest.labels
    if labels is None or len(labels) != classes:
        return tuple(f"class {i}" for i in range(classes))
    return tuple(labels)


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
