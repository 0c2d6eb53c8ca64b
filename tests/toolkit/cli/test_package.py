# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy package``: files, messages and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mdeploy.cli.main import run
from mdeploy.errors import UnavailableError
from mdeploy.formats.artifact import Artifact


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def _no_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an installation without the app's compiled base."""

    def missing(*_arguments: object) -> Path:
        raise UnavailableError("the app's compiled base is not there: run 'make android-base'")

    monkeypatch.setattr("mdeploy.deployment.package.apk.android_base", lambda: None)
    monkeypatch.setattr("mdeploy.deployment.package.apk.build_apk", missing)


def test_host(tiny_artifact: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["package", str(tiny_artifact.path), "--target", "host"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("tiny-host.zip  ")
    assert err == ""
    assert [path.name for path in Path().iterdir()] == ["tiny-host.zip"]


@pytest.mark.usefixtures("_no_base")
def test_without_the_base_the_zip_is_made_and_a_line_says_how_to_get_the_apk(
    tiny_artifact: Artifact, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["package", str(tiny_artifact.path), "--target", "android", "-o", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert "tiny-android.zip" in out
    assert len(err.splitlines()) == 1
    assert "make android-base" in err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["tiny-android.zip"]
    assert run(["package", str(tiny_artifact.path), "--target", "android", "--no-apk"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("_no_base")
def test_an_apk_that_was_asked_for_is_needed(tiny_artifact: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["package", str(tiny_artifact.path), "--target", "android", "--apk"]) == 5
    assert "make android-base" in capsys.readouterr().err
    assert not list(Path().iterdir()), "nothing half-made"


@pytest.mark.usefixtures("_no_base")
def test_json(tiny_artifact: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["package", str(tiny_artifact.path), "--target", "host", "--json"]) == 0
    [made] = json.loads(capsys.readouterr().out)["packages"]
    assert made == {"path": "tiny-host.zip", "bytes": Path("tiny-host.zip").stat().st_size}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--target", "ios", "--apk"], 2, "--apk"),
        (["--target", "windows"], 2, "windows"),
        ([], 2, "--target"),
        (["--target", "host", "--apk"], 2, "--apk"),
        (["--target", "android", "--no-apk", "--keystore", "k"], 2, "--no-apk"),
    ],
)
def test_bad_arguments(
    tiny_artifact: Artifact, arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["package", str(tiny_artifact.path), *arguments]) == code
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_broken_artifact_is_not_packaged(tiny_copy: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_copy.init_net.write_bytes(b"other")
    assert run(["package", str(tiny_copy.path), "--target", "host"]) == 3
    assert "init_net.pb" in capsys.readouterr().err
    assert not list(Path().iterdir())


def test_a_place_that_cannot_be_written(
    tiny_artifact: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run(["package", str(tiny_artifact.path), "--target", "host", "-o", str(tmp_path / "file" / "x")]) == 3
    assert "cannot write" in capsys.readouterr().err
