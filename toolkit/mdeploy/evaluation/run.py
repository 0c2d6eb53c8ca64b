# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Run test sets through several backends in turns, and count."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mdeploy.backends.base import Backend
from mdeploy.backends.lineup import Lineup
from mdeploy.backends.registry import get_backend
from mdeploy.errors import MdeployError, UsageError
from mdeploy.evaluation.dataset import ImageSet, LabelledImage
from mdeploy.evaluation.prediction import probabilities
from mdeploy.evaluation.statistics import Share, Times
from mdeploy.evaluation.worker import Worker
from mdeploy.formats.artifact import Artifact
from mdeploy.formats.manifest import InputSpec
from mdeploy.native.images import image_input
from mdeploy.progress import Advance
from mdeploy.tensors import Array

__all__ = ["Disagreement", "EvaluationReport", "Runtime", "RuntimeOnSet", "SetResult", "evaluate"]

# Backends take turns after so many images: often enough that a slow spell of the machine hits all of them alike,
# seldom enough that caches and clocks settle.
_TURN = 32


@dataclass(frozen=True)
class Runtime:
    """One runtime, apart from any test set."""

    name: str
    title: str
    version: str
    model_bytes: int | None
    """Size of the files that it loads."""
    load_seconds: float
    """Loading and the first run."""
    peak_memory_bytes: int | None
    """Largest resident set of its process, Python included where it runs inside Python."""


@dataclass(frozen=True)
class RuntimeOnSet:
    """One runtime on one test set."""

    runtime: str
    top1: Share
    top5: Share | None
    agreement: Share | None
    """Images on which it names the same class as the reference; None for the reference itself."""
    max_difference: float | None
    """Largest distance of any probability from the reference's."""
    times: Times


@dataclass(frozen=True)
class Disagreement:
    """An image for which not all backends name the same class."""

    image: str
    label: str
    classes: dict[str, str]


@dataclass(frozen=True)
class SetResult:
    """All runtimes on one test set."""

    title: str
    images: int
    subset: bool
    runtimes: tuple[RuntimeOnSet, ...]
    disagreements: tuple[Disagreement, ...]


@dataclass(frozen=True)
class EvaluationReport:
    """Everything that was measured. The first backend is the reference."""

    artifact: str
    threads: int
    runtimes: tuple[Runtime, ...]
    sets: tuple[SetResult, ...]
    missing: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "schema": "mdeploy-evaluation/1",
            "artifact": self.artifact,
            "threads": self.threads,
            "percentiles": "linear interpolation between the closest ranks",
            "runtimes": [vars(runtime) for runtime in self.runtimes],
            "missing": [{"name": name, "reason": reason} for name, reason in self.missing],
            "sets": [
                {
                    "title": result.title,
                    "pictures": result.images,
                    "subset": result.subset,
                    "runtimes": [_row_json(row) for row in result.runtimes],
                    "disagreements": [
                        {"picture": item.image, "label": item.label, "classes": item.classes}
                        for item in result.disagreements
                    ],
                }
                for result in self.sets
            ],
        }


@dataclass
class _Tally:
    classes: list[int] = field(default_factory=list)
    in_top5: int = 0
    max_difference: float = 0.0
    seconds: list[float] = field(default_factory=list)


def evaluate(
    lineup: Lineup,
    sets: Sequence[ImageSet],
    advance: Advance = lambda _images, _message="": None,
    ahead: int = 1,
) -> EvaluationReport:
    """Run every image on every backend of the line-up, and compare.

    ``advance`` is told how many more images are through all backends, and what is being done. ``ahead`` threads
    prepare the next turn's images while the backends work; with 0 nothing else runs beside them. Raises
    ``InputError`` for a bad image and ``UnavailableError`` when a backend asked for, or every one, is missing.
    """
    artifact = lineup.artifact
    if len(artifact.manifest.inputs) != 1 or artifact.manifest.inputs[0].layout is None:
        raise UsageError(f"{artifact.path}: the model does not take one image, so it cannot be evaluated on images")
    with ExitStack() as stack:

        def start(backend: Backend) -> Worker:
            advance(0, f"loading {backend.title}")
            return stack.enter_context(Worker(backend.name, artifact.path.resolve(), lineup.options))

        started = lineup.each(start, fatal=MdeployError)
        started.require()
        workers = started.done
        results = tuple(_run_set(artifact, images, workers, advance, ahead) for images in sets)
        runtimes = tuple(_runtime(get_backend(name), worker) for name, worker in workers.items())
    missing = tuple((absent.name, absent.explained) for absent in started.absent)
    return EvaluationReport(artifact.name, lineup.options.threads, runtimes, results, missing)


