from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amodal.core.resample import Outside, box_matrices, move_heat, resample, resample_matrix, resample_taps


def read_at(heat: np.ndarray, x: float, y: float) -> float:
    """Bilinear value at lengths of the map, samples at (i + 1/2) / n, edge samples going on: one point at a time."""
    n = heat.shape[0]
    column, row = (min(max(v * n - 0.5, 0), n - 1) for v in (x, y))
    c0, r0 = min(int(column), n - 2), min(int(row), n - 2)
    fc, fr = column - c0, row - r0
    top = heat[r0, c0] * (1 - fc) + heat[r0, c0 + 1] * fc
    low = heat[r0 + 1, c0] * (1 - fc) + heat[r0 + 1, c0 + 1] * fc
    return float(top * (1 - fr) + low * fr)


@given(st.integers(2, 9), st.integers(1, 12), st.integers(0, 1000))
def test_moving_is_reading_point_by_point(source: int, target: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    heat = rng.random((source, source), dtype=np.float32)
    from_box = np.array([3.0, -2.0, 13.0, 5.0])
    to_box = from_box + rng.uniform(-4, 4, 4)
    to_box[2:] = np.maximum(to_box[2:], to_box[:2] + 1)
    moved = move_heat(heat, from_box, to_box, target)
    assert moved.shape == (target, target) and moved.dtype == np.float32
    for row in range(target):
        for column in range(target):
            x = to_box[0] + (to_box[2] - to_box[0]) * (column + 0.5) / target
            y = to_box[1] + (to_box[3] - to_box[1]) * (row + 0.5) / target
            u, v = (x - 3) / 10, (y + 2) / 7
            expected = read_at(heat, u, v) if 0 <= u <= 1 and 0 <= v <= 1 else 0.0
            assert moved[row, column] == pytest.approx(expected, abs=1e-5)


def test_the_same_box_and_size_change_nothing() -> None:
    heat = np.random.default_rng(0).random((2, 5, 5), dtype=np.float32)
    box = np.array([[0, 0, 4, 4], [1, 2, 30, 9]], dtype=float)
    assert np.allclose(move_heat(heat, box, box, 5), heat, atol=1e-6)


@given(st.integers(1, 20), st.integers(1, 20))
def test_every_row_of_weights_sums_to_one(source: int, target: int) -> None:
    matrix = resample_matrix(source, target)
    assert matrix.shape == (target, source)
    assert np.allclose(matrix.sum(1), 1, atol=1e-6) and (matrix >= 0).all()


def test_edge_goes_on_and_zero_stops() -> None:
    heat = np.ones((4, 4), np.float32)
    wide, here = (-1.0, -1.0, 2.0, 2.0), (0.0, 0.0, 1.0, 1.0)
    rows, columns = box_matrices(here, wide, 4, 6, outside="edge")
    assert np.allclose(rows @ heat @ columns.T, 1)
    moved = move_heat(heat, here, wide, 6)
    expected = np.zeros((6, 6))
    expected[2:4, 2:4] = 1
    assert np.array_equal(moved, expected)


@pytest.mark.parametrize("outside", ["zero", "edge"])
@pytest.mark.parametrize(("source", "target"), [(1, 3), (2, 2), (5, 64), (64, 128), (80, 7)])
def test_taps_are_the_matrices_without_their_zeros(source: int, target: int, outside: Outside) -> None:
    rng = np.random.default_rng(source)
    start = rng.uniform(-1, 0.6, 6)
    stop = start + rng.uniform(0.1, 2, 6)
    heat = rng.random((6, source, source), dtype=np.float32)
    matrix = resample_matrix(source, target, start, stop, outside=outside)
    taps = resample_taps(source, target, start, stop, outside=outside)
    wanted = matrix @ heat @ matrix.swapaxes(-1, -2)
    found = resample(heat, taps, taps)
    assert found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    one = resample_taps(source, target, outside=outside)  # one for all maps
    whole = resample_matrix(source, target, outside=outside)
    np.testing.assert_allclose(resample(heat, one, one), whole @ heat @ whole.T, atol=1e-6)
