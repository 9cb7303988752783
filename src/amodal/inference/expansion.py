"""Iterative Bounding Box Expansion (paper section 4.1): a pure loop over a callable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.records import ExpansionStep, StopReason
from .patches import coverage

HeatOf = Callable[[NDArray[np.intp], bx.BoxArray], NDArray[np.float32]]
"""``(indices (k,), boxes (k, 4)) -> heat (k, s, s)``: what the amodal network says of objects ``indices`` when it sees
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
    """Grow the box of every object until the heat beside it is low.

    All objects still growing are asked about together; one that stops leaves the set. A side whose strip is hot moves
    to the edge of the frame (12.5 % of the box's side for a margin of 0.125), or to ``limits``, whichever is nearer. A
    side on ``limits`` cannot move: where only such sides are hot, the object stops with "border".

    Args:
        heat_of: the amodal network, see `HeatOf`.
        boxes: xyxy ``(n, 4)``, the modal boxes to start from.
        limits: xyxy, the box no side may leave: the picture, or more.
        margin: see `Network`; > 0.
        threshold: a strip is hot where its mean exceeds this; the paper's 0.1.
        max_steps: most iterations, >= 1.
        keep_heat: keep the heat of every step, not only of the last.

    Returns:
        one `Expansion` an object, in the order given.
    """
    now = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    active = np.arange(len(now))
    steps: list[list[ExpansionStep]] = [[] for _ in now]
    done: dict[int, Expansion] = {}
    for step in range(1, max_steps + 1):
        if not len(active):
            break
        seen = now[active]
        heat, frames = heat_of(active, seen), bx.grow(seen, margin)
        strips = strip_means(heat, margin)
        hot: NDArray[np.bool_] = strips > threshold
        movable = hot & ~_at_limits(seen, limits)
        stops = np.logical_not(movable.any(axis=1)) if step < max_steps else np.ones(len(active), np.bool_)
        for k, i in enumerate(active.tolist()):
            box, frame, kept = bx.as_box(seen[k]), bx.as_box(frames[k]), heat[k].copy() if keep_heat else None
            steps[i].append(ExpansionStep(box, bx.as_box(strips[k]), frame, kept))
            if stops[k]:
                reason: Reason = "cap" if movable[k].any() else "border" if hot[k].any() else "converged"
                done[i] = Expansion(box, frame, heat[k].copy(), reason, steps[i])
        now[active] = np.where(movable, _within(frames, limits), seen)
        active = active[~stops]
    return [done[i] for i in range(len(now))]


def strip_means(heat: NDArray[np.float32], margin: float) -> NDArray[np.float32]:
    """Mean heat of the strips beside the box, without the corners, samples cut by the box's edge by their share.

    Args:
        heat: float32 ``(n, s, s)`` over the frame, the box grown by ``margin``.
        margin: > 0.

    Returns:
        float32 ``(n, 4)``: left, top, right, bottom.
    """
    size = heat.shape[-1]
    width = size * margin / (1 + 2 * margin)  # of a strip, in samples: 8 of 80 for a margin of 0.125
    low, inside, high = coverage(size, [0, width, size - width], [width, size - width, size])
    along_rows, along_columns = inside @ heat, heat @ inside  # (n, s): by column; (n, s): by row
    return np.stack([along_rows @ low, along_columns @ low, along_rows @ high, along_columns @ high], axis=-1)


def _at_limits(boxes: bx.BoxArray, limits: bx.Box) -> NDArray[np.bool_]:
    return np.concatenate([boxes[:, :2] <= limits[:2], boxes[:, 2:] >= limits[2:]], axis=1)


def _within(boxes: bx.BoxArray, limits: bx.Box) -> bx.BoxArray:
    return np.concatenate([np.maximum(boxes[:, :2], limits[:2]), np.minimum(boxes[:, 2:], limits[2:])], axis=1)
