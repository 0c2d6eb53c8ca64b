# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Keystores: the debug key, and what users bring, made here with cryptography and with the JDK's keytool."""

from __future__ import annotations

import concurrent.futures
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from mdeploy.deployment.package.signing_keys import (
    PASSWORD_VARIABLE,
    SigningKey,
    debug_key,
    debug_key_path,
    load_keystore,
)
from mdeploy.errors import InputError, UnavailableError


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return debug_key(tmp_path / "debug.pem")


def pkcs12(path: Path, key: SigningKey, password: bytes | None) -> Path:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    path.write_bytes(
        serialization.pkcs12.serialize_key_and_certificates(b"k", key.private_key, key.certificate, None, encryption)
    )
    return path


def test_debug_key_is_made_once_and_kept_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    first = debug_key()
    assert debug_key().certificate_der == first.certificate_der
    assert debug_key_path().parent == tmp_path / "mdeploy"
    assert stat.S_IMODE(debug_key_path().stat().st_mode) == 0o600
    assert [path.name for path in debug_key_path().parent.iterdir()] == ["debug-keystore.pem"]


def test_debug_key_made_by_several_at_once_is_one_key(tmp_path: Path) -> None:
    path = tmp_path / "debug.pem"
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        keys = list(pool.map(lambda _: debug_key(path).certificate_der, range(4)))
    assert len(set(keys)) == 1


def test_debug_key_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write the debug signing key"):
        debug_key(tmp_path / "file" / "debug.pem")


def test_pkcs12_with_and_without_password(tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    assert load_keystore(pkcs12(tmp_path / "open.p12", key, None)).public_key_der == key.public_key_der
    closed = pkcs12(tmp_path / "closed.p12", key, b"secret")
    assert load_keystore(closed, lambda: "secret").public_key_der == key.public_key_der
    with pytest.raises(InputError, match="password is wrong"):
        load_keystore(closed, lambda: "wrong")
    monkeypatch.setenv(PASSWORD_VARIABLE, "secret")
    assert load_keystore(closed).public_key_der == key.public_key_der


def test_nobody_to_ask_for_the_password(tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UnavailableError, match=PASSWORD_VARIABLE):
        load_keystore(pkcs12(tmp_path / "closed.p12", key, b"secret"))


def test_encrypted_pem(tmp_path: Path, key: SigningKey) -> None:
    path = tmp_path / "key.pem"
    pem = key.private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pw")
    )
    path.write_bytes(pem + key.certificate.public_bytes(serialization.Encoding.PEM))
    assert load_keystore(path, lambda: "pw").certificate_der == key.certificate_der
    path.write_bytes(pem)
    with pytest.raises(InputError, match="no certificate beside the private key"):
        load_keystore(path, lambda: "pw")


def test_keytool_keystore(tmp_path: Path) -> None:
    keytool = shutil.which("keytool")
    if keytool is None:
        pytest.skip("keytool (a JDK) is not installed")
    path = tmp_path / "release.p12"
    command = [keytool, "-genkeypair", "-keystore", path, "-storetype", "PKCS12", "-storepass", "android"]
    command += ["-alias", "release", "-keyalg", "EC", "-groupname", "secp384r1", "-dname", "CN=Test"]
    subprocess.run(command, check=True, capture_output=True)
    assert load_keystore(path, lambda: "android").private_key.key_size == 384


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xfe\xed\xfe\xed\x00\x00\x00\x02", "keytool -importkeystore"),
        (b"", "neither a PKCS #12 nor a PEM"),
        (b"hello", "neither a PKCS #12 nor a PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no certificate"),
        (bytes((1 << 20) + 1), "too large"),
    ],
)
def test_what_is_no_keystore(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "keystore"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_keystore(path, lambda: "x")


def test_truncated_keystores(tmp_path: Path, key: SigningKey) -> None:
    whole = pkcs12(tmp_path / "k.p12", key, b"secret").read_bytes()
    path = tmp_path / "short.p12"
    for length in range(1, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            load_keystore(path, lambda: "secret")


def test_key_that_android_does_not_verify(tmp_path: Path, key: SigningKey) -> None:
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "key.pem"
    path.write_bytes(pem + key.certificate.public_bytes(serialization.Encoding.PEM))
    with pytest.raises(InputError, match="RSA and EC keys only"):
        load_keystore(path)


def test_certificate_of_another_key(tmp_path: Path, key: SigningKey) -> None:
    other = debug_key(tmp_path / "other.pem")
    path = tmp_path / "key.pem"
    path.write_bytes(
        key.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + other.certificate.public_bytes(serialization.Encoding.PEM)
    )
    with pytest.raises(InputError, match="for another key"):
        load_keystore(path)
