# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Look for the input on which backends differ most, for as long as the user gives.

Golden cases are few. Here noise, plain colours, mixtures of what was worst, and images that gradients drive to extremes
(an output towards certainty, a tensor inside the net towards its largest or smallest) go through a reference and every
other backend. What is found is a lower bound of the largest difference, and says nothing of what was not tried.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mdeploy.backends.base import Session
from mdeploy.backends.lineup import Lineup, Outcome
from mdeploy.backends.registry import get_backend
from mdeploy.comparison.request import ParityRequest
from mdeploy.comparison.tolerance import Comparison, compare
from mdeploy.errors import CheckFailed, InputError, MdeployError, UnavailableError
from mdeploy.files import replace_file
from mdeploy.formats.artifact import Artifact, npy_bytes
from mdeploy.formats.manifest import InputSpec
from mdeploy.inputs.noise import RECIPES, make_input
from mdeploy.inputs.pixels import from_pixels
from mdeploy.tensors import Array

__all__ = ["Finding", "SearchReport", "save_worst", "search"]

Inputs = tuple[Array, ...]

_REFERENCES = ("torch", "onnxruntime", "caffe2")  # the first that runs; else the first backend there is
_STEPS = 24
_KEPT = 4  # of the worst inputs, to go on from


@dataclass(frozen=True)
class Finding:
    """The largest difference of one backend from the reference."""

    backend: str
    title: str
    output: str
    made: str
    """How the input came about."""
    required: float
    """The tolerance that it needs; infinite where none would do."""
    comparison: Comparison
    passed: bool
    inputs: Inputs


@dataclass(frozen=True)
class SearchReport:
    """What a search found."""

    artifact: str
    reference: str
    seconds: float
    tried: int
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """1 where a backend is past the tolerance on some input."""
        return 0 if all(finding.passed for finding in self.findings) else CheckFailed.exit_code

    @property
    def worst(self) -> Finding:
        """Of all backends."""
        return max(self.findings, key=lambda finding: finding.required)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "reference": self.reference,
            "seconds": self.seconds,
            "tried": self.tried,
            "passed": self.exit_code == 0,
            "findings": [
                {
                    "backend": finding.backend,
                    "output": finding.output,
                    "made": finding.made,
                    **finding.comparison.to_json(),
                    "passed": finding.passed,
                }
                for finding in self.findings
            ],
        }


def search(request: ParityRequest, seconds: float) -> SearchReport:
    """Search for ``seconds``, and at least a few inputs.

    Raises ``UnavailableError`` where fewer than two backends can run.
    """
    request.check()
    artifact = request.artifact
    with ExitStack() as stack:
        sessions = Lineup(artifact, request.backends, replace(request.options, made_only=True), request.tell).each(
            lambda backend: stack.enter_context(backend.prepare(artifact, request.options))
        )
        name, reference = _reference(stack, request, sessions)
        others = {other: session for other, session in sessions.done.items() if other != name}
        if not others:
            raise UnavailableError(f"there is no backend to compare {get_backend(name).title} with")
        hunt = _Hunt(request, reference, others)
        end = time.monotonic() + seconds
        for inputs, made in hunt.inputs():
            hunt.try_one(inputs, made)
            left = end - time.monotonic()
            request.tell(f"searching: {hunt.tried} inputs, {max(0, math.ceil(left))} s left")
            if left <= 0 and hunt.tried >= len(RECIPES):
                break
    title = get_backend(name).title
    return SearchReport(artifact.name, title, seconds, hunt.tried, tuple(hunt.findings.values()))


