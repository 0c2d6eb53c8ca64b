# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mdeploy.backends.optional.engine import EXTRAS
from mdeploy.cli import options

if TYPE_CHECKING:
    from mdeploy.doctor import Health

__all__ = ["command"]


@click.command("doctor", short_help="Check what is installed here and say how to get the rest.")
@click.option("--install-caffe2", is_flag=True, help="Set up real Caffe2 (Python 3.9, 880 MB) for parity, then check.")
@click.option(
    "--install",
    "extra",
    type=click.Choice(EXTRAS),
    help="Set up another runtime in an environment of its own, then check. Light ones can be had by pip as well: "
    "pip install 'mdeploy[openvino,ncnn,mnn]'.",
)
@options.json_option
def command(install_caffe2: bool, extra: str | None, as_json: bool) -> int:
    """Show versions, runtimes and tools, and how to get what is missing.

    Exit code 5 when something is missing that the main job cannot do without.

    \b
    mdeploy doctor
    mdeploy doctor --install-caffe2
    mdeploy doctor --install litert
    """
    from mdeploy.cli.show.output import print_json
    from mdeploy.doctor import examine
    from mdeploy.errors import UnavailableError
    from mdeploy.progress import status

    if install_caffe2:
        from mdeploy.backends.caffe2 import install

        with status("real Caffe2") as tell:
            python = install(tell)
        click.echo(f"real Caffe2: {python}", err=as_json)
    if extra:
        from mdeploy.backends.optional import environment
        from mdeploy.backends.optional.engine import engine_of

        with status(extra) as tell:
            python = environment.install(engine_of(extra), tell)
        click.echo(f"{extra}: {python}", err=as_json)
    health = examine()
    if as_json:
        print_json(health.to_json())
    else:
        _print(health)
    return UnavailableError.exit_code if health.missing_required else 0


def _print(health: Health) -> None:
    from rich.markup import escape
    from rich.table import Table

    from mdeploy.cli.show.output import stdout_console

    console = stdout_console()
    title = f"mdeploy {health.mdeploy}, Python {health.python}, {health.system}, {health.cores} cores"
    table = Table(title=title, title_justify="left")
    for heading in ("", "What", "Version", "Needed for", "Note"):
        table.add_column(heading)
    kind = ""
    for finding in health.findings:
        if kind and finding.kind != kind:
            table.add_section()
        kind = finding.kind
        mark = (
            "[green]ok[/]" if finding.found else ("[bold red]missing[/]" if finding.required else "[yellow]missing[/]")
        )
        note = "" if finding.found else "; ".join(filter(None, (finding.detail, finding.install)))
        name = f"{finding.name} (backend)" if finding.kind == "backend" else finding.name
        table.add_row(mark, escape(name), escape(finding.version), escape(finding.needed_for), escape(note))
    console.print(table)
