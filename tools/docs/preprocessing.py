# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/preprocessing.md: how an image becomes an input, and the table that compares it with the sources' own.

    python -m tools.docs.preprocessing [-o docs/preprocessing.md]

Exit code 1 where a configuration does not hold; the page is then not written.
"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import click

from tools.docs.preprocessing_table import (
    PROCESSORS,
    Row,
    configurations,
    measure,
    photographs,
    torchvision_backend,
)

ROOT = Path(__file__).resolve().parents[2]

PAGE = """\
<!-- SPDX-FileCopyrightText: The mdeploy authors -->
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Written by `python -m tools.docs.preprocessing`; do not edit. -->
# Preprocessing

What happens between an image file and the tensor stands in the artifact's manifest, and one C++ function does it in
Python, in the harness and in the app. Models of torchvision, timm and the Hugging Face hub bring theirs along
([own-model.md](own-model.md)); what is brought is said on the terminal, and flags go before it. `mdeploy preprocess
ARTIFACT` takes the same flags for an artifact that is there.

| flag of `convert` and `preprocess` | field in `inputs[].preprocessing` | what it does |
|---|---|---|
| `--resize 256` | `short_side` | the shorter side becomes 256, the longer one in proportion, cut to an integer |
| `--resize 256x192` | `size` | stretched to height x width |
| `--letterbox 640x640:R,G,B` | `letterbox`, `fill` | fits into it in proportion, in the middle of that colour |
| `--crop 224` | `crop` | from the centre; where it is larger than the image, it pads |
| `--interpolation bicubic` | `interpolation` | nearest, box, bilinear, bicubic, lanczos |
| `--no-antialias` | `antialias` | the filter is not widened when it shrinks |
| `--resize-as tensor` | `arithmetic` | what training resized: images by Pillow, or float tensors by torchvision |
| `--scale -1-1` | `scale` | what a pixel becomes: 0-1, 0-255 or -1-1 |
| `--mean`, `--std`, `--color-order` | beside it: `mean`, `std`, `color_order` | on the scale 0 to 1 |
| `--background R,G,B` | `background` | under transparent pixels; without it alpha is dropped, as Pillow does |
| `--ignore-exif` | `orientation` | images as they lie in the file; without it they are turned as the camera was held |
| `--preset imagenet` | all of these | imagenet, imagenet-bicubic, inception, clip, cifar10 |

`crop_rounding` has no flag: where half a pixel of margin is left over, torchvision rounds to even and transformers
down. A source that says so writes it.

## Pillow's two orders

Pillow resizes in two passes, each rounded to 8 bits. Until 12 the horizontal one came first; since 13 the vertical one
does where it takes away much more: an image of 333x250 stretched to 224x224 then differs by up to 18/255 in places,
while images in proportion are the same. A new artifact says `pillow` or `pillow-12`, whichever the Pillow of its
conversion does, since the source's transform that it is compared with runs on that Pillow. The table was made so; with
the other order its stretched tall images are not equal. `--resize-as pillow-12` takes the other.

## Compared with the sources' own transforms

{count} configurations, {images} images of odd sizes each, from 31x64 to 1201x803, two of them 15 times as long as
wide. Ours is read from what the source says (torchvision's weights, timm's registry, a processor's JSON file); the
other side is the source's own code. *Equal images*: in every byte after resize and crop. *Tensor*: the largest
difference, over max(1, largest value). Where tensors are equal, the net's answer is too.

Made with Pillow {pillow}, torchvision {torchvision}, timm {timm}, transformers {transformers}.

| library | configuration | resize | crop | equal images | tensor |
|---|---|---|---|---:|---:|
{rows}

transformers' processors are compared as they work on Pillow images (`...ImageProcessorPil`), which is what they did
when most of these models were trained. Its default today resizes tensors of bytes by torchvision, which only comes
near Pillow:

| processor | largest difference, 1/255 | mean, 1/255 |
|---|---:|---:|
{backend}
"""


@click.command()
@click.option("-o", "output", type=click.Path(path_type=Path), default=ROOT / "docs" / "preprocessing.md")
def main(output: Path) -> None:
    """Measure, and write the page."""
    images = photographs()
    rows = [measure(configuration, images) for configuration in configurations()]
    failed = [row for row in rows if not row.holds]
    for row in failed:
        click.echo(
            f"{row.configuration.library} {row.configuration.name}: {row.equal} equal, {row.difference:.2g}", err=True
        )
    if failed:
        sys.exit(1)
    versions = {name: metadata.version(name) for name in ("pillow", "torchvision", "timm", "transformers")}
    backend = [
        (f"{kind}ImageProcessor{_size(given)}", *torchvision_backend(kind, given, images)) for kind, given in PROCESSORS
    ]
    output.write_text(
        PAGE.format(
            count=len(rows),
            images=len(images),
            rows="\n".join(map(_line, rows)),
            backend="\n".join(f"| {name} | {most:.2f} | {mean:.4f} |" for name, most, mean in backend),
            **versions,
        ),
        encoding="utf-8",
    )


def _size(given: dict[str, object]) -> str:
    size = given.get("size")
    return f", size {size['shortest_edge']}" if isinstance(size, dict) and "shortest_edge" in size else ""


def _line(row: Row) -> str:
    how = row.configuration.ours.preprocessing
    if how.short_side is not None:
        resize = f"short side {how.short_side}"
    elif how.letterbox is not None:
        resize = "into {}x{}".format(*how.letterbox)
    else:
        resize = "to {}x{}".format(*(how.size or row.configuration.ours.size))
    crop = "" if how.crop is None else "{}x{}".format(*how.crop)
    equal = "" if row.equal is None else f"{row.equal} of {row.images}"
    difference = "0" if row.difference == 0 else f"{row.difference:.1e}"
    name, library = row.configuration.name, row.configuration.library
    return f"| {library} | {name} | {resize}, {how.interpolation} | {crop} | {equal} | {difference} |"


if __name__ == "__main__":
    main()
