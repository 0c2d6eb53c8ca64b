# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The call behind ``mdeploy convert init_net.pb predict_net.pb``: a Caffe2 net pair made elsewhere -> artifact.

The operators stay as they are. Golden outputs come from real Caffe2 on the pair as it was given (on the CPU), or from
our runtime where real Caffe2 is not installed; the manifest says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mdeploy import native
from mdeploy.backends.base import NetBackend, PrepareOptions
from mdeploy.backends.mdeploy import blob_shapes
from mdeploy.backends.registry import get_backend
from mdeploy.caffe2.check import check_nets
from mdeploy.caffe2.files import find_pair, init_beside, is_net, read_net
from mdeploy.caffe2.macs import operator_macs
from mdeploy.caffe2.normalise import normalise, pack, refuse_operators
from mdeploy.caffe2.pair import NetPair, blobs_read, input_shapes, output_meaning, outputs, reads_nhwc
from mdeploy.conversion.coverage import cover_nets, coverage_is_wanted
from mdeploy.conversion.golden import GoldenInputs, image_inputs, standard_inputs
from mdeploy.conversion.labels import check_labels, read_labels
from mdeploy.conversion.memory import enough_memory
from mdeploy.conversion.model import Conversion, ConvertOptions, model_name
from mdeploy.conversion.preprocessing import preprocessed
from mdeploy.conversion.sources import image_spec
from mdeploy.errors import CheckFailed, InputError, UsageError
from mdeploy.formats.artifact import INIT_NET, PREDICT_NET, ArtifactWriter, file_sha256
from mdeploy.formats.manifest import InputSpec, Manifest, OutputSpec, Source
from mdeploy.onnx.pipeline import largest_difference
from mdeploy.progress import Tell, quiet
from mdeploy.tensors import Array
from mdeploy.version import __version__

__all__ = ["find_nets", "import_nets"]

_WEIGHTED = ("Conv", "ConvTranspose", "FC", "FCTransposed", "SpatialBN", "PRelu", "InstanceNorm", "AffineChannel")


def find_nets(paths: Sequence[Path]) -> NetPair | None:
    """The net pair that these paths mean: two nets in either order, a predict net, or a folder; None for no net.

    Raises ``InputError`` where a net has no second one.
    """
    if len(paths) == 2:
        return _ordered(*paths)
    path = paths[0]
    if path.is_dir():
        found = find_pair(path)
        if found is None:
            return None
        return NetPair(_with_init(*found), found[1])
    if not is_net(path):
        return None
    return NetPair(_with_init(init_beside(path), path), path)


def import_nets(given: NetPair, options: ConvertOptions, progress: Tell = quiet) -> Conversion:
    """Check and normalise a pair of net files, answer the golden cases, and write the artifact.

    Raises ``InputError`` for files that are damaged or that Caffe2 refuses, ``UsageError`` where shapes are missing,
    ``UnsupportedError`` with every operator that cannot run, ``CheckFailed`` when the pair that was written would not
    compute what the given one does.
    """
    _refuse_options(options)
    assert given.files is not None, "a pair of files"
    init_file, predict_file = given.files
    with enough_memory(options.source.input_shapes), ArtifactWriter(options.output) as writer:
        progress(f"reading {predict_file.name}")
        predict = given.predict
        refuse_operators(given, native.operators())
        _refuse_missing_weights(given, init_file, predict_file)
        shapes = input_shapes(given, options.source.input_shapes, predict_file)
        name = model_name(options.name or _stem(predict_file))
        nets, changes = normalise(given, name, list(shapes))
        problems = check_nets(nets)
        if problems:
            more = f" (and {len(problems) - 1} more; see mdeploy inspect)" if len(problems) > 1 else ""
            raise InputError(f"{predict_file}: Caffe2 would stop at {problems[0]}{more}")
        specs = tuple(
            preprocessed(_spec(predict, blob, shape), options.preprocessing) for blob, shape in shapes.items()
        )

        progress("running the nets")
        written = pack(nets) if options.packed else nets
        cases = standard_inputs(specs)
        if options.golden_images is not None:
            cases.extend(image_inputs(specs, options.golden_images))
        seen = blob_shapes(nets, specs)
        names = outputs(predict)
        meanings = [output_meaning(predict, blob) for blob in names]
        macs = sum(operator_macs(op, seen) or 0 for op in predict.op)
        covered = cover_nets(written, meanings, specs, cases, macs, progress) if coverage_is_wanted() else None
        cases.extend(covered.added if covered else ())
        reference, messages = _choose_reference()
        if reference == "caffe2":
            answers = _caffe2_answers(_on_cpu(given), written, names, specs, cases)
        else:
            answers = _our_answers(written, specs, cases)

        labels = None if options.labels is None else read_labels(options.labels)
        if labels is not None:
            check_labels(labels, answers[0][0].shape, str(options.labels))
        progress("writing the nets")
        writer.add_file(INIT_NET, written.init_bytes)
        writer.add_file(PREDICT_NET, written.predict_bytes)
        for case, answer in zip(cases, answers, strict=True):
            writer.add_golden(case.entry, case.inputs, answer)
        artifact = writer.finish(
            Manifest(
                name=name,
                source=Source(
                    kind="caffe2",
                    file=predict_file.name,
                    sha256=file_sha256(predict_file),
                    init_file=init_file.name,
                    init_sha256=file_sha256(init_file),
                ),
                tools=_tools(reference),
                inputs=specs,
                outputs=tuple(
                    OutputSpec(blob, tuple(array.shape), array.dtype.name, meaning)
                    for blob, array, meaning in zip(names, answers[0], meanings, strict=True)
                ),
                labels=labels,
                operators=nets.operators,
                parameters=_parameters(written, specs),
                macs=macs,
                reference=reference,
                coverage=covered.coverage if covered else None,
            )
        )
    return Conversion(artifact, (*changes, *messages))


