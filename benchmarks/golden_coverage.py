# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Do the golden cases of an artifact see what photographs see?

``python benchmarks/golden_coverage.py ARTIFACT... --images DIR`` draws single weights of the nets as they were written,
changes each by the largest of its tensor, and runs the changed nets on the golden cases and on images (our runtime, at
the tolerance of ``mdeploy parity``). Of the changes that any image sees, the golden cases should see nearly all.
``--given-only`` leaves out the cases that conversion added. Exit code 1 where they see less than ``--at-least``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mdeploy import native
from mdeploy.conversion.coverage.changes import differ
from mdeploy.conversion.coverage.nets import ChangeablePair
from mdeploy.formats.artifact import Artifact
from mdeploy.native.images import find_images, image_input
from mdeploy.tensors import Array


def main(argv: Sequence[str] | None = None) -> int:
    """Print a row for each artifact."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("artifacts", nargs="+", type=Path)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--most", type=int, default=1000, help="images")
    parser.add_argument("--changes", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--given-only", action="store_true")
    parser.add_argument("--at-least", type=float, default=0.995)
    options = parser.parse_args(argv)
    failed = False
    for path in options.artifacts:
        artifact = Artifact.open(path)
        coverage = artifact.manifest.coverage
        print(f"{artifact.name}: {coverage.describe() if coverage else 'not measured'}", flush=True)
        by_golden, by_images, both = count(artifact, options)
        share = both / by_images if by_images else 1.0
        failed = failed or share < options.at_least
        print(
            f"{artifact.name}: of {options.changes} changes golden cases see {by_golden}, images {by_images}; "
            f"of these golden cases see {both} ({100 * share:.2f} %)",
            flush=True,
        )
    return int(failed)


def count(artifact: Artifact, options: argparse.Namespace) -> tuple[int, int, int]:
    """Changes that the golden cases see, that some image sees, and that both see."""
    manifest = artifact.manifest
    specs, meanings = manifest.inputs, [spec.meaning for spec in manifest.outputs]
    golden = [case.inputs for case in artifact.golden_cases() if not (options.given_only and case.added)]
    files = find_images([options.images])
    chosen = [files[number * len(files) // options.most] for number in range(min(options.most, len(files)))]
    images = [(image_input(file, specs[0]),) for file in dict.fromkeys(chosen)]
    pair = ChangeablePair(artifact.nets)
    with native.load_net(artifact.nets, specs) as net, net.session() as session:
        expected = {id(inputs): session.run(inputs) for inputs in (*golden, *images)}
    by_golden = by_images = both = 0
    for change in pair.draw(options.changes, options.seed):
        with native.load_net(pair.changed(change), specs) as net, net.session() as session:

            def seen(cases: Sequence[tuple[Array, ...]]) -> bool:
                return any(differ(expected[id(inputs)], session.run(inputs), meanings) for inputs in cases)

            here, there = seen(golden), seen(images)
        by_golden, by_images, both = by_golden + here, by_images + there, both + (here and there)
    return by_golden, by_images, both


if __name__ == "__main__":
    sys.exit(main())
