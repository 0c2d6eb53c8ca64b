# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The one call behind ``mdeploy convert``: source -> ONNX -> checked passes -> nets -> golden cases -> artifact."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import torch

from mdeploy.backends.optional.files import make_contents, net_spec, select_makers
from mdeploy.caffe2.check import check_nets
from mdeploy.caffe2.macs import count_macs
from mdeploy.caffe2.pair import NetPair
from mdeploy.caffe2.translate import refuse_inputs, refuse_unknown_operators, translate
from mdeploy.conversion.coverage import Covered, cover_graph, cover_nets, coverage_is_wanted
from mdeploy.conversion.damage import blaming_the_file
from mdeploy.conversion.double import answers_in_double
from mdeploy.conversion.finite import check_finite
from mdeploy.conversion.golden import GoldenInputs, image_inputs, standard_inputs
from mdeploy.conversion.labels import check_labels, read_labels
from mdeploy.conversion.memory import enough_memory
from mdeploy.conversion.preprocessing import PreprocessingFlags, preprocessed
from mdeploy.conversion.sources import LoadedSource, SourceOptions, batch_message, image_spec, open_source
from mdeploy.conversion.trial import check_repeats, run_module, try_module
from mdeploy.errors import CheckFailed, InputError, MdeployError, UnsupportedError
from mdeploy.formats.artifact import DEFAULT_ARTIFACT, INIT_NET, MODEL_ONNX, PREDICT_NET, Artifact, ArtifactWriter
from mdeploy.formats.manifest import InputSpec, Manifest, OutputSpec
from mdeploy.onnx.ceil_mode import settle_ceil_mode
from mdeploy.onnx.export import Export, export
from mdeploy.onnx.outputs import output_meanings
from mdeploy.onnx.pipeline import check_pass_names, largest_difference, run_passes
from mdeploy.onnx.prepare import prepare
from mdeploy.onnx.session import PlainSession
from mdeploy.onnx.shapes import infer_shapes
from mdeploy.progress import Tell, quiet
from mdeploy.tensors import Array
from mdeploy.version import __version__

__all__ = ["Conversion", "ConvertOptions", "convert", "model_name"]

_TOOLS = ("torch", "onnx", "onnxruntime", "onnxsim", "onnxscript", "numpy")
_EXPORT_SLACK = 10  # an exporter may reorder more than a pass does


@dataclass(frozen=True)
class ConvertOptions:
    """What the flags of ``mdeploy convert`` say."""

    output: Path = DEFAULT_ARTIFACT
    name: str | None = None
    source: SourceOptions = field(default_factory=SourceOptions)
    preprocessing: PreprocessingFlags = field(default_factory=PreprocessingFlags)
    labels: Path | None = None
    golden_images: Path | None = None
    exporter: str = "auto"
    skip_passes: tuple[str, ...] = ()
    packed: bool = True
    also: tuple[str, ...] = ()
    """Optional backends whose files go into the artifact too, such as litert."""


