# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Einstein's sums as products of matrices."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import onnx_ir as ir

from mdeploy.onnx.passes.editing import Rewriter, static_shape
from mdeploy.onnx.shapes import infer_shapes

__all__ = ["expand_einsum"]


@dataclass(frozen=True)
class _Term:
    """A tensor and the letters of its axes."""

    value: ir.Value
    letters: str


def expand_einsum(model: ir.Model) -> ir.Model | None:
    """Write Einsum out, two operands at a time.

    ::

        Einsum("bhqd,bhkd->bhqk")(q, k)    becomes    MatMul(q, Transpose(k))    with Reshapes around it

    A letter that stands twice in one operand (a diagonal) stays, to be refused by name.
    """
    if not any(node.op_type == "Einsum" for node in model.graph):
        return None
    infer_shapes(model)
    changed = False
    for node in list(model.graph):
        if node.op_type != "Einsum" or node.domain not in ("", "ai.onnx"):
            continue
        read = _read(node)
        if read is None:
            continue
        terms, result, sizes = read
        _Writer(Rewriter(model, node), sizes).write(terms, result)
        changed = True
    return model if changed else None


def _read(node: ir.Node) -> tuple[list[_Term], str, dict[str, int]] | None:
    """Operands with their letters, the letters of the result, and the size of each; None where it stays."""
    equation = node.attributes["equation"].as_string().replace(" ", "")
    left, arrow, result = equation.partition("->")
    operands = left.split(",")
    shapes = [static_shape(value) for value in node.inputs]
    if len(operands) != len(shapes) or any(shape is None for shape in shapes):
        return None
    spare = [letter for letter in string.ascii_letters if letter not in equation]
    counts = [
        len(shape or ()) - len(letters.replace("...", "")) for letters, shape in zip(operands, shapes, strict=True)
    ]
    dots = max((count for letters, count in zip(operands, counts, strict=True) if "..." in letters), default=0)
    if dots > len(spare) or min(counts) < 0:
        return None
    free = "".join(spare[:dots])
    terms: list[_Term] = []
    sizes: dict[str, int] = {}
    for letters, count, value, shape in zip(operands, counts, node.inputs, shapes, strict=True):
        named = letters.replace("...", free[dots - count :] if count else "")
        if len(set(named)) != len(named) or len(named) != len(shape or ()) or value is None:
            return None
        terms.append(_Term(value, named))
        for letter, size in zip(named, shape or (), strict=True):
            if sizes.setdefault(letter, size) != size:
                return None  # broadcast by a size of 1
    if not arrow:
        every = "".join(term.letters for term in terms)
        result = free + "".join(sorted(letter for letter in set(every) - set(free) if every.count(letter) == 1))
    result = result.replace("...", free)
    if len(set(result)) != len(result) or not set(result) <= sizes.keys() or not result:
        return None
    return terms, result, sizes


class _Writer:
    """Adds the nodes."""

    def __init__(self, rewriter: Rewriter, sizes: dict[str, int]) -> None:
        self._rewriter = rewriter
        self._sizes = sizes

    def write(self, terms: list[_Term], result: str) -> None:
        """Contract from left to right: a letter is summed as soon as no other operand and not the result has it."""
        current, rest = terms[0], terms[1:]
        while rest:
            other, rest = rest[0], rest[1:]
            wanted = set(result).union(*(term.letters for term in rest))
            current = self._product(
                self._summed(current, wanted | set(other.letters)),
                self._summed(other, wanted | set(current.letters)),
                wanted,
            )
        self._rewriter.finish(self._ordered(self._summed(current, set(result)), result).value)

    def _summed(self, term: _Term, wanted: set[str]) -> _Term:
        axes = [axis for axis, letter in enumerate(term.letters) if letter not in wanted]
        if not axes:
            return term
        letters = "".join(letter for letter in term.letters if letter in wanted)
        return _Term(self._rewriter.reduce("ReduceSum", term.value, axes, keepdims=False), letters)

    def _product(self, left: _Term, right: _Term, wanted: set[str]) -> _Term:
        both = [letter for letter in left.letters if letter in right.letters]
        batch = "".join(letter for letter in both if letter in wanted)
        summed = "".join(letter for letter in both if letter not in wanted)
        rows = "".join(letter for letter in left.letters if letter not in both)
        columns = "".join(letter for letter in right.letters if letter not in both)
        a = self._reshaped(
            self._ordered(left, batch + rows + summed), [*self._of(batch), self._all(rows), self._all(summed)]
        )
        b = self._reshaped(
            self._ordered(right, batch + summed + columns), [*self._of(batch), self._all(summed), self._all(columns)]
        )
        product = self._rewriter.add("MatMul", [a, b])
        letters = batch + rows + columns
        return _Term(self._reshaped(_Term(product, letters), self._of(letters)), letters)

    def _ordered(self, term: _Term, letters: str) -> _Term:
        if term.letters == letters:
            return term
        return _Term(
            self._rewriter.add("Transpose", [term.value], perm=[term.letters.index(letter) for letter in letters]),
            letters,
        )

    def _reshaped(self, term: _Term, shape: Sequence[int]) -> ir.Value:
        return self._rewriter.add("Reshape", [term.value, self._rewriter.constant(np.array(shape, np.int64))])

    def _of(self, letters: str) -> list[int]:
        return [self._sizes[letter] for letter in letters]

    def _all(self, letters: str) -> int:
        return prod(self._of(letters))
