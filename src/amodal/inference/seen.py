"""Where the objects of one picture are seen, and what that tells each of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.images import cut_patch
from ..core.masks import Mask
from ..core.resample import resample, resample_taps

SAME_OBJECT = 0.8
"""Objects whose boxes have this IoU or more are taken for one that was found twice: they tell each other nothing."""

KEPT_PX = 4_000_000
"""Of what the objects of a picture show, kept as plain pixels; what is over is decoded when it is asked for."""

_PAIRS = 1 << 16
"""Most pairs of boxes compared at once, or those of one box."""


class _Shown(NamedTuple):
    """What an object shows the others of itself: its visible pixels, by run-length code and, where kept, plain.

    Attributes:
        mask: of the picture.
        pixels: bool ``(h, w)``, the part of it that starts at ``(left, top)`` and holds all of it; None: in the code.
        left, top: of ``pixels``.
    """

    mask: Mask
    pixels: NDArray[np.bool_] | None = None
    left: int = 0
    top: int = 0

    def decoded(self) -> tuple[NDArray[np.uint8], int, int]:
        """0 or 1 at each pixel, uint8 ``(h, w)``, row by row; left; top."""
        if self.pixels is not None:
            return np.ascontiguousarray(self.pixels).view(np.uint8), self.left, self.top
        left, top, right, bottom = bx.outward(self.mask.box).tolist()
        return self.mask.crop((left, top, right, bottom)).view(np.uint8), left, top


class Seen:
    """Where the objects of one picture are seen.

    Memory: a byte a pixel (two from 256 objects on), a run-length code an object, and `KEPT_PX` bytes.

    Args:
        masks: the visible pixels of each, all of the picture's size; an empty one tells nothing.
        boxes: xyxy ``(n, 4)``, their modal boxes.
    """

    def __init__(self, masks: Sequence[Mask], boxes: bx.BoxArray) -> None:
        height, width = masks[0].height, masks[0].width
        self.same = same_objects(boxes)
        self.counts = np.zeros((height, width), np.min_scalar_type(len(masks)))
        self.shown: list[_Shown] = []
        room = KEPT_PX
        for mask in masks:
            pixels, left, top = _Shown(mask).decoded()
            self.counts[top : top + pixels.shape[0], left : left + pixels.shape[1]] += pixels
            room -= pixels.size
            self.shown.append(_Shown(mask, pixels.view(np.bool_), left, top) if room >= 0 else _Shown(mask))

    def others(self, number: int) -> Others:
        """Where objects other than one are seen."""
        return Others(self, number)


class Others:
    """Where the objects of a picture other than one are seen.

    Its own pixels are looked up when they are first asked for, and kept as long as this is: it is made for one object,
    and forgotten with it.
    """

    __slots__ = ("_number", "_own", "_seen")

    def __init__(self, seen: Seen, number: int) -> None:
        self._seen, self._number = seen, number
        self._own: tuple[NDArray[np.unsignedinteger], int, int] | None = None

    def over(self, box: bx.Box, size_px: int) -> NDArray[np.uint8] | None:
        """What of a box they are seen in.

        Args:
            box: xyxy, may reach beyond the picture, where nothing is seen.
            size_px: side of the map.

        Returns:
            uint8 ``(size_px, size_px)`` over the box: 255 where another object is seen; None where none is.
        """
        counts = self._seen.counts
        height, width = counts.shape
        across, down = min((box[2] - box[0]) / 20, 1), min((box[3] - box[1]) / 20, 1)  # what a cut reads around a box
        left, top = max(math.floor(box[0] - across), 0), max(math.floor(box[1] - down), 0)
        right, bottom = min(math.ceil(box[2] + across), width), min(math.ceil(box[3] + down), height)
        if right <= left or bottom <= top:
            return None
        part = counts[top:bottom, left:right]
        seen = part != 0
        own, x, y = self._own_pixels()
        x1, y1 = max(x, left), max(y, top)
        x2, y2 = min(x + own.shape[1], right), min(y + own.shape[0], bottom)
        if x1 < x2 and y1 < y2:
            here = slice(y1 - top, y2 - top), slice(x1 - left, x2 - left)
            np.greater(part[here], own[y1 - y : y2 - y, x1 - x : x2 - x], out=seen[here])
        if not seen.any():
            return None
        return cut_patch(seen, (box[0] - left, box[1] - top, box[2] - left, box[3] - top), size_px)

    def _own_pixels(self) -> tuple[NDArray[np.unsignedinteger], int, int]:
        """How many of what is shown is this object's, at each pixel around it; left; top."""
        if self._own is None:
            parts = [self._seen.shown[i].decoded() for i in self._seen.same[self._number]]
            self._own = parts[0] if len(parts) == 1 else _summed(parts, self._seen.counts.dtype)
        return self._own