@dataclass(frozen=True)
class Conversion:
    """What was made, and what the user should know about it."""

    artifact: Artifact
    messages: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The manifest, where it is, and the messages."""
        return {
            "artifact": str(self.artifact.path),
            "messages": list(self.messages),
            "manifest": self.artifact.manifest.to_json(),
        }


def convert(path: Path, options: ConvertOptions | None = None, progress: Tell = quiet) -> Conversion:
    """Convert a model file and write the artifact.

    Raises ``InputError`` for files that are missing, damaged or refused, ``UnsupportedError`` with every node that
    cannot be converted, ``UnavailableError`` when what makes a file of ``also`` is not installed, and ``CheckFailed``
    when the exporter or a pass changed the numbers.
    """
    options = options or ConvertOptions()
    check_pass_names(options.skip_passes)
    given = None if options.labels is None else read_labels(options.labels)
    makers = select_makers(options.also)
    shapes = options.source.input_shapes
    with enough_memory(shapes), blaming_the_file(path), ArtifactWriter(options.output) as writer:
        progress(f"reading {path.name}")
        loaded = _with_preprocessing(open_source(path, options.source), options)
        if loaded.module is not None:
            try_module(loaded.module, loaded.inputs, path.name)
        progress("exporting to ONNX")
        exported = _export(loaded, options)
        graph = loaded.graph if exported is None else exported.model
        assert graph is not None
        original = _session(graph, path.name) if exported is None else None  # before anything changes the graph
        prepared = prepare(graph, options.source.input_shapes, path.name)
        settle_ceil_mode(prepared.model)
        refuse_inputs(prepared.model)
        messages = [*loaded.messages, *((exported.message,) if exported and exported.message else ())]
        messages += [batch_message(name) for name in prepared.batches]
        specs = _input_specs(loaded, prepared.model, options)
        meanings = output_meanings(prepared.model, loaded.meanings)

        progress("running the model")
        cases = standard_inputs(specs)
        number = len(cases) - 1  # passes are checked on the random case: zeros and ones hide a lot
        if options.golden_images is not None:
            cases.extend(image_inputs(specs, options.golden_images))
        answering = PlainSession(prepared.model, path.name) if prepared.cast and exported is None else original
        references = [_reference(loaded, answering, case.inputs) for case in cases]
        check_finite(prepared.model, [case.inputs for case in cases], references, path.name)
        if loaded.module is not None:
            check_repeats(loaded.module, cases[number].inputs, references[number])
        labels = _labels(loaded, options.labels, given, references[0], messages)
        if prepared.cast:
            messages.append(_cast_message(path, original, cases[number].inputs, references[number]))
        if exported is not None:
            _check_export(exported, prepared.model, cases, references)
        del original
        passed = run_passes(
            prepared.model,
            [cases[number].inputs],
            options.skip_passes,
            progress=lambda name: progress(f"graph pass {name}"),
            judge=answers_in_double,
        )

        progress("writing the nets")
        name = model_name(options.name or path.stem)
        final = passed.model
        infer_shapes(final, cases[number].inputs)
        net = translate(final, name)
        _check_shapes(final, references[number])
        manifest = Manifest(
            name=name,
            source=replace(loaded.source, exporter=exported.exporter if exported else None),
            tools=_tools(),
            inputs=tuple(replace(spec, name=blob) for spec, blob in zip(specs, net.inputs, strict=True)),
            outputs=tuple(
                OutputSpec(blob, tuple(array.shape), str(array.dtype), meaning)
                for blob, array, meaning in zip(net.outputs, references[0], meanings, strict=True)
            ),
            labels=labels,
            macs=count_macs(final),
            passes=passed.records,
        )
        _rename(final, net.inputs, net.outputs)
        model_onnx = ir.to_proto(final).SerializeToString(deterministic=True)
        writer.add_file(MODEL_ONNX, model_onnx)
        nets, parameters = net.build(options.packed), net.parameters
        del final, net
        _check_nets(nets)
        writer.add_file(INIT_NET, nets.init_bytes)
        writer.add_file(PREDICT_NET, nets.predict_bytes)
        progress("seeing which weights the golden cases reach")
        covered = _cover(model_onnx, nets, manifest, cases, references, progress) if coverage_is_wanted() else None
        if covered is not None:
            manifest = replace(manifest, coverage=covered.coverage)
            added = [_reference(loaded, answering, case.inputs) for case in covered.added]
            _check_added(model_onnx, covered.added, added)
            cases, references = [*cases, *covered.added], [*references, *added]
        del answering
        for case, outputs in zip(cases, references, strict=True):
            writer.add_golden(case.entry, case.inputs, outputs)
        operators = nets.operators
        del nets
        tools = dict(manifest.tools)
        for info, home in makers:
            progress(f"making the {info.title} files")
            for file, content in make_contents(info, home, model_onnx, net_spec(manifest)).items():
                writer.add_file(file, content)
            tools[info.make[0]] = home.versions[info.make[0]]
            if info.only_on:
                messages.append(f"the {info.title} files are made but not checked: they do not run here")
        artifact = writer.finish(replace(manifest, operators=operators, parameters=parameters, tools=tools))
    return Conversion(artifact, tuple(messages))


def _export(loaded: LoadedSource, options: ConvertOptions) -> Export | None:
    if loaded.module is None:
        return None
    example = [torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in loaded.inputs]
    return export(loaded.module, example, [spec.name for spec in loaded.inputs], options.exporter)


def _session(graph: ir.Model, where: str) -> PlainSession | None:
    """Load a file from elsewhere; where that fails, operators that have no converter are the better answer.

    onnxruntime convolves in float32 only: a file in double precision is judged by what the cast makes of it.
    """
    try:
        return PlainSession(graph, where)
    except MdeployError:
        refuse_unknown_operators(graph)
        if any(value.dtype == ir.DataType.DOUBLE for value in graph.graph.inputs):
            return None
        raise


def _with_preprocessing(loaded: LoadedSource, options: ConvertOptions) -> LoadedSource:
    return replace(loaded, inputs=tuple(preprocessed(spec, options.preprocessing) for spec in loaded.inputs))


def _input_specs(loaded: LoadedSource, model: ir.Model, options: ConvertOptions) -> tuple[InputSpec, ...]:
    """A module's inputs are what the source says; a graph declares its own."""
    if loaded.module is not None:
        return loaded.inputs
    specs = []
    for value in model.graph.inputs:
        assert value.shape is not None
        assert value.dtype is not None
        spec = image_spec(value.name or "input", tuple(value.shape.numpy()), str(value.dtype.numpy()))
        specs.append(preprocessed(spec, options.preprocessing))
    return tuple(specs)


def _reference(loaded: LoadedSource, original: PlainSession | None, inputs: Sequence[Array]) -> list[Array]:
    """The answer that everything is held against: PyTorch's own where there is a module, else onnxruntime's."""
    if original is not None:
        return [_plain(array) for array in original.run(inputs)]
    assert loaded.module is not None
    return run_module(loaded.module, inputs)


