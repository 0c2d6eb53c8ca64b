# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``NAME-TARGET.zip``: nets, manifest, golden vectors, and what runs them: harnesses and a script, or Swift."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from mdeploy.deployment.package.archive import Entry, write_zip
from mdeploy.deployment.package.cross import ANDROID_ABIS, HARNESS, harnesses, host_abi
from mdeploy.deployment.package.ios import ios_entries
from mdeploy.deployment.package.layout import HARNESS_ARGUMENTS, payload
from mdeploy.errors import UsageError
from mdeploy.formats.artifact import Artifact
from mdeploy.progress import Tell, quiet

__all__ = ["TARGETS", "build_zip"]

TARGETS = ("android", "host", "ios")
"""What can be built here."""

_STORED_SUFFIXES = {".pb", ".npy"}

_README = """\
{name}: a Caffe2 net pair with mdeploy's measuring harness
{rule}

init_net.pb, predict_net.pb   the nets
manifest.json                 what they are: inputs, outputs, labels, SHA-256 of every file
golden/                       inputs, and what PyTorch answered: the harness checks them before it measures
ABI/mdeploy-harness           the harness ({abis}): static, needs nothing on the device
run.sh                        runs it {where} and leaves the report in report.json

    unzip {file} -d {name}
    cd {name}
    ./run.sh --threads 1

{before}Or by hand: {by_hand}
./mdeploy-harness {arguments} --report report.json

Afterwards report.json has every latency, and says whether the outputs were those of PyTorch. Where mdeploy is:

    mdeploy report report.json -o report.html
    mdeploy diff earlier.json report.json

The first draws it as a page. The second says whether it is faster or slower than an earlier report.

Exit codes: 0 done; 1 parity failed; 2 usage; 3 input missing, corrupt or refused; 4 unsupported operator;
5 something needed is missing; 70 internal error; 130 interrupted.
"""


_BEFORE_ANDROID = """\
Before: adb (Android's platform-tools) must be on PATH, and USB debugging on. On the phone: Settings, About phone, tap
"Build number" seven times; then Settings, System, Developer options, USB debugging. Plug it in and allow this computer
when the phone asks; `adb devices` then lists it as "device".

"""


def build_zip(artifact: Artifact, target: str, folder: Path, tell: Tell = quiet) -> Path:
    """Write ``folder/NAME-TARGET.zip`` and return it. ``target`` is one of ``TARGETS``.

    The same artifact and harnesses give the same bytes.

    Raises:
        UsageError: there is no such target.
        UnavailableError: a harness is missing, or for iOS the sources.
        InputError: the place cannot be written.
    """
    if target not in TARGETS:
        raise UsageError(f"--target {target}: must be {' or '.join(TARGETS)}")
    path = folder / f"{artifact.name}-{target}.zip"
    entries = ios_entries(artifact, path.name) if target == "ios" else _entries(artifact, target, path.name, tell)
    tell(f"writing {path}")
    write_zip(path, entries)
    return path


def _entries(artifact: Artifact, target: str, file: str, tell: Tell) -> list[Entry]:
    executables = harnesses(ANDROID_ABIS, tell) if target == "android" else _host(tell)
    entries = [Entry(f"{abi}/{HARNESS}", executable, executable=True) for abi, executable in executables.items()]
    for name, source in payload(artifact).items():
        entries.append(Entry(name, source, stored=source.suffix in _STORED_SUFFIXES))
    entries.append(Entry("run.sh", _script(target, next(iter(executables))).encode(), executable=True))
    entries.append(Entry("README.md", _readme(artifact.name, target, file, list(executables)).encode()))
    return entries


def _host(tell: Tell) -> dict[str, Path]:
    return {host_abi(): harnesses(["host"], tell)["host"]}


def _script(target: str, abi: str) -> str:
    text = (resources.files(__package__) / f"run_{target}.sh").read_text(encoding="utf-8")
    return text.replace("@ARGUMENTS@", " ".join(HARNESS_ARGUMENTS)).replace("@ABI@", abi)


def _readme(name: str, target: str, file: str, abis: list[str]) -> str:
    android = target == "android"
    return _README.format(
        name=name,
        rule="=" * len(f"{name}: a Caffe2 net pair with mdeploy's measuring harness"),
        abis=", ".join(abis),
        where="on the Android device that adb sees" if android else "on this machine",
        file=file,
        before=_BEFORE_ANDROID if android else "",
        by_hand="push the files and one ABI's harness to /data/local/tmp/x, then in an `adb shell` there"
        if android
        else f"with {abis[0]}/mdeploy-harness",
        arguments=" ".join(HARNESS_ARGUMENTS),
    )
