# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy doctor``."""

from __future__ import annotations

import click

from mdeploy.backends.table import CONVERTED, info_of
from mdeploy.cli import options

__all__ = ["command"]


@click.command("doctor", short_help="Check what is installed here and say how to get the rest.")
@click.option("--install-caffe2", is_flag=True, help="Set up real Caffe2 (Python 3.9, 880 MB) for parity, then check.")
@click.option(
    "--install",
    "backend",
    type=click.Choice(CONVERTED),
    help="Set up another backend in an environment of its own, then check. Small ones also come by pip: "
    f"pip install 'mdeploy[{','.join(name for name in CONVERTED if not info_of(name).heavy)}]'.",
)
@options.json_option
def command(install_caffe2: bool, backend: str | None, as_json: bool) -> int:
    """Show versions, backends and tools, and how to get what is missing.

    Exit code 5 when something is missing that the main job needs.

    \b
    mdeploy doctor
    mdeploy doctor --install-caffe2
    mdeploy doctor --install litert
    """
    from mdeploy.cli.show.lists import doctor_table
    from mdeploy.cli.show.output import print_json, stdout_console
    from mdeploy.cli.show.terminal import print_table
    from mdeploy.doctor import examine
    from mdeploy.errors import UnavailableError
    from mdeploy.progress import status

    if install_caffe2:
        from mdeploy.backends.caffe2 import install

        with status("real Caffe2") as tell:
            python = install(tell)
        click.echo(f"real Caffe2: {python}", err=as_json)
    if backend:
        from mdeploy.backends.optional import environment

        with status(backend) as tell:
            python = environment.install(info_of(backend), tell)
        click.echo(f"{backend}: {python}", err=as_json)
    health = examine()
    if as_json:
        print_json(health.to_json())
    else:
        print_table(doctor_table(health), stdout_console())
    return UnavailableError.exit_code if health.missing_required else 0
