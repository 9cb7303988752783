from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal.core.errors import AmodalError, AnnotationError, BoxError, ImageError
from amodal.core.masks import Mask
from amodal.inference.pair import NetworkPair
from amodal.inference.predictor import Predictor
from amodal.inference.settings import PredictionSettings

WIDTH, HEIGHT = 200, 150
TRUTH = (60, 40, 140, 110)
SEEN = (70.0, 50.0, 130.0, 100.0)


def build(toy: SimpleNamespace, categories: tuple[str, ...] = (), **settings: Any) -> Predictor:
    pair = NetworkPair(toy.ToyNetwork(margin=0.0), toy.ToyNetwork(), PredictionSettings(**settings), categories)
    predictor = Predictor(pair)
    predictor.set_image(toy.red_picture(WIDTH, HEIGHT, TRUTH), image_id=5)
    return predictor


def test_boxes_to_whole_objects(toy: SimpleNamespace) -> None:
    predictor = build(toy)
    (found,) = predictor.predict([SEEN], scores=[0.5], ids=[42], keep_heat=True)
    truth = Mask.from_box(TRUTH, WIDTH, HEIGHT)
    assert found.amodal_mask.iou(truth) > 0.94  # heat 0.9 falls below 0.7 a little inside the edge
    assert found.modal_mask == Mask.from_box(SEEN, WIDTH, HEIGHT)  # all red: hot everywhere in the given box
    assert (found.image_id, found.annotation_id, found.category) == (5, 42, 0)
    assert found.modal_box == SEEN and found.stop_reason == "converged"
    assert found.steps == len(found.trace) == len(predictor.networks.amodal.calls) > 1  # type: ignore[attr-defined]
    assert found.score == pytest.approx(0.5 * 0.95, abs=0.05)
    assert found.modal_heat is not None and found.modal_heat.shape == (toy.HEAT_PX, toy.HEAT_PX)
    assert all(step.heat is not None for step in found.trace)
    assert found.amodal_box == found.amodal_mask.box
    assert found.occlude_rate == pytest.approx(1 - 60 * 50 / (80 * 70), abs=0.05)


def test_kept_heat_is_no_part_of_equality_and_hash(toy: SimpleNamespace) -> None:
    (kept,), (again,) = (build(toy).predict([SEEN], keep_heat=True) for _ in range(2))
    (bare,) = build(toy).predict([SEEN])
    (other,) = build(toy).predict([(72, 50, 130, 100)], keep_heat=True)
    assert kept.modal_heat is not None and bare.modal_heat is None
    assert kept == again == bare and kept != other and len({kept, again, bare, other}) == 2
    assert kept.trace == again.trace == bare.trace and kept.trace != other.trace


def test_iis_is_asked_as_often_as_set_and_the_mask_is_its_last_heat(toy: SimpleNamespace) -> None:
    predictor = build(toy, iis_passes=2)
    (found,) = predictor.predict([(50, 50, 130, 100)], keep_heat=True)
    assert len(predictor.networks.modal.calls) == 2  # type: ignore[attr-defined]
    assert found.trace and found.modal_heat is not None
    wanted = Mask.from_box((60, 50, 130, 100), WIDTH, HEIGHT)
    assert (
        found.modal_mask.iou(wanted) > 0.95
        and (found.modal_mask - Mask.from_box((50, 50, 130, 100), WIDTH, HEIGHT)).is_empty
    )


def test_modal_heat_is_aligned_and_zero_outside_the_modal_box(toy: SimpleNamespace) -> None:
    predictor = build(toy)
    (found,) = predictor.predict([SEEN], keep_heat=True)
    calls = predictor.networks.amodal.calls  # type: ignore[attr-defined]
    np.testing.assert_allclose(calls[0][1][0], 0.995, atol=0.01)
    last = calls[-1][1][0]
    x1, y1, x2, y2 = found.trace[-1].box
    columns = x1 + (np.arange(toy.PATCH_PX) + 0.5) / toy.PATCH_PX * (x2 - x1)
    rows = y1 + (np.arange(toy.PATCH_PX) + 0.5) / toy.PATCH_PX * (y2 - y1)
    inside = ((rows > 50) & (rows < 100))[:, None] & ((columns > 70) & (columns < 130))[None]
    assert (last[~inside] == 0).all() and (last[inside] > 0.9).all() and (~inside).any()


