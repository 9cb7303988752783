"""Colours that things have, and smooth noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .space import F, Floats


def colour(rng: np.random.Generator) -> NDArray[np.float32]:
    """One that things have: greys and browns as often as bright ones; float32 ``(3,)``, RGB, 0.02 to 0.98."""
    hue, kind = rng.random(), rng.random()
    if kind < 0.25:
        base = np.full(3, rng.uniform(0.05, 0.95)) + rng.normal(0, 0.03, 3)
    else:
        bright = kind < 0.65
        s = rng.uniform(0.4, 1.0) if bright else rng.uniform(0.1, 0.5)
        v = rng.uniform(0.35, 1.0) if bright else rng.uniform(0.2, 0.9)
        k = (np.array([5, 3, 1]) + hue * 6) % 6
        base = v - v * s * np.clip(np.minimum(k, 4 - k), 0, 1)
    return base.clip(0.02, 0.98).astype(F)


def smooth_noise(rng: np.random.Generator, uv: Floats, octaves: int = 3) -> Floats:
    """Noise in 0 to 1 at places ``(n, 2)``, smooth over lengths of about 1 and, weaker, of 1/2, 1/4, ...; ``(n,)``."""
    side = 64
    total: Floats = np.zeros(len(uv), F)
    weight = 0.0
    for octave in range(octaves):
        grid = rng.random((side, side)).astype(F)
        p = uv * 2**octave
        i = np.floor(p).astype(np.int64)
        f = (p - i).astype(F)
        f = f * f * (3 - 2 * f)
        a, b = i % side, (i + 1) % side
        top = grid[a[:, 1], a[:, 0]] * (1 - f[:, 0]) + grid[a[:, 1], b[:, 0]] * f[:, 0]
        low = grid[b[:, 1], a[:, 0]] * (1 - f[:, 0]) + grid[b[:, 1], b[:, 0]] * f[:, 0]
        total += (top * (1 - f[:, 1]) + low * f[:, 1]) / 2**octave
        weight += 1 / 2**octave
    return total / weight


def mixed(first: NDArray[np.float32], second: NDArray[np.float32], noise: Floats) -> Floats:
    """Two colours by noise ``(n,)``, its middle stretched; ``(n, 3)``."""
    n: Floats = np.clip((noise[:, None] - 0.5) * 2.5 + 0.5, 0, 1)
    return first * (1 - n) + second * n
