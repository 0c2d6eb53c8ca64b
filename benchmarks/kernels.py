# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Every convolution of the nets under every algorithm that fits, as a fraction of the machine's ceiling.

    python benchmarks/kernels.py                      # all nets, one thread
    python benchmarks/kernels.py basic --threads 2 --isa avx2 --json

Times are medians in the net's order, so that weights and activations meet the caches as they do in a run. The star is
the fastest algorithm, the arrow the one that the cost table (runtime/src/kernels/conv_choice.cc) takes. A fraction
above 1 means fewer multiplications than the convolution's definition has.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import click

from mdeploy.cli.show.output import stdout_console
from mdeploy.cli.show.terminal import print_table
from mdeploy.tables import Table, name, number
from native_build import build

NETS = ("basic", "bottleneck", "resnest50", "resnet18", "resnet50", "mobilenet_v2")
ALGORITHMS = ("gemm", "winograd_f2", "winograd_f4", "depthwise", "planes")
_KEY = ("c_in", "c_out", "size", "k", "stride", "groups")


@click.command(help=__doc__)
@click.argument("nets", nargs=-1, type=click.Choice(NETS))
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option("--rounds", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--isa", type=click.Choice(["sse2", "avx2", "avx512", "neon"]), help="Default: the best one here.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a net instead of tables.")
def main(nets: tuple[str, ...], threads: int, rounds: int, isa: str | None, as_json: bool) -> None:
    """Run the benchmark and print it."""
    program = build("kernel_bench")
    for net in nets or NETS:
        command = [str(program), net, str(threads), str(rounds), *([isa] if isa else [])]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        header, *layers = map(json.loads, lines)
        if as_json:
            click.echo(json.dumps({**header, "layers": layers}))
        else:
            _print(header, layers)


def _print(header: dict[str, Any], layers: list[dict[str, Any]]) -> None:
    ceiling = header["ceiling_gflops"] * header["threads"]
    title = f"{header['net']}: {header['isa']}, {header['threads']} thread(s), ceiling {ceiling:.0f} GFLOP/s"
    columns = (name("layer", key=True), name("shape", key=True), *map(number, ("times", "MMAC", *ALGORITHMS)))
    rows = []
    groups: dict[tuple[int, ...], list[dict[str, Any]]] = {}
    for layer in layers:
        groups.setdefault(tuple(layer[key] for key in _KEY), []).append(layer)
    totals = {"chosen": 0.0, "best": 0.0, "gemm": 0.0}
    for (c_in, c_out, size, k, stride, group), same in groups.items():
        means = {a: sum(layer["us"][a] for layer in same) / len(same) for a in same[0]["us"]}
        best, chosen = min(means, key=means.__getitem__), same[0]["chosen"]
        for which, algorithm in (("chosen", chosen), ("best", best), ("gemm", "gemm" if "gemm" in means else chosen)):
            totals[which] += means[algorithm] * len(same)
        cells = [
            f"{means[a]:.1f} us {2 * same[0]['macs'] / means[a] / 1e3 / ceiling:.2f}"
            f"{'*' if a == best else ' '}{'<' if a == chosen else ' '}"
            if a in means
            else ""
            for a in ALGORITHMS
        ]
        shape = f"{c_in}->{c_out} {size}x{size} k{k} s{stride} g{group}"
        rows.append((same[0]["layer"], shape, str(len(same)), f"{same[0]['macs'] / 1e6:.1f}", *cells))
    sums = "sum: " + ", ".join(f"{which} {us / 1e3:.2f} ms" for which, us in totals.items())
    title = f"{title}, memory {header['read_gbps']:.0f} GB/s a core"
    print_table(Table(title, columns, rows, notes=(sums,)), stdout_console())


if __name__ == "__main__":
    main()
