"""`core.images.cut_patch` on torch's resampling of bytes, which takes a fraction of Pillow's time.

Both filter alike: to one level of 255 where they start at the same place. Torch starts a patch at whole pixels alone.
So the output is begun some of its own pixels earlier, where a whole pixel of the picture is nearly met, and those are
cut off again: the patch lies within `NEAREST_PX` of where it belongs. Where no start is that near (one axis in
seven: at a scale of 2, say, half a pixel meets none), Pillow cuts the patch. A test holds all patches to that bound.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.images import cut_patch
from .pixels import fill_around

T = TypeVar("T", bound=np.generic)

NEAREST_PX = 1 / 32
"""Pixels of the picture by which a patch may be shifted, along each axis."""
_TRIES = 64
_resample: Any = torch._C._nn._upsample_bilinear2d_aa  # as `interpolate` calls it: sooner there than torch.ops.aten


class _Span(NamedTuple):
    first: int  # pixels to read: from this one
    last: int  # to before this one
    scale: float  # pixels of the picture a pixel of the patch
    extra: int  # pixels of the patch to cut off


def cut(image: NDArray[np.uint8], box: bx.Box, size_px: int | tuple[int, int]) -> NDArray[np.uint8]:
    """As `core.images.cut_patch` of a picture ``(H, W, 3)``, shifted by `NEAREST_PX` at most.

    So values differ by rounding and, along each axis, a 32nd of the step to the next pixel, but for the outermost ones.
    Its rows are contiguous. Where the box starts at a whole pixel, or at the picture's border, a patch's first pixels
    are made of the box alone; Pillow takes a little of what lies before it.
    """
    width, height = (size_px, size_px) if isinstance(size_px, int) else size_px
    beyond = box[0] < 0 or box[1] < 0 or box[2] > image.shape[1] or box[3] > image.shape[0]
    x, y = _span(box[0], box[2], width, beyond), _span(box[1], box[3], height, beyond)
    if x is None or y is None:
        return cut_patch(image, box, size_px)
    part = _part(image, x, y, (box[0] < 0, box[1] < 0), beyond)
    size = y.extra + height, x.extra + width
    if size[0] == part.shape[0] or size[1] == part.shape[1]:  # torch would leave such an axis as it is
        part = np.pad(part, ((0, size[0] == part.shape[0]), (0, size[1] == part.shape[1]), (0, 0)), mode="edge")
    # in this order torch sees that the channels lie innermost and takes half the time
    pixels = part.reshape(1, *part.shape).transpose(0, 3, 1, 2)
    found = _resample(torch.from_numpy(pixels), size, False, 1 / y.scale, 1 / x.scale)
    patch: NDArray[np.uint8] = found.numpy()[0, :, y.extra :, x.extra :]
    return patch.transpose(1, 2, 0)


def turned(array: NDArray[T]) -> NDArray[T]:
    """A picture, left and right exchanged: torch takes a fifth of numpy's time."""
    flipped: NDArray[T] = torch.from_numpy(array if array.flags.writeable else array.copy()).flip(1).numpy()
    return flipped


def _span(low: float, high: float, size: int, beyond: bool) -> _Span | None:
    """What to read along an axis; None where no start lies near enough."""
    scale = (high - low) / size
    first = math.floor(low)
    for start in range(first, first - _TRIES, -1):
        extra = round((low - start) / scale)
        if abs(low - start - extra * scale) <= NEAREST_PX:
            return _Span(start, max(math.ceil(high) + (not beyond), start + 1), scale, extra)
    return None


def _part(image: NDArray[np.uint8], x: _Span, y: _Span, filled: tuple[bool, bool], beyond: bool) -> NDArray[np.uint8]:
    """The pixels to read; beyond the picture the mean colour where the box goes there, else the border's own."""
    if not beyond and x.first >= 0 and y.first >= 0:
        # torch takes nothing that is read-only, and copies rows that lie apart itself, but more slowly
        return image[y.first : y.last, x.first : x.last].copy()
    height, width = image.shape[:2]
    right, bottom = (x.last, y.last) if beyond else (min(x.last, width), min(y.last, height))
    left, top = max(x.first, 0), max(y.first, 0)
    inner = image[top : max(min(bottom, height), 0), left : max(min(right, width), 0)]
    part = np.empty((bottom - y.first, right - x.first, 3), dtype=np.uint8)
    above, before = top - y.first, left - x.first
    below, after = above + inner.shape[0], before + inner.shape[1]
    part[above:below, before:after] = inner
    fill_around(part, (before, above, after, below))
    if not filled[0]:
        part[above:below, :before] = inner[:, :1]
    if not filled[1]:
        part[:above] = part[above : above + 1]
    return part
