"""Things known by their outline: vessels with a spout, shoes, birds, crawling things, coils, letters, pliers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..parts import Part, box, ellipsoid, frustum, prism, rod
from ..space import EYE, F, Floats, at, turn


def jug(rng: np.random.Generator) -> list[Part]:
    """A belly with a spout, a handle and a lid, as a teapot, a watering can, a jug."""
    r, high = rng.uniform(0.16, 0.3), rng.uniform(0.15, 0.35)
    if rng.random() < 0.5:
        parts = [ellipsoid(r, r, high), frustum(r * 0.7, r * 0.6, 0.03, centre=at(0, 0, -high * 0.9))]
    else:
        parts = [frustum(r, r * rng.uniform(0.5, 1.1), high)]
    foot, tip = (
        at(r * 0.6, 0, rng.uniform(-0.6, 0.1) * high),
        at(r + rng.uniform(0.1, 0.35), 0, high * rng.uniform(0.6, 1.3)),
    )
    thick = rng.uniform(0.03, 0.07)
    parts += rod(foot, tip, thick * 1.4, thick * rng.uniform(0.4, 1.0))
    out, grip, material = rng.uniform(0.1, 0.25), rng.uniform(0.02, 0.05), int(rng.random() < 0.4)
    bow = np.linspace(0, np.pi, 8)
    path = [at(-r * 0.5 - (r * 0.5 + out) * np.sin(a), 0, high * 0.75 * np.cos(a)) for a in bow]
    if rng.random() < 0.3:  # over the top
        path = [at(r * 0.5 * np.cos(a), 0, high * 0.75 + (out + 0.1) * np.sin(a)) for a in bow]
    parts += _chain(path, grip, material)
    if rng.random() < 0.6:
        parts.append(frustum(r * 0.5, r * 0.3, 0.03, centre=at(0, 0, high), material=1))
        parts.append(ellipsoid(0.04, 0.04, 0.04, centre=at(0, 0, high + 0.06), material=1))
    return parts


def shoe(rng: np.random.Generator) -> list[Part]:
    """A sole, a toe, a heel and a shaft, low or high, as a shoe or a boot."""
    long, wide = rng.uniform(0.25, 0.4), rng.uniform(0.09, 0.15)
    sole = rng.uniform(0.015, 0.05)
    parts = [box(long, wide, sole, centre=at(0, 0, sole), material=1)]
    if rng.random() < 0.4:
        parts.append(box(long * 0.25, wide * 0.9, 0.05, centre=at(-long * 0.7, 0, -0.04), material=1))
    toe = rng.uniform(0.07, 0.13)
    parts.append(ellipsoid(long * 0.5, wide * rng.uniform(0.9, 1.1), toe, centre=at(long * 0.5, 0, 2 * sole)))
    parts.append(ellipsoid(long * 0.7, wide, toe * 1.3, turn(1, 0.25), at(-long * 0.2, 0, 2 * sole + toe * 0.5)))
    shaft, narrow = rng.uniform(0.06, 0.35), wide * rng.uniform(0.7, 1.1)
    place = at(-long * 0.55, 0, 2 * sole + toe + shaft * 0.75)
    parts.append(frustum(wide * 0.95, narrow, shaft, EYE, place))
    if rng.random() < 0.5:
        parts.append(frustum(narrow * 1.08, narrow * 1.08, 0.02, EYE, place + at(0, 0, shaft), 2))
    for x in np.linspace(0, 0.35, int(rng.integers(0, 5))):
        lace = at(long * (x - 0.1), 0, 2 * sole + toe * (1.75 - 2 * x))
        parts.append(box(0.012, wide * 0.5, 0.012, EYE, lace, 2))
    return parts


def bird(rng: np.random.Generator) -> list[Part]:
    """A body, a neck, a head with a beak, wings open or folded, a tail; on legs, or none, as one that swims."""
    long, wide = rng.uniform(0.2, 0.35), rng.uniform(0.1, 0.18)
    high = wide * rng.uniform(0.9, 1.3)
    lean = turn(1, rng.uniform(-0.5, 0.1))
    parts = [ellipsoid(long, wide, high, lean)]
    neck = at(long * rng.uniform(0.7, 1.1), 0, high * rng.uniform(0.8, 3.2))
    size = rng.uniform(0.06, 0.12)
    parts += rod(lean @ at(long * 0.6), neck, size * 0.8, size * 0.6)
    parts.append(ellipsoid(size * 1.2, size, size, centre=neck))
    beak = rng.uniform(0.04, 0.14)
    flat = turn(1, np.pi / 2 + rng.uniform(-0.2, 0.3))
    parts.append(frustum(size * 0.5, size * 0.15, beak, flat, neck + at(size + beak * 0.7, 0, -size * 0.1), 1))
    span, lift, folded = rng.uniform(0.12, 0.4), rng.uniform(-0.3, 0.9), rng.random() < 0.5
    for side in (-1, 1):
        colour = int(rng.random() < 0.3)
        if folded:
            place = lean @ at(-long * 0.15, side * wide * 0.9, 0)
            parts.append(ellipsoid(long * 0.8, 0.03, high * 0.7, lean, place, colour))
            continue
        root = lean @ at(-long * 0.1, side * wide * 0.8, high * 0.2)
        middle = root + 0.85 * span * at(0, side * np.cos(lift), np.sin(lift))
        parts.append(ellipsoid(long * 0.6, span, 0.025, turn(0, side * lift), middle, colour))
    tail = rng.uniform(0.08, 0.2)
    spread = lean @ turn(1, rng.uniform(-0.3, 0.4))
    parts.append(ellipsoid(tail, wide * 0.6, 0.03, spread, lean @ at(-long * 0.85 - tail * 0.5)))
    if rng.random() < 0.5:
        for side in (-1, 1):
            foot = at(rng.uniform(-0.05, 0.1), side * wide * 0.6, -high - rng.uniform(0.08, 0.3))
            parts += rod(at(0, side * wide * 0.5, -high * 0.5), foot, 0.02, material=1)
    return parts


def crawler(rng: np.random.Generator) -> list[Part]:
    """A low body with legs, claws or fins around it, as a crab, a turtle, a lizard."""
    a, b, c = rng.uniform(0.15, 0.3), rng.uniform(0.1, 0.25), rng.uniform(0.05, 0.15)
    parts = [ellipsoid(a, b, c)]
    if rng.random() < 0.5:
        parts.append(ellipsoid(a * 0.9, b * 0.9, c * 0.9, centre=at(0, 0, c * 0.3), material=1))
    reach, thick = rng.uniform(0.08, 0.28), rng.uniform(0.015, 0.045)
    pairs, bend = int(rng.integers(2, 5)), rng.uniform(-0.05, 0.12)
    for x in np.linspace(-0.8, 0.8, pairs):
        for side in (-1, 1):
            hip = at(x * a, side * b * np.sqrt(1 - x * x) * 0.9, 0)
            knee = hip + at(x * reach * 0.5, side * reach * 0.6, bend)
            parts += rod(hip, knee, thick)
            parts += rod(knee, knee + at(x * reach * 0.3, side * reach * 0.5, -bend - c * 0.7), thick, thick * 0.6)
    head = rng.uniform(0.05, 0.11)
    parts.append(ellipsoid(head * 1.3, head, head * 0.8, centre=at(a + head * 0.7, 0, c * 0.2), material=2))
    if rng.random() < 0.5:
        way = at(-rng.uniform(0.1, 0.45), rng.uniform(-0.15, 0.15), 0)
        parts += rod(at(-a * 0.8, 0, 0), at(-a, 0, 0) + way, thick * 1.5, thick * 0.4)
    return parts


def coil(rng: np.random.Generator) -> list[Part]:
    """A wire wound around an axis, as a spring, a cable, a rope; its turns far apart or touching."""
    radius, thick = rng.uniform(0.1, 0.3), rng.uniform(0.02, 0.06)
    turns, rise = rng.uniform(1.5, 4.0), thick * rng.uniform(1.2, 5.0)
    angle = np.linspace(0, 2 * np.pi * turns, int(10 * turns))
    out = radius * (1 + rng.uniform(-0.4, 0.6) * angle / angle[-1])
    points = np.stack([out * np.cos(angle), out * np.sin(angle), rise * angle / (2 * np.pi)], 1).astype(F)
    lie = turn(1, np.pi / 2) if rng.random() < 0.4 else EYE
    return [part.moved(lie, at()) for part in _chain(list(points), thick, 0)]


def letter(rng: np.random.Generator) -> list[Part]:
    """Strokes between the points of a grid, all as thick, as a letter, a sign or a bracket; lying or standing."""
    step, half, deep = rng.uniform(0.15, 0.28), rng.uniform(0.03, 0.08), rng.uniform(0.03, 0.12)
    place, strokes = (int(rng.integers(3)), int(rng.integers(3))), int(rng.integers(2, 6))
    parts = []
    for _ in range(strokes):
        way = [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (1, -1)][rng.integers(6)]
        following = (int(np.clip(place[0] + way[0], 0, 2)), int(np.clip(place[1] + way[1], 0, 2)))
        if following == place:
            following = (1, 1) if place != (1, 1) else (0, 1)
        p, q = step * (at(*place) - at(1, 1)), step * (at(*following) - at(1, 1))
        length, angle = float(np.linalg.norm(q - p)), float(np.arctan2(q[1] - p[1], q[0] - p[0]))
        parts.append(box(length / 2 + half, half, deep, turn(2, angle), ((p + q) / 2).astype(F)))
        place = following
    stand = turn(0, np.pi / 2) if rng.random() < 0.5 else EYE
    return [part.moved(stand, at()) for part in parts]


def pliers(rng: np.random.Generator) -> list[Part]:
    """Two levers across each other, as pliers, scissors, tongs; with loops to hold them or none."""
    open_, front, back = rng.uniform(0.08, 0.6), rng.uniform(0.12, 0.35), rng.uniform(0.15, 0.4)
    thick, wide = rng.uniform(0.012, 0.04), rng.uniform(0.02, 0.06)
    loops, colour = rng.random() < 0.5, int(rng.random() < 0.7)
    parts = [frustum(wide, wide, thick * 2.2, material=2)]
    for side in (-1, 1):
        way = turn(2, side * open_ / 2)
        blade = (
            np.array([(0, -wide), (front * 2, -0.15 * wide), (front * 2, 0.15 * wide), (0, wide)], F) - at(front)[:2]
        )
        lift = at(0, 0, side * thick)
        parts.append(prism(blade, thick, way, (way @ at(front) + lift).astype(F)))
        end = way @ at(-2 * back) + lift
        if loops:
            parts += rod(at(0, 0, side * thick), (0.5 * end).astype(F), thick * 1.2)[:1]
            r = back * rng.uniform(0.3, 0.5)
            circle = [
                end * 0.5 + way @ at(-r + r * np.cos(a), 0.8 * r * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 10)
            ]
            parts += _chain([point.astype(F) for point in circle], thick * 1.3, colour)
        else:
            bowed = way @ at(-back, side * rng.uniform(0.0, 0.12)) + lift
            parts += _chain([lift, bowed.astype(F), end.astype(F)], thick * 1.6, colour)
    return parts


def brush(rng: np.random.Generator) -> list[Part]:
    """A handle, a neck and bristles, as a paintbrush, a hairbrush, a broom; lying or on its bristles."""
    long, thick = rng.uniform(0.18, 0.45), rng.uniform(0.018, 0.05)
    parts = rod(at(-long, 0, 0), at(long, 0, 0), thick * rng.uniform(0.6, 1.0), thick)
    a, b, c = rng.uniform(0.06, 0.2), rng.uniform(0.05, 0.2), rng.uniform(0.015, 0.05)
    if rng.random() < 0.5:  # bristles go on along the handle
        parts.append(box(a * 0.4, b * 0.8, c, centre=at(long + a * 0.4, 0, 0), material=1))
        outline = np.array([(-a, -b * 0.75), (a, -b * 0.9), (a * 1.3, 0), (a, b * 0.9), (-a, b * 0.75)], F)
        parts.append(prism(outline, c * 0.8, centre=at(long + a * 1.7, 0, 0), material=2))
    else:  # they stand across it
        back = at(long + a, 0, 0)
        parts.append(ellipsoid(a * 1.3, b, c, centre=back) if rng.random() < 0.5 else box(a * 1.2, b, c, centre=back))
        tall = rng.uniform(0.03, 0.12)
        parts.append(box(a, b * 0.8, tall, centre=back - at(0, 0, tall), material=2))
    return parts


def headset(rng: np.random.Generator) -> list[Part]:
    """An arc with a cup at each end, as headphones, a handle with two grips, a clamp."""
    r, thick = rng.uniform(0.18, 0.32), rng.uniform(0.015, 0.04)
    high, whole = r * rng.uniform(0.8, 1.5), rng.uniform(0.85, 1.2) * np.pi
    angles = np.linspace(np.pi / 2 - whole / 2, np.pi / 2 + whole / 2, 12)
    path = [at(0, r * np.cos(a), high * np.sin(a)) for a in angles]
    parts = _chain(path, thick, 0)
    cup, half = rng.uniform(0.06, 0.14), rng.uniform(0.03, 0.07)
    for end, side in ((path[0], 1), (path[-1], -1)):
        place = end - at(0, 0, cup * 0.5)
        parts.append(frustum(cup, cup * rng.uniform(0.8, 1.0), half, turn(0, side * np.pi / 2), place, 1))
        parts.append(ellipsoid(cup, half * 0.8, cup, centre=place - at(0, side * half, 0), material=2))
    return parts


def cottage(rng: np.random.Generator) -> list[Part]:
    """Walls, a roof with or without eaves, a door, windows, a chimney or a tower."""
    a, b, c = rng.uniform(0.15, 0.35), rng.uniform(0.12, 0.28), rng.uniform(0.1, 0.25)
    parts = [box(a, b, c)]
    eaves, high = rng.uniform(1.0, 1.3), rng.uniform(0.1, 0.3)
    gable = np.array([(-b * eaves, -high / 3), (b * eaves, -high / 3), (0, 2 * high / 3)], F)
    along = np.array([(0, 0, 1), (1, 0, 0), (0, 1, 0)], F)  # an outline in x and y becomes one in y and z
    parts.append(prism(gable, a * eaves, along, at(0, 0, c + high / 3), 1))
    if rng.random() < 0.5:
        tall = rng.uniform(0.05, 0.15)
        parts.append(box(0.04, 0.04, tall, centre=at(rng.uniform(-0.6, 0.6) * a, b * 0.4, c + high * 0.8), material=2))
    if rng.random() < 0.4:
        r, tower = rng.uniform(0.07, 0.13), rng.uniform(0.2, 0.45)
        corner = at(a, b, tower - c)
        parts.append(frustum(r, r, tower, EYE, corner))
        parts.append(frustum(r * 1.2, 0.01, 0.1, EYE, corner + at(0, 0, tower + 0.1), 1))
    parts.append(box(0.05, 0.012, c * 0.5, centre=at(rng.uniform(-0.5, 0.5) * a, -b, -c * 0.5), material=2))
    for x in np.linspace(-0.7, 0.7, int(rng.integers(1, 4))):
        for side in (-1, 1):
            parts.append(box(0.03, 0.012, 0.03, centre=at(x * a, side * b, c * 0.5), material=2))
    return parts


def dumbbell(rng: np.random.Generator) -> list[Part]:
    """A bar with something thick at both ends, one or two knobs or discs each, as a bone, a weight, a spool."""
    half, thick = rng.uniform(0.12, 0.35), rng.uniform(0.03, 0.09)
    side_on = turn(1, np.pi / 2)
    parts = [frustum(thick, thick * rng.uniform(0.7, 1.3), half, side_on)]
    form, size = int(rng.integers(3)), thick * rng.uniform(1.3, 2.8)
    for end in (-1, 1):
        grow = size * rng.uniform(0.8, 1.2)
        if form == 0:
            for side in (-1, 1):
                place = at(end * half, side * grow * 0.7, 0)
                parts.append(ellipsoid(grow, grow * rng.uniform(0.7, 1.1), grow * 0.9, centre=place))
        elif form == 1:
            for i in range(int(rng.integers(1, 4))):
                r = grow * (1 - 0.15 * i)
                parts.append(frustum(r, r, 0.03, side_on, at(end * (half + 0.055 * i), 0, 0), 1 + i % 2))
        else:
            parts.append(ellipsoid(grow * 1.1, grow, grow, centre=at(end * half, 0, 0), material=1))
    return parts


def star(rng: np.random.Generator) -> list[Part]:
    """Arms out of a middle, all alike, flat or round, as a star, a flower, a propeller, a cross, a plush thing."""
    count, reach = int(rng.integers(3, 8)), rng.uniform(0.15, 0.35)
    flat, soft = rng.uniform(0.02, 0.1), rng.random() < 0.5
    middle = rng.uniform(0.05, 0.16)
    parts = [ellipsoid(middle, middle, flat * 1.4) if soft else frustum(middle, middle, flat * 1.2)]
    wide, colour = rng.uniform(0.05, 0.12), int(rng.random() < 0.4)
    for angle in np.arange(count) * 2 * np.pi / count:
        way = turn(2, angle)
        place = way @ at(middle * 0.7 + reach * 0.5)
        if soft:
            parts.append(ellipsoid(reach * 0.7, wide, flat, way, place, colour))
        else:
            arm = reach * np.array([(-0.6, -0.35), (0.7, -0.06), (0.7, 0.06), (-0.6, 0.35)], F)
            parts.append(prism(arm, flat, way, place, colour))
    parts.append(ellipsoid(middle * 0.6, middle * 0.6, flat * 1.7, material=2))
    stand = turn(0, np.pi / 2) if rng.random() < 0.5 else EYE
    return [part.moved(stand, at()) for part in parts]


def _chain(points: list[Floats], thick: float, material: int) -> list[Part]:
    """Rods from each point to the next."""
    return [part for p, q in pairwise(points) for part in rod(p, q, thick, material=material)]
