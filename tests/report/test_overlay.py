from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from amodal.core.errors import ImageError
from amodal.core.masks import Mask
from amodal.core.records import Prediction
from amodal.report.colours import FOUND, GIVEN, HEAT_LUT, heat_colours
from amodal.report.cutouts import cut_out
from amodal.report.overlay import draw_predictions, paint_outline, paint_stripes
from amodal.report.panels import View

W, H = 120, 90


def guess(**changed: object) -> Prediction:
    fields: dict[str, object] = {
        "image_id": 1,
        "annotation_id": 5,
        "category": 0,
        "score": 1.0,
        "modal_box": (20, 40, 50, 80),
        "modal_mask": Mask.from_box((22, 42, 50, 78), W, H),
        "amodal_mask": Mask.from_box((22, 42, 90, 78), W, H),
        "amodal_box": (18, 38, 94, 82),
        "steps": 1,
        "stop_reason": "converged",
    }
    return Prediction(**{**fields, **changed})  # type: ignore[arg-type]


GREY = np.full((H, W, 3), 100, dtype=np.uint8)


def test_boxes_have_the_paper_s_colours_and_the_photograph_is_kept() -> None:
    before = GREY.copy()
    drawn = draw_predictions(GREY, [guess()], ["cup"])
    assert drawn.shape == GREY.shape
    assert drawn.dtype == np.uint8
    assert np.array_equal(before, GREY)
    assert tuple(drawn[79, 30]) == GIVEN  # last row inside y2 = 80
    assert tuple(drawn[81, 60]) == FOUND
    assert tuple(drawn[85, 60]) == (100, 100, 100)  # beyond everything


def test_hidden_part_is_tinted_and_visible_part_is_not() -> None:
    drawn = draw_predictions(GREY, [guess()], ["cup"])
    assert (drawn[55:65, 25:45] == 100).all()
    assert (drawn[55:65, 60:85] != 100).any(axis=2).all()


@pytest.mark.parametrize(
    "changed",
    [
        {"amodal_box": (-30.0, -20.0, 200.0, 150.0)},
        {"modal_box": (0.0, 0.0, 0.6, 0.6)},
        {"category": 7},
        {
            "amodal_mask": Mask.from_array(np.zeros((H, W), dtype=bool)),
            "modal_mask": Mask.from_array(np.zeros((H, W), dtype=bool)),
        },
        {"amodal_mask": Mask.from_box((0, 0, W, H), W, H)},
    ],
)
def test_odd_objects_are_drawn(changed: dict[str, object]) -> None:
    assert draw_predictions(GREY, [guess(**changed)], ["cup"]).shape == (H, W, 3)


def test_no_object_is_the_photograph() -> None:
    assert (draw_predictions(GREY, [], []) == GREY).all()


def test_a_crowded_tiny_picture_is_drawn() -> None:
    mask = Mask.from_box((0, 0, 3, 2), 3, 2)
    many = [guess(modal_mask=mask, amodal_mask=mask, modal_box=(0, 0, 3, 2), amodal_box=(0, 0, 3, 2))] * 12
    assert draw_predictions(np.zeros((2, 3, 3), dtype=np.uint8), many, ["a"]).shape == (2, 3, 3)


def test_masks_of_another_size_are_refused() -> None:
    with pytest.raises(ImageError, match=r"annotation 5: .*121 x 90.*\(120, 90\)"):
        draw_predictions(np.zeros((H, W + 1, 3), dtype=np.uint8), [guess()], [])


@pytest.mark.parametrize("image", [GREY[..., 0], GREY.astype(float), np.zeros((3, H, W), dtype=np.uint8)])
def test_what_is_no_photograph_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ImageError):
        draw_predictions(image, [guess()], [])


def test_heat_colours_grow_lighter_evenly() -> None:
    light = HEAT_LUT.astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) > -1.0).all()
    assert light[-1] - light[0] > 200
    odd = np.array([[-1.0, 2.0, np.nan]], dtype=np.float32)
    assert (heat_colours(odd) == HEAT_LUT[[0, 255, 0]]).all()


@pytest.mark.parametrize("line_px", [1, 2, 3, 5, 8, 13])
def test_a_rim_is_what_is_so_many_steps_from_outside(line_px: int) -> None:
    height, width = 45, 56
    ys, xs = np.mgrid[:height, :width]
    blob = (np.abs(ys - 20) + np.abs(xs - 12) < 11) | (np.abs(ys - 31) + np.abs(xs - 40) < 16)
    outside = np.argwhere(~np.pad(blob, 1)) - 1
    steps = np.abs(np.stack([ys, xs], -1)[:, :, None] - outside).sum(-1).min(-1)
    canvas = np.full((height, width, 3), 128, np.uint8)
    paint_outline(canvas, Mask.from_array(blob), (255, 0, 0), line_px)
    assert ((canvas == (255, 0, 0)).all(-1) == (blob & (steps <= line_px))).all()


@pytest.mark.parametrize(
    ("work", "bytes_a_pixel"),
    [
        (lambda image, one: paint_stripes(image, one.amodal_mask, (9, 9, 9), 4), 7),
        (lambda image, one: cut_out(image, one), 9),
    ],
)
def test_a_large_photograph_takes_little_memory(
    work: Callable[[np.ndarray, Prediction], object], bytes_a_pixel: int
) -> None:
    image, half = np.zeros((600, 600, 3), dtype=np.uint8), Mask.from_box((0, 0, 300, 600), 600, 600)
    one = guess(modal_mask=half, amodal_mask=half)
    work(image, one)
    tracemalloc.start()
    try:
        work(image, one)
        assert tracemalloc.get_traced_memory()[1] < bytes_a_pixel * 360_000
    finally:
        tracemalloc.stop()


def test_the_part_of_a_photograph_is_cut_once_for_all_panels() -> None:
    view = View.of(guess(), GREY)
    assert view.photo(GREY) is view.photo(GREY) and (view.photo(np.zeros_like(GREY)) == 0).all()
