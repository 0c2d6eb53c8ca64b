# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The artifact directory: written whole or not at all, read with suspicion."""

from __future__ import annotations

import errno
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from mdeploy.errors import InputError
from mdeploy.formats import artifact as artifact_module
from mdeploy.formats import whole_directory
from mdeploy.formats.artifact import (
    Artifact,
    ArtifactWriter,
    GoldenEntry,
    InputSpec,
    Manifest,
    OutputSpec,
    PassRecord,
    Resize,
    Source,
    manifest_schema,
    npy_bytes,
    read_npy,
)

MANIFEST = Manifest(
    name="tiny",
    source=Source("checkpoint", "tiny.pt", "0" * 64, model="tiny", arguments={"width": 8}, metrics=None),
    tools={"mdeploy": "0.1.0", "torch": "2"},
    inputs=(
        InputSpec(
            "image",
            (1, 3, 4, 4),
            layout="NCHW",
            color_order="rgb",
            mean=(0.5, 0.5, 0.5),
            std=(0.2, 0.2, 0.2),
            resize=Resize("bilinear", short_side=5),
            crop=(4, 4),
        ),
    ),
    outputs=(OutputSpec("scores", (1, 2), meaning="log_probabilities"),),
    labels=("cat", "dog"),
    operators={"Relu": 1},
    parameters=3,
    macs=4,
    passes=(PassRecord("fold", True, 9, 7, 0.0), PassRecord("skipped", False)),
)


def write(path: Path, manifest: Manifest = MANIFEST) -> Artifact:
    rng = np.random.default_rng(0)
    with ArtifactWriter(path) as writer:
        for name in ("model.onnx", "init_net.pb", "predict_net.pb"):
            writer.add_file(name, name.encode())
        for case in ("zeros", "random"):
            writer.add_golden(
                GoldenEntry(case, case, seed=0 if case == "random" else None),
                [rng.standard_normal((1, 3, 4, 4)).astype(np.float32)],
                [rng.standard_normal((1, 2)).astype(np.float32)],
            )
        return writer.finish(manifest)


def edit_manifest(path: Path, edit: object) -> None:
    data = json.loads((path / "manifest.json").read_text())
    edit(data)  # type: ignore[operator]
    (path / "manifest.json").write_text(json.dumps(data))


def siblings(path: Path) -> list[str]:
    return sorted(item.name for item in path.parent.iterdir())


def test_round_trip(tmp_path: Path) -> None:
    written = write(tmp_path / "out")
    read = Artifact.open(tmp_path / "out")
    assert read == written
    assert read.model_onnx == tmp_path / "out" / "model.onnx"
    assert read.predict_net.read_bytes() == b"predict_net.pb"
    zeros, random = read.golden_cases()
    assert (zeros.case, random.kind) == ("zeros", "random")
    assert random.inputs[0].dtype == np.float32
    assert random.outputs[0].shape == (1, 2)
    assert siblings(tmp_path / "out") == ["out"]


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "b")
    assert (tmp_path / "a/manifest.json").read_bytes() == (tmp_path / "b/manifest.json").read_bytes()


def test_written_manifest_obeys_the_schema(tmp_path: Path) -> None:
    write(tmp_path / "out")
    jsonschema.Draft202012Validator.check_schema(manifest_schema())
    jsonschema.validate(json.loads((tmp_path / "out/manifest.json").read_text()), manifest_schema())


def test_replaces_its_own_artifact(tmp_path: Path) -> None:
    write(tmp_path / "out")
    write(tmp_path / "out", replace(MANIFEST, name="second"))
    assert Artifact.open(tmp_path / "out").name == "second"
    assert siblings(tmp_path / "out") == ["out"]


