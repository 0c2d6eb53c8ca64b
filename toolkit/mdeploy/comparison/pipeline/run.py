# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``parity --pipeline``: image files through the source's own transform and through ours, by stages, to the scores."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mdeploy.backends.base import Session
from mdeploy.backends.registry import get_backend
from mdeploy.comparison.pipeline.named import source_transform
from mdeploy.comparison.pipeline.source import SourceTransform, source_stages
from mdeploy.comparison.pipeline.stages import IMAGE_STAGES, STAGES, Stages, our_stages
from mdeploy.comparison.request import ParityRequest
from mdeploy.comparison.tolerance import Comparison, compare
from mdeploy.errors import CheckFailed, UnavailableError, UsageError
from mdeploy.formats.manifest import InputSpec
from mdeploy.tensors import Array, Doubles

__all__ = ["ImageResult", "PipelineReport", "StageResult", "run_pipeline"]

NET = "net"
_OURS = "mdeploy"
_SAME_STEP = 3e-3  # in 1/255: what float32 leaves; a fault moves whole pixels by much more
_SAME_TENSOR = {"tensor": 1e-5}  # of torchvision's float path; an image of bytes has 1e-6


@dataclass(frozen=True)
class StageResult:
    """One stage of one image. ``steps`` is the largest difference in 1/255, None where the sizes differ."""

    stage: str
    steps: float | None
    source_size: tuple[int, int]
    our_size: tuple[int, int]

    @property
    def same(self) -> bool:
        """Whether nothing differs but rounding in float32."""
        return self.steps is not None and self.steps <= _SAME_STEP

    @property
    def extent(self) -> float:
        """The difference in 1/255; another size is worse than any."""
        return float("inf") if self.steps is None else self.steps

    def describe(self) -> str:
        """``18/255``, or both sizes."""
        if self.steps is None:
            return "{}x{} for {}x{}".format(*self.our_size, *self.source_size)
        return f"{self.steps:.3g}/255"


@dataclass(frozen=True)
class ImageResult:
    """One image. ``first`` is the stage at fault, None where the scores agree."""

    image: str
    size: tuple[int, int]
    stages: tuple[StageResult, ...]
    tensor: float
    """Largest difference of the tensors, over max(1, largest value)."""
    scores: Comparison
    top1: tuple[int, int]
    first: str | None
    shown: tuple[Doubles, Doubles] | None = field(default=None, repr=False, compare=False)
    """The first differing stage as the source has it and as we do, (height, width, channels) in 0 to 255."""

    @property
    def culprit(self) -> StageResult | None:
        """The stage at fault, where it is one before the net."""
        return next((stage for stage in self.stages if stage.stage == self.first), None)


@dataclass(frozen=True)
class PipelineReport:
    """All images."""

    artifact: str
    origin: str
    backend: str
    images: tuple[ImageResult, ...]
    notes: tuple[str, ...] = ()
    labels: str = ""
    """What is wrong with the labels."""

    @property
    def failed(self) -> list[ImageResult]:
        """Images where something differs, the earliest stage first."""
        order = (*STAGES, NET)
        return sorted((i for i in self.images if i.first is not None), key=lambda i: order.index(i.first or NET))

    @property
    def exit_code(self) -> int:
        """1 where any image differs, or the labels do."""
        return 0 if self.passed else CheckFailed.exit_code

    @property
    def passed(self) -> bool:
        """Whether nothing differs."""
        return not self.failed and not self.labels

    def verdict(self) -> str:
        """The stage at fault and its largest difference, or that there is none."""
        failed = self.failed
        if not failed and self.labels:
            return f"the labels differ: {self.labels}"
        if not failed:
            return f"{len(self.images)} of {len(self.images)} images are the same from the file to the scores"
        first = failed[0].first
        same = [image for image in failed if image.first == first]
        if first == NET:
            worst = max(same, key=lambda image: image.scores.max_abs or 0.0)
            return f"the net differs: scores by up to {worst.scores.max_abs:.3g} on {worst.image}, of equal tensors"
        worst = max(same, key=lambda image: image.culprit.extent if image.culprit else 0.0)
        assert worst.culprit is not None
        return (
            f"the first stage that differs is {first}: {worst.culprit.describe()} on {worst.image} "
            f"({len(failed)} of {len(self.images)} images differ)"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "schema": "mdeploy-pipeline/1",
            "artifact": self.artifact,
            "source": self.origin,
            "backend": self.backend,
            "passed": self.passed,
            "verdict": self.verdict(),
            "images": [_image_json(image) for image in self.images],
            "labels": self.labels or None,
            "notes": list(self.notes),
        }


def run_pipeline(request: ParityRequest, images: Sequence[Path], factory: str | None = None) -> PipelineReport:
    """Compare every image. ``factory`` makes the source's transform where its library does not say it.

    The source's scores are PyTorch's where the source can run, else our own runtime's on the source's tensor: then the
    net is not judged, and the notes say so. Raises ``UsageError`` for a model that takes no image or a transform that
    nobody names, ``InputError`` for a bad image.
    """
    request.check()
    artifact = request.artifact
    specs = artifact.manifest.inputs
    if len(specs) != 1 or specs[0].layout is None:
        raise UsageError(f"{artifact.path}: --pipeline is for models of one image")
    source = source_transform(artifact, request.options, factory)
    names = tuple(request.backends or (_OURS,))
    if len(names) != 1 or names == ("all",):
        raise UsageError("--pipeline compares one backend with the source; name one by --backends")
    with ExitStack() as stack:
        backend = get_backend(names[0])
        request.tell(f"{backend.title}: loading")
        ours = stack.enter_context(backend.prepare(artifact, request.options))
        judge, notes = _judge(request, stack)
        results = []
        for path in images:
            request.tell(path.name)
            results.append(_compare(request, path, source, ours, judge))
    labels = _shifted(source.labels, artifact.manifest.labels)
    return PipelineReport(artifact.name, source.origin, backend.title, tuple(results), notes, labels)


