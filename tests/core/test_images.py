from __future__ import annotations

import os
import struct
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from amodal.core import boxes as bx
from amodal.core import images
from amodal.core.errors import ImageError
from amodal.core.images import MEAN_COLOUR, cut_patch, read_image, read_size, rgb_of

PICTURE = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def smooth(height: int, width: int) -> np.ndarray:
    """A picture linear along both axes, different in each channel: any right resampling of it is known."""
    y, x = np.mgrid[:height, :width]
    return np.stack([4 * x, 3 * y, 2 * x + y], axis=-1).astype(np.uint8)


# ---- reading --------------------------------------------------------------------------------------------------------


def test_a_colour_picture_is_read_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.dtype == np.uint8 and np.array_equal(image, PICTURE)
    assert read_size(tmp_path / "a.png") == (9, 6)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a)),
    ],
)
def test_rotation_in_the_header_is_applied(tmp_path: Path, orientation: int, upright) -> None:  # type: ignore[no-untyped-def]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(PICTURE).save(tmp_path / "a.png", exif=exif)
    Image.fromarray(PICTURE).save(tmp_path / "a.tif", exif=exif)
    for name in ("a.png", "a.tif"):
        image = read_image(tmp_path / name)
        assert np.array_equal(image, upright(PICTURE))
        assert read_size(tmp_path / name) == (image.shape[1], image.shape[0])


