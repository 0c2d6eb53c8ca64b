# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""One inference of the arm64 harness under qemu, counted."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import click

from arm_counting.instructions import KINDS, kind_of
from mdeploy.formats.artifact import Artifact
from native_build import build

__all__ = ["CPU", "Block", "Counts", "count", "count_inference"]

CPU = "cortex-a76"
"""What qemu says the processor is, and so what kernels are chosen: ARMv8.2 with half precision and dot products."""

_SUMS = ("runs", "loaded_bytes", "stored_bytes", "l1_misses", "l2_misses")
_LEAST = 1_000_000  # instructions; what the harness does between two looks at the clock beside a run is far less


@dataclass(frozen=True)
class Block:
    """A piece of code without branches into it, and what its runs did."""

    address: int
    symbol: str
    runs: int
    loaded_bytes: int
    stored_bytes: int
    l1_misses: int
    l2_misses: int
    code: tuple[int, ...]

    @property
    def instructions(self) -> int:
        return self.runs * len(self.code)

    @cached_property
    def kinds(self) -> Counter[str]:
        """Instructions of each kind in one run."""
        return Counter(map(kind_of, self.code))


@dataclass(frozen=True)
class Counts:
    """What a stretch of a program executed; blocks with most instructions first."""

    blocks: tuple[Block, ...]

    @property
    def instructions(self) -> int:
        return sum(block.instructions for block in self.blocks)

    @property
    def loaded_bytes(self) -> int:
        return sum(block.loaded_bytes for block in self.blocks)

    @property
    def stored_bytes(self) -> int:
        return sum(block.stored_bytes for block in self.blocks)

    @property
    def l1_misses(self) -> int:
        return sum(block.l1_misses for block in self.blocks)

    @property
    def l2_misses(self) -> int:
        return sum(block.l2_misses for block in self.blocks)

    @property
    def kinds(self) -> dict[str, int]:
        """Instructions of each kind."""
        found = dict.fromkeys(KINDS, 0)
        for block in self.blocks:
            for kind, number in block.kinds.items():
                found[kind] += block.runs * number
        return found

    @property
    def functions(self) -> dict[str, int]:
        """Instructions of each function that the program has a symbol for, most first."""
        found: Counter[str] = Counter()
        for block in self.blocks:
            found[block.symbol] += block.instructions
        return dict(found.most_common())


def count(command: Sequence[str], least: int = _LEAST, plugin_options: str = "") -> Counts:
    """Run an AArch64 program under qemu; what it did in the last stretch of ``least`` or more instructions between two
    looks at the clock.

    Raises ``click.ClickException`` where qemu is missing, the program fails or no stretch is so long.
    """
    qemu = shutil.which("qemu-aarch64")
    if qemu is None:
        raise click.ClickException(
            "qemu-aarch64 is not on PATH: apt-get install qemu-user (the static one has no plugins)"
        )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counts.jsonl"
        options = f"{_plugin()},out={out},least={least}{plugin_options and ','}{plugin_options}"
        whole = [qemu, "-cpu", CPU, "-d", "plugin", "-D", f"{folder}/log", "-plugin", options, *command]
        done = subprocess.run(whole, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not out.is_file():
            raise click.ClickException(f"{command[0]} under qemu: {(done.stderr or done.stdout).strip()[-1000:]}")
        counts = _read(out)
    if not counts.blocks:
        raise click.ClickException(f"{command[0]}: no stretch between two looks at the clock has {least} instructions")
    return counts


@cache
def _plugin() -> Path:
    return build("arm_counter")


def _read(path: Path) -> Counts:
    """Blocks with their names; what qemu translated more than once is one block."""
    merged: dict[tuple[int, str], Block] = {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        key = record["address"], record["code"]
        code = tuple(int(record["code"][i : i + 8], 16) for i in range(0, len(record["code"]), 8))
        block = Block(**{**record, "code": code})
        if key in merged:
            block = replace(block, **{name: getattr(merged[key], name) + getattr(block, name) for name in _SUMS})
        merged[key] = block
    names = _demangled(sorted({block.symbol for block in merged.values() if block.symbol}))
    blocks = [replace(block, symbol=names.get(block.symbol, "")) for block in merged.values()]
    return Counts(tuple(sorted(blocks, key=lambda block: (-block.instructions, block.address))))


def _demangled(symbols: Sequence[str]) -> dict[str, str]:
    if not symbols or shutil.which("c++filt") is None:
        return {symbol: symbol for symbol in symbols}
    done = subprocess.run(["c++filt", "-p"], input="\n".join(symbols), capture_output=True, text=True, check=True)
    return dict(zip(symbols, done.stdout.splitlines(), strict=True))


def count_inference(harness: Path, artifact: Artifact) -> Counts:
    """One inference, one thread, after one that warmed up."""
    command = [str(harness), "--init", str(artifact.init_net), "--predict", str(artifact.predict_net)]
    command += ["--manifest", str(artifact.path / "manifest.json"), "--threads", "1", "--warmup", "1", "--runs", "1"]
    return count(command)
