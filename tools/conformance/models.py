# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Published models through ``convert``, from both exporters, judged in our runtime and in real Caffe2.

``python -m tools.conformance.models [--models a,b] [--exporters dynamo,torchscript] [--backends mdeploy,caffe2]``

Prints the table that is kept in docs/models.md. Models are untrained; their batch-norm statistics come from one
pass in training mode, so that the outputs depend on the input. Needs torchvision, timm and resnest.

All of it takes half an hour on two cores. ``--resume FILE`` appends every row to FILE as it is found, and leaves out
what FILE has already; ``--document docs/models.md`` puts the table of all rows into that document.
"""

from __future__ import annotations

import argparse
import copy
import gc
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mdeploy.backends.base import PrepareOptions
from mdeploy.backends.registry import get_backend
from mdeploy.comparison.tolerance import Tolerance, compare
from mdeploy.conversion.model import ConvertOptions, convert
from mdeploy.conversion.preprocessing import PreprocessingFlags
from mdeploy.conversion.sources import SourceOptions
from mdeploy.errors import MdeployError
from mdeploy.models.factory import build_module
from mdeploy_training.models.calibration import smooth_images

TOLERANCE = Tolerance(1e-5)
LEAST_SPREAD = 0.02

_TORCHVISION = (
    *("alexnet", "vgg11_bn", "resnet18", "resnet50", "resnext50_32x4d", "wide_resnet50_2"),
    *("squeezenet1_0", "squeezenet1_1", "densenet121", "googlenet", "inception_v3"),
    *("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "shufflenet_v2_x1_0", "mnasnet1_0"),
    *("efficientnet_b0", "efficientnet_v2_s", "regnet_x_400mf", "regnet_y_400mf", "convnext_tiny"),
)
_TIMM = (
    *("resnest14d", "resnest26d", "resnest50d", "resnest50d_1s4x24d", "resnest101e"),
    *("seresnet50", "skresnet34", "skresnet50"),
)
# Alexnet and VGG pool adaptively to sizes that divide only this one; Inception cuts its images down quickly.
_SIZES = {"alexnet": 224, "vgg11_bn": 224, "inception_v3": 139}
_ARGUMENTS = {name: {"aux_logits": False, "init_weights": False} for name in ("googlenet", "inception_v3")}


@dataclass(frozen=True)
class Model:
    """A published model: how to make it, and the size of image it is tried at."""

    name: str
    factory: str
    arguments: dict[str, Any]
    size: int


MODELS = (
    *(Model(n, f"torchvision.models:{n}", _ARGUMENTS.get(n, {}), _SIZES.get(n, 64)) for n in _TORCHVISION),
    *(Model(f"timm {n}", "timm:create_model", {"model_name": n}, 64) for n in _TIMM),
    Model("resnest resnest50", "resnest.torch:resnest50", {"pretrained": False}, 64),
)


@dataclass(frozen=True)
class Row:
    """One model from one exporter: the smallest tolerance that passes per runtime, or why there is none."""

    model: str
    exporter: str
    required: dict[str, float | None]
    passed: bool
    reason: str = ""

    def markdown(self) -> str:
        """A line of the table."""
        figures = " | ".join("-" if value is None else f"{value:.1e}" for value in self.required.values())
        return f"| {self.model} | {self.exporter} | {figures} | {'yes' if self.passed else f'no: {self.reason}'} |"


def judge(model: Model, exporter: str, backends: Sequence[str]) -> Row:
    """Build, calibrate, convert and run one model."""
    torch.manual_seed(0)
    shape = (1, 3, model.size, model.size)
    module = witness(build_module(model.factory, model.arguments), shape)
    required: dict[str, float | None] = dict.fromkeys(["float32", *backends])
    with tempfile.TemporaryDirectory() as place:
        weights = Path(place) / "weights.pt"
        torch.save(module.state_dict(), weights)
        source = SourceOptions(model.factory, model.arguments, {"": shape})
        # Inputs of one range for every model, not what torchvision's weights would be given: the weights are random.
        plain = PreprocessingFlags(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
        options = ConvertOptions(output=Path(place) / "out", source=source, exporter=exporter, preprocessing=plain)
        try:
            artifact = convert(weights, options).artifact
        except MdeployError as error:
            return Row(model.name, exporter, required, False, " ".join(str(error).split())[:300])
        cases = artifact.golden_cases()
        meanings = [spec.meaning for spec in artifact.manifest.outputs]
        if (spread := _spread([case.outputs for case in cases])) < LEAST_SPREAD:
            return Row(model.name, exporter, required, False, f"no witness: images change the outputs by {spread:.1e}")
        exact = [_in_double(module, case.inputs) for case in cases]
        required["float32"] = _required([case.outputs for case in cases], exact, meanings)
        for name in backends:
            try:
                session = get_backend(name).prepare(artifact, PrepareOptions())
            except MdeployError as error:
                return Row(model.name, exporter, required, False, f"{name}: {' '.join(str(error).split())[:300]}")
            answers = [session.run(case.inputs) for case in cases]
            session.close()
            required[name] = _required(answers, [case.outputs for case in cases], meanings)
    failed = [name for name in backends if not (required[name] or 0.0) <= TOLERANCE.tol]
    return Row(model.name, exporter, required, not failed, f"{', '.join(failed)} off by more" if failed else "")


def witness(module: torch.nn.Module, shape: tuple[int, ...]) -> torch.nn.Module:
    """Give an untrained model batch-norm statistics with which outputs depend on the input and are well conditioned.

    Each norm takes its statistics from what reaches it when images go through. Untrained layers are chaotic: every
    norm blows up rounding with the differences between images, 2e-7 to 1e-4 in PyTorch itself over the 94 layers of
    inception_v3. So a variance is at least its layer's mean and half of the channel's power, shifts are towards where
    a ReLU passes on, and residual branches of bottlenecks are small, as in training that starts them at zero.
    """
    generator = torch.Generator().manual_seed(0)
    norms = {name: item for name, item in module.named_modules() if isinstance(item, torch.nn.BatchNorm2d)}
    hooks = []
    for name, norm in norms.items():
        with torch.no_grad():
            norm.weight.uniform_(0.5, 1.0, generator=generator).mul_(0.3 if name.endswith("bn3") else 1.0)
            norm.bias.normal_(0.3, 0.1, generator=generator)
        hooks.append(norm.register_forward_pre_hook(_settle))
    with torch.no_grad():
        module.eval()(smooth_images(16 if shape[-1] <= 64 else 8, shape, generator))
    for hook in hooks:
        hook.remove()
    return module


def _settle(norm: torch.nn.BatchNorm2d, inputs: tuple[torch.Tensor, ...]) -> None:
    variance, mean = torch.var_mean(inputs[0], (0, 2, 3))
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(torch.maximum(variance.clamp(min=float(variance.mean())), (variance + mean**2) / 2))


def _in_double(module: torch.nn.Module, inputs: Sequence[Any]) -> list[Any]:
    """PyTorch's answer in double precision: what float32 itself is off by shows how well the net is conditioned."""
    double = copy.deepcopy(module).double()
    with torch.no_grad():
        answer = double(*(torch.from_numpy(array.copy()).double() for array in inputs))
    return [tensor.numpy() for tensor in torch.utils._pytree.tree_flatten(answer)[0]]


