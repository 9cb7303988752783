"""The three ways in: boxes; one mask or heat, taken as it is or refined; all masks of the picture."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amodal.core.errors import AmodalError, AnnotationError
from amodal.core.masks import Mask
from amodal.inference.calibration import FEATURES, Calibration, prediction_features
from amodal.inference.pair import NetworkPair
from amodal.inference.predictor import Predictor
from amodal.inference.settings import PredictionSettings

WIDTH, HEIGHT = 120, 90
RED = (20, 20, 80, 70)
SEEN = (30, 30, 60, 60)


def build(toy: SimpleNamespace, calibrations: dict[str, Calibration] | None = None, **settings: Any) -> Predictor:
    networks = (toy.ToyNetwork(margin=0.0), toy.ToyNetwork())
    pair = NetworkPair(*networks, PredictionSettings(**settings), calibrations=calibrations or {})
    predictor = Predictor(pair)
    predictor.set_image(toy.red_picture(WIDTH, HEIGHT, RED))
    return predictor


def seen() -> np.ndarray:
    array = np.zeros((HEIGHT, WIDTH), bool)
    array[SEEN[1] : SEEN[3], SEEN[0] : SEEN[2]] = True
    return array


@pytest.mark.parametrize(
    "form",
    [
        seen(),
        seen().astype(np.uint8) * 255,
        seen().astype(np.int64),
        seen().astype(np.float32),
        seen().astype(np.float16),
        Mask.from_array(seen()),
    ],
    ids=lambda form: getattr(getattr(form, "dtype", None), "name", "Mask"),
)
def test_a_mask_in_any_form_is_the_same_mask(toy: SimpleNamespace, form: Any) -> None:
    predictor = build(toy)
    (found,) = predictor.predict(masks=[form])
    (wanted,) = build(toy).predict(masks=[seen()])
    assert found == wanted and found.modal_mask == Mask.from_array(seen()) and found.modal_box == SEEN
    assert not predictor.networks.modal.calls  # type: ignore[attr-defined]


def test_masks_as_one_array(toy: SimpleNamespace) -> None:
    both = build(toy).predict(masks=np.stack([seen(), ~seen()]))
    assert [p.modal_mask for p in both] == [Mask.from_array(seen()), Mask.from_array(~seen())]


def test_soft_heat_is_the_evidence_and_its_mask_is_cut_at_the_setting(toy: SimpleNamespace) -> None:
    heat = seen() * np.float32(0.4)
    heat[30:60, 30:50] = 0.9
    for threshold, box in ((0.5, (30, 30, 50, 60)), (0.3, SEEN)):
        predictor = build(toy, given_threshold=threshold)
        (found,) = predictor.predict(masks=[heat], keep_heat=True)
        assert found.modal_box == box and found.modal_mask == Mask.from_box(box, WIDTH, HEIGHT)
        assert found.modal_heat is not None
        assert found.modal_heat[:, 0].max() == pytest.approx(0.9)  # soft, not 1
        right = found.modal_heat[:, -1]
        np.testing.assert_allclose(right, 0.9 if threshold == 0.5 else 0.4, atol=1e-6)
        assert (found.modal_mask - found.amodal_mask).is_empty


def test_refine_starts_iis_from_the_mask(toy: SimpleNamespace) -> None:
    predictor = build(toy, iis_passes=3)
    half = seen()
    half[45:] = False
    half[59, 59] = half[30, 30] = True  # the box is the whole seen one
    (found,) = predictor.predict(masks=[half], refine=True, keep_heat=True)
    calls = predictor.networks.modal.calls  # type: ignore[attr-defined]
    assert len(calls) == 3
    hypothesis = calls[0][1][0]
    np.testing.assert_allclose(hypothesis[:14], 1, atol=1e-6)
    np.testing.assert_allclose(hypothesis[18:-4], 0, atol=1e-6)
    # what the network sees outweighs the mask: the whole box is red, the answer is not the mask given
    assert found.modal_mask == Mask.from_box(SEEN, WIDTH, HEIGHT) and found.modal_box == SEEN
    (as_it_is,) = build(toy).predict(masks=[half])
    assert as_it_is.modal_mask == Mask.from_array(half)


def test_refine_needs_masks(toy: SimpleNamespace) -> None:
    with pytest.raises(AmodalError, match="refine improves given masks"):
        build(toy).predict([SEEN], refine=True)


def test_a_scene_of_masks(toy: SimpleNamespace) -> None:
    predictor = build(toy)
    lid, strip = np.zeros((2, HEIGHT, WIDTH), bool)
    lid[25:65, 60:80] = True  # red, too: the strip beside it grows under it
    strip[40:46, 30:60] = True
    given = [strip, lid, np.roll(lid, 39, axis=1)]
    scene = predictor.predict_scene(given, ids=[5, 6, 7], scores=[0.5, 1, 1])
    assert scene.predictions == tuple(predictor.predict(masks=given, ids=[5, 6, 7], scores=[0.5, 1, 1], scene=True))
    assert scene.order.ids == (5, 6, 7) and scene.order.cycles == ()
    assert [(e.front, e.behind) for e in scene.order.occlusions] == [(6, 5)]
    assert [(p.occluders, p.depth_rank) for p in scene.predictions] == [((6,), 2), ((), 1), ((), 1)]
    alone = build(toy).predict_scene([seen()])
    assert alone.order.occlusions == () and alone.predictions[0].occluders == ()
    assert build(toy).predict_scene([]).predictions == () == build(toy).predict_scene(boxes=[]).predictions


def test_a_scene_of_boxes(toy: SimpleNamespace) -> None:
    scene = build(toy).predict_scene(boxes=[SEEN, (60, 30, 80, 60)])
    plain = build(toy).predict([SEEN, (60, 30, 80, 60)])
    assert [p.modal_mask for p in scene.predictions] == [p.modal_mask for p in plain]
    assert all(p.occluders is None and p.depth_rank is None for p in plain)
    assert all(p.depth_rank for p in scene.predictions)


def test_a_scene_needs_ids_of_its_own(toy: SimpleNamespace) -> None:
    with pytest.raises(AnnotationError, match="ids of their own"):
        build(toy).predict_scene([seen(), seen()], ids=[4, 4])


def test_the_probability_of_occlusion(toy: SimpleNamespace) -> None:
    assert build(toy).predict([SEEN])[0].occlusion_probability is None
    box = Calibration((0.0, 4.0, 0.0, 2.0, 0.0), -1.0)
    predictor = build(toy, {"box": box, "mask": Calibration((0.0,) * len(FEATURES), 0.0)})
    hidden, clear = predictor.predict([SEEN, (18, 18, 82, 72)], keep_heat=True)
    for p in (hidden, clear):
        assert p.occlusion_probability == pytest.approx(box.probability(prediction_features(p)))
    assert hidden.occlusion_probability > 0.7 > 0.5 > clear.occlusion_probability  # type: ignore[operator]
    assert predictor.predict(masks=[seen()])[0].occlusion_probability == 0.5  # its own fit
    (refined,) = predictor.predict(masks=[seen()], refine=True, keep_heat=True)  # IIS spoke last: as from a box
    assert refined.occlusion_probability == pytest.approx(box.probability(prediction_features(refined)))


def test_sides_cut_by_the_picture(toy: SimpleNamespace) -> None:
    predictor = build(toy)
    predictor.set_image(toy.red_picture(WIDTH, HEIGHT, (0, 20, 60, 90)))
    (found,) = predictor.predict([(10, 30, 50, 80)])
    assert found.cut_sides == ("left", "bottom")
    assert build(toy).predict([SEEN])[0].cut_sides == ()


@pytest.mark.parametrize(("bias", "stays"), [(-2.0, True), (2.0, False)])
def test_a_given_mask_of_a_clear_object_stays_as_it_is(toy: SimpleNamespace, bias: float, stays: bool) -> None:
    fixed = {
        "mask": Calibration(weights=(0.0,) * len(FEATURES), bias=bias),
        "box": Calibration((0.0,) * len(FEATURES), bias),
    }
    predictor = build(toy, fixed, least_probability=0.4)
    (found,) = predictor.predict(masks=[seen()])
    assert (found.amodal_mask == found.modal_mask) == stays
    assert (found.amodal_box == SEEN) == stays and (found.occlude_rate == 0) == stays
    (from_box,) = predictor.predict([SEEN])  # boxes are completed whatever the probability
    assert from_box.amodal_mask.area > Mask.from_array(seen()).area