def test_given_masks_skip_iis_and_are_part_of_the_answer(toy: SimpleNamespace) -> None:
    predictor = build(toy)
    array = np.zeros((HEIGHT, WIDTH), bool)
    array[50:100, 70:130] = True
    array[10:14, 100:104] = True  # far above what the network finds
    mask = Mask.from_array(array)
    one, two = predictor.predict(masks=[mask, array], keep_heat=True)
    assert not predictor.networks.modal.calls  # type: ignore[attr-defined]
    assert one.amodal_mask == two.amodal_mask and one.modal_mask == mask
    assert (mask - one.amodal_mask).is_empty and one.amodal_mask.area > mask.area
    assert one.modal_box == mask.box == (70, 10, 130, 100)
    assert one.modal_heat is not None and one.modal_heat[-1].min() == 1 and one.modal_heat[0, 0] == 0
    assert 0 < one.score < 1


def test_nothing_found_is_said(toy: SimpleNamespace) -> None:
    predictor = build(toy)
    (found,) = predictor.predict([(5, 5, 30, 30)])
    assert found.stop_reason == "empty" and found.amodal_mask.is_empty and found.modal_mask.is_empty
    assert found.amodal_box == (5, 5, 30, 30) and found.score == 0 and found.modal_heat is None
    assert [step.heat for step in found.trace] == [None]


@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize("by_setting", [True, False])
def test_the_border(toy: SimpleNamespace, stop: bool, by_setting: bool) -> None:
    predictor = build(toy, max_steps=30, **({"stop_at_border": stop} if by_setting else {}))
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[..., 0] = 255
    predictor.set_image(image)
    (found,) = predictor.predict([(0, 50, 100, 100)], beyond_border=None if by_setting else not stop)
    assert found.stop_reason == "border"  # going on beyond: half a picture farther out
    last = found.trace[-1].box
    assert last == ((0, 0, WIDTH, HEIGHT) if stop else (-100, -75, 300, 225))
    if stop:
        assert found.cut_sides == ("left", "top", "right", "bottom")
        assert found.canvas is None and found.amodal_box == (0, 0, WIDTH, HEIGHT)
        assert found.amodal_mask.iou(Mask.from_box((0, 0, WIDTH, HEIGHT), WIDTH, HEIGHT)) > 0.999
        return
    # beyond the border the toy sees the mean colour's red, 0.48: not hot enough for the mask
    assert found.canvas == (-100, -75, 400, 300)
    in_canvas = Mask.from_box((100, 75, 300, 225), 400, 300)
    assert found.amodal_mask.iou(in_canvas) > 0.95 and (found.amodal_mask.width, found.amodal_mask.height) == (400, 300)
    assert found.modal_mask == Mask.from_box((100, 125, 200, 175), 400, 300)
    assert found.amodal_box == pytest.approx((0, 0, WIDTH, HEIGHT), abs=5)  # in the picture's own coordinates


def test_masks_leave_the_picture_on_their_canvas(toy: SimpleNamespace) -> None:
    predictor = build(toy, max_steps=30, amodal_threshold=0.3)  # now the mean colour outside is hot enough
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[50:100, :100, 0] = 255
    predictor.set_image(image)
    given = np.zeros((HEIGHT, WIDTH), bool)
    given[50:100, :100] = True
    (found,) = predictor.predict(masks=[given], beyond_border=True)
    assert found.canvas == (-100, -75, 400, 300) and found.cut_sides[0] == "left"
    assert found.amodal_box[0] == -100 and found.hidden_mask.area == found.amodal_mask.area - 5000
    assert found.modal_mask == Mask.from_box((100, 125, 200, 175), 400, 300)
    assert found.occlude_rate > 0.4
    (inside,) = predictor.predict(masks=[given])
    assert inside.canvas is None and inside.cut_sides == ("left",) and inside.amodal_box[0] == 0


