# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The main job, step by step, on the checkpoint and the image that come with the project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mdeploy.backends.base import PrepareOptions
from mdeploy.backends.lineup import Lineup
from mdeploy.backends.registry import BACKENDS, get_backend
from mdeploy.backends.table import CONVERTED
from mdeploy.comparison.request import ParityRequest
from mdeploy.comparison.run import ParityReport, run_parity
from mdeploy.comparison.tolerance import Tolerance
from mdeploy.conversion.model import Conversion, ConvertOptions, convert
from mdeploy.deployment.devices.base import BenchOptions
from mdeploy.deployment.devices.fleet import Outcome, bench_all
from mdeploy.deployment.package.build import build_zip
from mdeploy.errors import UnavailableError
from mdeploy.evaluation.prediction import PredictionReport, predict
from mdeploy.formats.artifact import Artifact
from mdeploy.progress import Tell, quiet

__all__ = ["CHECKPOINT", "DEFAULT_FOLDER", "IMAGE", "Demo", "bundled"]

CHECKPOINT = "resnest_small_cifar10.pt"
IMAGE = "demo_picture.png"
DEFAULT_FOLDER = Path("demo-out")


def bundled(name: str) -> Path:
    """Where a file of the demo is: in the installed package, or in a checkout's examples."""
    package = Path(__file__).parent
    for folder in (package / "demo", package.parents[1] / "examples"):
        if (folder / name).is_file():
            return folder / name
    raise UnavailableError(f"{name} is not in this installation; run the demo in a checkout of mdeploy")


@dataclass
class Demo:
    """Each method is one step and one command of the README; run them in this order.

    Everything goes below ``folder``: the artifact, the packages and the reports. A step replaces what an earlier demo
    left there.
    """

    folder: Path = DEFAULT_FOLDER
    tolerance: float = 1e-5
    tell: Tell = quiet

    @property
    def artifact_path(self) -> Path:
        """Where the artifact goes."""
        return self.folder / Path(CHECKPOINT).stem

    def convert(self) -> Conversion:
        """The checkpoint to ONNX and a Caffe2 net pair, the demo's image among the golden cases."""
        options = ConvertOptions(output=self.artifact_path, golden_images=bundled(IMAGE).parent)
        return convert(bundled(CHECKPOINT), options, self.tell)

    def predict(self, artifact: Artifact) -> PredictionReport:
        """The image's classes on every backend: the paper's Table 4."""
        return predict(Lineup(artifact, self._names(), self._prepare(), self.tell), [bundled(IMAGE)])

    def parity(self, artifact: Artifact) -> ParityReport:
        """Every backend against PyTorch."""
        rule = Tolerance(self.tolerance)
        return run_parity(ParityRequest(artifact, self._names(), self._prepare(), self.tell, rule))

    def package(self, artifact: Artifact) -> Path:
        """The zip for this machine. Android's is made when it is asked for: its compilation takes minutes once."""
        return build_zip(artifact, "host", self.folder, self.tell)

    def bench(self, artifact: Artifact) -> list[Outcome]:
        """Latency of the native harness on this machine."""
        options = BenchOptions(tolerance=self.tolerance)
        return bench_all(artifact, ["local"], options, self.folder, tell=self.tell)

    def _names(self) -> list[str]:
        """What is installed, without those that need files of their own: making them takes longer than the rest."""
        return [name for name in BACKENDS if name not in CONVERTED and get_backend(name).availability().available]

    def _prepare(self) -> PrepareOptions:
        return PrepareOptions(source=bundled(CHECKPOINT))