@pytest.mark.parametrize("ending", ["png", "tif", "jpg"])
def test_a_rotation_that_there_is_not_is_none(tmp_path: Path, ending: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    Image.fromarray(PICTURE).save(tmp_path / f"a.{ending}", exif=exif)
    assert read_size(tmp_path / f"a.{ending}") == (9, 6) == read_image(tmp_path / f"a.{ending}").shape[1::-1]


def test_grey_and_palette_and_two_tone_are_widened(tmp_path: Path) -> None:
    grey = PICTURE[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert np.array_equal(read_image(tmp_path / "grey.png"), np.stack([grey] * 3, -1))
    few = (PICTURE // 128 * 255).astype(np.uint8)
    palette = Image.fromarray(few).quantize(8)
    palette.save(tmp_path / "palette.png")
    assert np.array_equal(read_image(tmp_path / "palette.png"), np.asarray(palette.convert("RGB")))
    Image.fromarray(grey > 127).save(tmp_path / "two.png")
    assert np.array_equal(read_image(tmp_path / "two.png")[..., 0], (grey > 127) * 255)


def test_sixteen_bit_grey_is_scaled_not_cut(tmp_path: Path) -> None:
    deep = np.array([[0, 257 * 100, 65535]], dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert read_image(tmp_path / "deep.png")[0, :, 0].tolist() == [0, 100, 255]


@pytest.mark.parametrize(
    ("highest", "white"),
    [(255, 255), (256, 65535), (4095, 65535), (65535, 65535)],
    ids=["8 bits", "9 bits", "12 bits", "16 bits"],
)
def test_the_highest_value_tells_what_is_white(tmp_path: Path, highest: int, white: int) -> None:
    Image.fromarray(np.array([[0, highest]], dtype=np.uint16)).save(tmp_path / "deep.png")
    assert read_image(tmp_path / "deep.png")[0, :, 0].tolist() == [0, highest * 255 // white]


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        ([0, 0.5, 1], [0, 127, 255]),
        ([0, 0.5, 1.0000001], [0, 127, 255]),  # rounded
        ([-1, 0, 0.25], [0, 0, 63]),
        ([0, 100, 255], [0, 100, 255]),
        ([0, 25700, 65535], [0, 100, 255]),
        ([float("nan"), float("inf"), 1], [0, 0, 255]),
    ],
)
def test_floats_up_to_1_are_shares_of_white(tmp_path: Path, values: list[float], seen: list[int]) -> None:
    Image.fromarray(np.array([values], dtype=np.float32)).save(tmp_path / "float.tif")
    assert read_image(tmp_path / "float.tif")[0, :, 0].tolist() == seen


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = [255, 0, 128]
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 255, 127]


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    red, green, blue = read_image(tmp_path / "a.jpg")[4, 4].tolist()
    assert red > 240 and green < 15 and blue < 15


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    for read in (read_image, read_size):
        with pytest.raises(ImageError, match=r"gone\.jpg: the picture does not exist\. Check"):
            read(tmp_path / "gone.jpg")


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(ImageError, match=r"a\.jpg: not a picture"):
        read_image(tmp_path / "a.jpg")
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(ImageError, match=r"a\.heic: not .* as HEIC and camera raw are\. Save it again as JPEG or PNG"):
        read_size(tmp_path / "a.heic")
    with pytest.raises(ImageError, match="not a picture"):
        read_image(tmp_path)


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_a_truncated_picture_is_refused_not_half_read(tmp_path: Path, kind: str) -> None:
    large = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(large).save(tmp_path / f"a.{kind}")
    whole = (tmp_path / f"a.{kind}").read_bytes()
    (tmp_path / f"a.{kind}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageError, match="cannot be decoded"):
        read_image(tmp_path / f"a.{kind}")
    if kind == "jpg":
        assert read_size(tmp_path / "a.jpg") == (64, 64)
    else:  # a PNG's rotation may come last
        with pytest.raises(ImageError):
            read_size(tmp_path / "a.png")


# ---- the limit of pixels --------------------------------------------------------------------------------------------


def jpeg_header(width: int, height: int) -> bytes:
    """A small JPEG that says it is a large one."""
    file = BytesIO()
    Image.new("L", (8, 8)).save(file, format="JPEG")
    content = file.getvalue()
    at = content.index(b"\xff\xc0") + 5  # SOF0: length, bits, height, width
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + b"\0\0\1\0IDAT"


def test_pictures_are_taken_up_to_our_limit_not_pillows(tmp_path: Path) -> None:
    (tmp_path / "large.jpg").write_bytes(jpeg_header(25_000, 20_000))
    assert read_size(tmp_path / "large.jpg") == (25_000, 20_000)


def test_pillows_own_limit_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png")  # 54 pixels
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda _: read_image(tmp_path / "a.png"), range(32)))
    assert all(np.array_equal(image, PICTURE) for image in read)
    assert Image.MAX_IMAGE_PIXELS == 20
    with pytest.raises(Image.DecompressionBombError):
        Image.open(tmp_path / "a.png")


def test_threads_leave_the_filters_of_warnings_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    numbers, second_is_in, first_is_out = count(), Event(), Event()
    plain = Image.open

    def slow(path: Path) -> Image.Image:
        if next(numbers) == 0:
            second_is_in.wait(0.3)  # it may not come in before the first is out
        else:
            second_is_in.set()
            first_is_out.wait(5)
        return plain(path)

    def read(_: int) -> None:
        read_image(tmp_path / "a.png")
        first_is_out.set()

    monkeypatch.setattr(Image, "open", slow)
    before = list(warnings.filters)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(read, range(2)))
    assert list(warnings.filters) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_process_forked_while_a_picture_is_opened_can_open_one(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    with images._OPENING:
        child = get_context("fork").Process(target=read_image, args=(tmp_path / "a.png",))
        child.start()
        child.join(30)
    if child.is_alive():
        child.kill()
    assert child.exitcode == 0


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "I;16", "F"])
def test_an_opened_picture_is_read_as_its_file_is(tmp_path: Path, mode: str) -> None:
    grey = {"I;16": np.uint16(257) * PICTURE[..., 0], "F": PICTURE[..., 0] / np.float32(255)}
    opened = Image.fromarray(grey[mode]) if mode in grey else Image.fromarray(PICTURE).convert(mode)
    opened.save(tmp_path / "a.tif")
    assert np.array_equal(rgb_of(opened), read_image(tmp_path / "a.tif"))


