# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The runtime's C ABI (runtime/include/mdeploy/mdeploy_runtime.h) for Python, by ctypes.

Everything that can fail raises the error of :mod:`mdeploy.errors` that goes with the ABI's status. Handles are closed
by ``close()`` or a ``with`` block, and by the garbage collector at the latest.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_uint64
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from mdeploy.errors import InputError, UnavailableError, UsageError, error_for_status
from mdeploy.manifest import InputSpec

__all__ = [
    "ABI_VERSION",
    "NativeNet",
    "NativeSession",
    "OpProfile",
    "TensorSpec",
    "best_isa",
    "compiler",
    "library_path",
    "load_net",
    "load_passes",
    "operators",
    "preprocess",
    "version",
]

Array = npt.NDArray[np.generic]

ABI_VERSION = 1
LIBRARY_VARIABLE = "MDEPLOY_RUNTIME_LIBRARY"

_MAX_RANK = 8
_DTYPES = {"float32": 1, "int32": 2, "bool": 5, "uint8": 6, "int64": 10}
_DTYPE_NAMES = {value: name for name, value in _DTYPES.items()}
_COLOR_ORDERS = {"rgb": 0, "bgr": 1, "gray": 2}
_RESIZE_MODES = {"bilinear": 0, "nearest": 1}


class _Error(Structure):
    _fields_ = [("struct_size", c_size_t), ("code", c_int32), ("message", c_char * 1024)]


class _TensorSpec(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("name", c_char_p),
        ("dtype", c_int32),
        ("rank", c_int32),
        ("dims", c_int64 * _MAX_RANK),
    ]


class _Tensor(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("data", ctypes.c_void_p),
        ("bytes", c_size_t),
        ("dtype", c_int32),
        ("rank", c_int32),
        ("dims", c_int64 * _MAX_RANK),
    ]


class _LoadOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("inputs", POINTER(_TensorSpec)),
        ("input_count", c_size_t),
        ("isa", c_char_p),
        ("skip_passes", POINTER(c_char_p)),
        ("skip_pass_count", c_size_t),
        ("keep_blobs", POINTER(c_char_p)),
        ("keep_blob_count", c_size_t),
        ("max_bytes", c_uint64),
    ]


class _SessionOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("threads", c_int32),
        ("affinity_cores", POINTER(c_int32)),
        ("affinity_core_count", c_size_t),
        ("profile", c_int32),
    ]


class _OpProfile(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("name", c_char_p),
        ("type", c_char_p),
        ("kernel", c_char_p),
        ("total_ms", c_double),
        ("runs", c_uint64),
        ("macs", c_uint64),
    ]


class _PreprocessSpec(Structure):
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
    ]


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape and dtype of a blob. An input without a name is meant by its position."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class OpProfile:
    """Time of one operator, summed over ``runs`` profiled runs; ``macs`` are per run."""

    name: str
    type: str
    kernel: str
    total_ms: float
    runs: int
    macs: int


def library_path() -> Path:
    """Where the shared library is: what MDEPLOY_RUNTIME_LIBRARY names, else beside the package.

    Raises ``UnavailableError`` when it is not there.
    """
    named = os.environ.get(LIBRARY_VARIABLE)
    suffix = "dylib" if sys.platform == "darwin" else "so"
    path = Path(named) if named else Path(__file__).parent / "_native" / f"libmdeploy_runtime.{suffix}"
    if not path.is_file():
        where = f" (named by {LIBRARY_VARIABLE})" if named else ""
        raise UnavailableError(
            f"the mdeploy runtime is not built: no {path.name}{where}; run: pip install . or make native"
        )
    return path


@cache
def _library() -> ctypes.CDLL:
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


