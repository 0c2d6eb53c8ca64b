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
from ctypes import byref, c_int32
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from mdeploy.caffe2.pair import NetPair
from mdeploy.errors import UsageError
from mdeploy.native import abi
from mdeploy.native.abi import ABI_VERSION, library_path
from mdeploy.native.preprocessing import preprocess, preprocess_rows
from mdeploy.tensors import Array, TensorSpec

__all__ = [
    "ABI_VERSION",
    "NativeNet",
    "NativeSession",
    "OpProfile",
    "best_isa",
    "compiler",
    "library_path",
    "load_net",
    "load_passes",
    "operator_rules",
    "operators",
    "preprocess",
    "preprocess_rows",
    "version",
]


@dataclass(frozen=True)
class OpProfile:
    """Time of one operator, summed over ``runs`` profiled runs; ``macs`` are per run."""

    name: str
    type: str
    kernel: str
    total_ms: float
    runs: int
    macs: int


def version() -> str:
    """Return the runtime's version."""
    return abi.text(abi.library().mdeploy_version())


def best_isa() -> str:
    """Return the instruction set that this processor would use, such as ``avx512``."""
    return abi.text(abi.library().mdeploy_best_isa())


def compiler() -> tuple[str, str, str]:
    """Return the compiler, its flags and the build type of the runtime."""
    library = abi.library()
    return (
        abi.text(library.mdeploy_compiler_id()),
        abi.text(library.mdeploy_compiler_flags()),
        abi.text(library.mdeploy_build_type()),
    )


def operators() -> list[str]:
    """Return the types of the operators that a net may hold, sorted."""
    library = abi.library()
    return [abi.text(library.mdeploy_operator_type(index)) for index in range(library.mdeploy_operator_count())]


@dataclass(frozen=True)
class OperatorRules:
    """What the runtime's checks know of an operator: least and most inputs and outputs, None for any number; whether
    an output may be the same blob as an input is asked by index."""

    type: str
    inputs: tuple[int, int | None]
    outputs: tuple[int, int | None]
    index: int

    def allows_inplace(self, input_index: int, output_index: int) -> bool:
        """Whether output ``output_index`` may be the blob of input ``input_index``."""
        return bool(abi.library().mdeploy_operator_in_place(self.index, input_index, output_index))


def operator_rules() -> list[OperatorRules]:
    """Return what the runtime knows of each operator of ``operators()``."""
    library = abi.library()
    rules = []
    for index in range(library.mdeploy_operator_count()):
        info = abi.OperatorInfoStruct(struct_size=ctypes.sizeof(abi.OperatorInfoStruct))
        abi.check(library.mdeploy_operator(index, byref(info)), abi.new_error())
        most = [count if count >= 0 else None for count in (info.max_inputs, info.max_outputs)]
        rules.append(OperatorRules(abi.text(info.type), (info.min_inputs, most[0]), (info.min_outputs, most[1]), index))
    return rules


def load_passes() -> list[str]:
    """Return the names of the passes that rewrite a net at load, in their order."""
    library = abi.library()
    return [abi.text(library.mdeploy_pass_name(index)) for index in range(library.mdeploy_pass_count())]


def load_net(
    nets: NetPair,
    inputs: Sequence[TensorSpec],
    *,
    isa: str | None = None,
    skip_passes: Sequence[str] = (),
    keep_blobs: Sequence[str] = (),
    max_bytes: int = 0,
) -> NativeNet:
    """Load a net pair, from its files where it is one of files.

    ``inputs`` gives the shape of every data input, which a Caffe2 net does not record; one without a name is meant by
    its position. ``keep_blobs`` keeps blobs
    readable after a run (``["*"]``: all). See mdeploy_load_options for the rest.
    """
    specs = (abi.TensorSpecStruct * len(inputs))(
        *[abi.spec_struct(spec.name, spec.shape, spec.dtype) for spec in inputs]
    )
    options = abi.LoadOptionsStruct(
        struct_size=ctypes.sizeof(abi.LoadOptionsStruct),
        inputs=specs,
        input_count=len(inputs),
        isa=isa.encode() if isa else None,
        skip_passes=abi.strings(skip_passes),
        skip_pass_count=len(skip_passes),
        keep_blobs=abi.strings(keep_blobs),
        keep_blob_count=len(keep_blobs),
        max_bytes=max_bytes,
    )
    library, handle, error = abi.library(), abi.HANDLE(), abi.new_error()
    if nets.files is not None:
        init_path, predict_path = map(os.fsencode, nets.files)
        status = library.mdeploy_net_load(init_path, predict_path, byref(options), byref(handle), byref(error))
    else:
        init, predict = nets.init_bytes, nets.predict_bytes
        status = library.mdeploy_net_load_memory(
            init, len(init), predict, len(predict), byref(options), byref(handle), byref(error)
        )
    abi.check(status, error)
    return NativeNet(handle)