def save_worst(report: SearchReport, folder: Path) -> None:
    """Write the worst input as ``folder/input_N.npy``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error
    for number, array in enumerate(report.worst.inputs):
        replace_file(folder / f"input_{number}.npy", npy_bytes(array))


def _reference(stack: ExitStack, request: ParityRequest, sessions: Outcome[Session]) -> tuple[str, Session]:
    """PyTorch or onnxruntime, though it was not asked for; else the first backend."""
    for name in _REFERENCES:
        if name in sessions.done:
            return name, sessions.done[name]
        backend = get_backend(name)
        if not backend.availability().available or (name == "onnxruntime" and request.artifact.model_onnx is None):
            continue
        try:
            return name, stack.enter_context(backend.prepare(request.artifact, request.options))
        except MdeployError:
            continue
    sessions.require()
    return next(iter(sessions.done.items()))


class _Hunt:
    def __init__(self, request: ParityRequest, reference: Session, others: dict[str, Session]) -> None:
        self.tried = 0
        self.findings: dict[str, Finding] = {}
        self._request = request
        self._artifact = request.artifact
        self._specs = request.artifact.manifest.inputs
        self._reference = reference
        self._others = others
        self._worst: list[tuple[float, Inputs]] = []
        self._generator = np.random.default_rng(0)

    def try_one(self, inputs: Inputs, made: str) -> None:
        """Run one input everywhere and keep what is worst."""
        self.tried += 1
        expected = self._reference.run(inputs)
        largest = 0.0
        for name, session in self._others.items():
            outputs = session.run(inputs)
            for spec, left, right in zip(self._artifact.manifest.outputs, expected, outputs, strict=True):
                comparison = compare(left, right, spec.meaning, self._request.tolerance.of(spec.name))
                needed = comparison.required_tolerance
                required = math.inf if needed is None else needed
                largest = max(largest, required)
                known = self.findings.get(name)
                if known is None or required > known.required:
                    title = get_backend(name).title
                    self.findings[name] = Finding(
                        name, title, spec.name, made, required, comparison, comparison.passed, inputs
                    )
        self._worst = sorted([*self._worst, (largest, inputs)], key=lambda item: -item[0])[:_KEPT]

    def inputs(self) -> Iterator[tuple[Inputs, str]]:
        """Without end, each kind in its turn."""
        extremes = _Extremes.of(self._artifact, self._generator)
        seed = 1000
        for case in self._artifact.golden_cases():
            yield case.inputs, f"golden case {case.case}"
        yield from self._plain()
        while True:
            for recipe in RECIPES:
                seed += 1
                bolder = replace(recipe, contrast=recipe.contrast * float(self._generator.uniform(0.3, 3.0)))
                yield tuple(make_input(spec, bolder, seed) for spec in self._specs), recipe.made
            start = tuple(make_input(spec, RECIPES[seed % 2], seed) for spec in self._specs)
            if extremes is not None:
                yield from extremes.towards_an_output(start)
                yield from extremes.towards_a_tensor(start)
            yield self._mixture(start), "a mixture with what was worst"

    def _plain(self) -> Iterator[tuple[Inputs, str]]:
        """Images of one colour, at the ends of the range."""
        for name, value in (("black", 0), ("white", 255), ("grey", 128)):
            yield tuple(from_pixels(np.full(spec.shape, value), spec) for spec in self._specs), f"all {name}"
        pixels = [255 * self._generator.integers(0, 2, spec.shape) for spec in self._specs]
        made = tuple(from_pixels(array, spec) for array, spec in zip(pixels, self._specs, strict=True))
        yield made, "black and white pixels"

    def _mixture(self, other: Inputs) -> Inputs:
        _, worst = self._worst[int(self._generator.integers(len(self._worst)))]
        share = float(self._generator.uniform(0.5, 1.0))
        return tuple(
            (share * array + (1 - share) * fresh).astype(array.dtype) if array.dtype.kind == "f" else array
            for array, fresh in zip(worst, other, strict=True)
        )


class _Extremes:
    """Gradient ascent on the ONNX graph: inputs on which some number in it is as large, or as small, as it gets."""

    def __init__(self, graph: Any, specs: Sequence[InputSpec], generator: np.random.Generator) -> None:
        self._graph = graph
        self._specs = specs
        self._generator = generator
        self._names = [name for _, _, results in graph.nodes for name in results if name]

    @classmethod
    def of(cls, artifact: Artifact, generator: np.random.Generator) -> _Extremes | None:
        """None where torch has no form of the graph."""
        from mdeploy.backends.optional.torch_graph import load_graph

        if artifact.model_onnx is None:
            return None
        try:
            return cls(load_graph(artifact.model_onnx), artifact.manifest.inputs, generator)
        except MdeployError:
            return None

    def towards_an_output(self, start: Inputs) -> Iterator[tuple[Inputs, str]]:
        """An element of an output: a classifier grows certain of a class."""
        name = self._graph.outputs[int(self._generator.integers(len(self._graph.outputs)))]
        return self._ascend(start, name, one=True)

    def towards_a_tensor(self, start: Inputs) -> Iterator[tuple[Inputs, str]]:
        """The largest element of a tensor inside, or its smallest."""
        return self._ascend(start, self._names[int(self._generator.integers(len(self._names)))], one=False)

    def _ascend(self, start: Inputs, name: str, one: bool) -> Iterator[tuple[Inputs, str]]:
        from mdeploy.inputs.variable import FreeInputs

        free = FreeInputs(self._specs, start)
        place, sign = int(self._generator.integers(1 << 30)), 1 if one or self._generator.integers(3) else -1
        what = f"towards {'one' if one else 'the largest' if sign > 0 else 'the smallest'} of {name}"
        for step in range(1, _STEPS + 1):
            try:
                values = self._graph.values(*free.tensors())[name]
            except Exception:  # torch's own errors, of any class
                return
            if not values.is_floating_point() or not values.requires_grad or not values.numel():
                return
            flat = sign * values.flatten()
            aim = flat[place % flat.numel()] if one else flat.topk(min(4, flat.numel())).values.sum()
            free.climb(aim)
            if step % 8 == 0:
                yield tuple(free.arrays()), what
