"""Light on surfaces: a key light with a shadow map, a light from the other side, the sky."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .layers import nearest_distance
from .space import F, Floats, at
from .things import Thing
from .view import View

_MAP_PX, _MAP_LENGTH = 420, 7.0
"""The shadow map: pixels, and what they cover; what lies beyond is lit."""
_LAMP_DISTANCE = 12
_SHADOW_SAMPLES, _SHADOW_DEPTH = 6, 0.04
"""Looks into the map for each point; how much nearer to the light something must be to shade it."""


@dataclass(frozen=True, slots=True)
class Surfaces:
    """What the n rays of a view that meet a thing or the table find there.

    Attributes:
        rays: directions ``(n, 3)``.
        points: where ``(n, 3)``.
        normal: outward, of length 1 ``(n, 3)``.
        albedo: own colour, RGB in 0 to 1 ``(n, 3)``.
        shine, power: as `Paint` has them ``(n,)``.
    """

    rays: Floats
    points: Floats
    normal: NDArray[np.float32]
    albedo: NDArray[np.float32]
    shine: NDArray[np.float32]
    power: NDArray[np.float32]


def shade(rng: np.random.Generator, surfaces: Surfaces, things: Sequence[Thing]) -> Floats:
    """The colours that surfaces show under drawn lights, ``(n, 3)``; 1 is white, there may be more."""
    tall, around = np.deg2rad(rng.uniform(25, 85)), rng.uniform(0, 2 * np.pi)
    light = at(np.cos(tall) * np.cos(around), np.cos(tall) * np.sin(around), np.sin(tall))
    lit = _lit_share(rng, light, surfaces.points, things)
    tint = np.clip(1 + rng.normal(0, 0.07, 3), 0.8, 1.2).astype(F)
    key, sky, fill = rng.uniform(0.3, 0.9), rng.uniform(0.25, 0.7), rng.uniform(0.0, 0.25)
    n = surfaces.normal
    facing = np.maximum(n @ light, 0) * lit
    other = np.maximum(n @ at(-light[0], -light[1], light[2] * 0.5), 0)
    amount = key * facing[:, None] * tint + sky * (0.6 + 0.4 * n[:, 2:]) + fill * other[:, None]
    half = light - surfaces.rays
    half = half / np.linalg.norm(half, axis=1, keepdims=True)
    gloss = surfaces.shine * np.maximum((n * half).sum(1), 0) ** surfaces.power * lit
    colours: Floats = surfaces.albedo * amount + gloss[:, None]
    return colours


def _lit_share(
    rng: np.random.Generator, light: NDArray[np.float32], points: Floats, things: Sequence[Thing]
) -> NDArray[np.float32]:
    """How much of the key light, whose direction is given, gets to points: 0 to 1, float32 ``(n,)``."""
    lamp = View(light * _LAMP_DISTANCE, at(), _MAP_PX, _MAP_PX, _MAP_PX / _MAP_LENGTH, parallel=True)
    nearest = nearest_distance(lamp, things)
    spot, away = lamp.project(points)
    lit = np.zeros(len(spot), F)
    soft, shaded = rng.uniform(0.5, 3.0), away - _SHADOW_DEPTH
    for _ in range(_SHADOW_SAMPLES):
        x, y = np.floor(spot + rng.normal(0, soft, spot.shape)).astype(np.int32).T.copy()
        inside = (x >= 0) & (x < _MAP_PX) & (y >= 0) & (y < _MAP_PX)
        places = y.clip(0, _MAP_PX - 1) * _MAP_PX + x.clip(0, _MAP_PX - 1)
        lit += ~(inside & (nearest.take(places) < shaded))
    lit /= _SHADOW_SAMPLES
    return lit
