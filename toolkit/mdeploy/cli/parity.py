# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy parity``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mdeploy.cli import options
from mdeploy.cli.recording import Recorder, history_options

if TYPE_CHECKING:
    from mdeploy.backends.base import PrepareOptions
    from mdeploy.comparison.request import ParityRequest

__all__ = ["command"]


@click.command("parity", short_help="Prove that every backend computes what PyTorch computed.")
@options.artifact_argument
@options.tolerances_option
@options.rtol_option
@options.backends_option
@options.prepare_options()
@click.option("--layers", is_flag=True, help="Compare every intermediate tensor too, worst first.")
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="Rows of --layers.")
@click.option(
    "--reference",
    metavar="NAME",
    help="With --layers: the backend to compare with. Default: model.onnx on onnxruntime, unoptimised.",
)
@click.option("--heatmap", type=options.PATH, metavar="FILE.png", help="Draw where the differences are.")
@click.option("--bisect", is_flag=True, help="Cut out the smallest subgraph that fails by itself.")
@click.option("--part", type=options.PATH, help="Where --bisect writes that subgraph. Default: ./NAME-part.")
@click.option("--pipeline", is_flag=True, help="From image files to scores, against the source's own transform.")
@click.option("--images", type=options.PATH, multiple=True, metavar="DIR", help="With --pipeline: images, or folders.")
@click.option(
    "--transform",
    metavar="FILE_OR_MODULE:FACTORY",
    help="With --pipeline: makes the transform of Pillow images that the model was trained with. This runs its code.",
)
@click.option(
    "--search",
    "seconds",
    type=options.FiniteRange(min=0.1, max=86400),
    metavar="SECONDS",
    help="Look this long for the input with the largest difference. Bounds nothing; the worst goes to ./NAME-search.",
)
@history_options
@options.json_option
def command(
    artifact: Path,
    tolerances: tuple[tuple[str | None, float], ...],
    rtol: float,
    backends: tuple[str, ...] | None,
    prepare: PrepareOptions,
    layers: bool,
    top: int,
    reference: str | None,
    heatmap: Path | None,
    bisect: bool,
    part: Path | None,
    pipeline: bool,
    images: tuple[Path, ...],
    transform: str | None,
    seconds: float | None,
    recorder: Recorder,
    as_json: bool,
) -> int:
    """Compare every backend with what PyTorch computed.

    ARTIFACT is the directory that convert wrote (default: mdeploy-out). Its golden cases run on every installed
    backend, and each output must be within the tolerance of the recorded one. Exit code 1 when one is not. --layers
    compares the tensors inside: of the backends that run the nets, or of any that --backends names (torch by its own
    graph, others by cutting the ONNX graph). --bisect saves the subgraph at fault as an artifact of its own. --search
    goes on with other inputs: noise, and images that gradients drive to extremes, on a reference (PyTorch where the
    source is here, else onnxruntime) and every other backend.
    --pipeline takes image files through the transform that the model was trained with (of --model's library, of
    --source, or of --transform) and through ours, and names the first stage that differs.

    \b
    mdeploy parity --tol 1e-5
    mdeploy parity my-artifact --backends mdeploy,caffe2 --json
    mdeploy parity --tol 1e-5 --tol features=1e-4 --heatmap differences.png
    mdeploy parity --layers --bisect --backends mdeploy
    mdeploy parity --layers --reference caffe2 --backends torch,mdeploy
    mdeploy parity --pipeline --images photos/ --model torchvision.models:resnet18
    mdeploy parity --search 60 --backends mdeploy
    """
    from mdeploy.cli.show.output import print_json, stdout_console
    from mdeploy.cli.show.parity import print_inspection, print_report
    from mdeploy.cli.show.search import print_search
    from mdeploy.comparison.heatmap import draw_layers, draw_outputs
    from mdeploy.comparison.request import ParityRequest
    from mdeploy.comparison.run import run_parity
    from mdeploy.comparison.search import save_worst, search
    from mdeploy.comparison.tolerance import Tolerance
    from mdeploy.errors import UsageError
    from mdeploy.files import replace_file
    from mdeploy.formats.artifact import Artifact
    from mdeploy.progress import status

    inside = layers or bisect
    if reference is not None and not inside:
        raise UsageError("--reference goes with --layers; without it the golden outputs are the reference")
    if seconds is not None and (inside or pipeline):
        raise UsageError("--search compares outputs: it goes without --layers, --bisect and --pipeline")
    single = tuple((name, tol) for name, tol in tolerances if name is not None)
    general = [tol for name, tol in tolerances if name is None]
    rule = Tolerance(general[-1] if general else Tolerance.tol, rtol, single)
    if (images or transform is not None) and not pipeline:
        raise UsageError("--images and --transform go with --pipeline")
    if pipeline:
        if inside or part is not None:
            raise UsageError("--pipeline compares what goes in; --layers and --bisect look into the net, without it")
        with status("parity") as tell:
            request = ParityRequest(Artifact.open(artifact), backends, prepare, tell, rule)
            return _pipeline(request, images, transform, heatmap, as_json)
    with status("parity") as tell:
        opened = Artifact.open(artifact)
        place = (part or Path(f"{opened.name}-part")) if bisect else None
        request = ParityRequest(opened, backends, prepare, tell, rule, reference, place)
        if inside:
            from mdeploy.comparison.inspection import inspect_layers

            inspection = inspect_layers(request)
        else:
            report = run_parity(request)
            found = None if seconds is None else search(request, seconds)
            if found is not None and found.exit_code:
                save_worst(found, Path(f"{opened.name}-search"))
        if heatmap is not None:
            tell(f"drawing {heatmap}")
            replace_file(heatmap, draw_layers(inspection.layers) if inside else draw_outputs(report))
    if inside:
        recorder.add(inspection.layers.to_json())
        if as_json:
            print_json(inspection.to_json())
        else:
            print_inspection(inspection, stdout_console(), top)
        return inspection.exit_code
    recorder.add(report.to_json())
    if as_json:
        print_json(report.to_json() | ({} if found is None else {"search": found.to_json()}))
    else:
        print_report(report, stdout_console())
        if found is not None:
            print_search(found, stdout_console())
    return report.exit_code or (0 if found is None else found.exit_code)


def _pipeline(
    request: ParityRequest, images: tuple[Path, ...], transform: str | None, picture: Path | None, as_json: bool
) -> int:
    """``--pipeline``: its report, and a picture of the first stage that differs."""
    from mdeploy.cli.show.output import print_json, stdout_console
    from mdeploy.cli.show.pipeline import print_pipeline
    from mdeploy.comparison.pipeline.picture import draw_pipeline
    from mdeploy.comparison.pipeline.run import run_pipeline
    from mdeploy.errors import UsageError
    from mdeploy.files import replace_file
    from mdeploy.native.images import find_images

    if not images:
        raise UsageError("--pipeline needs images: --images DIR")
    report = run_pipeline(request, find_images(images), transform)
    if picture is not None and any(image.shown is not None for image in report.failed):
        replace_file(picture, draw_pipeline(report))
    if as_json:
        print_json(report.to_json())
    else:
        print_pipeline(report, stdout_console())
    return report.exit_code
