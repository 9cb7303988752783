from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amodal.datasets import render
from amodal.datasets.render import draw_depth, visible_masks

CAMERA = np.array([[100.0, 0, 32], [0, 110.0, 24], [0, 0, 1]])
BOX_FACES = np.array(
    [
        [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ]
)  # fmt: skip


def box_mesh(low: tuple[float, float, float], high: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    return corners, BOX_FACES


def sphere_mesh(centre: np.ndarray, radius: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    theta, phi = np.linspace(0, np.pi, n + 1), np.linspace(0, 2 * np.pi, 2 * n + 1)[:-1]
    t, p = np.meshgrid(theta, phi, indexing="ij")
    points = np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], axis=-1).reshape(-1, 3)
    i, j = (v.ravel() for v in np.meshgrid(np.arange(n), np.arange(2 * n), indexing="ij"))
    a, b = i * 2 * n + j, i * 2 * n + (j + 1) % (2 * n)
    faces = np.concatenate([np.stack([a, b, a + 2 * n], 1), np.stack([b, b + 2 * n, a + 2 * n], 1)])
    return centre + radius * points, faces


def brute(vertices: np.ndarray, faces: np.ndarray, camera: np.ndarray, width: int, height: int) -> np.ndarray:
    """A ray through every pixel's centre against every triangle (Moeller-Trumbore)."""
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    rays = np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(camera).T  # z = 1
    out = np.zeros((height, width))
    for a, b, c in np.asarray(vertices, float)[faces]:
        e1, e2 = b - a, c - a
        p = np.cross(rays, e2)
        det = p @ e1
        with np.errstate(divide="ignore", invalid="ignore"):
            s = (p @ -a) / det
            q = np.cross(-a, e1)
            t, depth = (rays @ q) / det, (e2 @ q) / det
            hit = (s >= 0) & (t >= 0) & (s + t <= 1) & (depth > 0)
            out[hit] = np.maximum(out[hit], 1 / depth[hit])
    return out


def test_the_front_of_a_box_covers_exactly_its_projection() -> None:
    # front face at z = 5: u = 32 + 100 * x / 5, so x in -0.5..0.75 gives columns 22..47; y: 24 + 110 * y / 5
    drawn = draw_depth(*box_mesh((-0.5, -0.5, 5), (0.75, 0.25, 5.5)), CAMERA, 64, 48)
    expected = np.zeros((48, 64), bool)
    expected[13:29, 22:47] = True  # 24 - 11 = 13 to 24 + 5.5 = 29.5: the centre of row 29 (29.5) is the excluded end
    assert (drawn > 0).tolist() == expected.tolist()
    assert np.allclose(drawn[expected], 1 / 5)


def test_a_sphere_covers_the_cone_of_its_tangents() -> None:
    centre, radius = np.array([0.4, -0.2, 6.0]), 1.1
    drawn = draw_depth(*sphere_mesh(centre, radius, 120), CAMERA, 64, 48)
    u, v = np.meshgrid(np.arange(64) + 0.5, np.arange(48) + 0.5)
    rays = np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(CAMERA).T
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    along = rays @ centre
    inside = along**2 - centre @ centre + radius**2
    truth = inside > 0
    differ = (drawn > 0) != truth
    assert differ.sum() <= 4 and (drawn > 0).sum() > 1000
    depth = (along - np.sqrt(np.maximum(inside, 0))) * rays[..., 2]
    deep = inside > 0.2
    assert np.abs(1 / drawn[deep] - depth[deep]).max() < 2e-3


@pytest.mark.parametrize("seed", range(6))
def test_random_triangles_equal_a_ray_through_every_pixel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vertices = rng.uniform([-3, -3, -1], [3, 3, 8], (60, 3))  # some behind the camera
    faces = rng.integers(0, 60, (40, 3))
    drawn, truth = draw_depth(vertices, faces, CAMERA, 64, 48), brute(vertices, faces, CAMERA, 64, 48)
    assert ((drawn > 0) != (truth > 0)).sum() <= 1  # a centre within rounding of an edge
    near = np.minimum(drawn, truth) > 0
    assert near.sum() > 500
    assert (np.abs(drawn[near] / truth[near] - 1) > 1e-6).sum() <= 2


@given(st.integers(0, 10_000), st.integers(2, 9))
def test_a_surface_cut_into_triangles_has_no_hole_and_no_fringe(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n)), -1)
    grid[1:-1, 1:-1] += rng.uniform(-0.4, 0.4, (n - 2, n - 2, 2)) / n  # inner points move, the border stays
    vertices = np.concatenate([grid.reshape(-1, 2), np.full((n * n, 1), 8.0)], axis=1)
    at = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    faces = np.concatenate([np.stack([at, at + 1, at + n], 1), np.stack([at + 1, at + n + 1, at + n], 1)])
    drawn = draw_depth(vertices, faces, CAMERA, 64, 48)
    whole = draw_depth(vertices[[0, n - 1, n * n - n, n * n - 1]], np.array([[0, 1, 2], [1, 3, 2]]), CAMERA, 64, 48)
    assert ((drawn > 0) == (whole > 0)).all() and (drawn > 0).any()


def test_small_pieces_of_work_give_the_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = sphere_mesh(np.array([0.0, 0.0, 5.0]), 1.0, 12)
    whole = draw_depth(*mesh, CAMERA, 64, 48)
    monkeypatch.setattr(render, "_CHUNK", 7)
    assert (draw_depth(*mesh, CAMERA, 64, 48) == whole).all()


@pytest.mark.parametrize(
    ("vertices", "faces"),
    [
        (np.empty((0, 3)), np.empty((0, 3), int)),
        (np.array([[0, 0, -1.0], [1, 0, -1], [0, 1, -1]]), np.array([[0, 1, 2]])),  # behind
        (np.array([[90, 0, 1.0], [91, 0, 1], [90, 1, 1]]), np.array([[0, 1, 2]])),  # beside
        (np.array([[0, 0, 1.0], [1, 1, 1], [2, 2, 1]]), np.array([[0, 1, 2]])),  # no area
    ],
)
def test_nothing_to_see(vertices: np.ndarray, faces: np.ndarray) -> None:
    assert not draw_depth(vertices, faces, CAMERA, 64, 48).any()


def test_who_is_in_front() -> None:
    near = draw_depth(*box_mesh((-1, -1, 5), (0, 0, 6)), CAMERA, 64, 48)
    far = draw_depth(*box_mesh((-0.5, -0.5, 7), (1, 1, 8)), CAMERA, 64, 48)
    front, behind = visible_masks([near, far])
    assert (front == (near > 0)).all() and (behind == ((far > 0) & ~(near > 0))).all()
    assert 0 < behind.sum() < (far > 0).sum()
    assert visible_masks([]) == []


def test_memory_is_bounded_by_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "_CHUNK", 1 << 14)
    vertices = np.array([[-50, -50, 1.0], [50, -50, 1], [0, 90, 1]])
    tracemalloc.start()
    drawn = draw_depth(vertices, np.tile([[0, 1, 2]], (60, 1)), CAMERA, 128, 96)  # 60 triangles over all of it
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert drawn.all() and peak < 30e6  # all 737,280 pixels at once take 300 MB
