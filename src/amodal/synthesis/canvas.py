"""From a picture to the canvas: the patch's own pixels, on which objects are laid over one another."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.images import MEAN_COLOUR, cut_patch
from .cut import cut_pixels
from .pictures import Cutout, WholeBox

SOLID = 128
"""A resampled matte covers a pixel from this value on."""


def tight_box(mask: NDArray[np.bool_]) -> WholeBox:
    """The smallest box of whole pixels around a mask that is not empty."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def canvas_size(box: WholeBox, canvas_px: int) -> tuple[int, int]:
    """Width and height of the canvas of a patch: its own, shrunk so that no side exceeds ``canvas_px``."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = min(1.0, canvas_px / max(width, height))
    return max(round(width * scale), 1), max(round(height * scale), 1)


def cut_picture(image: NDArray[np.uint8], box: WholeBox, size: tuple[int, int]) -> NDArray[np.uint8]:
    """uint8 ``(h, w, 3)``: a patch of a picture at the canvas's size; the mean colour beyond the picture."""
    if size != (box[2] - box[0], box[3] - box[1]):
        return cut_pixels(image, bx.as_box(box), size)
    x1, y1, x2, y2 = bx.outward(bx.clip(box, image.shape[1], image.shape[0])).tolist()
    left, top, right, bottom = x1 - box[0], y1 - box[1], x2 - box[0], y2 - box[1]
    canvas = np.empty((size[1], size[0], 3), dtype=np.uint8)
    canvas[top:bottom, left:right] = image[y1:y2, x1:x2]
    canvas[:top] = canvas[bottom:] = canvas[:, :left] = canvas[:, right:] = MEAN_COLOUR
    return canvas


def cut_masks(cutouts: list[Cutout], box: WholeBox, size: tuple[int, int]) -> NDArray[np.bool_]:
    """bool ``(h, w)``: where any of the objects is, on the canvas of a patch."""
    width, height = box[2] - box[0], box[3] - box[1]
    if size == (width, height):
        return union(cutouts, box) >= SOLID
    mask = np.zeros(size[::-1], dtype=np.bool_)
    parts = [part for cutout in cutouts if (part := _common(cutout.box, box)) is not None]
    if parts:
        x1, y1, x2, y2 = zip(*parts, strict=True)
        left, right, x_low, x_high = _reach(min(x1) - box[0], max(x2) - box[0], width, size[0])
        top, bottom, y_low, y_high = _reach(min(y1) - box[1], max(y2) - box[1], height, size[1])
        x, y = math.floor(x_low), math.floor(y_low)
        matte = union(cutouts, (box[0] + x, box[1] + y, box[0] + math.ceil(x_high), box[1] + math.ceil(y_high)))
        inside = (x_low - x, y_low - y, x_high - x, y_high - y)
        mask[top:bottom, left:right] = cut_patch(matte, inside, (right - left, bottom - top)) >= SOLID
    return mask


def _reach(low: int, high: int, length: int, size: int) -> tuple[int, int, float, float]:
    """Canvas pixels along an axis that an object from ``low`` to ``high`` may cover, and where they lie in the patch.

    With two more on each side, so that none but empty ones meet the end of what is read.
    """
    scale = length / size
    first, last = max(math.floor(low / scale) - 2, 0), min(math.ceil(high / scale) + 2, size)
    return first, last, first * scale, min(last * scale, float(length))


def _common(a: WholeBox, b: WholeBox) -> WholeBox | None:
    left, top, right, bottom = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return (left, top, right, bottom) if left < right and top < bottom else None


def union(cutouts: list[Cutout], box: WholeBox) -> NDArray[np.uint8]:
    """uint8 ``(h, w)`` over a box of the picture: 255 where any of the objects is."""
    union = np.zeros((box[3] - box[1], box[2] - box[0]), dtype=np.uint8)
    for cutout in cutouts:
        common = _common(cutout.box, box)
        if common is not None:
            left, top, right, bottom = common
            part = union[top - box[1] : bottom - box[1], left - box[0] : right - box[0]]
            np.maximum(part, window(cutout, box), out=part)
    return union


def window(cutout: Cutout, box: WholeBox) -> NDArray[np.uint8]:
    """The part of a matte inside a box of the picture."""
    x1, y1 = cutout.box[:2]
    return cutout.matte[max(box[1] - y1, 0) : max(box[3] - y1, 0), max(box[0] - x1, 0) : max(box[2] - x1, 0)]


def outside(box: WholeBox, width: int, height: int, size: tuple[int, int]) -> NDArray[np.bool_]:
    """bool ``(h, w)``: canvas pixels whose centre lies beyond the picture."""
    if box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height:
        return np.zeros(size[::-1], dtype=np.bool_)
    x = box[0] + (np.arange(size[0]) + 0.5) * (box[2] - box[0]) / size[0]
    y = box[1] + (np.arange(size[1]) + 0.5) * (box[3] - box[1]) / size[1]
    beyond_x, beyond_y = (x < 0) | (x > width), (y < 0) | (y > height)
    return np.asarray(beyond_x[None, :] | beyond_y[:, None])
