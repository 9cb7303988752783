"""Things put together of parts that look each their own: devices, toys, figures, vehicles, stacks, cutlery."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np

from ..parts import Part, box, ellipsoid, frustum, prism, rod
from ..space import EYE, F, Floats, any_turn, at, turn


def device(rng: np.random.Generator) -> list[Part]:
    """A flat case with a screen, buttons or both, as a telephone, a remote control, a calculator; lying or standing."""
    a, b, c = rng.uniform(0.15, 0.45), rng.uniform(0.08, 0.3), rng.uniform(0.02, 0.09)
    parts = [box(a, b, c)]
    edge = -a * 0.9
    if rng.random() < 0.6:
        size = a * rng.uniform(0.25, 0.85)
        parts.append(box(size, b * 0.85, 0.008, centre=at(edge + size, 0, c), material=1))
        edge += 2 * size + 0.03
    columns, rows = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    step_x, step_y = (a * 0.9 - edge) / columns, b * 1.7 / rows
    if min(step_x, step_y) > 0.035:
        size, is_round = 0.35 * min(step_x, step_y), rng.random() < 0.4
        for i, j in product(range(columns), range(rows)):
            place = at(edge + (i + 0.5) * step_x, -0.85 * b + (j + 0.5) * step_y, c + 0.008)
            material = 1 if rng.random() < 0.15 else 2
            if is_round:
                parts.append(frustum(size, size, 0.012, EYE, place, material))
            else:
                parts.append(box(0.4 * step_x, 0.4 * step_y, 0.012, EYE, place, material))
    tilt = turn(1, -np.pi / 2 + rng.uniform(-0.4, 0.4)) if rng.random() < 0.4 else EYE
    return [part.moved(tilt, at()) for part in parts]


def lamp(rng: np.random.Generator) -> list[Part]:
    """A foot, an arm, bent or not, and a shade."""
    r, high = rng.uniform(0.1, 0.25), rng.uniform(0.25, 0.55)
    parts = [frustum(r, r * rng.uniform(0.4, 1.0), rng.uniform(0.015, 0.06))]
    elbow = at(rng.uniform(-0.25, 0.1), rng.normal(0, 0.05), high)
    thick = rng.uniform(0.012, 0.035)
    parts += rod(at(), elbow, thick, material=1)
    top = elbow
    if rng.random() < 0.6:
        top = elbow + at(rng.uniform(0.15, 0.45), 0, rng.uniform(-0.15, 0.15))
        parts += rod(elbow, top, thick, material=1)
    shade, narrow = rng.uniform(0.1, 0.25), rng.uniform(0.2, 0.8)
    tilt = turn(1, rng.uniform(-0.2, 0.9))
    parts.append(frustum(shade, shade * narrow, rng.uniform(0.06, 0.15), tilt, top, int(rng.random() < 0.5) * 2))
    return parts


def stack(rng: np.random.Generator) -> list[Part]:
    """Slabs or discs on each other, each shifted and turned a little, as books, plates or boxes."""
    a, b = rng.uniform(0.18, 0.42, 2)
    is_round, shift = rng.random() < 0.35, rng.uniform(0, 0.06)
    parts, z = [], 0.0
    for place in range(int(rng.integers(2, 7))):
        half = rng.uniform(0.02, 0.09)
        size = rng.uniform(0.75, 1.05)
        centre = at(rng.normal(0, shift), rng.normal(0, shift), z + half)
        way = turn(2, rng.normal(0, 3 * shift))
        if is_round:
            parts.append(frustum(a * size, a * size * rng.uniform(0.85, 1.0), half, way, centre, place % 3))
        else:
            parts.append(box(a * size, b * size, half, way, centre, place % 3))
        z += 2 * half
    return parts


def blocks(rng: np.random.Generator) -> list[Part]:
    """Equal cubes side by side, in three colours or one."""
    half = rng.uniform(0.05, 0.11)
    cells = {(0, 0, 0)}
    wanted = int(rng.integers(3, 11))
    while len(cells) < wanted:
        start = sorted(cells)[rng.integers(len(cells))]
        step = [0, 0, 0]
        step[rng.integers(3)] = int(rng.choice([-1, 1]))
        cells.add((start[0] + step[0], start[1] + step[1], start[2] + step[2]))
    colours = int(rng.integers(1, 4))
    return [
        box(half, half, half, centre=2 * half * at(*cell), material=int(rng.integers(colours)))
        for cell in sorted(cells)
    ]


def bowl(rng: np.random.Generator) -> list[Part]:
    """A bowl or a plate, its inside of another colour, some with something in it."""
    count = int(rng.integers(2, 5))
    slope = np.sort(rng.uniform(0.35, 1.0, count + 1)) * rng.uniform(0.25, 0.45)
    high = rng.uniform(0.04, 0.3) / count
    parts = [
        frustum(low, wide, high / 2, centre=at(0, 0, (i + 0.5) * high)) for i, (low, wide) in enumerate(pairwise(slope))
    ]
    top = count * high
    inside = float(slope[-1]) * rng.uniform(0.8, 0.95)
    parts.append(frustum(inside, inside, 0.004, centre=at(0, 0, top), material=1))
    for _ in range(int(rng.integers(0, 5)) if rng.random() < 0.4 else 0):
        size = inside * rng.uniform(0.15, 0.4)
        angle, out = rng.uniform(0, 2 * np.pi), rng.uniform(0, 1) * (inside - size)
        parts.append(ellipsoid(size, size, size, centre=at(out * np.cos(angle), out * np.sin(angle), top), material=2))
    return parts


def toy(rng: np.random.Generator) -> list[Part]:
    """Soft forms that grow out of each other."""
    size = rng.uniform(0.14, 0.28)
    parts = [ellipsoid(size, size * rng.uniform(0.7, 1.3), size * rng.uniform(0.7, 1.4))]
    for _ in range(int(rng.integers(3, 9))):
        base = parts[rng.integers(len(parts))]
        way = rng.normal(size=3).astype(F)
        way /= np.linalg.norm(way)
        centre = base.centre + way * (base.support(way) - float(base.centre @ way)) * rng.uniform(0.7, 1.0)
        a, b, c = size * rng.uniform(0.3, 0.9, 3)
        parts.append(ellipsoid(a, b, c, any_turn(rng), centre.astype(F), int(rng.random() < 0.3)))
    return parts


def figure(rng: np.random.Generator) -> list[Part]:
    """A doll: a trunk, a head, arms and legs, some with a hat."""
    high, wide = rng.uniform(0.14, 0.24), rng.uniform(0.08, 0.15)
    deep = wide * rng.uniform(0.5, 0.9)
    forms = (
        ellipsoid(deep, wide, high),
        box(deep, wide, high),
        frustum(wide * rng.uniform(0.7, 1.3), wide * 0.8, high),
    )
    parts = [forms[rng.integers(3)]]
    head = rng.uniform(0.07, 0.15)
    parts.append(ellipsoid(head, head, head * rng.uniform(0.9, 1.2), centre=at(0, 0, high + head * 0.9), material=1))
    thick = rng.uniform(0.025, 0.06)
    for side in (-1, 1):
        shoulder = at(0, side * wide * 0.9, high * 0.7)
        hand = shoulder + at(rng.uniform(-0.15, 0.25), side * rng.uniform(0.03, 0.25), rng.uniform(-0.3, 0.25))
        parts += rod(shoulder, hand, thick, material=int(rng.random() < 0.2))
        hip = at(0, side * wide * 0.5, -high * 0.8)
        foot = hip + at(rng.uniform(-0.15, 0.15), side * rng.uniform(0, 0.1), -rng.uniform(0.15, 0.4))
        parts += rod(hip, foot, thick * 1.2, material=2)
    if rng.random() < 0.4:
        brim = head * rng.uniform(0.9, 1.6)
        parts.append(frustum(brim, head * rng.uniform(0.1, 0.8), head * 0.4, EYE, at(0, 0, high + 2.1 * head), 2))
    return parts


def vehicle(rng: np.random.Generator) -> list[Part]:
    """A body with a cabin on four or six wheels."""
    a, b, c = rng.uniform(0.25, 0.45), rng.uniform(0.1, 0.18), rng.uniform(0.05, 0.12)
    parts = [box(a, b, c)]
    cabin, high = a * rng.uniform(0.3, 0.7), rng.uniform(0.05, 0.16)
    lean = rng.uniform(0, 0.5, 2) * cabin
    outline = np.array([(-cabin, -high), (cabin, -high), (cabin - lean[0], high), (lean[1] - cabin, high)], F)
    side = turn(0, np.pi / 2)  # an outline in x and y becomes one in x and z
    place = at(rng.uniform(-1, 1) * (a - cabin), 0, c + high)
    parts.append(prism(outline, b * 0.9, side, place, int(rng.random() < 0.6)))
    r = rng.uniform(0.06, 0.12)
    for x in np.linspace(-0.65, 0.65, int(rng.integers(2, 4))):
        for y in (-1, 1):
            parts.append(frustum(r, r, 0.03, side, at(x * a, y * b, -c), 2))
    return parts


def cutlery(rng: np.random.Generator) -> list[Part]:
    """A spoon, a fork, a knife or a brush; lying."""
    long, thick = rng.uniform(0.2, 0.4), rng.uniform(0.012, 0.03)
    parts = [box(long, thick * rng.uniform(1.0, 2.0), thick)]
    head, wide = rng.uniform(0.08, 0.22), rng.uniform(0.04, 0.1)
    form = int(rng.integers(4))
    middle = at(long + head * 0.9, 0, 0)
    material = int(rng.random() < 0.6)
    if form == 0:
        parts.append(ellipsoid(head, wide, thick * 1.2, centre=middle, material=material))
    elif form == 1:
        parts.append(box(head * 0.35, wide, thick * 0.8, centre=at(long + head * 0.3, 0, 0), material=material))
        for y in np.linspace(-wide, wide, int(rng.integers(2, 5))) * 0.9:
            root = at(long + head * 0.6, y, 0)
            parts += rod(root, root + at(head * 1.2, 0, 0), thick * 0.6, material=material)
    elif form == 2:
        blade = np.array(
            [(-head, -wide * 0.5), (head * 0.7, -wide * 0.5), (head * 1.4, wide * 0.3), (-head, wide * 0.3)]
        )
        parts.append(prism(blade.astype(F), thick * 0.4, EYE, middle, material))
    else:
        parts.append(box(head * 0.6, wide * 0.6, wide * 1.2, centre=at(long + head * 0.5, 0, -wide), material=1))
    return parts


def bunch(rng: np.random.Generator) -> list[Part]:
    """Balls that touch, as grapes or a bag of fruit, with a stalk or none."""
    size, squeeze = rng.uniform(0.06, 0.14), rng.uniform(1.3, 1.9)
    places: list[Floats] = [at()]
    while len(places) < 5 + int(size < 0.1) * 6:
        way = rng.normal(size=3).astype(F)
        place = places[rng.integers(len(places))] + way / np.linalg.norm(way) * size * squeeze
        if min(float(np.linalg.norm(place - other)) for other in places) > size * 1.1:
            places.append(place.astype(F))
    colours = 1 + int(rng.random() < 0.3)
    parts = []
    for middle in places:
        a, b, c = size * rng.uniform(0.85, 1.1, 3)
        parts.append(ellipsoid(a, b, c, centre=middle, material=int(rng.integers(colours))))
    if rng.random() < 0.5:
        parts += rod(at(), at(0.05, 0, size * 4), 0.018, material=2)
    return parts
