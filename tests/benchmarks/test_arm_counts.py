# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Counting under qemu: exact where the counts are known, and the bundled net costs what is written down."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import click
import pytest

from mdeploy import api
from mdeploy.deployment.package import cross
from mdeploy.formats.artifact import Artifact

ROUNDS = 1000
BUFFER = 4 << 20  # bytes: more than both caches of the model
KINDS = {  # kind: what is executed in each round
    "multiply_add": (
        "fmla v0.4s, v1.4s, v2.4s",
        "fmls v0.4s, v1.4s, v2.4s",
        "fmla v0.4s, v1.4s, v2.s[3]",
        "fmls v0.4s, v31.4s, v31.s[1]",
        "fmul v0.4s, v1.4s, v2.4s",
        "fmul v0.4s, v1.4s, v2.s[2]",
    ),
    "multiply_add_half": (
        "fmla v0.8h, v1.8h, v2.8h",
        "fmls v0.8h, v1.8h, v2.8h",
        "fmla v0.8h, v1.8h, v2.h[7]",
        "fmul v0.8h, v1.8h, v2.8h",
        "fmul v0.8h, v1.8h, v2.h[0]",
    ),
    "dot": ("sdot v0.4s, v1.16b, v2.16b", "udot v0.4s, v1.16b, v2.4b[1]"),
    "float": (
        *("fadd v0.4s, v1.4s, v2.4s", "fsub v0.4s, v1.4s, v2.4s", "fmax v0.4s, v1.4s, v2.4s"),
        *("fmin v0.4s, v1.4s, v2.4s", "fdiv v0.4s, v1.4s, v2.4s", "fadd v0.8h, v1.8h, v2.8h"),
        "fmla v0.2s, v1.2s, v2.2s",  # half a register
    ),
    "vector": (
        *("mov v0.16b, v1.16b", "dup v0.4s, v1.s[1]", "ins v0.s[1], v1.s[2]", "zip1 v0.4s, v1.4s, v2.4s"),
        *("ext v0.16b, v1.16b, v2.16b, #4", "add v0.4s, v1.4s, v2.4s", "movi v0.4s, #0", "shl v0.4s, v1.4s, #23"),
        "bsl v0.16b, v1.16b, v2.16b",
    ),
    "scalar_float": ("fadd s0, s1, s2", "fmadd s0, s1, s2, s3", "fmov s0, w1", "fmul s0, s1, v2.s[1]", "scvtf s0, w1"),
    "vector_load": (
        *("ldr q0, [x1]", "ldr q0, [x1, #16]", "ldp q0, q1, [x1]", "ldr d0, [x1]", "ldr s0, [x1]", "ldur q0, [x1, #3]"),
        *("ld1 {v0.4s}, [x1]", "ld1r {v0.4s}, [x1]", "ld4 {v0.4s, v1.4s, v2.4s, v3.4s}, [x1]", "ldr q0, [x1, x2]"),
    ),
    "vector_store": ("str q0, [x1]", "stp q0, q1, [x1]", "st1 {v0.4s}, [x1]", "str s0, [x1, #4]", "stur q0, [x1, #3]"),
    "load": (
        "ldr x0, [x1]",
        "ldr w0, [x1, #4]",
        "ldrsw x0, [x1]",
        "ldrb w0, [x1]",
        "ldp x0, x3, [x1]",
        "ldar x0, [x1]",
    ),
    "store": ("str x0, [x1]", "strb w0, [x1]", "stp x0, x3, [x1]", "stlr x0, [x1]"),
    "prefetch": ("prfm pldl1keep, [x1]", "prfm pldl2keep, [x1, #64]"),
    "integer": ("add x0, x3, #1", "add x0, x3, x4", "madd x0, x3, x4, x5", "lsl x0, x3, #2", "csel x0, x3, x4, eq"),
    "branch": ("b 2f\n2:", "cbz xzr, 2f\n2:", "bl 2f\n2:"),
}

PROGRAM = """
.arch armv8.2-a+fp16+dotprod
.text
.global _start
.type clock, %function
clock:
  mov x8, #113
  mov x0, #1
  adrp x1, buffer
  svc #0
  ret
.type work, %function
work:
  adrp x1, buffer
  mov x2, #32
  ldr x9, =COUNT
1:
BODY
  subs x9, x9, #1
  b.ne 1b
  b finish
.size work, . - work
.type _start, %function
_start:
  bl clock
  b work
.type finish, %function
finish:
  bl clock
  mov x0, #0
  mov x8, #93
  svc #0
.bss
.balign 65536
buffer: .space SIZE
"""


@pytest.fixture
def assembled(tmp_path: Path) -> Callable[[str, int], list[str]]:
    """Makes a program that runs lines of assembler so many times, between two looks at the clock."""
    if shutil.which("qemu-aarch64") is None:
        pytest.skip("qemu-aarch64, the one with plugins, is not installed")

    def make(body: str, rounds: int) -> list[str]:
        source, program = tmp_path / "program.S", tmp_path / "program"
        text = PROGRAM.replace("BODY", body).replace("COUNT", str(rounds)).replace("SIZE", str(BUFFER + 65536))
        source.write_text(text)
        command = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-musl", "-nostdlib", "-static"]
        command += [str(source), "-o", str(program)]
        subprocess.run(command, check=True, capture_output=True)
        return [str(program)]

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_counts_are_exact(
    benchmark_module: Callable[[str], ModuleType], assembled: Callable[[str, int], list[str]], kind: str
) -> None:
    counting = benchmark_module("arm_counting.counting")
    body = KINDS[kind]
    found = counting.count(assembled("\n".join(body), ROUNDS), least=ROUNDS)
    nothing = counting.count(assembled("", ROUNDS), least=ROUNDS)
    assert found.instructions - nothing.instructions == ROUNDS * len(body)
    assert {k: n - nothing.kinds[k] for k, n in found.kinds.items() if n != nothing.kinds[k]} == {
        kind: ROUNDS * len(body)
    }
    assert found.functions["work"] == found.instructions - nothing.instructions + nothing.functions["work"]


