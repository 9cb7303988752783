"""Run lengths and polygons as plain numbers: what must hold of them before the codec may see them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_MAX_REACH = 10
"""How many times its picture's longer side a polygon may reach: the codec's memory grows with its coordinates."""
_MAX_COORDINATE = 1e8
"""Beyond it the codec's own integers overflow."""
_MAX_LENGTH = 2e7
"""Longest outline of one polygon, pixels: the codec needs about 60 bytes for each."""
_PLAIN = {int, float}


def reach(width: int, height: int) -> float:
    """How far from the origin a polygon of a picture may reach, pixels."""
    return min(_MAX_REACH * max(width, height), _MAX_COORDINATE)


def polygon_problem(polygon: Any, limit: float) -> Literal["", "points", "near"]:
    """What is wrong with a polygon: ``"points"`` (no three finite points), ``"near"`` (beyond ``limit``), or ``""``."""
    if type(polygon) is not list or not set(map(type, polygon)) <= _PLAIN:
        given = numbers(polygon)
        if given is None:
            return "points"
        polygon = given.tolist()
    count = len(polygon)
    if count < 6 or count % 2:
        return "points"
    low, high = min(polygon), max(polygon)
    try:
        total = sum(polygon)  # NaN wherever one is hidden from min and max
    except OverflowError:
        return "near"
    if total != total or high in (np.inf, -np.inf) or low in (np.inf, -np.inf):
        return "points"
    if low < -limit or high > limit:
        return "near"
    if count * (high - low) > _MAX_LENGTH:
        points = np.asarray(polygon, dtype=np.float64).reshape(-1, 2)
        if np.abs(points - np.roll(points, 1, axis=0)).max(axis=1).sum() > _MAX_LENGTH:
            return "near"
    return ""


def numbers(values: object) -> NDArray[np.float64] | None:
    """A flat list of finite numbers as float64; None where it is not one."""
    if not isinstance(values, list | tuple | np.ndarray) or any(isinstance(v, str | bool) for v in values):
        return None
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if numbers.ndim == 1 and np.isfinite(numbers).all() else None


def runs(counts: object) -> NDArray[np.int64] | None:
    """Run lengths from either form of COCO's counts; None where it is neither.

    The compressed form writes each run as 5-bit groups, low first, bit 5 set where more follow, bit 4 of the last one
    the sign; from the fourth run on it is the difference to the run two before.
    """
    if isinstance(counts, list | tuple | np.ndarray):
        given = numbers(counts)
        good = given is not None and (given == np.floor(given)).all() and (np.abs(given) < 2**53).all()
        return given.astype(np.int64) if good and given is not None else None
    if not isinstance(counts, str | bytes):
        return None
    try:
        text = counts.encode("ascii") if isinstance(counts, str) else counts
    except UnicodeEncodeError:
        return None
    groups = np.frombuffer(text, dtype=np.uint8).astype(np.int64) - 48
    if groups.size == 0 or (groups < 0).any() or (groups > 63).any() or groups[-1] & 32:
        return None
    ends = np.flatnonzero(~(groups & 32).astype(bool))
    starts = np.concatenate([[0], ends[:-1] + 1])
    if (ends - starts).max() > 8:
        return None
    place = np.arange(groups.size) - np.repeat(starts, ends - starts + 1)
    found = np.add.reduceat((groups & 31) << (5 * place), starts)
    found -= np.where(groups[ends] & 16, np.int64(1) << (5 * (ends - starts + 1)), 0)
    # found[i] += found[i - 2] for i > 2: two interleaved running sums, run 0 apart
    found[1::2] = np.cumsum(found[1::2])
    found[2::2] = np.cumsum(found[2::2])
    return found


def complement(given: NDArray[np.int64]) -> NDArray[np.int64]:
    """The runs of all other pixels."""
    return given[1:] if given[0] == 0 else np.concatenate([[0], given])


def joined(given: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same pixels without empty runs (but for the first, where the first pixel is set)."""
    edges, times = np.unique(np.cumsum(given)[:-1], return_counts=True)
    kept = edges[(times % 2 == 1) & (edges < given.sum())]
    return np.diff(np.concatenate([[0], kept, [given.sum()]]))
