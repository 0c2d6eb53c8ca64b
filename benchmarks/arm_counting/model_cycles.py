# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Cycles of what was counted on a model of a core: llvm-mca's, block by block."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

import click

from arm_counting.counting import Block, Counts

__all__ = ["CORE", "TOOLS", "model_cycles"]

CORE = "neoverse-n1"
"""Right for Cortex-A76, the same core; LLVM's own ``cortex-a76`` is its model of A57."""

TOOLS = ("llvm-mc-19", "llvm-mca-19")
_MULTIPLY_ADDS_A_CYCLE = 2.0
_SHARE = 0.98  # of the instructions, by the hottest blocks; the others are taken to be like those
_ITERATIONS = 100


@dataclass
class _Run:
    """Neighbouring blocks that always ran one after the other: qemu ends a block at a page's end too."""

    blocks: list[Block]

    @property
    def code(self) -> list[int]:
        return [word for block in self.blocks for word in block.code]

    @property
    def multiply_adds(self) -> int:
        return sum(block.kinds["multiply_add"] + block.kinds["multiply_add_half"] for block in self.blocks)

    @property
    def instructions(self) -> int:
        return sum(block.instructions for block in self.blocks)


def model_cycles(counts: Counts) -> float:
    """No caches and no mispredicted branches; each block as a loop of its own, but never faster than its multiply-adds.

    Raises ``click.ClickException`` where LLVM's tools are not installed.
    """
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise click.ClickException(f"{', '.join(missing)} not on PATH: apt-get install llvm-19")
    runs = sorted(_joined(counts), key=lambda run: -run.instructions)
    hot, covered = [], 0
    for run in runs:
        if covered >= _SHARE * counts.instructions:
            break
        hot.append(run)
        covered += run.instructions
    cycles = 0.0
    for run, each in zip(hot, _cycles([run.code for run in hot]), strict=True):
        cycles += run.blocks[0].runs * max(each, run.multiply_adds / _MULTIPLY_ADDS_A_CYCLE)
    return cycles * counts.instructions / covered


def _joined(counts: Counts) -> list[_Run]:
    runs: list[_Run] = []
    for block in sorted(counts.blocks, key=lambda block: (block.address, len(block.code))):
        last = runs[-1].blocks[-1] if runs else None
        if (
            last is not None
            and last.address + 4 * len(last.code) == block.address
            and last.runs == block.runs
            and not any(last.kinds[kind] for kind in ("branch", "other"))
        ):
            runs[-1].blocks.append(block)
        else:
            runs.append(_Run([block]))
    return runs


def _cycles(codes: Sequence[Sequence[int]]) -> list[float]:
    """Of one iteration of each piece of code in the steady state."""
    lines = []
    for number, code in enumerate(codes):
        lines += [f"# LLVM-MCA-BEGIN {number}", *_disassembled(code), f"# LLVM-MCA-END {number}"]
    command = [TOOLS[1], "-mtriple=aarch64", f"-mcpu={CORE}", f"-iterations={_ITERATIONS}", "-json"]
    done = subprocess.run(command, input="\n".join([*lines, ""]), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise click.ClickException(f"{TOOLS[1]}: {done.stderr.strip()[:500]}")
    regions = json.loads(done.stdout)["CodeRegions"]
    by_name = {int(region["Name"]): region["SummaryView"]["TotalCycles"] / _ITERATIONS for region in regions}
    return [by_name[number] for number in range(len(codes))]


def _disassembled(code: Sequence[int]) -> list[str]:
    octets = " ".join(f"{byte:#04x}" for word in code for byte in word.to_bytes(4, "little"))
    command = [TOOLS[0], "-disassemble", "-triple=aarch64", "-mattr=+all"]
    done = subprocess.run(command, input=octets, capture_output=True, text=True, check=True)
    # System registers and calls are not in the models; they are rare.
    return [line for line in done.stdout.splitlines()[1:] if not line.split()[:1] or line.split()[0] not in _UNKNOWN]


_UNKNOWN = ("svc", "mrs", "msr", "dmb", "isb", ".text")