def test_bytes_and_cache_misses_are_exact(
    benchmark_module: Callable[[str], ModuleType], assembled: Callable[[str, int], list[str]]
) -> None:
    counting = benchmark_module("arm_counting.counting")
    lines = BUFFER // 64
    found = counting.count(assembled("ldp q0, q1, [x1], #64\nstr d0, [x1, #-56]", lines), least=lines)
    assert found.stored_bytes == 8 * lines
    assert 32 * lines <= found.loaded_bytes <= 32 * lines + 16  # and the literal with the number of rounds
    assert lines <= found.l1_misses <= lines + 2  # each line once, by the load
    assert lines <= found.l2_misses <= lines + 2
    small = counting.count(
        assembled("and x3, x9, #1023\nadd x3, x1, x3, lsl #6\nldr q0, [x3]", lines), least=lines
    )  # 64 KiB again and again: all of the first level
    assert 1024 <= small.l1_misses <= 1024 + 64
    large = counting.count(
        assembled("and x3, x9, #4095\nadd x3, x1, x3, lsl #6\nldr q0, [x3]", lines), least=lines
    )  # 256 KiB: too much for the first, not for the second
    assert large.l1_misses >= lines
    assert 4096 <= large.l2_misses <= 4096 + 64


def test_a_program_that_is_not_counted_is_refused(
    benchmark_module: Callable[[str], ModuleType], assembled: Callable[[str, int], list[str]], tmp_path: Path
) -> None:
    counting = benchmark_module("arm_counting.counting")
    program = assembled("", 10)
    with pytest.raises(click.ClickException, match="no stretch between two looks at the clock has 1000000"):
        counting.count(program)
    with pytest.raises(click.ClickException, match="no cache has 64 KiB in 0 ways"):
        counting.count(program, plugin_options="l1=64:0")
    with pytest.raises(click.ClickException, match="nowhere"):
        counting.count([str(tmp_path / "nowhere")])


def test_cycles_are_those_of_the_units_and_of_latencies(benchmark_module: Callable[[str], ModuleType]) -> None:
    counting, model = benchmark_module("arm_counting.counting"), benchmark_module("arm_counting.model_cycles")
    if any(shutil.which(tool) is None for tool in model.TOOLS):
        pytest.skip("not applicable: llvm-19 is not installed")

    def cycles(*codes: Sequence[int]) -> float:
        """Of pieces of code that lie one behind the other, each run a thousand times."""
        starts = [4 * sum(map(len, codes[:n])) for n in range(len(codes))]
        blocks = [
            counting.Block(start, "", 1000, 0, 0, 0, 0, tuple(code)) for start, code in zip(starts, codes, strict=True)
        ]
        return float(model.model_cycles(counting.Counts(tuple(blocks)))) / 1000

    fmla = 0x4E20CC00 | 30 << 16 | 31 << 5  # fmla vD.4s, v31.4s, v30.4s
    independent = [fmla | register for register in range(16)]
    assert cycles(independent) == pytest.approx(8, rel=0.1)  # two a cycle
    assert cycles([0x4E20D400] * 8) == pytest.approx(16, rel=0.1)  # fadd v0.4s, v0.4s, v0.4s: one waits for the other
    assert cycles(independent[:1], independent[1:]) == pytest.approx(8, rel=0.1)  # cut by qemu, not by a branch


def test_figures_that_are_off_either_way_are_named(benchmark_module: Callable[[str], ModuleType]) -> None:
    figures = benchmark_module("arm_counting.figures")
    kept = json.loads(figures.FIGURES.read_text())["nets"]["bundled"]
    assert figures.compare("bundled", kept) == []
    near = {name: round(value * 1.015) for name, value in kept.items()}
    assert figures.compare("bundled", near) == []
    [slower] = figures.compare("bundled", {**kept, "instructions": round(kept["instructions"] * 1.03)})
    assert "+3.0%" in slower
    assert "find out why" in slower
    [faster] = figures.compare("bundled", {**kept, "loaded_bytes": round(kept["loaded_bytes"] * 0.9)})
    assert "-10.0%" in faster
    assert "write it down" in faster
    assert "not in figures.json" in figures.compare("unknown", kept)[0]


@pytest.mark.slow
def test_the_bundled_net_costs_what_is_written(
    benchmark_module: Callable[[str], ModuleType], bundled_checkpoint: Path, tmp_path: Path
) -> None:
    """So a kernel that became slower on ARM64 is seen, by counts that do not depend on the machine."""
    if shutil.which("qemu-aarch64") is None:
        pytest.skip("qemu-aarch64, the one with plugins, is not installed")
    counting, figures = benchmark_module("arm_counting.counting"), benchmark_module("arm_counting.figures")
    api.convert(bundled_checkpoint, output=tmp_path / "out")
    found = counting.count_inference(cross.harness("arm64-v8a"), Artifact.open(tmp_path / "out"))
    assert figures.compare("bundled", figures.figures_of(found)) == []
