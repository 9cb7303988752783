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
        masks: the visible pixels of each, all of the picture's size.
        boxes: xyxy ``(n, 4)``, their modal boxes.
    """

    def __init__(self, masks: list[Mask], boxes: bx.BoxArray) -> None:
        groups = _found_twice(boxes)
        merged: dict[int, Mask] = {}
        for mask, group in zip(masks, groups, strict=True):
            merged[group] = merged[group] | mask if group in merged else mask
        self._own = [merged[group] for group in groups]
        self._counts = np.zeros((masks[0].height, masks[0].width), np.uint16)
        for mask in merged.values():
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
        seen = self._counts[top:bottom, left:right] > self._own[number].crop((left, top, right, bottom))
        if not seen.any():
            return np.zeros((size_px, size_px), np.uint8)
        inside = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
        return cut_patch(seen.view(np.uint8) * np.uint8(255), inside, size_px)


def _found_twice(boxes: bx.BoxArray) -> list[int]:
    """The number of the first object that each one repeats; its own where it repeats none."""
    groups: list[int] = []
    firsts: list[int] = []
    for number, box in enumerate(boxes):
        same = np.flatnonzero(bx.iou(boxes[firsts], box) >= SAME_OBJECT).tolist() if firsts else []
        if same:
            groups.append(firsts[same[0]])
        else:
            firsts.append(number)
            groups.append(number)
    return groups


def spread(maps: Sequence[NDArray[np.uint8] | None], size_px: int) -> NDArray[np.float32]:
    """Maps of other objects as a network takes them: float32 ``(n, size_px, size_px)``, 0 where nothing is known."""
    out = np.zeros((len(maps), size_px, size_px), np.float32)
    for place, one in zip(out, maps, strict=True):
        if one is not None and one.any():
            taps = resample_taps(len(one), size_px, outside="edge")
            place[:] = resample(one.astype(np.float32) * np.float32(1 / 255), taps, taps)
    return out