def _spread(outputs: Sequence[Sequence[Any]]) -> float:
    """How much of the first output, in norm, differs between the first case and the last."""
    first, last = outputs[0][0], outputs[-1][0]
    return float(np.linalg.norm(first - last) / np.linalg.norm(last))


def _required(answers: Sequence[Any], references: Sequence[Any], meanings: Sequence[str]) -> float:
    """The smallest tolerance that passes for all cases and outputs."""
    worst = 0.0
    for answer, reference in zip(answers, references, strict=True):
        for found, right, meaning in zip(answer, reference, meanings, strict=True):
            tolerance = compare(right, found, meaning, TOLERANCE).required_tolerance
            worst = max(worst, float("inf") if tolerance is None else tolerance)
    return worst


def heading(backends: Sequence[str]) -> str:
    """The first two lines of the table."""
    line = f"| model | exporter | float32 itself | {' | '.join(backends)} | passes at {TOLERANCE.tol:g} |"
    return f"{line}\n| --- | --- |{' --- |' * (len(backends) + 2)}"


def read_rows(path: Path | None) -> list[Row]:
    """Rows of an earlier run, one JSON document a line."""
    if path is None or not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()]


def document(path: Path, rows: Sequence[Row], backends: Sequence[str]) -> None:
    """Replace the table in a document, whose rows go in the order of ``MODELS``."""
    order = [model.name for model in MODELS]
    rows = sorted(rows, key=lambda row: (order.index(row.model), row.exporter))
    table = "\n".join([heading(backends), *(row.markdown() for row in rows)])
    text, count = re.subn(r"\| model \|(.|\n\|)*", lambda _: table, path.read_text(), count=1)
    if not count:
        raise SystemExit(f"{path}: no table to replace")
    path.write_text(text)


def main() -> int:
    """Print the table; 1 if a model did not pass."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="", help="names, by comma; default: all")
    parser.add_argument("--exporters", default="dynamo,torchscript")
    parser.add_argument("--backends", default="mdeploy,caffe2")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="keep rows in FILE, and leave out those in it")
    parser.add_argument("--document", type=Path, metavar="FILE", help="put the table into this Markdown file")
    arguments = parser.parse_args()
    backends = arguments.backends.split(",")
    wanted = [name for name in arguments.models.split(",") if name] or [model.name for model in MODELS]
    rows = read_rows(arguments.resume)
    print(heading(backends))
    for model in (model for model in MODELS if model.name in wanted):
        for exporter in arguments.exporters.split(","):
            row = next((row for row in rows if (row.model, row.exporter) == (model.name, exporter)), None)
            if row is None:
                row = judge(model, exporter, backends)
                rows.append(row)
                if arguments.resume is not None:
                    with arguments.resume.open("a") as file:
                        file.write(json.dumps(asdict(row)) + "\n")
            print(row.markdown(), flush=True)
            gc.collect()
    if arguments.document is not None:
        document(arguments.document, rows, backends)
    return 0 if all(row.passed for row in rows if row.model in wanted) else 1


if __name__ == "__main__":
    sys.exit(main())
