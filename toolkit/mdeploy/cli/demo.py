# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy demo``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from mdeploy.cli import options

__all__ = ["command"]

T = TypeVar("T")


@click.command("demo", short_help="Run the main job on the bundled checkpoint.")
@options.output_option("Where everything goes.", "demo-out")
@options.tol_option("tol")
def command(output: Path, tol: float) -> int:
    """Take the bundled checkpoint through the whole way: convert, predict, parity, package, bench.

    The checkpoint is a small ResNeSt trained on CIFAR-10. Each step shows the command that does the same. Exit code 1
    when a backend does not agree with PyTorch.

    \b
    mdeploy demo
    mdeploy demo -o /tmp/demo
    """
    from mdeploy import figures
    from mdeploy.cli.show.bench import print_outcomes
    from mdeploy.cli.show.output import stdout_console
    from mdeploy.cli.show.parity import print_report
    from mdeploy.cli.show.prediction import print_predictions
    from mdeploy.demo import CHECKPOINT, IMAGE, Demo, bundled
    from mdeploy.errors import CheckFailed
    from mdeploy.progress import status

    console = stdout_console()
    demo = Demo(output, tol)
    artifact_path = demo.artifact_path

    def step(number: int, shown: str, work: Callable[[], T]) -> T:
        console.print(f"\n[bold]{number}. mdeploy {shown}[/]", highlight=False, soft_wrap=True)
        with status(shown.partition(" ")[0]) as demo.tell:
            return work()

    artifact = step(1, f"convert {bundled(CHECKPOINT)} -o {artifact_path}", demo.convert).artifact
    manifest = artifact.manifest
    console.print(
        f"{artifact.path}: model.onnx, init_net.pb, predict_net.pb; {figures.count(manifest.parameters)} parameters, "
        f"{figures.count(manifest.macs)} multiply-adds",
        highlight=False,
        soft_wrap=True,
    )
    print_predictions(step(2, f"predict {artifact_path} {bundled(IMAGE)}", lambda: demo.predict(artifact)), 10, console)
    report = step(3, f"parity {artifact_path} --tol {tol:g}", lambda: demo.parity(artifact))
    print_report(report, console)
    if report.exit_code:
        raise CheckFailed("a backend does not agree with PyTorch; nothing was packaged")
    path = step(4, f"package {artifact_path} --target host", lambda: demo.package(artifact))
    console.print(f"{path}  {figures.size(path.stat().st_size)}", highlight=False, soft_wrap=True)
    code = print_outcomes(step(5, f"bench {artifact_path}", lambda: demo.bench(artifact)), as_json=False)
    console.print(
        f"\nFor a phone: mdeploy package {artifact_path} --target android\n"
        "It cross-compiles the harness for three ABIs: minutes the first time, then nothing.",
        highlight=False,
        soft_wrap=True,
    )
    return code
