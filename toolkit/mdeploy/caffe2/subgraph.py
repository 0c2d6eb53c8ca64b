# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Cut a subgraph out of a net pair: the operators between some known blobs and a wanted one, with their weights."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any

from mdeploy.caffe2.messages import NetDef
from mdeploy.caffe2.pair import NetPair

__all__ = ["Subgraph", "cut_nets"]


@dataclass(frozen=True)
class Subgraph:
    """A net pair of its own, and where it was. ``operators`` are places in the original predict_net."""

    nets: NetPair
    inputs: tuple[str, ...]
    output: str
    operators: tuple[int, ...]
    weights: tuple[str, ...]


def cut_nets(nets: NetPair, known: Container[str], output: str, name: str) -> Subgraph:
    """Return the smallest subgraph that computes ``output`` from blobs in ``known``.

    A blob that is written twice counts at its last writer before the reader.
    """
    init, predict = nets.init, nets.predict
    inputs: list[str] = []
    weights: list[str] = []
    chosen: set[int] = set()
    pending: list[tuple[str, int]] = [(output, len(predict.op))]
    while pending:
        blob, before = pending.pop()
        index = _writer(predict, blob, before)
        wanted = blob == output and before == len(predict.op)
        if index is not None and (wanted or blob not in known):
            if index not in chosen:
                chosen.add(index)
                pending.extend((source, index) for source in reversed(predict.op[index].input))
        elif index is None and any(blob in operator.output for operator in init.op):
            _append(weights, blob)
        else:
            _append(inputs, blob)
    operators = tuple(sorted(chosen))
    part = NetDef(name=f"{name}_predict", op=[predict.op[index] for index in operators])
    if predict.HasField("device_option"):
        part.device_option.CopyFrom(predict.device_option)
    part.external_input.extend([*inputs, *weights])
    part.external_output.append(output)
    fills = NetDef(name=f"{name}_init", op=_makers(init, weights))
    return Subgraph(NetPair(fills, part), tuple(inputs), output, operators, tuple(weights))


def _writer(predict: Any, blob: str, before: int) -> int | None:
    return next((index for index in range(before - 1, -1, -1) if blob in predict.op[index].output), None)


def _makers(init: Any, blobs: Iterable[str]) -> list[Any]:
    """The operators of init_net that make some blobs, and those that they need in turn, in order."""
    wanted = set(blobs)
    chosen = []
    for operator in reversed(init.op):
        if wanted & set(operator.output):
            chosen.append(operator)
            wanted |= set(operator.input)
    return chosen[::-1]


def _append(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)
