"""Where the objects of one picture are seen, and what that tells each of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.images import cut_patch
from ..core.masks import Mask
from ..core.resample import resample, resample_taps

SAME_OBJECT = 0.8
"""Objects whose boxes have this IoU or more are taken for one that was found twice: they tell each other nothing."""


class Seen:
    """Where the objects of one picture are seen.

    Memory: two bytes a pixel, and a run-length code an object.

    Args:
        masks: the visible pixels of each, all of the picture's size; an empty one tells nothing.
        boxes: xyxy ``(n, 4)``, their modal boxes.
    """

    def __init__(self, masks: list[Mask], boxes: bx.BoxArray) -> None:
        self._masks = masks
        # pair by pair, not in groups: who is in a group would depend on the order
        self._same = [np.flatnonzero(bx.iou(boxes, box) >= SAME_OBJECT).tolist() for box in boxes]
        self._counts = np.zeros((masks[0].height, masks[0].width), np.uint16)
        for mask in masks:
            if not mask.is_empty:
                left, top, right, bottom = bx.outward(mask.box).tolist()
                self._counts[top:bottom, left:right] += mask.crop((left, top, right, bottom))

    def others(self, number: int, box: bx.Box, size_px: int) -> NDArray[np.uint8]:
        """Where objects other than one are seen.

        Args:
            number: of the object.
            box: xyxy, may reach beyond the picture, where nothing is seen.
            size_px: side of the map.

        Returns:
            uint8 ``(size_px, size_px)`` over the box: 255 where another object is seen.
        """
        height, width = self._counts.shape
        left, top, right, bottom = bx.outward(bx.clip(bx.grow(box, 0.05), width, height)).tolist()
        if right <= left or bottom <= top:
            return np.zeros((size_px, size_px), np.uint8)
        own = np.zeros((bottom - top, right - left), np.uint16)
        for same in self._same[number]:
            own += self._masks[same].crop((left, top, right, bottom))
        seen = self._counts[top:bottom, left:right] > own
        if not seen.any():
            return np.zeros((size_px, size_px), np.uint8)
        inside = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
        return cut_patch(seen.view(np.uint8) * np.uint8(255), inside, size_px)


def spread(maps: Sequence[NDArray[np.uint8] | None], size_px: int) -> NDArray[np.float32]:
    """Maps of other objects as a network takes them: float32 ``(n, size_px, size_px)``, 0 where nothing is known."""
    out = np.zeros((len(maps), size_px, size_px), np.float32)
    for place, one in zip(out, maps, strict=True):
        if one is not None and one.any():
            taps = resample_taps(len(one), size_px, outside="edge")
            place[:] = resample(one.astype(np.float32) * np.float32(1 / 255), taps, taps)
    return out
