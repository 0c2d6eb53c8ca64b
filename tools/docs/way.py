# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The picture of the way from a checkpoint to a phone, as SVG for light and for dark pages."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

__all__ = ["PAGES"]


@dataclass(frozen=True)
class Theme:
    """Colours on a page."""

    ink: str
    quiet: str
    line: str
    box: str
    frame: str
    accent: str


LIGHT = Theme("#1f2328", "#59636e", "#8c959f", "#f6f8fa", "#d1d9e0", "#0969da")
DARK = Theme("#f0f6fc", "#9198a1", "#656c76", "#151b23", "#3d444d", "#4493f8")

_WIDTH, _HEIGHT = 960, 268
_TOP, _BOX_HEIGHT = 74, 66

_BOXES = (  # left edge, width, lines: the first is the name
    (12, 128, ("PyTorch", "checkpoint, .pt2,", "TorchScript, ONNX")),
    (226, 104, ("ONNX", "model.onnx", "checked passes")),
    (366, 118, ("Caffe2 nets", "init_net.pb", "predict_net.pb")),
    (566, 104, ("package", "zip, APK", "with the harness")),
    (752, 88, ("device", "phone, qemu,", "this machine")),
)
_REPORT = (862, 86, ("report", "latency", "page, history"))
_VERBS = ((140, 226, 174, "convert"), (484, 566, 534, "package"), (670, 752, 708, "bench"))  # from, to, label


def _text(x: float, y: float, text: str, color: str, size: int, weight: int = 400, anchor: str = "middle") -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{color}" font-size="{size:g}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _arrow(x1: float, x2: float, y: float, color: str) -> str:
    head = f"M{x2 - 7:g} {y - 4:g} L{x2:g} {y:g} L{x2 - 7:g} {y + 4:g}"
    return f'<path d="M{x1:g} {y:g} H{x2:g} {head}" fill="none" stroke="{color}" stroke-width="1.6"/>'


def _box(left: float, width: float, lines: tuple[str, ...], theme: Theme) -> str:
    middle = left + width / 2
    parts = [
        f'<rect x="{left:g}" y="{_TOP}" width="{width:g}" height="{_BOX_HEIGHT}" rx="8" fill="{theme.box}" '
        f'stroke="{theme.line}"/>',
        _text(middle, _TOP + 22, lines[0], theme.ink, 14, 600),
    ]
    parts += [_text(middle, _TOP + 40 + 15 * i, line, theme.quiet, 11) for i, line in enumerate(lines[1:])]
    return "\n".join(parts)


def way(theme: Theme) -> str:
    """Return the SVG."""
    middle = _TOP + _BOX_HEIGHT / 2
    parts = [
        f'<rect x="208" y="32" width="294" height="140" rx="12" fill="none" stroke="{theme.frame}" stroke-width="1.5" '
        'stroke-dasharray="5 4"/>',
        _text(220, 52, "the artifact, mdeploy-out/", theme.quiet, 12, anchor="start"),
        _text(355, 162, "manifest.json with every SHA-256, golden/", theme.quiet, 11),
        *(_box(left, width, lines, theme) for left, width, lines in (*_BOXES, _REPORT)),
        _arrow(330, 366, middle, theme.line),
        _arrow(840, 862, middle, theme.line),
    ]
    for start, end, label, verb in _VERBS:
        parts += [
            _arrow(start, end, middle, theme.accent),
            _text(label, middle - 9, verb, theme.accent, 13, 600),
        ]
    y = 204  # the line of parity, with a tick up to each place where the answers are compared
    ticks = (76, 278, 425, 796)
    parts.append(f'<path d="M{ticks[0]} {y} H{ticks[-1]}" fill="none" stroke="{theme.accent}" stroke-width="1.6"/>')
    for x in ticks:
        top = 146 if x in (76, 796) else 178
        parts.append(f'<path d="M{x} {y} V{top}" fill="none" stroke="{theme.accent}" stroke-width="1.6"/>')
        parts.append(f'<circle cx="{x}" cy="{y}" r="3.5" fill="{theme.accent}"/>')
    parts.append(_text(436, 228, "parity", theme.accent, 13, 600))
    parts.append(
        _text(436, 248, "the same golden inputs give the same outputs, within 1e-5, at every stop", theme.quiet, 12)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img" aria-label="From a PyTorch checkpoint by convert to ONNX and Caffe2 nets, by '
        'package and bench to a device and its report; parity compares the answers at every stop" '
        "font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif\">\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )


PAGES = {
    "docs/images/way-light.svg": lambda: way(LIGHT),
    "docs/images/way-dark.svg": lambda: way(DARK),
}
"""What this module writes."""
