"""Massive things: cartons, vessels, animals, tools, bent things, solids stuck together."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..parts import Part, box, ellipsoid, frustum, prism, rod
from ..space import EYE, F, any_turn, at, turn


def carton(rng: np.random.Generator) -> list[Part]:
    """A box, some with the gable of a milk carton."""
    a, b, c = rng.uniform(0.15, 0.5, 3)
    parts = [box(a, b, c)]
    if rng.random() < 0.2:
        parts.append(box(a, 0.02, 0.12, centre=at(0, 0, c + 0.12)))
    return parts


def can(rng: np.random.Generator) -> list[Part]:
    """A cylinder with two rims."""
    r, h = rng.uniform(0.15, 0.4), rng.uniform(0.12, 0.5)
    rim = r * rng.uniform(0.85, 1.0)
    rims = [frustum(rim, rim, 0.02, centre=at(0, 0, z), material=1) for z in (h + 0.02, -h - 0.02)]
    return [frustum(r, r, h), *rims]


def lathe(rng: np.random.Generator) -> list[Part]:
    """A vessel of frusta on each other, some with a neck or a ball on top."""
    count = rng.integers(3, 8)
    heights = rng.uniform(0.05, 0.25, count)
    radii = np.abs(np.cumsum(rng.normal(0, 0.12, count + 1)) + rng.uniform(0.15, 0.4)).clip(0.04, 0.5)
    if rng.random() < 0.5:  # a neck
        radii[-2:] = rng.uniform(0.05, 0.12)
    parts, z = [], 0.0
    change = rng.integers(1, count + 1)
    for i, h in enumerate(heights):
        parts.append(frustum(radii[i], radii[i + 1], h / 2, centre=at(0, 0, z + h / 2), material=int(i >= change)))
        z += h
    if rng.random() < 0.3:
        parts.append(ellipsoid(radii[-1], radii[-1], radii[-1], centre=at(0, 0, z), material=1))
    return parts


def mug(rng: np.random.Generator) -> list[Part]:
    """A cup with a handle, its opening another colour."""
    r, h = rng.uniform(0.2, 0.35), rng.uniform(0.2, 0.4)
    parts = [
        frustum(r * rng.uniform(0.7, 1.0), r, h),
        frustum(r * 0.9, r * 0.9, 0.004, centre=at(0, 0, h), material=1),
    ]
    material = int(rng.random() < 0.3)
    thick, out = rng.uniform(0.03, 0.06), rng.uniform(0.15, 0.3)
    angle = np.linspace(-np.pi / 2, np.pi / 2, 7)
    path = [at(r * 0.95 + out * np.cos(a), 0, h * 0.7 * np.sin(a)) for a in angle]
    for p, q in pairwise(path):
        parts += rod(p, q, thick, material=material)
    return parts


def animal(rng: np.random.Generator) -> list[Part]:
    """A body and a head; a snout or beak, ears, legs and a tail, where it has them."""
    long, wide, high = rng.uniform(0.25, 0.45), rng.uniform(0.12, 0.28), rng.uniform(0.14, 0.28)
    tilt = turn(1, rng.uniform(-0.8, 0.3))
    parts = [ellipsoid(long, wide, high, tilt)]
    parts += _head(rng, long, high)
    if rng.random() < 0.7:
        leg, thick = rng.uniform(0.15, 0.4), rng.uniform(0.04, 0.1)
        for x in (-0.6, 0.6):
            for side in (-1, 1):
                hip = at(x * long, side * wide * 0.6, -high * 0.4)
                parts += rod(hip, at(x * long * rng.uniform(0.9, 1.2), side * wide * 0.7, -high - leg), thick)
    if rng.random() < 0.6:
        tail = rng.uniform(0.1, 0.4)
        end = at(-long - tail, rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.3))
        parts += rod(at(-long * 0.8, 0, 0), end, rng.uniform(0.03, 0.1), rng.uniform(0.01, 0.06))
    return parts


def _head(rng: np.random.Generator, long: float, high: float) -> list[Part]:
    """A head, the neck of a body that is so long and high, and what is on the head."""
    size = rng.uniform(0.12, 0.24)
    middle = at(long * rng.uniform(0.7, 1.0), 0, high * rng.uniform(0.5, 1.8))
    parts = [ellipsoid(size * rng.uniform(0.9, 1.4), size, size, centre=middle)]
    parts += rod(at(long * 0.4, 0, 0), middle, size * 0.7)[:1]
    if rng.random() < 0.7:  # a snout or a beak
        tip, place = size * rng.uniform(0.1, 0.4), middle + at(size * 1.1, 0, -size * 0.2)
        parts.append(frustum(size * 0.5, tip, size * 0.5, turn(1, np.pi / 2), place, 1))
    if rng.random() < 0.7:
        ear = rng.uniform(0.3, 0.7) * size
        for side in (-1, 1):
            place = middle + at(-size * 0.2, side * size * 0.7, size * 0.9)
            parts.append(ellipsoid(ear * 0.4, ear * 0.6, ear, centre=place, material=int(rng.random() < 0.3)))
    return parts


def slab(rng: np.random.Generator) -> list[Part]:
    """A prism over any convex polygon."""
    return [prism(_polygon(rng, rng.uniform(0.2, 0.5)), rng.uniform(0.03, 0.4))]


def tool(rng: np.random.Generator) -> list[Part]:
    """A grip and a body across it, as of a drill, a lamp, a hammer, a punch."""
    grip, thick = rng.uniform(0.25, 0.5), rng.uniform(0.05, 0.13)
    bend = turn(1, rng.uniform(-0.4, 0.4))
    parts = []
    if rng.random() < 0.5:
        parts.append(frustum(thick, thick * rng.uniform(0.8, 1.3), grip, bend))
    else:
        parts.append(box(thick, thick * rng.uniform(0.5, 1.0), grip, bend))
    top = bend @ at(0, 0, grip)
    body, r = rng.uniform(0.15, 0.4), rng.uniform(0.08, 0.2)
    shift = top + at(rng.uniform(-0.2, 0.3), 0, r * 0.3)
    material = int(rng.random() < 0.6)
    if rng.random() < 0.5:
        parts.append(frustum(r, r * rng.uniform(0.5, 1.1), body, turn(1, np.pi / 2), shift, material))
        if rng.random() < 0.6:
            tip = shift + at(body + 0.1, 0, 0)
            parts.append(frustum(r * 0.5, r * 0.2, 0.1, turn(1, np.pi / 2), tip, 1 - material))
    else:
        parts.append(box(body, r * 0.7, r, centre=shift, material=material))
    if rng.random() < 0.5:
        sides = rng.uniform(0.1, 0.22), rng.uniform(0.08, 0.15), rng.uniform(0.05, 0.12)
        parts.append(box(*sides, centre=bend @ at(0, 0, -grip), material=material))
    return parts


def rack(rng: np.random.Generator) -> list[Part]:
    """Rows of the same bump on a base, as an egg box has."""
    nx, ny = rng.integers(2, 5), rng.integers(1, 4)
    r = rng.uniform(0.08, 0.14)
    parts = [box(nx * r, ny * r, rng.uniform(0.03, 0.12))]
    top = r * rng.uniform(0.4, 0.9)
    h = rng.uniform(0.05, 0.15)
    for i in range(nx):
        for j in range(ny):
            centre = at((2 * i + 1 - nx) * r, (2 * j + 1 - ny) * r, 0.05 + h)
            parts.append(frustum(r * 0.95, top, h, centre=centre, material=int(rng.random() < 0.1)))
    return parts


def fruit(rng: np.random.Generator) -> list[Part]:
    """An ellipsoid, some with a stalk."""
    r = rng.uniform(0.15, 0.4)
    parts = [ellipsoid(r, r * rng.uniform(0.7, 1.1), r * rng.uniform(0.7, 1.3))]
    if rng.random() < 0.4:
        parts += rod(at(0, 0, r * 0.8), at(0.03, 0, r * 1.4), 0.02, material=1)
    return parts


def curved(rng: np.random.Generator) -> list[Part]:
    """A bent thing, as a banana, a hook or a cable is."""
    count = rng.integers(4, 9)
    point, way = at(), rng.normal(size=3)
    thick = rng.uniform(0.04, 0.13)
    bend = rng.normal(0, 0.35, 3)
    parts = []
    for i in range(count):
        way = way + bend * np.linalg.norm(way)
        way /= np.linalg.norm(way)
        following = (point + 0.16 * way).astype(F)
        grow = 0.5 + 0.5 * np.sin(np.pi * (i + 1) / (count + 1)) if rng.random() < 0.9 else 1.0
        parts += rod(point, following, thick * grow)
        point = following
    return parts


def assembly(rng: np.random.Generator) -> list[Part]:
    """Solids that touch, each on the surface of one before."""
    parts: list[Part] = []
    for _ in range(rng.integers(2, 6)):
        rotation = any_turn(rng) if rng.random() < 0.4 else EYE
        size = rng.uniform(0.08, 0.3, 3)
        centre = at()
        if parts:
            base = parts[rng.integers(len(parts))]
            way = rng.normal(size=3).astype(F)
            way /= np.linalg.norm(way)
            if rng.random() < 0.6:  # along an axis
                way = np.eye(3, dtype=F)[rng.integers(3)] * rng.choice([-1, 1])
            reach = base.support(way) - float(base.centre @ way)
            centre = base.centre + way * reach * rng.uniform(0.8, 1.2)
        material = int(rng.integers(3))
        form = rng.integers(4)
        if form == 3:
            parts.append(prism(_polygon(rng, size[0]), size[1], rotation, centre, material))
        else:
            make = (ellipsoid, frustum, box)[form]
            parts.append(make(size[0], size[1], size[2], rotation, centre, material))
    return parts


def _polygon(rng: np.random.Generator, size: float) -> NDArray[np.float32]:
    """Corners of a convex polygon around the origin, counter-clockwise, float32 ``(k, 2)``."""
    count = rng.integers(3, 9)
    even = np.arange(count) * 2 * np.pi / count
    angle = np.sort(rng.uniform(0, 2 * np.pi, count)) if rng.random() < 0.5 else even
    if np.diff(np.append(angle, angle[0] + 2 * np.pi)).max() > 2.6:  # the origin must lie well inside
        angle = even
    points = size * np.stack([np.cos(angle), rng.uniform(0.4, 1.0) * np.sin(angle)], 1)
    return points.astype(F)
