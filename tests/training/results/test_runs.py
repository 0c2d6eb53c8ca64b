# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""From logs to results, tables and figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mdeploy.cli.main import run
from mdeploy.errors import InputError
from mdeploy_training.cli import root
from mdeploy_training.results.log import RunLog, read_log
from mdeploy_training.results.runs import read_results
from mdeploy_training.results.tables import accuracy_table, time_table


def write_log(path: Path, accuracy: list[float], seconds: list[float], block: str = "basic", **changes: Any) -> Path:
    about = {
        "model": "resnest50_cifar",
        "arguments": {"block": block, "radix": 2},
        "data": "cifar10",
        "transferred": False,
        "device": "Tesla V100",
    }
    with path.open("w") as file:
        for epoch, (share, time) in enumerate(zip(accuracy, seconds, strict=True), start=1):
            line = {"epoch": epoch, "test_accuracy": share, "seconds": time, **about, **changes}
            file.write(json.dumps(line) + "\n")
    return path


@pytest.fixture
def logs(tmp_path: Path) -> list[Path]:
    moved: dict[str, Any] = {"data": "cifar100", "transferred": True}
    return [
        write_log(tmp_path / "a.jsonl", [0.5, 0.9, 0.8907], [90.0, 25.0, 25.5], device="V100"),
        write_log(tmp_path / "b.jsonl", [0.4, 0.8765], [22.0, 22.0], "bottleneck", device="V100"),
        write_log(tmp_path / "c.jsonl", [0.4, 0.8862], [320.0, 320.0], device="K80"),
        write_log(tmp_path / "d.jsonl", [0.3, 0.6323], [26.0, 26.0], device="V100", **moved),
    ]


def test_the_papers_tables(logs: list[Path]) -> None:
    runs = read_results(logs)
    table = accuracy_table(runs)
    assert table.headings == ["Accuracy", "Basic block", "Bottleneck"]
    assert table.cells() == [
        ["V100", "0.8907", "0.8765"],  # the last epoch's, not the best one's
        ["K80", "0.8862", "-"],
        ["Average", "0.8884", "0.8765"],
        ["Transfer to cifar100", "0.6323", "-"],
    ]
    times = time_table(runs)
    assert times.cells() == [
        ["V100, cifar10", "25.5", "22.0"],
        ["K80, cifar10", "320.0", "-"],
        ["V100, cifar100", "26.0", "-"],
    ]


def test_accuracies_on_different_data_are_not_averaged(tmp_path: Path) -> None:
    runs = read_results(
        [
            write_log(tmp_path / "a.jsonl", [0.9], [1.0], device="V100"),
            write_log(tmp_path / "b.jsonl", [0.8], [1.0], device="K80"),
            write_log(tmp_path / "c.jsonl", [0.3], [1.0], device="V100", data="cifar100"),
        ]
    )
    assert accuracy_table(runs).cells() == [
        ["V100, cifar10", "0.9000"],
        ["K80, cifar10", "0.8000"],
        ["Average, cifar10", "0.8500"],
        ["V100, cifar100", "0.3000"],
    ]


def test_tables_as_markdown_csv_and_on_a_terminal(logs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    names = list(map(str, logs))
    assert run(["tables", *names, "--format", "markdown"], root, "mdeploy-train") == 0
    assert "| K80 | 0.8862 | - |\n" in capsys.readouterr().out
    assert run(["tables", *names, "--format", "csv"], root, "mdeploy-train") == 0
    assert "K80,0.8862,\n" in capsys.readouterr().out
    assert run(["tables", *names], root, "mdeploy-train") == 0
    assert "0.8862" in capsys.readouterr().out


def test_figures_are_drawn_per_data_set_and_are_reproducible(logs: list[Path], tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        assert run(["figures", *map(str, logs), "-o", str(folder)], root, "mdeploy-train") == 0
    names = ["accuracy-cifar10.png", "accuracy-cifar10.svg"]
    names += ["accuracy-cifar100-transfer.png", "accuracy-cifar100-transfer.svg"]
    assert sorted(path.name for path in folders[0].iterdir()) == names
    for name in names:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    with Image.open(folders[0] / names[0]) as image:
        assert image.width > 600
        # Both blocks' colours are there.
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20) or []}
    assert {(0x1F, 0x5F, 0xA8), (0xC8, 0x56, 0x1B)} <= colours


def test_a_transfer_is_drawn_beside_runs_from_scratch(logs: list[Path], tmp_path: Path) -> None:
    scratch = write_log(tmp_path / "e.jsonl", [0.1, 0.2], [26.0, 26.0], data="cifar100")
    assert run(["figures", str(logs[3]), str(scratch), "-o", str(tmp_path)], root, "mdeploy-train") == 0
    with Image.open(tmp_path / "accuracy-cifar100-transfer.png") as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20) or []}
    assert {(0x1F, 0x5F, 0xA8), (0x9A, 0x9A, 0x9A)} <= colours
    assert (tmp_path / "accuracy-cifar100.png").is_file()


def test_figures_into_a_missing_folder(logs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["figures", str(logs[0]), "-o", str(tmp_path / "none")], root, "mdeploy-train") == 3
    assert "cannot write the figure" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no epoch"),
        ("nonsense\n", "line 1"),
        ('{"epoch": 1, "test_accuracy": 0.5}\n{"epoch": 2}\n', "line 2"),
        ('{"epoch": 1, "test_accuracy": 0.5}\n', "missing or wrong"),
        ("[1]\n", "line 1"),
    ],
)
def test_what_is_no_log_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(InputError, match=rf"a\.jsonl.*{message}"):
        read_results([tmp_path / "a.jsonl"])


def test_a_log_that_goes_on_keeps_what_was_there(tmp_path: Path) -> None:
    lines = [{"epoch": epoch, "test_accuracy": 0.5} for epoch in (1, 2, 3)]
    path = tmp_path / "a.jsonl"
    path.write_text("of another run\n")
    with RunLog(path, lines[:2], None) as log:
        log.write(lines[2])
    assert read_log(path) == lines
    with pytest.raises(InputError, match="cannot write the log"):
        RunLog(tmp_path / "none" / "a.jsonl", [], None)


def test_tensorboards_events_hold_the_same_numbers(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    keys = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "lr", "images_per_second")
    lines = [{"epoch": epoch, **{key: epoch + index / 8 for index, key in enumerate(keys)}} for epoch in (1, 2)]
    with RunLog(tmp_path / "a.jsonl", lines[:1], tmp_path / "events") as log:
        log.write(lines[1])
    events = EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    for key in keys:
        assert [(event.step, event.value) for event in events.Scalars(key)] == [(n["epoch"], n[key]) for n in lines]
