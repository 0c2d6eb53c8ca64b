# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Resize, crop and padding against Pillow and torchvision: images to the bit, tensors to 1e-5."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import PIL
import pytest
from PIL import Image

from mdeploy import native
from mdeploy.errors import InputError, UsageError
from mdeploy.formats.manifest import InputSpec
from mdeploy.formats.preprocessing import INTERPOLATIONS, Preprocessing

Pixels = npt.NDArray[np.uint8]

PILLOW = "pillow" if int(PIL.__version__.partition(".")[0]) >= 13 else "pillow-12"
FILTERS = {name: Image.Resampling[name.upper()] for name in INTERPOLATIONS}
SIZES = [(1, 1), (7, 5), (31, 64), (64, 63), (97, 180), (225, 224), (299, 401)]
TARGETS = [(1, 1), (3, 7), (32, 32), (33, 130), (224, 224)]


def picture(height: int, width: int, seed: int = 0, channels: int = 4) -> Pixels:
    """Hard edges, gradients and noise: filters overshoot, bytes clip."""
    generator = np.random.default_rng((seed, height, width))
    y, x = np.mgrid[:height, :width]
    edges = (((x // 5 + y // 3) % 2) * 255)[..., None]
    ramp = np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x + y) % 256, 255 - x % 256], -1)
    noise = generator.integers(0, 256, (height, width, 4))
    chosen = generator.integers(0, 3, (height, width, 1))
    return np.choose(chosen, [np.broadcast_to(edges, noise.shape), ramp, noise]).astype(np.uint8)[..., :channels]


def image_bytes(rgba: Pixels, target: tuple[int, int], channels: int = 3, **fields: object) -> Pixels:
    """What our resize and crop make of an image, before scale, mean and std: (height, width, channels)."""
    shape = (1, *target, channels)
    order = "rgb" if channels == 3 else "gray"
    spec = InputSpec(
        "x",
        shape,
        layout="NHWC",
        color_order=order,
        preprocessing=Preprocessing(scale="0-255", **{"arithmetic": PILLOW, **fields}),  # type: ignore[arg-type]
    )
    tensor = native.preprocess(rgba, spec)[0]
    assert np.array_equal(tensor, np.rint(tensor))
    return tensor.astype(np.uint8)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_every_size_and_filter_equals_pillow(interpolation: str) -> None:
    for size, target in itertools.product(SIZES, TARGETS):
        rgba = picture(*size)
        expected = np.asarray(Image.fromarray(rgba[..., :3]).resize(target[::-1], FILTERS[interpolation]))
        found = image_bytes(rgba, target, size=target, interpolation=interpolation)
        assert np.array_equal(found, expected), (size, target)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize(("size", "target"), [((300, 60), (50, 50)), ((64, 31), (32, 32)), ((90, 30), (20, 45))])
def test_before_pillow_13_the_horizontal_pass_came_first(
    interpolation: str, size: tuple[int, int], target: tuple[int, int]
) -> None:
    rgba = picture(*size)
    image, method = Image.fromarray(rgba[..., :3]), FILTERS[interpolation]
    across = image.resize((target[1], size[0]), method).resize(target[::-1], method)
    down = image.resize((size[1], target[0]), method).resize(target[::-1], method)
    wanted = {"size": target, "interpolation": interpolation}
    assert np.array_equal(image_bytes(rgba, target, arithmetic="pillow-12", **wanted), np.asarray(across))
    assert np.array_equal(image_bytes(rgba, target, arithmetic="pillow", **wanted), np.asarray(down))
    assert not np.array_equal(np.asarray(across), np.asarray(down)), "else this says nothing"


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_gray_is_made_before_the_resize(interpolation: str) -> None:
    rgba = picture(97, 131)
    gray = Image.fromarray(rgba[..., :3]).convert("L").resize((50, 41), FILTERS[interpolation])
    found = image_bytes(rgba, (41, 50), 1, size=(41, 50), interpolation=interpolation)
    assert np.array_equal(found[..., 0], np.asarray(gray))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("size", [(300, 451), (451, 300), (256, 256), (231, 977), (50, 61), (224, 260), (223, 222)])
