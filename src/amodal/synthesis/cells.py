"""How much of each cell of a grid is covered: bytes, 0 none and 255 all of it, resampled like the patches.

So a cell takes a little of its neighbours, where it lies as where the patch's pixels do.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from .cut import cut_mask, resized
from .pictures import WholeBox

Cells = NDArray[np.uint8]


def mask_cells(mask: NDArray[np.bool_], box: bx.Box, size_px: int) -> Cells:
    """uint8 ``(size, size)``: the share of each cell of a box that a mask covers; 0 beyond the mask's canvas."""
    return cut_mask(mask, box, size_px)


def box_cells(inner: WholeBox, box: bx.Box, size_px: int) -> Cells | None:
    """The share of each cell of a box that a smaller box covers; None where that is all of it.

    Args:
        inner: whole pixels, xyxy.
        box: what the cells lie on, in the same pixels.
        size_px: cells along each side.

    Returns:
        uint8 ``(size, size)``; ``(1, size)`` or ``(size, 1)`` where all its rows, or all its columns, are alike.
    """
    across = _covered(inner[0], inner[2], box[0], box[2], size_px)
    down = _covered(inner[1], inner[3], box[1], box[3], size_px)
    if down is None:
        return across
    if across is None:
        return down.T
    both = down.T.astype(np.uint16) * across
    both += 127
    both //= 255
    return np.asarray(both, dtype=np.uint8)


def _covered(low: int, high: int, start: float, stop: float, size_px: int) -> Cells | None:
    """uint8 ``(1, size)``: the share of each cell of ``start`` to ``stop`` in [low, high); None: all of each."""
    if low <= start and stop <= high:
        return None
    first, last = math.floor(start), math.ceil(stop)
    line = np.zeros((1, last - first), dtype=np.uint8)
    line[0, max(low - first, 0) : max(high - first, 0)] = 255
    return resized(line, (start - first, 0.0, stop - first, 1.0), (size_px, 1))


def share_inside(mask: NDArray[np.bool_], box: bx.Box, *, enough: float = math.inf) -> float:
    """Share of a box's area that a mask covers; pixels the box cuts count by the part inside.

    They are not counted where the whole pixels inside are ``enough`` of it.
    """
    x1, y1, x2, y2 = box
    whole = mask[max(math.ceil(y1), 0) : max(math.floor(y2), 0), max(math.ceil(x1), 0) : max(math.floor(x2), 0)]
    area = (x2 - x1) * (y2 - y1)
    least = int(np.count_nonzero(whole)) / area
    if least >= enough:
        return least
    rows, cut_rows = _cut(box[1], box[3], mask.shape[0])
    columns, cut_columns = _cut(box[0], box[2], mask.shape[1])
    part = mask[rows, columns]
    covered = float(np.count_nonzero(part))
    # what lies outside of the box in its outermost rows and columns is taken off; in the corners it was taken twice
    for i, off in cut_rows:
        covered -= off * np.count_nonzero(part[i])
        covered += off * sum(other * bool(part[i, j]) for j, other in cut_columns)
    for j, off in cut_columns:
        covered -= off * np.count_nonzero(part[:, j])
    return covered / area


def _cut(low: float, high: float, size: int) -> tuple[slice, list[tuple[int, float]]]:
    """Pixels along an axis that an interval meets; places of those it cuts, and the share of each that is outside."""
    first, last = max(math.floor(low), 0), min(math.ceil(high), size)
    if last <= first:
        return slice(first, first), []
    before, after = max(low - first, 0.0), max(last - high, 0.0)
    if last - first == 1:
        return slice(first, last), [(0, before + after)]
    return slice(first, last), [(i, off) for i, off in ((0, before), (last - first - 1, after)) if off]