def test_thresholds_decide(toy: SimpleNamespace) -> None:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[40:110, 60:140, 0] = 200  # heat about 0.78 after IIS, amodal 0.706 + 0.1 x modal
    areas = []
    for modal, amodal in ((0.8, 0.7), (0.7, 0.7), (0.7, 0.9)):
        predictor = build(toy, modal_threshold=modal, amodal_threshold=amodal)
        predictor.set_image(image)
        (found,) = predictor.predict([SEEN])
        areas.append((found.modal_mask.area, found.amodal_mask.area))
    assert areas[0][0] == 0 and areas[1][0] == 3000
    assert areas[0][1] == areas[1][1] > 3000 and areas[2][1] == 0


def test_what_is_visible_lies_in_the_whole(toy: SimpleNamespace) -> None:
    boxes = [(50, 50, 130, 100)]  # reaches 10 pixels to the left of the object
    thresholds = {"modal_threshold": 0.1, "amodal_threshold": 0.85}  # apart, the modal mask would be the larger one
    (apart,) = build(toy, nested=False, **thresholds).predict(boxes)
    (found,) = build(toy, **thresholds).predict(boxes)
    assert apart.amodal_mask == found.amodal_mask
    assert not (apart.modal_mask - apart.amodal_mask).is_empty
    assert found.modal_mask == apart.modal_mask & apart.amodal_mask and not found.modal_mask.is_empty


def test_batches_and_single_objects_agree(toy: SimpleNamespace) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    low = rng.uniform(0, 100, (17, 2))
    boxes = np.concatenate([low, low + rng.uniform(8, 50, (17, 2))], axis=1)
    answers = []
    for size in (1, 5, 32):
        predictor = build(toy, batch_size=size)
        predictor.set_image(image)
        answers.append(predictor.predict(boxes, keep_heat=True))
        assert max(len(call[0]) for call in predictor.networks.amodal.calls) == min(size, 17)  # type: ignore[attr-defined]
    for others in answers[1:]:
        for a, b in zip(answers[0], others, strict=True):
            assert (a.steps, a.stop_reason) == (b.steps, b.stop_reason)
            np.testing.assert_allclose(a.trace[-1].heat, b.trace[-1].heat, atol=1e-5)  # type: ignore[arg-type]


def test_categories_reach_networks_that_have_them(toy: SimpleNamespace) -> None:
    predictor = build(toy, categories=("cat", "dog"))
    found = predictor.predict([SEEN, SEEN], ["dog", "cat"])
    assert [p.category for p in found] == [1, 0]
    for network in (predictor.networks.modal, predictor.networks.amodal):
        assert network.calls[0][2].tolist() == [1, 0] and network.calls[0][2].dtype == np.int64  # type: ignore[attr-defined]
    for wrong in (None, ["dog", "cow"], [0, 2], [0, True]):
        with pytest.raises(AnnotationError, match="cat, dog"):
            predictor.predict([SEEN, SEEN], wrong)


def test_agnostic_networks_are_told_nothing(toy: SimpleNamespace) -> None:
    predictor = build(toy)
    assert [p.category for p in predictor.predict([SEEN] * 3, ["cow", "ape", "cow"])] == [0, 1, 0]
    assert [p.category for p in predictor.predict([SEEN] * 2, [7, 2])] == [7, 2]
    assert all(call[2] is None for call in predictor.networks.amodal.calls)  # type: ignore[attr-defined]


def test_no_object_is_no_work(toy: SimpleNamespace) -> None:
    predictor = build(toy)
    assert predictor.predict([]) == [] == predictor.predict(np.zeros((0, 4)))
    assert not predictor.networks.modal.calls  # type: ignore[attr-defined]


OTHER = np.ones((HEIGHT, WIDTH), bool)


