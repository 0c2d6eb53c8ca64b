# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What one inference costs on ARM64, counted under qemu: there is no phone here, and counts are exact.

    python benchmarks/arm_counts.py                      # the bundled net and the four of the comparison
    python benchmarks/arm_counts.py bundled --blocks 12  # with the hottest blocks of code and their functions
    python benchmarks/arm_counts.py --cycles             # and cycles on llvm-mca's model of the core (llvm-19)
    python benchmarks/arm_counts.py FOLDER --json        # an artifact of yours
    python benchmarks/arm_counts.py bundled --check      # against the figures in arm_counting/figures.json

The harness is the one that is shipped, with symbols; one thread, the second inference. Needs qemu with plugins (apt-get
install qemu-user). The cache is a model of Cortex-A76's: 64 KiB in 4 ways and 512 KiB in 8, lines of 64 bytes, no
prefetcher, nothing behind.

What the figures can tell: whether a change executes fewer instructions, loads less or misses the cache less often, to
the last digit, on any machine. What they cannot: milliseconds. How many instructions a core completes in a cycle, what
a prefetcher hides, heat and other processes are not in them. A tenth fewer instructions of one loop is less work; two
runtimes that differ by a tenth may stand either way on a phone.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from arm_counting.counting import CPU, Counts, count_inference
from arm_counting.figures import FIGURES, compare, figures_of, write
from arm_counting.instructions import KINDS
from arm_counting.model_cycles import CORE, model_cycles
from arm_counting.program import harness_with_symbols
from mdeploy import api
from mdeploy.cli.show.output import stdout_console
from mdeploy.cli.show.terminal import print_table
from mdeploy.formats.artifact import Artifact
from mdeploy.tables import Table, name, number, text
from native_build import CACHE
from peer_runtimes.artifacts import ROOT, prepare

NETS = ("bundled", "basic", "bottleneck", "resnet18", "mobilenet_v2")
CONSOLE = Console(stderr=True)


def open_net(net: str) -> Artifact:
    """The artifact of one of ``NETS``, converted anew for the bundled net, or one at that path."""
    if net == "bundled":
        CACHE.mkdir(parents=True, exist_ok=True)
        api.convert(ROOT / "examples" / "resnest_small_cifar10.pt", output=CACHE / "bundled")
        return Artifact.open(CACHE / "bundled")
    if net in NETS:
        return Artifact.open(prepare(net, CONSOLE.print) / "artifact")
    if not Path(net).is_dir():
        raise click.UsageError(f"{net}: must be an artifact's folder or one of {', '.join(NETS)}")
    return Artifact.open(net)


def _million(value: float) -> str:
    return f"{value / 1e6:.2f}" if value < 1e7 else f"{value / 1e6:.1f}"


def _summary(counts: dict[str, Counts], cycles: dict[str, float]) -> Table:
    headings = ["instructions", "multiply-adds", "of these", "16-byte loads", "L1 misses", "L2 misses"]
    headings += [f"cycles by the model of {CORE}"] if cycles else []
    rows = []
    for net, found in counts.items():
        multiply_adds = found.kinds["multiply_add"] + found.kinds["multiply_add_half"]
        share = f"{multiply_adds / found.instructions:.2f}"
        loads, misses = found.loaded_bytes / 16, (found.l1_misses, found.l2_misses)
        rest = map(_million, (loads, *misses, *([cycles[net]] if cycles else [])))
        rows.append((net, *map(_million, (found.instructions, multiply_adds)), share, *rest))
    title = f"One inference on {CPU}, one thread, counted under qemu (millions)"
    return Table(title, (name("net", key=True), *map(number, headings)), rows)


def _kinds(counts: dict[str, Counts]) -> Table:
    rows = []
    for kind, meaning in KINDS.items():
        numbers = [found.kinds[kind] for found in counts.values()]
        if any(numbers):
            rows.append((f"{kind.replace('_', ' ')}: {meaning}", *map(_million, numbers)))
    return Table("Instructions of each kind (millions)", (text("kind", key=True), *map(number, counts)), rows)


def _hottest(net: str, found: Counts, most: int) -> Table:
    rows = []
    for block in found.blocks[:most]:
        kinds = block.kinds
        numbers = (len(block.code), kinds["multiply_add"] + kinds["multiply_add_half"])
        each = (block.loaded_bytes / 16 / block.runs, block.l1_misses / block.runs, block.l2_misses / block.runs)
        share = f"{block.instructions / found.instructions:.1%}"
        cells = (*map(str, numbers), *(f"{value:.2f}" for value in each))
        rows.append((block.symbol, f"{block.address:#x}", share, *cells))
    figures = ("share", "length", "multiply-adds", "loads", "L1 misses", "L2 misses")
    columns = (text("function", key=True), name("at"), *map(number, figures))
    return Table(f"{net}: the blocks of code with most instructions", columns, rows)


def _functions(net: str, found: Counts, most: int) -> Table:
    rows = [
        (function, f"{instructions / found.instructions:.1%}")
        for function, instructions in list(found.functions.items())[:most]
    ]
    return Table(f"{net}: the functions with most instructions", (text("function", key=True), number("share")), rows)


def _as_json(net: str, found: Counts, blocks: int) -> dict[str, Any]:
    members = ("instructions", "loaded_bytes", "stored_bytes", "l1_misses", "l2_misses")
    hottest = [
        {
            "function": block.symbol,
            "address": block.address,
            "runs": block.runs,
            "instructions": block.instructions,
            "kinds": dict(block.kinds),
            "code": [f"{word:08x}" for word in block.code],
        }
        for block in found.blocks[:blocks]
    ]
    result = {"net": net, "cpu": CPU, **{member: getattr(found, member) for member in members}}
    return {**result, "kinds": found.kinds, "functions": found.functions, "blocks": hottest}


@click.command(help=__doc__)
@click.argument("nets", nargs=-1)
@click.option("--blocks", type=click.IntRange(0), default=0, help="Show so many of the hottest blocks and functions.")
@click.option("--cycles", is_flag=True, help=f"Add cycles on llvm-mca's model of {CORE}.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a net instead of tables.")
@click.option("--check", is_flag=True, help=f"Exit 1 where a net is off {FIGURES.name} by more than 2 %.")
@click.option("--write", "write_figures", is_flag=True, help=f"Write what was counted to {FIGURES.name}.")
@click.option("--harness", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Default: built here.")
def main(
    nets: tuple[str, ...],
    blocks: int,
    cycles: bool,
    as_json: bool,
    check: bool,
    write_figures: bool,
    harness: Path | None,
) -> None:
    """Count and print."""
    program = harness or harness_with_symbols(CONSOLE.print)
    counts: dict[str, Counts] = {}
    modelled: dict[str, float] = {}
    for net in nets or NETS:
        counts[net] = count_inference(program, open_net(net))
        if cycles:
            modelled[net] = model_cycles(counts[net])
        if as_json:
            more = {"model_cycles": modelled[net], "model": CORE} if cycles else {}
            click.echo(json.dumps({**_as_json(net, counts[net], blocks), **more}))
    if not as_json:
        tables = [_summary(counts, modelled), _kinds(counts)]
        for net, found in counts.items() if blocks else ():
            tables += [_hottest(net, found, blocks), _functions(net, found, blocks)]
        for table in tables:
            print_table(table, stdout_console())
    if write_figures:
        write({net: figures_of(found) for net, found in counts.items()})
    if check:
        complaints = [line for net, found in counts.items() for line in compare(net, figures_of(found))]
        for line in complaints:
            click.echo(line, err=True)
        sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
