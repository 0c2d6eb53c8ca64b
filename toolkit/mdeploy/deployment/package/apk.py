# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The installable app for one model: the app's compiled base, with the artifact added as assets, aligned and signed.

The base (classes, resources, the harness per ABI) is built once from ``android_harness/`` by ``make android-base``, so
that neither an Android SDK nor a JDK is needed here.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from mdeploy.deployment.package.apk_zip import ApkWriter, raw_entries
from mdeploy.deployment.package.layout import payload
from mdeploy.deployment.package.signing import write_signed_apk
from mdeploy.deployment.package.signing_keys import debug_key, load_keystore
from mdeploy.errors import InputError, UnavailableError
from mdeploy.formats.artifact import Artifact

__all__ = ["ASSET_DIRECTORY", "BASE_PATH", "PACKAGE_ID", "android_base", "build_apk"]

PACKAGE_ID = "org.mdeploy.harness"
"""Application id of the app: one for all models, so a later model's app replaces the earlier one's."""

ASSET_DIRECTORY = "assets/model"
"""Where the artifact lies inside the APK; the app opens it as ``model/`` of its assets."""

BASE_PATH = Path(__file__).resolve().parents[2] / "_native" / "android-base.zip"
"""Where the base is built; a wheel made from that source tree carries it."""

_REQUIRED_ENTRIES = ("AndroidManifest.xml", "classes.dex", "resources.arsc")


def android_base() -> Path | None:
    """Return the app's compiled base where it is there, else None."""
    return BASE_PATH if BASE_PATH.is_file() else None


def build_apk(artifact: Artifact, out: Path, keystore: Path | None = None, base: Path | None = None) -> Path:
    """Write the signed app for `artifact` to the file `out` and return it.

    The same inputs give the same bytes but for the signature (which is the same too with an RSA key, such as the debug
    key that is used without `keystore`).

    Raises:
        UnavailableError: the app's base has not been built.
        InputError: the base, the keystore or a file of the artifact cannot be used, or `out` cannot be written.
    """
    base = base or android_base()
    if base is None:
        raise UnavailableError(
            "the app's compiled base is not there: run 'make android-base' in a source tree of mdeploy"
        )
    _check_base(base)
    key = load_keystore(keystore) if keystore is not None else debug_key()

    def fill(apk: ApkWriter) -> None:
        for entry in raw_entries(base):
            apk.add_raw(entry)
        for name, path in payload(artifact).items():
            apk.add_stored(f"{ASSET_DIRECTORY}/{name}", path)

    write_signed_apk(out, key, fill)
    return out


def _check_base(base: Path) -> None:
    try:
        with zipfile.ZipFile(base) as archive:
            names = set(archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{base}: the app's base cannot be read ({error}); run 'make android-base' again") from error
    missing = [name for name in _REQUIRED_ENTRIES if name not in names]
    if not any(name.startswith("lib/") for name in names):
        missing.append("lib/<abi>/*.so")
    if missing:
        raise InputError(f"{base}: the app's base lacks {', '.join(missing)}; run 'make android-base' again")
