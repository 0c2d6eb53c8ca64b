# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What torch saves besides our checkpoint: a state_dict, a TorchScript archive, an exported program."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from mdeploy.conversion.sources.base import LoadedSource, SourceOptions, batch_message, image_spec
from mdeploy.conversion.sources.factory import build_module
from mdeploy.conversion.sources.sniff import missing_flags
from mdeploy.errors import InputError, UsageError, first_line
from mdeploy.formats.artifact import file_sha256
from mdeploy.formats.manifest import InputSpec, Source
from mdeploy.onnx.export import quiet_torch

__all__ = ["load_exported_program", "load_state_dict", "load_torchscript"]

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights")
_PREFIXES = ("module.", "_orig_mod.")  # put in front by DataParallel and torch.compile


def load_state_dict(path: Path, data: Any, options: SourceOptions) -> LoadedSource:
    """Put weights that ``torch.load(weights_only=True)`` gave into the module of the user's factory."""
    weights = _find_weights(path, data)
    missing_flags(path, "state_dict", options)
    assert options.model is not None
    inputs = _declared_inputs(options)
    module = build_module(options.model, options.arguments)
    try:
        module.load_state_dict(_stripped(weights))
    except Exception as error:  # modules may load in ways of their own
        lines = [line.strip() for line in str(error).splitlines()[1:3]]  # the first one is a heading
        reason = " ".join(lines)[:400] or first_line(error)
        raise InputError(f"{path}: does not fit the module of {options.model}: {reason}") from error
    return LoadedSource(
        path=path,
        source=Source("state_dict", path.name, file_sha256(path), options.model, dict(options.arguments)),
        inputs=inputs,
        module=module.float().eval(),
        messages=_cast_messages(path, weights.values()),
    )


def load_torchscript(path: Path, options: SourceOptions) -> LoadedSource:
    """Load a TorchScript archive. It is a program: converting it runs it."""
    _refuse_factory(path, "a TorchScript archive", options)
    missing_flags(path, "torchscript", options)
    inputs = _declared_inputs(options)
    try:
        with quiet_torch():
            module = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except Exception as error:  # damaged archives raise from C++
        raise InputError(f"{path}: cannot load the TorchScript archive: {first_line(error)}") from error
    messages = _cast_messages(path, module.state_dict().values())
    return LoadedSource(
        path=path,
        source=Source("torchscript", path.name, file_sha256(path)),
        inputs=inputs,
        module=module.float() if messages else module,
        messages=messages,
    )


def load_exported_program(path: Path, options: SourceOptions) -> LoadedSource:
    """Load a ``torch.export`` program (.pt2). It is a program: converting it runs it."""
    _refuse_factory(path, "an exported program", options)
    try:
        with quiet_torch():
            program = torch.export.load(path)
    except Exception as error:  # damaged archives raise from zip, JSON and C++
        raise InputError(f"{path}: cannot load the exported program: {first_line(error)}") from error
    cast = _cast_messages(path, program.state_dict.values())
    inputs, batches = _program_inputs(path, program, options)
    return LoadedSource(
        path=path,
        source=Source("exported_program", path.name, file_sha256(path)),
        inputs=inputs,
        module=program.module(check_guards=False).float() if cast else program,
        messages=(*cast, *map(batch_message, batches)),
    )


def _cast_messages(path: Path, weights: Iterable[torch.Tensor]) -> tuple[str, ...]:
    """What to say where weights are not float32, as which they are used. Empty where all are."""
    found = {str(t.dtype).removeprefix("torch.") for t in weights if t.dtype.is_floating_point}
    names = ", ".join(sorted(found - {"float32"}))
    return (f"{path.name}: {names} weights were cast to float32",) if names else ()


def _find_weights(path: Path, data: Any) -> Mapping[str, torch.Tensor]:
    candidates = [data, *(data.get(key) for key in _WRAPPERS)] if isinstance(data, Mapping) else []
    for candidate in candidates:
        if (
            isinstance(candidate, Mapping)
            and candidate
            and all(isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in candidate.items())
        ):
            return candidate
    raise InputError(f"{path}: holds neither an mdeploy checkpoint nor a state_dict")


def _stripped(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Names without what wrappers put in front. Versions of modules, which some read when they load, stay."""
    versions: Mapping[str, Any] = getattr(weights, "_metadata", {})
    for prefix in _PREFIXES:
        if all(key.startswith(prefix) for key in weights):
            weights = {key.removeprefix(prefix): value for key, value in weights.items()}
            versions = {(key + ".").removeprefix(prefix).rstrip("."): value for key, value in versions.items()}
    found = OrderedDict(weights)
    if versions:
        found._metadata = OrderedDict(versions)  # type: ignore[attr-defined] # where torch keeps them
    return found


def _declared_inputs(options: SourceOptions) -> tuple[InputSpec, ...]:
    return tuple(image_spec(name or "input", shape) for name, shape in options.input_shapes.items())


def _program_inputs(
    path: Path, program: torch.export.ExportedProgram, options: SourceOptions
) -> tuple[tuple[InputSpec, ...], list[str]]:
    """The inputs, and the names of those whose open batch became 1."""
    names = list(program.graph_signature.user_inputs)
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    shapes = dict(options.input_shapes)
    if "" in shapes and len(names) == 1:
        shapes = {str(names[0]): shapes[""]}
    unknown = shapes.keys() - set(names)
    if unknown:
        raise InputError(f"{path}: --input-shape does not match; the inputs are {', '.join(map(str, names))}")
    specs, batches = [], []
    for name in names:
        tensor = values.get(str(name))
        if not isinstance(tensor, torch.Tensor):
            raise InputError(f"{path}: input {name} is not a tensor")
        declared = [size if isinstance(size, int) else None for size in tensor.shape]
        shape = shapes.get(str(name), tuple(1 if size is None else size for size in declared))
        if len(shape) != len(declared) or any(
            wanted is not None and wanted != size for wanted, size in zip(declared, shape, strict=True)
        ):
            raise InputError(f"{path}: --input-shape {list(shape)} does not fit input {name} of {declared}")
        if None in declared[1:] and str(name) not in shapes:
            raise UsageError(f"{path}: input {name} has open dimensions {declared}; give --input-shape")
        if declared[:1] == [None] and str(name) not in shapes:
            batches.append(str(name))
        dtype = torch.float32 if tensor.dtype.is_floating_point else tensor.dtype
        specs.append(image_spec(str(name), shape, str(dtype).removeprefix("torch.")))
    return tuple(specs), batches


def _refuse_factory(path: Path, kind: str, options: SourceOptions) -> None:
    if options.model is not None:
        raise UsageError(f"{path} is {kind} and needs no --model")
