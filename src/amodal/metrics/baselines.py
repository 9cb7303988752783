"""Trivial answers that a method must beat: the convex hull of what is seen, and the filled box (`Mask.from_box`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.masks import Mask


def convex_hull(mask: Mask) -> Mask:
    """The pixels whose centres lie in the convex hull of the centres of a mask's pixels, the rim included.

    Exact: computed in whole numbers. The hull of pixel centres, not of pixel squares, so that a convex mask (a line, a
    box) is its own hull.
    """
    if mask.is_empty:
        return mask
    left, top, right, bottom = (int(v) for v in mask.box)
    part = mask.crop((left, top, right, bottom))
    rows = np.flatnonzero(part.any(axis=1))
    first = part[rows].argmax(axis=1)
    last = part.shape[1] - 1 - part[rows, ::-1].argmax(axis=1)
    lows = _lower_chain(rows, first)
    highs = -_lower_chain(rows, -last)
    columns = np.arange(part.shape[1])
    hull = (columns >= lows[:, None]) & (columns <= highs[:, None])
    return Mask.from_crop(hull, left, top, mask.width, mask.height)


def _lower_chain(rows: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The largest convex function below ``values`` at ``rows``, rounded up, at every row from the first to the last."""
    chain: list[tuple[int, int]] = []
    for y, x in zip(rows.tolist(), values.tolist(), strict=True):
        while len(chain) >= 2:
            (y0, x0), (y1, x1) = chain[-2], chain[-1]
            if (x1 - x0) * (y - y0) < (x - x0) * (y1 - y0):
                break
            chain.pop()
        chain.append((y, x))
    ys, xs = np.array(chain, dtype=np.int64).T
    every = np.arange(ys[0], ys[-1] + 1)
    if len(ys) == 1:
        return np.full(len(every), xs[0])
    piece = np.clip(np.searchsorted(ys, every, side="right") - 1, 0, len(ys) - 2)
    rise, run = xs[piece + 1] - xs[piece], ys[piece + 1] - ys[piece]
    # -(-a // b) is a / b rounded up
    return np.asarray(xs[piece] - (-rise * (every - ys[piece])) // run, dtype=np.int64)
