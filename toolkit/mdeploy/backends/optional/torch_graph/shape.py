# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Operators that move elements and change none."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

from mdeploy.backends.optional.torch_graph.registry import Node, operator

Tensor = torch.Tensor


@operator("Reshape")
def reshape(node: Node, x: Tensor, *_shape: Tensor) -> Tensor:
    sizes = node.ints(1, "shape")
    assert sizes is not None
    if not node.get("allowzero", 0):
        sizes = [x.shape[i] if size == 0 else size for i, size in enumerate(sizes)]
    return torch.reshape(x, sizes)


@operator("Flatten")
def flatten(node: Node, x: Tensor) -> Tensor:
    axis = node.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return torch.reshape(x, [math.prod(x.shape[:axis]), math.prod(x.shape[axis:])])


@operator("Transpose")
def transpose(node: Node, x: Tensor) -> Tensor:
    return torch.permute(x, list(node.get("perm", range(x.ndim - 1, -1, -1))))


@operator("Squeeze")
def squeeze(node: Node, x: Tensor, *_axes: Tensor) -> Tensor:
    axes = node.ints(1, "axes")
    drop = [i for i, size in enumerate(x.shape) if size == 1] if axes is None else [a % x.ndim for a in axes]
    return torch.reshape(x, [size for i, size in enumerate(x.shape) if i not in drop])


@operator("Unsqueeze")
def unsqueeze(node: Node, x: Tensor, *_axes: Tensor) -> Tensor:
    axes = node.ints(1, "axes")
    assert axes is not None
    rank = x.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = torch.unsqueeze(x, axis)
    return x


@operator("Concat")
def concat(node: Node, *inputs: Tensor) -> Tensor:
    return torch.cat(inputs, dim=node.get("axis"))


@operator("Split")
def split(node: Node, x: Tensor, *_sizes: Tensor) -> list[Tensor]:
    axis = node.get("axis", 0)
    sizes = node.ints(1, "split")
    if sizes is None:
        part = math.ceil(x.shape[axis] / node.outputs)
        sizes = [min(part, x.shape[axis] - i * part) for i in range(node.outputs)]
    return list(torch.split(x, sizes, dim=axis))


@operator("Slice")
def slice_(node: Node, x: Tensor, *_bounds: Tensor) -> Tensor:
    starts, ends = node.ints(1, "starts"), node.ints(2, "ends")
    assert starts is not None
    assert ends is not None
    axes = node.ints(3, "axes") or list(range(len(starts)))
    steps = node.ints(4) or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        axis %= x.ndim
        chosen = range(*slice(start, end if step > 0 or end >= -x.shape[axis] else None, step).indices(x.shape[axis]))
        x = _take(x, axis, chosen)
    return x


def _take(x: Tensor, axis: int, chosen: Sequence[int]) -> Tensor:
    """Rows of an axis: as a slice where they follow each other."""
    if isinstance(chosen, range) and chosen.step >= 1:
        if list(chosen) == list(range(x.shape[axis])):
            return x
        index = [slice(None)] * axis + [slice(chosen.start, chosen.stop, chosen.step)]
        return x[tuple(index)]
    return torch.index_select(x, axis, torch.tensor(list(chosen), dtype=torch.int64))


@operator("Gather")
def gather(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    axis = node.get("axis", 0) % x.ndim
    constant = node.constants[1]
    if constant is not None:
        chosen = [int(i) % x.shape[axis] for i in np.asarray(constant).reshape(-1)]
        if np.ndim(constant) == 0:
            return torch.select(x, axis, chosen[0])
        taken = _take(x, axis, chosen)
    else:
        taken = torch.index_select(x, axis, indices.reshape(-1).remainder(x.shape[axis]).to(torch.int64))
    return torch.reshape(taken, [*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]])


@operator("Expand")
def expand(node: Node, x: Tensor, *_shape: Tensor) -> Tensor:
    sizes = node.ints(1)
    assert sizes is not None
    ours = [1] * (len(sizes) - x.ndim) + list(x.shape)
    theirs = [1] * (x.ndim - len(sizes)) + sizes
    return x.expand([a if b == 1 else b for a, b in zip(ours, theirs, strict=True)])


@operator("Tile")
def tile(node: Node, x: Tensor, *_repeats: Tensor) -> Tensor:
    repeats = node.ints(1)
    assert repeats is not None
    return torch.tile(x, repeats)