def _cast_message(
    path: Path, original: PlainSession | None, inputs: Sequence[Array], reference: Sequence[Array]
) -> str:
    message = f"{path.name}: half or double precision was cast to float32"
    if original is None:
        return f"{message}; onnxruntime cannot run it in its own precision, so nothing says what that does"
    difference, _ = largest_difference([original.run(inputs)], [reference])
    return f"{message}, which moves the outputs by {difference:.2g} on random input"


def _plain(array: Array) -> Array:
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _check_export(
    exported: Export, model: ir.Model, cases: Sequence[GoldenInputs], references: Sequence[Sequence[Array]]
) -> None:
    """Every golden case: a branch on the data that the exporter settled may not show on random pixels."""
    given, wanted = len(model.graph.outputs), len(references[0])
    if given != wanted:
        raise CheckFailed(f"the {exported.exporter} exporter wrote {given} outputs, PyTorch gives {wanted}")
    for case, difference in _beyond(PlainSession(model, "the exported graph"), cases, references):
        other = "torchscript" if exported.exporter == "dynamo" else "dynamo"
        raise CheckFailed(
            f"the graph of the {exported.exporter} exporter does not compute what PyTorch does: it differs by "
            f"{difference:.3g} on the case {case.entry.case}; if the model branches on its data, write the branch "
            f"with torch.where; else try --exporter {other}"
        )


def _beyond(
    session: PlainSession, cases: Sequence[GoldenInputs], references: Sequence[Sequence[Array]]
) -> Iterator[tuple[GoldenInputs, float]]:
    """Cases on which a graph differs from what the source answered by more than exporting may, and by how much."""
    for case, reference in zip(cases, references, strict=True):
        difference, allowed = largest_difference([reference], [session.run(case.inputs)])
        if not difference <= allowed * _EXPORT_SLACK:
            yield case, difference


def _cover(
    model_onnx: bytes,
    nets: NetPair,
    manifest: Manifest,
    cases: Sequence[GoldenInputs],
    references: Sequence[Sequence[Array]],
    progress: Tell,
) -> Covered | None:
    """By gradients; by changing weights of the nets where torch has no form of the graph; None without our runtime."""
    meanings = [spec.meaning for spec in manifest.outputs]
    try:
        return cover_graph(model_onnx, meanings, manifest.inputs, cases, references[0], manifest.macs, progress)
    except UnsupportedError:
        pass
    try:
        return cover_nets(nets, meanings, manifest.inputs, cases, manifest.macs, progress)
    except MdeployError:  # parity says that nobody measured it
        return None


def _check_added(model_onnx: bytes, cases: Sequence[GoldenInputs], references: Sequence[Sequence[Array]]) -> None:
    """The cases that were added came after the exporter and the passes were checked."""
    for case, difference in _beyond(
        PlainSession(onnx.ModelProto.FromString(model_onnx), MODEL_ONNX), cases, references
    ):
        raise CheckFailed(
            f"what was converted does not compute what the source does: it differs by {difference:.3g} on the case "
            f"{case.entry.case} ({case.entry.made}); try the other --exporter"
        )


def _check_shapes(model: ir.Model, reference: Sequence[Array]) -> None:
    """Shapes come from the standard, numbers from a runtime: where it reads the standard otherwise, both are wrong."""
    for value, array in zip(model.graph.outputs, reference, strict=True):
        declared = None if value.shape is None else tuple(value.shape)
        if declared is not None and declared != array.shape:
            raise CheckFailed(
                f"output {value.name!r} has shape {list(declared)} by the ONNX standard and {list(array.shape)} on "
                "onnxruntime; where auto_pad meets dilations, give explicit pads"
            )


def _check_nets(nets: NetPair) -> None:
    problems = check_nets(nets)
    if problems:
        raise MdeployError(f"the converter made nets that Caffe2 would refuse, please report this: {problems[0]}")


def _rename(model: ir.Model, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Give the ONNX file's inputs and outputs the names of the blobs."""
    taken = {*inputs, *outputs}
    graph = model.graph
    edges = {*graph.inputs, *graph.outputs}
    for node in graph:
        for value in node.outputs:
            if value not in edges and value.name in taken:
                value.name = f"{value.name}_inner"
    for values, names in ((graph.inputs, inputs), (graph.outputs, outputs)):
        for value, name in zip(values, names, strict=True):
            if not (value.is_graph_input() and values is graph.outputs):
                value.name = name


def _labels(
    loaded: LoadedSource,
    path: Path | None,
    given: tuple[str, ...] | None,
    outputs: Sequence[Array],
    messages: list[str],
) -> tuple[str, ...] | None:
    """The user's labels, which must fit the output, or the source's own, which are left out where they do not."""
    shape = outputs[0].shape
    if given is not None:
        check_labels(given, shape, str(path))
        return given
    if loaded.labels is not None:
        try:
            check_labels(loaded.labels, shape, loaded.path.name)
        except InputError as error:
            messages.append(f"{error}; they were left out")
            return None
    return loaded.labels


def model_name(stem: str) -> str:
    """A name that the manifest takes, from what the user or the file says."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", stem).strip("._-")[:100]
    return name or "model"


def _tools() -> dict[str, str]:
    return {"mdeploy": __version__, **{name: metadata.version(name) for name in _TOOLS}}
