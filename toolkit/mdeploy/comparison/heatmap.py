# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The differences as an image: a row for each tensor, and one tensor of each backend as an image (the first that is
wrong, else the worst).

Colour is |a - b| over max(1, largest |reference|), on a logarithmic scale around the tolerance; magenta is a NaN or an
infinity that stands on one side only.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mdeploy.comparison.differences import BINS, DifferenceMap
from mdeploy.comparison.run import ParityReport
from mdeploy.errors import InputError
from mdeploy.packages import installed

if TYPE_CHECKING:
    from mdeploy.comparison.layers import LayersReport

__all__ = ["draw_layers", "draw_outputs"]

_DECADES = 3
_MISPLACED = "#ff00ff"
_MAX_LABELS = 60


@dataclass(frozen=True)
class _Panel:
    title: str
    labels: Sequence[str]
    maps: Sequence[DifferenceMap]
    shown: str
    image: DifferenceMap


def draw_layers(report: LayersReport) -> bytes:
    """PNG: layers in the order of computation by position in the tensor. Raises ``UnavailableError`` without
    matplotlib, ``InputError`` where no tensor was compared."""
    panels = []
    for backend in report.backends:
        drawn = [layer for layer in backend.layers if layer.differences is not None]
        if drawn:
            # What is wrong first explains the rest; without a fault, the largest difference is of interest.
            first = next((layer for layer in drawn if not layer.passed), None)
            shown = first or max(drawn, key=lambda layer: layer.required)
            maps = [layer.differences for layer in drawn if layer.differences is not None]
            assert shown.differences is not None
            labels = [f"{layer.index} {layer.blob}" for layer in drawn]
            title = f"{backend.title} against {report.reference}"
            what = f"{'first wrong' if first else 'worst'}: {shown.blob}, {shown.case}"
            panels.append(_Panel(title, labels, maps, what, shown.differences))
    return _draw(report.artifact, panels, report.tolerance.tol)


def draw_outputs(report: ParityReport) -> bytes:
    """PNG: a row for each case and output. Raises as ``draw_layers``."""
    panels = []
    for backend in report.backends:
        drawn = [(output, output.differences) for output in backend.outputs if output.differences is not None]
        if drawn:
            needs = [np.inf if o.comparison.required_tolerance is None else o.comparison.required_tolerance
                     for o, _ in drawn]  # fmt: skip
            output, image = drawn[int(np.argmax(needs))]
            labels = [f"{output.case} {output.output}" for output, _ in drawn]
            title = f"{backend.title} against {report.reference}"
            panels.append(_Panel(title, labels, [m for _, m in drawn], f"worst: {output.output}, {output.case}", image))
    return _draw(report.artifact, panels, report.tolerance.tol)


def _draw(name: str, panels: Sequence[_Panel], tolerance: float) -> bytes:
    with installed():
        from matplotlib import colormaps
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.colors import LogNorm
        from matplotlib.figure import Figure
    if not panels:
        raise InputError("nothing was compared, so there is no heat map to draw")
    middle = tolerance or 1e-6
    norm = LogNorm(middle / 10**_DECADES, middle * 10**_DECADES, clip=True)
    colours = colormaps["RdYlBu_r"].with_extremes(bad=_MISPLACED)
    heights = [max(1.4, 0.5 + 0.16 * min(len(panel.labels), _MAX_LABELS)) for panel in panels]
    # Figure without pyplot: no window system is asked, no state is shared.
    figure: Any = Figure(figsize=(12, sum(heights) + 0.9 * len(panels)), layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)  # type: ignore[no-untyped-call,unused-ignore]
    axes = figure.subplots(len(panels), 2, squeeze=False, height_ratios=heights, width_ratios=(3, 1))
    drawn: Any = None
    for (rows, image), panel in zip(axes, panels, strict=True):
        matrix = np.stack([item.profile for item in panel.maps])
        drawn = rows.imshow(_shown(matrix, norm), aspect="auto", norm=norm, cmap=colours, interpolation="nearest")
        rows.set_title(panel.title, fontsize=10)
        step = -(-len(panel.labels) // _MAX_LABELS)
        ticks = range(0, len(panel.labels), step)
        rows.set_yticks(ticks, [_short(panel.labels[tick]) for tick in ticks], fontsize=6)
        rows.set_xticks([0, BINS // 2, BINS - 1], ["first element", "half", "last"], fontsize=7)
        image.imshow(_shown(panel.image.image, norm), norm=norm, cmap=colours, interpolation="nearest",
                     aspect="auto" if 1 in panel.image.image.shape else "equal")  # fmt: skip
        image.set_title(_short(panel.shown), fontsize=8)
        image.tick_params(labelsize=6)
        if panel.image.image.shape[0] == 1:
            image.set_yticks([])
    bar = figure.colorbar(drawn, ax=axes, fraction=0.02, extend="both")
    bar.set_label(f"|a - b| / max(1, max |reference|); tolerance {tolerance:g} in the middle", fontsize=8)
    figure.suptitle(f"{name}: where backends differ", fontsize=11)
    stream = io.BytesIO()
    canvas.print_png(stream)
    return stream.getvalue()


def _shown(values: Any, norm: Any) -> Any:
    """Zeros at the bottom of the logarithmic scale instead of nowhere; NaN masked, for the colour of the misplaced."""
    return np.ma.masked_invalid(np.maximum(values, norm.vmin))


def _short(text: str) -> str:
    # "$" starts matplotlib's own markup.
    text = text.replace("$", r"\$")
    return text if len(text) <= 40 else f"{text[:18]}...{text[-19:]}"