_HANDLE = ctypes.c_void_p
_SIGNATURES: list[tuple[str, Any, list[Any]]] = [
    ("mdeploy_version", c_char_p, []),
    ("mdeploy_compiler_id", c_char_p, []),
    ("mdeploy_compiler_flags", c_char_p, []),
    ("mdeploy_build_type", c_char_p, []),
    ("mdeploy_best_isa", c_char_p, []),
    ("mdeploy_operator_count", c_size_t, []),
    ("mdeploy_operator_type", c_char_p, [c_size_t]),
    ("mdeploy_pass_count", c_size_t, []),
    ("mdeploy_pass_name", c_char_p, [c_size_t]),
    (
        "mdeploy_net_load",
        c_int32,
        [c_char_p, c_char_p, POINTER(_LoadOptions), POINTER(_HANDLE), POINTER(_Error)],
    ),
    (
        "mdeploy_net_load_memory",
        c_int32,
        [c_char_p, c_size_t, c_char_p, c_size_t, POINTER(_LoadOptions), POINTER(_HANDLE), POINTER(_Error)],
    ),
    ("mdeploy_net_free", None, [_HANDLE]),
    ("mdeploy_net_input_count", c_size_t, [_HANDLE]),
    ("mdeploy_net_output_count", c_size_t, [_HANDLE]),
    ("mdeploy_net_input", c_int32, [_HANDLE, c_size_t, POINTER(_TensorSpec)]),
    ("mdeploy_net_output", c_int32, [_HANDLE, c_size_t, POINTER(_TensorSpec)]),
    ("mdeploy_net_name", c_char_p, [_HANDLE]),
    ("mdeploy_net_isa", c_char_p, [_HANDLE]),
    ("mdeploy_net_parameters", c_uint64, [_HANDLE]),
    ("mdeploy_net_macs", c_uint64, [_HANDLE]),
    ("mdeploy_session_create", c_int32, [_HANDLE, POINTER(_SessionOptions), POINTER(_HANDLE), POINTER(_Error)]),
    ("mdeploy_session_free", None, [_HANDLE]),
    (
        "mdeploy_session_run",
        c_int32,
        [_HANDLE, POINTER(_Tensor), c_size_t, POINTER(_Tensor), c_size_t, POINTER(_Error)],
    ),
    ("mdeploy_session_cancel", None, [_HANDLE]),
    ("mdeploy_session_threads", c_int32, [_HANDLE]),
    ("mdeploy_session_blob", c_int32, [_HANDLE, c_char_p, POINTER(_Tensor), POINTER(_Error)]),
    ("mdeploy_session_op_count", c_size_t, [_HANDLE]),
    ("mdeploy_session_op_profile", c_int32, [_HANDLE, c_size_t, POINTER(_OpProfile)]),
    ("mdeploy_session_reset_profile", None, [_HANDLE]),
    (
        "mdeploy_preprocess",
        c_int32,
        [c_char_p, c_int32, c_int32, c_size_t, POINTER(_PreprocessSpec), POINTER(_Tensor), POINTER(_Error)],
    ),
]


def version() -> str:
    """Return the runtime's version."""
    return _text(_library().mdeploy_version())


def best_isa() -> str:
    """Return the instruction set that this processor would use, such as ``avx512``."""
    return _text(_library().mdeploy_best_isa())


def compiler() -> tuple[str, str, str]:
    """Return the compiler, its flags and the build type of the runtime."""
    library = _library()
    return (
        _text(library.mdeploy_compiler_id()),
        _text(library.mdeploy_compiler_flags()),
        _text(library.mdeploy_build_type()),
    )


def operators() -> list[str]:
    """Return the types of the operators that a net may hold, sorted."""
    library = _library()
    return [_text(library.mdeploy_operator_type(index)) for index in range(library.mdeploy_operator_count())]


def load_passes() -> list[str]:
    """Return the names of the passes that rewrite a net at load, in their order."""
    library = _library()
    return [_text(library.mdeploy_pass_name(index)) for index in range(library.mdeploy_pass_count())]


def load_net(
    init: Path | bytes,
    predict: Path | bytes,
    inputs: Sequence[TensorSpec],
    *,
    isa: str | None = None,
    skip_passes: Sequence[str] = (),
    keep_blobs: Sequence[str] = (),
    max_bytes: int = 0,
) -> NativeNet:
    """Load a net pair from two files, or from two byte strings.

    ``inputs`` gives the shape of every data input, which a Caffe2 net does not record. ``keep_blobs`` keeps blobs
    readable after a run (``["*"]``: all). See mdeploy_load_options for the rest.
    """
    specs = (_TensorSpec * len(inputs))(*[_spec_struct(spec) for spec in inputs])
    options = _LoadOptions(
        struct_size=ctypes.sizeof(_LoadOptions),
        inputs=specs,
        input_count=len(inputs),
        isa=isa.encode() if isa else None,
        skip_passes=_strings(skip_passes),
        skip_pass_count=len(skip_passes),
        keep_blobs=_strings(keep_blobs),
        keep_blob_count=len(keep_blobs),
        max_bytes=max_bytes,
    )
    library, handle, error = _library(), _HANDLE(), _new_error()
    if isinstance(init, bytes) and isinstance(predict, bytes):
        status = library.mdeploy_net_load_memory(
            init, len(init), predict, len(predict), byref(options), byref(handle), byref(error)
        )
    elif isinstance(init, Path) and isinstance(predict, Path):
        status = library.mdeploy_net_load(
            os.fsencode(init), os.fsencode(predict), byref(options), byref(handle), byref(error)
        )
    else:
        raise UsageError("both nets must come from files, or both from bytes")
    _check(status, error)
    return NativeNet(handle)


