# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Every reader on cut, flipped and exaggerated files: a right result or one line and exit code 2, 3 or 4.

The mutations are the same in every run. The native reader of nets is fuzzed besides (runtime/fuzz).
"""

from __future__ import annotations

import hashlib
import json
import re
import resource
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from mdeploy import native
from mdeploy.caffe2.files import read_net
from mdeploy.caffe2.pair import NetPair
from mdeploy.cli.main import run
from mdeploy.deployment.package.apk_zip import raw_entries
from mdeploy.deployment.package.cross import harness
from mdeploy.errors import InputError, MdeployError
from mdeploy.formats.artifact import Artifact, npy_bytes, read_npy
from mdeploy.formats.checkpoint import load
from mdeploy.formats.manifest import Manifest
from mdeploy.formats.report import Report
from mdeploy.tensors import TensorSpec

OLD_NETS = Path(__file__).resolve().parents[1] / "golden" / "old_nets"
HUGE = (b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x80" * 11)
MEMORY = 400 << 20  # more than this in one go would be what a file claims, not what it holds


def mutations(data: bytes, count: int) -> Iterator[bytes]:
    """Truncations, flipped bytes and bits, cut and doubled pieces, and lengths of all sizes."""
    generator = np.random.default_rng(len(data))
    for kind in range(count):
        at = int(generator.integers(0, max(len(data), 1)))
        length = int(generator.integers(1, 9))
        yield (
            data[:at],
            data[:at] + bytes([data[at] ^ (1 << kind % 8)]) + data[at + 1 :] if data else b"",
            data[:at] + bytes(generator.integers(0, 256, length, dtype=np.uint8)) + data[at + length :],
            data[:at] + data[at + length :],
            data[:at] + data[at : at + length] * 3 + data[at:],
            data[:at] + HUGE[kind % len(HUGE)] + data[at:],
        )[kind % 6]


def json_mutations(text: str, count: int) -> Iterator[bytes]:
    """Numbers and texts replaced by others of the wrong size or kind, and the mutations of the bytes."""
    spots = [match.span() for match in re.finditer(r'-?\d+(\.\d+)?|"[^"\n]*"|true|null', text)]
    numbers = ("-1", "0", "1e999", "9223372036854775808", "100000000000")
    values = (*numbers, '"../../x"', "null", "[]", "{}", "NaN", '"\\u0000"')
    for number in range(count):
        start, end = spots[number * 7919 % len(spots)]
        yield (text[:start] + values[number % len(values)] + text[end:]).encode()
    yield from mutations(text.encode(), count)
    yield b"[" * 100_000


def survives(read: Callable[[], object]) -> None:
    """Reads it, or refuses it in one line, in bounded memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refusal = None
    try:
        read()
    except MdeployError as error:
        refusal = error
    assert refusal is None or (refusal.exit_code in (2, 3, 4) and len(str(refusal)) < 2000), refusal
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    assert grown < MEMORY


