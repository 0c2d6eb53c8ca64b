# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Holds a net pair against what real Caffe2 enforces when it creates and runs nets, without running it."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from mdeploy.caffe2.pair import NetPair
from mdeploy.caffe2.schema import SCHEMAS, ArgType, OperatorSchema

__all__ = ["check_nets"]

_POOLS = ("MaxPool", "AveragePool", "LpPool")
_FIELDS = tuple(kind.value for kind in ArgType)


def check_nets(nets: NetPair) -> list[str]:
    """Return everything that real Caffe2 would stop at, one line each; an empty list for a net pair that it takes."""
    problems = [f"init net: {problem}" for problem in _check_net(nets.init)]
    problems.extend(f"predict net: {problem}" for problem in _check_net(nets.predict))
    problems.extend(_check_pair(nets))
    return problems


def _check_net(net: Any) -> Iterator[str]:
    known = set(net.external_input)
    for index, op in enumerate(net.op):
        where = f"operator {index} ({op.type}, output {op.output[0] if op.output else 'none'})"
        for problem in _check_operator(op):
            yield f"{where}: {problem}"
        if net.external_input:
            for name in op.input:
                if name not in known:
                    yield f"{where}: input {name!r} is neither an external input nor made before"
        known.update(op.output)
    for name in net.external_output:
        if name not in known:
            yield f"external output {name!r} is never produced"


def _check_operator(op: Any) -> Iterator[str]:
    schema = SCHEMAS.get(op.type)
    if schema is None:
        yield "no such operator in Caffe2"
        return
    for role, names, (low, high) in (("inputs", op.input, schema.inputs), ("outputs", op.output, schema.outputs)):
        if not low <= len(names) <= high:
            yield f"{len(names)} {role}, it takes {low}" + (f" to {high}" if high > low else "")
    for i, source in enumerate(op.input):
        for o, target in enumerate(op.output):
            if source == target and not schema.allows_inplace(i, o):
                yield f"output {o} is the same blob as input {i}, which this operator does not do"
    yield from _check_arguments(op, schema)
    yield from _check_values(op, {argument.name: argument for argument in op.arg})


def _check_arguments(op: Any, schema: OperatorSchema) -> Iterator[str]:
    seen: dict[str, Any] = {}
    for argument in op.arg:
        if argument.name in seen and seen[argument.name] != argument:
            yield f"argument {argument.name!r} is given twice with different values"
        seen[argument.name] = argument
        kind = schema.args.get(argument.name)
        if kind is None:
            continue  # Caffe2 ignores what it does not know
        present = [
            name
            for name in _FIELDS
            if (getattr(argument, name) if name.endswith("s") and name != "s" else argument.HasField(name))
        ]
        if present and present != [kind.value]:
            yield f"argument {argument.name!r} is in field {', '.join(present)}, it is read from {kind.value}"
    for name in sorted(schema.required - seen.keys()):
        yield f"argument {name!r} is required"


def _check_values(op: Any, args: dict[str, Any]) -> Iterator[str]:
    """Rules that an operator checks for itself when it is created or run."""
    pooled = args["global_pooling"].i if "global_pooling" in args else 0
    if op.type in ("Conv", "ConvTranspose", *_POOLS):
        if not pooled and not {"kernels", "kernel", "kernel_h"} & args.keys():
            yield "no kernel size"
        if pooled and (op.name.startswith("Conv") or "Pool" in op.name):
            yield f"the operator's name {op.name!r} makes Caffe2 want a kernel size in spite of global_pooling"
        if "kernels" in args and "pads" in args and len(args["pads"].ints) != 2 * len(args["kernels"].ints):
            yield f"{len(args['pads'].ints)} pads for {len(args['kernels'].ints)} kernel sizes, want twice that"
    if op.type == "MaxPool" and any(value != 1 for value in (args["dilations"].ints if "dilations" in args else ())):
        yield "pooling with dilation"
    if op.type in _POOLS and not pooled and "kernels" in args and "pads" in args:
        kernels = list(args["kernels"].ints) * 2
        if any(pad >= kernel for pad, kernel in zip(args["pads"].ints, kernels, strict=False)):
            yield f"pads {list(args['pads'].ints)} are not smaller than the kernel"
    if op.type == "SpatialBN" and "is_test" in args and len(op.output) != (1 if args["is_test"].i else 5):
        yield f"is_test={args['is_test'].i} with {len(op.output)} outputs"
    if op.type in ("Concat", "Split") and {"axis", "order"} <= args.keys():
        yield "axis and order together"
    if op.type == "Slice" and "starts" in args and "ends" in args:
        cuts = [pair for pair in zip(args["starts"].ints, args["ends"].ints, strict=False) if pair != (0, -1)]
        if len(cuts) > 1:
            yield f"{len(cuts)} dimensions are cut at once, one is possible"
    if op.type == "Reshape" and len(op.input) == 1 and "shape" not in args:
        yield "neither a shape argument nor a second input"
    if "Fill" in op.type and "values" in args and "shape" in args:
        count = max(len(args["values"].floats), len(args["values"].ints))
        if args["values"].strings:
            count = len(args["values"].strings[0]) if "ByteString" in op.type else len(args["values"].strings)
        if count != prod(args["shape"].ints):
            yield f"{count} values for shape {list(args['shape'].ints)}"


def _check_pair(nets: NetPair) -> Iterator[str]:
    init, predict = nets.init, nets.predict
    if init.name == predict.name:  # CreateNet refuses to overwrite the first by the second; Predictor does not mind
        yield f"the nets need two different names, both are {init.name!r}"
    filled = {name for op in init.op for name in op.output}
    inputs = list(predict.external_input)
    for number, name in enumerate(inputs):
        if name not in filled and any(earlier in filled for earlier in inputs[:number]):
            yield f"predict net: data input {name!r} comes after weights; Predictor binds inputs by position"
