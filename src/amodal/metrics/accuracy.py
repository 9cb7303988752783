"""How well masks fit: mean IoU, accuracy at a cut-off, and how sure of them we are (paper section 5.3, Fig. 9)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.random import generator

_CELLS_AT_ONCE = 4_000_000


def mean_iou(ious: ArrayLike) -> float:
    """Mean IoU per instance (macro): equal to the area under the accuracy curve over [0, 1] (Table 1's third column).

    Args:
        ious: one IoU per object, ``(n,)``.

    Returns:
        In [0, 1]; NaN where there is no object.

    >>> mean_iou([0.5, 1.0])
    0.75
    """
    values = np.asarray(ious, dtype=np.float64)
    return float(values.mean()) if values.size else float("nan")


def micro_iou(intersections: ArrayLike, unions: ArrayLike) -> float:
    """Sum of intersections over sum of unions, in pixels: large objects count more; NaN where there is no pixel.

    >>> micro_iou([1, 90], [2, 100]).__round__(3)
    0.892
    """
    total = float(np.sum(unions))
    return float(np.sum(intersections)) / total if total else float("nan")


def accuracy_at(ious: ArrayLike, cutoff: float) -> float:
    """Share of objects with IoU strictly above the cut-off; NaN where there is no object.

    >>> accuracy_at([0.5, 0.6, 0.9], 0.5).__round__(3)
    0.667
    """
    return float(accuracy_curve(ious, [cutoff])[0])


def accuracy_curve(ious: ArrayLike, cutoffs: ArrayLike) -> NDArray[np.float64]:
    """Accuracy at each of many cut-offs (Fig. 9b).

    Args:
        ious: one IoU per object, ``(n,)``.
        cutoffs: ``(k,)``.

    Returns:
        float64 ``(k,)``; NaN where there is no object.
    """
    ordered = np.sort(np.asarray(ious, dtype=np.float64))
    cutoffs = np.asarray(cutoffs, dtype=np.float64)
    if not ordered.size:
        return np.full(cutoffs.shape, np.nan)
    return 1 - np.searchsorted(ordered, cutoffs, side="right") / ordered.size


def bootstrap_intervals(
    values: ArrayLike, photographs: ArrayLike, *, samples: int = 2000, level: float = 0.95, seed: int = 0
) -> NDArray[np.float64]:
    """Intervals of means per instance, by drawing whole photographs with replacement (percentile bootstrap).

    Objects of one photograph share light, clutter and occluders, so they are drawn together: drawing objects singly
    would make the interval too narrow. All figures are of the same draws.

    Args:
        values: one row per object, one column per figure, ``(n, k)``; an object a figure does not count is NaN there.
        photographs: id of each object's photograph, ``(n,)``.
        samples: number of draws.
        level: share of the draws inside the interval.
        seed: the same seed gives the same intervals.

    Returns:
        float64 ``(k, 2)``: low and high; NaN for a figure whose objects lie in fewer than two photographs.
    """
    values = np.asarray(values, dtype=np.float64)
    names, place = np.unique(np.asarray(photographs), return_inverse=True)
    counted = np.isfinite(values)
    sums, sizes = np.zeros((len(names), values.shape[1])), np.zeros((len(names), values.shape[1]))
    np.add.at(sums, place, np.where(counted, values, 0.0))
    np.add.at(sizes, place, counted)
    means = []
    for drawn in photograph_draws(len(names), samples, seed):
        size = drawn @ sizes
        means.append(np.divide(drawn @ sums, size, out=np.full_like(size, np.nan), where=size > 0))
    out = np.full((values.shape[1], 2), np.nan)
    enough = np.flatnonzero((sizes > 0).sum(axis=0) >= 2)
    if len(enough):
        tail = (1 - level) / 2
        # a draw may hold none of a figure's objects: it says nothing about that figure
        out[enough] = np.nanquantile(np.concatenate(means)[:, enough], [tail, 1 - tail], axis=0).T
    return out


def photograph_draws(count: int, samples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each of ``count`` photographs is drawn, int64 ``(some, count)``, until ``samples`` draws are made."""
    rng = generator(seed, 0, 0)
    chunk = max(1, _CELLS_AT_ONCE // max(count, 1))
    for start in range(0, samples if count else 0, chunk):
        yield rng.multinomial(count, np.full(count, 1 / count), size=min(chunk, samples - start))
