# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What libraries stumble over in an ONNX file is said of the file: they were made for whole ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mdeploy.conversion.memory import lacks_memory
from mdeploy.conversion.sources.sniff import kind_of
from mdeploy.errors import InputError, MdeployError, named_line

__all__ = ["blaming_the_file"]


@contextmanager
def blaming_the_file(path: Path) -> Iterator[None]:
    """Turn what nobody expected into ``InputError``, where ``path`` is an ONNX file: on a dimension below zero, a shape
    that its data does not have, or an attribute of another type, each library fails in a way of its own."""
    try:
        yield
    except MdeployError:
        raise
    except Exception as error:
        if lacks_memory(error) or kind_of(path) != "onnx":
            raise
        raise InputError(
            f"{path}: damaged, or no ONNX model that convert understands: {named_line(error)}; if other tools take it, "
            "please report this (--debug shows where)"
        ) from error