class _Handle:
    """A handle of the library that is freed once."""

    _free: str

    def __init__(self, handle: ctypes.c_void_p) -> None:
        self._handle = handle

    def close(self) -> None:
        """Free the handle. May be called twice."""
        if self._handle:
            getattr(abi.library(), self._free)(self._handle)
            self._handle = abi.HANDLE()

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
        return abi.text(abi.library().mdeploy_net_name(self._handle))

    @property
    def isa(self) -> str:
        """The instruction set its kernels were chosen for."""
        return abi.text(abi.library().mdeploy_net_isa(self._handle))

    @property
    def parameters(self) -> int:
        """Weight elements of the init net."""
        return int(abi.library().mdeploy_net_parameters(self._handle))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one run."""
        return int(abi.library().mdeploy_net_macs(self._handle))

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
        options = abi.SessionOptionsStruct(
            struct_size=ctypes.sizeof(abi.SessionOptionsStruct),
            threads=threads,
            affinity_cores=(c_int32 * len(cores))(*cores) if cores else None,
            affinity_core_count=len(cores),
            profile=int(profile),
        )
        handle, error = abi.HANDLE(), abi.new_error()
        abi.check(
            abi.library().mdeploy_session_create(self._handle, byref(options), byref(handle), byref(error)), error
        )
        return NativeSession(handle, self)

    def _specs(self, which: str) -> list[TensorSpec]:
        library = abi.library()
        specs = []
        for index in range(getattr(library, f"mdeploy_net_{which}_count")(self._handle)):
            spec = abi.TensorSpecStruct(struct_size=ctypes.sizeof(abi.TensorSpecStruct))
            abi.check(getattr(library, f"mdeploy_net_{which}")(self._handle, index, byref(spec)), abi.new_error())
            specs.append(TensorSpec(abi.text(spec.name), tuple(spec.dims[: spec.rank]), abi.DTYPE_NAMES[spec.dtype]))
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
        return int(abi.library().mdeploy_session_threads(self._handle))

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run once. Inputs and outputs go by position; dtypes must be the net's."""
        if len(inputs) != len(self._input_specs):
            raise UsageError(f"the net takes {len(self._input_specs)} inputs, {len(inputs)} given")
        held = [np.asarray(array, order="C") for array in inputs]
        outputs = [np.empty(spec.shape, spec.dtype) for spec in self._output_specs]
        given = (abi.TensorStruct * len(held))(*[abi.tensor_struct(array) for array in held])
        taken = (abi.TensorStruct * len(outputs))(*[abi.tensor_struct(array) for array in outputs])
        error = abi.new_error()
        status = abi.library().mdeploy_session_run(self._handle, given, len(held), taken, len(outputs), byref(error))
        abi.check(status, error)
        return list(outputs)

    def cancel(self) -> None:
        """Make the run in progress, or the next one, stop. Safe from any thread."""
        abi.library().mdeploy_session_cancel(self._handle)

    def blob(self, name: str) -> Array:
        """Return a copy of a kept blob after a run."""
        library, error = abi.library(), abi.new_error()
        tensor = abi.TensorStruct(struct_size=ctypes.sizeof(abi.TensorStruct))
        abi.check(library.mdeploy_session_blob(self._handle, name.encode(), byref(tensor), byref(error)), error)
        array = np.empty(tuple(tensor.dims[: tensor.rank]), abi.DTYPE_NAMES[tensor.dtype])
        tensor = abi.tensor_struct(array)
        abi.check(library.mdeploy_session_blob(self._handle, name.encode(), byref(tensor), byref(error)), error)
        return array

    def profile(self) -> list[OpProfile]:
        """Return the operators' times since the session, or its last reset, began."""
        library = abi.library()
        profiles = []
        for index in range(library.mdeploy_session_op_count(self._handle)):
            entry = abi.OpProfileStruct(struct_size=ctypes.sizeof(abi.OpProfileStruct))
            abi.check(library.mdeploy_session_op_profile(self._handle, index, byref(entry)), abi.new_error())
            names = (abi.text(entry.name), abi.text(entry.type), abi.text(entry.kernel))
            profiles.append(OpProfile(*names, entry.total_ms, entry.runs, entry.macs))
        return profiles

    def reset_profile(self) -> None:
        """Start the operators' times anew."""
        abi.library().mdeploy_session_reset_profile(self._handle)
