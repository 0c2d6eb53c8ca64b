# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Image files as people have them, with Pillow's own conversions as truth."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from mdeploy.errors import InputError, UnavailableError
from mdeploy.formats.manifest import InputSpec
from mdeploy.formats.preprocessing import Preprocessing
from mdeploy.native import image_file
from mdeploy.native.image_file import open_image
from mdeploy.native.images import find_images, image_input, read_rgba

Pixels = npt.NDArray[np.uint8]


def photograph(height: int = 41, width: int = 57, channels: int = 3) -> Pixels:
    """Smooth in places, busy in others."""
    rows, columns = np.mgrid[:height, :width]
    planes = [127 + 80 * np.sin(rows / (3 + c)) * np.cos(columns / (7 - c)) + 40 * (columns > rows + c)
              for c in range(channels)]  # fmt: skip
    return np.stack(planes, axis=-1).clip(0, 255).astype(np.uint8)


def as_pillow_sees(path: Path) -> Pixels:
    with warnings.catch_warnings(), Image.open(path) as image:
        warnings.simplefilter("ignore")
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def saved(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


RGB = Image.fromarray(photograph())
FILES: dict[str, tuple[Image.Image, dict[str, Any]]] = {
    "plain.jpg": (RGB, {"quality": 90}),
    "progressive.jpg": (RGB, {"progressive": True}),
    "grey.jpg": (RGB.convert("L"), {}),
    "adobe_cmyk.jpg": (RGB.convert("CMYK"), {}),
    "palette.png": (RGB.quantize(40), {}),
    "palette_alpha.png": (RGB.quantize(40), {"transparency": bytes(range(0, 240, 6))}),
    "palette_one_clear.gif": (RGB.quantize(40), {"transparency": 3}),
    "grey_alpha.png": (Image.merge("LA", (RGB.getchannel(0), RGB.getchannel(1))), {}),
    "alpha.png": (Image.merge("RGBA", (*RGB.split(), RGB.getchannel(2))), {}),
    "bilevel.png": (RGB.convert("1"), {}),
    "plain.tif": (RGB, {}),
    "lzw.tiff": (RGB, {"compression": "tiff_lzw"}),
    "deflate.tiff": (RGB, {"compression": "tiff_adobe_deflate"}),
    "jpeg_inside.tiff": (RGB, {"compression": "jpeg"}),
    "cmyk.tif": (RGB.convert("CMYK"), {}),
    "fax.tif": (RGB.convert("1"), {"compression": "group4"}),
    "lossless.webp": (RGB, {"lossless": True}),
    "lossy.webp": (RGB, {"quality": 70}),
    "plain.bmp": (RGB, {}),
    "plain.ppm": (RGB, {}),
    "plain.avif": (RGB, {}),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_as_pillow_reads_it(name: str, tmp_path: Path) -> None:
    image, options = FILES[name]
    path = saved(image, tmp_path / name, **options)
    found = read_rgba(path)
    np.testing.assert_array_equal(found[..., :3], as_pillow_sees(path))
    assert [item.name for item in find_images([tmp_path])] == [name]


def test_an_adobe_jpeg_is_not_a_negative(tmp_path: Path) -> None:
    """Photoshop stores CMYK inverted and says so in a marker; Pillow writes it the same way."""
    white = saved(Image.new("CMYK", (16, 16), (0, 0, 0, 0)), tmp_path / "white.jpg")
    assert b"Adobe" in white.read_bytes()
    assert read_rgba(white)[..., :3].min() > 250


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("upright", [True, False])
def test_orientation_in_bands_of_any_size(orientation: int, upright: bool, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(RGB, tmp_path / "p.png", exif=exif)
    expected = as_pillow_sees(path) if upright else np.asarray(RGB)
    with open_image(path, upright) as image:
        assert (image.height, image.width) == expected.shape[:2]
        for count in (1, 7, image.height):
            bands = [
                np.frombuffer(image.read(first, min(count, image.height - first)), np.uint8)
                for first in range(0, image.height, count)
            ]
            found = np.concatenate(bands).reshape(image.height, image.width, 4)
            np.testing.assert_array_equal(found[..., :3], expected)


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0II*\0\xff\xff\xff\x7f"])
def test_damaged_metadata_does_not_hide_the_image(exif: bytes, tmp_path: Path) -> None:
    path = saved(RGB, tmp_path / "p.jpg", exif=exif)
    with Image.open(path) as image:
        np.testing.assert_array_equal(read_rgba(path)[..., :3], np.asarray(image.convert("RGB")))


def png(width: int, height: int, depth: int, colour: int, data: bytes) -> bytes:
    """A PNG from its raw rows, each with its filter byte."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_colour_of_sixteen_bits_keeps_the_upper_eight(tmp_path: Path) -> None:
    values = np.array([[[0, 255, 256], [0x1234, 0x80FF, 0xFFFF]]], np.uint16)
    (tmp_path / "deep.png").write_bytes(png(2, 1, 16, 2, b"\0" + values.astype(">u2").tobytes()))
    assert read_rgba(tmp_path / "deep.png")[0, :, :3].tolist() == [[0, 0, 1], [0x12, 0x80, 0xFF]]
    (tmp_path / "clear.png").write_bytes(png(1, 1, 16, 6, b"\0" + np.array([1, 2, 3, 4], "<u2").tobytes()))
    assert read_rgba(tmp_path / "clear.png")[0, 0].tolist() == [1, 2, 3, 4]


def test_grey_of_sixteen_bits_in_a_tiff(tmp_path: Path) -> None:
    values = np.array([[0, 255, 256, 0x8000, 0xFFFF]], np.uint16)
    path = saved(Image.fromarray(values), tmp_path / "g.tif")
    assert read_rgba(path)[0, :, 0].tolist() == [0, 0, 1, 128, 255]


def test_pixels_without_a_range_are_refused(tmp_path: Path) -> None:
    path = saved(Image.fromarray(np.ones((2, 2), np.float32)), tmp_path / "f.tif")
    with pytest.raises(InputError, match=r"f\.tif: its pixels are floating-point numbers"):
        read_rgba(path)
    path = saved(Image.fromarray(np.array([[1, 70000]], np.int32)), tmp_path / "i.tif")
    with pytest.raises(InputError, match=r"i\.tif: its pixels have more than 16 bits"):
        read_rgba(path)


def test_of_several_pages_the_first_counts(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    path = saved(pages[0], tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    assert read_rgba(path)[1, 1].tolist() == [255, 0, 0, 255]


@pytest.mark.parametrize("name", ["p.jpg", "p.png", "p.gif", "p.tif", "p.webp", "p.bmp", "p.avif"])
def test_a_file_that_is_cut_off_is_refused_by_name(name: str, tmp_path: Path) -> None:
    path = saved(Image.fromarray(photograph(200, 200)), tmp_path / name)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(InputError, match=rf"p\.{name[2:]}: cannot read the image") as caught:
        read_rgba(path)
    assert "\n" not in str(caught.value)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    row = b"\0" + bytes(7500)
    path = tmp_path / "bomb.png"
    path.write_bytes(png(60000, 60000, 1, 0, row * 10))  # says more than it holds; nobody gets as far as to notice
    with pytest.raises(InputError, match=r"bomb\.png"):
        read_rgba(path)


HEIC_HEAD = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(100)


def test_heic_without_a_decoder_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_file, "_register_heif", lambda: False)
    (tmp_path / "IMG_0001.HEIC").write_bytes(HEIC_HEAD)
    (path,) = find_images([tmp_path])
    with pytest.raises(UnavailableError, match=r"IMG_0001\.HEIC: an image in HEIC, .*pip install 'pillow-heif'"):
        read_rgba(path)


def test_heic_is_decoded_where_a_decoder_is_installed(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="not applicable: no HEIC decoder is installed")
    path = tmp_path / "p.heic"
    try:
        pillow_heif.from_pillow(RGB).save(path, quality=95)
    except Exception as error:
        pytest.skip(f"not applicable: this decoder writes no HEIC: {error}")
    found = read_rgba(path)[..., :3].astype(int)
    assert found.shape == photograph().shape
    assert np.abs(found - photograph()).mean() < 12


@pytest.mark.parametrize("name", ["plain.jpg", "palette_alpha.png", "adobe_cmyk.jpg", "grey_alpha.png"])
def test_a_model_of_one_channel_that_is_not_square(name: str, tmp_path: Path) -> None:
    """As torchvision's Grayscale, Resize and CenterCrop do on Pillow's image."""
    image, options = FILES[name]
    path = saved(image, tmp_path / name, **options)
    how = Preprocessing(short_side=32, crop=(24, 40))
    spec = InputSpec("x", (1, 1, 24, 40), layout="NCHW", color_order="gray", preprocessing=how)
    with Image.open(path) as opened:
        grey = opened.convert("RGB").convert("L")
    resized = grey.resize((int(32 * grey.width / grey.height), 32), Image.Resampling.BILINEAR)
    left, top = round((resized.width - 40) / 2), round((resized.height - 24) / 2)
    expected = np.asarray(resized.crop((left, top, left + 40, top + 24)), np.float32) / 255
    np.testing.assert_allclose(image_input(path, spec)[0, 0], expected, atol=1e-6)


def test_a_wide_model_in_colour(tmp_path: Path) -> None:
    path = saved(RGB, tmp_path / "p.png")
    how = Preprocessing(size=(24, 40), interpolation="bicubic")
    spec = InputSpec("x", (1, 24, 40, 3), layout="NHWC", color_order="bgr", preprocessing=how)
    expected = np.asarray(RGB.resize((40, 24), Image.Resampling.BICUBIC), np.float32)[..., ::-1] / 255
    np.testing.assert_allclose(image_input(path, spec)[0], expected, atol=1e-6)