def test_a_file_of_the_user_s_is_never_deleted(tmp_path: Path) -> None:
    write(tmp_path / "out")
    (tmp_path / "out" / "golden" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds golden/mine\.txt, which its manifest\.json does not list"):
        write(tmp_path / "out", replace(MANIFEST, name="second"))
    assert Artifact.open(tmp_path / "out").name == "tiny"
    assert siblings(tmp_path / "out") == ["out"]
    (tmp_path / "out" / "golden" / "mine.txt").unlink()
    (tmp_path / "out" / "link").symlink_to("golden")
    with pytest.raises(InputError, match="holds link, which"):
        write(tmp_path / "out")
    (tmp_path / "out" / "link").unlink()
    assert write(tmp_path / "out").name == "tiny"


@pytest.mark.parametrize("one_step", [True, False])
def test_a_file_that_comes_during_the_swap_is_not_deleted_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_step: bool
) -> None:
    write(tmp_path / "out")
    real = whole_directory.swap

    def swap(new: Path, target: Path, check: Callable[[Path], None]) -> None:
        (target / "mine.txt").write_text("mine")
        real(new, target, check)

    monkeypatch.setattr(whole_directory, "swap", swap)
    if not one_step:
        monkeypatch.setattr(whole_directory, "exchange", lambda *_: False)
    with pytest.raises(InputError, match=r"holds mine\.txt"):
        write(tmp_path / "out", replace(MANIFEST, name="second"))
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"
    assert Artifact.open(tmp_path / "out").name == "tiny"
    assert siblings(tmp_path / "out") == ["out"]


KILLED = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from mdeploy.formats import whole_directory
from mdeploy.formats.artifact import Artifact, ArtifactWriter
moment, out = sys.argv[1], Path(sys.argv[2])
kill = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
real = Path.rename
old = Artifact.open(out)
files = {name: (out / name).read_bytes() for name in ("init_net.pb", "predict_net.pb")}
if moment == "two renames":
    whole_directory.exchange = lambda *_: False
    Path.rename = lambda self, to: real(self, to) if self.name == "out" else kill()
elif moment == "before the swap":
    whole_directory.swap = kill
elif moment == "after the swap":
    whole_directory.shutil.rmtree = kill
with ArtifactWriter(out) as writer:
    for name, data in files.items():
        writer.add_file(name, data)
    writer.finish(replace(old.manifest, name="second", golden=()))
