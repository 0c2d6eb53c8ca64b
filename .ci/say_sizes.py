# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Says how much pip is about to fetch, before it does: ``say_sizes.py base`` or ``dev``. Silent where it is there.

Figures of November 2026 on x86-64 Linux, Python 3.11; what is in pip's cache is not fetched again.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys

_SIZES = {
    "base": ("torch", "fetching the main job's packages from PyPI: 3.2 GB, and 6.2 GB in the virtual environment"),
    "dev": ("openvino", "fetching what the tests need beside: 0.3 GB, and 0.9 GB in the virtual environment"),
}
_CUDA = """\
  2.5 GB of it are CUDA libraries, without which PyPI's torch for Linux does not start, GPU or none. PyTorch's own index
  for the CPU has a build without them: make demo TORCH_INDEX=URL"""


def main(which: str) -> None:
    """Print the size of ``which`` unless its largest package is installed."""
    package, words = _SIZES[which]
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        cuda = which == "base" and sys.platform == "linux" and not os.environ.get("TORCH_INDEX")
        if which == "base" and not cuda:
            words = "fetching the main job's packages: under 1 GB"
        print(words, *([_CUDA] if cuda else []), sep="\n", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
