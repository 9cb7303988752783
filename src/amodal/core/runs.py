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
_MOST_MORE = 8
"""Most groups of a compressed run after its first: 45 bits, more than any picture needs."""
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
    groups = np.frombuffer(text, dtype=np.uint8) - np.uint8(48)  # what is below 48 comes out above 63
    # methods and ufuncs: numpy's functions cost as much again, and most codes are short
    ends = (groups < 32).nonzero()[0]
    if not len(ends) or ends[-1] != len(groups) - 1 or groups.max() > 63:
        return None
    starts = np.empty_like(ends)
    starts[0], starts[1:] = 0, ends[:-1] + 1
    more = ends - starts
    most = int(more.max())
    if most > _MOST_MORE:
        return None
    bits = groups & 31
    found = bits[starts].astype(np.int64)
    for place in range(1, most + 1):  # most runs are one group or two
        longer = (more >= place).nonzero()[0]
        found[longer] |= bits[starts[longer] + place].astype(np.int64) << (5 * place)
    sign = np.int64(16) << (5 * more)
    found ^= sign
    found -= sign
    # found[i] += found[i - 2] for i > 2: two interleaved running sums, run 0 apart
    for every in (found[1::2], found[2::2]):
        np.add.accumulate(every, out=every)
    return found


def complement(code: bytes) -> bytes:
    """The compressed runs of all other pixels.

    A run of 0 in front comes or goes. The run that becomes the fourth, or was it, is alone written otherwise: all
    others stay where they are in the code, which is not decoded.
    """
    ends, found = [0], list[int]()
    while ends[-1] < len(code) and len(found) < 4:
        value, end = _run_at(code, ends[-1])
        found.append(value)
        ends.append(end)
    if found[0]:
        if len(found) < 3:
            return b"0" + code
        return b"0" + code[: ends[2]] + _written(found[2] - found[0]) + code[ends[3] :]
    if len(found) < 4:
        return code[ends[1] :] or code  # the codec does not bear an empty list
    return code[ends[1] : ends[3]] + _written(found[3] + found[1]) + code[ends[4] :]


def _run_at(code: bytes, at: int) -> tuple[int, int]:
    """The number written at a place of sound compressed runs, and where the next one starts."""
    value = place = 0
    while True:
        group = code[at] - 48
        value |= (group & 31) << place
        at, place = at + 1, place + 5
        if not group & 32:
            return (value - (1 << place) if group & 16 else value), at


def _written(value: int) -> bytes:
    """A number as compressed runs have it."""
    groups = bytearray()
    while True:
        group, value = value & 31, value >> 5
        if value == (-1 if group & 16 else 0):
            return bytes([*groups, group + 48])
        groups.append((group | 32) + 48)


def joined(given: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same pixels without empty runs (but for the first, where the first pixel is set)."""
    edges, times = np.unique(np.cumsum(given)[:-1], return_counts=True)
    kept = edges[(times % 2 == 1) & (edges < given.sum())]
    return np.diff(np.concatenate([[0], kept, [given.sum()]]))
