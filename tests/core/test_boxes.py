from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amodal.core import boxes as bx
from amodal.core.errors import BoxError

corner = st.floats(-50, 50)
side = st.floats(0.5, 80)
a_box = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), corner, corner, side, side)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 4, 4), (0, 0, 4, 4), 1.0),
        ((0, 0, 4, 4), (4, 0, 8, 4), 0.0),  # edges touch: no common pixel
        ((0, 0, 4, 4), (2, 0, 6, 4), 8 / 24),
        ((0, 0, 4, 4), (1, 1, 3, 3), 4 / 16),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),
        ((0, 0, 4, 4), (9, 9, 7, 7), 0.0),
    ],
)
def test_iou(a: bx.Box, b: bx.Box, expected: float) -> None:
    assert bx.iou(a, b) == pytest.approx(expected)


def test_functions_take_whole_arrays() -> None:
    boxes = np.array([[0, 0, 4, 4], [1, 1, 3, 5]], dtype=float)
    assert bx.iou(boxes[:, None], boxes[None]).shape == (2, 2)
    assert bx.area(boxes).tolist() == [16, 8]
    assert bx.sides(boxes).tolist() == [[4, 4], [2, 4]]
    assert bx.clip(boxes, 3, 4).tolist() == [[0, 0, 3, 4], [1, 1, 3, 4]]


@given(a_box)
def test_xywh_and_back(box: bx.Box) -> None:
    assert bx.from_xywh(bx.to_xywh(box)) == pytest.approx(np.array(box))


@given(a_box, a_box)
def test_overlap_is_a_share_of_the_second_box(a: bx.Box, b: bx.Box) -> None:
    share = bx.overlap_frac(a, b)
    for axis in (0, 1):
        common = max(min(a[axis + 2], b[axis + 2]) - max(a[axis], b[axis]), 0)
        assert share[axis] == pytest.approx(common / (b[axis + 2] - b[axis]), abs=1e-9)


@given(a_box, st.floats(0, 0.4))
def test_growing_undoes_trimming(box: bx.Box, trim: float) -> None:
    assert bx.grow(bx.grow(box, -trim), trim / (1 - 2 * trim)) == pytest.approx(np.array(box), abs=1e-6)


@given(a_box)
def test_outward_is_the_smallest_whole_box(box: bx.Box) -> None:
    whole = bx.outward(box)
    assert (whole[:2] <= box[:2]).all() and (whole[2:] >= box[2:]).all()
    assert (np.abs(whole - np.array(box)) <= 1).all()


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((1, 2, 5, 6), (1, 2, 5, 6)),
        ((-3, -3, 5, 6), (0, 0, 5, 6)),
        ((1, 2, 500, 600), (1, 2, 20, 10)),
        ((19.5, 0, 30, 10), (19.5, 0, 20, 10)),
    ],
)
def test_check_clips(box: bx.Box, expected: bx.Box) -> None:
    assert bx.check(box, 20, 10) == expected


@pytest.mark.parametrize(
    ("box", "rule"),
    [
        ((1, 2, 3), "four finite numbers"),
        ((1, 2, 3, float("nan")), "four finite numbers"),
        ((1, 2, float("inf"), 4), "four finite numbers"),
        (("a", 2, 3, 4), "four finite numbers"),
        (None, "four finite numbers"),
        ((5, 2, 5, 6), "x1 < x2"),
        ((5, 6, 7, 2), "x1 < x2"),
        ((20, 2, 30, 6), "overlap its picture of 20 x 10"),
        ((-9, 2, 0.4, 6), "overlap its picture of 20 x 10"),
        ((19.6, 2, 30, 6), "overlap its picture of 20 x 10"),
    ],
)
def test_check_refuses(box: object, rule: str) -> None:
    with pytest.raises(BoxError, match=rule) as caught:
        bx.check(box, 20, 10, file="f.json", record="annotation 8")  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.startswith("f.json: annotation 8: ") and "found" in message and message.endswith(".")


@given(a_box, st.integers(0, 10_000), st.sampled_from([(0.75, 0.10), (0.9, 0.05), (0.75, 0.0)]))
def test_jitter_stays_within_its_bounds(box: bx.Box, seed: int, rule: tuple[float, float]) -> None:
    min_overlap, max_resize = rule
    new = bx.jitter(box, np.random.default_rng(seed), min_overlap=min_overlap, max_resize=max_resize)
    assert (bx.overlap_frac(new, box) >= min_overlap - 1e-6).all()
    scale = bx.sides(new) / bx.sides(box)
    assert (np.abs(scale - 1) <= max_resize + 1e-6).all()


def test_jitter_uses_the_room_it_has() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([bx.jitter((0, 0, 100, 100), rng) for _ in range(2000)])
    assert drawn[:, 0].min() < -20 and drawn[:, 0].max() > 20
    assert abs((drawn[:, 0] + drawn[:, 2]).mean() / 2 - 50) < 1
    widths = drawn[:, 2] - drawn[:, 0]
    assert widths.min() < 91 and widths.max() > 109
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1]) < 0.1  # each dimension is drawn apart
