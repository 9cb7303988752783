"""What surfaces and backgrounds are made of: parts of photographs or, where there are none, made colours."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ...core.errors import ImageError
from ...core.images import read_image
from .colours import colour, mixed, smooth_noise
from .space import F

_SIDE_PX = 480
"""Photographs are used at this size, at the most."""
_KEPT = 256
"""So many decoded photographs are kept by each process: 180 MB at the most."""
_MADE_PX = 128


class Pictures(Protocol):
    """Where textures come from."""

    def part(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A texture, uint8 ``(h, w, 3)``, RGB."""

    def background(self, rng: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
        """What is seen behind the table, float32 ``(height, width, 3)`` in 0 to 1."""


class Photographs:
    """Photographs, decoded when one is drawn, which raises `ImageError` for one that cannot be used.

    Args:
        files: one or more; their order matters.

    Raises:
        ImageError: there are none.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        if not files:
            raise ImageError("textures need one photograph or more", remedy="leave some, or give no folder of them")
        self._files = tuple(files)

    def part(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A fifth to four fifths of each side of a photograph."""
        photo = self._draw(rng)
        height, width = photo.shape[:2]
        h, w = (max(int(side * rng.uniform(0.2, 0.8)), 1) for side in (height, width))
        y, x = rng.integers(height - h + 1), rng.integers(width - w + 1)
        return photo[y : y + h, x : x + w]

    def background(self, rng: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
        """A whole photograph, stretched, blurred by 0 to 12 pixels."""
        photo = Image.fromarray(self._draw(rng)).resize((width, height))
        return np.asarray(photo.filter(ImageFilter.GaussianBlur(rng.uniform(0, 12))), F) / F(255)

    def _draw(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        return _read_small(self._files[int(rng.integers(len(self._files)))])


class MadePictures:
    """Colours that need no photograph: noise of two, and a gradient between two."""

    def part(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Smooth noise of two colours."""
        places = np.indices((_MADE_PX, _MADE_PX)).reshape(2, -1).T * (rng.uniform(2, 16) / _MADE_PX)
        noise = smooth_noise(rng, places.astype(F))
        pixels = mixed(colour(rng), colour(rng), noise).reshape(_MADE_PX, _MADE_PX, 3)
        return (pixels * 255).astype(np.uint8)

    def background(self, rng: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
        """A gradient in any direction."""
        angle = rng.uniform(0, 2 * np.pi)
        x, y = np.meshgrid(np.linspace(-0.5, 0.5, width), np.linspace(-0.5, 0.5, height))
        share = (0.5 + (np.cos(angle) * x + np.sin(angle) * y) / np.sqrt(2))[..., None]
        gradient: NDArray[np.float32] = (colour(rng) * (1 - share) + colour(rng) * share).astype(F)
        return gradient


@lru_cache(_KEPT)
def _read_small(path: Path) -> NDArray[np.uint8]:
    image = Image.fromarray(read_image(path))
    image.thumbnail((_SIDE_PX, _SIDE_PX))
    return np.asarray(image)
