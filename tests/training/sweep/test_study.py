# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The search: trials train, weak ones are cut short, a stopped sweep goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from optuna.trial import TrialState

from mdeploy.cli.main import run
from mdeploy.errors import UnavailableError, UsageError
from mdeploy.formats import checkpoint
from mdeploy_training.cli import root
from mdeploy_training.models.counting import count_parts
from mdeploy_training.run.job import DataChoice, LoadedData, TrainingJob, load_data
from mdeploy_training.run.parallel import World
from mdeploy_training.run.recipe import Recipe
from mdeploy_training.sweep import Sweep, results_of, run_sweep

SHAPE: dict[str, Any] = {"layers": [1, 1], "strides": [2, 2], "stem_width": 8}
SPACE = {"widths": [[8, 16], [16, 32]], "radix": [1, 2], "block": ["basic", "bottleneck"]}


def macs_as_latency(path: Path) -> float:
    """Stands in for the harness: a cost that a net's arguments decide."""
    read = checkpoint.load(path)
    return sum(part.macs for part in count_parts(checkpoint.build_model(read), read.input.shape)) / 1e6


@pytest.fixture
def data(colour_folder: Path) -> LoadedData:
    return load_data(DataChoice(name=str(colour_folder)), World(torch.device("cpu")), print)


def make_sweep(folder: Path, trials: int, **changes: Any) -> Sweep:
    recipe = Recipe(epochs=3, batch=24, lr=0.1, momentum=0.9, schedule="one_cycle", warmup_epochs=1.0, precision="fp32")
    job = TrainingJob(
        model="resnest_small",
        arguments=SHAPE,
        data=DataChoice(name=str(folder)),
        recipe=recipe,
        output=folder / "unused.pt",
        log=folder / "unused.jsonl",
        device="cpu",
    )
    settings: dict[str, Any] = {"storage": f"sqlite:///{folder}/sweep.db", "space": SPACE, "name": "test"}
    return Sweep(job=job, trials=trials, folder=folder, **{**settings, **changes})


def test_every_finished_trial_has_its_checkpoint_and_its_measures(data: LoadedData, tmp_path: Path) -> None:
    study = run_sweep(make_sweep(tmp_path, 5), data, macs_as_latency, print)
    results = results_of(study)
    assert sum("repeats" not in trial.user_attrs for trial in study.trials) == 5
    assert results
    found = {}
    for path in tmp_path.glob("trial-*.pt"):
        read = checkpoint.load(path)
        found[json.dumps([read.arguments[name] for name in SPACE])] = (read, macs_as_latency(path))
    for result in results:
        read, macs = found[json.dumps([result.arguments[name] for name in SPACE])]
        assert result.accuracy == read.metrics["test_accuracy"]
        assert result.latency_ms == macs
        model = checkpoint.build_model(read)
        assert result.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert not list(tmp_path.glob("*untrained*"))


def test_a_stopped_sweep_goes_on_with_the_same_trial(data: LoadedData, tmp_path: Path) -> None:
    calls = 0

    def interrupted(path: Path) -> float:
        nonlocal calls
        calls += 1
        if calls == 4:  # the end of the second trial, unless that was cut short or the same as the first
            raise KeyboardInterrupt
        return macs_as_latency(path)

    with pytest.raises(KeyboardInterrupt):
        run_sweep(make_sweep(tmp_path, 6), data, interrupted, print)
    lines: list[str] = []
    study = run_sweep(make_sweep(tmp_path, 6), data, macs_as_latency, lines.append)
    states = [trial.state for trial in study.trials]
    assert states.count(TrialState.FAIL) == 1
    assert sum("repeats" not in trial.user_attrs for trial in study.trials) == 7
    broken = states.index(TrialState.FAIL)
    assert study.trials[broken + 1].params == study.trials[broken].params
    assert any("going on from" in line for line in lines)
    # A finished sweep is not run again.
    again = run_sweep(make_sweep(tmp_path, 6), data, interrupted, print)
    assert len(again.trials) == len(states)


