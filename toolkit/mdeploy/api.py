# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The Python API: the calls behind the verbs, with paths or opened artifacts, and typed results.

``import mdeploy`` gives these names; what a function needs is imported when it is called. Errors are those of
:mod:`mdeploy.errors`, which the command line turns into exit codes. ``parity`` returns a report, passed or failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdeploy.errors import UsageError
from mdeploy.packages import installed
from mdeploy.progress import Tell, quiet

if TYPE_CHECKING:
    from mdeploy.comparison.run import ParityReport
    from mdeploy.conversion.model import Conversion
    from mdeploy.evaluation.prediction import PredictionReport
    from mdeploy.evaluation.run import EvaluationReport
    from mdeploy.formats.artifact import Artifact
    from mdeploy.formats.report import Report

__all__ = ["bench", "convert", "evaluate", "load", "package", "parity", "predict"]

_DEFAULT = "mdeploy-out"


def load(path: str | Path = _DEFAULT) -> Artifact:
    """Open an artifact, the directory that ``convert`` writes, and check every file's SHA-256.

    ::

        artifact = mdeploy.load("mdeploy-out")
        artifact.manifest.macs                    # multiply-adds of one run
        artifact.manifest.inputs[0].shape         # (1, 3, 32, 32)
        artifact.golden_cases()[0].outputs[0]     # a numpy array: what the model answered

    Raises:
        InputError: it is missing, damaged, or was changed since it was written.
    """
    from mdeploy.formats.artifact import Artifact

    return Artifact.open(path)


@installed()
def convert(
    source: str | Path,
    predict_net: str | Path | None = None,
    *,
    output: str | Path = _DEFAULT,
    name: str | None = None,
    model: str | None = None,
    model_args: Mapping[str, Any] | None = None,
    weights_key: str | None = None,
    input_shapes: Mapping[str, Sequence[int]] | Sequence[int] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    color_order: str | None = None,
    labels: str | Path | None = None,
    golden_images: str | Path | None = None,
    exporter: str = "auto",
    skip_passes: Sequence[str] = (),
    packed: bool = True,
    also: Sequence[str] = (),
    tell: Tell = quiet,
) -> Conversion:
    """Turn a trained model into an artifact: ONNX, a Caffe2 net pair, and golden vectors.

    ::

        made = mdeploy.convert("ckpt.pt")
        made.artifact.manifest.parameters         # 1339626
        made.messages                             # what the user should know

        mdeploy.convert("weights.pth", model="torchvision.models:resnet50")
        mdeploy.convert("old/init_net.pb", "old/predict_net.pb", input_shapes={"data": (1, 3, 227, 227)})

    Args:
        source: a checkpoint, state_dict (with ``model``), TorchScript, .pt2 or ONNX file, a directory with config.json
            and weights, or the init net of a Caffe2 net pair.
        predict_net: the second file of a net pair.
        output: the artifact to write; an older artifact there is replaced, any other directory is refused.
        model: FILE_OR_MODULE:FACTORY that makes the module of a state_dict, or timm:NAME. This runs the factory's code.
        model_args: keyword arguments of the factory.
        weights_key: which of several sets of weights in the file, such as ``state_dict_ema``.
        input_shapes: shape of the only input, or shapes by the input's name.
        mean, std: of the input on the scale 0 to 1, one figure for each channel, in colour order.
        color_order: ``rgb`` or ``bgr``.
        labels: a text file of class names, one a line.
        golden_images: a folder of images to add to the golden cases.
        exporter: ``auto``, ``dynamo`` or ``torchscript``.
        packed: four bytes for each weight, or with False Caffe2's own form of five.
        also: runtimes whose files are written too, such as ``("openvino", "ncnn")``.
        tell: is told what is being done, a line at a time.

    Raises:
        InputError: a file is missing, damaged or refused.
        UnsupportedError: names every node that cannot be converted.
        UnavailableError: what makes a file of ``also`` is not installed.
        CheckFailed: the exporter or a pass changed the numbers.
    """
    from mdeploy.conversion.model import ConvertOptions
    from mdeploy.conversion.model import convert as convert_model
    from mdeploy.conversion.nets import find_nets, import_nets
    from mdeploy.conversion.preprocessing import PreprocessingFlags
    from mdeploy.conversion.sources import SourceOptions

    named = input_shapes if isinstance(input_shapes, Mapping) else {"": input_shapes} if input_shapes else {}
    options = ConvertOptions(
        output=Path(output),
        name=name,
        source=SourceOptions(model, model_args or {}, {key: tuple(shape) for key, shape in named.items()}, weights_key),
        preprocessing=PreprocessingFlags(_floats(mean), _floats(std), color_order),
        labels=_path(labels),
        golden_images=_path(golden_images),
        exporter=exporter,
        skip_passes=tuple(skip_passes),
        packed=packed,
        also=tuple(also),
    )
    nets = find_nets([Path(p) for p in (source, predict_net) if p is not None])
    if nets is None:
        return convert_model(Path(source), options, tell)
    if options.also:
        raise UsageError("also needs an ONNX graph, which a Caffe2 net pair does not have")
    return import_nets(nets, options, tell)


