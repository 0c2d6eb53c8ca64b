# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""runtime/include/mdeploy/mdeploy_runtime.h in ctypes: the structs, the signatures, the library, errors."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from ctypes import (
    POINTER,
    Structure,
    c_char,
    c_char_p,
    c_double,
    c_float,
    c_int32,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint64,
)
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from mdeploy.errors import UnavailableError, UsageError, error_for_status
from mdeploy.tensors import Array

ABI_VERSION = 1
LIBRARY_VARIABLE = "MDEPLOY_RUNTIME_LIBRARY"

MAX_RANK = 8
DTYPES = {"float32": 1, "int32": 2, "bool": 5, "uint8": 6, "int64": 10}
DTYPE_NAMES = {value: name for name, value in DTYPES.items()}


class ErrorStruct(Structure):
    _fields_ = [("struct_size", c_size_t), ("code", c_int32), ("message", c_char * 1024)]


class TensorSpecStruct(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("name", c_char_p),
        ("dtype", c_int32),
        ("rank", c_int32),
        ("dims", c_int64 * MAX_RANK),
    ]


class TensorStruct(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("data", ctypes.c_void_p),
        ("bytes", c_size_t),
        ("dtype", c_int32),
        ("rank", c_int32),
        ("dims", c_int64 * MAX_RANK),
    ]


class LoadOptionsStruct(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("inputs", POINTER(TensorSpecStruct)),
        ("input_count", c_size_t),
        ("isa", c_char_p),
        ("skip_passes", POINTER(c_char_p)),
        ("skip_pass_count", c_size_t),
        ("keep_blobs", POINTER(c_char_p)),
        ("keep_blob_count", c_size_t),
        ("max_bytes", c_uint64),
    ]


class SessionOptionsStruct(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("threads", c_int32),
        ("affinity_cores", POINTER(c_int32)),
        ("affinity_core_count", c_size_t),
        ("profile", c_int32),
    ]


class OpProfileStruct(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("name", c_char_p),
        ("type", c_char_p),
        ("kernel", c_char_p),
        ("total_ms", c_double),
        ("runs", c_uint64),
        ("macs", c_uint64),
    ]


class OperatorInfoStruct(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("type", c_char_p),
        ("min_inputs", c_int32),
        ("max_inputs", c_int32),
        ("min_outputs", c_int32),
        ("max_outputs", c_int32),
    ]


class PreprocessSpecStruct(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("color_order", c_int32),
        ("resize_mode", c_int32),
        ("resize_short_side", c_int32),
        ("resize_height", c_int32),
        ("resize_width", c_int32),
        ("crop_height", c_int32),
        ("crop_width", c_int32),
        ("nhwc", c_int32),
        ("mean", c_float * 4),
        ("std", c_float * 4),
        ("arithmetic", c_int32),
        ("no_antialias", c_int32),
        ("scale", c_int32),
        ("letterbox", c_int32),
        ("crop_round_down", c_int32),
        ("has_background", c_int32),
        ("fill", c_uint8 * 4),
        ("background", c_uint8 * 4),
    ]


ROW_READER = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, c_int32, c_int32)
"""Gives rows of an image: (user, first row, count) to an address, or None to stop."""


def library_path() -> Path:
    """Where the shared library is: what MDEPLOY_RUNTIME_LIBRARY names, else beside the package.

    Raises ``UnavailableError`` when it is not there.
    """
    named = os.environ.get(LIBRARY_VARIABLE)
    suffix = "dylib" if sys.platform == "darwin" else "so"
    path = Path(named) if named else Path(__file__).parent.parent / "_native" / f"libmdeploy_runtime.{suffix}"
    if not path.is_file():
        where = f" (named by {LIBRARY_VARIABLE})" if named else ""
        raise UnavailableError(
            f"the mdeploy runtime is not built: no {path.name}{where}; run: pip install . or make native"
        )
    return path


@cache
def library() -> ctypes.CDLL:
    path = library_path()
    try:
        library = ctypes.CDLL(str(path))
        found = library.mdeploy_abi_version()
    except (OSError, AttributeError) as error:
        raise UnavailableError(f"{path.name} cannot be loaded: {error}; rebuild it with: make native") from error
    if found != ABI_VERSION:
        raise UnavailableError(
            f"{path.name} has ABI version {found}, this package needs {ABI_VERSION}; rebuild it with: make native"
        )
    for name, result, arguments in _SIGNATURES:
        function = getattr(library, name, None)
        if function is None:
            raise UnavailableError(f"{path.name} is older than this package (no {name}); rebuild it with: make native")
        function.restype = result
        function.argtypes = arguments
    return library


