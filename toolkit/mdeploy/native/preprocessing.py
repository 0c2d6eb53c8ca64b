# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""From pixels to the tensor of an input, by the runtime's own code: the same on every platform."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import byref, c_char_p, c_float, c_uint8

import numpy as np
import numpy.typing as npt

from mdeploy.errors import InputError, UsageError
from mdeploy.formats.manifest import InputSpec
from mdeploy.native import abi

__all__ = ["ReadRows", "preprocess", "preprocess_rows"]

ReadRows = Callable[[int, int], bytes]
"""(first row, count) to count rows of RGBA without gaps."""

_COLOR_ORDERS = {"rgb": 0, "bgr": 1, "gray": 2}
_MODES = {"bilinear": 0, "nearest": 1, "box": 2, "bicubic": 3, "lanczos": 4}
_ARITHMETICS = {"pillow": 1, "tensor": 2, "pillow-12": 3}
_SCALES = {"0-1": 0, "0-255": 1, "-1-1": 2}


def preprocess(rgba: npt.NDArray[np.uint8], spec: InputSpec) -> npt.NDArray[np.float32]:
    """Turn an RGBA image (height, width, 4) into the input tensor of ``spec``.

    Raises ``InputError`` when the result would not have the input's shape, and when the input is no image.
    """
    fields = _spec_struct(spec)
    if rgba.ndim != 3 or rgba.shape[2] != 4 or rgba.dtype != np.uint8:
        raise UsageError(f"an RGBA image has shape (height, width, 4) and dtype uint8, not {rgba.shape} {rgba.dtype}")
    output = np.empty(spec.shape, np.float32)
    tensor, error = abi.tensor_struct(output), abi.new_error()
    pixels = np.ascontiguousarray(rgba)
    height, width = pixels.shape[:2]
    source = pixels.ctypes.data_as(c_char_p)
    status = abi.library().mdeploy_preprocess(
        source, width, height, width * 4, byref(fields), byref(tensor), byref(error)
    )
    abi.check(status, error)
    return output


def preprocess_rows(read: ReadRows, height: int, width: int, spec: InputSpec) -> npt.NDArray[np.float32]:
    """The same for an image of which ``read`` gives bands of rows, so that it never lies in memory as a whole.

    Needs ``spec.preprocessing``. Raises what ``read`` raises.
    """
    fields = _spec_struct(spec)
    output = np.empty(spec.shape, np.float32)
    tensor, error = abi.tensor_struct(output), abi.new_error()
    held: list[bytes] = []  # the band that the runtime is reading
    raised: list[BaseException] = []

    def rows(_user: int | None, first: int, count: int) -> int | None:
        held.clear()
        try:
            band = read(first, count)
            if len(band) != count * width * 4:
                raise UsageError(f"{count} rows of {width} pixels take {count * width * 4} bytes, got {len(band)}")
        except BaseException as failure:  # it may not go through the runtime, and goes on below
            raised.append(failure)
            return None
        held.append(band)
        return ctypes.cast(c_char_p(band), ctypes.c_void_p).value

    status = abi.library().mdeploy_preprocess_rows(
        abi.ROW_READER(rows), None, width, height, byref(fields), byref(tensor), byref(error)
    )
    if raised:
        raise raised[0]
    abi.check(status, error)
    return output


def _spec_struct(spec: InputSpec) -> abi.PreprocessSpecStruct:
    """The C struct of an input that is an image. Raises ``InputError`` where it is none."""
    if spec.layout is None or spec.dtype != "float32":
        raise InputError(f"input {spec.name} does not take an image")
    channels = spec.channels
    fields = abi.PreprocessSpecStruct(
        struct_size=ctypes.sizeof(abi.PreprocessSpecStruct),
        color_order=_COLOR_ORDERS[spec.color_order or ("gray" if channels == 1 else "rgb")],
        nhwc=int(spec.layout == "NHWC"),
        mean=(c_float * 4)(*(spec.mean or (0.0,) * channels)),
        std=(c_float * 4)(*(spec.std or (1.0,) * channels)),
    )
    given = spec.preprocessing
    if given is not None:
        short_side, size, crop, mode = given.short_side, given.size or given.letterbox, given.crop, given.interpolation
        fields.arithmetic = _ARITHMETICS[given.arithmetic]
        fields.no_antialias = int(not given.antialias)
        fields.scale = _SCALES[given.scale]
        fields.letterbox = int(given.letterbox is not None)
        fields.crop_round_down = int(given.crop_rounding == "down")
        fields.fill = (c_uint8 * 4)(*given.fill)
        fields.has_background = int(given.background is not None)
        fields.background = (c_uint8 * 4)(*(given.background or ()))
    else:
        resize, crop = spec.resize, spec.crop
        short_side, size, mode = (resize.short_side, resize.size, resize.mode) if resize else (None, None, "bilinear")
    fields.resize_mode = _MODES[mode]
    fields.resize_short_side = short_side or 0
    fields.resize_height, fields.resize_width = size or (0, 0)
    fields.crop_height, fields.crop_width = crop or (0, 0)
    return fields
