"""Between a picture and the square patches and heats of the networks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core import boxes as bx
from ..core.images import cut_patch
from ..core.masks import Mask
from ..core.resample import Taps, resample, resample_taps


def cut_into(patch: NDArray[np.uint8], image: NDArray[np.uint8], box: ArrayLike) -> None:
    """What a network sees of a box, cut as in training (`core.images.cut_patch`).

    Args:
        patch: where it goes, uint8 ``(3, size_px, size_px)``.
        image: the picture, uint8 ``(H, W, 3)``, RGB.
        box: xyxy.
    """
    patch[:] = cut_patch(image, box, patch.shape[-1]).transpose(2, 0, 1)


def coverage(source: int, start: ArrayLike, stop: ArrayLike) -> NDArray[np.float32]:
    """Weights that average ``source`` unit cells over intervals, cells cut by an end counting by their share.

    Args:
        source: number of cells; cell ``i`` is ``[i, i + 1]``.
        start, stop: ends of the intervals, in cells; one shape, ``start < stop``.

    Returns:
        float32 ``(..., source)``, summing to 1.

    >>> coverage(4, 0.5, 2.5).tolist()
    [0.25, 0.5, 0.25, 0.0]
    """
    low, high = np.asarray(start, np.float64)[..., None], np.asarray(stop, np.float64)[..., None]
    cell = np.arange(source)
    shares = np.maximum(np.minimum(high, cell + 1) - np.maximum(low, cell), 0)
    weights: NDArray[np.float32] = (shares / shares.sum(axis=-1, keepdims=True)).astype(np.float32)
    return weights


def mask_heat(mask: Mask | NDArray[np.floating], box: ArrayLike, size_px: int) -> NDArray[np.float32]:
    """A mask, or heat at the picture's pixels, as heat over a box: each sample is the mean of its cell.

    Args:
        mask: of the whole picture; or heat ``(H, W)`` in [0, 1], which is 0 beyond the picture.
        box: xyxy, fractions allowed.
        size_px: side of the heat.

    Returns:
        float32 ``(size_px, size_px)`` in [0, 1].
    """
    x1, y1, x2, y2 = bx.as_box(box)
    area = bx.outward(box)
    left, top, right, bottom = area.tolist()
    crop = mask.crop(area) if isinstance(mask, Mask) else _crop(mask, left, top, right, bottom)
    edges = np.arange(size_px + 1) / size_px
    xs, ys = x1 - left + (x2 - x1) * edges, y1 - top + (y2 - y1) * edges
    return np.ascontiguousarray(_cell_means(_cell_means(crop, ys).T, xs).T, np.float32)


def _cell_means(values: NDArray[np.bool_] | NDArray[np.floating], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of rows ``(h, w)`` over cells between edges, ``(n, w)``: `coverage` as differences of a running sum.

    Products with the matrices of `coverage` would do the same; see `core.resample.resample` for why not.
    """
    kind = np.int32 if values.dtype == np.bool_ else np.float64  # whole numbers add up five times as fast
    addends = values.view(np.uint8) if values.dtype == np.bool_ else values
    sums = np.zeros((len(values) + 1, values.shape[1]), kind)
    np.add.accumulate(addends, axis=0, dtype=kind, out=sums[1:])
    low = np.clip(np.floor(edges).astype(np.int64), 0, len(values) - 1)
    at_edges = sums[low] + (edges - low)[:, None] * values[low]
    means: NDArray[np.float64] = np.diff(at_edges, axis=0) / np.diff(edges)[:, None]
    return np.clip(means, 0, 1)  # what rounding leaves


def _crop(heat: NDArray[np.floating], left: int, top: int, right: int, bottom: int) -> NDArray[np.float32]:
    out = np.zeros((bottom - top, right - left), np.float32)
    part = heat[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    y, x = max(-top, 0), max(-left, 0)
    out[y : y + part.shape[0], x : x + part.shape[1]] = part
    return out


class PixelHeat(NamedTuple):
    """Heat at the pixels of a part of a picture: float32 ``(h, w)``, its first pixel at ``(left, top)``."""

    heat: NDArray[np.float32]
    left: int
    top: int


def paste_heat(
    heat: NDArray[np.float32],
    frame: ArrayLike,
    width: int,
    height: int,
    *,
    above: float | None = None,
    also: bx.Box | None = None,
) -> PixelHeat:
    """Square heat read at the pixel centres of the picture that lie in its frame; bilinear, half-pixel.

    Args:
        heat: float32 ``(s, s)`` over ``frame``.
        frame: xyxy; may reach beyond the picture, what lies there is left out.
        width, height: size of the picture.
        above: leave out what lies around the pixels that may exceed this; None: leave out nothing.
        also: xyxy of whole pixels, not left out either.
    """
    x1, y1, x2, y2 = bx.as_box(frame)
    left, top, right, bottom = np.maximum(bx.outward(bx.clip(frame, width, height)), 0).tolist()
    size = heat.shape[-1]
    columns = resample_taps(size, right - left, (left - x1) / (x2 - x1), (right - x1) / (x2 - x1), outside="zero")
    rows = resample_taps(size, bottom - top, (top - y1) / (y2 - y1), (bottom - y1) / (y2 - y1), outside="zero")
    if above is None:
        return PixelHeat(resample(heat, rows, columns), left, top)
    hot: NDArray[np.bool_] = heat > above * (1 - 1e-6)  # equal samples mixed may exceed them by rounding
    across = _hot_taps(columns, np.flatnonzero(hot.any(axis=0)), also and (int(also[0]) - left, int(also[2]) - left))
    down = _hot_taps(rows, np.flatnonzero(hot.any(axis=1)), also and (int(also[1]) - top, int(also[3]) - top))
    return PixelHeat(resample(heat, _some(rows, down), _some(columns, across)), left + across.start, top + down.start)


def _hot_taps(taps: Taps, hot: NDArray[np.intp], also: tuple[int, int] | None) -> slice:
    """The run of taps that holds those which read a hot sample, and those from ``also`` that there are."""
    start, stop = len(taps.low), 0
    if len(hot):
        start, stop = np.searchsorted(taps.low, [hot[0] - 1, hot[-1] + 1]).tolist()
    if also is not None:
        start, stop = min(start, max(also[0], 0)), max(stop, min(also[1], len(taps.low)))
    return slice(start, max(start, stop))


def _some(taps: Taps, part: slice) -> Taps:
    return Taps(taps.low[part], taps.weight_low[part], taps.weight_high[part])
