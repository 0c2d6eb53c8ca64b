# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Measure what golden cases reach on a graph that torch can differentiate, and add cases until that is enough.

The work is counted in multiply-adds, never in seconds, so that equal models get equal cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx
import torch

from mdeploy.backends.optional.torch_graph import GraphModule
from mdeploy.conversion.coverage.ascent import STEPS, ascend
from mdeploy.conversion.coverage.changes import TOLERANCE
from mdeploy.conversion.coverage.reach import GraphReach
from mdeploy.conversion.golden import GoldenInputs, new_name
from mdeploy.errors import UnsupportedError
from mdeploy.formats.coverage import ENOUGH, Coverage
from mdeploy.formats.manifest import GoldenEntry, InputSpec
from mdeploy.inputs.noise import RECIPES, make_input
from mdeploy.onnx.pipeline import largest_difference
from mdeploy.progress import Tell, quiet
from mdeploy.tensors import Array

__all__ = ["Covered", "cover_graph"]

_SEED = 0
_BUDGET = 6e11  # multiply-adds: some 30 s on one core
_MEASURE = 6  # runs that one gradient by the weights costs, and one in double precision,
_STEP = 3  # one by the input
_PER_ELEMENT = 6000  # multiply-adds of the input, at least: nets of depthwise convolutions wait for memory
_LEAST = 3  # of the given cases are measured whatever it costs
_MOST = 12  # are added, and more of small inputs:
_MOST_BYTES, _MOST_SMALL = 400_000, 32
_WORTH_NOISE = 2e-3
_WORTH_ASCENT = 1e-4
_PATIENCE = 2


@dataclass(frozen=True)
class Covered:
    """The cases to add, and what all cases reach together."""

    added: tuple[GoldenInputs, ...]
    coverage: Coverage


def cover_graph(
    model_onnx: bytes,
    meanings: Sequence[str],
    specs: Sequence[InputSpec],
    cases: Sequence[GoldenInputs],
    reference: Sequence[Array],
    macs: int,
    progress: Tell = quiet,
) -> Covered:
    """Measure and extend the cases of an ONNX file. ``reference`` are the outputs of the first case.

    Raises ``UnsupportedError`` where the graph has no form in torch, or torch does not compute what it means.
    """
    reach = GraphReach(_graph(model_onnx, cases, reference), meanings, TOLERANCE, _SEED)
    elements = sum(array.size for array in cases[0].inputs)
    search = _Search(reach, specs, cases, max(macs, _PER_ELEMENT * elements), progress)
    finished = search.run()
    tried = [one for one in reach.drawn if reach.is_reached(one)][: search.affordable_changes()]
    progress("changing single weights")
    noticed = sum(reach.notices(one, search.measured) for one in tried)
    coverage = Coverage(
        "gradients", TOLERANCE, reach.by_tensor(), len(tried), noticed, reach.silent(), searched=finished
    )
    return Covered(tuple(search.added), coverage)


def _graph(model_onnx: bytes, cases: Sequence[GoldenInputs], reference: Sequence[Array]) -> GraphModule:
    graph = GraphModule(onnx.ModelProto.FromString(model_onnx)).eval()
    try:
        with torch.no_grad():
            made = graph(*(torch.from_numpy(array.copy()) for array in cases[0].inputs))
        outputs = [tensor.numpy() for tensor in (made if isinstance(made, tuple) else (made,))]
    except UnsupportedError:
        raise
    except Exception as error:  # torch's own errors, of any class
        raise UnsupportedError(f"the graph does not run in torch: {error}") from error
    difference, allowed = largest_difference([list(reference)], [outputs])
    if not difference <= 10 * allowed:
        raise UnsupportedError(f"the graph in torch differs by {difference:.3g}")
    return graph


class _Search:
    """Cases are added that reach more and on which float32 is as exact as on the given ones: where it rounds more, two
    right backends would differ by more than the tolerance."""

    def __init__(
        self, reach: GraphReach, specs: Sequence[InputSpec], cases: Sequence[GoldenInputs], macs: int, progress: Tell
    ) -> None:
        self.added: list[GoldenInputs] = []
        self.measured: list[tuple[Array, ...]] = []
        self._rounding = TOLERANCE / 5
        self._reach = reach
        self._specs = specs
        self._cases = cases
        self._taken = {case.entry.case for case in cases}
        self._left = _BUDGET / macs  # in runs of the net
        size = max(1, sum(array.nbytes for array in cases[0].inputs))
        self._most = max(_MOST, min(_MOST_SMALL, _MOST_BYTES // size))
        self._tell = progress

    def run(self) -> bool:
        """Take the given cases and look for more. Returns whether the budget was enough."""
        for number, case in enumerate(self._cases):
            if not self._spend(_MEASURE) and number >= _LEAST:
                break
            self._reach.take(self._reach.see(case.inputs))
            self.measured.append(case.inputs)
            self._rounding = max(self._rounding, 2 * self._reach.rounding(case.inputs))
        return self._noise() and self._ascent()

    def affordable_changes(self) -> int:
        """How many weights may be changed for what is left of the budget, and a few in any case."""
        return max(8, int(self._left / 4))

    def _noise(self) -> bool:
        for seed, recipe in enumerate(RECIPES, start=1):
            if self._reach.share >= ENOUGH:
                return True
            if not self._spend(_MEASURE):
                return False
            inputs = tuple(make_input(spec, recipe, seed) for spec in self._specs)
            self._keep("noise", seed, recipe.made, inputs, _WORTH_NOISE)
        return True

    def _ascent(self) -> bool:
        stalled = 0
        seed = len(RECIPES)
        while self._reach.share < ENOUGH and stalled < _PATIENCE and len(self.added) < self._most:
            if not self._spend(STEPS * _STEP + _MEASURE):
                return False
            seed += 1
            start = [make_input(spec, RECIPES[0], seed) for spec in self._specs]
            inputs = tuple(ascend(self._reach, self._specs, start, seed))
            kept = self._keep("aimed", seed, f"gradient ascent from {RECIPES[0].made}", inputs, _WORTH_ASCENT)
            stalled = 0 if kept else stalled + 1
        return self._reach.share >= ENOUGH or stalled >= _PATIENCE

    def _keep(self, kind: str, seed: int, made: str, inputs: tuple[Array, ...], worth: float) -> bool:
        case = self._reach.see(inputs)
        if self._reach.gain(case) < worth or not self._reach.rounding(inputs) <= self._rounding:
            return False
        self._reach.take(case)
        self.measured.append(inputs)
        name = new_name(f"{kind}-{seed}", self._taken)
        self.added.append(GoldenInputs(GoldenEntry(name, "random", seed=seed, made=made), inputs))
        self._tell(f"golden cases reach {100 * self._reach.share:.2f} % of the weights")
        return True

    def _spend(self, runs: int) -> bool:
        self._left -= runs
        return self._left >= 0