class _Handle:
    """A handle of the library that is freed once."""

    _free: str

    def __init__(self, handle: ctypes.c_void_p) -> None:
        self._handle = handle

    def close(self) -> None:
        """Free the handle. May be called twice."""
        if self._handle:
            getattr(_library(), self._free)(self._handle)
            self._handle = _HANDLE()

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not sys.is_finalizing():
            self.close()


class NativeNet(_Handle):
    """A loaded net, immutable; sessions over it may run in several threads."""

    _free = "mdeploy_net_free"

    @property
    def name(self) -> str:
        """The predict net's name."""
        return _text(_library().mdeploy_net_name(self._handle))

    @property
    def isa(self) -> str:
        """The instruction set its kernels were chosen for."""
        return _text(_library().mdeploy_net_isa(self._handle))

    @property
    def parameters(self) -> int:
        """Weight elements of the init net."""
        return int(_library().mdeploy_net_parameters(self._handle))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one run."""
        return int(_library().mdeploy_net_macs(self._handle))

    @property
    def inputs(self) -> list[TensorSpec]:
        """The data inputs by position."""
        return self._specs("input")

    @property
    def outputs(self) -> list[TensorSpec]:
        """The outputs by position."""
        return self._specs("output")

    def session(self, threads: int = 0, cores: Sequence[int] = (), profile: bool = False) -> NativeSession:
        """Make a session. ``threads`` 0 means one for each core that the process may use, at most 8."""
        options = _SessionOptions(
            struct_size=ctypes.sizeof(_SessionOptions),
            threads=threads,
            affinity_cores=(c_int32 * len(cores))(*cores) if cores else None,
            affinity_core_count=len(cores),
            profile=int(profile),
        )
        handle, error = _HANDLE(), _new_error()
        _check(_library().mdeploy_session_create(self._handle, byref(options), byref(handle), byref(error)), error)
        return NativeSession(handle, self)

    def _specs(self, which: str) -> list[TensorSpec]:
        library = _library()
        specs = []
        for index in range(getattr(library, f"mdeploy_net_{which}_count")(self._handle)):
            spec = _TensorSpec(struct_size=ctypes.sizeof(_TensorSpec))
            _check(getattr(library, f"mdeploy_net_{which}")(self._handle, index, byref(spec)), _new_error())
            specs.append(TensorSpec(_text(spec.name), tuple(spec.dims[: spec.rank]), _DTYPE_NAMES[spec.dtype]))
        return specs


class NativeSession(_Handle):
    """One thread's way of running a net."""

    _free = "mdeploy_session_free"

    def __init__(self, handle: ctypes.c_void_p, net: NativeNet) -> None:
        super().__init__(handle)
        self._net = net  # the session reads the net: it must outlive us
        self._input_specs = net.inputs
        self._output_specs = net.outputs

    @property
    def threads(self) -> int:
        """How many threads it runs on."""
        return int(_library().mdeploy_session_threads(self._handle))

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run once. Inputs and outputs go by position; dtypes must be the net's."""
        if len(inputs) != len(self._input_specs):
            raise UsageError(f"the net takes {len(self._input_specs)} inputs, {len(inputs)} given")
        held = [np.asarray(array, order="C") for array in inputs]
        outputs = [np.empty(spec.shape, spec.dtype) for spec in self._output_specs]
        given = (_Tensor * len(held))(*[_tensor_struct(array) for array in held])
        taken = (_Tensor * len(outputs))(*[_tensor_struct(array) for array in outputs])
        error = _new_error()
        status = _library().mdeploy_session_run(self._handle, given, len(held), taken, len(outputs), byref(error))
        _check(status, error)
        return list(outputs)

    def cancel(self) -> None:
        """Make the run in progress, or the next one, stop. Safe from any thread."""
        _library().mdeploy_session_cancel(self._handle)

    def blob(self, name: str) -> Array:
        """Return a copy of a kept blob after a run."""
        library, error = _library(), _new_error()
        tensor = _Tensor(struct_size=ctypes.sizeof(_Tensor))
        _check(library.mdeploy_session_blob(self._handle, name.encode(), byref(tensor), byref(error)), error)
        array = np.empty(tuple(tensor.dims[: tensor.rank]), _DTYPE_NAMES[tensor.dtype])
        tensor = _tensor_struct(array)
        _check(library.mdeploy_session_blob(self._handle, name.encode(), byref(tensor), byref(error)), error)
        return array

    def profile(self) -> list[OpProfile]:
        """Return the operators' times since the session, or its last reset, began."""
        library = _library()
        profiles = []
        for index in range(library.mdeploy_session_op_count(self._handle)):
            entry = _OpProfile(struct_size=ctypes.sizeof(_OpProfile))
            _check(library.mdeploy_session_op_profile(self._handle, index, byref(entry)), _new_error())
            names = (_text(entry.name), _text(entry.type), _text(entry.kernel))
            profiles.append(OpProfile(*names, entry.total_ms, entry.runs, entry.macs))
        return profiles

    def reset_profile(self) -> None:
        """Start the operators' times anew."""
        _library().mdeploy_session_reset_profile(self._handle)


