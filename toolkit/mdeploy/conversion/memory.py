# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A shape that this machine cannot hold is the user's slip, whichever library finds it out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mdeploy.errors import InputError, MdeployError, first_line

__all__ = ["enough_memory", "lacks_memory"]

# Of torch, onnxruntime and numpy, who have no error class for it.
_SAID = re.compile(
    r"allocate memory|memory allocation|bad_alloc|out of memory|not enough memory|array is too big"
    r"|maximum allowed dimension|storage size calculation overflowed|numel: integer multiplication overflow"
    r"|overflow when unpacking long|int too large",
    re.I,
)


@contextmanager
def enough_memory(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[None]:
    """Raise ``InputError`` naming ``shapes``, the inputs' as they were asked for, where the block gets no memory."""
    try:
        yield
    except MdeployError:
        raise
    except Exception as error:
        if not lacks_memory(error):
            raise
        given = ", ".join("x".join(map(str, shape)) for shape in shapes.values())
        at = f" at {given}" if given else ""
        raise InputError(
            f"the model's tensors{at} do not fit into this machine's memory: {first_line(error)}; "
            "give a smaller --input-shape"
        ) from error


def lacks_memory(error: Exception) -> bool:
    """Whether a library's error says that a tensor does not fit into memory, or into its numbers."""
    return isinstance(error, MemoryError) or _SAID.search(str(error)) is not None
