"""Meshes drawn by a z-buffer: which pixels an object covers, and how near it is there.

Camera coordinates: x right, y down, z forward. A camera matrix K maps them to pixel EDGES (the package's coordinate
rule), so ``u = 0`` is the left edge of the picture. A pixel belongs to a triangle when its centre does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NEAR = 1e-4
"""Nearest depth drawn, as a share of the farthest vertex: a point at the camera has no place in the picture."""
_FARTHEST_PX = 1e12
"""Where a corner may fall: beyond it, sums of floats no longer tell a pixel from the next."""
_NOWHERE = "it falls nowhere on the picture"
_CHUNK = 1 << 20
"""Rows or pixels of triangles handled at once: bounds the memory."""


def draw_depth(vertices: NDArray[Any], faces: NDArray[Any], camera: NDArray[Any], width: int, height: int) -> Floats:
    """Draw one mesh.

    Args:
        vertices: ``(v, 3)`` in camera coordinates, any unit.
        faces: ``(f, 3)`` places in ``vertices``; both sides are drawn.
        camera: K, ``(3, 3)``, last row ``0 0 1``.
        width, height: size of the picture, pixels.

    Returns:
        float64 ``(H, W)``: 1 / depth of the nearest surface at each pixel's centre, 0 where there is none. The inverse
        is what is linear on the picture, and the nearest is the largest.

    Raises:
        ValueError: corners that fall nowhere: the pose, the mesh or the camera is out of all measure.
    """
    nearness: Floats = np.zeros(width * height)
    corners = np.asarray(vertices, np.float64)[np.asarray(faces, np.int64)].reshape(-1, 3, 3)
    if not np.isfinite(corners).all():
        raise ValueError(_NOWHERE)
    if corners.size and (farthest := corners[..., 2].max()) > 0:
        corners = _clip_near(corners, farthest * _NEAR)
        with np.errstate(all="ignore"):
            points = corners @ np.asarray(camera, np.float64).T
            points = np.concatenate([points[..., :2], np.ones_like(points[..., :1])], -1) / points[..., 2:]  # u v 1/z
        if not (np.abs(points[..., :2]) < _FARTHEST_PX).all() or not np.isfinite(points[..., 2]).all():
            raise ValueError(_NOWHERE)
        for pixels, values in _fragments(points, width, height):
            np.maximum.at(nearness, pixels, values)
    return nearness.reshape(height, width)


def visible_masks(nearness: list[Floats]) -> list[NDArray[np.bool_]]:
    """Of several meshes drawn by `draw_depth`, the pixels where each is the nearest; a tie goes to the first."""
    if not nearness:
        return []
    best = np.zeros_like(nearness[0])
    owner = np.full(best.shape, -1, dtype=np.int64)
    for i, layer in enumerate(nearness):
        nearer = layer > best
        best[nearer], owner[nearer] = layer[nearer], i
    return [owner == i for i in range(len(nearness))]


def _clip_near(corners: Floats, near: float) -> Floats:
    """Triangles ``(f, 3, xyz)`` cut at ``z = near``: what lies nearer is dropped, a cut corner leaves one or two."""
    behind = corners[..., 2] < near
    count = behind.sum(axis=1)
    parts = [corners[count == 0]]
    for hidden in (1, 2):
        some = corners[count == hidden]
        if len(some):
            # turn each triangle so that the odd one out comes first
            odd = np.argmax(behind[count == hidden] == (hidden == 1), axis=1)
            a, b, c = (some[np.arange(len(some)), (odd + k) % 3] for k in range(3))
            ab, ac = (a + (o - a) * ((near - a[:, 2:]) / (o[:, 2:] - a[:, 2:])) for o in (b, c))
            new = [(ab, b, c), (ab, c, ac)] if hidden == 1 else [(a, ab, ac)]
            parts += [np.stack(triangle, axis=1) for triangle in new]
    return np.concatenate(parts)


def _fragments(points: Floats, width: int, height: int) -> Iterator[tuple[Ints, Floats]]:
    """(place in the flat picture, 1 / depth) of every pixel centre inside every triangle ``(f, 3, u v 1/z)``."""
    area = _cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    low, high = points[..., 1].min(axis=1), points[..., 1].max(axis=1)
    first, last = (np.ceil(np.clip(v, 0, height) - 0.5).astype(np.int64) for v in (low, high))  # rows first..last-1
    seen = (area != 0) & (last > first) & (points[..., 0].max(axis=1) > 0) & (points[..., 0].min(axis=1) < width)
    points, first, rows = points[seen], first[seen], (last - first)[seen]
    for triangles in _chunks(rows):
        triangle, step = _spread(rows[triangles])
        triangle += triangles.start
        yield from _row_fragments(points, triangle, first[triangle] + step, width)


def _row_fragments(points: Floats, triangle: Ints, row: Ints, width: int) -> Iterator[tuple[Ints, Floats]]:
    """The pixels of one row each of many triangles: from the left edge's crossing to before the right one's."""
    corner = points[triangle]  # (r, 3, u v 1/z)
    y = np.asarray(row + 0.5, np.float64)
    left, right = np.full(len(y), np.inf), np.full(len(y), -np.inf)
    for i in range(3):
        a, b = corner[:, i], corner[:, (i + 1) % 3]
        # each edge from its upper end, whichever triangle asks: neighbours then cross at the very same place
        swap = (a[:, 1] > b[:, 1])[:, None]
        a, b = np.where(swap, b, a), np.where(swap, a, b)
        crosses = (a[:, 1] <= y) & (y < b[:, 1])
        tall = np.where(crosses, b[:, 1] - a[:, 1], 1.0)
        x = a[:, 0] + (y - a[:, 1]) / tall * (b[:, 0] - a[:, 0])
        left, right = np.where(crosses, np.minimum(left, x), left), np.where(crosses, np.maximum(right, x), right)
    start, end = (np.ceil(np.clip(v, 0, width) - 0.5).astype(np.int64) for v in (left, right))
    length = np.maximum(end - start, 0)
    for rows in _chunks(length):
        which, step = _spread(length[rows])
        which += rows.start
        column = start[which] + step
        x = np.asarray(column + 0.5, np.float64)
        yield row[which] * width + column, _interpolate(corner[which], x, y[which])


def _interpolate(corner: Floats, x: Floats, y: Floats) -> Floats:
    """1 / depth at ``(x, y)`` on the plane of each triangle, kept between its corners' (slivers extrapolate wildly)."""
    side, other = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    here = np.stack([x, y], axis=1) - corner[:, 0, :2]
    area = _cross(side, other)
    value = corner[:, 0, 2] + (_cross(here, other) * side[:, 2] + _cross(side, here) * other[:, 2]) / area
    return np.asarray(np.clip(value, corner[..., 2].min(axis=1), corner[..., 2].max(axis=1)))


def _cross(a: Floats, b: Floats) -> Floats:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def _spread(counts: Ints) -> tuple[Ints, Ints]:
    """For counts [2, 3]: owners [0, 0, 1, 1, 1] and steps [0, 1, 0, 1, 2]."""
    owner = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - starts[owner]


def _chunks(counts: Ints) -> Iterator[slice]:
    """Runs of entries whose counts sum to about `_CHUNK`; one entry larger than that is a run of its own."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        done = int(ends[start - 1]) if start else 0
        stop = max(int(np.searchsorted(ends, done + _CHUNK, side="right")), start + 1)
        yield slice(start, stop)
        start = stop
