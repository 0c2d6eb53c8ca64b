# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Draw the demo's picture, a ship at sea, into demo_picture.png beside this file.

The picture belongs to the project and is in no data set. It is drawn large and scaled down, with fixed noise, so that
it comes out the same every time.

Usage: python examples/draw_demo_picture.py [OUTPUT]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = 128
_SCALE = 8
_SIDE = SIZE * _SCALE


def draw() -> Image.Image:
    """Return the picture, SIZE x SIZE RGB."""
    horizon = 0.56
    picture = _background(horizon)
    pen = ImageDraw.Draw(picture)
    _cloud_bank(pen, horizon)
    _ship(pen)
    picture = picture.filter(ImageFilter.GaussianBlur(_SCALE * 0.6))
    small = np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS), dtype=np.float64)
    grain = np.random.default_rng(7).normal(0.0, 2.5, small.shape)
    return Image.fromarray(np.clip(small + grain, 0, 255).astype(np.uint8))


def _background(horizon: float) -> Image.Image:
    """Sky that pales towards the horizon, and sea with waves that grow towards the viewer."""
    y = np.linspace(0.0, 1.0, _SIDE)[:, None]
    x = np.linspace(0.0, 1.0, _SIDE)[None, :]
    up = np.clip((horizon - y) / horizon, 0, 1)[..., None]
    sky = np.array([205, 220, 232]) * (1 - up) + np.array([96, 148, 205]) * up
    near = np.clip((y - horizon) / (1 - horizon), 0, 1)
    phase = 60 * np.sqrt(near + 0.02)
    waves = np.sin(6 * phase + 9 * x + 2 * np.sin(14 * x + phase)) * np.sin(23 * x + 3 * phase)
    sea = np.array([72, 110, 142]) * (1 - near[..., None]) + np.array([28, 62, 96]) * near[..., None]
    sea = sea + (14 * waves * (0.3 + near))[..., None]
    pixels = np.where((y < horizon)[..., None], sky + 0 * x[..., None], sea)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _points(*pairs: tuple[float, float]) -> list[tuple[float, float]]:
    return [(x * _SIDE, y * _SIDE) for x, y in pairs]


def _cloud_bank(pen: ImageDraw.ImageDraw, horizon: float) -> None:
    chooser = np.random.default_rng(3)
    for _ in range(26):
        x, width = chooser.uniform(-0.1, 1.0), chooser.uniform(0.08, 0.22)
        y, height = horizon - chooser.uniform(0.06, 0.16), chooser.uniform(0.015, 0.035)
        pen.ellipse(_points((x, y), (x + width, y + height)), fill=(214, 225, 233))


def _ship(pen: ImageDraw.ImageDraw) -> None:
    """A freighter seen from the side, bow to the right: hull with red boot-top, white bridge, funnel, masts, cranes."""
    pen.polygon(_points((0.06, 0.53), (0.90, 0.53), (0.97, 0.485), (0.89, 0.66), (0.10, 0.66)), fill=(34, 44, 66))
    pen.polygon(_points((0.085, 0.635), (0.90, 0.635), (0.885, 0.67), (0.105, 0.67)), fill=(146, 46, 40))
    pen.line(_points((0.06, 0.532), (0.905, 0.532)), fill=(226, 228, 230), width=_SCALE)
    for left, top, right, bottom in (
        (0.10, 0.45, 0.36, 0.53),
        (0.12, 0.385, 0.33, 0.45),
        (0.15, 0.33, 0.30, 0.385),
    ):
        pen.rectangle(_points((left, top), (right, bottom)), fill=(240, 241, 240))
        pen.line(_points((left, bottom), (right, bottom)), fill=(168, 174, 180), width=_SCALE)
        for window in np.arange(left + 0.02, right - 0.02, 0.03):
            box = _points((window, top + 0.02), (window + 0.014, top + 0.036))
            pen.rectangle(box, fill=(70, 84, 98))
    pen.polygon(_points((0.185, 0.33), (0.195, 0.235), (0.255, 0.235), (0.26, 0.33)), fill=(196, 74, 44))
    pen.polygon(_points((0.193, 0.255), (0.195, 0.235), (0.255, 0.235), (0.256, 0.255)), fill=(32, 32, 36))
    for x in (0.47, 0.62, 0.77):
        pen.line(_points((x, 0.53), (x, 0.30)), fill=(92, 96, 100), width=2 * _SCALE)
        pen.line(_points((x, 0.49), (x + 0.09, 0.35)), fill=(120, 124, 126), width=_SCALE)
    for left, colour in ((0.40, (150, 92, 62)), (0.50, (86, 110, 96)), (0.65, (150, 92, 62)), (0.79, (98, 104, 124))):
        pen.rectangle(_points((left, 0.495), (left + 0.085, 0.53)), fill=colour)
    pen.line(_points((0.93, 0.505), (0.93, 0.42)), fill=(92, 96, 100), width=_SCALE)
    for left, right, y in ((0.03, 0.28, 0.675), (0.22, 0.62, 0.682), (0.55, 0.95, 0.674)):
        pen.line(_points((left, y), (right, y)), fill=(212, 224, 230), width=2 * _SCALE)


if __name__ == "__main__":
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("demo_picture.png")
    draw().save(output, optimize=True)
    print(output)
