# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""One training job from data to checkpoint: reads, builds or transfers, trains, logs, saves, resumes."""

from __future__ import annotations

import dataclasses
import platform
import resource
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mdeploy.errors import InputError, UsageError
from mdeploy.formats import checkpoint
from mdeploy.formats.checkpoint import Checkpoint
from mdeploy.progress import Tell, progress_bar, status
from mdeploy_training.data import Images, Normalization, Source, read_dataset
from mdeploy_training.data.batches import steps_per_epoch
from mdeploy_training.models.registry import (
    full_arguments,
    image_input,
    make_checkpoint,
    new_model,
    transferred_model,
    with_classes,
)
from mdeploy_training.results.log import RunLog
from mdeploy_training.run.engine import Engine, EpochResult, Stopped
from mdeploy_training.run.parallel import World
from mdeploy_training.run.recipe import Recipe
from mdeploy_training.run.signals import stop_on_signal
from mdeploy_training.run.state import load_state, save_state, setting_of, state_path

__all__ = ["DataChoice", "LoadedData", "TrainingJob", "device_name", "load_data", "run_job"]


@dataclass(frozen=True, kw_only=True)
class DataChoice:
    """Which images, and how they become inputs."""

    name: str
    """cifar10, cifar100, or a folder."""
    root: Path = Path("data")
    size: int | None = None
    skip_corrupt: bool = False
    mean: tuple[float, ...] | None = None
    """With ``std``: given instead of measured."""
    std: tuple[float, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """Everything that one run was asked for."""

    model: str
    arguments: Mapping[str, Any]
    data: DataChoice
    recipe: Recipe
    output: Path
    log: Path
    start: Checkpoint | None = None
    """A trained checkpoint whose weights, all but the head, the run starts from."""
    device: str = "auto"
    threads: int | None = None
    compiled: bool = False
    captured: bool = False
    """Training passes recorded as CUDA graphs."""
    save_every: int = 1
    """Epochs between saves; the last epoch and a stop always save."""
    tensorboard: Path | None = None
    resume: bool = False


@dataclass(frozen=True)
class LoadedData:
    """Images and how they become inputs."""

    train: Source
    test: Source
    normalization: Normalization


def run_job(
    job: TrainingJob,
    say: Tell,
    after_epoch: Callable[[EpochResult], None] = lambda _: None,
    data: LoadedData | None = None,
) -> float | None:
    """Train; write a line of the log after every epoch, and state and checkpoint after those that are to be saved.

    Args:
        say: takes one line per epoch, in the first process only.
        after_epoch: called when all of an epoch is written; what it raises ends the run.
        data: what ``load_data`` gave, where several jobs share it.

    Returns:
        The last test accuracy, a share of 1; None in processes other than the first.

    Raises:
        KeyboardInterrupt: SIGTERM or SIGINT came, and the state was saved.
    """
    _check_destination(job.output)
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    torch.manual_seed(job.recipe.seed)
    world = World.join(job.device)
    try:
        first_says = say if world.is_first else lambda _: None
        accuracy = _run(job, world, first_says, after_epoch, data or load_data(job.data, world, first_says))
        return accuracy if world.is_first else None
    finally:
        world.leave()


def _run(
    job: TrainingJob,
    world: World,
    say: Tell,
    after_epoch: Callable[[EpochResult], None],
    data: LoadedData,
) -> float:
    train, test = (_near(source, world, job.recipe) for source in (data.train, data.test))
    arguments = with_classes(job.model, job.arguments, len(train.classes))
    spec = image_input(*train.size, data.normalization)
    model = new_model(job.model, arguments) if job.start is None else transferred_model(job.start, arguments)
    # Checks the number of classes before the work, not after it.
    make_checkpoint(job.model, arguments, model, spec, train.classes, {})
    engine = Engine(model, job.recipe, data.normalization, world, compiled=job.compiled, captured=job.captured)
    setting = setting_of(job.recipe, model=job.model, arguments=arguments, data=job.data.name, size=job.data.size)
    history: list[dict[str, Any]] = []
    if job.resume:
        history = _resume(job, engine, setting, say)
    about = _about(job, arguments, world, engine)

    steps = steps_per_epoch(train, job.recipe)
    done = engine.progress.epoch * steps + engine.progress.step
    with (
        RunLog(job.log if world.is_first else None, history, job.tensorboard) as log,
        stop_on_signal() as engine.stop_requested,
        progress_bar(f"training {job.model}", job.recipe.epochs * steps - done) as advance,
    ):
        try:
            for result in engine.run(train, test, advance):
                history.append({**dataclasses.asdict(result), **about, "peak_memory_bytes": _peak_memory(world.device)})
                due = result.epoch % job.save_every == 0 or result.epoch == job.recipe.epochs
                if world.is_first and due:
                    metrics = {"test_accuracy": result.test_accuracy, "epochs": result.epoch}
                    made = make_checkpoint(job.model, arguments, engine.best_model, spec, train.classes, metrics)
                    checkpoint.save(made, job.output)
                    save_state(state_path(job.output), engine, setting, history)
                log.write(history[-1])
                say(_summary(result, job.recipe))
                after_epoch(result)
        except Stopped:
            if world.is_first:
                save_state(state_path(job.output), engine, setting, history)
            progress = engine.progress
            say(f"stopped in epoch {progress.epoch + 1} after step {progress.step}; --resume goes on from there")
            raise KeyboardInterrupt from None
    return float(history[-1]["test_accuracy"])


def _near(source: Source, world: World, recipe: Recipe) -> Source:
    """Put images that are in memory onto a GPU, where batches are then made, if they leave it room to work.

    Crops of a random area are Pillow's, so they stay on the host.
    """
    if not isinstance(source, Images) or world.device.type != "cuda" or recipe.crop_area:
        return source
    free, _ = torch.cuda.mem_get_info(world.device)
    return source.to(world.device) if source.pixels.nbytes < free / 4 else source


def load_data(choice: DataChoice, world: World, say: Tell) -> LoadedData:
    """Read the images, and measure mean and std where none are given."""
    if (choice.mean is None) != (choice.std is None):
        raise UsageError("--mean and --std go together")
    with world.first_goes_first(), status("reading images"):
        train, test = read_dataset(
            choice.name, root=choice.root, size=choice.size, skip_corrupt=choice.skip_corrupt, warn=say
        )
    if choice.mean is not None and choice.std is not None:
        return LoadedData(train, test, Normalization(choice.mean, choice.std))
    return LoadedData(train, test, Normalization.measured(train))


def _resume(job: TrainingJob, engine: Engine, setting: dict[str, Any], say: Tell) -> list[dict[str, Any]]:
    path = state_path(job.output)
    if not path.exists():
        say(f"no {path} yet: starting from the beginning")
        return []
    history = load_state(path, engine, setting)
    say(f"going on from {path}: epoch {engine.progress.epoch + 1}, step {engine.progress.step}")
    return history


def _check_destination(path: Path) -> None:
    """Refuse, before hours of work, a place that cannot be written."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; -o takes the file to write")
    if not path.parent.is_dir():
        raise InputError(f"{path}: no folder {path.parent}")


def _about(job: TrainingJob, arguments: Mapping[str, Any], world: World, engine: Engine) -> dict[str, Any]:
    """What each line of the log says about its run, so that lines of many runs can be told apart."""
    device = world.device
    return {
        "model": job.model,
        "arguments": full_arguments(job.model, arguments),
        "data": Path(job.data.name).name,
        "transferred": job.start is not None,
        "batch": job.recipe.batch,
        "device": device_name(device),
        "processes": world.size,
        "threads": torch.get_num_threads() if device.type == "cpu" else None,
        "precision": "float32" if engine.autocast is None else str(engine.autocast).removeprefix("torch."),
    }


def device_name(device: torch.device) -> str:
    """Return what the device calls itself."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        name = torch.cpu.get_capabilities().get("cpu_name") if hasattr(torch.cpu, "get_capabilities") else None
        return str(name or platform.processor() or platform.machine())
    return device.type


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    # Kibibytes, but bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _summary(result: EpochResult, recipe: Recipe) -> str:
    return (
        f"epoch {result.epoch}/{recipe.epochs}  loss {result.train_loss:.4f}  "
        f"train {100 * result.train_accuracy:.2f} %  test {100 * result.test_accuracy:.2f} %  "
        f"lr {result.lr:.4f}  {result.images_per_second:.0f} images/s  {result.seconds:.1f} s"
    )
