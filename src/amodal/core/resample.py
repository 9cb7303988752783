"""Half-pixel bilinear resampling as small matrices.

One rule for training, inference and the networks: a map of ``n`` samples over the interval ``[0, 1]`` has its samples
at ``(i + 1/2) / n`` (align_corners=False). Resampling an axis is then a matrix product, so any number of boxes is one
batched product, and numpy and torch give the same numbers.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import boxes as bx

Outside = Literal["zero", "edge"]

_BLOCK = 16384
"""Samples resampled at once: larger buffers are given back to the system each time, and cost four times as much."""


def resample_matrix(
    source: int, target: int, start: ArrayLike = 0.0, stop: ArrayLike = 1.0, *, outside: Outside = "edge"
) -> NDArray[np.float32]:
    """Matrices that sample ``target`` points of ``[start, stop]`` from ``source`` samples of ``[0, 1]``.

    Args:
        source: samples of the map along this axis.
        target: samples wanted.
        start, stop: the interval wanted, in lengths of the source map; scalars or shape ``(n,)``.
        outside: beyond the map its edge sample goes on ("edge"), or it is 0 ("zero": sharp at the map's edge).

    Returns:
        float32 ``(..., target, source)``; multiply from the left.

    >>> resample_matrix(2, 4).round(2).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    low, weight_low, weight_high = resample_taps(source, target, start, stop, outside=outside)
    cell = np.arange(source)
    weights = weight_low[..., None] * (low[..., None] == cell) + weight_high[..., None] * (low[..., None] + 1 == cell)
    return np.asarray(weights, dtype=np.float32)


class Taps(NamedTuple):
    """A resampling matrix as what is not zero in it: row ``i`` has two neighbours, ``low[i]`` and the next one.

    Attributes:
        low: int64 ``(..., target)``.
        weight_low, weight_high: float32 ``(..., target)``.
    """

    low: NDArray[np.int64]
    weight_low: NDArray[np.float32]
    weight_high: NDArray[np.float32]


def resample_taps(
    source: int, target: int, start: ArrayLike = 0.0, stop: ArrayLike = 1.0, *, outside: Outside = "edge"
) -> Taps:
    """The matrices of `resample_matrix`, arguments alike, for `resample`."""
    start_, stop_ = np.asarray(start, np.float64)[..., None], np.asarray(stop, np.float64)[..., None]
    where = start_ + (stop_ - start_) * (np.arange(target) + 0.5) / target  # (..., target), in lengths of the source
    position = np.minimum(np.maximum(where * source - 0.5, 0), source - 1)
    low = np.minimum(position.astype(np.int64), max(source - 2, 0))
    high = position - low
    if outside == "edge":
        return Taps(low, (1 - high).astype(np.float32), high.astype(np.float32))
    inside = (where >= 0) & (where <= 1)
    return Taps(low, ((1 - high) * inside).astype(np.float32), (high * inside).astype(np.float32))


def resample(heat: NDArray[np.float32], rows: Taps, columns: Taps) -> NDArray[np.float32]:
    """``rows @ heat @ columns.swapaxes(-1, -2)`` without a matrix product.

    Products this small are what BLAS threads do worst: they wait for each other by spinning, and on a machine with
    other work a prediction took five times as long.

    Args:
        heat: float32 ``(s, s)`` or ``(n, s, s)``.
        rows, columns: of a map, ``(target,)`` each; or of each of ``n`` maps, ``(n, target)``.

    Returns:
        float32 ``(rows' target, columns' target)`` or ``(n, ...)``.
    """
    if heat.ndim == 2:
        return _along_rows(_along_rows(heat, rows).T, columns).T
    out = np.empty((len(heat), rows.low.shape[-1], columns.low.shape[-1]), np.float32)
    for i, one in enumerate(heat):
        out[i] = resample(one, _taps_of(rows, i), _taps_of(columns, i))
    return out


def _taps_of(taps: Taps, i: int) -> Taps:
    return taps if taps.low.ndim == 1 else Taps(taps.low[i], taps.weight_low[i], taps.weight_high[i])


def _along_rows(heat: NDArray[np.float32], taps: Taps) -> NDArray[np.float32]:
    """``matrix @ heat``."""
    if len(heat) == 1:
        return (taps.weight_low + taps.weight_high)[:, None] * heat
    heat = np.ascontiguousarray(heat)
    out = np.empty((len(taps.low), heat.shape[1]), np.float32)
    step = max(_BLOCK // max(heat.shape[1], 1), 1)
    for start in range(0, len(out), step):
        part = slice(start, start + step)
        block, low = out[part], taps.low[part]
        heat.take(low, axis=0, out=block, mode="clip")  # "clip" only saves a copy: no index is outside
        block *= taps.weight_low[part, None]
        other = heat.take(low + 1, axis=0)
        other *= taps.weight_high[part, None]
        block += other
    return out


def box_matrices(
    from_box: ArrayLike, to_box: ArrayLike, source: int, target: int, *, outside: Outside
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The two matrices that carry a square map over ``from_box`` to a square map over ``to_box``.

    Args:
        from_box, to_box: xyxy, ``(4,)`` or ``(n, 4)``, in one common frame.
        source, target: side of the map given and of the map wanted, in samples.
        outside: as in `resample_matrix`.

    Returns:
        ``rows``, ``columns``, each float32 ``(..., target, source)``: the map wanted is
        ``rows @ heat @ columns.swapaxes(-1, -2)``.
    """
    start, stop = _interval(from_box, to_box)
    columns = resample_matrix(source, target, start[..., 0], stop[..., 0], outside=outside)
    rows = resample_matrix(source, target, start[..., 1], stop[..., 1], outside=outside)
    return rows, columns


def _interval(from_box: ArrayLike, to_box: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where ``to_box`` starts and stops in lengths of ``from_box``: x, y."""
    a, b = np.asarray(from_box, np.float64), np.asarray(to_box, np.float64)
    size = bx.sides(a)
    return (b[..., :2] - a[..., :2]) / size, (b[..., 2:] - a[..., :2]) / size


def move_heat(heat: NDArray[np.float32], from_box: ArrayLike, to_box: ArrayLike, target: int) -> NDArray[np.float32]:
    """Heat over one box, read over another; 0 outside the first, where nothing is seen of the object.

    Args:
        heat: float32 ``(..., s, s)`` over ``from_box``.
        from_box, to_box: xyxy ``(4,)`` or ``(n, 4)``.
        target: side of the map wanted.

    Returns:
        float32 ``(..., target, target)``.
    """
    start, stop = _interval(from_box, to_box)
    source = heat.shape[-1]
    columns = resample_taps(source, target, start[..., 0], stop[..., 0], outside="zero")
    rows = resample_taps(source, target, start[..., 1], stop[..., 1], outside="zero")
    return resample(np.asarray(heat, np.float32), rows, columns)
