# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The runtime's preprocessing against Pillow's, which is what torchvision applies to images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from mdeploy import native
from mdeploy.errors import InputError, UsageError
from mdeploy.formats.manifest import InputSpec, Resize

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)


def rgba_image(height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (max(height // 5, 1), max(width // 5, 1), 4), dtype=np.uint8)
    smooth = Image.fromarray(coarse, "RGBA").resize((width, height), Image.Resampling.BICUBIC)
    noise = generator.integers(-20, 20, (height, width, 4))
    return np.clip(np.asarray(smooth).astype(np.int64) + noise, 0, 255).astype(np.uint8)


def spec(height: int, width: int, **fields: object) -> InputSpec:
    layout = fields.pop("layout", "NCHW")
    channels = 1 if fields.get("color_order") == "gray" else 3
    shape = (1, channels, height, width) if layout == "NCHW" else (1, height, width, channels)
    defaults: dict[str, object] = {"color_order": "rgb", "mean": MEAN[:channels], "std": STD[:channels]}
    return InputSpec("x", shape, layout=layout, **{**defaults, **fields})  # type: ignore[arg-type]


def pixels(tensor: npt.NDArray[np.float32], of: InputSpec) -> npt.NDArray[np.float64]:
    """Undo mean and std: (height, width, channels) on the 0..255 scale."""
    interleaved = tensor[0].transpose(1, 2, 0) if of.layout == "NCHW" else tensor[0]
    return (interleaved.astype(np.float64) * np.array(of.std) + np.array(of.mean)) * 255


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_no_resize_is_exact(layout: str, order: str) -> None:
    rgba = rgba_image(7, 11)
    wanted = spec(7, 11, layout=layout, color_order=order)
    expected = rgba[..., :3] if order == "rgb" else rgba[..., 2::-1]
    assert np.abs(pixels(native.preprocess(rgba, wanted), wanted) - expected).max() < 1e-3


@pytest.mark.parametrize(
    ("source", "target"),
    [((64, 64), (32, 32)), ((37, 91), (32, 32)), ((20, 13), (32, 32)), ((300, 200), (224, 224)), ((5, 5), (1, 1)),
     ((1, 1), (8, 8)), ((33, 32), (32, 33)), ((480, 640), (17, 5))],
)  # fmt: skip
def test_bilinear_equals_pillow(source: tuple[int, int], target: tuple[int, int]) -> None:
    rgba = rgba_image(*source)
    wanted = spec(*target, resize=Resize("bilinear", size=target))
    image = Image.fromarray(rgba[..., :3], "RGB").resize(target[::-1], Image.Resampling.BILINEAR)
    # Pillow rounds to 8 bits after each of its two passes; we do not.
    assert np.abs(pixels(native.preprocess(rgba, wanted), wanted) - np.asarray(image)).max() <= 1.01


@pytest.mark.parametrize(("source", "target"), [((64, 48), (32, 32)), ((10, 9), (23, 17)), ((3, 3), (7, 7))])
def test_nearest_equals_pillow(source: tuple[int, int], target: tuple[int, int]) -> None:
    rgba = rgba_image(*source)
    wanted = spec(*target, resize=Resize("nearest", size=target))
    image = Image.fromarray(rgba[..., :3], "RGB").resize(target[::-1], Image.Resampling.NEAREST)
    assert np.abs(pixels(native.preprocess(rgba, wanted), wanted) - np.asarray(image)).max() < 1e-3


@pytest.mark.parametrize("size", [(300, 451), (451, 300), (256, 256), (231, 977)])
def test_short_side_and_crop_equal_torchvision(size: tuple[int, int]) -> None:
    transforms = pytest.importorskip("torchvision.transforms")
    rgba = rgba_image(*size)
    wanted = spec(224, 224, resize=Resize("bilinear", short_side=256), crop=(224, 224))
    image = transforms.CenterCrop(224)(transforms.Resize(256)(Image.fromarray(rgba[..., :3], "RGB")))
    assert np.abs(pixels(native.preprocess(rgba, wanted), wanted) - np.asarray(image)).max() <= 1.01


def test_gray_is_luma() -> None:
    rgba = rgba_image(9, 9)
    wanted = spec(9, 9, color_order="gray")
    expected = np.asarray(Image.fromarray(rgba[..., :3], "RGB").convert("L"))[..., None]
    assert np.abs(pixels(native.preprocess(rgba, wanted), wanted) - expected).max() <= 1.0


def test_rows_need_not_be_contiguous() -> None:
    wide = rgba_image(8, 20)
    wanted = spec(8, 6)
    assert np.array_equal(native.preprocess(wide[:, 3:9], wanted), native.preprocess(wide[:, 3:9].copy(), wanted))


def test_wrong_size_is_refused() -> None:
    with pytest.raises(InputError, match="not the input's shape"):
        native.preprocess(rgba_image(16, 16), spec(32, 32))


def test_crop_larger_than_image_is_refused() -> None:
    with pytest.raises(InputError, match="does not fit"):
        native.preprocess(rgba_image(16, 16), spec(32, 32, crop=(32, 32)))


def test_zero_std_is_refused() -> None:
    with pytest.raises(InputError, match="std"):
        native.preprocess(rgba_image(4, 4), spec(4, 4, std=(1.0, 0.0, 1.0)))


def test_not_a_image_input() -> None:
    with pytest.raises(InputError, match="does not take an image"):
        native.preprocess(rgba_image(4, 4), InputSpec("x", (1, 10)))


def test_not_a_image() -> None:
    with pytest.raises(UsageError, match="RGBA"):
        native.preprocess(rgba_image(4, 4)[..., :3], spec(4, 4))  # type: ignore[arg-type]
