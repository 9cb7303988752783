"""Things hang together: no part of a kind hovers beside the others."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from amodal.synthesis.rendered.kinds.table import KINDS
from amodal.synthesis.rendered.parts import Part, box
from amodal.synthesis.rendered.solids import Ellipsoid, Frustum, Hull
from amodal.synthesis.rendered.space import at

NEAR = 0.003  # of a thing about 1 in size


def surface(part: Part, rng: np.random.Generator, count: int = 300) -> NDArray[np.float64]:
    """Points of its surface, and its middle, ``(n, 3)``."""
    out = rng.normal(size=(count, 3))
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    t, _, place = part.solid.meet(3 * part.solid.radius() * out, -out)
    return np.concatenate([place[np.isfinite(t)] @ part.rotation.T + part.centre, part.centre[None]])


def holds(part: Part, points: NDArray[np.float64]) -> bool:
    """Whether one of the points lies in it, or as good as."""
    places, solid = (points - part.centre) @ part.rotation, part.solid
    if isinstance(solid, Ellipsoid):
        return bool((((places / (np.array(solid.radii) + NEAR)) ** 2).sum(1) <= 1).any())
    if isinstance(solid, Frustum):
        z, out = places[:, 2], np.hypot(places[:, 0], places[:, 1])
        radius = (solid.low + solid.high) / 2 + (solid.high - solid.low) / (2 * solid.half) * z
        return bool(((np.abs(z) <= solid.half + NEAR) & (out <= radius + NEAR)).any())
    assert isinstance(solid, Hull)
    return bool((places @ solid.normals.T <= solid.offsets + NEAR).all(1).any())


def pieces(parts: list[Part]) -> int:
    rng = np.random.default_rng(0)
    points = [surface(part, rng) for part in parts]
    touch = [[holds(one, other) for other in points] for one in parts]
    return int(connected_components(np.array(touch), directed=False)[0])


@pytest.mark.parametrize("name", list(KINDS)[27:])  # of those before, plants may shed a leaf: networks know them so
def test_a_thing_is_in_one_piece(name: str) -> None:
    found = [pieces(KINDS[name](np.random.default_rng(number))) for number in range(8)]
    assert found == [1] * 8


def test_what_is_not() -> None:
    assert pieces([box(0.1, 0.1, 0.1), box(0.1, 0.1, 0.1, centre=at(0.21))]) == 2
    assert pieces([box(0.1, 0.1, 0.1), box(0.1, 0.1, 0.1, centre=at(0.19))]) == 1
