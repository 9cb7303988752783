"""Pictures: read one, know its size, cut a patch out of it."""

from __future__ import annotations

import math
import os
import threading
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from . import boxes as bx
from .errors import ImageError
from .given import MAX_PIXELS

MEAN_COLOUR = (123, 116, 103)
"""The paper's mean pixel (102.98, 115.95, 122.77 BGR) as RGB bytes: what lies outside a picture."""

_EXIF_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)
"""Orientations whose width is the height as people see it."""
_RULE = f"a picture has 1 to {MAX_PIXELS} pixels"
_OPENING = threading.Lock()
_STRIP_PX = 1 << 22


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """Decode a picture as people see it: EXIF rotation applied, 16 bit and grey widened, transparency over white.

    What is white in a grey picture of more than 8 bits is told by its highest value: 255 where it is not above that,
    else 65535; of floats 1, 255 or 65535. So 12 bits come out at a sixteenth of their light: stretch them first.

    Returns:
        uint8 ``(H, W, 3)``, RGB.

    Raises:
        ImageError: missing, not a picture, truncated, or over 500 million pixels.
    """
    with _opened(path) as image:
        try:
            ImageOps.exif_transpose(image, in_place=True)  # no copy of what need not be turned
            return _pixels(_to_rgb(image))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
            raise _undecodable(path, problem) from problem


