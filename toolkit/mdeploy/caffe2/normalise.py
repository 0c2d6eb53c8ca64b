# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Brings a net pair that was made elsewhere into the form that ``convert`` writes, without touching its operators.

What is changed changes no number: devices become the CPU, names become two different ones, data inputs come first,
outputs are declared, placeholders of data inputs go, and weights are packed. What cannot run is refused, all of it at
once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from mdeploy.caffe2.messages import Argument, NetDef
from mdeploy.caffe2.pair import NetPair, blobs_read, outputs
from mdeploy.caffe2.translate import Finding, UnsupportedModelError
from mdeploy.caffe2.wire import delimited, packed_floats

__all__ = ["normalise", "pack", "refuse_operators"]

_NETDEF_OP = 2
_OPERATOR_ARG = 5
_RANDOM = ("XavierFill", "MSRAFill", "GaussianFill", "UniformFill", "UniformIntFill", "UniqueUniformFill")
_READERS = ("Load", "DBExists", "CreateDB", "TensorProtosDBInput", "ImageInput", "DequeueBlobs", "Snapshot", "Save")
_EXPORT = "export the trained net, such as by caffe2.python.predictor.mobile_exporter.Export"


def refuse_operators(nets: NetPair, known: Collection[str]) -> None:
    """Raise ``UnsupportedModelError`` with every operator that cannot run; ``known`` is what the runtime has."""
    findings = [
        *(finding for number, op in enumerate(nets.init.op) for finding in _findings(f"init #{number}", op, known)),
        *(finding for number, op in enumerate(nets.predict.op) for finding in _findings(f"#{number}", op, known)),
    ]
    if findings:
        raise UnsupportedModelError(tuple(findings))


def normalise(nets: NetPair, name: str, inputs: Sequence[str]) -> tuple[NetPair, tuple[str, ...]]:
    """Return new nets in the form of an artifact, and what was changed for it.

    ``inputs`` are the data inputs by position. Needs nets whose operators all run.
    """
    init, predict = nets.init, nets.predict
    messages: list[str] = []
    new_init, new_predict = NetDef(), NetDef()
    new_init.CopyFrom(init)
    new_predict.CopyFrom(predict)
    placed = sum(_to_cpu(net) for net in (new_init, new_predict))
    if placed:
        messages.append(f"{placed} operators were placed on a GPU or another device; here they run on the CPU")
    if not init.name or not predict.name or init.name == predict.name:
        new_init.name, new_predict.name = f"{name}_init", f"{name}_predict"  # Caffe2 keys nets by name
    _drop_fills(new_init, inputs)
    for op in new_predict.op:
        if any(arg.name == "global_pooling" and arg.i for arg in op.arg):
            op.ClearField("name")  # Caffe2 reads meaning into names such as Pool (conv_pool_op_base.h)
    read = set(blobs_read(new_predict))
    made = {blob for op in init.op for blob in op.output}
    unread = [blob for blob in predict.external_input if blob not in read and blob not in made]
    if unread:
        messages.append(f"external inputs that no operator reads were left out: {', '.join(unread)}")
    weights = [blob for op in new_init.op for blob in op.output if blob in read and blob not in inputs]
    new_predict.ClearField("external_input")
    new_predict.external_input.extend([*inputs, *dict.fromkeys(weights)])
    made_outputs = outputs(predict)
    if not predict.external_output:
        messages.append(f"the net declares no output; it is the last operator's, {', '.join(made_outputs)}")
    left_out = [blob for blob in predict.external_output if blob not in made_outputs]
    if left_out:
        messages.append(f"by-products of operators are no outputs: {', '.join(left_out)}")
    new_predict.ClearField("external_output")
    new_predict.external_output.extend(made_outputs)
    new_init.ClearField("external_output")
    new_init.external_output.extend(dict.fromkeys(weights))
    return NetPair(new_init, new_predict), tuple(messages)


def pack(nets: NetPair) -> NetPair:
    """The same nets, with weights of 4 bytes in the init net's file, where Caffe2's own writer spends 5."""
    return NetPair(_packed(nets.init), nets.predict)


def _packed(net: Any) -> bytes:
    """Serialise a net with its fills' floats packed. The numbers are not copied into Python objects more than once."""
    rest = NetDef()
    rest.CopyFrom(net)
    rest.ClearField("op")
    parts: list[bytes] = []
    for op in net.op:
        large = [arg for arg in op.arg if arg.floats]
        if not large:
            parts.append(delimited(_NETDEF_OP, _serialised(op)))
            continue
        head = type(op)()
        head.CopyFrom(op)
        del head.arg[:]
        head.arg.extend(arg for arg in op.arg if not arg.floats)
        body = _serialised(head)
        for arg in large:
            values = np.fromiter(arg.floats, np.float32, len(arg.floats))
            others = Argument()
            others.CopyFrom(arg)
            others.ClearField("floats")
            body += delimited(_OPERATOR_ARG, _serialised(others) + packed_floats(values))
        parts.append(delimited(_NETDEF_OP, body))
    return b"".join([_serialised(rest), *parts])


def _findings(where: str, op: Any, known: Collection[str]) -> Iterator[Finding]:
    node = f"{where} -> {op.output[0]}" if op.output else where
    training = [arg for arg in op.arg if arg.name == "is_test"]
    if op.type in _RANDOM:
        reason = "fills its blob with random numbers: the net begins a training, its weights are not in it"
        yield Finding(node, op.type, reason, _EXPORT)
    elif op.type.endswith("Gradient") and op.type not in known:
        yield Finding(node, op.type, "computes a gradient, which belongs to training", _EXPORT)
    elif op.type in _READERS:
        yield Finding(node, op.type, "reads from or writes to a database or queue", _EXPORT)
    elif op.type not in known:
        yield Finding(node, op.type, "the runtime has no such operator", "replace it in the model and export again")
    elif op.type in ("Dropout", "SpatialBN") and not any(arg.i for arg in training):
        reason = "is in training mode" + (" (is_test=0)" if training else " (is_test is missing)")
        yield Finding(node, op.type, reason, "export the net for inference, with is_test=1")


def _to_cpu(net: Any) -> int:
    """Take devices out of a net; return how many operators were not on the CPU."""
    default = net.device_option.device_type
    placed = 0
    for op in net.op:
        placed += bool(op.device_option.device_type if op.HasField("device_option") else default)
        op.ClearField("device_option")
    net.ClearField("device_option")
    return placed


def _drop_fills(init: Any, blobs: Sequence[str]) -> None:
    kept = [op for op in init.op if not (op.output and set(op.output) <= set(blobs))]
    if len(kept) != len(init.op):
        copies = [type(op).FromString(op.SerializeToString()) for op in kept]
        init.ClearField("op")
        init.op.extend(copies)


def _serialised(message: Any) -> bytes:
    data: bytes = message.SerializeToString(deterministic=True)
    return data
