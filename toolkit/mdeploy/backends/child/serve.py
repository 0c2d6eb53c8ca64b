# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The child's end: answers requests on standard input with frames on standard output.

Runs on Python 3.9 with nothing but NumPy, and imports nothing of the toolkit but its neighbour.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from . import wire

__all__ = ["Answer", "Arrays", "Header", "RefusedError", "claim_pipes", "serve"]

Header = dict[str, Any]
Arrays = dict[str, Any]
Answer = tuple[Header, list[tuple[str, Any]]]


class RefusedError(Exception):
    """The request itself is bad; the message is for the user as it is."""


def claim_pipes() -> tuple[Any, Any]:
    """Take standard input and output for the frames: (requests, replies).

    Everything else that writes to standard output, in Python or C++, lands on standard error. To be called before
    the runtime is imported.
    """
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return os.fdopen(os.dup(0), "rb", buffering=0), replies


def serve(server: object, requests: Any, replies: Any) -> None:
    """Answer until the other side closes. A request calls the method of ``server`` that it names.

    Methods take (header, arrays) and return (header, list of (name, array)). What they raise goes back as an error.
    """
    while True:
        prefix = wire.read_exactly(requests.read, wire.PREFIX_SIZE)
        if prefix is None:
            return
        header_size, payload_size, crc = wire.read_prefix(prefix)
        text = wire.read_exactly(requests.read, header_size) or b""
        payload = wire.read_exactly(requests.read, payload_size) or b""
        header, arrays = wire.unpack(text, payload, crc)
        del payload
        method: Callable[[Header, Arrays], Answer] = getattr(server, header["request"])
        try:
            answer, outputs = method(header, arrays)
            frame = wire.pack(answer, outputs)
        except RefusedError as error:
            frame = wire.pack({"error": str(error), "kind": "refused"}, [])
        except Exception as error:
            frame = wire.pack({"error": str(error), "kind": type(error).__name__}, [])
        for part in frame:
            view = memoryview(part)
            while view:
                view = view[replies.write(view) :]
