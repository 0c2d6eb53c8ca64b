# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The APK for a real model: what Android's tools say of it, and that the code in it computes what it should."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from mdeploy.deployment.package import apk as apk_module
from mdeploy.deployment.package.android_base import HARNESS_LIBRARY, build_base
from mdeploy.deployment.package.apk import build_apk
from mdeploy.deployment.package.elf import PAGE_BYTES, read_elf
from mdeploy.deployment.package.signing_keys import debug_key
from mdeploy.errors import InputError, UnavailableError
from mdeploy.formats.artifact import Artifact

EMULATORS = {"arm64-v8a": "qemu-aarch64-static", "armeabi-v7a": "qemu-arm-static", "x86_64": None}


def tool(*command: object) -> str:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def unpacked(apk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(apk) as archive:
        archive.extractall(folder)
    return folder


def test_signature(apk: Path) -> None:
    said = tool("apksigner", "verify", "--verbose", apk)
    assert "APK Signature Scheme v2): true" in said
    assert "APK Signature Scheme v3): true" in said


def test_what_android_reads_of_it(apk: Path) -> None:
    badging = tool("aapt", "dump", "badging", apk)
    assert "package: name='org.mdeploy.harness'" in badging
    assert "sdkVersion:'26'" in badging
    assert "targetSdkVersion:'36'" in badging
    assert "launchable-activity: name='org.mdeploy.harness.MainActivity'" in badging
    assert "native-code: 'arm64-v8a' 'armeabi-v7a' 'x86_64'" in badging
    assert "application-debuggable" in badging  # run-as, by which the host fetches reports, asks for it
    # To post a report where the user or the host says, and for nothing else.
    assert re.findall(r"uses-permission\S*: name='([^']+)'", badging) == ["android.permission.INTERNET"]
    tree = tool("aapt", "dump", "xmltree", apk, "AndroidManifest.xml")
    assert re.search(r"android:extractNativeLibs\(0x[0-9a-f]+\)=\(type 0x12\)0xffffffff", tree)
    assert re.search(r"E: instrumentation .*\n(?:\s+A: .*\n)*\s+A: android:name.*BenchInstrumentation", tree)


def test_alignment(apk: Path) -> None:
    tool("zipalign", "-c", "-p", "-v", "4", apk)
    content = apk.read_bytes()
    with zipfile.ZipFile(apk) as archive:
        for info in archive.infolist():
            name, extra = struct.unpack_from("<2H", content, info.header_offset + 26)
            start = info.header_offset + 30 + name + extra
            if info.filename.startswith("lib/"):
                assert info.compress_type == zipfile.ZIP_STORED
                assert start % PAGE_BYTES == 0, info.filename
            elif info.compress_type == zipfile.ZIP_STORED:
                assert start % 4 == 0, info.filename
        # From target SDK 30 on Android installs no app whose resource table is compressed.
        assert archive.getinfo("resources.arsc").compress_type == zipfile.ZIP_STORED


@pytest.mark.parametrize("abi", EMULATORS)
def test_native_code_fits_every_page_size(unpacked: Path, abi: str) -> None:
    elf = read_elf(unpacked / "lib" / abi / HARNESS_LIBRARY)
    assert elf.static
    assert elf.load_alignment >= PAGE_BYTES


def test_the_model_is_the_artifacts(unpacked: Path, artifact: Artifact) -> None:
    model = unpacked / "assets" / "model"
    for name in ["manifest.json", *artifact.manifest.files]:
        if name != "model.onnx":
            assert (model / name).read_bytes() == (artifact.path / name).read_bytes(), name
    assert not (model / "model.onnx").exists()


@pytest.mark.parametrize("abi", EMULATORS)
def test_its_code_passes_the_golden_vectors(unpacked: Path, artifact: Artifact, abi: str, tmp_path: Path) -> None:
    emulator = EMULATORS[abi]
    if emulator is not None and shutil.which(emulator) is None:
        pytest.skip(f"{emulator} is not installed")
    program, model = unpacked / "lib" / abi / HARNESS_LIBRARY, unpacked / "assets" / "model"
    program.chmod(0o755)
    command = [*([emulator] if emulator else []), program, "--init", model / "init_net.pb"]
    command += ["--predict", model / "predict_net.pb", "--manifest", model / "manifest.json"]
    command += ["--golden", model / "golden", "--runs", "1", "--report", tmp_path / "report.json"]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["status"] == "ok"
    cases = [case.case for case in artifact.golden_cases()]
    assert [row["case"] for row in report["parity"]] == cases
    assert all(row["passed"] for row in report["parity"])
    assert report["emulated"] == (emulator is not None)


def test_same_inputs_give_the_same_bytes(
    artifact: Artifact, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    first = build_apk(artifact, tmp_path / "first.apk", base=base).read_bytes()
    assert build_apk(artifact, tmp_path / "second.apk", base=base).read_bytes() == first
    # Another key changes the signing block alone.
    debug_key(tmp_path / "other.pem")
    other = build_apk(artifact, tmp_path / "other.apk", keystore=tmp_path / "other.pem", base=base).read_bytes()
    assert other != first
    assert without_signature(other) == without_signature(first)


def without_signature(content: bytes) -> tuple[bytes, bytes]:
    directory = struct.unpack_from("<I", content, len(content) - 6)[0]
    block = struct.unpack_from("<Q", content, directory - 24)[0]
    return content[: directory - block - 8], content[directory:-6]


def test_the_base_is_the_same_again(base: Path, tmp_path: Path) -> None:
    assert build_base(tmp_path / "again.zip").read_bytes() == base.read_bytes()


def test_without_a_base(artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apk_module, "BASE_PATH", tmp_path / "missing.zip")
    with pytest.raises(UnavailableError, match="make android-base"):
        build_apk(artifact, tmp_path / "a.apk")


def test_a_broken_base(artifact: Artifact, tmp_path: Path) -> None:
    broken = tmp_path / "base.zip"
    broken.write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read"):
        build_apk(artifact, tmp_path / "a.apk", base=broken)
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("AndroidManifest.xml", b"x")
    with pytest.raises(InputError, match=r"lacks classes\.dex, resources\.arsc, lib/"):
        build_apk(artifact, tmp_path / "a.apk", base=broken)
    assert not (tmp_path / "a.apk").exists()
