# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Reading images: formats, orientation, and files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mdeploy.errors import InputError, UsageError
from mdeploy.formats.manifest import InputSpec, Resize
from mdeploy.native.images import find_images, image_input, read_rgba


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Four pixels: red, green over blue, white."""
    pixels = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    return tmp_path / "p.png"


def test_png_is_exact(image: Path) -> None:
    rgba = read_rgba(image)
    assert (rgba.shape, rgba.dtype) == ((2, 2, 4), np.uint8)
    assert rgba[0, 1].tolist() == [0, 255, 0, 255]
    assert rgba.flags.c_contiguous


@pytest.mark.parametrize(
    ("mode", "suffix"), [("L", "png"), ("P", "png"), ("RGBA", "png"), ("CMYK", "jpg"), ("1", "png")]
)
def test_every_colour_mode_becomes_rgba(mode: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"p.{suffix}"
    Image.new(mode, (5, 3)).save(path)
    assert read_rgba(path).shape == (3, 5, 4)


def test_the_cameras_orientation_is_applied(image: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to see it upright
    with Image.open(image) as image:
        image.save(tmp_path / "turned.png", exif=exif)
    assert read_rgba(tmp_path / "turned.png")[0, 0].tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + bytes(30)])
def test_what_is_no_image_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.png: cannot read the image") as caught:
        read_rgba(tmp_path / "x.png")
    assert "\n" not in str(caught.value)


def test_a_truncated_image(image: Path) -> None:
    data = image.read_bytes()
    image.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="cannot read"):
        read_rgba(image)


def test_a_missing_image(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such image"):
        read_rgba(tmp_path / "none.png")


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("1", (20000, 20000)).save(tmp_path / "bomb.png")
    with pytest.raises(InputError, match=r"bomb\.png"):
        read_rgba(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # Pillow's own limit, which other libraries take away
    with pytest.raises(InputError, match=r"bomb\.png: 20000x20000 pixels are too many"):
        read_rgba(tmp_path / "bomb.png")


def test_input_of_a_net(image: Path) -> None:
    mean, std = (0.5, 0.25, 0.0), (0.5, 1.0, 2.0)
    spec = InputSpec("x", (1, 3, 2, 2), "float32", "NCHW", "rgb", mean, std, Resize("bilinear", size=(2, 2)))
    tensor = image_input(image, spec)
    assert (tensor.shape, tensor.dtype) == ((1, 3, 2, 2), np.float32)
    np.testing.assert_allclose(tensor[0, :, 0, 0], [(1 - 0.5) / 0.5, -0.25, 0.0], atol=1e-6)  # red


def test_an_input_that_is_no_image(image: Path) -> None:
    with pytest.raises(UsageError, match="is not an image"):
        image_input(image, InputSpec("x", (1, 8)))


def test_folders_are_searched_in_name_order(image: Path, tmp_path: Path) -> None:
    (tmp_path / "d" / "sub").mkdir(parents=True)
    for name in ("b.JPG", "a.png", "notes.txt", "sub/c.webp"):
        (tmp_path / "d" / name).write_bytes(b"")
    found = find_images([image, tmp_path / "d"])
    assert [path.name for path in found] == ["p.png", "a.png", "b.JPG", "c.webp"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no images"):
        find_images([tmp_path / "empty"])


def test_sixteen_bits_keep_their_upper_eight(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 255, 256, 32768, 65535]], np.uint16)).save(tmp_path / "g.png")
    assert read_rgba(tmp_path / "g.png")[0, :, 0].tolist() == [0, 0, 1, 128, 255]


def test_orientation_can_be_left_alone(image: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(image) as upright:
        upright.save(tmp_path / "turned.png", exif=exif)
    assert read_rgba(tmp_path / "turned.png", upright=False)[0, 0].tolist() == [255, 0, 0, 255]


def test_of_an_animation_the_first_image_counts(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    for suffix, options in (("gif", {}), ("webp", {"lossless": True}), ("png", {})):
        path = tmp_path / f"a.{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:], **options)  # type: ignore[arg-type]
        assert read_rgba(path)[1, 1].tolist() == [255, 0, 0, 255], suffix


def test_an_image_of_another_size_names_the_flags(image: Path) -> None:
    spec = InputSpec("x", (1, 3, 224, 224), "float32", "NCHW", "rgb")
    with pytest.raises(InputError, match=r"p\.png.*2x2 pixels.*--resize 256 --crop 224x224.*--preset imagenet"):
        image_input(image, spec)
