# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What people call a weight and a layer, where an exporter numbered them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

__all__ = ["layer_name", "tensor_name"]

Nodes = Sequence[tuple[Any, list[str], list[str]]]
"""Node, the names that it reads, the names that it makes."""

_NUMBERED = re.compile(r"(onnx::\w+_|val_|_v_|v)\d+|\d+")
_ROLES = (".weight", ".bias", "_weight", "_bias")
_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "InstanceNormalization")


def tensor_name(name: str, nodes: Nodes) -> str:
    """The initializer's own name, or its place in the node that reads it, where it has only a number."""
    if not _NUMBERED.fullmatch(name):
        return name
    for node, read, _ in nodes:
        if name in read:
            place = read.index(name)
            role = {1: "weight", 2: "bias"}.get(place, f"input_{place}")
            return f"{_scope(node.name)}.{role}"
    return name


def layer_name(tensor: str, nodes: Nodes) -> str:
    """The layer whose activation a tensor is: that of the nearest weights before it."""
    makers = {made: (node, read) for node, read, results in nodes for made in results}
    seen, waiting = {tensor}, [tensor]
    while waiting:
        name = waiting.pop(0)
        if name not in makers:
            continue
        node, read = makers[name]
        if node.op_type in _LAYERS and len(read) > 1 and read[1] not in makers:
            found = tensor_name(read[1], nodes)
            for role in _ROLES:
                found = found.removesuffix(role)
            return found
        for source in read:
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return tensor


def _scope(node: str) -> str:
    """``/layer3/layer3.0/conv1/Conv``, as torch's older exporter writes a module's path, as ``layer3.0.conv1``."""
    if not node.startswith("/"):
        return node
    parts: list[str] = []
    for part in node.split("/")[1:-1]:
        if parts and part.startswith(parts[-1] + "."):
            parts[-1] = part
        else:
            parts.append(part)
    return ".".join(parts) or node
