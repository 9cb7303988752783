"""Iterative Bounding Box Expansion (paper section 4.1): a pure loop over a callable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core import boxes as bx
from ..core.records import ExpansionStep, StopReason
from .patches import coverage

HeatOf = Callable[[NDArray[np.intp], bx.BoxArray], NDArray[np.float32]]
"""``(keys (k,), boxes (k, 4)) -> heat (k, s, s)``: what the amodal network says of objects ``keys`` when it sees
``boxes``, over each box grown by the margin."""

Reason = Literal["converged", "border", "cap"]


@dataclass(slots=True)
class Expansion:
    """Where the expansion of one object ended.

    Attributes:
        box: the last box the network saw: the amodal box found.
        frame: the box the last heat covers.
        heat: float32 ``(s, s)``, the last heat.
        stop_reason: no side hot; every hot side at the limits; the cap.
        steps: every iteration, the last one included.
    """

    box: bx.Box
    frame: bx.Box
    heat: NDArray[np.float32]
    stop_reason: StopReason
    steps: list[ExpansionStep] = field(default_factory=list)


class ActiveSet:
    """The objects whose boxes still grow, whatever picture they come from: they advance together.

    A side whose strip is hot moves to the edge of the frame (12.5 % of the box's side for a margin of 0.125), or to the
    object's limits, whichever is nearer. A side on its limit cannot move: where only such sides are hot, the object
    stops with "border".

    Args:
        margin: see `Network`; > 0.
        threshold: a strip is hot where its mean exceeds this; the paper's 0.1.
        max_steps: most iterations of an object, >= 1.
        keep_heat: keep the heat of every step, not only of the last.
    """

    def __init__(self, *, margin: float, threshold: float, max_steps: int, keep_heat: bool = False) -> None:
        self._margin, self._threshold, self._max_steps, self._keep_heat = margin, threshold, max_steps, keep_heat
        self._keys = np.empty(0, dtype=np.intp)
        self._boxes = self._limits = np.empty((0, 4))
        self._steps: list[list[ExpansionStep]] = []

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, keys: ArrayLike, boxes: ArrayLike, limits: ArrayLike) -> None:
        """Let objects enter.

        Args:
            keys: whole numbers ``(n,)`` they are known by, different from those in the set.
            boxes: xyxy ``(n, 4)``, the modal boxes to start from.
            limits: xyxy ``(4,)`` or ``(n, 4)``, the box no side may leave: the picture, or more.
        """
        start = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        self._keys = np.concatenate([self._keys, np.asarray(keys, dtype=np.intp).reshape(-1)])
        self._boxes = np.concatenate([self._boxes, start])
        self._limits = np.concatenate([self._limits, np.broadcast_to(np.asarray(limits, np.float64), start.shape)])
        self._steps += [[] for _ in start]

    def step(self, heat_of: HeatOf) -> list[tuple[int, Expansion]]:
        """One iteration of every object; those that stop leave.

        Returns:
            key and outcome of each that stopped.
        """
        seen, limits = self._boxes, self._limits
        heat, frames = heat_of(self._keys, seen), bx.grow(seen, self._margin)
        strips = strip_means(heat, self._margin)
        hot: NDArray[np.bool_] = strips > self._threshold
        movable = hot & ~np.concatenate([seen[:, :2] <= limits[:, :2], seen[:, 2:] >= limits[:, 2:]], axis=1)
        last = np.array([len(steps) + 1 >= self._max_steps for steps in self._steps], np.bool_)
        stops = ~movable.any(axis=1) | last
        ended: list[tuple[int, Expansion]] = []
        rows = zip(seen.tolist(), frames.tolist(), strips.tolist(), strict=True)
        for k, (box, frame, strip) in enumerate(rows):
            kept = heat[k].copy() if self._keep_heat else None
            self._steps[k].append(ExpansionStep(_box(box), _box(strip), _box(frame), kept))
            if stops[k]:
                reason: Reason = "cap" if movable[k].any() else "border" if hot[k].any() else "converged"
                outcome = Expansion(_box(box), _box(frame), heat[k].copy(), reason, self._steps[k])
                ended.append((int(self._keys[k]), outcome))
        grown = np.concatenate(
            [np.maximum(frames[:, :2], limits[:, :2]), np.minimum(frames[:, 2:], limits[:, 2:])], axis=1
        )
        stay = ~stops
        self._keys, self._limits = self._keys[stay], limits[stay]
        self._boxes = np.where(movable, grown, seen)[stay]
        self._steps = [steps for steps, stays in zip(self._steps, stay, strict=True) if stays]
        return ended


def expand(
    heat_of: HeatOf,
    boxes: bx.BoxArray,
    limits: bx.Box,
    *,
    margin: float,
    threshold: float,
    max_steps: int,
    keep_heat: bool = False,
) -> list[Expansion]:
    """Grow the box of every object until the heat beside it is low; all of them in one `ActiveSet`.

    Args:
        heat_of: the amodal network, see `HeatOf`.
        boxes: xyxy ``(n, 4)``, the modal boxes to start from.
        limits: xyxy, the box no side may leave: the picture, or more.
        margin, threshold, max_steps, keep_heat: see `ActiveSet`.

    Returns:
        one `Expansion` an object, in the order given.
    """
    active = ActiveSet(margin=margin, threshold=threshold, max_steps=max_steps, keep_heat=keep_heat)
    active.add(np.arange(len(boxes)), boxes, limits)
    done: dict[int, Expansion] = {}
    while len(active):
        done.update(active.step(heat_of))
    return [done[i] for i in range(len(boxes))]


def strip_means(heat: NDArray[np.float32], margin: float) -> NDArray[np.float32]:
    """Mean heat of the strips beside the box, without the corners, samples cut by the box's edge by their share.

    Args:
        heat: float32 ``(n, s, s)`` over the frame, the box grown by ``margin``.
        margin: > 0.

    Returns:
        float32 ``(n, 4)``: left, top, right, bottom.
    """
    size = heat.shape[-1]
    low, inside, high = _strip_weights(size, margin)
    along_rows, along_columns = inside @ heat, heat @ inside  # (n, s): by column; (n, s): by row
    return np.stack([along_rows @ low, along_columns @ low, along_rows @ high, along_columns @ high], axis=-1)


@cache
def _strip_weights(size: int, margin: float) -> NDArray[np.float32]:
    """What averages an axis of a frame over the strip before the box, over the box, and over the strip behind it."""
    width = size * margin / (1 + 2 * margin)  # of a strip, in samples: 8 of 80 for a margin of 0.125
    return coverage(size, [0, width, size - width], [width, size - width, size])


def _box(values: list[float]) -> bx.Box:
    a, b, c, d = values
    return a, b, c, d
