# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What the Swift tests compare with: artifacts, and what the C++ harness answers on this machine.

Below one folder, made once for a version of the sources that make it:

- ``artifacts/NAME``: what ``mdeploy convert`` writes;
- ``harness/NAME/CASE/output_0.npy``: the answer of the C++ harness to a golden input;
- ``harness/NAME/image/output_0.npy`` and ``image.pam``: the same for an image, where the net takes one.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mdeploy.deployment.package.cross import harness
from mdeploy.deployment.package.layout import payload
from mdeploy.files import cache_folder
from mdeploy.formats.artifact import Artifact
from mdeploy.formats.manifest import InputSpec
from mdeploy.progress import Tell

__all__ = ["fixtures"]

ROOT = Path(__file__).resolve().parent.parent.parent


def fixtures(tell: Tell) -> Path:
    """The folder, made first where it is not there."""
    executable = harness("host", tell)
    folder = cache_folder("swift") / f"fixtures-{_key(executable)[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / ".fixtures-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _make(folder, executable, tell)
    return folder


def _make(folder: Path, executable: Path, tell: Tell) -> None:
    for old in folder.parent.glob("fixtures-*"):
        shutil.rmtree(old)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as place:
        made = Path(place) / "made"
        for name, convert in _NETS.items():
            tell(f"Swift tests: converting {name}")
            full = Path(place) / name
            convert(full)
            artifact = Artifact.open(full)
            _keep(artifact, made / "artifacts" / name)
            _answer(executable, artifact.manifest.inputs[0], made / "artifacts" / name, made / "harness" / name)
        made.rename(folder)


def _key(executable: Path) -> str:
    """SHA-256 of what the folder depends on: this file, the bundled model, the harness, torch, and the converter."""
    found = hashlib.sha256(Path(__file__).read_bytes())
    found.update((ROOT / "examples" / "resnest_small_cifar10.pt").read_bytes())
    found.update(executable.read_bytes())
    found.update(importlib.metadata.version("torch").encode())
    for part in ("caffe2", "conversion", "onnx", "formats"):
        for path in sorted((ROOT / "toolkit" / "mdeploy" / part).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()


def _keep(artifact: Artifact, place: Path) -> None:
    """What a package for a device would hold of it."""
    for name, source in payload(artifact).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place / name)


def _answer(executable: Path, taken: InputSpec, artifact: Path, place: Path) -> None:
    for case in sorted((artifact / "golden").iterdir()):
        _run(executable, artifact, place / case.name, "--input", str(case / "input_0.npy"))
    image = place / "image.pam"
    resized = taken.resize is not None or taken.preprocessing is not None
    height, width = (97, 131) if resized or taken.image_size is None else taken.image_size
    pixels = np.random.default_rng(7).integers(0, 256, (height, width, 4), dtype=np.uint8)
    header = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
    image.write_bytes(header.encode() + pixels.tobytes())
    _run(executable, artifact, place / "image", "--picture", str(image))


def _run(executable: Path, artifact: Path, output: Path, *flags: str) -> None:
    output.mkdir(parents=True)
    files = [word for name in ("init", "predict") for word in (f"--{name}", f"{artifact}/{name}_net.pb")]
    files += ["--manifest", f"{artifact}/manifest.json", "--output", str(output), *flags]
    subprocess.run([executable, *files, "--warmup", "0", "--runs", "1"], check=True, capture_output=True)


def _bundled(place: Path) -> None:
    from mdeploy.api import convert

    convert(ROOT / "examples" / "resnest_small_cifar10.pt", output=place, name=place.name)


_NETS: dict[str, Callable[[Path], None]] = {"resnest_small_cifar10": _bundled}
"""More nets make more of the tests, and minutes of conversion: a large net's golden cases are sought for long."""
