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
    """List the devices that bench can use: this machine, emulators, Android devices that adb sees and, on a
    Mac with Xcode, iPhones and running simulators.

    \b
    mdeploy devices
    mdeploy bench --device adb:SERIAL
    """
    from mdeploy.cli.show.lists import devices_table
    from mdeploy.cli.show.output import print_json, stdout_console
    from mdeploy.cli.show.terminal import print_table
    from mdeploy.deployment.devices import list_devices
    from mdeploy.progress import status

    with status("looking for devices"):
        devices = list_devices()
    if as_json:
        print_json({"devices": [dataclasses.asdict(device) for device in devices]})
        return
    print_table(devices_table(devices), stdout_console())