def _judge(request: ParityRequest, stack: ExitStack) -> tuple[Session | None, tuple[str, ...]]:
    """PyTorch on the source, or None and why."""
    try:
        request.tell("PyTorch: loading")
        return stack.enter_context(get_backend("torch").prepare(request.artifact, request.options)), ()
    except UnavailableError as error:
        return None, (f"the net is not judged, only what goes in: {error}",)


def _compare(
    request: ParityRequest, path: Path, source: SourceTransform, ours: Session, judge: Session | None
) -> ImageResult:
    manifest = request.artifact.manifest
    spec, output = manifest.inputs[0], manifest.outputs[0]
    found, our_tensor = our_stages(path, spec)
    theirs, source_tensor = source_stages(path, source)
    stages = tuple(_stage(name, theirs[name], found[name], spec) for name in STAGES)
    tensor = _distance(theirs["normalise"], found["normalise"])
    same = tensor <= _SAME_TENSOR.get(spec.preprocessing.arithmetic if spec.preprocessing else "", 1e-6)
    first = None if same else next((stage.stage for stage in stages if not stage.same), STAGES[-1])
    actual = ours.run([our_tensor])[0]
    expected = _scores(judge, ours, source_tensor, our_tensor, spec)
    scores = compare(expected, actual, output.meaning, request.tolerance.of(output.name))
    if first is None and judge is not None and not scores.passed:
        first = NET
    height, width = theirs["decode"].shape[:2]
    shown = _shown(first, theirs, found, spec)
    top1 = int(expected.reshape(-1).argmax()), int(actual.reshape(-1).argmax())
    return ImageResult(str(path), (height, width), stages, tensor, scores, top1, first, shown)


def _scores(judge: Session | None, ours: Session, source: Array, our: Array, spec: InputSpec) -> Array:
    """The source's scores on the source's tensor. A tensor of another size (a wrong crop) cannot be run."""
    tensor = source.transpose(0, 2, 3, 1) if spec.layout == "NHWC" else source
    if tensor.shape != our.shape:
        raise UsageError(
            f"the source's transform makes a tensor of {list(tensor.shape)}, the net takes {list(our.shape)}: "
            "it is not this model's"
        )
    return (judge or ours).run([np.ascontiguousarray(tensor)])[0]


def _shifted(theirs: Sequence[str] | None, ours: Sequence[str] | None) -> str:
    """What to say where our labels are the source's, moved by one class. Other words for the classes are no fault."""
    if not theirs or not ours or len(ours) < 3:
        return ""
    same = sum(a == b for a, b in zip(theirs, ours, strict=False))
    for shift in (1, -1):
        moved = zip(theirs[max(0, -shift) :], ours[max(0, shift) :], strict=False)
        agreeing = sum(a == b for a, b in moved)
        if agreeing > same and agreeing >= 0.9 * (len(ours) - 1):
            index = max(0, -shift)
            return f"class {index} is {theirs[index]!r} to the source, which is class {index + shift} here: off by one"
    return ""


def _stage(name: str, theirs: Doubles, ours: Doubles, spec: InputSpec) -> StageResult:
    sizes = (theirs.shape[0], theirs.shape[1]), (ours.shape[0], ours.shape[1])
    if theirs.shape != ours.shape:
        return StageResult(name, None, *sizes)
    scale = np.ones(1) if name in IMAGE_STAGES else np.full(1, 255.0)
    if name == STAGES[-1] and spec.std is not None:
        scale = 255 * np.asarray(spec.std)
    return StageResult(name, float(np.max(np.abs(theirs - ours) * scale, initial=0.0)), *sizes)


def _distance(theirs: Doubles, ours: Doubles) -> float:
    if theirs.shape != ours.shape:
        return float("inf")
    return float(np.max(np.abs(theirs - ours), initial=0.0)) / max(1.0, float(np.max(np.abs(theirs), initial=0.0)))


def _shown(first: str | None, theirs: Stages, ours: Stages, spec: InputSpec) -> tuple[Doubles, Doubles] | None:
    """What a picture shows: the image at that stage; tensors are brought back to 0 to 255 by the manifest's values."""
    if first is None or first == NET:
        return None
    pair = theirs[first], ours[first]
    if first in IMAGE_STAGES:
        return pair
    if first == "scale":
        return pair[0] * 255, pair[1] * 255
    mean, std = np.asarray(spec.mean or 0.0), np.asarray(spec.std or 1.0)
    return (pair[0] * std + mean) * 255, (pair[1] * std + mean) * 255


def _image_json(image: ImageResult) -> dict[str, Any]:
    return {
        "image": image.image,
        "height": image.size[0],
        "width": image.size[1],
        "first": image.first,
        "tensor": _finite(image.tensor),
        "scores": image.scores.to_json(),
        "top1": {"source": image.top1[0], "ours": image.top1[1]},
        "stages": [
            {
                "stage": stage.stage,
                "difference_255": stage.steps,
                "source_size": list(stage.source_size),
                "our_size": list(stage.our_size),
            }
            for stage in image.stages
        ],
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
