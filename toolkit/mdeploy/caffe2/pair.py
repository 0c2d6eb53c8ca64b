# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A Caffe2 net pair, and what it leaves unsaid: which blobs are data, which are outputs, and what the outputs mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

from mdeploy.caffe2.files import read_net
from mdeploy.caffe2.messages import NetDef
from mdeploy.errors import UsageError
from mdeploy.files import read_regular
from mdeploy.tensors import Shape

__all__ = [
    "NetPair",
    "blobs_read",
    "data_inputs",
    "fill_shape",
    "input_shapes",
    "output_meaning",
    "outputs",
    "reads_nhwc",
]


_SAME_ELEMENTS = ("Reshape", "Flatten", "FlattenToVec", "Squeeze", "ExpandDims", "Copy", "Alias", "StopGradient")
_BY_PRODUCTS = ("Concat", "Dropout", "LRN", "Reshape", "InstanceNorm", "GroupNorm")
_PASSING_ON = (*_SAME_ELEMENTS, "Dropout", "Transpose", "NCHW2NHWC", "NHWC2NCHW", "EnsureCPUOutput")


@dataclass(frozen=True, eq=False)
class NetPair:
    """An init net, which fills the weights, and the predict net that computes with them.

    Each may be given as a NetDef, as the bytes of its file, or as the file; the other forms are made when they are
    asked for. Nobody changes the NetDefs.
    """

    _init: Any
    _predict: Any

    @cached_property
    def init(self) -> Any:
        """The init net as a NetDef. Raises ``InputError`` for a file that holds none."""
        return _net(self._init)

    @cached_property
    def predict(self) -> Any:
        """The predict net as a NetDef. Raises ``InputError`` for a file that holds none."""
        return _net(self._predict)

    @cached_property
    def init_bytes(self) -> bytes:
        """The init net's file."""
        return _bytes(self._init)

    @cached_property
    def predict_bytes(self) -> bytes:
        """The predict net's file."""
        return _bytes(self._predict)

    @property
    def files(self) -> tuple[Path, Path] | None:
        """The two files, where the pair is one of files."""
        found = isinstance(self._init, Path) and isinstance(self._predict, Path)
        return (self._init, self._predict) if found else None

    @property
    def operators(self) -> dict[str, int]:
        """How many operators of each type the predict net has."""
        return dict(Counter(op.type for op in self.predict.op))


def _net(given: Any) -> Any:
    if isinstance(given, Path):
        return read_net(given)
    return NetDef.FromString(given) if isinstance(given, bytes) else given


def _bytes(given: Any) -> bytes:
    if isinstance(given, Path):
        return read_regular(given)
    data: bytes = given if isinstance(given, bytes) else given.SerializeToString(deterministic=True)
    return data


def blobs_read(net: Any) -> list[str]:
    """Blobs that a net reads before it makes them, in the order of first use."""
    made: set[str] = set()
    read: dict[str, None] = {}
    for op in net.op:
        read.update((name, None) for name in op.input if name not in made)
        made.update(op.output)
    return list(read)


def data_inputs(nets: NetPair, named: Collection[str] = ()) -> list[str]:
    """The blobs that the caller feeds, in the order in which Caffe2's Predictor binds them.

    They are the external inputs that the init net does not make, those in ``named``, and those that it only holds the
    place of: exporters write a fill of a single zero for each data input, ahead of the weights. Where the init net
    makes them all, it is the first one. Inputs that no operator reads, such as the labels of a training net, are
    left out.
    """
    fills = {name: op for op in nets.init.op for name in op.output}
    read = blobs_read(nets.predict)
    declared = [name for name in nets.predict.external_input if name in set(read)] or read
    inputs, leading = [], True
    for name in declared:
        leading = leading and (name not in fills or _holds_a_place(fills[name]))
        if name in named or name not in fills or leading:
            inputs.append(name)
    return inputs or declared[:1]


