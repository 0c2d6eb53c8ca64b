# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The search itself, over Optuna: what a trial does, when it is cut short, and how a stopped sweep goes on.

A trial's latency is known before it trains, since an untrained net is as fast as a trained one. A trial that some
finished one already beats in latency, and clearly in accuracy after as many epochs, is therefore not worth finishing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import random
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdeploy.errors import UnavailableError, UsageError, first_line
from mdeploy.formats import checkpoint
from mdeploy.packages import installed
from mdeploy.progress import Tell
from mdeploy_training.models.calibration import calibrate
from mdeploy_training.models.registry import image_input, make_checkpoint, new_model, with_classes
from mdeploy_training.results.log import read_log
from mdeploy_training.run.engine import EpochResult
from mdeploy_training.run.job import LoadedData, TrainingJob, run_job
from mdeploy_training.run.state import setting_of, state_path
from mdeploy_training.sweep.pareto import TrialResult

if TYPE_CHECKING:
    import optuna

__all__ = ["Sweep", "results_of", "run_sweep"]

_HEARTBEAT_SECONDS = 60  # a trial without one for twice this long belongs to a process that is gone
_CLEARLY = 0.02  # of accuracy
_REPEATS = "repeats"  # attribute of a trial that was passed over: the number of the one that it repeats


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What is searched, and how long."""

    job: TrainingJob
    """The model, data and recipe of every trial; its ``output`` is in the sweep's folder."""
    space: Mapping[str, list[Any]]
    """Arguments of the model, each with its choices."""
    trials: int
    """Finished trials after which the sweep ends, those of earlier runs and of other machines included."""
    folder: Path
    storage: str
    """A database URL; machines that share it share the sweep."""
    name: str
    seed: int = 0


def run_sweep(sweep: Sweep, data: LoadedData, measure: Callable[[Path], float], say: Tell) -> optuna.Study:
    """Run, or go on with, the sweep to its number of trials.

    Args:
        data: what every trial trains on.
        measure: latency of a checkpoint in milliseconds.
        say: takes lines of progress.

    Raises:
        KeyboardInterrupt: SIGTERM or SIGINT came; the trial's state is kept, and the sweep goes on from it.
        UnavailableError: Optuna is not installed, or the storage cannot be reached.
        UsageError: the space is empty, or the sweep was begun with another setting.
    """
    if not sweep.space:
        raise UsageError("a sweep needs choices: --space radix=[1,2,4]")
    for name, choices in sweep.space.items():
        if not isinstance(choices, list) or not choices:
            raise UsageError(f"--space {name} takes a JSON list of choices, not {json.dumps(choices)}")
    study = _open(sweep)
    _check_setting(study, sweep)

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        _pass_over_repeats(trial, study, sweep)
        try:
            return _run_trial(trial, _finished(study), sweep, data, measure, say)
        except KeyboardInterrupt:
            # The same arguments come next when the sweep goes on, and their run resumes from its state.
            study.enqueue_trial(trial.params)
            raise

    while len(_finished(study)) < sweep.trials:
        if not _untried(study, sweep):
            say("every combination of the choices has been tried")
            break
        study.optimize(objective, n_trials=1)
    return study


