# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Measure what golden cases reach on a net pair that nothing can differentiate: by really changing weights.

A sample of the weights is drawn, each is changed by the largest of its tensor, and our runtime runs the changed nets.
What no case notices is tried on noise, and the noise that notices most is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mdeploy import native
from mdeploy.caffe2.messages import NetDef
from mdeploy.caffe2.pair import NetPair, blobs_read, fill_shape
from mdeploy.caffe2.wire import delimited, fill_operator
from mdeploy.conversion.coverage.changes import TOLERANCE, differ, draw_weights
from mdeploy.conversion.coverage.search import Covered
from mdeploy.conversion.golden import GoldenInputs, new_name
from mdeploy.formats.coverage import Coverage, TensorReach
from mdeploy.formats.manifest import GoldenEntry, InputSpec
from mdeploy.inputs.noise import RECIPES, make_input
from mdeploy.progress import Tell, quiet
from mdeploy.tensors import Array

__all__ = ["Change", "ChangeablePair", "cover_nets"]

_SEED = 0
_BUDGET = 2e11  # multiply-adds, of which
_LOAD = 50  # go for each weight that is read, checked and packed anew
_MOST_CHANGES = 64
_LEAST_CHANGES = 8
_WORTH = 2  # changed weights that a noise must notice to be added
_OP = 2  # the field of a NetDef


@dataclass
class Change:
    """One entry of one weight, and whether a case noticed that it was changed."""

    blob: str
    index: int
    sign: int
    noticed: bool = False


def cover_nets(
    nets: NetPair,
    meanings: Sequence[str],
    specs: Sequence[InputSpec],
    cases: Sequence[GoldenInputs],
    macs: int,
    progress: Tell = quiet,
) -> Covered:
    """Measure and extend the cases of a net pair. Raises what ``native.load_net`` raises."""
    pair = ChangeablePair(nets)
    runs = max(macs, 1) * (len(cases) + len(RECIPES))
    affordable = int(_BUDGET / (runs + _LOAD * pair.parameters))
    changes = pair.draw(min(max(affordable, _LEAST_CHANGES), _MOST_CHANGES))
    noise = [tuple(make_input(spec, recipe, seed) for spec in specs) for seed, recipe in enumerate(RECIPES, start=1)]
    given = [case.inputs for case in cases]
    with native.load_net(nets, specs) as net, net.session() as session:
        expected = [session.run(inputs) for inputs in (*given, *noise)]
    found: list[list[Change]] = [[] for _ in noise]
    for number, change in enumerate(changes, start=1):
        progress(f"changing single weights: {number} of {len(changes)}")
        with native.load_net(pair.changed(change), specs) as net, net.session() as session:
            pairs = zip(given, expected, strict=False)
            change.noticed = any(differ(answer, session.run(inputs), meanings) for inputs, answer in pairs)
            if not change.noticed:
                for inputs, answer, by_noise in zip(noise, expected[len(given) :], found, strict=True):
                    if differ(answer, session.run(inputs), meanings):
                        by_noise.append(change)
    added = _best(noise, found, {case.entry.case for case in cases})
    return Covered(tuple(added), Coverage("changes", TOLERANCE, _counted(changes)))


def _best(noise: Sequence[tuple[Array, ...]], found: Sequence[Sequence[Change]], taken: set[str]) -> list[GoldenInputs]:
    """The noises that notice most, one after the other; what they notice is marked."""
    added: list[GoldenInputs] = []
    while True:
        gains = [sum(not change.noticed for change in by_noise) for by_noise in found]
        best = int(np.argmax(gains))
        if gains[best] < _WORTH:
            return added
        for change in found[best]:
            change.noticed = True
        entry = GoldenEntry(new_name(f"noise-{best + 1}", taken), "random", seed=best + 1, made=RECIPES[best].made)
        added.append(GoldenInputs(entry, noise[best]))


def _counted(changes: Sequence[Change]) -> tuple[TensorReach, ...]:
    counted: dict[str, list[int]] = {}
    for change in changes:
        counts = counted.setdefault(change.blob, [0, 0])
        counts[0] += 1
        counts[1] += change.noticed
    return tuple(TensorReach(blob, *counts) for blob, counts in counted.items())


class ChangeablePair:
    """A net pair whose init net is kept in pieces, so that one weight is changed without writing the others anew."""

    def __init__(self, nets: NetPair) -> None:
        rest = NetDef()
        rest.CopyFrom(nets.init)
        del rest.op[:]
        self._nets = nets
        self._pieces = [delimited(_OP, op.SerializeToString(deterministic=True)) for op in nets.init.op]
        self._pieces.append(rest.SerializeToString(deterministic=True))
        read = set(blobs_read(nets.predict))
        self._weights: dict[str, tuple[int, Array]] = {}
        for place, op in enumerate(nets.init.op):
            values = next((arg.floats for arg in op.arg if arg.name == "values"), ())
            if op.type == "GivenTensorFill" and values and op.output[0] in read:
                array = np.array(values, np.float32)
                if np.isfinite(array).all() and array.any():
                    self._weights[op.output[0]] = place, array.reshape(fill_shape(op) or -1)

    @property
    def parameters(self) -> int:
        """Entries that can be drawn."""
        return sum(array.size for _, array in self._weights.values())

    def draw(self, count: int, seed: int = _SEED) -> list[Change]:
        """``count`` entries, any with the same chance."""
        sizes = {blob: array.size for blob, (_, array) in self._weights.items()}
        return [Change(*drawn) for drawn in draw_weights(sizes, count, seed)]

    def changed(self, change: Change) -> NetPair:
        """The pair with one entry changed by the largest of its tensor."""
        place, array = self._weights[change.blob]
        array = array.copy()
        array.reshape(-1)[change.index] += change.sign * np.abs(array).max()
        pieces = list(self._pieces)
        pieces[place] = delimited(_OP, fill_operator(change.blob, array, packed=True))
        return NetPair(b"".join(pieces), self._nets.predict_bytes)