def input_shapes(nets: NetPair, given: Mapping[str, Shape], path: Path) -> dict[str, Shape]:
    """Shape of every data input, from ``given`` (the name "" stands for the only one).

    An image that the init net fills an input with gives its shape too. Raises ``UsageError`` that names the inputs
    which are still without one, with what the net's first layer says about it.
    """
    names = data_inputs(nets, given.keys() - {""})
    shapes = dict(given)
    if "" in shapes:
        if len(names) != 1:
            listed = ", ".join(names) or "none"
            raise UsageError(f"{path}: has {len(names)} data inputs ({listed}); name each: --input-shape NAME=1,3,...")
        shapes[names[0]] = shapes.pop("")
    for name in shapes.keys() - set(names):
        raise UsageError(f"{path}: --input-shape {name}=...: no such data input; there is {', '.join(names) or 'none'}")
    fills = {name: fill_shape(op) or () for op in nets.init.op for name in op.output}
    shapes.update({name: fills[name] for name in names if name not in shapes and len(fills.get(name, ())) == 4})
    missing = [name for name in names if name not in shapes]
    if missing:
        example = " ".join(f"--input-shape {name}={','.join(_guess(nets, name))}" for name in missing)
        raise UsageError(
            f"{path}: Caffe2 nets do not record the shape of their inputs, and {', '.join(missing)} has none; "
            f"give it, such as {example}"
        )
    return {name: shapes[name] for name in names}


def outputs(predict: Any) -> list[str]:
    """The outputs by position, without by-products.

    Old nets may declare none: then it is the first output of the last operator. mobile_exporter declares every blob
    that nothing reads, such as the mask of a Dropout, the sizes of a Concat, the scale of an LRN.
    """
    by_products = {name for op in predict.op if op.type in _BY_PRODUCTS for name in op.output[1:]}
    declared = [name for name in dict.fromkeys(predict.external_output) if name not in by_products]
    return declared or list(predict.external_output) or list(predict.op[-1].output[:1])


def reads_nhwc(predict: Any, blob: str) -> bool:
    """Whether the first operator that takes a layout reads a blob as NHWC."""
    for op in predict.op:
        if blob in op.input:
            orders = [arg.s for arg in op.arg if arg.name == "order"]
            if orders:
                return bool(orders[0] == b"NHWC")
    return False


def fill_shape(op: Any) -> Shape | None:
    """The shape that a fill has as an argument."""
    return next((tuple(arg.ints) for arg in op.arg if arg.name == "shape"), None)


def output_meaning(predict: Any, blob: str) -> str:
    """What the numbers of an output mean, by the operators that make it."""
    producers: dict[str, Any] = {}
    for op in predict.op:  # a blob may be made several times: the last one counts, which in-place operators rely on
        for name in op.output:
            producers[name] = (op, {source: producers.get(source) for source in op.input})
    made = producers.get(blob)
    while made is not None and made[0].type in _PASSING_ON:
        made = made[1][made[0].input[0]]
    if made is None:
        return "logits"
    op, sources = made
    if op.type in ("Softmax", "SoftmaxWithLoss"):
        return "probabilities"
    return "log_probabilities" if _is_log_softmax(op, sources) else "logits"


def _is_log_softmax(op: Any, sources: Mapping[str, Any]) -> bool:
    """Log(Softmax(x)), or the form that does not underflow: (x - max) - Log(ReduceSum(Exp(x - max)))."""
    chain = {"Log": ("Softmax",), "Sub": ("Log", "ReduceSum", "Exp")}.get(op.type, ())
    found = sources.get(op.input[1 if op.type == "Sub" else 0]) if chain else None
    for number, kind in enumerate(chain):
        if found is None or found[0].type != kind:
            return False
        if number < len(chain) - 1:
            found = found[1][found[0].input[0]]
    return bool(chain)


def _holds_a_place(op: Any) -> bool:
    if op.input or op.type not in ("GivenTensorFill", "ConstantFill") or prod(fill_shape(op) or ()) > 1:
        return False
    values = [*(value for arg in op.arg if arg.name == "values" for value in arg.floats)]
    return not any(values) and not any(arg.f or arg.i for arg in op.arg if arg.name == "value")


def _guess(nets: NetPair, blob: str) -> tuple[str, ...]:
    """An example of a shape for the message: channels or columns by the first layer's weights."""
    weights = {name: fill_shape(op) or () for op in nets.init.op for name in op.output}
    for op in nets.predict.op:
        if blob not in op.input[:1]:
            continue
        shape = weights.get(op.input[1], ()) if len(op.input) > 1 else ()
        if op.type == "Conv" and len(shape) == 4:
            group = next((arg.i for arg in op.arg if arg.name == "group"), 1)
            if reads_nhwc(nets.predict, blob):
                return ("1", "224", "224", str(shape[3] * group))
            return ("1", str(shape[1] * group), "224", "224")
        if op.type == "FC" and len(shape) == 2:
            return ("1", str(shape[1]))
    return ("1", "3", "224", "224")
