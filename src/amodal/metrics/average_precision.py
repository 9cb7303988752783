"""Precision, recall and average precision of a score that should put the positives first."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


def average_precision(scores: ArrayLike, positives: ArrayLike, *, envelope: bool = False) -> float:
    """Area under the precision-recall curve.

    Args:
        scores: ``(n,)``.
        positives: bool ``(n,)``.
        envelope: each precision is raised to the best one at any higher recall (VOC's all-points rule), which also
            raises the chance level; otherwise the plain sum of precision times gain in recall, whose chance level is
            the share of positives.

    Returns:
        In [0, 1]; NaN where there is no positive.
    """
    precision, recall = precision_recall(scores, positives)
    if not precision.size:
        return float("nan")
    if envelope:
        precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(precision * np.diff(recall, prepend=0.0)))
