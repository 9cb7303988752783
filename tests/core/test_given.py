"""What a mask is made of: whatever is given is taken as it is meant, or refused in one line."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal.core.errors import AmodalError, AnnotationError, BoxError
from amodal.core.given import MAX_PIXELS, checked_id
from amodal.core.masks import Mask

SIDE = 100_000
INSIDE = np.zeros((5, 7), bool)
INSIDE[1:3, 2:5] = True
MASK = Mask.from_array(INSIDE)
NAN, INF = float("nan"), float("inf")

LARGE: dict[str, Callable[[], Any]] = {
    "box": lambda: Mask.from_box([0, 0, 9, 9], SIDE, SIDE),
    "crop": lambda: Mask.from_crop(INSIDE, 30_000, 30_000, SIDE, SIDE),
    "crop beside it": lambda: Mask.from_crop(INSIDE, -50, 0, SIDE, SIDE),
    "polygons": lambda: Mask.from_polygons([[1, 1, 50, 1, 50, 50]], SIDE, SIDE),
    "runs": lambda: Mask.from_rle({"size": [SIDE, SIDE], "counts": [SIDE * SIDE]}),
    "array": lambda: Mask.from_array(np.broadcast_to(np.False_, (SIDE, SIDE))),
    "counts": lambda: Mask(SIDE, SIDE, b""),
}


@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE)
def test_a_mask_too_large_for_the_codec_is_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(AnnotationError, match=rf"at the most {MAX_PIXELS} pixels; found \[{SIDE}, {SIDE}\]"):
        make()


@pytest.mark.parametrize("size", [(-1, 5), (2.5, 5), ("7", 5), (None, 5)])
def test_a_size_is_two_whole_numbers(size: Any) -> None:
    for make in (lambda: Mask.from_box([0, 0, 1, 1], *size), lambda: Mask.from_crop(INSIDE, 0, 0, *size)):
        with pytest.raises(AnnotationError, match="height and width of a mask are whole numbers"):
            make()


def test_sizes_of_numpy_become_numbers_of_python() -> None:
    size = np.array([7, 5])
    for mask in (Mask.from_box([2, 1, 5, 3], *size), Mask.from_crop(INSIDE, 0, 0, *size)):
        assert mask == MASK and type(mask.height) is type(mask.width) is int


ARRAYS: list[tuple[str, Any]] = [
    ("labels", INSIDE * np.int64(256)),
    ("two labels", INSIDE * np.array([1, 2, 1, 2, 3, 1, 2], np.uint8)),
    ("below 0", INSIDE * np.int8(-1)),
    ("bytes", INSIDE * np.uint8(255)),
    ("floats", INSIDE.astype(np.float16)),
    ("lists", INSIDE.tolist()),
    ("in columns", np.asfortranarray(INSIDE)),
    ("a view", np.repeat(INSIDE, 2, axis=0)[::2]),
    ("Pillow's", Image.fromarray(INSIDE)),
    ("a mask", MASK),
]


@pytest.mark.parametrize("array", [row[1] for row in ARRAYS], ids=[row[0] for row in ARRAYS])
def test_arrays_that_say_where(array: Any) -> None:
    assert Mask.from_array(array) == MASK
    if isinstance(array, np.ndarray):
        array.flags.writeable = False
        assert Mask.from_array(array) == MASK


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (INSIDE * 0.9, r"floats is 0 or 1 at each pixel; found \(0.0, 0.9\)\. Threshold it"),
        (np.where(INSIDE, NAN, 0), "Threshold it"),
        (INSIDE * 255.0, "Threshold it"),
        (INSIDE * 1j, "bool, whole numbers, or floats 0 and 1; found 'complex128'"),
        (INSIDE.astype(object), "found 'object'"),
        (INSIDE[None], r"two dimensions \(H, W\); found \(1, 5, 7\)"),
        ([[1, 0], [1]], r"two dimensions \(H, W\); found \[\[1, 0\], \[1\]\]"),
        (None, "two dimensions"),
    ],
)
def test_arrays_that_do_not(array: Any, text: str) -> None:
    with pytest.raises(AnnotationError, match=text):
        Mask.from_array(array)


WRONG: dict[str, tuple[type[AmodalError], Callable[[], Any]]] = {
    "box with NaN": (BoxError, lambda: Mask.from_box([NAN, 0, 1, 1], 7, 5)),
    "box without end": (BoxError, lambda: Mask.from_box([0, 0, INF, 1], 7, 5)),
    "three numbers": (BoxError, lambda: Mask.from_box([0, 0, 1], 7, 5)),
    "no box": (BoxError, lambda: Mask.from_box(None, 7, 5)),  # type: ignore[arg-type]
    "inverted crop": (BoxError, lambda: MASK.crop((5, 0, 2, 5))),
    "enormous crop": (BoxError, lambda: MASK.crop((0, 0, 1e9, 1e9))),
    "crop with NaN": (BoxError, lambda: MASK.crop((0, 0, NAN, 1))),
    "no polygons": (AnnotationError, lambda: Mask.from_polygons(None, 7, 5)),  # type: ignore[arg-type]
    "empty polygons": (AnnotationError, lambda: Mask.from_polygons(np.zeros((0, 6)), 7, 5)),
    "no runs": (AnnotationError, lambda: Mask.from_rle(None)),  # type: ignore[arg-type]
    "text": (AnnotationError, lambda: Mask.from_rle("abc")),  # type: ignore[arg-type]
    "true as a side": (AnnotationError, lambda: Mask.from_rle({"size": [True, 1], "counts": [1]})),
    "iou with an array": (AnnotationError, lambda: MASK.iou(INSIDE)),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("kind", "make"), WRONG.values(), ids=WRONG)
def test_what_is_refused_is_told_in_one_line(kind: type[AmodalError], make: Callable[[], Any]) -> None:
    with pytest.raises(kind) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_box_far_larger_than_the_picture_is_all_of_it() -> None:
    assert Mask.from_box([-1e9, -1e300, 1e9, 1e9], 7, 5).area == 35
    assert Mask.from_box([3, 3, 1, 1], 7, 5).is_empty and Mask.from_box([50, 0, 60, 5], 7, 5).is_empty


def test_polygons_and_runs_of_numpy() -> None:
    corners = np.array([[0, 0, 7, 0, 7, 5, 0, 5.0]])
    assert Mask.from_polygons(corners, 7, 5).area == Mask.from_polygons([corners[0]], 7, 5).area == 35
    for size in ([np.int64(5), np.int64(7)], np.array([5, 7])):
        assert Mask.from_rle({"size": size, "counts": MASK.counts}) == MASK
    mask = Mask.from_rle({"size": [5, 7], "counts": np.array([35])})
    assert mask.is_empty and type(mask.height) is int


def test_numpy_takes_a_mask_as_its_array() -> None:
    assert np.array_equal(np.asarray(MASK), INSIDE) and np.asarray(MASK).dtype == np.bool_
    assert np.asarray(MASK, dtype=np.uint8).sum() == 6 and np.array(MASK, copy=True).flags.writeable
    picture = np.arange(35).reshape(5, 7)
    assert np.array_equal(picture[MASK], picture[INSIDE])
    for found in (MASK | ~INSIDE, ~INSIDE | MASK):
        assert isinstance(found, np.ndarray) and found.all()
    assert not (MASK & ~INSIDE).any()
    with pytest.raises(ValueError, match="no array of its own"):
        np.array(MASK, copy=False)
    with pytest.raises(TypeError):
        MASK & None  # type: ignore[operator]


def test_a_mask_is_true_where_it_has_a_pixel() -> None:
    assert MASK and not MASK - MASK


def test_to_array_warns_of_nothing_and_is_the_callers_own() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        array = MASK.to_array()
    array[:] = True  # another time it is made again
    assert MASK.area == 6 and np.array_equal(MASK.to_array(), INSIDE)
    for shape in ((0, 0), (0, 5), (5, 0)):
        assert Mask.from_array(np.zeros(shape, bool)).to_array().shape == shape


@pytest.mark.parametrize("value", [np.int64(3), 3, np.array(3), np.uint8(3)])
def test_an_id_is_a_whole_number(value: Any) -> None:
    assert checked_id(value) == 3 and type(checked_id(value)) is int


@pytest.mark.parametrize("value", ["3", None, True, np.True_, 3.0, 2**63, np.array([3, 4])])
def test_what_is_no_id(value: Any) -> None:
    with pytest.raises(AnnotationError, match=r"annotation 1: an id (is a whole number|has 64 bits)"):
        checked_id(value, record="annotation 1")
