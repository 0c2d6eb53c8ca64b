# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""An ONNX file, with or without external data."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

import onnx
import onnx_ir as ir

from mdeploy.conversion.sources.base import LoadedSource, SourceOptions
from mdeploy.errors import InputError, UsageError, first_line
from mdeploy.files import check_readable
from mdeploy.formats.artifact import file_sha256
from mdeploy.formats.manifest import Source
from mdeploy.onnx.prepare import cast_to_float32

__all__ = ["load_onnx"]


def load_onnx(path: Path, options: SourceOptions) -> LoadedSource:
    """Read and check an ONNX file. What it needs beyond itself must lie in its own folder."""
    if options.model is not None:
        raise UsageError(f"{path} is an ONNX file and needs no --model")
    check_readable(path)
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's DecodeError, or what the text formats raise
        raise InputError(
            f"{path}: not a model file that convert knows, or damaged: {first_line(error, whole=True)}"
        ) from error
    if not model.HasField("graph") or not model.graph.output or not model.opset_import:
        raise InputError(f"{path}: not a model file that convert knows, or damaged: it has no graph")
    _accept_old_ways(model)
    _declare_outputs(model)
    try:
        _load_external_data(path, model)
        onnx.checker.check_model(model)
    except Exception as error:  # the checker's errors come from C++; external data raises OSError and ValueError
        raise InputError(f"{path}: not a valid ONNX model: {first_line(error, whole=True)}") from error
    graph: ir.Model = ir.from_proto(model)
    messages: tuple[str, ...] = ()
    if cast_to_float32(graph.graph, [ir.DataType.BFLOAT16]):  # onnxruntime, the judge of files, does not compute in it
        messages = (f"{path.name}: bfloat16 was read as float32, which holds all of its values",)
    source = Source("onnx", path.name, file_sha256(path))
    return LoadedSource(path=path, source=source, inputs=(), graph=graph, messages=messages)


def _accept_old_ways(model: onnx.ModelProto) -> None:
    """What other tools write and runtimes take: -1 for an open dimension, and weights that are not inputs in IR 3."""
    graph = model.graph
    for value in (*graph.input, *graph.output, *graph.value_info):
        for number, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.dim_value < 0:
                dim.dim_param = f"{value.name}_{number}"
    inputs = {value.name for value in graph.input}
    if model.ir_version < 4 and any(tensor.name not in inputs for tensor in graph.initializer):
        model.ir_version = 4  # the first that allows it


def _load_external_data(path: Path, model: onnx.ModelProto) -> None:
    """Beside the name that was given. A model that is a link (as in a cache of downloads) may have linked data there,
    which ONNX's own reader refuses: each is read by the name that it has in the folder of the link."""
    folder = path.absolute().parent
    if not path.is_symlink():
        onnx.load_external_data_for_model(model, str(folder))
        return
    with tempfile.TemporaryDirectory() as gathered:
        for name in _external_names(model):
            # One plain name: a link chosen by the user's own folder, never a path chosen by the file.
            if name != Path(name).name:
                raise InputError(f"{path}: is a link, and its external data {name!r} lies in another folder")
            real = (folder / name).resolve()
            check_readable(real)
            try:
                (Path(gathered) / name).hardlink_to(real)
            except OSError:
                shutil.copyfile(real, Path(gathered) / name)
        onnx.load_external_data_for_model(model, gathered)


def _external_names(model: onnx.ModelProto) -> set[str]:
    tensors = onnx.external_data_helper._get_all_tensors(model)
    return {
        entry.value
        for tensor in tensors
        if onnx.external_data_helper.uses_external_data(tensor)
        for entry in tensor.external_data
        if entry.key == "location"
    }


def _declare_outputs(model: onnx.ModelProto) -> None:
    """Fill in shapes of outputs that the file leaves out: the standard wants them, onnxruntime and old tools do not."""
    missing = [value for value in model.graph.output if not value.type.tensor_type.HasField("shape")]
    if not missing:
        return
    with contextlib.suppress(Exception):  # the check that follows says what is wrong with a graph
        inferred = onnx.shape_inference.infer_shapes(model)
        found = {value.name: value for value in inferred.graph.output}
        for value in missing:
            value.CopyFrom(found[value.name])
