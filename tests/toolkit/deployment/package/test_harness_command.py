# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The harness as a command: its contract with whoever starts it."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdeploy.deployment.package.cross import harness
from mdeploy.deployment.package.layout import HARNESS_ARGUMENTS
from mdeploy.formats.artifact import Artifact
from mdeploy.formats.report import Report, find_report_line

NETS = ("--init", "init_net.pb", "--predict", "predict_net.pb")
QUICK = ("--runs", "2", "--warmup", "0")


def start(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [harness("host"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120, **options)


def report_of(done: subprocess.CompletedProcess[str]) -> Report:
    line = find_report_line(done.stdout)
    assert line is not None, done.stderr
    return Report.from_text(line)


def test_one_line_on_stdout_and_the_same_in_the_file(tiny_artifact: Artifact, tmp_path: Path) -> None:
    done = start(tiny_artifact.path, *HARNESS_ARGUMENTS, *QUICK, "--report", str(tmp_path / "r.json"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("MDeployReport {")
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout == f"MDeployReport {(tmp_path / 'r.json').read_text()}"
    assert report_of(done).status == "ok"
    assert "latency  p50" in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["r.json"]


def test_statistics_are_numpy_s(tiny_artifact: Artifact) -> None:
    latency = report_of(start(tiny_artifact.path, *HARNESS_ARGUMENTS, "--runs", "37")).latency_ms
    assert latency is not None
    samples = np.array(latency.samples)
    assert latency.n == len(samples) == 37
    for value, expected in (
        (latency.mean, samples.mean()),
        (latency.std, samples.std()),
        (latency.p50, np.percentile(samples, 50)),
        (latency.p90, np.percentile(samples, 90)),
        (latency.p99, np.percentile(samples, 99)),
        (latency.min, samples.min()),
        (latency.max, samples.max()),
    ):
        assert value == pytest.approx(expected, abs=2e-6)


def test_the_time_from_picture_to_input_is_reported(calibrated: Artifact, tmp_path: Path) -> None:
    """A picture of another size than the input's; without one there is no such time."""
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 4), np.uint8)
    head = b"P7\nWIDTH 640\nHEIGHT 480\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
    (tmp_path / "p.pam").write_bytes(head + pixels.tobytes())
    arguments = (*NETS, "--manifest", "manifest.json", *QUICK)
    done = start(calibrated.path, *arguments, "--picture", str(tmp_path / "p.pam"))
    assert done.returncode == 0, done.stderr
    found = report_of(done).preprocess_ms
    assert found is not None
    assert found > 0
    assert "resized and scaled in" in done.stderr
    assert report_of(start(calibrated.path, *arguments)).preprocess_ms is None


def test_without_a_manifest(tiny_artifact: Artifact) -> None:
    done = start(tiny_artifact.path, *NETS, "--golden", "golden", *QUICK)
    assert done.returncode == 0, done.stderr
    report = report_of(done)
    assert [row.case for row in report.parity] == ["ones", "random", "zeros"]
    assert report.verify_ms is None
    assert report.files["init_net.pb"].sha256 is None


def test_answers_an_input(tiny_artifact: Artifact, tmp_path: Path) -> None:
    case = tiny_artifact.path / "golden" / "random"
    arguments = (*NETS, "--input", str(case / "input_0.npy"), "--output", str(tmp_path / "answers"), *QUICK)
    done = start(tiny_artifact.path, *arguments)
    assert done.returncode == 0, done.stderr
    answer = np.load(tmp_path / "answers" / "output_0.npy")
    np.testing.assert_allclose(answer, np.load(case / "output_0.npy"), atol=1e-6)
    assert answer.dtype == np.float32


def test_rounds_cooldown_and_sustained(tiny_artifact: Artifact) -> None:
    arguments = ("--rounds", "3", "--cooldown", "0.05", "--sustained", "0.005", *QUICK)
    report = report_of(start(tiny_artifact.path, *HARNESS_ARGUMENTS, *arguments))
    assert [item.n for item in report.rounds] == [2, 2, 2]
    starts = [item.start_ms for item in report.rounds]
    assert starts[0] == 0
    assert all(later - earlier >= 50 for earlier, later in itertools.pairwise(starts))
    assert [item.minute for item in report.sustained] == [1]
    assert report.sustained[0].n > 1


@pytest.mark.parametrize("threads", ["1", "2", "3"])
def test_threads_do_not_change_results(tiny_artifact: Artifact, threads: str) -> None:
    report = report_of(start(tiny_artifact.path, *HARNESS_ARGUMENTS, *QUICK, "--threads", threads))
    single = report_of(start(tiny_artifact.path, *HARNESS_ARGUMENTS, *QUICK, "--threads", "1"))
    assert report.threads == int(threads)
    assert report.parity == single.parity


def test_affinity_binds(tiny_artifact: Artifact) -> None:
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        pytest.skip("not applicable: one core")
    report = report_of(start(tiny_artifact.path, *HARNESS_ARGUMENTS, *QUICK, "--affinity", f"{1 << allowed[-1]:x}"))
    assert report.affinity.cores == (allowed[-1],)
    assert report.affinity.applied
    assert not report_of(start(tiny_artifact.path, *HARNESS_ARGUMENTS, *QUICK, "--affinity", "all")).affinity.applied


def test_profile_names_the_operators(tiny_artifact: Artifact) -> None:
    report = report_of(start(tiny_artifact.path, *HARNESS_ARGUMENTS, *QUICK, "--profile"))
    assert {"Conv", "FC", "Softmax"} <= {op.type for op in report.ops}
    assert sum(op.macs for op in report.ops) == tiny_artifact.manifest.macs
    assert not report_of(start(tiny_artifact.path, *HARNESS_ARGUMENTS, *QUICK)).ops


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_and_keeps_what_was_measured(tiny_artifact: Artifact, number: signal.Signals) -> None:
    command = [harness("host"), *HARNESS_ARGUMENTS, "--warmup", "0", "--min-seconds", "600", "--progress"]
    with subprocess.Popen(
        command, cwd=tiny_artifact.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        events = (line for line in process.stderr if line.startswith("MDeployProgress "))
        phases = (json.loads(line.removeprefix("MDeployProgress "))["phase"] for line in events)
        assert "measure" in phases, "it never came to measure"
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    line = find_report_line(out)
    assert line is not None
    report = Report.from_text(line)
    assert report.status == "cancelled"
    assert report.latency_ms is not None
    assert report.latency_ms.n >= 1


def test_version_and_help(tmp_path: Path) -> None:
    done = start(tmp_path, "--version")
    assert done.returncode == 0
    assert done.stdout.startswith("mdeploy-harness 0.")
    done = start(tmp_path, "--help")
    assert done.returncode == 0
    for flag in ("--init", "--golden", "--affinity", "--sustained", "--report", "Exit codes"):
        assert flag in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "--init and --predict"),
        (("--nonsense",), 2, "--nonsense: no such flag"),
        ((*NETS,), 2, "what shape the inputs have"),
        ((*HARNESS_ARGUMENTS, "--threads", "many"), 2, "--threads many"),
        ((*HARNESS_ARGUMENTS, "--runs", "0"), 2, "--runs 0"),
        ((*HARNESS_ARGUMENTS, "--tol", "-1"), 2, "--tol -1"),
        ((*HARNESS_ARGUMENTS, "--affinity", "fastest"), 2, "--affinity fastest"),
        ((*HARNESS_ARGUMENTS, "--init", "missing.pb"), 3, "cannot read missing.pb: No such file"),
        ((*HARNESS_ARGUMENTS, "--manifest", "missing.json"), 3, "cannot read missing.json"),
        ((*HARNESS_ARGUMENTS, "--golden", "missing"), 3, "missing: no such directory"),
        ((*HARNESS_ARGUMENTS, "--golden", "/dev/null"), 3, "/dev/null"),
        ((*HARNESS_ARGUMENTS, "--input", "missing.npy"), 3, "missing.npy"),
        ((*HARNESS_ARGUMENTS, "--input", "predict_net.pb"), 3, "predict_net.pb: not a .npy file"),
        ((*HARNESS_ARGUMENTS, "--report", "no/such/place.json"), 3, "cannot write no/such/place.json"),
        ((*HARNESS_ARGUMENTS, "--report", "golden"), 3, "cannot write golden: it is a directory"),
        ((*HARNESS_ARGUMENTS, "--init", "golden"), 3, "golden: not a regular file"),
    ],
)
def test_bad_arguments(tiny_copy: Artifact, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = start(tiny_copy.path, *arguments)
    assert done.returncode == code, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("mdeploy-harness: ")
    assert message in last
    report = report_of(done)
    assert report.exit_code == code
    assert report.error is not None
    assert message in report.error
    assert not [path for path in tiny_copy.path.rglob("*") if "partial" in path.name]


def test_an_error_is_in_the_report_file_too(tiny_artifact: Artifact, tmp_path: Path) -> None:
    arguments = ("--report", str(tmp_path / "r.json"), *HARNESS_ARGUMENTS, "--nonsense", "--init", "missing.pb")
    assert start(tiny_artifact.path, *arguments).returncode == 2
    assert Report.from_text((tmp_path / "r.json").read_text()).status == "usage"


@pytest.mark.parametrize("name", ["init_net.pb", "predict_net.pb", "manifest.json"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "random"])
def test_broken_files_without_hashes(tiny_copy: Artifact, name: str, damage: str) -> None:
    """Without the manifest's protection the runtime itself must refuse, in one line."""
    path = tiny_copy.path / name
    data = path.read_bytes()
    broken = {"truncated": data[: len(data) * 2 // 3], "empty": b"", "random": os.urandom(len(data))}
    path.write_bytes(broken[damage])
    manifest = ("--manifest", "manifest.json") if name == "manifest.json" else ()
    done = start(tiny_copy.path, *NETS, *manifest, "--golden", "golden", *QUICK)
    assert done.returncode in (3, 4), done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("mdeploy-harness: ")
    # An empty init_net is a net without weights: then the operator that lacks one is named.
    assert Path(name).stem in last or (damage == "empty" and "Conv" in last)


def _with_shape(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array[:, :, :4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_with_shape, "input 0 is float32 [1, 3, 4, 8] where the net's data is float32 [1, 3, 8, 8]"),
        (lambda array: array.astype(np.int64), "input 0 is int64"),
        (lambda array: array.astype(np.float64), "dtype <f8"),
        (lambda array: np.asfortranarray(array), "Fortran order"),
    ],
)
def test_inputs_of_another_form(
    tiny_artifact: Artifact, tmp_path: Path, change: Callable[[Any], Any], message: str
) -> None:
    array = np.load(tiny_artifact.path / "golden" / "random" / "input_0.npy")
    np.save(tmp_path / "x.npy", change(array))
    done = start(tiny_artifact.path, *HARNESS_ARGUMENTS, "--input", str(tmp_path / "x.npy"), *QUICK)
    assert done.returncode == 3
    assert message in done.stderr


def test_an_input_too_many(tiny_artifact: Artifact) -> None:
    given = ("--input", "golden/ones/input_0.npy") * 2
    done = start(tiny_artifact.path, *HARNESS_ARGUMENTS, *given, *QUICK)
    assert done.returncode == 3
    assert "2 inputs where the net has 1" in done.stderr


def test_an_unsupported_operator_is_named(tiny_copy: Artifact) -> None:
    from mdeploy.caffe2.messages import NetDef

    net = NetDef.FromString((tiny_copy.path / "predict_net.pb").read_bytes())
    net.op[1].type = "Frobnicate"
    (tiny_copy.path / "predict_net.pb").write_bytes(net.SerializeToString())
    done = start(tiny_copy.path, *NETS, "--golden", "golden", *QUICK)
    assert done.returncode == 4
    assert "Frobnicate" in done.stderr.splitlines()[-1]


def test_a_closed_stdout_is_no_crash(tiny_artifact: Artifact, tmp_path: Path) -> None:
    command = f"'{harness('host')}' {' '.join((*HARNESS_ARGUMENTS, *QUICK))} --report '{tmp_path}/r.json' >/dev/full"
    done = subprocess.run(["sh", "-c", command], cwd=tiny_artifact.path, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "cannot write the report to stdout" in done.stderr
    assert Report.from_text((tmp_path / "r.json").read_text()).status == "ok"
