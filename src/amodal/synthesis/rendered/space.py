"""Points, directions and turns. Lengths are in sizes of a thing: one is about 1 long; z points up."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

F = np.float32

Floats = NDArray[np.floating[Any]]
"""float32 but where a step on the way is float64; which is which decides the last bits of a scene, so leave it."""

EYE: NDArray[np.float32] = np.eye(3, dtype=F)
"""The turn that turns nothing."""


def at(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> NDArray[np.float32]:
    """A point or direction, float32 ``(3,)``."""
    return np.array((x, y, z), F)


def turn(axis: int, angle: float) -> NDArray[np.float32]:
    """A turn around axis 0, 1 or 2, in radians; float32 ``(3, 3)``.

    >>> (turn(2, np.pi / 2) @ at(1, 0, 0)).round(3).tolist()
    [0.0, 1.0, 0.0]
    """
    c, s = np.cos(angle), np.sin(angle)
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    out = np.eye(3)
    out[i, i], out[i, j], out[j, i], out[j, j] = c, -s, s, c
    return out.astype(F)


def any_turn(rng: np.random.Generator) -> NDArray[np.float32]:
    """A turn in space, not all equally likely: float32 ``(3, 3)``."""
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    if np.linalg.det(q) < 0:  # a mirror image, should a LAPACK give one
        q[:, 0] = -q[:, 0]
    return q.astype(F)