def _stem(predict: Path) -> str:
    """What names the model where nobody does: the file, or its folder where the file has the usual name."""
    stem = predict.stem
    for word in ("predict_net", "predict"):
        stem = stem.removesuffix(word).removeprefix(word).strip("_-.")
    return stem or predict.resolve().parent.name


def _tools(reference: str) -> dict[str, str]:
    tools = {"mdeploy": __version__, "numpy": np.__version__}
    return {**tools, "caffe2": get_backend("caffe2").availability().version} if reference == "caffe2" else tools


def _parameters(nets: NetPair, specs: Sequence[InputSpec]) -> int:
    with native.load_net(nets, specs) as net:
        return int(net.parameters)


def _choose_reference() -> tuple[str, tuple[str, ...]]:
    availability = get_backend("caffe2").availability()
    if availability.available:
        return "caffe2", ()
    return "mdeploy", (
        f"our runtime gave the golden outputs, since real Caffe2 is not here: {availability.reason} "
        f"({availability.install})",
    )


def _caffe2_answers(
    given: NetPair,
    written: NetPair,
    names: Sequence[str],
    specs: Sequence[InputSpec],
    cases: Sequence[GoldenInputs],
) -> list[list[Array]]:
    """What real Caffe2 answers on the nets as they were given. Those to be written must answer alike."""
    backend = get_backend("caffe2")
    assert isinstance(backend, NetBackend)
    with closing(backend.net_runner(PrepareOptions())) as runner:
        answers, again = (
            [_in_order(runner.run_nets(nets, _feeds(specs, case), names), names) for case in cases]
            for nets in (given, written)
        )
    difference, allowed = largest_difference(answers, again)
    if not difference <= allowed:
        raise CheckFailed(f"the nets to be written do not compute what was given: they differ by {difference:.3g}")
    return answers


def _our_answers(nets: NetPair, specs: Sequence[InputSpec], cases: Sequence[GoldenInputs]) -> list[list[Array]]:
    with native.load_net(nets, specs) as net, net.session() as session:
        return [session.run(case.inputs) for case in cases]


def _in_order(blobs: dict[str, Array], names: Sequence[str]) -> list[Array]:
    return [np.asarray(blobs[name], order="C") for name in names]


def _feeds(specs: Sequence[InputSpec], case: GoldenInputs) -> dict[str, Array]:
    return {spec.name: array for spec, array in zip(specs, case.inputs, strict=True)}


def _on_cpu(nets: NetPair) -> NetPair:
    """Nets as they were given, but for the device: a GPU that is not here is no reason to refuse them."""
    copies = [type(net).FromString(net.SerializeToString()) for net in (nets.init, nets.predict)]
    for copy in copies:
        for part in (copy, *copy.op):
            part.ClearField("device_option")
    return NetPair(*copies)


def _spec(predict: Any, blob: str, shape: tuple[int, ...]) -> InputSpec:
    spec = image_spec(blob, shape)
    if len(shape) == 4 and reads_nhwc(predict, blob):
        if shape[3] not in (1, 3):
            return InputSpec(blob, shape)
        return replace(spec, layout="NHWC", color_order="rgb" if shape[3] == 3 else "gray")
    return spec


def _refuse_options(options: ConvertOptions) -> None:
    for flag, given in (
        ("--model", options.source.model is not None),
        ("--model-arg", bool(options.source.arguments)),
        ("--exporter", options.exporter != "auto"),
        ("--skip-pass", bool(options.skip_passes)),
    ):
        if given:
            raise UsageError(f"{flag} has nothing to do with a Caffe2 net pair, whose operators stay as they are")


def _refuse_missing_weights(nets: NetPair, init_file: Path, predict_file: Path) -> None:
    """A missing weight is not a data input that somebody forgot the shape of."""
    made = {blob for net in (nets.init, nets.predict) for op in net.op for blob in op.output}
    weights = [blob for op in nets.predict.op if op.type in _WEIGHTED for blob in op.input[1:]]
    missing = list(dict.fromkeys(blob for blob in weights if blob not in made))
    if missing:
        listed = ", ".join(missing[:10]) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
        raise InputError(f"{predict_file}: reads {listed}, which {init_file} does not make; are they one pair?")


def _ordered(first: Path, second: Path) -> NetPair:
    """Which of two nets is the init net: the one that makes what the other reads."""
    nets = [read_net(first), read_net(second)]
    made = [{blob for op in net.op for blob in op.output} for net in nets]
    read = [set(blobs_read(net)) for net in nets]
    if made[0] & read[1]:
        return NetPair(first, second)
    if made[1] & read[0]:
        return NetPair(second, first)
    raise InputError(f"{first} and {second}: neither net makes what the other reads; they do not belong together")


def _with_init(init: Path | None, predict: Path) -> Path:
    if init is None:
        raise InputError(
            f"{predict}: a Caffe2 net without its weights: no init net beside it; name both: "
            f"mdeploy convert INIT_NET {predict}"
        )
    return init
