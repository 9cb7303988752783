"""Pixels that masks have in common, against arrays."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from amodal.core import spans
from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.core.spans import meeting, shared_pixels


@pytest.mark.parametrize("block", [1, 7, 1 << 19])
def test_shared_pixels_are_those_of_the_arrays(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "_BLOCK", block)
    rng = np.random.default_rng(0)
    shares = (0, 0.02, 0.5, 0.98, 1)  # none, some, all of the picture's pixels
    a, b = ([rng.random((9, 14)) < share for share in shares] for _ in range(2))
    pairs = np.array(list(product(range(5), range(5)))).T
    found = shared_pixels(list(map(Mask.from_array, a)), list(map(Mask.from_array, b)), (pairs[0], pairs[1]))
    assert found.dtype == np.int64 and found.tolist() == [int((a[i] & b[j]).sum()) for i, j in pairs.T]


@pytest.mark.parametrize("block", [1, 1 << 19])
def test_boxes_that_meet(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "_BLOCK", block)
    a = np.array([(0, 0, 4, 4), (4, 0, 8, 4), (0, 0, 0, 0), (3, 3, 5, 5)], np.float64)
    first, second = meeting(a, a)
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == [
        (0, 0),
        (3, 0),
        (1, 1),
        (3, 1),
        (0, 3),
        (1, 3),
        (3, 3),
    ]


def test_nothing_is_shared_by_nobody() -> None:
    none = np.zeros(0, np.intp)
    assert shared_pixels([], [], (none, none)).tolist() == []
    assert [part.tolist() for part in meeting(np.zeros((0, 4)), np.zeros((0, 4)))] == [[], []]


def test_masks_of_several_sizes_are_of_several_pictures() -> None:
    small, large = Mask.from_box((0, 0, 2, 2), 4, 4), Mask.from_box((0, 0, 2, 2), 9, 4)
    with pytest.raises(AnnotationError, match=r"one size; found \[\[4, 4\], \[4, 9\]\]"):
        shared_pixels([small], [large], (np.zeros(1, np.intp), np.zeros(1, np.intp)))
