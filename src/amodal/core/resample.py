"""Half-pixel bilinear resampling as small matrices.

One rule for training, inference and the networks: a map of ``n`` samples over the interval ``[0, 1]`` has its samples
at ``(i + 1/2) / n`` (align_corners=False). Resampling an axis is then a matrix product, so any number of boxes is one
batched product, and numpy and torch give the same numbers.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import boxes as bx

Outside = Literal["zero", "edge"]


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
    start_, stop_ = np.asarray(start, np.float64)[..., None], np.asarray(stop, np.float64)[..., None]
    where = start_ + (stop_ - start_) * (np.arange(target) + 0.5) / target  # (..., target), in lengths of the source
    position = np.clip(where * source - 0.5, 0, source - 1)
    weights = np.maximum(1 - np.abs(position[..., None] - np.arange(source)), 0)
    if outside == "zero":
        weights *= ((where >= 0) & (where <= 1))[..., None]
    return np.asarray(weights, dtype=np.float32)


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
    a, b = np.asarray(from_box, np.float64), np.asarray(to_box, np.float64)
    size = bx.sides(a)
    start, stop = (b[..., :2] - a[..., :2]) / size, (b[..., 2:] - a[..., :2]) / size
    columns = resample_matrix(source, target, start[..., 0], stop[..., 0], outside=outside)
    rows = resample_matrix(source, target, start[..., 1], stop[..., 1], outside=outside)
    return rows, columns


def move_heat(heat: NDArray[np.float32], from_box: ArrayLike, to_box: ArrayLike, target: int) -> NDArray[np.float32]:
    """Heat over one box, read over another; 0 outside the first (``paper/facts``: "modal heat outside the modal box").

    Args:
        heat: float32 ``(..., s, s)`` over ``from_box``.
        from_box, to_box: xyxy ``(4,)`` or ``(n, 4)``.
        target: side of the map wanted.

    Returns:
        float32 ``(..., target, target)``.
    """
    rows, columns = box_matrices(from_box, to_box, heat.shape[-1], target, outside="zero")
    return np.asarray(rows @ heat @ columns.swapaxes(-1, -2), dtype=np.float32)
