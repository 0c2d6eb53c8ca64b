# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy convert``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdeploy.backends.table import BACKENDS, CONVERTED, info_of
from mdeploy.cli.options import PATH, comma_list, input_shapes_option, json_option, model_options, output_option
from mdeploy.cli.preprocessing import flags_from, preprocessing_options
from mdeploy.errors import UsageError
from mdeploy.progress import status

if TYPE_CHECKING:
    from mdeploy.caffe2.translate import UnsupportedModelError

__all__ = ["command"]

_ELSEWHERE = [name for name in CONVERTED if name not in BACKENDS]


@click.command(
    "convert",
    epilog="""\b
Examples:
  mdeploy convert ckpt.pt
  mdeploy convert model.onnx --input-shape 1,3,224,224 --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
  mdeploy convert weights.pth --model torchvision.models:resnet50
  mdeploy convert weights.safetensors --model timm:mobilenetv3_large_100
  mdeploy convert snapshot-of-the-hub/
  mdeploy convert ckpt.pt --also openvino,ncnn
  mdeploy convert weights.pth --model net.py:make --model-arg width=64 --input-shape 1,3,32,32
  mdeploy convert old/init_net.pb old/predict_net.pb --input-shape data=1,3,227,227
""",
)
@click.argument("sources", metavar="SOURCE [PREDICT_NET]", type=PATH, nargs=-1, required=True)
@output_option("Artifact to write.", "mdeploy-out")
@click.option("--name", help="Model name, for packages and reports. Default: the file's.")
@model_options
@click.option("--weights-key", metavar="NAME", help="Which of several sets of weights, such as state_dict_ema.")
@input_shapes_option
@preprocessing_options
@click.option("--labels", metavar="FILE", type=PATH, help="Class names, one per line.")
@click.option("--golden-images", metavar="DIR", type=PATH, help="Images to add to the golden cases.")
@click.option(
    "--exporter",
    type=click.Choice(["auto", "dynamo", "torchscript"]),
    default="auto",
    show_default=True,
    help="Which of torch's ONNX exporters to use.",
)
@click.option("--skip-pass", "skip_passes", metavar="NAME", multiple=True, help="Leave out a graph pass.")
@click.option("--unpacked", is_flag=True, help="Write weights as Caffe2 itself does, in 5 bytes each instead of 4.")
@click.option(
    "--also",
    metavar="A,B",
    callback=comma_list,
    help=f"Also write the files of other backends: {', '.join(name for name in CONVERTED if name in BACKENDS)}, and "
    + " and ".join(f"{name}, which can be made here but run on {info_of(name).only_on} only" for name in _ELSEWHERE)
    + ".",
)
@json_option
def command(sources: tuple[Path, ...], **flags: Any) -> None:
    """Turn SOURCE into an artifact: ONNX, a Caffe2 net pair, and golden vectors.

    SOURCE is an mdeploy checkpoint, a state_dict (with --model), TorchScript, a torch.export program (.pt2), an
    ONNX file, a directory with config.json and weights as the Hugging Face hub gives it, or a Caffe2 net pair made
    elsewhere: init_net and predict_net, binary or text, by both names or by their folder. Checkpoints and
    state_dicts are read as plain data. TorchScript and .pt2 files are programs: convert only those that you trust.
    Models of torchvision, timm and the hub bring their preprocessing and labels; flags go before them.
    """
    from mdeploy.conversion.sources.base import SourceOptions
    from mdeploy.conversion.sources.sniff import check_source

    if len(sources) > 2:
        raise UsageError(f"{len(sources)} sources; one is wanted, or the two nets of a Caffe2 net pair")
    source = SourceOptions(flags["model"], flags["model_args"], flags["input_shapes"], flags["weights_key"])
    if len(sources) == 1 and not sources[0].is_dir():
        check_source(sources[0], source)  # before torch is imported, which takes seconds

    from mdeploy.caffe2.translate import UnsupportedModelError
    from mdeploy.cli.show.conversion import print_conversion
    from mdeploy.cli.show.output import print_json, stdout_console
    from mdeploy.conversion.model import ConvertOptions, convert
    from mdeploy.conversion.nets import find_nets, import_nets

    preprocessing = flags_from(flags)
    options = ConvertOptions(
        output=flags["output"],
        name=flags["name"],
        source=source,
        preprocessing=preprocessing,
        labels=flags["labels"],
        golden_images=flags["golden_images"],
        exporter=flags["exporter"],
        skip_passes=flags["skip_passes"],
        packed=not flags["unpacked"],
        also=flags["also"] or (),
    )
    try:
        with status(f"converting {sources[-1].name}") as update:
            nets = find_nets(sources)
            if nets is not None and options.also:
                raise UsageError("--also needs an ONNX graph, which a Caffe2 net pair does not have")
            result = convert(sources[0], options, update) if nets is None else import_nets(nets, options, update)
    except UnsupportedModelError as error:
        if not flags["as_json"]:
            _print_findings(error)
        raise
    if flags["as_json"]:
        print_json(result.to_json())
    else:
        print_conversion(result, stdout_console())


def _print_findings(error: UnsupportedModelError) -> None:
    """Every node that stands in the way, where there are several."""
    from mdeploy.cli.show.conversion import findings_table
    from mdeploy.cli.show.output import stderr_console
    from mdeploy.cli.show.terminal import print_table

    if len(error.findings) > 1:
        print_table(findings_table(error), stderr_console())
