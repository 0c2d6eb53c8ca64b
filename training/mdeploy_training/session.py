# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""One training job from data to checkpoint: reads, trains, logs and saves."""

from __future__ import annotations

import dataclasses
import json
import platform
import resource
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import torch

from mdeploy import checkpoint
from mdeploy.errors import InputError, UnavailableError, UsageError
from mdeploy.progress import progress_bar, status
from mdeploy_training.checkpoints import check_destination, make_checkpoint, new_model, picture_input
from mdeploy_training.data import Normalization, read_dataset
from mdeploy_training.engine import Engine, EpochResult
from mdeploy_training.recipe import Recipe

__all__ = ["TrainingJob", "run_job"]


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """Everything that one run of ``mdeploy-train train`` was asked for."""

    model: str
    arguments: Mapping[str, Any]
    data: str
    data_root: Path
    size: int | None
    skip_corrupt: bool
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    recipe: Recipe
    device: str
    threads: int | None
    log: Path
    output: Path


def run_job(job: TrainingJob, say: Callable[[str], None]) -> float:
    """Train, write the log and, after every epoch, the checkpoint; return the last test accuracy.

    Args:
        say: takes one line per epoch.
    """
    check_destination(job.output)
    if (job.mean is None) != (job.std is None):
        raise UsageError("--mean and --std go together")
    device = _device(job.device)
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    torch.manual_seed(job.recipe.seed)
    with status("reading pictures"):
        train, test = read_dataset(job.data, root=job.data_root, size=job.size, skip_corrupt=job.skip_corrupt, warn=say)
    if job.mean is not None and job.std is not None:
        normalization = Normalization(job.mean, job.std)
    else:
        normalization = Normalization.measured(train)
    spec = picture_input(*train.size, normalization)
    model = new_model(job.model, job.arguments)
    # Checks the number of classes before the work, not after it.
    make_checkpoint(job.model, job.arguments, model, spec, train.classes, {})
    engine = Engine(model, job.recipe, normalization, device)
    steps = len(train) // job.recipe.batch * job.recipe.epochs
    accuracy = 0.0
    with _open_log(job.log) as log, progress_bar(f"training {job.model}", steps) as advance:
        for result in engine.run(train, test, advance):
            accuracy = result.test_accuracy
            line = {**dataclasses.asdict(result), **_where(job, device, engine)}
            log.write(json.dumps(line) + "\n")
            log.flush()
            say(_summary(result, job.recipe))
            metrics = {"test_accuracy": accuracy, "epochs": result.epoch}
            checkpoint.save(
                make_checkpoint(job.model, job.arguments, engine.best_model, spec, train.classes, metrics), job.output
            )
    return accuracy


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UnavailableError(f"device {name!r} cannot be used: {str(error).splitlines()[0]}") from error
    return device


def _open_log(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot write the log: {error.strerror}") from error


def _where(job: TrainingJob, device: torch.device, engine: Engine) -> dict[str, Any]:
    """What each line says about the run, so that lines of many runs can be told apart."""
    return {
        "model": job.model,
        "arguments": dict(job.arguments),
        "data": Path(job.data).name,
        "device": _device_name(device),
        "threads": torch.get_num_threads() if device.type == "cpu" else None,
        "precision": "bf16" if engine.autocast else "fp32",
        "peak_memory_bytes": _peak_memory(device),
    }


def _device_name(device: torch.device) -> str:
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