@pytest.mark.parametrize(("resize", "crop"), [(256, 224), (232, 225), (64, 96), (48, 63)])
def test_short_side_and_crop_equal_torchvision(
    interpolation: str, size: tuple[int, int], resize: int, crop: int
) -> None:
    transforms = pytest.importorskip("torchvision.transforms")
    mode = transforms.InterpolationMode(interpolation)
    rgba = picture(*size)
    steps = transforms.Compose([transforms.Resize(resize, mode), transforms.CenterCrop(crop)])
    expected = np.asarray(steps(Image.fromarray(rgba[..., :3])))
    found = image_bytes(rgba, (crop, crop), short_side=resize, crop=(crop, crop), interpolation=interpolation)
    assert np.array_equal(found, expected)


def test_a_crop_larger_than_the_image_pads_as_torchvision() -> None:
    transforms = pytest.importorskip("torchvision.transforms")
    for size, crop in itertools.product([(9, 14), (14, 9), (20, 21)], [(15, 12), (12, 15), (16, 16), (25, 30)]):
        rgba = picture(*size)
        expected = np.asarray(transforms.CenterCrop(crop)(Image.fromarray(rgba[..., :3])))
        assert np.array_equal(image_bytes(rgba, crop, crop=crop), expected), (size, crop)


def test_a_crop_that_rounds_down() -> None:
    rgba = picture(10, 13)
    found = image_bytes(rgba, (7, 10), crop=(7, 10), crop_rounding="down")
    assert np.array_equal(found, rgba[1:8, 1:11, :3])
    # Half a margin of 1.5 goes to the even 2 otherwise.
    assert np.array_equal(image_bytes(rgba, (7, 10), crop=(7, 10)), rgba[2:9, 2:12, :3])


