"""Patches cut out of pictures, and pictures mirrored: by torch where it is installed, else by Pillow and numpy.

A patch of the one lies within 1/32 pixel of the picture of the other's (`torch_cut`): colours differ by a little.
Masks are cut by Pillow alone, so that boxes and labels are the same bytes everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, _imaging

from ..core import boxes as bx
from ..core.images import cut_patch, part_around

T = TypeVar("T", bound=np.generic)
_BILINEAR = Image.Resampling.BILINEAR


def cut_pixels(image: NDArray[np.uint8], box: bx.Box, size_px: int | tuple[int, int]) -> NDArray[np.uint8]:
    """As `core.images.cut_patch` of a picture ``(H, W, 3)``, faster where torch is installed."""
    by_torch = _by_torch()
    return cut_patch(image, box, size_px) if by_torch is None else by_torch[0](image, box, size_px)


def cut_planes(image: NDArray[np.uint8], box: bx.Box, size_px: int) -> NDArray[np.uint8]:
    """The same as ``(3, size, size)``: a view, in memory the colours of a pixel still lie side by side."""
    patch = cut_pixels(image, box, size_px)
    # Pillow's bytes cannot be written to, which torch wants
    return (patch if patch.flags.writeable else patch.copy()).transpose(2, 0, 1)


def cut_mask(
    mask: NDArray[np.uint8] | NDArray[np.bool_], box: bx.Box, size_px: int | tuple[int, int]
) -> NDArray[np.uint8]:
    """As `core.images.cut_patch` of a grey picture or a mask ``(H, W)``: the same bytes, read-only."""
    part, inside = part_around(mask, box)
    return resized(part, inside, (size_px, size_px) if isinstance(size_px, int) else size_px)


def resized(grey: NDArray[np.uint8], inside: bx.Box, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Pillow's bilinear `Image.resize`: the same bytes, read-only.

    Its C functions are called without the `Image` objects around them, which take longer than most masks do. They are
    not public: a test holds this against `core.images.cut_patch`, which goes the public way and serves prediction.

    Args:
        grey: uint8 ``(H, W)``, contiguous.
        inside: the part of it to be resized, xyxy.
        size: ``(width, height)``.

    Returns:
        uint8 ``(height, width)``.
    """
    width, height = size
    picture = _imaging.map_buffer(grey, grey.shape[::-1], "raw", 0, ("L", 0, 1))
    encoder = _imaging.raw_encoder("L", "L")
    encoder.setimage(picture.resize(size, _BILINEAR, inside), (0, 0, width, height))
    return np.ndarray((height, width), np.uint8, encoder.encode(width * height)[2])


def turned(array: NDArray[T]) -> NDArray[T]:
    """A picture ``(h, w, 3)`` of bytes or a mask ``(h, w)``, left and right exchanged; the same bytes either way."""
    if array.ndim == 2:  # so small that to call torch takes longer
        return np.ascontiguousarray(array[:, ::-1])
    by_torch = _by_torch()
    if by_torch is not None:
        return by_torch[1](array)
    pixels = array.view("V3")[..., 0]  # a pixel is moved as one thing
    return np.ascontiguousarray(pixels[:, ::-1]).view(array.dtype).reshape(array.shape)


@cache
def _by_torch() -> tuple[Callable[..., NDArray[np.uint8]], Callable[[NDArray[T]], NDArray[T]]] | None:
    try:
        from .torch_cut import cut, turned
    except ModuleNotFoundError as problem:
        if problem.name != "torch":
            raise  # torch is there, a part of it is not
        return None
    return cut, turned
