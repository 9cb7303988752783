"""Things with gaps: what is behind them shows through."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..parts import Part, box, ellipsoid, frustum, rod
from ..space import F, Floats, at, turn


def ring(rng: np.random.Generator) -> list[Part]:
    """A ring, round or not; some hang in another one, as the links of a chain."""
    radius, thick = rng.uniform(0.18, 0.4), rng.uniform(0.025, 0.09)
    flat = rng.uniform(0.55, 1.0)
    parts = _loop(_circle(radius, radius * flat), thick)
    if rng.random() < 0.3:
        shifted = _circle(radius, radius * flat) @ turn(0, np.pi / 2).T + at(radius * rng.uniform(0.8, 1.2), 0, 0)
        parts += _loop(shifted.astype(F), thick, material=int(rng.random() < 0.5))
    return parts


def crate(rng: np.random.Generator) -> list[Part]:
    """The edges of a box; some have a floor, or bars around."""
    half = rng.uniform(0.15, 0.42, 3).astype(F)
    thick = rng.uniform(0.015, 0.045)
    parts = []
    for axis in range(3):
        others = [other for other in range(3) if other != axis]
        for signs in product((-1, 1), repeat=2):
            centre, size = at(), np.full(3, thick, F)
            centre[others] = np.array(signs, F) * half[others]
            size[axis] = half[axis] + thick
            a, b, c = size.tolist()
            parts.append(box(a, b, c, centre=centre))
    if rng.random() < 0.5:
        parts.append(box(float(half[0]), float(half[1]), 0.012, centre=at(0, 0, -half[2]), material=1))
    bars = int(rng.integers(0, 4))
    for z in np.linspace(-half[2], half[2], bars + 2)[1:-1]:
        for side in (-1, 1):
            parts.append(box(float(half[0]), thick * 0.6, thick * 0.8, centre=at(0, side * half[1], z), material=1))
            parts.append(box(thick * 0.6, float(half[1]), thick * 0.8, centre=at(side * half[0], 0, z), material=1))
    return parts


def wheel(rng: np.random.Generator) -> list[Part]:
    """A rim, a hub and spokes; lying, or standing on its rim."""
    radius, thick = rng.uniform(0.22, 0.45), rng.uniform(0.025, 0.07)
    parts = _loop(_circle(radius, radius), thick)
    hub = radius * rng.uniform(0.12, 0.35)
    parts.append(frustum(hub, hub, thick * rng.uniform(0.8, 2.0), material=1))
    count, material = int(rng.integers(3, 8)), int(rng.integers(2))
    for angle in np.arange(count) * 2 * np.pi / count:
        parts += rod(at(), at(radius * np.cos(angle), radius * np.sin(angle)), thick * 0.6, material=material)[:1]
    return _stood(rng, parts)


def grille(rng: np.random.Generator) -> list[Part]:
    """Bars across bars, as of an oven's rack or a fence; lying or standing."""
    a, b = rng.uniform(0.2, 0.48, 2)
    thick = rng.uniform(0.012, 0.035)
    parts = []
    for x in np.linspace(-a, a, int(rng.integers(3, 9))):
        parts += rod(at(x, -b, 0), at(x, b, 0), thick)[:1]
    for y in np.linspace(-b, b, int(rng.integers(2, 6))):
        parts += rod(at(-a, y, 0), at(a, y, 0), thick * 1.1, material=1)[:1]
    return _stood(rng, parts)


def plant(rng: np.random.Generator) -> list[Part]:
    """A pot, stems, and leaves or flowers on them."""
    r, h = rng.uniform(0.1, 0.22), rng.uniform(0.08, 0.2)
    parts = [frustum(r * rng.uniform(0.6, 1.0), r, h)]
    leaf = rng.uniform(0.06, 0.16)
    narrow, ball = rng.uniform(0.25, 0.7), rng.random() < 0.25
    for _ in range(int(rng.integers(3, 9))):
        angle, out, up = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.35), rng.uniform(0.15, 0.6)
        foot = at(0.4 * r * np.cos(angle), 0.4 * r * np.sin(angle), h)
        tip = foot + at(out * np.cos(angle), out * np.sin(angle), up)
        parts += rod(foot, tip, 0.014, material=1)[:1]
        if ball:
            parts.append(ellipsoid(leaf * 0.6, leaf * 0.6, leaf * 0.5, centre=tip, material=2))
            continue
        for place in (0.6, 1.0):
            lie = turn(2, angle + rng.normal(0, 0.5)) @ turn(1, rng.uniform(-0.9, 0.5))
            middle = foot + place * (tip - foot) + lie @ at(leaf * 0.7, 0, 0)
            parts.append(ellipsoid(leaf, leaf * narrow, 0.012, lie.astype(F), middle, 1))
    return parts


def stool(rng: np.random.Generator) -> list[Part]:
    """A seat or a top on legs; some have a back."""
    a, b = rng.uniform(0.16, 0.38, 2)
    h, thick = rng.uniform(0.18, 0.5), rng.uniform(0.015, 0.045)
    is_round, slab = rng.random() < 0.4, rng.uniform(0.015, 0.05)
    parts = [frustum(a, a, slab) if is_round else box(a, b, slab)]
    spread = rng.uniform(0.7, 1.2)
    count = int(rng.integers(3, 5)) if is_round else 4
    corners = [at(np.cos(t), np.sin(t)) * 0.75 * a for t in np.arange(count) * 2 * np.pi / count]
    if not is_round:
        corners = [at(x * a * 0.85, y * b * 0.85) for x, y in product((-1, 1), repeat=2)]
    for corner in corners:
        parts += rod(corner, corner * spread + at(0, 0, -h), thick, material=1)[:1]
    if not is_round and rng.random() < 0.5:
        high = rng.uniform(0.15, 0.45)
        parts.append(box(0.02, b, high * 0.4, centre=at(-a, 0, high), material=int(rng.random() < 0.5)))
        for side in (-1, 1):
            parts.append(box(0.02, 0.025, high / 2, centre=at(-a, side * b * 0.8, high / 2), material=1))
    return parts


def _circle(a: float, b: float, count: int = 14) -> NDArray[np.float32]:
    """Points around an ellipse in the plane of x and y ``(count, 3)``."""
    angle = np.arange(count) * 2 * np.pi / count
    return np.stack([a * np.cos(angle), b * np.sin(angle), 0 * angle], 1).astype(F)


def _loop(points: Floats, thick: float, material: int = 0) -> list[Part]:
    """Rods from each point to the next, and back to the first."""
    ways: Sequence[tuple[Floats, Floats]] = list(zip(points, np.roll(points, -1, 0), strict=True))
    return [part for p, q in ways for part in rod(p, q, thick, material=material)]


def _stood(rng: np.random.Generator, parts: list[Part]) -> list[Part]:
    """What lies, or, in half of the cases, the same on its edge."""
    upright = turn(0, np.pi / 2 + rng.uniform(-0.3, 0.3))
    return [part.moved(upright, at()) for part in parts] if rng.random() < 0.5 else parts
