# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Every verb's output on a narrow terminal: no line is too long, and no figure is cut, broken or lost for want of room.

What a wide terminal shows is the witness: a figure of the narrow one that does not stand there was cut.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from mdeploy.cli.show.conversion import conversion_tables, print_conversion
from mdeploy.cli.show.diff import print_comparison as print_difference
from mdeploy.cli.show.evaluation import print_evaluation
from mdeploy.cli.show.inspection import print_inspection
from mdeploy.cli.show.lists import devices_table, doctor_table, history_table
from mdeploy.cli.show.parity import print_inspection as print_layers
from mdeploy.cli.show.parity import print_report as print_parity
from mdeploy.cli.show.prediction import print_predictions
from mdeploy.cli.show.report import print_comparison, print_report
from mdeploy.cli.show.terminal import print_table
from mdeploy.comparison.inspection import inspect_layers
from mdeploy.comparison.request import ParityRequest
from mdeploy.comparison.run import run_parity
from mdeploy.comparison.tolerance import Tolerance
from mdeploy.conversion.model import Conversion
from mdeploy.deployment.devices import list_devices
from mdeploy.doctor import examine
from mdeploy.evaluation.prediction import ImagePrediction, PredictionReport
from mdeploy.evaluation.run import Disagreement, EvaluationReport, Runtime, RuntimeOnSet, SetResult
from mdeploy.evaluation.statistics import Share, Times
from mdeploy.formats.artifact import Artifact
from mdeploy.formats.report import Report
from mdeploy.inspection import inspect
from mdeploy.reports.diff import compare_runs
from mdeploy.reports.history import History

WIDTHS = (80, 100, 140)
TITLES = {
    "torch": "PyTorch",
    "onnxruntime": "onnxruntime",
    "mdeploy": "mdeploy runtime",
    "caffe2": "real Caffe2",
    "openvino": "OpenVINO",
    "ncnn": "ncnn",
    "litert": "LiteRT",
}

Draw = Callable[[Console], None]


def drawn(draw: Draw, width: int) -> str:
    out = io.StringIO()
    draw(Console(width=width, file=out))
    return out.getvalue()


def numbers(shown: str) -> set[str]:
    """Figures, with their unit where one follows; not the digits inside names."""
    lines = [line for line in shown.splitlines() if not line.startswith("not shown in ")]
    found = re.findall(r"(?<![\w.,:/-])[-+]?\d[\d,.]*(?:e[-+]\d+)?%?(?![\w/.-])", "\n".join(lines))
    return {figure.rstrip(",.") for figure in found}


def check(draw: Draw, *wanted: str, least: int = 0) -> None:
    """Compare all widths with a very wide terminal; ``wanted`` has to be whole in one line at every width."""
    truth = numbers(drawn(draw, 1000))
    assert len(truth) >= least
    for width in WIDTHS:
        shown = drawn(draw, width)
        assert "…" not in shown
        # Commands and paths are left to the terminal, so that they can be copied in one piece.
        assert all(len(line) <= width for line in shown.splitlines() if not line.startswith("  mdeploy ")), width
        assert numbers(shown) <= truth, (width, numbers(shown) - truth)
        for text in wanted:
            assert any(text in line for line in shown.splitlines()), (width, text)


def long_report(document: dict[str, Any]) -> Report:
    report = Report.from_json(document)
    assert report.latency_ms is not None
    latency = replace(report.latency_ms, p50=1044.123, p90=1151.306, p99=1333.125, std=105.591, n=28180)
    return replace(report, latency_ms=replace(latency, min=1000.001, max=21333.125, mean=1066.017))


def test_bench(document: dict[str, Any]) -> None:
    report = long_report(document)
    figures = ("1044.123", "1151.306", "1333.125", "105.591", "21333.125", "28180", "FAIL", "pass")
    check(lambda console: print_report(report, console, "adb:emulator-5554"), *figures, least=20)


def test_bench_of_several_devices(document: dict[str, Any]) -> None:
    rows = [(f"adb:device-{place}", long_report(document)) for place in range(9)]
    check(lambda console: print_comparison(rows, console), "1044.123", "105.591", "28180", least=9)