def _runtime(backend: Backend, worker: Worker) -> Runtime:
    version, loaded = backend.availability().version, worker.loaded
    return Runtime(backend.name, backend.title, version, loaded.model_bytes, loaded.seconds, worker.peak_memory())


def _run_set(
    artifact: Artifact, images: ImageSet, workers: dict[str, Worker], advance: Advance, ahead: int
) -> SetResult:
    tallies = {name: _Tally() for name in workers}
    order = list(workers)
    for batch, inputs in _turns(images, artifact.manifest.inputs[0], ahead):
        scores = {}
        for name in order:
            answers = workers[name].run(inputs)
            tallies[name].seconds.extend(answers.seconds)
            scores[name] = answers.outputs
        _count(batch, scores, artifact.manifest.outputs[0].meaning, list(workers), tallies)
        order = order[1:] + order[:1]
        advance(len(batch), images.name)
    labels = _labels(artifact)
    rows = tuple(_row(name, tallies, images, len(labels)) for name in workers)
    return SetResult(
        images.title,
        len(images.images),
        len(images.images) < images.total,
        rows,
        _disagreements(images, tallies, labels),
    )


def _turns(images: ImageSet, spec: InputSpec, ahead: int) -> Iterator[tuple[Sequence[LabelledImage], Sequence[Array]]]:
    """The images by turns, each prepared by ``ahead`` threads while the backends are at the turn before."""

    def prepare(batch: Sequence[LabelledImage]) -> list[Array]:
        return [image_input(item.path, spec) for item in batch]

    batches = [images.images[i : i + _TURN] for i in range(0, len(images.images), _TURN)]
    if not ahead:
        yield from ((batch, prepare(batch)) for batch in batches)
        return
    with ThreadPoolExecutor(ahead) as pool:
        waiting: deque[Future[list[Array]]] = deque()
        try:
            waiting.extend(pool.submit(prepare, batch) for batch in batches[: ahead + 1])
            for index, batch in enumerate(batches):
                ready = waiting.popleft().result()
                if index + ahead + 1 < len(batches):
                    waiting.append(pool.submit(prepare, batches[index + ahead + 1]))
                yield batch, ready
        finally:
            for future in waiting:  # an error or Ctrl-C must not wait for images that nobody wants
                future.cancel()


def _count(
    batch: Sequence[LabelledImage],
    outputs: dict[str, Array],
    meaning: str,
    names: Sequence[str],
    tallies: dict[str, _Tally],
) -> None:
    for row, item in enumerate(batch):
        reference = probabilities(outputs[names[0]][row], meaning)
        for name in names:
            scores = probabilities(outputs[name][row], meaning)
            ranking = np.argsort(-scores, kind="stable")
            tally = tallies[name]
            tally.classes.append(int(ranking[0]))
            tally.in_top5 += item.label in ranking[:5]
            tally.max_difference = max(tally.max_difference, float(np.abs(scores - reference).max()))


def _row(name: str, tallies: dict[str, _Tally], images: ImageSet, classes: int) -> RuntimeOnSet:
    tally, reference = tallies[name], next(iter(tallies))
    total = len(images.images)
    right = sum(found == item.label for found, item in zip(tally.classes, images.images, strict=True))
    is_reference = name == reference
    same = sum(a == b for a, b in zip(tally.classes, tallies[reference].classes, strict=True))
    return RuntimeOnSet(
        name,
        Share(right, total),
        Share(tally.in_top5, total) if classes > 5 else None,
        None if is_reference else Share(same, total),
        None if is_reference or not np.isfinite(tally.max_difference) else tally.max_difference,
        Times.of(tally.seconds),
    )


def _disagreements(images: ImageSet, tallies: dict[str, _Tally], labels: Sequence[str]) -> tuple[Disagreement, ...]:
    found = []
    for index, item in enumerate(images.images):
        classes = {name: tally.classes[index] for name, tally in tallies.items()}
        if len(set(classes.values())) > 1:
            named = {name: labels[value] for name, value in classes.items()}
            found.append(Disagreement(f"{item.path.parent.name}/{item.path.name}", labels[item.label], named))
    return tuple(found)


def _labels(artifact: Artifact) -> tuple[str, ...]:
    labels = artifact.manifest.labels
    assert labels is not None, "the test set was matched with the labels"
    return tuple(labels)


def _row_json(row: RuntimeOnSet) -> dict[str, Any]:
    return {
        "runtime": row.runtime,
        "top1": row.top1.to_json(),
        "top5": None if row.top5 is None else row.top5.to_json(),
        "agreement": None if row.agreement is None else row.agreement.to_json(),
        "max_difference": row.max_difference,
        "ms_per_picture": row.times.to_json(),
    }
