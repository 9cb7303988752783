"""From a picture to the canvas: the patch's own pixels, on which objects are laid over one another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from .cut import cut_pixels, resized
from .pictures import Cutout, WholeBox
from .pixels import fill_around

SOLID = 128
"""A resampled matte covers a pixel from this value on."""


def tight_box(mask: NDArray[np.bool_]) -> WholeBox:
    """The smallest box of whole pixels around a mask that is not empty."""
    pixels, width = mask.tobytes(), mask.shape[1]
    top, bottom = pixels.find(1) // width, pixels.rfind(1) // width + 1
    columns = mask[top:bottom].any(axis=0).tobytes()
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


def cut_masks(cutouts: Sequence[Cutout], box: WholeBox, size: tuple[int, int]) -> NDArray[np.bool_]:
    """bool ``(h, w)``: the canvas pixels of a patch whose centre lies on any of the objects."""
    mask = np.zeros(size[::-1], dtype=np.uint8)
    for cutout in cutouts:
        common = _common(cutout.box, box)
        if common is None:
            continue
        part = window(cutout, box)
        left, right = _centres(common[0] - box[0], common[2] - box[0], box[2] - box[0], size[0])
        top, bottom = _centres(common[1] - box[1], common[3] - box[1], box[3] - box[1], size[1])
        if size != (box[2] - box[0], box[3] - box[1]):
            rows = _pixels(top, bottom, box[3] - box[1], size[1]) - (common[1] - box[1])
            columns = _pixels(left, right, box[2] - box[0], size[0]) - (common[0] - box[0])
            part = part[rows][:, columns]
        there = mask[top:bottom, left:right]
        np.bitwise_or(there, part, out=there)
    return np.asarray(mask != 0)


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
    width, height = box[2] - box[0], box[3] - box[1]
    shares = np.zeros(size[::-1], dtype=np.uint8)
    parts = [part for cutout in cutouts if (part := _common(cutout.box, box)) is not None]
    if not parts:
        return shares
    x1, y1, x2, y2 = zip(*parts, strict=True)
    left, right, x_low, x_high = _reach(min(x1) - box[0], max(x2) - box[0], width, size[0])
    top, bottom, y_low, y_high = _reach(min(y1) - box[1], max(y2) - box[1], height, size[1])
    x, y = math.floor(x_low), math.floor(y_low)
    read = (box[0] + x, box[1] + y, box[0] + math.ceil(x_high), box[1] + math.ceil(y_high))
    matte = union(cutouts, read)
    if without is not None and (own := _common(without.box, read)) is not None:
        there = matte[own[1] - read[1] : own[3] - read[1], own[0] - read[0] : own[2] - read[0]]
        np.bitwise_and(there, ~window(without, read), out=there)
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


def _common(a: WholeBox, b: WholeBox) -> WholeBox | None:
    left, top, right, bottom = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return (left, top, right, bottom) if left < right and top < bottom else None


def union(cutouts: Sequence[Cutout], box: WholeBox) -> NDArray[np.uint8]:
    """uint8 ``(h, w)`` over a box of the picture: 255 where any of the objects is."""
    union = np.zeros((box[3] - box[1], box[2] - box[0]), dtype=np.uint8)
    for cutout in cutouts:
        common = _common(cutout.box, box)
        if common is not None:
            left, top, right, bottom = common
            part = union[top - box[1] : bottom - box[1], left - box[0] : right - box[0]]
            np.bitwise_or(part, window(cutout, box), out=part)
    return union


def window(cutout: Cutout, box: WholeBox) -> NDArray[np.uint8]:
    """The part of a matte inside a box of the picture."""
    x1, y1 = cutout.box[:2]
    return cutout.matte[max(box[1] - y1, 0) : max(box[3] - y1, 0), max(box[0] - x1, 0) : max(box[2] - x1, 0)]


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