@pytest.mark.parametrize("tol", [1e-5, 1e-12])
def test_parity(tiny_artifact: Artifact, tol: float) -> None:
    found = run_parity(ParityRequest(tiny_artifact, ["mdeploy"], tolerance=Tolerance(tol)))
    (ran,) = found.backends
    report = replace(found, backends=tuple(replace(ran, name=n, title=t, version="1.24.1") for n, t in TITLES.items()))
    needed = max(output.comparison.required_tolerance or 0 for output in ran.outputs)
    verdict = "pass" if tol == 1e-5 else "FAIL"
    check(lambda console: print_parity(report, console), f"{needed:.2e}", verdict, "100%", "7 backends", least=10)


def test_parity_layers(calibrated: Artifact) -> None:
    found = inspect_layers(ParityRequest(calibrated, ["mdeploy"], tolerance=Tolerance(1e-5)))
    worst = found.layers.backends[0].worst_first[0]
    needed = f"{worst.required:.2e}"
    check(lambda console: print_layers(found, console, 20), needed, "pass", "every tensor is within", least=20)


def test_predict(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    labels = tuple(f"a class of some length, number {i}" for i in range(12))

    def image(place: int) -> ImagePrediction:
        scores = {name: generator.dirichlet(np.ones(12)) for name in TITLES}
        return ImagePrediction(f"folder/of/photographs/image_{place:04}.jpeg", scores)

    for count in (1, 5):
        images = tuple(image(place) for place in range(count))
        versions = dict.fromkeys(TITLES, "1.0")
        report = PredictionReport("resnet18", labels, TITLES, versions, images, (("mnn", "not installed"),))
        best = [f"{float(values[images[0].ranking[0]]):.9f}" for values in images[0].probabilities.values()]
        check(lambda console: print_predictions(report, 10, console), *best, least=7 * count)  # noqa: B023


def test_evaluate() -> None:
    times = Times(1012.345, 1.5, 900.1, 1011.222, 1033.333, 1099.999, 2000.25)

    def on_set(name: str) -> RuntimeOnSet:
        same = None if name == "torch" else Share(9987, 10000)
        return RuntimeOnSet(name, Share(9351, 10000), Share(9987, 10000), same, 2.5e-7, times)

    rows = tuple(map(on_set, TITLES))
    unlike = Disagreement("test/cat/0001.png", "cat", dict.fromkeys(TITLES, "cat"))
    result = SetResult("cifar10/test, 10,000 images", 10000, False, rows, (unlike,))
    runtimes = tuple(Runtime(n, t, "2026.1.0", 46_812_345, 1.234, 1_812_345_678) for n, t in TITLES.items())
    report = EvaluationReport("resnet18", 2, runtimes, (result,), (("mnn", "not installed"),))
    low, high = Share(9351, 10000).interval
    interval = f"{low * 100:.2f} to {high * 100:.2f}"
    check(lambda console: print_evaluation(report, console), "93.51", interval, "9987/10000", "1011.222", least=8)


def test_inspect_and_what_convert_says(calibrated: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
    found = inspect(calibrated.path)
    big = replace(found, operators=tuple(replace(item, macs=1_813_561_344) for item in found.operators))
    check(lambda console: print_inspection(big, True, console), "1.81 G", "0.5, 0.5, 0.5", "10 classes", least=20)
    made = Conversion(calibrated, ())
    for table in conversion_tables(made):
        check(lambda console: print_table(table, console), least=2)  # noqa: B023
    check(lambda console: print_conversion(replace(made), console), "0.5, 0.5, 0.5", "10 classes")
    capsys.readouterr()


def test_diff() -> None:
    generator = np.random.default_rng(1)
    a, b = (40 + 12 * generator.random(500) for _ in range(2))
    result = compare_runs([list(a)], [list(b)])
    check(
        lambda console: print_difference(result, ("12", "13"), ("a note",), console), f"{result.p10_a_ms:.3f}", least=8
    )


def test_history(tmp_path: Path, document: dict[str, Any]) -> None:
    history = History(tmp_path / "h.db")
    for _ in range(3):
        history.add("bench", "resnet18", document, target="adb:emulator-5554", outcome="ok", headline="p50 1044.123 ms")
    table = history_table(history, history.runs())
    check(lambda console: print_table(table, console), "1044.123", "threads", "ok", least=4)


def test_devices_and_doctor() -> None:
    devices, health = devices_table(list_devices()), doctor_table(examine())
    check(lambda console: print_table(devices, console), "local", "ready")
    check(lambda console: print_table(health, console), "ok", "numpy")
