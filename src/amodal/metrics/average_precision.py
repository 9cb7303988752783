"""Precision, recall and average precision of a score that should put the positives first."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .accuracy import photograph_draws

_CELLS_AT_ONCE = 1_000_000

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


def precision_recall(scores: ArrayLike, positives: ArrayLike) -> Curve:
    """Precision and recall as the threshold falls from one distinct score to the next.

    Objects of equal score are above or below a threshold together, so their order in the file changes nothing.

    Args:
        scores: ``(n,)``.
        positives: bool ``(n,)``.

    Returns:
        ``precision``, ``recall``: float64 ``(k,)``, one per distinct score, highest score first; empty where there is
        no positive.

    >>> [v.round(2).tolist() for v in precision_recall([0.9, 0.8, 0.8], [True, False, True])]
    [[1.0, 0.67], [0.5, 1.0]]
    """
    scores, positives = np.asarray(scores, dtype=np.float64), np.asarray(positives, dtype=np.bool_)
    if not positives.any():
        return np.empty(0), np.empty(0)
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    found = np.cumsum(positives[order])[ends]
    return found / (ends + 1), found / positives.sum()


def average_precision(scores: ArrayLike, positives: ArrayLike) -> float:
    """Area under the precision-recall curve: the plain sum of precision times gain in recall. Chance is the share of
    positives.

    Args:
        scores: ``(n,)``.
        positives: bool ``(n,)``.

    Returns:
        In [0, 1]; NaN where there is no positive.
    """
    precision, recall = precision_recall(scores, positives)
    if not precision.size:
        return float("nan")
    return float(np.sum(precision * np.diff(recall, prepend=0.0)))


def average_precision_interval(
    scores: ArrayLike,
    positives: ArrayLike,
    photographs: ArrayLike,
    *,
    samples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval of `average_precision` by drawing whole photographs with replacement (percentile bootstrap).

    Args:
        scores, positives: as in `average_precision`, ``(n,)``.
        photographs: id of each object's photograph, ``(n,)``.
        samples, level, seed: as in `accuracy.bootstrap_intervals`.

    Returns:
        ``(low, high)``; NaN for both with fewer than two photographs or without a positive.
    """
    scores, positives = np.asarray(scores, dtype=np.float64), np.asarray(positives, dtype=np.bool_)
    names, place = np.unique(np.asarray(photographs), return_inverse=True)
    if len(names) < 2 or not positives.any():
        return float("nan"), float("nan")
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    place, positives = place[order], positives[order]
    found = []
    for draws in photograph_draws(len(names), samples, seed):
        for drawn in np.array_split(draws, -(-draws.shape[0] * len(scores) // _CELLS_AT_ONCE)):
            times = drawn[:, place]
            passed = np.cumsum(times, axis=1)[:, ends]
            right = np.cumsum(times * positives, axis=1)[:, ends]
            gained = np.diff(right, axis=1, prepend=0) * right / np.maximum(passed, 1)
            total = right[:, -1]
            found.append(np.divide(gained.sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0))
    tail = (1 - level) / 2
    low, high = np.nanquantile(np.concatenate(found), [tail, 1 - tail])
    return float(low), float(high)