def test_arrays(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    for data in mutations(npy_bytes(array), 400):
        path.write_bytes(data)
        survives(lambda: read_npy(path))
        survives(lambda: read_npy(path, (2, 3, 4), "float32"))
    for shape in ("(99999999999,)", "(1, -1)", "(1000000000, 1000000000, 1000000000)"):
        path.write_bytes(npy_bytes(array).replace(b"(2, 3, 4), }" + b" " * len(shape), f"{shape}, }}   ".encode(), 1))
        survives(lambda: read_npy(path))


def test_manifests(tiny_artifact: Artifact) -> None:
    for data in json_mutations(tiny_artifact.manifest_path.read_text(), 250):
        survives(lambda data=data: Manifest.from_json(parsed(data)))


def parsed(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError("not JSON") from error


def test_reports() -> None:
    text = (Path(__file__).parent / "formats" / "report.json").read_text()
    for data in json_mutations(text, 100):
        survives(lambda data=data: Report.from_text(data.decode("utf-8", errors="replace")))


@pytest.mark.parametrize("case", ["lenet", "hand_written"])
def test_nets(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The reader in Python, our runtime, and the whole of inspect on nets in either form."""
    (init,), (predict,) = ((OLD_NETS / case).glob(f"{name}_net.pb*") for name in ("init", "predict"))
    shape = np.load(OLD_NETS / case / "input_0.npy").shape
    specs = [TensorSpec("data", shape)]
    other = init.read_bytes()
    path = tmp_path / predict.name
    (tmp_path / init.name).write_bytes(other)
    for number, data in enumerate(mutations(predict.read_bytes(), 200)):
        path.write_bytes(data)
        survives(lambda: read_net(path))
        survives(lambda data=data: native.load_net(NetPair(other, data), specs, max_bytes=64 << 20).close())
        if number % 10 == 0:
            code = run(["inspect", str(path), "--input-shape", ",".join(map(str, shape))])
            told = capsys.readouterr()
            assert code in (0, 2, 3, 4), told.err
            assert len(told.err.splitlines()) <= 2
            assert "Traceback" not in told.err
    for data in mutations(other, 60):
        (tmp_path / init.name).write_bytes(data)
        survives(lambda: read_net(tmp_path / init.name))
        survives(
            lambda data=data: native.load_net(NetPair(data, predict.read_bytes()), specs, max_bytes=64 << 20).close()
        )


def test_import(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDEPLOY_CAFFE2_PYTHON", "/nowhere/python")
    init = (OLD_NETS / "lenet" / "init_net.pb").read_bytes()
    (tmp_path / "init_net.pb").write_bytes(init)
    for data in mutations((OLD_NETS / "lenet" / "predict_net.pb").read_bytes(), 60):
        (tmp_path / "predict_net.pb").write_bytes(data)
        nets = [str(tmp_path / "init_net.pb"), str(tmp_path / "predict_net.pb")]
        code = run(["convert", *nets, "--input-shape", "data=1,1,28,28", "-o", str(tmp_path / "out")])
        told = capsys.readouterr().err
        assert code in (0, 2, 3, 4), told
        assert "Traceback" not in told
    assert not list(tmp_path.glob(".*"))


def test_zips(tmp_path: Path, bundled_checkpoint: Path) -> None:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("classes.dex", bytes(range(200)))
        archive.writestr("res/a.xml", b"x" * 1000)
    path = tmp_path / "base.zip"
    for data in mutations(stream.getvalue(), 300):
        path.write_bytes(data)
        survives(lambda: list(raw_entries(path)))
    checkpoint = bundled_checkpoint.read_bytes()
    head, tail = checkpoint[:2000], checkpoint[-3000:]
    damaged = [cut + checkpoint[2000:] for cut in mutations(head, 12)]
    damaged += [checkpoint[:-3000] + cut for cut in mutations(tail, 12)]
    for data in damaged:
        path.write_bytes(data)
        survives(lambda: load(path))


def test_the_harness(tiny_artifact: Artifact, tmp_path: Path) -> None:
    """The static executable on a damaged file at a time, in a gigabyte of address space."""
    folder = tmp_path / "artifact"
    names = ("init_net.pb", "predict_net.pb", "golden/random/input_0.npy", "golden/random/output_0.npy")
    for name in (*names, "manifest.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((tiny_artifact.path / name).read_bytes())
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["golden"] = [case for case in manifest["golden"] if case["case"] == "random"]
    good = json.dumps(manifest)
    for name in names:
        original = (folder / name).read_bytes()
        for data in mutations(original, 12):
            (folder / name).write_bytes(data)
            entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}  # past the check of hashes
            changed = {**manifest, "files": {**manifest["files"], name: entry}}
            (folder / "manifest.json").write_text(json.dumps(changed))
            run_harness(folder)
        (folder / name).write_bytes(original)
    for data in json_mutations(good, 12):
        (folder / "manifest.json").write_bytes(data)
        run_harness(folder)
    (folder / "manifest.json").write_text(good)
    assert run_harness(folder) == 0


def run_harness(folder: Path) -> int:
    files = ("--init", "init_net.pb", "--predict", "predict_net.pb", "--manifest", "manifest.json")
    done = subprocess.run(
        [harness("host"), *files, "--golden", "golden", "--runs", "1", "--warmup", "0", "--threads", "1"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
    )
    assert done.returncode in (0, 1, 2, 3, 4), (done.returncode, done.stderr)
    assert done.returncode == 0 or done.stderr.splitlines()[-1].startswith("mdeploy-harness: ")
    return done.returncode
