# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What torch saves besides our checkpoint: a state_dict, a TorchScript archive, an exported program."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from mdeploy.conversion.labels import snapshot_labels
from mdeploy.conversion.sources.base import LoadedSource, SourceOptions, batch_message, image_spec
from mdeploy.conversion.sources.sniff import missing_flags
from mdeploy.errors import InputError, UsageError, first_line
from mdeploy.formats.artifact import file_sha256
from mdeploy.formats.manifest import InputSpec, Source
from mdeploy.models.bring import brought_by
from mdeploy.models.factory import filled_module
from mdeploy.models.snapshot import Snapshot
from mdeploy.models.transform import Brought
from mdeploy.models.weights import Weights
from mdeploy.onnx.export import quiet_torch

__all__ = ["load_exported_program", "load_state_dict", "load_torchscript"]


def load_state_dict(
    path: Path, weights: Weights, options: SourceOptions, snapshot: Snapshot | None = None
) -> LoadedSource:
    """Put weights into the module of the user's factory, or of the library that made them.

    Preprocessing and labels are those that the library, or the directory of the weights, says.
    """
    missing_flags(path, "state_dict", options)
    assert options.model is not None
    folder = None if snapshot is None else snapshot.folder
    module, told = filled_module(options.model, options.arguments, weights.tensors, str(path), folder)
    messages = [*_choice(path, weights), *told]
    sha256 = file_sha256(path)
    declared = _declared_inputs(path, options, _forward_parameters(module))
    size = declared[0].image_size if len(declared) == 1 else None
    brought = brought_by(options.model, module, sha256, size, snapshot)
    if not declared and brought.transform is None:
        raise UsageError(f"{path}: {brought.unsaid or 'nothing says what goes in'}; say it: --input-shape 1,3,224,224")
    labels = brought.labels if snapshot is None else snapshot_labels(snapshot) or brought.labels
    return LoadedSource(
        path=path,
        source=Source(
            kind="state_dict",
            file=path.name,
            sha256=sha256,
            model=options.model,
            arguments=dict(options.arguments),
            weights_key=options.weights_key,
        ),
        inputs=_prepared(declared, brought),
        module=module.float().eval(),
        labels=labels,
        messages=(*messages, *_cast_messages(path, weights.tensors.values()), *_brought_messages(brought, labels)),
    )


def _prepared(declared: tuple[InputSpec, ...], brought: Brought) -> tuple[InputSpec, ...]:
    """The inputs with the transform that was brought, or the input that it makes where none was declared."""
    transform = brought.transform
    if transform is None:
        return declared
    if not declared:
        return (transform.input(),)
    fits = len(declared) == 1 and declared[0].layout == "NCHW" and declared[0].channels == len(transform.mean)
    return (transform.on(declared[0]),) if fits else declared


def _brought_messages(brought: Brought, labels: tuple[str, ...] | None) -> list[str]:
    """What was taken and from where: it is the user who knows whether the model was trained so."""
    messages = []
    if brought.transform is not None and brought.labels is not None:
        messages.append(f"preprocessing and labels are those of {brought.origin}; flags go before them")
    elif brought.transform is not None:
        messages.append(f"the preprocessing is that of {brought.origin}; flags go before it")
    if labels is not None and labels != brought.labels:
        messages.append("the labels are those of config.json; --labels goes before them")
    if brought.unsaid:
        messages.append(f"{brought.unsaid}: say the preprocessing by --resize, --crop, --mean, --std or --preset")
    return messages


def load_torchscript(path: Path, options: SourceOptions) -> LoadedSource:
    """Load a TorchScript archive. It is a program: converting it runs it."""
    _refuse_factory(path, "a TorchScript archive", options)
    missing_flags(path, "torchscript", options)
    try:
        with quiet_torch():
            module = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except Exception as error:  # damaged archives raise from C++
        raise InputError(f"{path}: cannot load the TorchScript archive: {first_line(error)}") from error
    messages = _cast_messages(path, module.state_dict().values())
    return LoadedSource(
        path=path,
        source=Source("torchscript", path.name, file_sha256(path)),
        inputs=_declared_inputs(path, options, _script_parameters(module)),
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


def _choice(path: Path, weights: Weights) -> list[str]:
    """What was taken, where the file holds more than one thing."""
    messages = []
    if weights.module:
        messages.append(f"{path.name}: the weights of a pickled {weights.module} were read; its code was not run")
    if weights.others:
        one, rest = weights.key or "the file's own weights", ", ".join(weights.others)
        messages.append(
            f"{path.name}: holds several sets of weights; {one} was taken, --weights-key takes another: {rest}"
        )
    return messages


def _declared_inputs(path: Path, options: SourceOptions, parameters: Sequence[str] = ()) -> tuple[InputSpec, ...]:
    """Inputs in the order of the call. A name of forward's means that parameter, in whatever order it is given."""
    shapes = dict(options.input_shapes)
    if len(shapes) > 1 and parameters:
        strange = [name or "the unnamed one" for name in shapes if name not in parameters]
        if strange and (len(strange) < len(shapes) or "" in shapes):
            raise UsageError(
                f"{path}: --input-shape names {', '.join(strange)}, but forward takes {', '.join(parameters)}"
            )
        if not strange:
            taken = list(parameters[: len(shapes)])
            left_out = [name for name in taken if name not in shapes]
            if left_out:
                raise UsageError(
                    f"{path}: forward takes {', '.join(parameters)}; give --input-shape for {left_out[0]} too"
                )
            shapes = {name: shapes[name] for name in taken}
    return tuple(image_spec(name or "input", shape) for name, shape in shapes.items())


def _forward_parameters(module: torch.nn.Module) -> list[str]:
    """Names of what forward takes by position; empty where that cannot be known."""
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        return []
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _script_parameters(module: torch.nn.Module) -> list[str]:
    schema = getattr(module.forward, "schema", None)
    return [] if schema is None else [argument.name for argument in schema.arguments if argument.name != "self"]


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
