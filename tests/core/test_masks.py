from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as codec

from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask

shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))
arrays = shapes.flatmap(lambda shape: hnp.arrays(np.bool_, shape))
pairs = shapes.flatmap(lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape)))


@given(arrays)
def test_a_mask_is_its_array(array: np.ndarray) -> None:
    mask = Mask.from_array(array)
    assert (mask.height, mask.width) == array.shape
    assert np.array_equal(mask.to_array(), array)
    assert mask.area == array.sum()
    assert mask.is_empty == (not array.any())
    rows, columns = np.nonzero(array)
    expected = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if array.any() else (0, 0, 0, 0)
    assert mask.box == expected


wide = st.tuples(st.integers(1, 90), st.integers(1, 90)).flatmap(lambda shape: hnp.arrays(np.bool_, shape))


@given(st.one_of(arrays, wide))
def test_all_other_pixels_are_found_in_the_code_itself(array: np.ndarray) -> None:
    mask = Mask.from_array(array)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("amodal.core.runs.runs", lambda counts: None)  # decodes all of it
        others = ~mask
    assert others.counts == Mask.from_array(~array).counts and ~others == mask


@given(pairs)
def test_algebra_is_that_of_sets(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = pair
    mask_a, mask_b = Mask.from_array(a), Mask.from_array(b)
    assert np.array_equal((mask_a | mask_b).to_array(), a | b)
    assert np.array_equal((mask_a & mask_b).to_array(), a & b)
    assert np.array_equal((mask_a - mask_b).to_array(), a & ~b)
    assert np.array_equal((mask_a ^ mask_b).to_array(), a ^ b)
    assert np.array_equal((~mask_a).to_array(), ~a) and ~~mask_a == mask_a
    starts_and_stops = mask_a.spans()
    inside = [i for start, stop in starts_and_stops.tolist() for i in range(start, stop)]
    assert inside == np.flatnonzero(a.T).tolist() and (starts_and_stops[:, 0] < starts_and_stops[:, 1]).all()
    union = (a | b).sum()
    assert mask_a.iou(mask_b) == pytest.approx((a & b).sum() / union if union else 0.0)


@given(arrays)
def test_both_forms_of_the_code_agree_with_pycocotools(array: np.ndarray) -> None:
    code = codec.encode(np.asfortranarray(array, dtype=np.uint8))
    text = {"size": list(array.shape), "counts": code["counts"].decode()}
    flat = array.ravel(order="F").astype(int)
    changes = np.flatnonzero(np.diff(np.concatenate([[0], flat]))).tolist()
    ends = [*changes, flat.size]
    plain = {"size": list(array.shape), "counts": np.diff([0, *ends]).tolist()}
    for given_code in (code, text, plain):
        mask = Mask.from_rle(given_code, array.shape[1], array.shape[0])
        assert np.array_equal(mask.to_array(), array)
        assert mask.to_rle() == text


def test_a_large_mask_survives_the_code() -> None:
    rng = np.random.default_rng(1)
    array = rng.random((700, 900)) < 0.5
    array[:, :400] = False  # a run longer than three groups of five bits
    assert np.array_equal(Mask.from_rle(Mask.from_array(array).to_rle()).to_array(), array)


@given(arrays, st.integers(-15, 15), st.integers(-15, 15), shapes)
def test_from_crop_and_crop_are_windows(crop: np.ndarray, left: int, top: int, size: tuple[int, int]) -> None:
    height, width = size
    expected = np.zeros(size, dtype=bool)
    for row in range(crop.shape[0]):
        for column in range(crop.shape[1]):
            if 0 <= row + top < height and 0 <= column + left < width:
                expected[row + top, column + left] = crop[row, column]
    mask = Mask.from_crop(crop, left, top, width, height)
    assert np.array_equal(mask.to_array(), expected)
    back = mask.crop((left, top, left + crop.shape[1], top + crop.shape[0]))
    assert back.shape == crop.shape
    assert back.sum() == mask.area
    assert not (back & ~crop).any()


@pytest.mark.parametrize(
    ("box", "area"),
    [
        ((1, 1, 3, 2), 2),
        ((1.4, 1, 2.5, 2), 1),  # centres at 1.5 and, since edges are half-open, not 2.5
        ((1.5, 1, 2.51, 2), 2),
        ((-4, -4, 1, 1), 1),
        ((3.6, 2.6, 9, 9), 0),
        ((2, 2, 2, 3), 0),
    ],
)
def test_from_box_takes_pixels_whose_centre_is_inside(box: tuple[float, ...], area: int) -> None:
    mask = Mask.from_box(box, 4, 3)
    x1, y1, x2, y2 = box
    brute = [[x1 <= column + 0.5 < x2 and y1 <= row + 0.5 < y2 for column in range(4)] for row in range(3)]
    assert mask.to_array().tolist() == brute
    assert mask.area == area


def test_polygons_are_united_not_summed() -> None:
    square = [2, 2, 8, 2, 8, 8, 2, 8]
    shifted = [4, 4, 10, 4, 10, 10, 4, 10]
    mask = Mask.from_polygons([square, shifted], 12, 12)
    expected = np.zeros((12, 12), dtype=bool)
    expected[2:8, 2:8] = True
    expected[4:10, 4:10] = True
    assert np.array_equal(mask.to_array(), expected)


@pytest.mark.parametrize(
    "polygons",
    [
        [],
        [[]],
        [[1, 1, 2, 2]],
        [[1, 1, 5, 1, 5]],
        [[1, 1, 5, 1, 5, float("nan")]],
        [[1, 1, 5, 1, 5, "5"]],
        [3],
        [None],
        [[1, 1, 5, 1, 1e9, 5]],
    ],
)
def test_bad_polygons_are_refused(polygons: Any) -> None:
    with pytest.raises(AnnotationError, match=r"f\.json: annotation 4: .*polygon"):
        Mask.from_polygons(polygons, 10, 10, file="f.json", record="annotation 4")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ({"counts": "04"}, "size"),
        ({"size": [2], "counts": [4]}, "size"),
        ({"size": [2, 2.0], "counts": [4]}, "size"),
        ({"size": [0, 2], "counts": [0]}, "size"),
        ({"size": [3, 2], "counts": [6]}, "size of its picture"),
        ({"size": [2, 2]}, "runs"),
        ({"size": [2, 2], "counts": [3]}, "runs"),
        ({"size": [2, 2], "counts": [1, -1, 4]}, "runs"),
        ({"size": [2, 2], "counts": [1.5, 2.5]}, "runs"),
        ({"size": [2, 2], "counts": "5"}, "runs"),
        ({"size": [2, 2], "counts": ""}, "runs"),
        ({"size": [2, 2], "counts": "é"}, "runs"),
        ({"size": [2, 2], "counts": "P"}, "runs"),  # a group that says more follow, and none does
        ({"size": [2, 2], "counts": "PPPPPPPPPPPP1"}, "runs"),
    ],
)
def test_bad_codes_are_refused_before_the_codec_sees_them(code: dict[str, Any], message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        Mask.from_rle(code, 2, 2)


def test_masks_of_two_sizes_do_not_mix() -> None:
    a, b = Mask.from_array(np.ones((2, 3), bool)), Mask.from_array(np.ones((3, 2), bool))
    for act in (lambda: a | b, lambda: a & b, lambda: a - b, lambda: a.iou(b)):
        with pytest.raises(AnnotationError, match="one size"):
            act()


def test_an_array_of_three_dimensions_is_refused() -> None:
    with pytest.raises(AnnotationError, match="two dimensions"):
        Mask.from_array(np.ones((2, 2, 1), bool))


def test_crops_at_any_place_and_differences_against_arrays() -> None:
    rng = np.random.default_rng(0)
    for _ in range(400):
        height, width = rng.integers(1, 12, 2).tolist()
        crop = rng.random(rng.integers(0, 14, 2)) < rng.choice([0, 0.3, 0.7, 1])
        left, top = rng.integers(-6, 12, 2).tolist()
        room = np.zeros((60, 60), bool)  # the picture lies in it at (20, 20)
        room[20 + top : 20 + top + crop.shape[0], 20 + left : 20 + left + crop.shape[1]] = crop
        full = room[20 : 20 + height, 20 : 20 + width]
        mask = Mask.from_crop(crop, left, top, width, height)
        assert mask == Mask.from_array(full)
        other = rng.random((height, width)) < rng.choice([0, 0.5, 1])
        assert mask - Mask.from_array(other) == Mask.from_array(full & ~other)
        x1, y1, x2, y2 = np.sort(rng.integers(-5, 15, (2, 2)), axis=0).ravel().tolist()
        room[:] = False
        room[20 : 20 + height, 20 : 20 + width] = Mask.from_crop(crop, left, top, width, height).to_array()
        np.testing.assert_array_equal(mask.crop((x1, y1, x2, y2)), room[20 + y1 : 20 + y2, 20 + x1 : 20 + x2])


def test_a_mask_moved_is_its_array_moved() -> None:
    rng = np.random.default_rng(0)
    array = rng.random((7, 9)) > 0.6
    for dx, dy, width, height in ((0, 0, 9, 7), (3, 2, 20, 12), (-4, -3, 9, 7), (-4, 5, 6, 8), (30, 0, 9, 7)):
        whole = np.zeros((100, 100), bool)
        whole[50 + dy : 57 + dy, 50 + dx : 59 + dx] = array
        expected = whole[50 : 50 + height, 50 : 50 + width]
        moved = Mask.from_array(array).moved(dx, dy, width, height)
        assert (moved.width, moved.height) == (width, height)
        np.testing.assert_array_equal(moved.to_array(), expected)
    assert Mask.from_array(np.zeros((4, 5), bool)).moved(1, 1, 6, 6) == Mask.from_array(np.zeros((6, 6), bool))


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
def test_a_mask_of_no_size_has_no_pixels_whatever_is_asked_of_it(shape: tuple[int, int]) -> None:
    # a segmentation fault would end the whole run of the tests
    code = "import numpy; from amodal import Mask; m = Mask.from_array(numpy.zeros(%r, bool)); "
    words = [sys.executable, "-c", code % (shape,) + "assert not m - m and m - m == m"]
    assert subprocess.run(words, check=False).returncode == 0


def test_sizes_of_numpy_go_into_a_json_file() -> None:
    mask = Mask(np.int64(3), np.int32(4), Mask.from_box((0, 0, 2, 2), 4, 3).counts)
    assert json.loads(json.dumps(mask.to_rle()))["size"] == [3, 4]
