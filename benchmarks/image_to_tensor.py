# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""From a photograph's file to a 224x224 tensor: ours against Pillow and numpy, in one interleaved run.

``python benchmarks/image_to_tensor.py [IMAGE]`` prints the median milliseconds of one core for both ways and their
ratio, and the peak memory of each in a process of its own. Without IMAGE a JPEG of 12 megapixels is made.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mdeploy.formats.manifest import InputSpec
from mdeploy.formats.preprocessing import Preprocessing
from mdeploy.native.images import image_input
from mdeploy.tensors import Array

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SPEC = InputSpec(
    "x",
    (1, 3, 224, 224),
    "float32",
    "NCHW",
    "rgb",
    MEAN,
    STD,
    preprocessing=Preprocessing(short_side=256, crop=(224, 224)),
)


def ours(path: Path) -> Array:
    """What predict, the harness and the apps do."""
    return image_input(path, SPEC)


def pillow(path: Path) -> Array:
    """The same by Pillow and numpy, as torchvision's transforms call them."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    width, height = image.size
    short = min(width, height)
    image = image.resize((256 * width // short, 256 * height // short), Image.Resampling.BILINEAR)
    left, top = round((image.width - 224) / 2), round((image.height - 224) / 2)
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32) / 255
    made: Array = ((pixels - np.float32(MEAN)) / np.float32(STD)).transpose(2, 0, 1)[None].astype(np.float32)
    return made


def decode(path: Path) -> None:
    """Nothing but the decoded image."""
    with Image.open(path) as image:
        image.load()


WAYS: dict[str, Callable[[Path], object]] = {"ours": ours, "pillow": pillow, "decode": decode}


def make_photograph(path: Path, megapixels: float = 12) -> None:
    """Smooth shapes with grain, 4 to 3."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = height * 4 // 3
    generator = np.random.default_rng(0)
    small = Image.fromarray(generator.integers(0, 256, (height // 64, width // 64, 3), np.uint8))
    smooth = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    grain = generator.integers(-8, 9, (height, width, 1), np.int16)
    Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(path, quality=92)


def peak_bytes(way: str, path: Path) -> int:
    """Peak resident memory of a process that does it once."""
    command = [sys.executable, __file__, str(path), "--once", way]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def own_peak_bytes() -> int:
    """Of this process. What getrusage says on Linux includes the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> int:
    """Print the comparison; with --once do one way once and print this process's peak memory."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("image", type=Path, nargs="?")
    parser.add_argument("--once", choices=WAYS)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    if options.once:
        WAYS[options.once](options.image)
        print(own_peak_bytes())
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = options.image or Path(folder) / "photograph.jpg"
        if options.image is None:
            make_photograph(path)
        difference = float(np.abs(ours(path) - pillow(path)).max())
        times: dict[str, list[float]] = {"ours": [], "pillow": []}
        for _ in range(options.rounds):
            for way, taken in times.items():
                start = time.process_time()
                WAYS[way](path)
                taken.append(1000 * (time.process_time() - start))
        medians = {way: statistics.median(taken) for way, taken in times.items()}
        print(f"largest difference of the two tensors: {difference:.2g}")
        for way, median in medians.items():
            print(f"{way}: {median:.1f} ms of one core (median of {options.rounds})")
        print(f"ratio: {medians['ours'] / medians['pillow']:.2f}")
        peaks = {way: peak_bytes(way, path) for way in WAYS}
        print(f"peak memory over the decoded image alone: ours {(peaks['ours'] - peaks['decode']) / 1e6:.1f} MB, "
              f"Pillow and numpy {(peaks['pillow'] - peaks['decode']) / 1e6:.1f} MB")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
