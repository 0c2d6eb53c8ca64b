# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The first stage that differs as a picture: the source's, ours, and the difference made visible."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from mdeploy.comparison.pipeline.run import PipelineReport
from mdeploy.errors import InputError
from mdeploy.tensors import Doubles

__all__ = ["draw_pipeline"]

_SIDE = 360
_MARGIN = 16
_HEAD = 22


def draw_pipeline(report: PipelineReport) -> bytes:
    """PNG of the first image at fault. Raises ``InputError`` where no image differs before the net."""
    image = next((one for one in report.failed if one.shown is not None), None)
    if image is None or image.shown is None:
        raise InputError("no stage before the net differs, so there is no picture to draw")
    theirs, ours = image.shown
    panels = [("source", _picture(theirs)), ("mdeploy", _picture(ours))]
    if theirs.shape == ours.shape:
        most = float(np.abs(theirs - ours).max())
        panels.append((f"difference, white is {most:.3g}/255", _picture(np.abs(theirs - ours) * 255 / most)))
    height = max(panel.height for _, panel in panels)
    width = sum(panel.width for _, panel in panels) + _MARGIN * (len(panels) + 1)
    canvas = Image.new("RGB", (width, height + 2 * _HEAD + _MARGIN), "white")
    pen = ImageDraw.Draw(canvas)
    said = f"{image.image}: first differing stage {image.first}"
    pen.text((_MARGIN, 6), said.encode("ascii", "replace").decode(), "black")  # the built-in font has no more
    x = _MARGIN
    for title, panel in panels:
        pen.text((x, _HEAD + 4), title, "black")
        canvas.paste(panel, (x, 2 * _HEAD))
        x += panel.width + _MARGIN
    stream = io.BytesIO()
    canvas.save(stream, "PNG")
    return stream.getvalue()


def _picture(values: Doubles) -> Image.Image:
    """At most 360 pixels high and wide; small ones in whole multiples, so that pixels are seen."""
    pixels = np.clip(np.nan_to_num(values), 0, 255).astype(np.uint8)
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels[..., :3]).convert("RGB")
    largest = max(picture.size)
    if largest > _SIDE:
        share = _SIDE / largest
        return picture.resize((max(1, round(picture.width * share)), max(1, round(picture.height * share))))
    factor = max(1, _SIDE // largest)
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
