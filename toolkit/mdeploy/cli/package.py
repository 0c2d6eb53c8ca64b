# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy package``."""

from __future__ import annotations

from pathlib import Path

import click

from mdeploy.cli import options

__all__ = ["command"]


@click.command("package", short_help="Make what goes onto a phone: a zip, and an app.")
@options.artifact_argument
@click.option(
    "--target",
    type=click.Choice(["android", "ios", "host"]),
    required=True,
    help="What the package is to run on.",
)
@options.output_option("Directory for the packages.")
@click.option("--apk/--no-apk", default=None, help="Also make NAME.apk, the app. Default: where its base is installed.")
@options.keystore_option()
@options.json_option
def command(artifact: Path, target: str, output: Path, apk: bool | None, keystore: Path | None, as_json: bool) -> None:
    """Make what goes onto a phone.

    ARTIFACT is the directory that convert wrote (default: mdeploy-out). NAME-android.zip holds the harness for each
    ABI, the nets, the manifest, golden vectors and a run script for adb; NAME.apk is the same as an app. NAME-ios.zip
    is a Swift package with the nets and the runtime's sources, and an app that Xcode opens. Equal inputs give equal
    bytes.

    \b
    mdeploy package --target android
    mdeploy package --target ios
    mdeploy package my-artifact --target host -o packages
    mdeploy package --target android --apk --keystore release.p12
    """
    from mdeploy import figures
    from mdeploy.api import package
    from mdeploy.cli.show.output import print_json
    from mdeploy.progress import status

    with status("package") as tell:
        made = package(artifact, target, output=output, apk=apk, keystore=keystore, tell=tell)
    if as_json:
        print_json({"packages": [{"path": str(path), "bytes": path.stat().st_size} for path in made]})
        return
    for path in made:
        click.echo(f"{path}  {figures.size(path.stat().st_size)}")
    if target == "android" and len(made) == 1 and apk is None:
        click.echo(
            "no APK: the app's compiled base is not there; `make android-base` in a source tree makes it",
            err=True,
        )