def rgb_of(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels of an opened picture, as `read_image` makes them but not turned: at its own ``size``.

    Returns:
        uint8 ``(H, W, 3)``, RGB.

    Raises:
        ImageError: it cannot be decoded, or has no pixel.
    """
    try:
        pixels = _pixels(_to_rgb(image))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        raise _undecodable(getattr(image, "filename", ""), problem) from problem
    if not pixels.size or pixels.shape[0] * pixels.shape[1] > MAX_PIXELS:
        raise ImageError(_RULE, value=image.size)
    return pixels


def read_size(path: str | Path) -> tuple[int, int]:
    """``(width, height)`` as people see it, from the header where the format allows; raises as `read_image`."""
    with _opened(path) as image:
        width, height = image.size
        try:
            late = image.format == "PNG" and _says_more_at_its_end(path)  # Pillow would decode every PNG to see
            tags = image.getexif() if late or image.format != "PNG" else Image.Image.getexif(image)
            orientation = tags.get(_EXIF_ORIENTATION, 1)
            if orientation not in _TURNED:
                return width, height
            if image.format == "TIFF":  # whether the header's size is turned already depends on Pillow's version
                return ImageOps.exif_transpose(image).size
        except (OSError, SyntaxError, ValueError) as problem:
            raise _undecodable(path, problem) from problem
        return height, width


def cut_patch(
    image: NDArray[np.uint8] | NDArray[np.bool_], box: ArrayLike, size_px: int | tuple[int, int]
) -> NDArray[np.uint8]:
    """The part of a picture inside a box, stretched to a patch.

    Half-pixel bilinear; where it shrinks, each output pixel averages what it covers (no aliasing). Prediction cuts with
    this function. So does training, but where torch cuts its pictures, alike and within 1/32 pixel of it
    (`synthesis.torch_cut`): a network meets at test what it met in training.

    Args:
        image: uint8 ``(H, W, 3)`` or ``(H, W)``; or a mask, bool ``(H, W)``: read as 0 and 255.
        box: xyxy, may have fractions and may reach beyond the picture: filled with `MEAN_COLOUR` (0 if grey).
        size_px: side of the square patch, or ``(width, height)``.

    Returns:
        uint8 ``(height, width, 3)`` or ``(height, width)``.
    """
    size = (size_px, size_px) if isinstance(size_px, int) else size_px
    part, inside = part_around(image, box)
    mode = "RGB" if part.ndim == 3 else "L"
    picture = Image.frombuffer(mode, part.shape[1::-1], part, "raw", mode, 0, 1)
    patch = picture.resize(size, Image.Resampling.BILINEAR, box=inside)
    return np.frombuffer(patch.tobytes(), dtype=np.uint8).reshape(size[1], size[0], *image.shape[2:])


def part_around(image: NDArray[np.uint8] | NDArray[np.bool_], box: ArrayLike) -> tuple[NDArray[np.uint8], bx.Box]:
    """What `cut_patch` resamples, of arguments alike.

    Returns:
        The box and a pixel around it, as far as the picture goes: uint8, contiguous; and the box within that, xyxy.
    """
    bx1, by1, bx2, by2 = box if isinstance(box, tuple) else bx.as_box(box)
    x1, y1, x2, y2 = math.floor(bx1), math.floor(by1), math.ceil(bx2), math.ceil(by2)
    height, width = image.shape[:2]
    left, top, right, bottom = max(x1 - 1, 0), max(y1 - 1, 0), min(x2 + 1, width), min(y2 + 1, height)
    if x1 < 0 or y1 < 0 or x2 > width or y2 > height:
        fill = MEAN_COLOUR if image.ndim == 3 else 0
        part = np.empty((y2 - y1, x2 - x1, *image.shape[2:]), dtype=image.dtype)
        part[...] = fill
        if left < right and top < bottom:
            inner = image[max(y1, 0) : min(y2, height), max(x1, 0) : min(x2, width)]
            part[max(-y1, 0) : max(-y1, 0) + inner.shape[0], max(-x1, 0) : max(-x1, 0) + inner.shape[1]] = inner
        left, top = x1, y1
    else:
        part = image[top:bottom, left:right]
    pixels = part.view(np.uint8) * np.uint8(255) if part.dtype == np.bool_ else np.ascontiguousarray(part)
    return pixels, (bx1 - left, by1 - top, bx2 - left, by2 - top)


def _opened(path: str | Path) -> Image.Image:
    remedy = "check the folder given and the file's name"
    try:
        image = _open(path)
    except FileNotFoundError as problem:
        raise ImageError("the picture does not exist", file=path, remedy=remedy) from problem
    except Image.DecompressionBombError as problem:
        raise ImageError(f"{_RULE} ({problem})", file=path, remedy="shrink it") from problem
    except UnidentifiedImageError as problem:
        raise ImageError(
            "not a picture that can be read: damaged, or of a kind that is not known here, as HEIC and camera raw are",
            file=path,
            remedy="save it again as JPEG or PNG",
        ) from problem
    except (OSError, ValueError) as problem:
        raise ImageError(f"not a picture that can be read ({problem})", file=path, remedy=remedy) from problem
    if math.prod(image.size) > MAX_PIXELS or 0 in image.size:
        image.close()
        raise ImageError(_RULE, file=path, value=image.size, remedy="shrink it")
    return image


def _open(path: str | Path) -> Image.Image:
    """Pillow's `open` with our limit in place of its own, of 179 million pixels.

    The limit is one for the whole process, and so are the filters of warnings: one thread at a time changes them and
    puts them back. The limit is raised for those pictures alone that need it. Only the header is read here.
    """
    with _OPENING, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            return Image.open(path)
        except Image.DecompressionBombError:
            before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, MAX_PIXELS // 2  # it bears twice as many
            try:
                return Image.open(path)
            finally:
                Image.MAX_IMAGE_PIXELS = before


def _says_more_at_its_end(path: str | Path) -> bool:
    """Whether a PNG has words (EXIF among them) behind its pixels, or is cut short: only the chunks' heads are read."""
    with open(path, "rb") as file:
        file.seek(8)
        seen_pixels = False
        while len(head := file.read(8)) == 8 and head[4:] != b"IEND":
            seen_pixels |= head[4:] == b"IDAT"
            if seen_pixels and head[4:] in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
                return True
            file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    return len(head) < 8


def _open_anew() -> None:
    """In a forked process: whoever held the lock is not there to let go of it."""
    global _OPENING
    _OPENING = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open_anew)


def _undecodable(path: str | Path, problem: Exception) -> ImageError:
    return ImageError(f"the picture cannot be decoded ({problem})", file=path, remedy="save it again as JPEG or PNG")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        values = np.asarray(image, dtype=np.float64)
        if image.mode == "F":
            values = np.where(np.isfinite(values), values, 0)
        white = _white(float(values.max(initial=0)), is_float=image.mode == "F")
        return Image.fromarray((np.clip(values / white, 0, 1) * 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels of an RGB picture, strip by strip: at once, Pillow holds them three times."""
    pixels = np.empty((image.height, image.width, 3), dtype=np.uint8)
    rows = max(_STRIP_PX // max(image.width, 1), 1)
    for y in range(0, image.height, rows):
        pixels[y : y + rows] = np.asarray(image.crop((0, y, image.width, min(y + rows, image.height))))
    return pixels


def _white(highest: float, *, is_float: bool) -> int:
    """The value that is white in a deep grey picture, by its highest: files do not say how many bits are used."""
    if is_float and highest <= 1 + 1e-6:  # rounding may leave a hair more
        return 1
    return 255 if highest <= 255 else 65535
