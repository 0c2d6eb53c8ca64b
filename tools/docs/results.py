# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/results.md: the paper's Tables 4 and 5 for the bundled model, by the commands that the page names.

    python -m tools.docs.results CIFAR10_TEST_FOLDER [-o docs/results.md] [--backends A,B] [--limit N] [--work FOLDER]

The folder holds one folder per class. Times are only as good as the machine is idle meanwhile. With --work a step whose
outcome lies there already is not run again.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINT = ROOT / "examples" / "resnest_small_cifar10.pt"
IMAGE = ROOT / "examples" / "demo_picture.png"

PAGE = """\
<!-- Written by `python -m tools.docs.results`; do not edit. -->
# Results

The paper's Tables 4 and 5 for the bundled model, `examples/resnest_small_cifar10.pt`. Every runtime computes in float32
on one thread, in a process of its own, and they take turns of 32 images; an image's time is that of the runtime
alone. The paper's small set was 50 images from outside CIFAR; here it is a subset of the large one, spread evenly
over its classes. The interval is Wilson's, at 95 %. Loading is the runtime, the model and the first run. Peak memory is
the process's, Python included, and all of torch where the runtime comes with it.

Measured on {machine}.

```console
{commands}
```

## Table 4: scores on one image

{table4}
## Table 5: test sets

{table5}
"""


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option("-o", "output", type=click.Path(path_type=Path), default=ROOT / "docs" / "results.md")
@click.option("--backends", help="Default: every installed one.")
@click.option("--limit", type=int, help="Fewer images of the large set, for trying this out.")
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), help="Default: a folder that is removed.")
def main(data: Path, output: Path, backends: str | None, limit: int | None, work: Path | None) -> None:
    """Run the commands in an empty folder and write the page."""
    chosen = ["--backends", backends] if backends else []
    fewer = ["--limit", str(limit)] if limit else []
    evaluate = ["evaluate", "--data", "cifar10/test", "--small-data", "cifar10/test", "--small-limit", "50"]
    steps = {  # by what they write
        "mdeploy-out": ["convert", CHECKPOINT.name],
        "table4.md": ["predict", IMAGE.name, "--threads", "1", *chosen, "--markdown", "table4.md"],
        "table5.md": [*evaluate, *fewer, *chosen, "--markdown", "table5.md"],
    }
    with tempfile.TemporaryDirectory() as place:
        folder = work or Path(place)
        (folder / "cifar10").mkdir(parents=True, exist_ok=True)
        for path in (CHECKPOINT, IMAGE):
            shutil.copy(path, folder)
        if not (folder / "cifar10" / "test").is_symlink():
            (folder / "cifar10" / "test").symlink_to(data.resolve())
        for made, command in steps.items():
            click.echo(f"mdeploy {' '.join(command)}", err=True)
            if not (folder / made).exists():
                done = subprocess.run([Path(sys.executable).with_name("mdeploy"), *command], cwd=folder, check=False)
                if done.returncode:
                    raise SystemExit(done.returncode)
        page = PAGE.format(
            machine=_machine(),
            commands="\n".join(f"$ mdeploy {' '.join(command)}" for command in steps.values()),
            table4=_body(folder / "table4.md"),
            table5=_body(folder / "table5.md"),
        )
    partial = output.with_suffix(".partial")
    partial.write_text(page, encoding="utf-8")
    partial.replace(output)


def _body(path: Path) -> str:
    """The tables without the heading that the page has already."""
    return re.sub(r"^## .*\n+", "", path.read_text(encoding="utf-8"))


def _machine() -> str:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        found = re.search(r"^model name\s*: (.*)$", info.read_text(), re.M)
        model = found[1] if found else model
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )


if __name__ == "__main__":
    main()
