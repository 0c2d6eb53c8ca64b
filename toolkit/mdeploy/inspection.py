# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What is in an artifact, an ONNX file or a Caffe2 net: operators, shapes, parameters, multiply-adds, bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mdeploy.backends.mdeploy import blob_shapes
from mdeploy.caffe2.check import check_nets
from mdeploy.caffe2.files import find_pair, init_beside, is_net, read_net
from mdeploy.caffe2.macs import node_macs, operator_macs
from mdeploy.caffe2.pair import NetPair, data_inputs, fill_shape, input_shapes, outputs
from mdeploy.errors import InputError, MdeployError, UsageError
from mdeploy.formats.artifact import MANIFEST_FILE, Artifact
from mdeploy.formats.manifest import Manifest
from mdeploy.tensors import Shape, TensorSpec

if TYPE_CHECKING:
    import onnx_ir as ir

__all__ = ["Inspection", "Operator", "TypeTotal", "inspect"]


@dataclass(frozen=True)
class Operator:
    """One operator. Counts that need shapes are None where those are not known."""

    name: str
    type: str
    outputs: dict[str, Shape | None]
    parameters: int
    weight_bytes: int
    activation_bytes: int | None
    macs: int | None


@dataclass(frozen=True)
class TypeTotal:
    """All operators of one type together."""

    type: str
    count: int
    parameters: int
    weight_bytes: int
    activation_bytes: int
    macs: int


