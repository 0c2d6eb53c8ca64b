# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What a GPU that is lent for minutes is used for: throughput, then training runs one after another, logs kept.

    python benchmarks/training_on_gpu.py --data cifar10/ --small-data cifar100/ -o out --minutes 5 --block basic

Runs that no longer fit into the time are left out and named. --dry-run trains each for one epoch in batches of 8: with
folders of a few images everything can be tried on a CPU first.
"""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import click
import torch

from mdeploy_training.models.registry import new_model
from mdeploy_training.run.engine import Engine
from mdeploy_training.run.job import DataChoice, LoadedData, TrainingJob, device_name, load_data, run_job
from mdeploy_training.run.parallel import World
from mdeploy_training.run.recipe import Recipe, load_recipe
from mdeploy_training.run.throughput import measure_throughput

PATH = click.Path(path_type=Path)
MODEL = "resnest50_cifar"
TEST_SHARE = 1.25  # of an epoch's training time: the test, and the rest


def recipe(name: str, epochs: int, **changes: Any) -> Recipe:
    """A named recipe shortened to ``epochs``, its times in proportion."""
    full = load_recipe(name)
    scale = epochs / full.epochs
    times: dict[str, Any] = {"epochs": epochs, "warmup_epochs": full.warmup_epochs * scale}
    times["grow_epochs"] = full.grow_epochs * scale
    times["milestones"] = tuple(max(1, round(at * scale)) for at in full.milestones)
    times["step_epochs"] = max(1, round(full.step_epochs * scale)) if full.step_epochs else 0
    return dataclasses.replace(full, **{**times, **changes})


def same_curve(block: str, data: LoadedData, world: World, steps: int) -> dict[str, Any]:
    """Train a few steps three times, twice plainly and once as a CUDA graph: how far the losses are apart."""
    plain = Recipe(epochs=1, batch=256, lr=0.05, momentum=0.9, schedule="cosine", precision="bf16", flip=True)
    count = plain.batch * steps
    few = dataclasses.replace(data.train, pixels=data.train.pixels[:count], labels=data.train.labels[:count])  # type: ignore[call-arg, attr-defined, type-var]
    losses = []
    for captured in (False, False, True):
        model = new_model(MODEL, {"block": block})
        engine = Engine(model, plain, data.normalization, world, captured=captured)
        losses.append(engine.train_epoch(few, lambda _: None).loss)  # type: ignore[arg-type]
    return {"steps": steps, "loss_plain": losses[0], "loss_plain_again": losses[1], "loss_graph": losses[2]}


@click.command()
@click.option("--data", "large", type=PATH, required=True, help="Folder with train/ and test/.")
@click.option("--small-data", "small", type=PATH, help="Folder to transfer to.")
@click.option("-o", "--output", type=PATH, required=True)
@click.option("--block", type=click.Choice(["basic", "bottleneck"]), default="basic")
@click.option("--minutes", type=float, default=5.0, show_default=True, help="Time for the training runs.")
@click.option("--batch", type=int, default=512, show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--graphs/--no-graphs", default=True, help="CUDA graphs, where there is CUDA.")
@click.option("--dry-run", is_flag=True, help="One epoch of each run, in batches of 8.")
def main(
    large: Path,
    small: Path | None,
    output: Path,
    block: str,
    minutes: float,
    batch: int,
    device: str,
    graphs: bool,
    dry_run: bool,
) -> None:
    """Measure, then train: `fast` on the large data, its transfer to the small, the paper's recipe shortened."""
    output.mkdir(parents=True, exist_ok=True)
    world = World.join(device)
    graphs = graphs and world.device.type == "cuda"
    torch.backends.cudnn.benchmark = True
    notes: dict[str, Any] = {"device": device_name(world.device), "torch": torch.__version__, "block": block}

    def note(**values: Any) -> None:
        notes.update(values)
        (output / f"{block}-notes.json").write_text(json.dumps(notes, indent=2))
        click.echo(json.dumps(values))

    begin = time.perf_counter()
    data = load_data(DataChoice(name=str(large)), world, click.echo)
    if world.device.type == "cuda":
        data = dataclasses.replace(data, train=data.train.to(world.device), test=data.test.to(world.device))  # type: ignore[attr-defined]
    note(read_seconds=time.perf_counter() - begin)
    if graphs:
        note(same_curve=same_curve(block, data, world, 20))
    rate = 100.0
    if not dry_run:
        forms = measure_throughput(
            lambda: new_model(MODEL, {"block": block}),
            32,
            10,
            Recipe(epochs=1, batch=batch, lr=0.01, momentum=0.9, nesterov=True, schedule="cosine"),
            world,
            steps=8,
            rounds=3,
        )
        note(throughput=[dataclasses.asdict(form) for form in forms], batch=batch)
        rate = max(form.images_per_second for form in forms)

    def run(name: str, made: Recipe, **settings: Any) -> None:
        if dry_run:
            made = dataclasses.replace(made, epochs=1, batch=8)
        started = time.perf_counter()
        job = TrainingJob(
            model=MODEL,
            arguments={"block": block},
            recipe=made,
            output=output / f"{name}.pt",
            log=output / f"{name}.jsonl",
            device=device,
            captured=graphs,
            save_every=10**6,
            **{"data": DataChoice(name=str(large)), **settings.pop("job", {})},
        )
        accuracy = run_job(job, say=click.echo, **settings)
        note(**{name: {"accuracy": accuracy, "seconds": time.perf_counter() - started, "epochs": made.epochs}})

    seconds = minutes * 60
    epoch = len(data.train) / rate * TEST_SHARE
    start = time.perf_counter()
    epochs = max(2, min(60, int(0.5 * seconds / (0.7 * epoch))))
    run(f"{block}-fast", recipe("fast", epochs, batch=batch, lr=0.3 * batch / 256), data=data)
    spent = time.perf_counter() - start
    if small is not None and spent < 0.8 * seconds:
        from mdeploy.formats import checkpoint

        trained = checkpoint.load(output / f"{block}-fast.pt")
        choice = DataChoice(name=str(small), mean=trained.input.mean, std=trained.input.std)
        other = load_data(choice, world, click.echo)
        left = 0.4 * (seconds - spent)
        count = max(2, min(30, int(left / (len(other.train) / rate * 1.5))))
        made = recipe("fast", count, batch=128, lr=0.05, start_size=0, grow_epochs=0.0)
        run(f"{block}-transfer", made, data=other, job={"data": choice, "start": trained})
    left = seconds - (time.perf_counter() - start)
    count = min(40, int(left / epoch))
    if count >= 5 or dry_run:
        run(f"{block}-paper", recipe("paper", max(2, count), precision="bf16"), data=data)
    else:
        note(left_out=f"the paper's recipe: {left:.0f} s left")
    note(seconds=time.perf_counter() - begin)


if __name__ == "__main__":
    main()