@installed()
def parity(
    artifact: Artifact | str | Path = _DEFAULT,
    *,
    tol: float = 1e-5,
    rtol: float = 0.0,
    output_tols: Mapping[str, float] | None = None,
    backends: Sequence[str] | None = None,
    source: str | Path | None = None,
    threads: int = 0,
    tell: Tell = quiet,
) -> ParityReport:
    """Run the golden cases on every backend and compare each output with the recorded one.

    ::

        report = mdeploy.parity("mdeploy-out", tol=1e-5)
        assert report.passed
        {backend.name: backend.status for backend in report.backends}
        report.required_tolerance                 # the smallest that would pass

    Args:
        tol: probabilities: ``|a - b| <= tol``; logits and log-probabilities: ``|a - b| <= tol * max(1, |reference|)``.
        rtol: adds ``rtol * |reference|`` to what is allowed.
        output_tols: tolerances of single outputs, by name.
        backends: by name; None is every installed one.
        source: the model that was converted, for running PyTorch again; None looks beside the artifact.
        threads: for each backend; 0 is its own choice.

    Raises:
        UnavailableError: a backend of ``backends`` is missing, or all are but PyTorch.
        InputError: the artifact is damaged or has no golden cases.
    """
    from mdeploy.backends.base import PrepareOptions
    from mdeploy.comparison.request import ParityRequest
    from mdeploy.comparison.run import run_parity
    from mdeploy.comparison.tolerance import Tolerance

    rule = Tolerance(tol, rtol, tuple((output_tols or {}).items()))
    options = PrepareOptions(threads, _path(source))
    return run_parity(ParityRequest(_opened(artifact), backends, options, tell, rule))


@installed()
def predict(
    artifact: Artifact | str | Path,
    images: str | Path | Sequence[str | Path],
    *,
    backends: Sequence[str] | None = None,
    source: str | Path | None = None,
    threads: int = 0,
    tell: Tell = quiet,
) -> PredictionReport:
    """Classify images on several backends.

    ::

        report = mdeploy.predict("mdeploy-out", ["ship.png"], backends=["mdeploy"])
        first = report.images[0]
        report.labels[first.ranking[0]]           # "ship"
        first.probabilities["mdeploy"]            # float64 array of shape (classes,), sums to 1

    Args:
        images: an image file, a folder of them, or a list of both.
        backends, source, threads: as for ``parity``. The first backend is the reference of the others.

    Raises:
        InputError: an image cannot be read.
        UsageError: the model is no classifier of images.
        UnavailableError: no backend can run the model, or one asked for is missing.
    """
    from mdeploy.backends.base import PrepareOptions
    from mdeploy.backends.lineup import Lineup
    from mdeploy.evaluation.prediction import predict as predict_images
    from mdeploy.native.images import find_images

    files = find_images([Path(p) for p in ([images] if isinstance(images, (str, Path)) else images)])
    return predict_images(Lineup(_opened(artifact), backends, PrepareOptions(threads, _path(source)), tell), files)


@installed()
def evaluate(
    artifact: Artifact | str | Path,
    data: str | Path,
    *,
    limit: int | None = None,
    backends: Sequence[str] | None = None,
    source: str | Path | None = None,
    threads: int = 1,
    ahead: int = 1,
) -> EvaluationReport:
    """Measure accuracy, agreement and time per image over a test set.

    ::

        report = mdeploy.evaluate("mdeploy-out", "cifar10/test", limit=1000)
        row = report.sets[0].runtimes[0]
        row.top1.value, row.times.median          # a share of 1; seconds for an image

    Args:
        data: a folder with a folder of images for each class of the model.
        limit: take only so many images, spread over all.
        backends, source, threads: as for ``parity``. The first backend is the reference of the agreement.
        ahead: threads that prepare images while the backends work.

    Raises:
        InputError: the folder or an image cannot be read.
        UsageError: the artifact has no labels, or the model is no classifier of images.
        UnavailableError: no backend can run the model, or one asked for is missing.
    """
    from mdeploy.backends.base import PrepareOptions
    from mdeploy.backends.lineup import Lineup
    from mdeploy.evaluation.dataset import read_image_folder
    from mdeploy.evaluation.run import evaluate as evaluate_sets

    opened = _opened(artifact)
    labels = opened.manifest.labels
    if labels is None:
        raise UsageError(f"{opened.path}: has no labels; convert again with --labels")
    images = read_image_folder(Path(data), labels, limit)
    return evaluate_sets(Lineup(opened, backends, PrepareOptions(threads, _path(source))), [images], ahead=ahead)


