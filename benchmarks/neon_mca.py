# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What the arm64 kernels' inner loops can reach, by a model of the core, from the binary that is shipped.

    python benchmarks/neon_mca.py                       # the packaged arm64 harness
    python benchmarks/neon_mca.py BINARY --cpu neoverse-n1

Finds the innermost loops of multiply-adds in the machine code and gives them to llvm-mca. ``neoverse-n1`` is right for
Cortex-A76 (two multiply-adds a cycle); other models are indicative only: LLVM's ``cortex-a76`` is its A57 model.
Needs Debian's llvm-19. A model knows nothing of caches, so this is a ceiling, not a measurement.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from mdeploy.cli.show.output import stdout_console
from mdeploy.cli.show.terminal import print_table
from mdeploy.tables import Table, number

MULTIPLY_ADDS_A_CYCLE = {"neoverse-n1": 2.0, "cortex-a55": 1.0}
_INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(.*?)\s*$")
_BRANCH = re.compile(r"^(b\.\w+|b|cbn?z|tbn?z)\s+(?:.*,\s*)?0x([0-9a-f]+)")


@dataclass(frozen=True)
class Loop:
    """An innermost loop, its backward branch included."""

    address: int
    body: tuple[str, ...]

    @property
    def multiply_adds(self) -> int:
        return sum(line.startswith("fmla") for line in self.body)


def find_loops(binary: Path, least: int) -> list[Loop]:
    """Innermost loops with at least that many multiply-adds, each body once."""
    command = ["llvm-objdump-19", "-d", "--no-show-raw-insn", "--no-leading-headers", str(binary)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    code = [(int(m[1], 16), m[2].replace("\t", " ")) for m in map(_INSTRUCTION.match, text.splitlines()) if m]
    position = {address: i for i, (address, _) in enumerate(code)}
    loops: dict[tuple[str, ...], Loop] = {}
    for i, (address, instruction) in enumerate(code):
        branch = _BRANCH.match(instruction)
        target = int(branch[2], 16) if branch else address
        if target >= address or target not in position:
            continue
        inside = [text for _, text in code[position[target] : i]]
        if any(_BRANCH.match(line) or line.startswith(("ret", "bl")) for line in inside):
            continue
        body = (*inside, instruction.split()[0] + " 0")
        loop = Loop(target, body)
        if loop.multiply_adds >= least:
            loops.setdefault(body, loop)
    return list(loops.values())


def cycles(loop: Loop, cpu: str, iterations: int = 200) -> float:
    """Of one iteration in the steady state."""
    code = "\n".join(re.sub(r"\s*(<.*>|//.*)$", "", line) for line in loop.body[:-1])
    command = ["llvm-mca-19", "-mtriple=aarch64", f"-mcpu={cpu}", f"-iterations={iterations}", "-json"]
    done = subprocess.run(command, input=code, capture_output=True, text=True, check=True)
    summary = json.loads(done.stdout)["CodeRegions"][0]["SummaryView"]
    return float(summary["TotalCycles"]) / iterations


@click.command(help=__doc__)
@click.argument("binary", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--cpu", default="neoverse-n1", show_default=True, help="The model, as llvm-mca names it.")
@click.option("--least", type=click.IntRange(1), default=16, show_default=True, help="Multiply-adds in a loop.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def main(binary: Path | None, cpu: str, least: int, as_json: bool) -> None:
    """Print the report."""
    for tool in ("llvm-objdump-19", "llvm-mca-19"):
        if shutil.which(tool) is None:
            raise click.ClickException(f"{tool} is not installed (apt-get install llvm-19)")
    if binary is None:
        from mdeploy.deployment.package import cross

        binary = cross.harness("arm64-v8a")
    peak = MULTIPLY_ADDS_A_CYCLE.get(cpu, 2.0)
    rows = []
    for loop in find_loops(binary, least):
        each = cycles(loop, cpu)
        rows.append(
            {
                "address": f"{loop.address:#x}",
                "instructions": len(loop.body),
                "multiply_adds": loop.multiply_adds,
                "cycles": round(each, 2),
                "fraction_of_peak": round(loop.multiply_adds / peak / each, 3),
            }
        )
    rows.sort(key=lambda row: -int(row["multiply_adds"]))
    if as_json:
        click.echo(json.dumps({"binary": str(binary), "cpu": cpu, "peak_per_cycle": peak, "loops": rows}))
        return
    title = f"{binary.name} on {cpu}: {peak:g} multiply-adds of 4 floats a cycle, by llvm-mca-19"
    columns = tuple(map(number, ("loop at", "instructions", "multiply-adds", "cycles", "of peak")))
    print_table(Table(title, columns, [tuple(row.values()) for row in rows]), stdout_console())
    if not rows:
        sys.exit("no loop of multiply-adds found: is this an arm64 binary?")


if __name__ == "__main__":
    main()