"""


@pytest.mark.parametrize(
    ("moment", "name"), [("two renames", "tiny"), ("before the swap", "tiny"), ("after the swap", "second")]
)
def test_a_killed_run_leaves_a_whole_artifact_and_the_next_run_cleans_up(
    tmp_path: Path, moment: str, name: str
) -> None:
    write(tmp_path / "out")
    command = [sys.executable, "-c", KILLED, moment, str(tmp_path / "out")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert siblings(tmp_path / "out") != ["out"], "there is something to clean"
    assert Artifact.open(tmp_path / "out").name == name
    write(tmp_path / "out", replace(MANIFEST, name="third"))
    assert Artifact.open(tmp_path / "out").name == "third"
    assert siblings(tmp_path / "out") == ["out"]


def test_what_a_run_that_still_writes_has_is_left_alone(tmp_path: Path) -> None:
    with ArtifactWriter(tmp_path / "out") as slow:
        slow.add_file("init_net.pb", b"slow")
        write(tmp_path / "out")
        slow.add_file("predict_net.pb", b"slow")
        slow.finish(replace(MANIFEST, name="slow"))
    assert Artifact.open(tmp_path / "out").name == "slow"
    assert siblings(tmp_path / "out") == ["out"]


def test_what_only_looks_like_a_leftover_stays(tmp_path: Path) -> None:
    for name in (".out.partial-mine", ".other.partial-00000000"):
        (tmp_path / name).mkdir()
    write(tmp_path / "out")
    assert siblings(tmp_path / "out") == [".other.partial-00000000", ".out.partial-mine", "out"]


@pytest.mark.parametrize("manifest", [None, "{}", '{"schema": "something else"}', "not json"])
def test_never_replaces_a_directory_that_is_not_ours(tmp_path: Path, manifest: str | None) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("years of work")
    if manifest is not None:
        (tmp_path / "out/manifest.json").write_text(manifest)
    with pytest.raises(InputError, match="not replaced"):
        write(tmp_path / "out")
    assert (tmp_path / "out/thesis.txt").read_text() == "years of work"
    assert siblings(tmp_path / "out") == ["out"]


def test_refuses_a_file_and_takes_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="not a directory"):
        write(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty")
    assert Artifact.open(tmp_path / "empty").name == "tiny"


def test_writes_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "link").symlink_to("place")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert Artifact.open(tmp_path / "place").name == "tiny"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("boom")])
def test_an_interrupt_leaves_the_old_artifact(tmp_path: Path, error: BaseException) -> None:
    write(tmp_path / "out")

    def interrupted() -> None:
        with ArtifactWriter(tmp_path / "out") as writer:
            writer.add_file("init_net.pb", b"half")
            raise error

    with pytest.raises(type(error)):
        interrupted()
    assert Artifact.open(tmp_path / "out").init_net.read_bytes() == b"init_net.pb"
    assert siblings(tmp_path / "out") == ["out"]


def test_an_interrupt_in_the_swap_leaves_the_old_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "out")
    monkeypatch.setattr(whole_directory, "exchange", lambda *_: False)  # as on a file system that has no such call
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if ".partial-" in self.name and not self.name.endswith(".old"):
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "out", replace(MANIFEST, name="second"))
    assert Artifact.open(tmp_path / "out").name == "tiny"
    assert siblings(tmp_path / "out") == ["out"]


def test_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(artifact_module.os, "fsync", full)
    with pytest.raises(InputError, match=r"cannot write .*model\.onnx: No space left on device"):
        write(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc").is_dir(), reason="root writes anywhere")
def test_read_only_place_is_one_line(tmp_path: Path) -> None:
    place = Path("/proc") if os.geteuid() == 0 else tmp_path / "locked"
    if os.geteuid() != 0:
        place.mkdir(mode=0o500)
    with pytest.raises(InputError, match="cannot write"):
        write(place / "out")


def test_missing_artifact_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="run `mdeploy convert` first"):
        Artifact.open()
    with pytest.raises(InputError, match="no such artifact"):
        Artifact.open(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"manifest\.json: missing"):
        Artifact.open(tmp_path / "empty")


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    write(tmp_path / "out")
    (tmp_path / "out/init_net.pb").write_bytes(b"init_net.pB")
    with pytest.raises(InputError, match=r"init_net\.pb: SHA-256 differs"):
        Artifact.open(tmp_path / "out")
    Artifact.open(tmp_path / "out", verify=False)
    (tmp_path / "out/init_net.pb").write_bytes(b"short")
    with pytest.raises(InputError, match="5 bytes where"):
        Artifact.open(tmp_path / "out", verify=False)
    (tmp_path / "out/init_net.pb").unlink()
    with pytest.raises(InputError, match="missing"):
        Artifact.open(tmp_path / "out")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "golden/../../secret", "a\\b", ".."])
def test_paths_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path / "out")
    (tmp_path / "secret").write_text("s")
    edit_manifest(tmp_path / "out", lambda data: data["files"].update({name: {"bytes": 1, "sha256": "0" * 64}}))
    with pytest.raises(InputError, match="files"):
        Artifact.open(tmp_path / "out")


def test_links_that_lead_out_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "out")
    (tmp_path / "elsewhere").write_bytes(b"init_net.pb")
    (tmp_path / "out/init_net.pb").unlink()
    (tmp_path / "out/init_net.pb").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="leads outside"):
        Artifact.open(tmp_path / "out")


@pytest.mark.parametrize(
    ("edit", "key"),
    [
        (lambda d: d.pop("golden"), "golden"),
        (lambda d: d["inputs"][0].update(shape=[1, 0]), r"inputs\[0\]\.shape\[1\]"),
        (lambda d: d["source"].update(sha256="xyz"), r"source\.sha256"),
        (lambda d: d.update(name="demo\n"), "name"),
        (lambda d: d["files"].update({"a\n": {"bytes": 1, "sha256": "0" * 64}}), "files"),
        (lambda d: d["inputs"][0].update(shape=[1, 3, 4.0, 4]), r"inputs\[0\]\.shape\[2\]: 4.0 is not of type"),
        (lambda d: d["inputs"][0].update(shape=[1, 3, 2**40, 4]), r"inputs\[0\]\.shape\[2\]"),
        (lambda d: d["inputs"][0].update(shape=[1, 3, 1 << 16, 1 << 16]), r"inputs\[0\]\.shape: .* more than 16 GiB"),
        (lambda d: d["outputs"][0].update(shape=[1 << 33]), r"outputs\[0\]\.shape: .* more than 16 GiB"),
        (lambda d: d["inputs"][0].update(mean=[float("nan"), 0, 0]), "NaN"),
        (lambda d: d["inputs"][0].update(std=[float("inf"), 1, 1]), "Infinity"),
        (lambda d: d["inputs"][0].update(mean=[1e300, 0, 0]), r"inputs\[0\]\.mean"),
        (lambda d: d.update(labels=["\ud800"]), "surrogate"),
        (lambda d: d.update(schema="mdeploy-manifest/2"), "mdeploy-manifest/2 was written by a newer mdeploy"),
        (lambda d: d["inputs"][0].update(mean=[0.5]), r"inputs\[0\]\.mean: 1 values for 3 channels"),
        (lambda d: d["inputs"][0].update(std=[1, 1, 0]), r"inputs\[0\]\.std: must be greater"),
        (lambda d: d["inputs"][0].update(std=None), "mean and std go together"),
        (lambda d: d["inputs"][0]["resize"].update(short_side=None), "exactly one of"),
        (lambda d: d["inputs"][0].update(shape=[1, 3, 4]), "4 dimensions"),
        (lambda d: d["golden"].append(d["golden"][0]), "same name"),
        (lambda d: d["files"].pop("predict_net.pb"), r"predict_net\.pb is not listed"),
    ],
)
def test_errors_name_file_and_key(tmp_path: Path, edit: object, key: str) -> None:
    write(tmp_path / "out")
    edit_manifest(tmp_path / "out", edit)
    with pytest.raises(InputError, match=r"manifest\.json.*" + key):
        Artifact.open(tmp_path / "out")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path / "out")
    (tmp_path / "out" / "manifest.json").unlink()
    os.mkfifo(tmp_path / "out" / "manifest.json")
    with pytest.raises(InputError, match=r"manifest\.json: it is not a regular file"):
        Artifact.open(tmp_path / "out")
    with pytest.raises(InputError, match="not replaced"):
        write(tmp_path / "out")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe: it is not a regular file"):
        artifact_module.file_sha256(tmp_path / "pipe")


@pytest.mark.parametrize("data", [b"", b"\x00\xff\xfe", b"[" * 100_000, b'{"schema": 1', b"[]", b"null"])
def test_broken_manifests_are_one_line(tmp_path: Path, data: bytes) -> None:
    write(tmp_path / "out")
    (tmp_path / "out/manifest.json").write_bytes(data)
    with pytest.raises(InputError, match=r"manifest\.json") as caught:
        Artifact.open(tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_golden_that_does_not_fit_the_manifest(tmp_path: Path) -> None:
    artifact = write(tmp_path / "out")
    path = tmp_path / "out/golden/zeros/output_0.npy"
    path.write_bytes(npy_bytes(np.zeros((1, 3), np.float32)))
    with pytest.raises(InputError, match=r"output_0\.npy: shape \[1, 3\] where \[1, 2\]"):
        artifact.golden_cases()
    path.write_bytes(npy_bytes(np.zeros((1, 2), np.float64)))
    with pytest.raises(InputError, match="dtype float64"):
        artifact.golden_cases()
    edit_manifest(tmp_path / "out", lambda d: d["files"].pop("golden/zeros/output_0.npy"))
    with pytest.raises(InputError, match="not listed"):
        Artifact.open(tmp_path / "out").golden_cases()


class Runs:
    """Says so if it is ever unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("code_ran",)


def test_npy_never_runs_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "bad.npy", np.array([Runs()], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="Python objects"):
        read_npy(tmp_path / "bad.npy")
    (tmp_path / "bare.npy").write_bytes(pickle.dumps(Runs()))
    with pytest.raises(InputError, match=r"not a \.npy file"):
        read_npy(tmp_path / "bare.npy")
    assert not (tmp_path / "code_ran").exists()


def test_npy_with_a_lying_header(tmp_path: Path) -> None:
    good = npy_bytes(np.arange(6, dtype=np.int64).reshape(2, 3))
    path = tmp_path / "a.npy"
    path.write_bytes(good)
    assert read_npy(path).tolist() == [[0, 1, 2], [3, 4, 5]]
    for bad in (good[:-1], good + b"x", good.replace(b"(2, 3)", b"(9999999999999999, 3)"), good[:20], b""):
        path.write_bytes(bad)
        with pytest.raises(InputError):
            read_npy(path)


def test_npy_in_fortran_order_and_big_endian(tmp_path: Path) -> None:
    array = np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3))
    np.save(tmp_path / "a.npy", array)
    read = read_npy(tmp_path / "a.npy")
    assert read.dtype == np.float32
    assert read.flags.c_contiguous
    assert read.tolist() == array.tolist()
