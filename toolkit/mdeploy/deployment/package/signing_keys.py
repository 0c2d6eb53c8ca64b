# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Keys that sign APKs: a debug key of the user's own, made once, or a keystore that the user names."""

from __future__ import annotations

import datetime
import getpass
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from mdeploy.errors import InputError, UnavailableError
from mdeploy.files import reading, whole_file

__all__ = ["PASSWORD_VARIABLE", "SigningKey", "debug_key", "debug_key_path", "load_keystore"]

PASSWORD_VARIABLE = "MDEPLOY_KEYSTORE_PASSWORD"
_JKS_MAGIC = b"\xfe\xed\xfe\xed"
_DEBUG_KEY_BITS = 2048
_DEBUG_KEY_DAYS = 30 * 365
_MAX_KEYSTORE_BYTES = 1 << 20


@dataclass(frozen=True)
class SigningKey:
    """A private key with its certificate."""

    private_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def certificate_der(self) -> bytes:
        """The certificate as X.509 DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def public_key_der(self) -> bytes:
        """The public key as SubjectPublicKeyInfo DER."""
        return self.private_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def debug_key_path() -> Path:
    """Return where the debug key is kept: $XDG_DATA_HOME/mdeploy, by default ~/.local/share/mdeploy."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "mdeploy" / "debug-keystore.pem"


def debug_key(path: Path | None = None) -> SigningKey:
    """Return the user's debug key, made on first use. Android updates an app only when the key stays the same.

    Raises:
        InputError: the kept key cannot be read, or its place cannot be written.
    """
    path = path or debug_key_path()
    if not path.exists():
        try:
            _create_debug_key(path)
        except OSError as error:
            raise InputError(f"cannot write the debug signing key {path}: {error.strerror or error}") from error
    return load_keystore(path)


def load_keystore(path: Path, ask_password: Callable[[], str] | None = None) -> SigningKey:
    """Read a PKCS #12 or PEM keystore that holds one private key and its certificate.

    The password of an encrypted one comes from $MDEPLOY_KEYSTORE_PASSWORD, or from `ask_password`, or is asked for
    on the terminal.

    Raises:
        InputError: unreadable, of another form (JKS), wrong password, or a key that Android cannot verify.
        UnavailableError: a password is needed and there is nobody to ask.
    """
    with reading(path) as stream:
        content = stream.read(_MAX_KEYSTORE_BYTES + 1)
    if len(content) > _MAX_KEYSTORE_BYTES:
        raise InputError(f"{path} is too large to be a keystore")
    if content.startswith(_JKS_MAGIC):
        raise InputError(
            f"{path} is a Java keystore (JKS): convert it with "
            f"'keytool -importkeystore -srckeystore {path.name} -destkeystore release.p12 -deststoretype pkcs12'"
        )
    private_key, certificate = _parse(path, content, ask_password)
    if not isinstance(private_key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise InputError(f"{path}: Android verifies RSA and EC keys only, this one is {type(private_key).__name__}")
    if isinstance(private_key, rsa.RSAPrivateKey) and private_key.key_size < 1024:
        raise InputError(f"{path}: an RSA key of {private_key.key_size} bits is too short to sign an APK with")
    key = SigningKey(private_key, certificate)
    certified = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    if certified != key.public_key_der:
        raise InputError(f"{path}: the certificate is for another key than the one beside it")
    return key


def _parse(path: Path, content: bytes, ask_password: Callable[[], str] | None) -> tuple[object, x509.Certificate]:
    is_pem = b"-----BEGIN " in content
    try:
        return _read_pem(path, content, None) if is_pem else _read_pkcs12(path, content, None)
    except (TypeError, ValueError) as error:
        if is_pem and b"ENCRYPTED" not in content:
            raise InputError(f"{path}: not a readable PEM keystore ({error})") from error
        if not is_pem and content[:1] != b"\x30":  # a DER SEQUENCE, as every PKCS #12 file begins
            raise InputError(f"{path} is neither a PKCS #12 nor a PEM keystore") from error
    password = _password(path, ask_password).encode()
    try:
        return _read_pem(path, content, password) if is_pem else _read_pkcs12(path, content, password)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: the password is wrong or the keystore is damaged") from error


def _read_pem(path: Path, content: bytes, password: bytes | None) -> tuple[object, x509.Certificate]:
    certificates = x509.load_pem_x509_certificates(content) if b"BEGIN CERTIFICATE" in content else []
    if not certificates:
        raise InputError(f"{path}: no certificate beside the private key; append it to the PEM file")
    return serialization.load_pem_private_key(content, password), certificates[0]


def _read_pkcs12(path: Path, content: bytes, password: bytes | None) -> tuple[object, x509.Certificate]:
    private_key, certificate, _ = pkcs12.load_key_and_certificates(content, password)
    if private_key is None or certificate is None:
        raise InputError(f"{path}: no private key with a certificate in it")
    return private_key, certificate


def _password(path: Path, ask: Callable[[], str] | None) -> str:
    given = os.environ.get(PASSWORD_VARIABLE)
    if given is not None:
        return given
    if ask is not None:
        return ask()
    if sys.stdin is None or not sys.stdin.isatty():
        raise UnavailableError(f"keystore {path} needs a password: set {PASSWORD_VARIABLE} or run on a terminal")
    return getpass.getpass(f"Password of {path}: ")


def _create_debug_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_DEBUG_KEY_BITS)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "Android Debug"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "mdeploy"),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
        ]
    )
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_DEBUG_KEY_DAYS))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, private=True, overwrite=False) as stream:  # never over a key that was just made elsewhere
        stream.write(pem)
