"""From a picture to the canvas: the patch's own pixels, on which objects are laid over one another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from .cut import cut_pixels, resized
from .pictures import Cutout, WholeBox
from .pixels import fill_around

Part = tuple[WholeBox, NDArray[np.uint8]]
"""Of an object in something larger: where it may be, xyxy, and its matte there, 255 where it is."""
SOLID = 128
"""A resampled matte covers a pixel from this value on."""


def tight_box(mask: NDArray[np.bool_]) -> WholeBox:
    """The smallest box of whole pixels around a mask that is not empty."""
    pixels, width = mask.tobytes(), mask.shape[1]
    top, bottom = pixels.find(1) // width, pixels.rfind(1) // width + 1
    columns = np.bitwise_or.reduce(mask[top:bottom], axis=0).tobytes()
    return columns.find(1), top, columns.rfind(1) + 1, bottom


def canvas_size(box: WholeBox, canvas_px: int) -> tuple[int, int]:
    """Width and height of the canvas of a patch: its own, shrunk so that no side exceeds ``canvas_px``."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = min(1.0, canvas_px / max(width, height))
    return max(round(width * scale), 1), max(round(height * scale), 1)


def cut_picture(image: NDArray[np.uint8], box: WholeBox, size: tuple[int, int]) -> NDArray[np.uint8]:
    """uint8 ``(h, w, 3)``, the caller's own: a patch at the canvas's size; the mean colour beyond the picture."""
    if size != (box[2] - box[0], box[3] - box[1]):
        shrunk = cut_pixels(image, bx.as_box(box), size)
        return shrunk if shrunk.flags.writeable else shrunk.copy()  # Pillow's cannot be written to
    x1, y1, x2, y2 = max(box[0], 0), max(box[1], 0), min(box[2], image.shape[1]), min(box[3], image.shape[0])
    if (x1, y1, x2, y2) == box:
        return image[y1:y2, x1:x2].copy()
    canvas = np.empty((size[1], size[0], 3), dtype=np.uint8)
    fill_around(canvas, (x1 - box[0], y1 - box[1], x2 - box[0], y2 - box[1]))
    canvas[y1 - box[1] : y2 - box[1], x1 - box[0] : x2 - box[0]] = image[y1:y2, x1:x2]
    return canvas


def parts_in(cutouts: Iterable[Cutout], box: WholeBox) -> list[Part]:
    """Of each object that a box of the picture meets: where it is in the box, and what of its matte."""
    left, top, right, bottom = box
    parts = []
    for cutout in cutouts:
        x1, y1, x2, y2 = cutout.box
        low, first, high, last = max(left, x1), max(top, y1), min(right, x2), min(bottom, y2)
        if low < high and first < last:
            there = (low - left, first - top, high - left, last - top)
            parts.append((there, cutout.matte[first - y1 : last - y1, low - x1 : high - x1]))
    return parts


def cut_masks(cutouts: Sequence[Cutout], box: WholeBox, size: tuple[int, int]) -> NDArray[np.bool_]:
    """bool ``(h, w)``: the canvas pixels of a patch whose centre lies on any of the objects."""
    parts = parts_in(cutouts, box)
    width, height = box[2] - box[0], box[3] - box[1]
    if size != (width, height):
        parts = [_resampled(part, (width, height), size) for part in parts]
    return np.asarray(union(parts, (0, 0, *size)) != 0)


def _resampled(part: Part, patch: tuple[int, int], size: tuple[int, int]) -> Part:
    """A part of a patch as the pixels of a canvas of another size show it."""
    (x1, y1, x2, y2), matte = part
    left, right = _centres(x1, x2, patch[0], size[0])
    top, bottom = _centres(y1, y2, patch[1], size[1])
    rows = _pixels(top, bottom, patch[1], size[1]) - y1
    columns = _pixels(left, right, patch[0], size[0]) - x1
    return (left, top, right, bottom), matte[rows][:, columns]


