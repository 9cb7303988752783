"""Masks that keep their polygons, and the polygons of masks."""

from __future__ import annotations

import pickle
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.core.outlines import outlines

arrays = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda shape: hnp.arrays(np.bool_, shape))


def test_polygons_are_kept_as_they_were_given() -> None:
    given_polygons = [[1.25, 1, 5, 1.1, 5, 6], [6, 6, 8, 6, 8, 8.75]]
    mask = Mask.from_polygons(given_polygons, 10, 10)
    assert mask.polygons == tuple(map(tuple, given_polygons))
    assert Mask.from_array(mask.to_array()).polygons is None
    again = pickle.loads(pickle.dumps(mask))
    assert again.polygons == mask.polygons and again == mask


def test_masks_are_equal_when_their_pixels_are() -> None:
    drawn, pixels = Mask.from_polygons([[2, 2, 8, 2, 8, 8, 2, 8]], 12, 12), Mask.from_box((2, 2, 8, 8), 12, 12)
    assert drawn == pixels and hash(drawn) == hash(pixels)
    assert drawn != Mask.from_box((2, 2, 8, 9), 12, 12) and drawn != Mask.from_box((2, 2, 8, 8), 12, 13)
    assert drawn != "mask"


def test_an_album_does_not_carry_the_pixels_of_polygons() -> None:
    mask = Mask.from_polygons([[0, 0, 900, 3, 5, 700]], 1000, 1000)
    before = len(pickle.dumps(mask))
    assert mask.area > 0
    assert len(pickle.dumps(mask)) == before < 150


def test_empty_runs_are_no_difference() -> None:
    plain = Mask.from_rle({"size": [2, 3], "counts": [2, 3, 1]})
    for counts in ([2, 1, 0, 2, 1], [1, 0, 1, 3, 1, 0], [2, 3, 1, 0, 0]):
        assert Mask.from_rle({"size": [2, 3], "counts": counts}) == plain


@pytest.mark.parametrize(
    "counts", [[2**62, 2**62, 2**62, 2**62 + 6], [2**63, 6], [1e300, 6], [float("inf")], [True] * 6]
)
def test_huge_runs_are_refused_before_they_wrap(counts: list[Any]) -> None:
    with pytest.raises(AnnotationError, match="runs"):
        Mask.from_rle({"size": [2, 3], "counts": counts})


@pytest.mark.parametrize(
    "polygon",
    [
        [0, 0, 10**400, 0, 5, 5],
        [0, 0, float("inf"), 0, 5, 5],
        [0, 0, True, 0, 5, 5],
        [[0, 0], [5, 0], [5, 5]],
        {"x": 1},
        [0, 0, None, 0, 5, 5],
    ],
)
def test_what_is_no_polygon_is_refused(polygon: Any) -> None:
    with pytest.raises(AnnotationError, match="polygon"):
        Mask.from_polygons([polygon], 10, 10)


def test_an_outline_too_long_for_the_codec_is_refused() -> None:
    zigzag = [v for i in range(3000) for v in (i % 2 * 10_000, i)]
    with pytest.raises(AnnotationError, match="polygon"):
        Mask.from_polygons([zigzag], 10_000, 10_000)


def filled(array: np.ndarray) -> np.ndarray:
    """Without the background that does not reach the border, corners counted as ways."""
    outside = np.pad(np.zeros_like(array), 1, constant_values=True)
    free = np.pad(~array, 1, constant_values=True)
    while True:
        padded = np.pad(outside, 1)
        h, w = free.shape
        grown = free & np.any([padded[y : y + h, x : x + w] for y in range(3) for x in range(3)], axis=0)
        if (grown == outside).all():
            return ~outside[1:-1, 1:-1]
        outside = grown


@given(arrays)
def test_outlines_drawn_again_are_the_mask_with_its_holes_filled(array: np.ndarray) -> None:
    polygons, holes = outlines(Mask.from_array(array))
    if not array.any():
        assert (polygons, holes) == ([], 0)
        return
    drawn = Mask.from_polygons(polygons, array.shape[1], array.shape[0]).to_array()
    assert np.array_equal(drawn, filled(array))
    assert (holes > 0) == (filled(array) != array).any()
