"""The outline of a mask as polygons along the edges of its pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .masks import Mask


def outlines(mask: Mask) -> tuple[list[list[float]], int]:
    """Polygons around the parts of a mask, and how many holes they fill.

    A part is a set of pixels that share edges. A polygon runs along pixel edges, with a point at each corner: drawn
    again it covers exactly its part and the holes in it, which polygons cannot say.

    >>> outlines(Mask.from_box((1, 0, 3, 2), width=4, height=3))
    ([[1.0, 0.0, 3.0, 0.0, 3.0, 2.0, 1.0, 2.0]], 0)
    """
    if mask.is_empty:
        return [], 0
    left, top, right, bottom = (int(v) for v in mask.box)
    loops = _loops(np.pad(mask.crop((left, top, right, bottom)), 1))
    parts: list[list[float]] = []
    holes = 0
    for loop in loops:
        points = np.asarray(loop, dtype=np.float64)
        x, y = points.T
        if np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)) < 0:
            holes += 1
        else:
            parts.append((points + np.array([left - 1, top - 1])).ravel().tolist())
    return parts, holes


def _loops(inside: NDArray[np.bool_]) -> list[list[tuple[int, int]]]:
    """Closed walks ``(x, y)`` along pixel edges, the pixels on the right hand, a point at each turn."""
    steps = _steps(inside)
    loops: list[list[tuple[int, int]]] = []
    while steps:
        start, ways = next(iter(steps.items()))
        at, way = start, ways[0]
        loop: list[tuple[int, int]] = []
        before: tuple[int, int] | None = None
        while True:
            ways = steps[at]
            # where two pixels touch at this corner alone: turn right, round the own one
            way = _right(before) if before is not None and len(ways) > 1 else ways[0]
            ways.remove(way)
            if not ways:
                del steps[at]
            if way != before:
                loop.append(at)
            at, before = (at[0] + way[0], at[1] + way[1]), way
            if at == start and (at not in steps or _right(before) not in steps[at]):
                break
        if len(loop) > 1 and _straight(loop[-1], loop[0], loop[1]):
            loop.pop(0)
        loops.append(loop)
    return loops


def _steps(inside: NDArray[np.bool_]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """From each corner, the unit steps along edges that have a pixel on the right and none on the left."""
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    above = inside[1:] & ~inside[:-1]  # the top edge of a pixel: walked to the right
    below = inside[:-1] & ~inside[1:]  # its lower edge: to the left
    before = inside[:, 1:] & ~inside[:, :-1]  # its left edge: upwards
    after = inside[:, :-1] & ~inside[:, 1:]  # its right edge: downwards
    for edges, (dx, dy), way in (
        (above, (0, 1), (1, 0)),
        (below, (1, 1), (-1, 0)),
        (before, (1, 1), (0, -1)),
        (after, (1, 0), (0, 1)),
    ):
        rows, columns = np.nonzero(edges)
        for x, y in zip((columns + dx).tolist(), (rows + dy).tolist(), strict=True):
            found.setdefault((x, y), []).append(way)
    return found


def _right(way: tuple[int, int]) -> tuple[int, int]:
    return (-way[1], way[0])


def _straight(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    return (b[0] - a[0]) * (c[1] - b[1]) == (b[1] - a[1]) * (c[0] - b[0])