def _open(sweep: Sweep) -> optuna.Study:
    with installed():
        import optuna
        from optuna.exceptions import ExperimentalWarning
        from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
        from sqlalchemy.exc import SQLAlchemyError
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats, which have been in Optuna for years
    try:
        storage = RDBStorage(
            sweep.storage,
            heartbeat_interval=_HEARTBEAT_SECONDS,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=3),
        )
        return optuna.create_study(
            study_name=sweep.name,
            storage=storage,
            directions=["maximize", "minimize"],
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=sweep.seed, n_startup_trials=max(4, sweep.trials // 3)),
        )
    except (SQLAlchemyError, ImportError, ValueError) as error:
        raise UnavailableError(f"{sweep.storage}: cannot open the sweep's storage: {first_line(error)}") from error


def _check_setting(study: optuna.Study, sweep: Sweep) -> None:
    """Trials of another setting cannot be compared with these."""
    job = sweep.job
    setting = setting_of(
        job.recipe, model=job.model, arguments=dict(job.arguments), data=job.data.name, space=dict(sweep.space)
    )
    saved = study.user_attrs.get("setting")
    if saved is None:
        study.set_user_attr("setting", setting)
        return
    differences = [
        f"{key} was {saved.get(key)!r}, is {value!r}" for key, value in setting.items() if saved.get(key) != value
    ]
    if differences:
        raise UsageError(
            f"the sweep {sweep.name!r} was begun with another setting: {'; '.join(differences[:3])}; "
            "give another --name or folder"
        )


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The trials that count: those that were passed over as repeats do not."""
    from optuna.trial import TrialState

    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    return [trial for trial in ended if _REPEATS not in trial.user_attrs]


def _untried(study: optuna.Study, sweep: Sweep) -> list[dict[str, str]]:
    """The combinations, as the storage has them, that no trial has finished or is busy with, here or elsewhere."""
    from optuna.trial import TrialState

    busy = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    tried = [trial.params for trial in (*_finished(study), *busy)]
    texts = ([json.dumps(choice) for choice in choices] for choices in sweep.space.values())
    combinations = (dict(zip(sweep.space, values, strict=True)) for values in itertools.product(*texts))
    return [combination for combination in combinations if combination not in tried]


def results_of(study: optuna.Study) -> list[TrialResult]:
    """Return the trials that were trained to the end."""
    from optuna.trial import TrialState

    return [
        TrialResult(
            number=trial.number,
            arguments={name: json.loads(value) for name, value in trial.params.items()},
            accuracy=trial.values[0],
            latency_ms=trial.values[1],
            parameters=trial.user_attrs["parameters"],
        )
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    ]


def _choose(trial: optuna.Trial, sweep: Sweep) -> dict[str, Any]:
    # Choices as JSON text: the storage takes no lists.
    return {
        name: json.loads(trial.suggest_categorical(name, [json.dumps(choice) for choice in choices]))
        for name, choices in sweep.space.items()
    }


def _pass_over_repeats(trial: optuna.Trial, study: optuna.Study, sweep: Sweep) -> None:
    """End a trial whose arguments have been tried, and let one that has not been come next.

    The sampler models choices as independent of what was measured before, and in a small space soon repeats itself.
    """
    import optuna

    _choose(trial, sweep)
    for earlier in _finished(study):
        if earlier.params == trial.params:
            untried = _untried(study, sweep)
            if untried:
                study.enqueue_trial(random.Random(f"{sweep.seed} {trial.number}").choice(untried))
            trial.set_user_attr(_REPEATS, earlier.number)
            raise optuna.TrialPruned


def _run_trial(
    trial: optuna.Trial,
    finished: list[optuna.trial.FrozenTrial],
    sweep: Sweep,
    data: LoadedData,
    measure: Callable[[Path], float],
    say: Tell,
) -> tuple[float, float]:
    import optuna

    chosen = _choose(trial, sweep)
    title = f"trial {trial.number}: " + ", ".join(f"{name} {value}" for name, value in chosen.items())
    arguments = with_classes(sweep.job.model, {**sweep.job.arguments, **chosen}, len(data.train.classes))
    output = sweep.folder / f"trial-{_digest(chosen)}.pt"
    try:
        model = new_model(sweep.job.model, arguments)
    except UsageError as error:
        say(f"{title}: impossible: {error}")
        raise optuna.TrialPruned from error
    trial.set_user_attr("parameters", sum(parameter.numel() for parameter in model.parameters()))
    spec = image_input(*data.train.size, data.normalization)
    untrained = output.with_suffix(".untrained.pt")
    made = make_checkpoint(sweep.job.model, arguments, calibrate(model, spec.shape), spec, None, {"epochs": 0})
    checkpoint.save(made, untrained)
    try:
        before = measure(untrained)
    finally:
        untrained.unlink()
    say(f"{title}: {before:.3f} ms")

    log = output.with_suffix(".jsonl")
    trial.set_user_attr("latency_ms", before)

    def judge(result: EpochResult) -> None:
        # From the log, which has the epochs before a stop, too.
        curve = [line["test_accuracy"] for line in read_log(log)]
        trial.set_user_attr("curve", curve)
        rival = _beaten_by(finished, curve, before, sweep.job.recipe.epochs)
        if rival is not None:
            say(f"{title}: cut short after epoch {result.epoch}: trial {rival} is faster and was better")
            raise optuna.TrialPruned

    begun = state_path(output).exists()
    job = dataclasses.replace(sweep.job, arguments=arguments, output=output, log=log, resume=begun)
    accuracy = run_job(job, say, judge, data)
    assert accuracy is not None
    trial.set_user_attr("curve", [line["test_accuracy"] for line in read_log(log)])
    latency = measure(output)
    say(f"{title}: accuracy {accuracy:.4f}, {latency:.3f} ms")
    return accuracy, latency


def _beaten_by(finished: list[optuna.trial.FrozenTrial], curve: list[float], latency: float, epochs: int) -> int | None:
    """Return the number of a trial that is faster and was clearly better after as many epochs, in time to save any."""
    done = len(curve)
    if done < max(1, epochs // 3) or done == epochs:
        return None
    for trial in finished:
        theirs = trial.user_attrs.get("curve", [])
        if (
            trial.values
            and trial.values[1] <= latency
            and len(theirs) >= done
            and theirs[done - 1] > curve[-1] + _CLEARLY
        ):
            return trial.number
    return None


def _digest(arguments: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()[:10]
