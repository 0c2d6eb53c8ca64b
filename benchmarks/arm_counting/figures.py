# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The checked-in counts, by which a slower kernel is seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from arm_counting.counting import Counts
from mdeploy.deployment.package.zig import zig_version

__all__ = ["FIGURES", "SLACK", "compare", "figures_of", "write"]

FIGURES = Path(__file__).parent / "figures.json"
SLACK = 0.02
"""Another compiler or another export of the same net moves counts by less; a kernel that lost its tile by more."""

_REMEDY = "python benchmarks/arm_counts.py {net} --write"


def figures_of(counts: Counts) -> dict[str, int]:
    """What is kept of a net's counts: bytes loaded stand for loads, whatever their widths."""
    return {"instructions": counts.instructions, "loaded_bytes": counts.loaded_bytes}


def write(found: Mapping[str, Mapping[str, int]]) -> None:
    """Put these nets' figures into the file and leave the others in it."""
    kept = json.loads(FIGURES.read_text()) if FIGURES.is_file() else {"nets": {}}
    kept["compiler"] = f"zig {zig_version()}"
    kept["nets"].update(found)
    FIGURES.write_text(json.dumps(kept, indent=2) + "\n")


def compare(net: str, found: Mapping[str, int]) -> list[str]:
    """A line for each figure that is off, in either direction: a gain that is not written down can be lost unseen."""
    kept = json.loads(FIGURES.read_text())
    if net not in kept["nets"]:
        return [f"{net}: not in {FIGURES.name}; write it: {_REMEDY.format(net=net)}"]
    lines = []
    for name, figure in kept["nets"][net].items():
        change = found[name] / figure - 1
        if abs(change) > SLACK:
            what = "find out why" if change > 0 else "if that is meant, write it down"
            lines.append(
                f"{net}: {found[name]} {name}, {change:+.1%} against {figure} in {FIGURES.name} "
                f"(counted with {kept['compiler']}, here zig {zig_version()}): {what}: {_REMEDY.format(net=net)}"
            )
    return lines
