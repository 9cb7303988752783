"""Rules about outlines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ...core.records import ImageRecord
from .findings import Finding, finding

_OUTSIDE_PX = 1.0
_MOST_POINTS = 2000
"""Outlines of more points are not searched for crossings: the work grows with the square."""


def check_polygons(
    record: ImageRecord, instance_id: int, polygons: Sequence[Sequence[float]], file: str
) -> Iterator[Finding]:
    """Outlines that leave the picture, cross themselves or enclose nothing.

    Args:
        record: the picture.
        instance_id: the object they outline.
        polygons: COCO's ``[[x1, y1, x2, y2, ...], ...]``, pixels.
        file: named in findings.
    """
    outside = 0.0
    crossed = flat = None
    for number, polygon in enumerate(polygons):
        points = np.asarray(polygon, dtype=np.float64).reshape(-1, 2)
        low, high = points.min(axis=0), points.max(axis=0)
        outside = max(outside, -low[0], -low[1], high[0] - record.width, high[1] - record.height)
        if crossed is None or flat is None:
            points = distinct(points)
            if len(points) < 3:
                flat = number
            elif crossed is None and len(points) > 3 and crosses_itself(points):
                crossed = number
    if outside > _OUTSIDE_PX:
        yield finding("polygon-outside", file, record, instance_id, value=f"{outside:.1f} px beyond the border")
    if flat is not None:
        yield finding("polygon-flat", file, record, instance_id, value=f"polygon {flat}")
    if crossed is not None:
        yield finding("polygon-crossed", file, record, instance_id, value=f"polygon {crossed}")


def distinct(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points ``(n, 2)`` of a closed outline without those equal to the one before."""
    moved = np.concatenate([points[-1:], points[:-1]]) != points
    return np.asarray(points[moved[:, 0] | moved[:, 1]])


def crosses_itself(points: NDArray[np.float64]) -> bool:
    """Whether two sides of a closed outline cross; sides that only touch do not. False above 2000 points.

    Args:
        points: float ``(n, 2)``, the first not repeated at the end.

    >>> bow, square = [(0, 0), (2, 2), (2, 0), (0, 2)], [(0, 0), (2, 0), (2, 2), (0, 2)]
    >>> crosses_itself(np.array(bow, float)), crosses_itself(np.array(square, float))
    (True, False)
    """
    if len(points) > _MOST_POINTS:
        return False
    # side i runs from point i to point i + 1; left[i, j]: how far point j lies to the left of side i's line
    x, y = np.concatenate([points, points[:1]]).T
    dx, dy = (x[1:] - x[:-1])[:, None], (y[1:] - y[:-1])[:, None]
    left = dx * (y - y[:-1, None]) - dy * (x - x[:-1, None])
    apart = left[:, :-1] * left[:, 1:] < 0  # the ends of side j lie on both sides of side i's line
    return bool((apart & apart.T).any())
