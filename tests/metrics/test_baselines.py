from __future__ import annotations

import numpy as np
import pytest

from amodal.core.masks import Mask
from amodal.metrics.baselines import convex_hull


def brute_hull(array: np.ndarray) -> np.ndarray:
    """A pixel is in the hull unless some line through two mask pixels has it strictly alone on one side."""
    ys, xs = np.nonzero(array)
    points = np.stack([xs, ys], axis=1)
    inside = np.ones(array.shape, dtype=bool)
    grid_y, grid_x = np.indices(array.shape)
    if len(points) == 1:
        return array.copy()
    for a in points:
        for b in points:
            if (a == b).all():
                continue
            d = b - a
            side = d[0] * (points[:, 1] - a[1]) - d[1] * (points[:, 0] - a[0])
            if (side >= 0).all():
                inside &= d[0] * (grid_y - a[1]) - d[1] * (grid_x - a[0]) >= 0
                if (side == 0).all():  # all on one line: the hull is the segment
                    low, high = points.min(axis=0), points.max(axis=0)
                    inside &= (grid_x >= low[0]) & (grid_x <= high[0]) & (grid_y >= low[1]) & (grid_y <= high[1])
    return inside


@pytest.mark.parametrize("seed", range(40))
def test_equals_brute_force_and_is_its_own_hull(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 14, 2))
    array = rng.random(shape) < rng.choice([0.05, 0.15, 0.4])
    array[tuple(rng.integers(0, n) for n in shape)] = True
    hull = convex_hull(Mask.from_array(array))
    assert (hull.to_array() == brute_hull(array)).all()
    assert convex_hull(hull) == hull


@pytest.mark.parametrize(
    "array",
    [
        np.eye(7, dtype=bool),
        np.eye(7, dtype=bool)[::-1],
        np.ones((3, 5), dtype=bool),
        np.ones((1, 5), dtype=bool),
        np.ones((5, 1), dtype=bool),
        np.zeros((4, 4), dtype=bool),
    ],
)
def test_convex_masks_stay_as_they_are(array: np.ndarray) -> None:
    assert (convex_hull(Mask.from_array(array)).to_array() == array).all()


def test_a_corner_piece_becomes_a_triangle() -> None:
    array = np.zeros((4, 4), dtype=bool)
    array[0, :] = array[:, 0] = True
    assert (convex_hull(Mask.from_array(array)).to_array() == np.tri(4, dtype=bool)[::-1]).all()
