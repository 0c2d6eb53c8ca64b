# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Kernel, stride, dilation and padding of a window operator, with ``auto_pad`` and ``ceil_mode`` worked out."""

from __future__ import annotations

from dataclasses import dataclass

from mdeploy.caffe2.node import NodeContext, Unsupported

__all__ = ["Window", "read_window"]


@dataclass(frozen=True)
class Window:
    """Per spatial dimension. ``extra`` is what ``ceil_mode`` adds to the tail beyond ``tail``."""

    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    head: tuple[int, ...]
    tail: tuple[int, ...]
    extra: tuple[int, ...]

    def pads(self, with_extra: bool = True) -> list[int]:
        """Caffe2's order: all heads, then all tails ([top, left, bottom, right])."""
        extra = self.extra if with_extra else (0,) * len(self.extra)
        return [*self.head, *(tail + more for tail, more in zip(self.tail, extra, strict=True))]

    @property
    def padded(self) -> bool:
        """Whether the model itself asks for padding."""
        return any(self.head) or any(self.tail)


def read_window(context: NodeContext, kernels: tuple[int, ...]) -> Window:
    """Read the attributes of a convolution or pooling node over ``kernels``."""
    rank = len(kernels)
    sizes = context.shape()[2:]
    if len(sizes) != rank:
        raise Unsupported(
            f"a {rank}-dimensional kernel on an input of shape {list(context.shape())}", "repair the file"
        )
    strides = _per_dimension(context, "strides", rank)
    dilations = _per_dimension(context, "dilations", rank)
    spans = tuple(dilation * (kernel - 1) + 1 for kernel, dilation in zip(kernels, dilations, strict=True))
    head, tail = _padding(context, sizes, spans, strides)
    extra = (0,) * rank
    if context.attribute("ceil_mode", 0):
        extra = tuple(_ceil_extra(*item) for item in zip(sizes, spans, strides, head, tail, strict=True))
    for size, span, before, after in zip(sizes, spans, head, tail, strict=True):
        if size + before + after < span:
            raise Unsupported(f"a window of {span} does not fit into {size} + {before} + {after}", "enlarge the input")
    return Window(kernels, strides, dilations, head, tail, extra)


def _per_dimension(context: NodeContext, name: str, rank: int) -> tuple[int, ...]:
    values = tuple(context.ints(name) or (1,) * rank)
    if len(values) != rank or min(values) < 1:
        raise Unsupported(f"{name} {list(values)} for {rank} spatial dimensions", "repair the file")
    return values


def _padding(
    context: NodeContext, sizes: tuple[int, ...], spans: tuple[int, ...], strides: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    rank = len(sizes)
    mode = context.attribute("auto_pad", "NOTSET")
    if mode in ("NOTSET", ""):
        pads = tuple(context.ints("pads") or (0,) * (2 * rank))
        if len(pads) != 2 * rank:
            raise Unsupported(f"pads {list(pads)} for {rank} spatial dimensions", "repair the file")
        if min(pads) < 0:
            raise Unsupported(f"negative pads {list(pads)}", "slice in the model")
        return pads[:rank], pads[rank:]
    if mode == "VALID":
        return (0,) * rank, (0,) * rank
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise Unsupported(f"auto_pad {mode!r}", "give explicit pads")
    totals = [
        max((-(-size // stride) - 1) * stride + span - size, 0)
        for size, span, stride in zip(sizes, spans, strides, strict=True)
    ]
    small, large = tuple(total // 2 for total in totals), tuple(total - total // 2 for total in totals)
    return (small, large) if mode == "SAME_UPPER" else (large, small)


def _ceil_extra(size: int, span: int, stride: int, head: int, tail: int) -> int:
    """Padding at the tail that makes Caffe2, which only rounds down, give as many windows as rounding up does.

    A last window that would start in the padding at the tail is left out, as PyTorch does and ONNX says.
    """
    count = -(-(size + head + tail - span) // stride) + 1
    if (count - 1) * stride >= size + head:
        count -= 1
    return max((count - 1) * stride + span - (size + head + tail), 0)
