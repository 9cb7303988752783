"""Where rays enter solids, against who is inside by definition, walked along each ray; normals, bounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from amodal.synthesis.rendered.parts import Part, ellipsoid, frustum, rod
from amodal.synthesis.rendered.solids import Ellipsoid, Frustum, Hull, Solid
from amodal.synthesis.rendered.space import EYE, any_turn, at, turn

Points = NDArray[np.floating]
Inside = Callable[[Points], NDArray[np.bool_]]
STEP = 2e-3
PENTAGON = np.array([(0.5, 0.0), (0.1, 0.4), (-0.4, 0.3), (-0.4, -0.2), (0.2, -0.4)], np.float32)


def in_ellipsoid(a: float, b: float, c: float) -> Inside:
    return lambda points: ((points / (a, b, c)) ** 2).sum(-1) <= 1


def in_frustum(low: float, high: float, half: float) -> Inside:
    def inside(points: Points) -> NDArray[np.bool_]:
        share = (points[..., 2] + half) / (2 * half)
        return (share >= 0) & (share <= 1) & (np.hypot(points[..., 0], points[..., 1]) <= low + share * (high - low))

    return inside


def in_hull(corners: list[tuple[float, float, float]]) -> Inside:
    net = Delaunay(np.array(corners))
    return lambda points: net.find_simplex(points) >= 0


BOX = [(x, y, z) for x in (-0.5, 0.5) for y in (-0.2, 0.2) for z in (-0.3, 0.3)]
PRISM = [(float(x), float(y), z) for x, y in PENTAGON for z in (-0.25, 0.25)]
SOLIDS = {
    "ball": (Ellipsoid((0.4, 0.4, 0.4)), in_ellipsoid(0.4, 0.4, 0.4)),
    "ellipsoid": (Ellipsoid((0.6, 0.2, 0.35)), in_ellipsoid(0.6, 0.2, 0.35)),
    "cylinder": (Frustum(0.3, 0.3, 0.4), in_frustum(0.3, 0.3, 0.4)),
    "wider above": (Frustum(0.1, 0.5, 0.2), in_frustum(0.1, 0.5, 0.2)),
    "narrower above": (Frustum(0.4, 0.2, 0.5), in_frustum(0.4, 0.2, 0.5)),
    "box": (Hull.box(0.5, 0.2, 0.3), in_hull(BOX)),
    "prism": (Hull.prism(PENTAGON, 0.25), in_hull(PRISM)),
}
each = pytest.mark.parametrize(("solid", "inside"), SOLIDS.values(), ids=SOLIDS.keys())


def rays(count: int, seed: int = 0) -> tuple[Points, Points]:
    """From all around, to points near the origin."""
    rng = np.random.default_rng(seed)
    origins = rng.normal(size=(count, 3))
    origins *= 1.5 / np.linalg.norm(origins, axis=1, keepdims=True)
    ways = rng.uniform(-0.5, 0.5, (count, 3)) - origins
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    return origins.astype(np.float32), ways.astype(np.float32)


def walked(inside: Inside, origins: Points, ways: Points) -> Points:
    """The first of many places on each ray that is inside, as a distance; inf where none is."""
    steps = np.arange(0, 3, STEP)
    found = inside((origins[:, None] + steps[:, None] * ways[:, None]).reshape(-1, 3)).reshape(len(origins), -1)
    return np.where(found.any(1), steps[found.argmax(1)], np.inf)


def points_in(inside: Inside, count: int = 4000) -> Points:
    points = np.random.default_rng(1).uniform(-0.7, 0.7, (count, 3))
    return points[inside(points)]


@each
def test_rays_enter_where_one_who_walks_along_them_is_first_inside(solid: Solid, inside: Inside) -> None:
    origins, ways = rays(300)
    t, _, place = solid.meet(origins, ways)
    first = walked(inside, origins, ways)
    met = np.isfinite(first)
    assert 30 < met.sum() < 290
    assert (t[met] <= first[met] + 1e-4).all() and (t[met] > first[met] - STEP - 1e-4).all()
    grazed = ~met & np.isfinite(t)  # over a chord shorter than a step
    assert grazed.sum() <= 6
    assert np.allclose(place[met], (origins + t[:, None].clip(max=9) * ways)[met], atol=1e-5)


@each
def test_nothing_is_met_behind_the_start(solid: Solid, inside: Inside) -> None:
    origins, ways = rays(200)
    assert np.isinf(solid.meet(origins, -ways)[0]).all()


@each
def test_normals_face_the_viewer_and_all_of_the_solid_lies_below_them(solid: Solid, inside: Inside) -> None:
    origins, ways = rays(300, seed=2)
    t, normal, place = Part(solid, EYE, at(), 0).meet(origins, ways)
    hit = np.isfinite(t)
    n, p = normal[hit], place[hit]
    assert np.allclose(np.linalg.norm(n, axis=1), 1, atol=1e-5)
    assert ((n * ways[hit]).sum(1) < 0).all()
    above = points_in(inside) @ n.T - (p * n).sum(1)
    assert above.max() < 1e-4


@each
def test_bounds(solid: Solid, inside: Inside) -> None:
    points = points_in(inside, 40_000)
    assert 0 <= solid.radius() - np.linalg.norm(points, axis=1).max() < 0.1
    for direction in rays(20)[1]:
        reach = (points @ direction).max()
        assert 0 <= solid.support(direction) - reach < 0.1
        assert (solid.corners() @ direction).max() >= reach


def test_a_part_is_met_where_it_was_moved() -> None:
    rng = np.random.default_rng(3)
    part = ellipsoid(0.5, 0.2, 0.3, any_turn(rng), at(0.1, 0, 0))
    there = part.moved(turn(2, 0.7), at(0.2, -0.1, 0.3))
    origins, ways = rays(100)
    t, normal, place = part.meet(origins, ways)
    moved = there.meet(origins @ turn(2, 0.7).T + at(0.2, -0.1, 0.3), ways @ turn(2, 0.7).T)
    assert np.array_equal(np.isfinite(t), np.isfinite(moved[0]))
    hit = np.isfinite(t)
    for before, after in zip((t, normal, place), moved, strict=True):  # both in the frame of the solid
        assert np.allclose(before[hit], after[hit], atol=1e-3)
    world = place[hit] @ part.rotation.T + part.centre
    assert np.allclose(world, origins[hit] + t[hit, None] * ways[hit], atol=1e-5)


def test_a_turned_part_reaches_and_has_corners_where_it_lies() -> None:
    part = frustum(0.1, 0.1, 0.5, turn(1, np.pi / 2), at(0, 0, 2))  # its axis along x
    assert part.support(at(1, 0, 0)) == pytest.approx(0.5, abs=1e-6)
    assert part.support(at(0, 0, 1)) == pytest.approx(2.1, abs=1e-6)
    low, high = part.corners().min(0), part.corners().max(0)
    assert low[0] == pytest.approx(-0.5, abs=1e-5) and high[2] == pytest.approx(2.1, abs=0.01)


def test_a_rod_reaches_from_point_to_point() -> None:
    stick, ball = rod(at(0, 0, 1), at(1, 0, 1), 0.1, 0.2)
    t, _, _ = stick.meet(np.array([at(-1, 0, 1)]), np.array([at(1, 0, 0)]))
    assert t[0] == pytest.approx(1, abs=1e-5)
    t, _, _ = ball.meet(np.array([at(3, 0, 1)]), np.array([at(-1, 0, 0)]))
    assert t[0] == pytest.approx(1.8, abs=1e-5)


def test_turns_are_turns() -> None:
    for rotation in (any_turn(np.random.default_rng(0)), any_turn(np.random.default_rng(1)), turn(0, 1), turn(1, 2)):
        assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6) and np.linalg.det(rotation) > 0
