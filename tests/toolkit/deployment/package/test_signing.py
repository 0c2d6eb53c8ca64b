# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""APK signatures, judged by Android's apksigner. The archives hold a manifest that says which API level they need."""

from __future__ import annotations

import datetime
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from mdeploy.deployment.package.apk_zip import ApkWriter
from mdeploy.deployment.package.signing import write_signed_apk
from mdeploy.deployment.package.signing_keys import SigningKey
from mdeploy.errors import InputError


def key_of(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> SigningKey:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test")])
    start = datetime.datetime(2024, 1, 1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start.replace(year=2054))
    return SigningKey(private, builder.sign(private, hashes.SHA256()))


KEYS = {
    "rsa2048": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "rsa4096": lambda: rsa.generate_private_key(public_exponent=65537, key_size=4096),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
}


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A compiled AndroidManifest.xml, which apksigner wants to see."""
    aapt, framework = shutil.which("aapt"), Path("/usr/share/android-framework-res/framework-res.apk")
    if aapt is None or not framework.exists() or shutil.which("apksigner") is None:
        pytest.skip("aapt, apksigner or android-framework-res is not installed")
    folder = tmp_path_factory.mktemp("manifest")
    (folder / "AndroidManifest.xml").write_text(
        '<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="a.b">'
        '<uses-sdk android:minSdkVersion="26"/></manifest>'
    )
    command = [aapt, "package", "-M", folder / "AndroidManifest.xml", "-I", framework, "-F", folder / "out.zip"]
    subprocess.run(command, check=True, capture_output=True)
    with zipfile.ZipFile(folder / "out.zip") as archive:
        return archive.read("AndroidManifest.xml")


def fill(apk: ApkWriter) -> None:
    apk.add_stored("lib/arm64-v8a/libx.so", b"\x7fELF" * 500)
    apk.add_stored("assets/model/init_net.pb", b"weights" * 600_000)  # more than one chunk of the digest


def fill_app(apk: ApkWriter, manifest: bytes) -> None:
    apk.add_stored("AndroidManifest.xml", manifest)
    fill(apk)


def verify(path: Path) -> str:
    command = ["apksigner", "verify", "--verbose", "--print-certs", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", KEYS)
def test_apksigner_verifies(tmp_path: Path, manifest: bytes, kind: str) -> None:
    path = tmp_path / "a.apk"
    write_signed_apk(path, key_of(KEYS[kind]()), lambda apk: fill_app(apk, manifest))
    report = verify(path)
    assert "Verified using v2 scheme (APK Signature Scheme v2): true" in report, report
    assert "Verified using v3 scheme (APK Signature Scheme v3): true" in report, report
    assert "Number of signers: 1" in report
    assert "WARNING" not in report
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None


@pytest.mark.parametrize("position", ["first", "middle", "directory", "end"])
def test_a_changed_byte_is_noticed(tmp_path: Path, manifest: bytes, position: str) -> None:
    path = tmp_path / "a.apk"
    write_signed_apk(path, key_of(KEYS["p256"]()), lambda apk: fill_app(apk, manifest))
    content = bytearray(path.read_bytes())
    index = {
        "first": 14,  # the checksum of the first entry
        "middle": len(content) // 2,
        "directory": content.rindex(b"PK\x01\x02") + 16,
        "end": len(content) - 12,
    }[position]
    content[index] ^= 1
    path.write_bytes(content)
    assert "Verified using v2 scheme (APK Signature Scheme v2): true" not in verify(path)


def test_taking_off_v3_is_noticed(tmp_path: Path, manifest: bytes) -> None:
    path = tmp_path / "a.apk"
    write_signed_apk(path, key_of(KEYS["p256"]()), lambda apk: fill_app(apk, manifest))
    content = path.read_bytes()
    assert content.count(bytes.fromhex("c06853f0")) == 1
    path.write_bytes(content.replace(bytes.fromhex("c06853f0"), bytes.fromhex("77777777")))
    report = verify(path)
    assert "DOES NOT VERIFY" in report, report


def test_rsa_signatures_are_the_same_again(tmp_path: Path) -> None:
    key = key_of(KEYS["rsa2048"]())
    for name in ("a.apk", "b.apk"):
        write_signed_apk(tmp_path / name, key, fill)
    assert (tmp_path / "a.apk").read_bytes() == (tmp_path / "b.apk").read_bytes()


def test_nothing_is_left_of_a_failed_write(tmp_path: Path) -> None:
    path = tmp_path / "a.apk"
    path.write_bytes(b"old")

    def fail(apk: ApkWriter) -> None:
        fill(apk)
        apk.add_stored("assets/missing", tmp_path / "missing")

    with pytest.raises(InputError, match="cannot read"):
        write_signed_apk(path, key_of(KEYS["p256"]()), fail)
    assert [file.name for file in tmp_path.iterdir()] == ["a.apk"]
    assert path.read_bytes() == b"old"
    with pytest.raises(InputError, match="cannot write"):
        write_signed_apk(tmp_path / "no" / "a.apk", key_of(KEYS["p256"]()), fill)