HANDLE = ctypes.c_void_p
_SIGNATURES: list[tuple[str, Any, list[Any]]] = [
    ("mdeploy_version", c_char_p, []),
    ("mdeploy_compiler_id", c_char_p, []),
    ("mdeploy_compiler_flags", c_char_p, []),
    ("mdeploy_build_type", c_char_p, []),
    ("mdeploy_best_isa", c_char_p, []),
    ("mdeploy_operator_count", c_size_t, []),
    ("mdeploy_operator_type", c_char_p, [c_size_t]),
    ("mdeploy_operator", c_int32, [c_size_t, POINTER(OperatorInfoStruct)]),
    ("mdeploy_operator_in_place", c_int32, [c_size_t, c_size_t, c_size_t]),
    ("mdeploy_pass_count", c_size_t, []),
    ("mdeploy_pass_name", c_char_p, [c_size_t]),
    (
        "mdeploy_net_load",
        c_int32,
        [c_char_p, c_char_p, POINTER(LoadOptionsStruct), POINTER(HANDLE), POINTER(ErrorStruct)],
    ),
    (
        "mdeploy_net_load_memory",
        c_int32,
        [c_char_p, c_size_t, c_char_p, c_size_t, POINTER(LoadOptionsStruct), POINTER(HANDLE), POINTER(ErrorStruct)],
    ),
    ("mdeploy_net_free", None, [HANDLE]),
    ("mdeploy_net_input_count", c_size_t, [HANDLE]),
    ("mdeploy_net_output_count", c_size_t, [HANDLE]),
    ("mdeploy_net_input", c_int32, [HANDLE, c_size_t, POINTER(TensorSpecStruct)]),
    ("mdeploy_net_output", c_int32, [HANDLE, c_size_t, POINTER(TensorSpecStruct)]),
    ("mdeploy_net_name", c_char_p, [HANDLE]),
    ("mdeploy_net_isa", c_char_p, [HANDLE]),
    ("mdeploy_net_parameters", c_uint64, [HANDLE]),
    ("mdeploy_net_macs", c_uint64, [HANDLE]),
    ("mdeploy_session_create", c_int32, [HANDLE, POINTER(SessionOptionsStruct), POINTER(HANDLE), POINTER(ErrorStruct)]),
    ("mdeploy_session_free", None, [HANDLE]),
    (
        "mdeploy_session_run",
        c_int32,
        [HANDLE, POINTER(TensorStruct), c_size_t, POINTER(TensorStruct), c_size_t, POINTER(ErrorStruct)],
    ),
    ("mdeploy_session_cancel", None, [HANDLE]),
    ("mdeploy_session_threads", c_int32, [HANDLE]),
    ("mdeploy_session_blob", c_int32, [HANDLE, c_char_p, POINTER(TensorStruct), POINTER(ErrorStruct)]),
    ("mdeploy_session_op_count", c_size_t, [HANDLE]),
    ("mdeploy_session_op_profile", c_int32, [HANDLE, c_size_t, POINTER(OpProfileStruct)]),
    ("mdeploy_session_reset_profile", None, [HANDLE]),
    (
        "mdeploy_preprocess",
        c_int32,
        [
            c_char_p,
            c_int32,
            c_int32,
            c_size_t,
            POINTER(PreprocessSpecStruct),
            POINTER(TensorStruct),
            POINTER(ErrorStruct),
        ],
    ),
    (
        "mdeploy_preprocess_rows",
        c_int32,
        [
            ROW_READER,
            ctypes.c_void_p,
            c_int32,
            c_int32,
            POINTER(PreprocessSpecStruct),
            POINTER(TensorStruct),
            POINTER(ErrorStruct),
        ],
    ),
]


def spec_struct(name: str, shape: Sequence[int], dtype: str) -> TensorSpecStruct:
    if len(shape) > MAX_RANK:
        raise UsageError(f"input {name} has {len(shape)} dimensions; the runtime takes at most {MAX_RANK}")
    return TensorSpecStruct(
        struct_size=ctypes.sizeof(TensorSpecStruct),
        name=name.encode(),
        dtype=DTYPES[dtype],
        rank=len(shape),
        dims=(c_int64 * MAX_RANK)(*shape),
    )


def tensor_struct(array: Array) -> TensorStruct:
    name = str(array.dtype)
    if name not in DTYPES:
        raise UsageError(f"the runtime takes {', '.join(DTYPES)}, not {name}")
    if array.ndim > MAX_RANK:
        raise UsageError(f"the runtime takes at most {MAX_RANK} dimensions, not {array.ndim}")
    return TensorStruct(
        struct_size=ctypes.sizeof(TensorStruct),
        data=array.ctypes.data,
        bytes=array.nbytes,
        dtype=DTYPES[name],
        rank=array.ndim,
        dims=(c_int64 * MAX_RANK)(*array.shape),
    )


def strings(values: Sequence[str]) -> Any:
    return (c_char_p * len(values))(*[value.encode() for value in values]) if values else None


def new_error() -> ErrorStruct:
    return ErrorStruct(struct_size=ctypes.sizeof(ErrorStruct))


def check(status: int, error: ErrorStruct) -> None:
    if status:
        _raise(status, error)


def _raise(status: int, error: ErrorStruct) -> NoReturn:
    message = error.message.decode("utf-8", "replace") or f"the runtime answered status {status}"
    raise error_for_status(status, message)


def text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")
