"""Masks of one picture as intervals of its pixels: what many of them have in common, counted at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .errors import AnnotationError
from .masks import Mask

_BLOCK = 1 << 19
"""Most intervals, or pairs of boxes, looked at together, or those of one pair: bounds the memory."""


def meeting(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The pairs of boxes that have more than an edge in common.

    Args:
        a, b: xyxy ``(n, 4)`` and ``(m, 4)``; an empty box meets none.

    Returns:
        places in ``a`` and in ``b``, each ``(k,)``, sorted by the second, then by the first.
    """
    found: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = [(np.zeros(0, np.intp), np.zeros(0, np.intp))]
    step = max(_BLOCK // max(len(a), 1), 1)
    for start in range(0, len(b), step):
        part = b[start : start + step, None]
        low, high = np.maximum(part[..., :2], a[:, :2]), np.minimum(part[..., 2:], a[:, 2:])
        second, first = np.nonzero((low < high).all(axis=-1))
        found.append((first, second + start))
    return np.concatenate([first for first, _ in found]), np.concatenate([second for _, second in found])


def shared_pixels(
    a: Sequence[Mask], b: Sequence[Mask], pairs: tuple[NDArray[np.intp], NDArray[np.intp]]
) -> NDArray[np.int64]:
    """How many pixels two masks have in common, for each of many pairs.

    Memory: 16 bytes a run of pixels in a column of each mask.

    Args:
        a, b: masks of one picture.
        pairs: places in ``a`` and in ``b``, each ``(k,)``.

    Returns:
        int64 ``(k,)``.

    Raises:
        AnnotationError: masks of several sizes.

    >>> masks = [Mask.from_box((0, 0, 2, 4), 9, 9), Mask.from_box((5, 5, 9, 9), 9, 9)]
    >>> shared_pixels(masks, [Mask.from_box((1, 1, 6, 6), 9, 9)], (np.array([1, 0]), np.array([0, 0]))).tolist()
    [1, 3]
    """
    first, second = pairs
    sizes = dict.fromkeys((mask.height, mask.width) for mask in (*a, *b))
    if len(sizes) > 1:
        raise AnnotationError("masks of one picture have one size", value=list(map(list, sizes)))
    if not len(first):
        return np.zeros(0, np.int64)
    apart = a[0].height * a[0].width + 1  # the second masks lie on one line, one behind the other
    mine, mine_from = _joined([mask.spans() for mask in a])
    theirs, _ = _joined([mask.spans() + place * apart for place, mask in enumerate(b)])
    before = np.concatenate([[0], np.cumsum(theirs[:, 1] - theirs[:, 0])])  # their pixels before each of their spans
    last_stop = np.concatenate([[0], theirs[:, 1]])
    lengths = mine_from[first + 1] - mine_from[first]
    edges = np.concatenate([[0], np.cumsum(lengths)])
    counts = np.empty(len(first), np.int64)
    start = 0
    while start < len(first):
        stop = max(int(np.searchsorted(edges, edges[start] + _BLOCK, "right")) - 1, start + 1)
        here, some = slice(start, stop), lengths[start:stop]
        inside = np.arange(edges[start], edges[stop]) - np.repeat(edges[here], some)
        ends = mine[np.repeat(mine_from[first[here]], some) + inside] + np.repeat(second[here] * apart, some)[:, None]
        begun = np.searchsorted(theirs[:, 0], ends)
        below = before[begun] - np.maximum(last_stop[begun] - ends, 0)  # their pixels before each end
        total = np.concatenate([[0], np.cumsum(below[:, 1] - below[:, 0])])
        counts[here] = np.diff(total[edges[start : stop + 1] - edges[start]])
        start = stop
    return counts


def _joined(parts: Sequence[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All intervals, and the place where those of each mask start."""
    return np.concatenate([np.zeros((0, 2), np.int64), *parts]), np.cumsum([0, *map(len, parts)])
