# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``NAME-ios.zip``: a Swift package of the runtime's sources with the net in it, and an app that Xcode opens.

No binary is in it: Xcode compiles the sources, so that nothing has to be made on a Mac first.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mdeploy.deployment.package.archive import Entry
from mdeploy.deployment.package.cross import runtime_sources
from mdeploy.deployment.package.layout import payload
from mdeploy.errors import UnavailableError
from mdeploy.formats.artifact import Artifact
from mdeploy.native.sources import source_files

__all__ = ["ios_entries"]

MODELS = "ios_harness/Sources/MDeployModels/Artifacts"
"""Where the package has its nets, each in a folder of its name."""

_WITHOUT_MODELS = "let hasModels = false"
_WITH_MODELS = "let hasModels = true"
_SUFFIXES = {".swift", ".pbxproj", ".xcscheme", ".plist", ".json", ".png"}
_LEFT_OUT = {".build", ".swiftpm", "Artifacts", "MDeployTests", "xcuserdata"}

_README = """\
{name} for iPhone
{rule}

A Swift package with the net, the runtime's sources, and an app that proves on the device that the net answers as
PyTorch did, and measures it.

1. `unzip {file} -d {name}-ios` on a Mac with Xcode 16 or newer, and open {name}-ios/ios_harness/mdeploy.xcodeproj.
2. In the target "mdeploy", under Signing & Capabilities, choose your team.
3. Choose your iPhone (iOS 16 or newer) beside the Run button, and press it. In the app, press Start.

The report is in the Files app under On My iPhone, mdeploy: results.json. Where mdeploy is:

    mdeploy report results.json -o report.html

In an app of your own: File, Add Package Dependencies, Add Local, this folder; take MDeploy and MDeployModels, then

    import MDeploy
    import MDeployModels

    let artifact = try Artifact(directory: Models.folder!.appendingPathComponent("{name}"))
    let classifier = try Classifier(artifact)              // once; threads may share it
    let top = try classifier.classify(RGBAImage(image))  // a CGImage, or RGBAImage(decoding: data)
    print(top[0].label, top[0].probability)

Without a phone, on a Mac or on Linux: `swift test` proves parity and prints the report of every net.

Package.swift                    the package: iOS 16, macOS 13, Linux
{models}/{name}
                                 the nets, manifest.json, and golden/: inputs, and what PyTorch answered
runtime/                         the C++ sources
ios_harness/                     Swift: the library MDeploy, the app (MDeployAppModel, App), the command mdeploy-swift
"""


def ios_entries(artifact: Artifact, file: str) -> list[Entry]:
    """What the zip called ``file`` holds. Raises ``UnavailableError`` where this installation has no sources."""
    runtime = runtime_sources()
    swift = _swift_sources(runtime)
    if runtime is None or swift is None:
        raise UnavailableError(
            "--target ios: no Swift sources in this installation; reinstall mdeploy from a source tree or a wheel"
        )
    manifest = (swift / "Package.swift").read_text(encoding="utf-8").replace(_WITHOUT_MODELS, _WITH_MODELS)
    entries = [
        Entry("Package.swift", manifest.encode()),
        Entry("README.md", _readme(artifact.name, file).encode()),
    ]
    for path in source_files(runtime):
        entries.append(Entry(f"runtime/{path.relative_to(runtime).as_posix()}", path))
    for path in _swift_files(swift / "ios_harness"):
        entries.append(Entry(path.relative_to(swift).as_posix(), path))
    for name, source in payload(artifact).items():
        entries.append(Entry(f"{MODELS}/{artifact.name}/{name}", source, stored=source.suffix in {".pb", ".npy"}))
    return entries


def _readme(name: str, file: str) -> str:
    return _README.format(name=name, file=file, rule="=" * len(f"{name} for iPhone"), models=MODELS)


def _swift_sources(runtime: Path | None) -> Path | None:
    """The folder with Package.swift and ios_harness: this source tree, or what the installed package carries."""
    if runtime is None:
        return None
    folders = (runtime.parent, runtime.parent / "_swift")
    return next((folder for folder in folders if (folder / "Package.swift").is_file()), None)


def _swift_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in _SUFFIXES and path.is_file() and not _LEFT_OUT & set(path.relative_to(folder).parts):
            yield path