@dataclass(frozen=True)
class Inspection:
    """What was found in one model. ``problems`` is what real Caffe2 would stop at."""

    kind: str
    name: str
    files: dict[str, int]
    inputs: dict[str, Shape | None]
    outputs: dict[str, Shape | None]
    operators: tuple[Operator, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    manifest: Manifest | None = None
    """Of an artifact: what goes in and what the classes are called."""

    def totals(self) -> list[TypeTotal]:
        """Sums by operator type, the most multiply-adds first."""
        types: dict[str, list[Operator]] = {}
        for operator in self.operators:
            types.setdefault(operator.type, []).append(operator)
        totals = [
            TypeTotal(
                kind,
                len(found),
                sum(op.parameters for op in found),
                sum(op.weight_bytes for op in found),
                sum(op.activation_bytes or 0 for op in found),
                sum(op.macs or 0 for op in found),
            )
            for kind, found in types.items()
        ]
        return sorted(totals, key=lambda total: (-total.macs, -total.count, total.type))

    def to_json(self) -> dict[str, Any]:
        """Everything, with the totals by type; of the manifest what belongs to inputs and labels."""
        found = {**asdict(replace(self, manifest=None)), "totals": [asdict(total) for total in self.totals()]}
        del found["manifest"]
        if self.manifest is not None:
            found["preprocessing"] = [spec.to_json() for spec in self.manifest.inputs]
            found["labels"] = None if self.manifest.labels is None else list(self.manifest.labels)
        return found


def inspect(path: Path, init: Path | None = None, input_shapes: Mapping[str, Shape] | None = None) -> Inspection:
    """Look into an artifact, an ONNX file, or a Caffe2 net (binary or text) with its init net.

    Without ``init`` the init net is looked for beside a file called predict_net. Raises ``InputError``.
    """
    shapes = dict(input_shapes or {})
    if not path.exists():
        raise InputError(f"{path}: no such file or artifact")
    if path.is_dir():
        if (path / MANIFEST_FILE).exists():
            return _artifact(path)
        found = find_pair(path)
        if found is None:
            raise InputError(f"{path}: holds neither an artifact nor a predict_net.pb")
        return _pair("net", found[1].stem, found[1], init or found[0], shapes, {})
    if init is not None or path.suffix == ".pbtxt" or is_net(path):
        return _pair("net", path.stem, path, init or init_beside(path), shapes, {})
    try:
        return _onnx(path, shapes)
    except InputError:
        if path.suffix == ".pb":  # neither: what is wrong with it as a net says more
            read_net(path)
        raise


def _artifact(path: Path) -> Inspection:
    artifact = Artifact.open(path, verify=False)
    manifest = artifact.manifest
    shapes = {spec.name: spec.shape for spec in manifest.inputs}
    dtypes = {spec.name: spec.dtype for spec in manifest.inputs}
    found = _pair("artifact", manifest.name, artifact.predict_net, artifact.init_net, shapes, dtypes)
    files = {name: entry.bytes for name, entry in manifest.files.items() if not name.startswith("golden/")}
    return replace(found, files=files, manifest=manifest)


def _pair(
    kind: str, name: str, path: Path, init_path: Path | None, shapes: dict[str, Shape], dtypes: dict[str, str]
) -> Inspection:
    predict = read_net(path)
    init = read_net(init_path) if init_path is not None else None
    nets = NetPair(init or type(predict)(), predict)
    filled = _filled(init, init_path) if init is not None and init_path is not None else {}
    notes: list[str] = []
    known: dict[str, Shape] = {blob: shape for blob, (shape, _) in filled.items()}
    try:
        inputs = input_shapes(nets, shapes, path)
    except UsageError as error:
        if shapes and init is not None:
            raise
        inputs = {}
        notes.append(f"shapes are not shown: {error}")
    data = list(inputs) or data_inputs(nets)
    for blob in data:  # what an init net fills them with holds their place only
        known.pop(blob, None)
    known.update(inputs)
    if init is None:
        notes = ["no init net was found beside it: weights are not counted (--init F names one)"]
    elif inputs:
        try:
            known.update(blob_shapes(nets, [TensorSpec(b, inputs[b], dtypes.get(b, "float32")) for b in data]))
        except MdeployError as error:
            notes.append(f"shapes are not shown: {error}")
    operators = tuple(_net_operator(op, filled, known) for op in predict.op)
    return Inspection(
        kind=kind,
        name=name,
        files={file.name: file.stat().st_size for file in (path, init_path) if file is not None},
        inputs={blob: known.get(blob) for blob in data},
        outputs={blob: known.get(blob) for blob in outputs(predict)},
        operators=operators,
        problems=tuple(check_nets(nets)) if init is not None else (),
        notes=tuple(notes),
    )


def _filled(init: Any, path: Path) -> dict[str, tuple[Shape, int]]:
    """Shape and bytes on disk of every blob that an init net fills."""
    # Parsed, packed floats (4 bytes) and unpacked ones (5) look the same; the size of the file tells.
    unpacked = init.ByteSize() <= path.stat().st_size
    filled: dict[str, tuple[Shape, int]] = {}
    for op in init.op:
        shape = fill_shape(op) or ()
        size = op.ByteSize() - (0 if unpacked else sum(len(arg.floats) for arg in op.arg))
        for blob in op.output:
            filled[blob] = (shape, size)
    return filled


def _net_operator(op: Any, filled: Mapping[str, tuple[Shape, int]], known: Mapping[str, Shape]) -> Operator:
    weights = [blob for blob in op.input if blob in filled]
    first = known.get(op.output[0]) if op.output else None
    return Operator(
        name=op.output[0] if op.output else op.type,
        type=op.type,
        outputs={blob: known.get(blob) for blob in op.output},
        parameters=sum(prod(known.get(blob, filled[blob][0])) for blob in weights),
        weight_bytes=sum(filled[blob][1] for blob in weights),
        activation_bytes=None if first is None else 4 * prod(first),
        macs=operator_macs(op, known),
    )


def _onnx(path: Path, shapes: dict[str, Shape]) -> Inspection:
    # Imported here: reading ONNX takes longer to import than all else, and an artifact is read from its nets.
    from mdeploy.caffe2.node import dtype_of, shape_of
    from mdeploy.conversion.sources import SourceOptions
    from mdeploy.conversion.sources.onnx_file import load_onnx
    from mdeploy.onnx.prepare import prepare
    from mdeploy.onnx.shapes import infer_shapes

    loaded = load_onnx(path, SourceOptions())
    assert loaded.graph is not None
    model = prepare(loaded.graph, shapes, path.name).model
    notes: list[str] = []
    try:
        infer_shapes(model, [np.zeros(shape_of(value), dtype_of(value)) for value in model.graph.inputs])
    except MdeployError as error:
        notes.append(f"not all shapes are known: {error}")
    return Inspection(
        kind="onnx",
        name=path.stem,
        files={path.name: path.stat().st_size},
        inputs={value.name or "": _shape(value) for value in model.graph.inputs},
        outputs={value.name or "": _shape(value) for value in model.graph.outputs},
        operators=tuple(_onnx_operator(node) for node in model.graph),
        notes=tuple(notes),
    )


def _onnx_operator(node: ir.Node) -> Operator:
    from mdeploy.caffe2.node import constant

    arrays = [array for array in (constant(v) for v in node.inputs if v is not None) if array is not None]
    outputs = {value.name or "": _shape(value) for value in node.outputs}
    first = _shape(node.outputs[0]) if node.outputs else None
    known = first is not None and all(v is None or _shape(v) is not None for v in node.inputs)
    return Operator(
        name=node.name or next(iter(outputs), ""),
        type=node.op_type,
        outputs=outputs,
        parameters=sum(array.size for array in arrays),
        weight_bytes=sum(array.nbytes for array in arrays),
        activation_bytes=None if first is None else 4 * prod(first),
        macs=node_macs(node) if known else None,
    )


def _shape(value: ir.Value) -> Shape | None:
    if value.const_value is None and (value.shape is None or not value.shape.is_static()):
        return None
    from mdeploy.caffe2.node import shape_of

    return shape_of(value)