@pytest.mark.parametrize("slower", [True, False])
def test_a_trial_that_is_slower_and_clearly_worse_is_cut_short(data: LoadedData, tmp_path: Path, slower: bool) -> None:
    sweep = make_sweep(tmp_path, 2)
    study = optuna.create_study(study_name=sweep.name, storage=sweep.storage, directions=["maximize", "minimize"])
    rival = {"widths": "[16, 32]", "radix": "2", "block": '"basic"'}
    choices = {name: [json.dumps(choice) for choice in SPACE[name]] for name in SPACE}
    study.add_trial(
        optuna.trial.create_trial(
            params=rival,
            distributions={name: optuna.distributions.CategoricalDistribution(choices[name]) for name in SPACE},
            values=[1.0, 1.0],
            user_attrs={"curve": [1.0, 1.0, 1.0], "parameters": 1000},
        )
    )
    study.enqueue_trial({**rival, "widths": "[8, 16]"})
    lines: list[str] = []
    study = run_sweep(sweep, data, lambda _: 2.0 if slower else 0.5, lines.append)
    assert study.trials[1].state == (TrialState.PRUNED if slower else TrialState.COMPLETE)
    assert any("cut short after epoch 1: trial 0" in line for line in lines) == slower


def test_another_setting_under_the_same_name_is_refused(data: LoadedData, tmp_path: Path) -> None:
    run_sweep(make_sweep(tmp_path, 1), data, macs_as_latency, print)
    with pytest.raises(UsageError, match=r"'test' was begun with another setting: space was .*--name"):
        run_sweep(make_sweep(tmp_path, 2, space={"radix": [1]}), data, macs_as_latency, print)


def test_choices_that_do_not_go_together_are_passed_over(data: LoadedData, tmp_path: Path) -> None:
    lines: list[str] = []
    sweep = make_sweep(tmp_path, 4, space={"radix": [3]})
    study = run_sweep(sweep, data, macs_as_latency, lines.append)
    assert results_of(study) == []
    assert any("impossible" in line for line in lines)


def test_no_combination_is_trained_twice_and_the_sweep_ends_with_the_last_one(data: LoadedData, tmp_path: Path) -> None:
    lines: list[str] = []
    space = {"radix": [1, 2], "block": ["basic", "bottleneck"]}
    study = run_sweep(make_sweep(tmp_path, 20, space=space), data, macs_as_latency, lines.append)
    tried = [json.dumps(trial.params, sort_keys=True) for trial in study.trials if "repeats" not in trial.user_attrs]
    assert len(tried) == len(set(tried)) == 4
    assert lines[-1] == "every combination of the choices has been tried"


def test_errors(data: LoadedData, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--space"):
        run_sweep(make_sweep(tmp_path, 1, space={}), data, macs_as_latency, print)
    with pytest.raises(UsageError, match="radix takes a JSON list"):
        run_sweep(make_sweep(tmp_path, 1, space={"radix": 2}), data, macs_as_latency, print)
    for storage in ("nonsense", f"sqlite:///{tmp_path}/none/sweep.db"):
        with pytest.raises(UnavailableError, match="cannot open"):
            run_sweep(make_sweep(tmp_path, 1, storage=storage), data, macs_as_latency, print)


def test_command_line_errors(colour_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["sweep", "resnest_small", "--data", str(colour_folder)]
    assert run([*common, "-o", str(tmp_path / "no" / "folder")], root, "mdeploy-train") == 3
    assert run([*common, "-o", str(tmp_path / "s"), "--bench-device", "toaster"], root, "mdeploy-train") == 2
    assert run([*common, "-o", str(tmp_path / "s")], root, "mdeploy-train") == 2
    assert "a sweep needs choices" in capsys.readouterr().err