@pytest.mark.parametrize("size", [(48, 97), (97, 48), (640, 480), (5, 3), (31, 31)])
def test_a_letterbox_is_a_resized_image_pasted_on_a_colour(size: tuple[int, int]) -> None:
    colour = (114, 3, 250)
    rgba = picture(*size)
    shrink = max(size[0] / 65, size[1] / 80)
    height, width = round(size[0] / shrink), round(size[1] / shrink)
    expected = Image.new("RGB", (80, 65), colour)
    resized = Image.fromarray(rgba[..., :3]).resize((width, height), Image.Resampling.BICUBIC)
    expected.paste(resized, ((80 - width) // 2, (65 - height) // 2))
    found = image_bytes(rgba, (65, 80), letterbox=(65, 80), fill=colour, interpolation="bicubic")
    assert np.array_equal(found, np.asarray(expected))


def test_alpha_lies_over_the_background() -> None:
    rgba = picture(40, 51)
    under = Image.new("RGBA", (51, 40), (10, 200, 90, 255))
    flat = Image.alpha_composite(under, Image.fromarray(rgba)).convert("RGB")
    expected = flat.resize((20, 30), Image.Resampling.BILINEAR)
    found = image_bytes(rgba, (30, 20), size=(30, 20), background=(10, 200, 90))
    assert np.array_equal(found, np.asarray(expected))


def test_without_a_background_alpha_is_dropped() -> None:
    rgba = picture(40, 51)
    expected = Image.fromarray(rgba).convert("RGB").resize((20, 30), Image.Resampling.BILINEAR)
    assert np.array_equal(image_bytes(rgba, (30, 20), size=(30, 20)), np.asarray(expected))


@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_mean_and_std_as_torchvision_computes_them(layout: str, order: str) -> None:
    functional = pytest.importorskip("torchvision.transforms.functional")
    rgba = picture(23, 37)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    shape = (1, 3, 23, 37) if layout == "NCHW" else (1, 23, 37, 3)
    spec = InputSpec("x", shape, "float32", layout, order, mean, std, preprocessing=Preprocessing())
    channels = rgba[..., :3] if order == "rgb" else rgba[..., 2::-1]
    expected = functional.normalize(functional.to_tensor(np.ascontiguousarray(channels)), mean, std).numpy()
    found = native.preprocess(rgba, spec)[0]
    assert np.array_equal(found if layout == "NCHW" else found.transpose(2, 0, 1), expected)


@pytest.mark.parametrize("scale", ["0-1", "0-255", "-1-1"])
@pytest.mark.parametrize("arithmetic", ["pillow", "tensor"])
def test_scales(scale: str, arithmetic: str) -> None:
    rgba = picture(16, 17)
    spec = InputSpec(
        "x", (1, 16, 17, 3), layout="NHWC", color_order="rgb", preprocessing=Preprocessing(arithmetic, scale=scale)
    )
    values = rgba[..., :3].astype(np.float64)
    expected = {"0-1": values / 255, "0-255": values, "-1-1": values / 127.5 - 1}[scale]
    assert np.abs(native.preprocess(rgba, spec)[0] - expected).max() <= (2e-5 if scale == "0-255" else 1e-7)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_tensors_are_resized_as_torchvision_does(interpolation: str, antialias: bool) -> None:
    transforms = pytest.importorskip("torchvision.transforms")
    mode = transforms.InterpolationMode(interpolation)
    cases = [((299, 401), 224, 224), ((97, 180), 64, 60), ((31, 64), 100, 90), ((1200, 1601), 232, 224), ((5, 7), 3, 3)]
    for size, resize, crop in cases:
        rgba = picture(*size)
        steps = [
            transforms.ToTensor(),
            transforms.Resize(resize, mode, antialias=antialias),
            transforms.CenterCrop(crop),
        ]
        expected = transforms.Compose(steps)(Image.fromarray(rgba[..., :3])).numpy()
        how = Preprocessing("tensor", interpolation, antialias, short_side=resize, crop=(crop, crop))
        spec = InputSpec("x", (1, 3, crop, crop), layout="NCHW", color_order="rgb", preprocessing=how)
        # Without antialias torch rounds the place of a sample to float32, with or without a fused multiply-add as its
        # build for this processor has it: one step of the largest place, times a difference of at most 1.
        bound = 4e-6 if antialias else 4e-6 + np.spacing(np.float32(max(size)))
        assert np.abs(native.preprocess(rgba, spec)[0] - expected).max() < bound, size


def test_without_antialias_a_byte_filter_has_its_own_width() -> None:
    rgba = picture(30, 40)
    wide = image_bytes(rgba, (10, 10), size=(10, 10))
    narrow = image_bytes(rgba, (10, 10), size=(10, 10), antialias=False)
    # Three input rows and four columns to an output: the centre falls on a row, and between two columns.
    middle = rgba[1::3, :, :3].astype(np.int64)
    expected = (middle[:, 1::4] + middle[:, 2::4] + 1) // 2
    assert np.array_equal(narrow, expected)
    assert not np.array_equal(narrow, wide)


def test_bands_of_rows_give_the_same_as_the_whole() -> None:
    rgba = picture(611, 800)
    how = Preprocessing(interpolation="lanczos", short_side=100, crop=(64, 80))
    spec = InputSpec("x", (1, 3, 64, 80), layout="NCHW", color_order="rgb", preprocessing=how)
    asked = []

    def read(first: int, count: int) -> bytes:
        asked.append((first, count))
        return rgba[first : first + count].tobytes()

    assert np.array_equal(native.preprocess_rows(read, 611, 800, spec), native.preprocess(rgba, spec))
    assert asked[0][0] > 0, "rows above the crop are not needed"
    assert all(a[0] + a[1] == b[0] for a, b in itertools.pairwise(asked))


def test_what_reading_rows_raises_comes_out() -> None:
    spec = InputSpec("x", (1, 3, 8, 8), layout="NCHW", color_order="rgb", preprocessing=Preprocessing())

    def fails(first: int, count: int) -> bytes:
        raise InputError(f"row {first} of {count}")

    with pytest.raises(InputError, match="row 0 of 8"):
        native.preprocess_rows(fails, 8, 8, spec)
    with pytest.raises(UsageError, match="256 bytes, got 3"):
        native.preprocess_rows(lambda *_: b"abc", 8, 8, spec)


def test_the_shape_must_come_out() -> None:
    spec = InputSpec("x", (1, 3, 8, 8), layout="NCHW", color_order="rgb", preprocessing=Preprocessing(short_side=8))
    with pytest.raises(InputError, match="not the input's shape"):
        native.preprocess(picture(10, 20), spec)