def preprocess(rgba: npt.NDArray[np.uint8], spec: InputSpec) -> npt.NDArray[np.float32]:
    """Turn an RGBA picture (height, width, 4) into the input tensor of ``spec``, with the runtime's own code.

    Raises ``InputError`` when the result would not have the input's shape, and when the input is no picture.
    """
    if spec.layout is None or spec.dtype != "float32":
        raise InputError(f"input {spec.name} does not take a picture")
    if rgba.ndim != 3 or rgba.shape[2] != 4 or rgba.dtype != np.uint8:
        raise UsageError(f"an RGBA picture has shape (height, width, 4) and dtype uint8, not {rgba.shape} {rgba.dtype}")
    channels = spec.shape[1] if spec.layout == "NCHW" else spec.shape[3]
    resize = spec.resize
    size = resize.size if resize and resize.size else (0, 0)
    crop = spec.crop or (0, 0)
    fields = _PreprocessSpec(
        struct_size=ctypes.sizeof(_PreprocessSpec),
        color_order=_COLOR_ORDERS[spec.color_order or ("gray" if channels == 1 else "rgb")],
        resize_mode=_RESIZE_MODES[resize.mode if resize else "bilinear"],
        resize_short_side=(resize.short_side or 0) if resize else 0,
        resize_height=size[0],
        resize_width=size[1],
        crop_height=crop[0],
        crop_width=crop[1],
        nhwc=int(spec.layout == "NHWC"),
        mean=(c_float * 4)(*(spec.mean or (0.0,) * channels)),
        std=(c_float * 4)(*(spec.std or (1.0,) * channels)),
    )
    output = np.empty(spec.shape, np.float32)
    tensor, error = _tensor_struct(output), _new_error()
    pixels = np.ascontiguousarray(rgba)
    height, width = pixels.shape[:2]
    source = pixels.ctypes.data_as(c_char_p)
    status = _library().mdeploy_preprocess(source, width, height, width * 4, byref(fields), byref(tensor), byref(error))
    _check(status, error)
    return output


def _spec_struct(spec: TensorSpec) -> _TensorSpec:
    if len(spec.shape) > _MAX_RANK:
        raise UsageError(f"input {spec.name} has {len(spec.shape)} dimensions; the runtime takes at most {_MAX_RANK}")
    return _TensorSpec(
        struct_size=ctypes.sizeof(_TensorSpec),
        name=spec.name.encode(),
        dtype=_DTYPES[spec.dtype],
        rank=len(spec.shape),
        dims=(c_int64 * _MAX_RANK)(*spec.shape),
    )


def _tensor_struct(array: Array) -> _Tensor:
    name = str(array.dtype)
    if name not in _DTYPES:
        raise UsageError(f"the runtime takes {', '.join(_DTYPES)}, not {name}")
    if array.ndim > _MAX_RANK:
        raise UsageError(f"the runtime takes at most {_MAX_RANK} dimensions, not {array.ndim}")
    return _Tensor(
        struct_size=ctypes.sizeof(_Tensor),
        data=array.ctypes.data,
        bytes=array.nbytes,
        dtype=_DTYPES[name],
        rank=array.ndim,
        dims=(c_int64 * _MAX_RANK)(*array.shape),
    )


def _strings(values: Sequence[str]) -> Any:
    return (c_char_p * len(values))(*[value.encode() for value in values]) if values else None


def _new_error() -> _Error:
    return _Error(struct_size=ctypes.sizeof(_Error))


def _check(status: int, error: _Error) -> None:
    if status:
        _raise(status, error)


def _raise(status: int, error: _Error) -> NoReturn:
    message = error.message.decode("utf-8", "replace") or f"the runtime answered status {status}"
    raise error_for_status(status, message)


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")