def _summed(
    parts: Sequence[tuple[NDArray[np.uint8], int, int]], kind: np.dtype[np.unsignedinteger]
) -> tuple[NDArray[np.unsignedinteger], int, int]:
    """The sum of parts of a picture, each with its left and top."""
    parts = [part for part in parts if part[0].size] or [parts[0]]
    left, top = min(x for _, x, _ in parts), min(y for _, _, y in parts)
    right = max(x + part.shape[1] for part, x, _ in parts)
    bottom = max(y + part.shape[0] for part, _, y in parts)
    total = np.zeros((bottom - top, right - left), kind)
    for part, x, y in parts:
        total[y - top : y - top + part.shape[0], x - left : x - left + part.shape[1]] += part
    return total, left, top


def same_objects(boxes: bx.BoxArray) -> list[list[int]]:
    """Which boxes are of one object that was found more than once, by `SAME_OBJECT`.

    Pair by pair, not in groups: who is in a group would depend on the order. Only pairs whose left sides lie close
    enough for such an IoU are compared.

    Args:
        boxes: xyxy ``(n, 4)``.

    Returns:
        for each box the places of those of its object, its own among them, in order.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    # an IoU of t needs common widths of t times either: b's left side is at the most (1 - t) of a's width to the
    # right of a's, and (1 - t) / t of it to the left
    order = np.argsort(boxes[:, 0], kind="stable")
    left, width = boxes[:, 0], bx.sides(boxes)[:, 0]
    slack = 1e-6 * np.maximum(np.abs(left), width)
    first = np.searchsorted(left[order], left - (1 / SAME_OBJECT - 1) * width - slack, "left")
    last = np.searchsorted(left[order], left + (1 - SAME_OBJECT) * width + slack, "right")
    found: list[list[int]] = []
    ends = np.cumsum(last - first)
    start = 0
    while start < len(boxes):
        before = int(ends[start - 1]) if start else 0
        stop = max(int(np.searchsorted(ends, before + _PAIRS, "right")), start + 1)
        counts = (last - first)[start:stop]
        a = np.repeat(np.arange(start, stop), counts)
        b = order[np.arange(len(a)) - np.repeat(np.cumsum(counts) - counts, counts) + first[a]]
        same = (bx.iou(boxes[a], boxes[b]) >= SAME_OBJECT) | (a == b)
        a, b = a[same], b[same]
        pieces = np.split(b, np.searchsorted(a, np.arange(start + 1, stop)))
        found += [sorted(piece.tolist()) for piece in pieces]
        start = stop
    return found


def spread(maps: Sequence[NDArray[np.uint8] | None], size_px: int) -> NDArray[np.float32]:
    """Maps of other objects as a network takes them: float32 ``(n, size_px, size_px)``, 0 where nothing is known."""
    out = np.zeros((len(maps), size_px, size_px), np.float32)
    sizes = {len(one) for one in maps if one is not None}
    stretch = {size: resample_taps(size, size_px, outside="edge") for size in sizes}
    for place, one in zip(out, maps, strict=True):
        if one is not None:
            place[:] = resample(one.astype(np.float32) * np.float32(1 / 255), stretch[len(one)], stretch[len(one)])
    return out
