"""What IIS finds in the boxes of one picture's other objects, as the networks are told of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.resample import Taps, resample, resample_taps

MOST_FOUND = 4
"""Others that an object is told of at once, those with most of a box in what is asked about: training tells of two."""


class FoundHeats:
    """What is found of the objects of one picture.

    Args:
        heats: float16 ``(s, s)`` each, over their boxes; None for those that tell the others nothing.
        boxes: xyxy ``(n, 4)``.
        same: for each the places that are no others: its own, and those found twice (`seen.same_objects`).
    """

    def __init__(
        self, heats: Sequence[NDArray[np.float16] | None], boxes: bx.BoxArray, same: Sequence[Sequence[int]]
    ) -> None:
        self._heats, self._boxes, self._same = heats, boxes, same
        self._silent = np.array([heat is None for heat in heats])
        # of those with as much in a box the smaller one comes first; never does their order in the call decide
        sums = [0.0 if heat is None else float(heat.sum(dtype=np.float64)) for heat in heats]
        self._after = np.lexsort((sums, *boxes.T[::-1], bx.area(boxes)))

    def over(self, number: int, box: bx.Box, size_px: int) -> NDArray[np.float32] | None:
        """The highest heat of the others of an object over a box; 0 outside theirs.

        Args:
            number: of the object.
            box: xyxy.
            size_px: side of the map.

        Returns:
            float32 ``(size_px, size_px)`` in [0, 1]; None where no other object's box meets the box.
        """
        common = bx.area(bx.intersect(self._boxes, box))
        common[self._silent] = 0
        common[list(self._same[number])] = 0
        nearest = self._after[np.argsort(-common[self._after], kind="stable")[:MOST_FOUND]]
        nearest = nearest[common[nearest] > 0]
        if not len(nearest):
            return None
        told = np.zeros((size_px, size_px), np.float32)
        for place in nearest.tolist():
            heat = self._heats[place]
            assert heat is not None
            x1, y1, x2, y2 = self._boxes[place].tolist()
            rows, down = _along(y1, y2, box[1], box[3], len(heat), size_px)
            columns, across = _along(x1, x2, box[0], box[2], len(heat), size_px)
            here = told[rows, columns]
            if here.size:
                np.maximum(here, resample(heat.astype(np.float32), down, across), out=here)
        return told


def _along(low: float, high: float, start: float, stop: float, source: int, size: int) -> tuple[slice, Taps]:
    """The samples of a map from ``start`` to ``stop`` that lie in a box, along an axis, and how they are read there."""
    step = (stop - start) / size
    first = max(math.ceil((low - start) / step - 0.5), 0)
    last = max(min(math.floor((high - start) / step - 0.5) + 1, size), first)
    ends = [(start + place * step - low) / (high - low) for place in (first, last)]
    return slice(first, last), resample_taps(source, last - first, *ends)