@operator("DepthToSpace")
def depth_to_space(node: Node, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    block = node.get("blocksize")
    if node.get("mode", "DCR") == "CRD":
        return F.pixel_shuffle(x, block)
    split = torch.reshape(x, [n, block, block, c // block**2, h, w])
    return torch.reshape(torch.permute(split, [0, 3, 4, 1, 5, 2]), [n, c // block**2, h * block, w * block])


@operator("SpaceToDepth")
def space_to_depth(node: Node, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    block = node.get("blocksize")
    split = torch.reshape(x, [n, c, h // block, block, w // block, block])
    if node.get("mode", "DCR") == "CRD":
        return F.pixel_unshuffle(x, block)
    return torch.reshape(torch.permute(split, [0, 3, 5, 1, 2, 4]), [n, c * block**2, h // block, w // block])


@operator("Pad")
def pad(node: Node, x: Tensor, *_rest: Tensor) -> Tensor:
    pads, axes = node.ints(1, "pads"), node.ints(3)
    assert pads is not None
    axes = list(range(x.ndim)) if axes is None else [axis % x.ndim for axis in axes]
    before, after = [0] * x.ndim, [0] * x.ndim
    for i, axis in enumerate(axes):
        before[axis], after[axis] = pads[i], pads[i + len(axes)]
    mode = node.get("mode", "constant")
    if mode == "constant":
        flat = [size for pair in reversed(list(zip(before, after, strict=True))) for size in pair]
        return F.pad(x, flat, value=node.number(2, "value") or 0.0)
    names = {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}
    for axis in range(x.ndim):
        if before[axis] or after[axis]:
            rows = np.pad(np.arange(x.shape[axis]), (before[axis], after[axis]), mode=names[mode])  # type: ignore[call-overload]
            x = _take(x, axis, [int(i) for i in rows])
    return x


@operator("Resize", "Upsample")
def resize(node: Node, x: Tensor, *_rest: Tensor) -> Tensor:
    scales, sizes = _resize_target(node, x)
    mode = node.get("mode", "nearest")
    old = node.op_type == "Upsample" or node.opset < 11
    rule = "asymmetric" if old else node.get("coordinate_transformation_mode", "half_pixel")
    if mode == "nearest":
        rounding = "floor" if old else node.get("nearest_mode", "round_prefer_floor")
        for axis, (scale, size) in enumerate(zip(scales, sizes, strict=True)):
            if size != x.shape[axis] or scale != 1:
                x = _take_nearest(node, x, axis, scale, size, rule, rounding)
        return x
    align = rule == "align_corners"
    plain = rule in ("half_pixel", "pytorch_half_pixel", "align_corners")
    changed = [axis for axis, size in enumerate(sizes) if size != x.shape[axis]]
    exact = all(math.isclose(scales[a] * x.shape[a], sizes[a], rel_tol=1e-6) for a in changed)
    single = rule == "pytorch_half_pixel" and any(sizes[a] == 1 for a in changed)
    spatial = x.ndim == 4 and all(a > 1 for a in changed)
    if not (mode == "linear" and plain and spatial and exact and not single):
        raise node.refuse(f"mode {mode} by {rule}")
    if node.get("antialias", 0) or node.get("exclude_outside", 0):
        raise node.refuse("antialias or exclude_outside")
    return F.interpolate(x, size=sizes[2:], mode="bilinear", align_corners=align)


def _resize_target(node: Node, x: Tensor) -> tuple[list[float], list[int]]:
    if node.op_type == "Upsample" or node.opset < 11:
        given = node.constant(1, "scales")
        scales = [float(v) for v in given]
        return scales, [math.floor(s * n) for s, n in zip(scales, x.shape, strict=True)]
    axes = [axis % x.ndim for axis in node.get("axes", range(x.ndim))]
    if node.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise node.refuse("keep_aspect_ratio_policy")
    chosen = node.ints(3)
    scales, sizes = [1.0] * x.ndim, list(x.shape)
    if chosen:
        for axis, size in zip(axes, chosen, strict=True):
            scales[axis], sizes[axis] = size / x.shape[axis], size
        return scales, sizes
    for axis, scale in zip(axes, node.constant(2), strict=True):
        scales[axis], sizes[axis] = float(scale), math.floor(float(scale) * x.shape[axis])
    return scales, sizes


def _take_nearest(node: Node, x: Tensor, axis: int, scale: float, size: int, rule: str, rounding: str) -> Tensor:
    length = x.shape[axis]
    place = np.arange(size, dtype=np.float64)
    if rule in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"):
        start = (1 - size / (scale * length)) * length / 2 if rule == "half_pixel_symmetric" else 0.0
        source = (place + 0.5) / scale - 0.5 + start
        if rule == "pytorch_half_pixel" and size == 1:
            source = np.zeros(1)
    elif rule == "asymmetric":
        source = place / scale
    elif rule == "align_corners":
        source = place * (length - 1) / max(size - 1, 1)
    else:
        raise node.refuse(f"nearest by {rule}")
    rounded = {
        "floor": np.floor(source),
        "ceil": np.ceil(source),
        "round_prefer_floor": np.ceil(source - 0.5),
        "round_prefer_ceil": np.floor(source + 0.5),
    }[rounding]
    rows = np.clip(rounded, 0, length - 1).astype(np.int64)
    times = size // length
    if size == length * times and np.array_equal(rows, np.repeat(np.arange(length), times)):
        if x.ndim == 4 and axis > 1:  # a whole factor: what every converter knows
            factors = [float(times) if axis == 2 else 1.0, float(times) if axis == 3 else 1.0]
            return F.interpolate(x, scale_factor=factors, mode="nearest")
        return torch.repeat_interleave(x, times, dim=axis)
    return _take(x, axis, [int(i) for i in rows])
