"""Colours changed at random: brightness, contrast and the balance of colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def colour_table(amount: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 ``(256, 3)``: what becomes of each level of each colour.

    Args:
        amount: up to this share, 0-0.9, brightness and contrast vary; the balance of colours by a quarter of it.
    """
    brightness = 255 * rng.uniform(-amount, amount) / 2
    gains = (1 + rng.uniform(-amount, amount)) * (1 + rng.uniform(-amount, amount, size=3) / 4)
    levels = np.arange(256)[:, None]
    return np.clip((levels - 128) * gains + 128 + brightness, 0, 255).astype(np.uint8)


def strange_table(rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 ``(256, 3)``: as `colour_table`, far from what was: each colour's levels bent and squeezed, apart."""
    levels = np.arange(256)[:, None] / 255
    bent = levels ** np.exp(rng.uniform(-0.7, 0.7, size=3))
    low, high = rng.uniform(0, 0.35, size=3), rng.uniform(0.65, 1.0, size=3)
    return np.asarray(255 * (low + (high - low) * bent), dtype=np.uint8)


def recolour(image: NDArray[np.uint8], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 ``(h, w, 3)``: the picture through a table, `colour_table` or `strange_table`."""
    return np.stack([table[:, c][image[..., c]] for c in range(3)], axis=-1)
