# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Which weights of a graph a case reaches, to first order, for all of them at once.

For outputs y of K elements and a random r, the gradient of r.y by a weight is of the size of the Euclidean norm of the
output's gradients, and some element moves by at least that norm over sqrt(K). A weight is reached where this, times the
largest of its tensor, is more than the tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch

from mdeploy.backends.optional.torch_graph import GraphModule
from mdeploy.conversion.coverage.changes import differ, draw_weights
from mdeploy.conversion.coverage.names import layer_name, tensor_name
from mdeploy.formats.coverage import SilentLayer, TensorReach
from mdeploy.tensors import Array

__all__ = ["CaseReach", "Drawn", "GraphReach"]

Tensor = torch.Tensor
Masks = Mapping[str, Tensor]

_DRAWN = 32


@dataclass(frozen=True)
class Drawn:
    """One weight, drawn at random before anything was measured, and the effect that each case's gradient promises."""

    name: str
    index: int
    sign: int
    promised: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class CaseReach:
    """What one case reaches, and in which channels it brings an activation above zero."""

    weights: Masks
    firing: Masks
    promised: tuple[float, ...]


class GraphReach:
    """What the cases taken so far reach together."""

    def __init__(self, graph: GraphModule, meanings: Sequence[str], tolerance: float, seed: int) -> None:
        self.graph = graph
        self._meanings = meanings
        self._tolerance = tolerance
        self._generator = torch.Generator().manual_seed(seed)
        self.weights = {
            name: tensor
            for name, tensor in graph.constants.items()
            if tensor.dtype == torch.float32 and tensor.numel() and bool((tensor != 0).any())
        }
        self._largest = {name: float(tensor.abs().max()) for name, tensor in self.weights.items()}
        self.reached: dict[str, Tensor] = {}
        self._fired: dict[str, Tensor] = {}
        self._cases = 0
        self._exact: GraphModule | None = None
        sizes = {name: tensor.numel() for name, tensor in self.weights.items()}
        self.drawn = [Drawn(*drawn) for drawn in draw_weights(sizes, _DRAWN, seed)]
        self._unchanged: dict[int, list[Array]] = {}

    @property
    def share(self) -> float:
        """Reached of all that any output depends on."""
        total = sum(mask.numel() for mask in self.reached.values())
        return sum(int(mask.sum()) for mask in self.reached.values()) / total if total else 1.0

    def see(self, inputs: Sequence[Array]) -> CaseReach:
        """Measure one case; it counts once it is taken."""
        for tensor in self.weights.values():
            tensor.requires_grad_(True)
        values = self.graph.values(*(torch.from_numpy(array.copy()) for array in inputs))
        total, elements = torch.zeros(()), 0
        for name, meaning in zip(self.graph.outputs, self._meanings, strict=True):
            output = values[name]
            if output.is_floating_point() and output.requires_grad:
                random = torch.randn(output.shape, generator=self._generator)
                total = total + (random * output / _scale(output.detach(), meaning)).sum()
                elements += output.numel()
        gradients: Sequence[Tensor | None] = [None] * len(self.weights)
        if elements:
            gradients = torch.autograd.grad(total, list(self.weights.values()), allow_unused=True)
        for tensor in self.weights.values():
            tensor.requires_grad_(False)
        found = {}
        for name, gradient in zip(self.weights, gradients, strict=True):
            if gradient is not None:
                found[name] = gradient.abs_().mul_(self._largest[name] / math.sqrt(elements))
        promised = tuple(float(found[one.name].view(-1)[one.index]) if one.name in found else 0.0 for one in self.drawn)
        return CaseReach(
            {name: effect > self._tolerance for name, effect in found.items()}, self._firing(values), promised
        )

    def gain(self, case: CaseReach) -> float:
        """The share of the weights that a case would add."""
        total = new = 0
        for name, mask in case.weights.items():
            total += mask.numel()
            new += int((mask & ~self.reached[name]).sum()) if name in self.reached else int(mask.sum())
        return new / total if total else 0.0

    def take(self, case: CaseReach) -> None:
        """Count a case."""
        for name, mask in case.weights.items():
            self.reached[name] = self.reached[name] | mask if name in self.reached else mask
        for name, mask in case.firing.items():
            self._fired[name] = self._fired[name] | mask if name in self._fired else mask
        for one, promised in zip(self.drawn, case.promised, strict=True):
            one.promised[self._cases] = promised
        self._cases += 1

    def is_reached(self, one: Drawn) -> bool:
        """Whether some case reaches a drawn weight."""
        return one.name in self.reached and bool(self.reached[one.name].view(-1)[one.index])

    def notices(self, one: Drawn, cases: Sequence[Sequence[Array]], most: int = 3) -> bool:
        """Really change a drawn weight by the largest of its tensor, and run the cases that promise most."""
        weights = self.weights[one.name].view(-1)
        before = float(weights[one.index])
        for number in sorted(one.promised, key=lambda n: -one.promised[n])[:most]:
            if number not in self._unchanged:
                self._unchanged[number] = self._answer(cases[number])
            weights[one.index] = before + one.sign * self._largest[one.name]
            try:
                actual = self._answer(cases[number])
            finally:
                weights[one.index] = before
            if differ(self._unchanged[number], actual, self._meanings, self._tolerance):
                return True
        return False

    def rounding(self, inputs: Sequence[Array]) -> float:
        """The tolerance that float32 itself needs on a case, by double precision; 0 where that does not run."""
        tensors = [torch.from_numpy(array.copy()) for array in inputs]
        try:
            if self._exact is None:
                self._exact = deepcopy(self.graph).double()
            with torch.no_grad():
                made = self._exact(*(tensor.double() if tensor.is_floating_point() else tensor for tensor in tensors))
                exact = made if isinstance(made, tuple) else (made,)
                needed = [
                    ((left - right).abs() / _scale(right, meaning)).max()
                    for left, right, meaning in zip(self._outputs(tensors), exact, self._meanings, strict=True)
                ]
        except RuntimeError:  # a cast to float32 within the graph
            return 0.0
        return max(map(float, needed), default=0.0)

    def _answer(self, inputs: Sequence[Array]) -> list[Array]:
        with torch.no_grad():
            return [output.numpy() for output in self._outputs([torch.from_numpy(array.copy()) for array in inputs])]

    def _outputs(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        made = self.graph(*inputs)
        return [tensor.double() for tensor in (made if isinstance(made, tuple) else (made,))]

    def by_tensor(self) -> tuple[TensorReach, ...]:
        """Counts by weight tensor, in the graph's order."""
        nodes = self.graph.nodes
        return tuple(
            TensorReach(tensor_name(name, nodes), mask.numel(), int(mask.sum()))
            for name, mask in sorted(self.reached.items(), key=lambda item: list(self.weights).index(item[0]))
        )

    def silent(self) -> tuple[SilentLayer, ...]:
        """By layer, the channels that never fire."""
        nodes = self.graph.nodes
        found: dict[str, int] = {}
        for name, fired in self._fired.items():
            count = int((~fired).sum())
            if count:
                layer = layer_name(name, nodes)
                found[layer] = found.get(layer, 0) + count
        return tuple(SilentLayer(layer, count) for layer, count in found.items())

    def _firing(self, values: Mapping[str, Any]) -> dict[str, Tensor]:
        """Of every rectified tensor, the channels that are above zero (and below the upper bound) somewhere."""
        firing = {}
        for node, names, _ in self.graph.nodes:
            if node.op_type not in ("Relu", "Clip") or values[names[0]].ndim < 2:
                continue
            x = values[names[0]].detach()
            low, high = (0.0, math.inf) if node.op_type == "Relu" else (node.number(1, "min"), node.number(2, "max"))
            inside = (x > (-math.inf if low is None else low)) & (x < (math.inf if high is None else high))
            firing[names[0]] = inside.transpose(0, 1).flatten(1).any(1)
        return firing


def _scale(output: Tensor, meaning: str) -> Tensor | float:
    """What the tolerance rule measures by: see ``element_scale``."""
    return 1.0 if meaning == "probabilities" else output.abs().clamp(min=1.0)