@installed()
def package(
    artifact: Artifact | str | Path = _DEFAULT,
    target: str = "android",
    *,
    output: str | Path = ".",
    apk: bool | None = None,
    keystore: str | Path | None = None,
    tell: Tell = quiet,
) -> tuple[Path, ...]:
    """Make what goes onto a phone, and return the files: the zip first, then the app where it was made.

    ::

        mdeploy.package("mdeploy-out", "android") # (Path("NAME-android.zip"),)

    Args:
        target: ``android``, ``ios`` or ``host``.
        output: the folder of the packages.
        apk: also make NAME.apk; None makes it where the app's compiled base is there.
        keystore: sign the app with the key in this PEM or PKCS #12 file.

    Raises:
        UsageError: there is no such target, or an app is asked for where there is none.
        UnavailableError: the app's base, the compiler or a harness is missing.
        InputError: the keystore or a file cannot be read, or the output cannot be written.
    """
    from mdeploy.deployment.package.apk import android_base, build_apk
    from mdeploy.deployment.package.build import build_zip

    if target != "android" and (apk or keystore):
        raise UsageError(f"--apk and --keystore are for --target android, not {target}")
    if apk is False and keystore:
        raise UsageError("--keystore signs the app, which --no-apk leaves out")
    wants_apk = target == "android" and apk is not False and (apk or keystore is not None or android_base() is not None)
    opened, folder = _opened(artifact), Path(output)
    # The app first, since its base is what may be missing: then nothing is made.
    app = (build_apk(opened, folder / f"{opened.name}.apk", _path(keystore)),) if wants_apk else ()
    return (build_zip(opened, target, folder, tell), *app)


@installed()
def bench(
    artifact: Artifact | str | Path = _DEFAULT,
    *,
    device: str = "local",
    tell: Tell = quiet,
    **options: Any,
) -> Report:
    """Run the native harness on a device and return its report: parity there first, then latency.

    ::

        report = mdeploy.bench("mdeploy-out", threads=1, runs=50)
        report.latency_ms.p50, report.latency_ms.samples
        mdeploy.bench("mdeploy-out", device="adb", sustained_minutes=10)

    Args:
        device: ``local``, ``qemu[:ABI]`` or ``adb[:SERIAL]``, one device.
        options: what ``mdeploy bench`` has as flags: ``threads``, ``warmup``, ``runs`` and the other fields of
            :class:`mdeploy.deployment.devices.base.BenchOptions`.

    Raises:
        UsageError: an option or device means nothing, or means several devices.
        UnavailableError: the device or its harness is missing, or it went away.
        CheckFailed: parity does not hold on the device.
        InputError: the harness refused a file.
    """
    from mdeploy.deployment.devices import openers
    from mdeploy.deployment.devices.base import BenchOptions
    from mdeploy.deployment.devices.bench import check_result, run_bench
    from mdeploy.formats.artifact import Artifact

    try:
        asked = BenchOptions(**options)
    except TypeError as error:
        raise UsageError(f"bench: {error}; it takes {', '.join(BenchOptions.__dataclass_fields__)}") from error
    named = [*openers(device)]
    if len(named) != 1:
        raise UsageError(
            f"bench: {device} means {len(named)} devices ({', '.join(name for name, _ in named)}); name one"
        )
    # The harness checks every hash itself, and a golden value that was changed is its parity failure to report.
    opened = artifact if isinstance(artifact, Artifact) else Artifact.open(artifact, verify=False)
    name, opener = named[0]
    with opener() as place:
        report = run_bench(opened, place, asked, tell)
    check_result(report, name)
    return report


def _opened(artifact: Artifact | str | Path) -> Artifact:
    return load(artifact) if isinstance(artifact, (str, Path)) else artifact


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _floats(values: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(float(value) for value in values)
