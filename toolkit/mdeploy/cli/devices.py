# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy devices``."""

from __future__ import annotations

import dataclasses

import click

from mdeploy.cli import options

__all__ = ["command"]


@click.command("devices", short_help="List the devices that bench can use.")
@options.json_option
def command(as_json: bool) -> None:
    """List the devices that bench can use: this machine, emulators, and Android devices that adb sees.

    \b
    mdeploy devices
    mdeploy bench --device adb:SERIAL
    """
    from rich.markup import escape
    from rich.table import Table

    from mdeploy.cli.show.output import print_json, stdout_console
    from mdeploy.deployment.devices import list_devices
    from mdeploy.progress import status

    with status("looking for devices"):
        devices = list_devices()
    if as_json:
        print_json({"devices": [dataclasses.asdict(device) for device in devices]})
        return
    table = Table()
    table.add_column("--device", no_wrap=True)
    for heading in ("Device", "System", "ABI"):
        table.add_column(heading)
    table.add_column("Cores", justify="right")
    table.add_column("")
    for device in devices:
        verdict = "[green]ready[/]" if device.available else f"[yellow]{escape(device.note)}[/]"
        cores = "" if device.cores is None else str(device.cores)
        table.add_row(*map(escape, (device.name, device.description, device.os, device.abi)), cores, verdict)
    stdout_console().print(table)