@pytest.mark.parametrize(
    ("arguments", "error", "names"),
    [
        ({}, AmodalError, "either boxes or masks"),
        ({"boxes": [SEEN], "masks": [OTHER]}, AmodalError, "either boxes or masks"),
        ({"boxes": [SEEN, (3, 3, 3, 9)]}, BoxError, "box 1: a box needs x1 < x2"),
        ({"boxes": [(9, 3, 3, 9)], "ids": [77]}, BoxError, "annotation 77: a box needs"),
        ({"boxes": [SEEN, SEEN, (float("nan"), 0, 5, 5)]}, BoxError, "box 2: a box is four finite"),
        ({"boxes": [(0, 0, float("inf"), 5)]}, BoxError, "box 0: a box is four finite"),
        ({"boxes": [(300, 10, 400, 90)]}, BoxError, "box 0: a box must overlap its picture of 200 x 150"),
        ({"boxes": [(1, 2, 3)]}, BoxError, "box 0: a box is four"),
        ({"boxes": (1, 2, 3)}, BoxError, r"boxes are a list of x1, y1, x2, y2; found \(1, 2, 3\)"),
        ({"boxes": np.arange(8)}, BoxError, "boxes are a list"),
        ({"boxes": 3}, BoxError, "boxes are a list"),
        ({"boxes": ["abc"]}, BoxError, "box 0: a box is four"),
        ({"masks": [OTHER, np.zeros((HEIGHT, WIDTH), bool)]}, AnnotationError, "mask 1: a given mask has at least"),
        ({"masks": [OTHER[:-1]]}, AnnotationError, "mask 0: a mask has the size of its picture, 200 x 150"),
        ({"masks": [np.zeros(3, bool)]}, AnnotationError, "two dimensions"),
        ({"boxes": [SEEN], "scores": [1.5]}, AnnotationError, "box 0: a score"),
        ({"boxes": [SEEN], "scores": [float("nan")]}, AnnotationError, "box 0: a score"),
        ({"boxes": [SEEN], "scores": ["high"]}, AnnotationError, "box 0: a score"),
        ({"boxes": [SEEN], "scores": [0.5, 0.5]}, AmodalError, "one of scores for each of the 1"),
        ({"boxes": [SEEN], "ids": []}, AmodalError, "one of ids"),
        ({"boxes": [SEEN], "ids": ["a"]}, AmodalError, "an id is a whole number; found 'a'"),
        ({"boxes": [SEEN], "ids": [True]}, AmodalError, "an id is a whole number"),
        ({"boxes": [SEEN], "categories": [-1]}, AnnotationError, "box 0: a category"),
    ],
)
def test_bad_input(toy: SimpleNamespace, arguments: dict[str, Any], error: type[Exception], names: str) -> None:
    with pytest.raises(error, match=names):
        build(toy).predict(**arguments)


def test_pictures(toy: SimpleNamespace, tmp_path: Path) -> None:
    predictor = Predictor(build(toy).networks)
    with pytest.raises(AmodalError, match="set_image first"):
        predictor.predict([SEEN])
    Image.fromarray(toy.red_picture(WIDTH, HEIGHT, TRUTH)).save(tmp_path / "a.png")
    predictor.set_image(tmp_path / "a.png")
    (found,) = predictor.predict([SEEN])
    (again,) = build(toy).predict([SEEN])
    assert replace(again, image_id=0) == found
    for wrong in (np.zeros((5, 5), np.uint16), np.zeros((5, 5, 3)), np.zeros((0, 5, 3), np.uint8)):
        with pytest.raises(ImageError, match="uint8 array"):
            predictor.set_image(wrong)
    with pytest.raises(ImageError, match=r"none\.png"):
        predictor.set_image(tmp_path / "none.png")


def test_a_box_over_the_border_is_cut_to_the_picture(toy: SimpleNamespace) -> None:
    (found,) = build(toy).predict([(-20, 50, 130, 400)])
    assert found.modal_box == (0, 50, 130, HEIGHT)


def test_from_pretrained_equals_its_networks(toy: SimpleNamespace, tmp_path: Path) -> None:
    predictor = Predictor.from_pretrained(toy.write_weights(tmp_path / "w"), threads=1)
    predictor.set_image(toy.red_picture(WIDTH, HEIGHT, TRUTH), image_id=5)
    (a,), (b,) = predictor.predict([SEEN]), build(toy).predict([SEEN])
    assert (
        a.amodal_mask.iou(b.amodal_mask) > 0.99 and a.steps == b.steps and a.score == pytest.approx(b.score, abs=1e-4)
    )
