from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from amodal.core import boxes as bx
from amodal.inference.expansion import Expansion, expand, strip_means

MARGIN, SIZE = 0.125, 80


def knows(truth: np.ndarray, calls: list[list[int]] | None = None) -> Callable[..., np.ndarray]:
    """A network that knows each object's rectangle: heat = covered share of each sample's cell."""

    def heat_of(indices: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        if calls is not None:
            calls.append(indices.tolist())
        out = []
        for i, frame in zip(indices, bx.grow(boxes, MARGIN), strict=True):
            axes = []
            for d in (0, 1):
                edges = np.linspace(frame[d], frame[d + 2], SIZE + 1)
                low, high = np.maximum(edges[:-1], truth[i][d]), np.minimum(edges[1:], truth[i][d + 2])
                axes.append(np.maximum(high - low, 0) / (edges[1] - edges[0]))
            out.append(np.outer(axes[1], axes[0]))
        return np.array(out, np.float32)

    return heat_of


def run(truth: object, start: object, limits: bx.Box = (0, 0, 400, 300), **changes: object) -> list[Expansion]:
    arguments = {"margin": MARGIN, "threshold": 0.1, "max_steps": 10, **changes}
    return expand(knows(np.atleast_2d(truth)), np.atleast_2d(start).astype(float), limits, **arguments)  # type: ignore[arg-type]


def test_finds_the_rectangle() -> None:
    truth = (100.0, 80.0, 260.0, 170.0)
    (found,) = run(truth, (130, 90, 200, 160))
    assert found.stop_reason == "converged"
    # each side ends within one step of the truth: outside it by less than a step, inside by less than 10 % of a strip
    width, height = found.box[2] - found.box[0], found.box[3] - found.box[1]
    for side, (a, b) in enumerate(zip(found.box, truth, strict=True)):
        outside = (b - a) if side < 2 else (a - b)
        assert -0.1 * 0.125 * (width, height)[side % 2] * 1.3 <= outside <= 0.125 * (width, height)[side % 2]
    assert found.frame == pytest.approx(tuple(bx.grow(found.box, MARGIN)))
    assert len(found.steps) > 1 and found.steps[0].box == (130, 90, 200, 160) and found.steps[-1].box == found.box


@pytest.mark.parametrize("side", range(4))
def test_a_hot_strip_moves_its_side_alone_by_an_eighth(side: int) -> None:
    start = np.array([100.0, 100, 180, 140])
    truth = start.copy()
    truth[side] += -50 if side < 2 else 50
    (found,) = run(truth, start, max_steps=2)
    second = np.array(found.steps[1].box)
    length = (80.0, 40.0)[side % 2]
    wanted = start.copy()
    wanted[side] += 0.125 * length * (-1 if side < 2 else 1)
    np.testing.assert_allclose(second, wanted)
    assert [v > 0.1 for v in found.steps[0].strips] == [i == side for i in range(4)]


@pytest.mark.parametrize(
    ("truth", "start", "changes", "reason", "steps"),
    [
        ((100, 100, 200, 200), (100, 100, 200, 200), {}, "converged", 1),
        ((0, 0, 0, 0), (100, 100, 200, 200), {}, "converged", 1),  # nothing hot at all
        ((-500, 50, 100, 150), (0, 50, 100, 150), {}, "border", 1),
        ((-500, -500, 900, 900), (0, 0, 400, 300), {}, "border", 1),
        ((-500, 50, 100, 150), (20, 50, 100, 150), {}, "border", 3),  # 20 -> 10 -> 0
        ((0, 0, 400, 300), (190, 140, 200, 150), {}, "cap", 10),
        ((0, 0, 400, 300), (190, 140, 200, 150), {"max_steps": 3}, "cap", 3),
        ((100, 100, 260, 200), (100, 100, 200, 200), {"max_steps": 1}, "cap", 1),
        ((-500, 50, 100, 150), (0, 50, 100, 150), {"limits": (-50, -50, 500, 400)}, "border", 5),
    ],
)
def test_stop_reasons(truth: object, start: object, changes: dict[str, object], reason: str, steps: int) -> None:
    (found,) = run(truth, start, **changes)  # type: ignore[arg-type]
    assert (found.stop_reason, len(found.steps)) == (reason, steps)


def test_never_leaves_the_picture_and_touches_its_border_exactly() -> None:
    (found,) = run((-500, -500, 900, 900), (150, 100, 250, 200), max_steps=50)
    assert found.stop_reason == "border" and found.box == (0, 0, 400, 300)


def test_a_side_at_the_border_does_not_hold_the_others() -> None:
    (found,) = run((-500, 50, 150, 150), (0, 50, 100, 150))
    assert found.stop_reason == "border" and found.box[0] == 0 and found.box[2] >= 145


def test_a_strip_just_at_the_threshold_does_not_move() -> None:
    heat = np.full((1, SIZE, SIZE), 0.25, np.float32)
    (still,) = expand(
        lambda i, b: heat, np.array([[9.0, 9, 90, 90]]), (0, 0, 99, 99), margin=MARGIN, threshold=0.25, max_steps=9
    )
    assert len(still.steps) == 1 and still.stop_reason == "converged"


def test_all_together_equals_one_by_one() -> None:
    rng = np.random.default_rng(0)
    start = np.concatenate([rng.uniform(0, 200, (40, 2)), rng.uniform(0, 100, (40, 2))], axis=1)
    start[:, 2:] += start[:, :2] + 10
    truth = bx.grow(start, 0.0) + rng.uniform(-1, 1, (40, 4)) * [60, 60, -60, -60] * rng.integers(0, 2, (40, 1))
    calls: list[list[int]] = []
    arguments = {"margin": MARGIN, "threshold": 0.1, "max_steps": 10, "keep_heat": True}
    together = expand(knows(truth, calls), start, (0, 0, 320, 320), **arguments)  # type: ignore[arg-type]
    assert {"converged", "border"} <= {e.stop_reason for e in together}
    assert calls[0] == list(range(40)) and all(set(b) < set(a) or a == b for a, b in pairwise(calls))
    assert sum(map(len, calls)) == sum(len(e.steps) for e in together)  # one that stopped is never asked about again
    for i, one in enumerate(together):
        (alone,) = expand(knows(truth[i : i + 1]), start[i : i + 1], (0, 0, 320, 320), **arguments)  # type: ignore[arg-type]
        assert alone.stop_reason == one.stop_reason and len(alone.steps) == len(one.steps)
        np.testing.assert_allclose(alone.box, one.box, atol=1e-5)
        for a, b in zip(alone.steps, one.steps, strict=True):
            np.testing.assert_allclose(a.strips, b.strips, atol=1e-5)
            assert a.heat is not None and b.heat is not None
            np.testing.assert_allclose(a.heat, b.heat, atol=1e-5)


@pytest.mark.parametrize(("size", "margin"), [(80, 0.125), (50, 0.125), (33, 0.2), (7, 0.05)])
def test_strips_are_exact_and_without_corners(size: int, margin: float) -> None:
    rng = np.random.default_rng(size)
    heat = rng.random((1, size, size)).astype(np.float32)
    repeats = 48  # each cell cut in 48: then a strip is the mean of what lies in it
    big = np.repeat(np.repeat(heat[0], repeats, axis=0), repeats, axis=1)
    n = size * repeats
    where = (np.arange(n) + 0.5) / n * (1 + 2 * margin) - margin  # in lengths of the box
    low, inside, high = where < 0, (where >= 0) & (where < 1), where >= 1
    wanted = [
        big[inside][:, low].mean(),
        big[low][:, inside].mean(),
        big[inside][:, high].mean(),
        big[high][:, inside].mean(),
    ]
    np.testing.assert_allclose(strip_means(heat, margin)[0], wanted, atol=4e-3)
    corners = heat.copy()
    edge = int(size * margin / (1 + 2 * margin))
    if edge:
        for rows in (slice(0, edge), slice(size - edge, size)):
            for columns in (slice(0, edge), slice(size - edge, size)):
                corners[:, rows, columns] = 9
        np.testing.assert_allclose(strip_means(corners, margin), strip_means(heat, margin), atol=1e-6)


def test_strip_is_eight_samples_of_eighty() -> None:
    heat = np.zeros((1, 80, 80), np.float32)
    heat[:, 8:72, :8] = 1
    np.testing.assert_allclose(strip_means(heat, 0.125), [[1, 0, 0, 0]], atol=1e-6)


def test_heat_is_kept_only_when_asked_and_no_object_is_no_work() -> None:
    (found,) = run((0, 0, 50, 50), (10, 10, 50, 50))
    assert all(step.heat is None for step in found.steps) and found.heat.shape == (SIZE, SIZE)
    assert (
        expand(knows(np.zeros((0, 4))), np.zeros((0, 4)), (0, 0, 9, 9), margin=MARGIN, threshold=0.1, max_steps=3) == []
    )