def test_an_opened_picture_that_cannot_be_decoded(tmp_path: Path) -> None:
    file = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(file, "PNG")
    (tmp_path / "a.png").write_bytes(file.getvalue()[:2000])
    with (
        Image.open(tmp_path / "a.png") as opened,
        pytest.raises(ImageError, match=r"a\.png: the picture cannot be decoded"),
    ):
        rgb_of(opened)
    with pytest.raises(ImageError, match="1 to 500000000 pixels"):
        rgb_of(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize("size", [(25_000, 20_001), (60_000, 60_000)])
@pytest.mark.parametrize(("name", "header"), [("a.jpg", jpeg_header), ("a.png", png_header)])
def test_what_is_larger_is_refused_by_our_rule(
    tmp_path: Path, name: str, header: Callable[[int, int], bytes], size: tuple[int, int]
) -> None:
    (tmp_path / name).write_bytes(header(*size))
    before = Image.MAX_IMAGE_PIXELS
    for read in (read_image, read_size):
        with pytest.raises(ImageError, match=r"a\.(jpg|png): a picture has 1 to 500000000 pixels.*\. Shrink it\.$"):
            read(tmp_path / name)
    assert before == Image.MAX_IMAGE_PIXELS


# ---- cutting --------------------------------------------------------------------------------------------------------


def supersampled(image: np.ndarray, box: bx.Box, size: int, times: int = 8) -> np.ndarray:
    """Bilinear samples of the picture, ``times`` x ``times`` in each output pixel, averaged: what a patch should be."""
    x1, y1, x2, y2 = box
    height, width = image.shape[:2]
    at = (np.arange(size * times) + 0.5) / (size * times)
    x = np.clip(x1 + (x2 - x1) * at - 0.5, 0, width - 1)
    y = np.clip(y1 + (y2 - y1) * at - 0.5, 0, height - 1)
    x0, y0 = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    fx, fy = (x - x0)[None, :, None], (y - y0)[:, None, None]
    values = image.astype(float)
    top = values[y0][:, x0] * (1 - fx) + values[y0][:, x0 + 1] * fx
    low = values[y0 + 1][:, x0] * (1 - fx) + values[y0 + 1][:, x0 + 1] * fx
    fine = top * (1 - fy) + low * fy
    return fine.reshape(size, times, size, times, -1).mean((1, 3))


@pytest.mark.parametrize(
    "box", [(5, 4, 21, 20), (5.3, 4.7, 20.6, 22.9), (8, 8, 40, 40), (10.25, 3.5, 26.25, 19.5), (3, 3, 49, 37)]
)
def test_a_cut_agrees_with_supersampling_to_a_grey_level(box: bx.Box) -> None:
    image = smooth(40, 56)
    patch = cut_patch(image, box, 16)
    expected = supersampled(image, box, 16)
    assert patch.shape == (16, 16, 3) and patch.dtype == np.uint8
    inner = (slice(2, -2), slice(2, -2))  # at the rim the resizer's support ends at the box
    assert np.abs(patch[inner] - expected[inner]).max() <= 1.5


def test_a_shift_of_half_a_pixel_shows() -> None:
    image = smooth(40, 56)
    at, shifted = (cut_patch(image, (10 + by, 10, 26 + by, 26), 16)[8, 8, 0] for by in (0.0, 0.5))
    assert int(shifted) - int(at) == 2  # the slope is 4 a pixel


def test_whole_pixels_at_their_own_size_come_back_unchanged() -> None:
    assert np.array_equal(cut_patch(PICTURE, (2, 1, 7, 6), (5, 5)), PICTURE[1:6, 2:7])
    assert np.array_equal(cut_patch(PICTURE, (0, 0, 9, 6), (9, 6)), PICTURE)


def test_shrinking_averages() -> None:
    checks = np.indices((64, 64)).sum(0) % 2 * 255
    patch = cut_patch(checks.astype(np.uint8), (0, 0, 64, 64), 8)
    assert np.abs(patch.astype(int) - 127).max() <= 3


def test_beyond_the_border_lies_the_mean_colour() -> None:
    image = np.full((10, 20, 3), 200, np.uint8)
    patch = cut_patch(image, (-10, -5, 30, 15), (40, 20))
    inside = np.zeros((20, 40), bool)
    inside[5:15, 10:30] = True
    assert (patch[inside] == 200).all()
    assert (patch[~inside] == MEAN_COLOUR).all()


def test_wholly_outside_is_all_mean_colour_and_grey_is_filled_with_nothing() -> None:
    assert (cut_patch(PICTURE, (100, 100, 120, 130), 8) == MEAN_COLOUR).all()
    grey = cut_patch(np.full((4, 4), 9, np.uint8), (-4, 0, 4, 4), (8, 4))
    assert grey[0].tolist() == [0, 0, 0, 0, 9, 9, 9, 9]


@pytest.mark.parametrize("box", [(3.2, 1.1, 17.5, 9.0), (-4.5, -2, 30, 14.3), (0, 0, 20, 12), (50, 50, 60, 60)])
def test_a_mask_is_read_as_0_and_255(box: bx.Box) -> None:
    mask = np.random.default_rng(0).random((12, 20)) < 0.5
    as_grey = np.where(mask, 255, 0).astype(np.uint8)
    for ours, grey in ((mask, as_grey), (mask[::2, 1:], as_grey[::2, 1:])):
        np.testing.assert_array_equal(cut_patch(ours, box, 8), cut_patch(grey, box, 8))


@pytest.mark.parametrize("size", [7, (5, 3)])
def test_the_size_is_width_and_height(size: int | tuple[int, int]) -> None:
    expected = (7, 7, 3) if size == 7 else (3, 5, 3)
    assert cut_patch(PICTURE, (1, 1, 4, 4), size).shape == expected


def png_with_exif(place: str) -> bytes:
    """A PNG that a camera turned, its EXIF in front of the pixels or behind them."""
    exif = Image.Exif()
    exif[0x0112] = 6
    out = BytesIO()
    Image.fromarray(PICTURE).save(out, "PNG", exif=exif)
    data = out.getvalue()
    start = data.index(b"eXIf") - 4
    stop = start + 12 + int.from_bytes(data[start : start + 4], "big")
    chunk, rest = data[start:stop], data[:start] + data[stop:]
    cut = rest.index(b"IDAT" if place == "front" else b"IEND") - 4
    return rest[:cut] + chunk + rest[cut:]


def test_the_size_of_a_png_is_read_without_its_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    height, width = PICTURE.shape[:2]
    Image.fromarray(PICTURE).save(tmp_path / "plain.png")
    for place in ("front", "end"):
        (tmp_path / f"{place}.png").write_bytes(png_with_exif(place))
        assert read_size(tmp_path / f"{place}.png") == read_image(tmp_path / f"{place}.png").shape[1::-1]
    data = (tmp_path / "plain.png").read_bytes()
    (tmp_path / "torn.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match=r"torn\.png: the picture cannot be decoded"):
        read_size(tmp_path / "torn.png")

    def decode(image: PngImageFile) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(PngImageFile, "load", decode)
    assert read_size(tmp_path / "plain.png") == (width, height) and read_size(tmp_path / "front.png") == (height, width)
    with pytest.raises(AssertionError, match="decoded"):
        read_size(tmp_path / "end.png")


def test_a_large_picture_is_not_held_three_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (300, 401, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    monkeypatch.setattr("amodal.core.images._STRIP_PX", 5000, raising=False)
    read_image(tmp_path / "a.png")
    tracemalloc.start()
    try:
        found = read_image(tmp_path / "a.png")
        assert tracemalloc.get_traced_memory()[1] < 1.6 * pixels.nbytes  # what Pillow itself holds is not counted
    finally:
        tracemalloc.stop()
    assert np.array_equal(found, pixels)
