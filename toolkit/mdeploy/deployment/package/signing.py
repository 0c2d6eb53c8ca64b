# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""APK Signature Schemes v2 and v3 (https://source.android.com/docs/security/features/apksigning).

Both sign the whole file: the entries, the central directory and the end record, each cut into chunks of 1 MiB whose
digests are digested again. The result lies in a block between the entries and the central directory. v1 (jar) signing
is not needed from Android 7 on, and the package asks for Android 8.
"""

from __future__ import annotations

import hashlib
import mmap
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from mdeploy.deployment.package.apk_zip import ApkWriter
from mdeploy.deployment.package.signing_keys import SigningKey
from mdeploy.errors import InputError
from mdeploy.files import whole_file

__all__ = ["signing_block", "write_signed_apk"]

_CHUNK_BYTES = 1 << 20
_MAGIC = b"APK Sig Block 42"
_V2_ID, _V3_ID = 0x7109871A, 0xF05368C0
_V3_MIN_SDK, _V3_MAX_SDK = 28, 0x7FFFFFFF  # v3 came with Android 9
_STRIPPING_PROTECTION_ID = 0xBEEFF00D  # in v2: refuse this file if the v3 signature was taken off


@dataclass(frozen=True)
class _Algorithm:
    identifier: int
    digest: str
    sign: Callable[[bytes], bytes]


def write_signed_apk(path: Path, key: SigningKey, fill: Callable[[ApkWriter], None]) -> None:
    """Write a signed APK at `path`: `fill` adds the entries. The file appears whole or not at all.

    Raises:
        InputError: an entry cannot be read, or the place cannot be written.
    """
    try:
        with whole_file(path) as stream:
            writer = ApkWriter(stream)
            fill(writer)
            stream.flush()
            entries_bytes = stream.tell()
            directory = writer.central_directory()
            # While signing, the end record points at the signing block, as if the directory began there.
            end = writer.end(len(directory), entries_bytes)
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as entries:
                block = signing_block(key, [entries, directory, end])
            stream.write(block + directory + writer.end(len(directory), entries_bytes + len(block)))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def signing_block(key: SigningKey, sections: Iterable[bytes | mmap.mmap]) -> bytes:
    """Return the APK Signing Block for the file's sections: entries, central directory, end record."""
    algorithm = _algorithm(key)
    digest = _content_digest(algorithm.digest, sections)
    pairs = _pair(_V2_ID, _scheme_v2(key, algorithm, digest)) + _pair(_V3_ID, _scheme_v3(key, algorithm, digest))
    size = struct.pack("<Q", len(pairs) + 8 + len(_MAGIC))
    return size + pairs + size + _MAGIC


def _algorithm(key: SigningKey) -> _Algorithm:
    """Choose as apksigner does: SHA-512 where the key is stronger than SHA-256 is."""
    private = key.private_key
    if isinstance(private, rsa.RSAPrivateKey):
        strong = private.key_size > 3072
        rsa_hash = hashes.SHA512() if strong else hashes.SHA256()
        return _Algorithm(
            0x0104 if strong else 0x0103,
            "sha512" if strong else "sha256",
            lambda data: private.sign(data, padding.PKCS1v15(), rsa_hash),
        )
    strong = private.curve.key_size > 256
    ec_hash = hashes.SHA512() if strong else hashes.SHA256()
    return _Algorithm(
        0x0202 if strong else 0x0201,
        "sha512" if strong else "sha256",
        lambda data: private.sign(data, ec.ECDSA(ec_hash)),
    )


def _content_digest(name: str, sections: Iterable[bytes | mmap.mmap]) -> bytes:
    digests = [
        hashlib.new(name, b"\xa5" + struct.pack("<I", len(chunk)) + chunk).digest()
        for section in sections
        for chunk in _chunks(section)
    ]
    return hashlib.new(name, b"\x5a" + struct.pack("<I", len(digests)) + b"".join(digests)).digest()


def _chunks(section: bytes | mmap.mmap) -> Iterator[bytes]:
    for start in range(0, len(section), _CHUNK_BYTES):
        yield section[start : start + _CHUNK_BYTES]


def _prefixed(*parts: bytes) -> bytes:
    """A length-prefixed sequence of length-prefixed elements is _prefixed(_prefixed(a), _prefixed(b))."""
    body = b"".join(parts)
    return struct.pack("<I", len(body)) + body


def _pair(identifier: int, value: bytes) -> bytes:
    return struct.pack("<QI", 4 + len(value), identifier) + value


def _scheme_v2(key: SigningKey, algorithm: _Algorithm, digest: bytes) -> bytes:
    protection = struct.pack("<II", _STRIPPING_PROTECTION_ID, 3)
    signed = _digests(algorithm, digest) + _certificates(key) + _prefixed(_prefixed(protection))
    return _prefixed(_prefixed(_prefixed(signed) + _signatures(algorithm, signed) + _prefixed(key.public_key_der)))


def _scheme_v3(key: SigningKey, algorithm: _Algorithm, digest: bytes) -> bytes:
    versions = struct.pack("<II", _V3_MIN_SDK, _V3_MAX_SDK)
    signed = _digests(algorithm, digest) + _certificates(key) + versions + _prefixed()
    return _prefixed(
        _prefixed(_prefixed(signed) + versions + _signatures(algorithm, signed) + _prefixed(key.public_key_der))
    )


def _digests(algorithm: _Algorithm, digest: bytes) -> bytes:
    return _prefixed(_prefixed(struct.pack("<I", algorithm.identifier) + _prefixed(digest)))


def _certificates(key: SigningKey) -> bytes:
    return _prefixed(_prefixed(key.certificate_der))


def _signatures(algorithm: _Algorithm, signed: bytes) -> bytes:
    return _prefixed(_prefixed(struct.pack("<I", algorithm.identifier) + _prefixed(algorithm.sign(signed))))