def union(parts: Sequence[Part], area: WholeBox) -> NDArray[np.uint8]:
    """uint8 ``(h, w)`` over an area that holds the parts: 255 where any of them is."""
    x, y = area[:2]
    union = np.zeros((area[3] - y, area[2] - x), dtype=np.uint8)
    for number, ((left, top, right, bottom), matte) in enumerate(parts):
        there = union[top - y : bottom - y, left - x : right - x]
        if number:
            np.bitwise_or(there, matte, out=there)
        else:
            there[...] = matte
    return union


def _centres(low: int, high: int, length: int, size: int) -> tuple[int, int]:
    """The first, and the one after the last, of ``size`` pixels along ``length`` with its centre in [low, high)."""
    first, last = -((length - 2 * size * low) // (2 * length)), -((length - 2 * size * high) // (2 * length))
    return max(first, 0), min(max(last, 0), size)


def _pixels(first: int, last: int, length: int, size: int) -> NDArray[np.intp]:
    """Where the centres of such pixels lie, in whole units of ``length``."""
    return (2 * np.arange(first, last) + 1) * length // (2 * size)


def cut_shares(
    cutouts: Sequence[Cutout], box: WholeBox, size: tuple[int, int], without: Cutout | None = None
) -> NDArray[np.uint8]:
    """uint8 ``(h, w)``: how much of each cell of a patch any of the objects covers, 0 to 255, resampled like pictures.

    Only where one of them may be is resampled.

    Args:
        cutouts: the objects.
        box: the patch in the picture.
        size: of the grid over it, ``(width, height)``.
        without: an object whose pixels do not count.
    """
    shares = np.zeros(size[::-1], dtype=np.uint8)
    parts = parts_in(cutouts, box)
    if not parts:
        return shares
    x1, y1, x2, y2 = zip(*(there for there, _ in parts), strict=True)
    left, right, x_low, x_high = _reach(min(x1), max(x2), box[2] - box[0], size[0])
    top, bottom, y_low, y_high = _reach(min(y1), max(y2), box[3] - box[1], size[1])
    x, y = math.floor(x_low), math.floor(y_low)
    read = (x, y, math.ceil(x_high), math.ceil(y_high))
    matte = union(parts, read)
    if without is not None:
        in_picture = (box[0] + x, box[1] + y, box[0] + read[2], box[1] + read[3])
        for own, its_matte in parts_in((without,), in_picture):
            there = matte[own[1] : own[3], own[0] : own[2]]
            np.bitwise_and(there, ~its_matte, out=there)
    inside = (x_low - x, y_low - y, x_high - x, y_high - y)
    shares[top:bottom, left:right] = resized(matte, inside, (right - left, bottom - top))
    return shares


def _reach(low: int, high: int, length: int, size: int) -> tuple[int, int, float, float]:
    """Cells along an axis that an object from ``low`` to ``high`` may cover, and where they lie in the patch.

    With two more on each side, or as many as one pixel reaches, so that none but empty ones meet the end of what is
    read.
    """
    scale = length / size
    more = 1 + math.ceil(max(1 / scale, 1))
    first, last = max(math.floor(low / scale) - more, 0), min(math.ceil(high / scale) + more, size)
    return first, last, first * scale, min(last * scale, float(length))


def shown_box(box: WholeBox, width: int, height: int, size: tuple[int, int]) -> WholeBox:
    """The canvas pixels of a patch whose centre lies in the picture of ``width`` x ``height``."""
    left, right = _centres(-box[0], width - box[0], box[2] - box[0], size[0])
    top, bottom = _centres(-box[1], height - box[1], box[3] - box[1], size[1])
    return left, top, right, bottom


def mask_of(box: WholeBox, size: tuple[int, int]) -> NDArray[np.bool_]:
    """bool ``(h, w)`` of a canvas of ``(w, h)``: the pixels of a box."""
    mask = np.zeros(size[::-1], dtype=np.bool_)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask
