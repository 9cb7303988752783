"""Pixels set and copied as one thing each, which takes a tenth of the time of their three bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.images import MEAN_COLOUR

_PIXEL = "V3"
_MEAN = np.array(MEAN_COLOUR, dtype=np.uint8).view(_PIXEL)[0]


def as_pixels(image: NDArray[np.uint8]) -> NDArray[Any]:
    """A view of a picture ``(h, w, 3)``, whose rows are contiguous, as ``(h, w)`` things of three bytes."""
    return image.view(_PIXEL)[..., 0]


def fill_around(image: NDArray[np.uint8], inner: tuple[int, int, int, int]) -> None:
    """Set what lies around a part of a picture, xyxy, to the mean colour."""
    pixels = as_pixels(image)
    x1, y1, x2, y2 = inner
    row = np.full(image.shape[1], _MEAN)  # copied row by row: a tenth of the time of pixel by pixel
    pixels[:y1], pixels[y2:] = row, row
    pixels[y1:y2, :x1], pixels[y1:y2, x2:] = row[:x1], row[x2:]


def blend(below: NDArray[np.uint8], above: NDArray[np.uint8], matte: NDArray[np.uint8]) -> None:
    """Lay one picture ``(h, w, 3)`` over another, as far as the matte ``(h, w)`` says: 255 all, 0 nothing.

    Args:
        below: what it is laid on, written to. Rows of both are contiguous.
        above: what is laid on it.
        matte: of the same size.
    """
    under, over = as_pixels(below), as_pixels(above)
    rim = np.flatnonzero((matte - np.uint8(1)) < 254)  # few pixels are neither
    if not len(rim):
        np.copyto(under, over, where=matte == 255)
        return
    places = np.divmod(rim, matte.shape[1])
    share = matte[places].astype(np.uint16)[:, None]
    mixed = _levels(under[places]) * (255 - share)
    mixed += _levels(over[places]) * share
    mixed += 127
    mixed //= 255
    np.copyto(under, over, where=matte == 255)
    under[places] = mixed.astype(np.uint8).view(_PIXEL)[:, 0]


def _levels(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return pixels.view(np.uint8).reshape(-1, 3)
