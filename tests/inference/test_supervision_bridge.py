from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amodal.core.errors import AmodalError, AnnotationError, BoxError
from amodal.core.masks import Mask
from amodal.core.records import Category, Prediction
from amodal.inference.supervision_bridge import from_supervision, to_supervision

MODAL, AMODAL = Mask.from_box((2, 2, 8, 8), 20, 10), Mask.from_box((2, 2, 16, 8), 20, 10)
CATEGORIES = (Category(3, "car"), Category(18, "dog"))


def detections(**changes: Any) -> Any:
    """What has the attributes of supervision.Detections; supervision is not needed to read them."""
    given = {
        "xyxy": np.array([[2, 2, 8, 8], [-3, 1, 30, 9]], np.float32),
        "mask": None,
        "confidence": np.array([0.5, 1.0], np.float32),
        "class_id": np.array([1, 0]),
        "data": {},
    }
    return SimpleNamespace(**(given | changes))


def prediction(**changes: Any) -> Prediction:
    return replace(Prediction(4, 11, 1, 0.5, (2, 2, 8, 8), MODAL, AMODAL, (2, 2, 16, 8), 2, "converged"), **changes)


def test_in() -> None:
    dog, car = from_supervision(detections(), 20, 10, names=["car", "dog"])
    assert (dog.box, dog.name, dog.category, dog.score, dog.mask) == ((2, 2, 8, 8), "dog", 1, 0.5, None)
    assert car.box == (0, 1, 20, 9)  # cut to the picture
    masks = np.stack([MODAL.to_array(), AMODAL.to_array()])
    bare = detections(mask=masks, confidence=None, class_id=None, data={"class_name": np.array(["a", "b"])})
    found = from_supervision(bare, 20, 10)
    assert [(d.name, d.score, d.mask) for d in found] == [("a", 1.0, MODAL), ("b", 1.0, AMODAL)]
    assert [d.name for d in from_supervision(detections(class_id=None, data=None), 20, 10)] == ["object", "object"]


def test_bad_input() -> None:
    with pytest.raises(AnnotationError, match=r"detection 0: class_id is a place in the 1 names; found 1"):
        from_supervision(detections(), 20, 10, names=["car"])
    with pytest.raises(AnnotationError, match="size of its picture"):
        from_supervision(detections(mask=np.ones((2, 5, 5), bool)), 20, 10)
    with pytest.raises(BoxError, match="detection 1"):
        from_supervision(detections(xyxy=np.array([[1, 1, 5, 5], [np.nan, 1, 2, 2]])), 20, 10)


def test_out_and_in_again() -> None:
    sv = pytest.importorskip("supervision")
    other = prediction(annotation_id=12, category=0, modal_box=(2, 2, 16, 8), modal_mask=AMODAL)
    whole = to_supervision([prediction(), other], CATEGORIES)
    assert isinstance(whole, sv.Detections) and len(whole) == 2
    assert whole.xyxy.tolist() == [[2, 2, 16, 8]] * 2 and whole.mask[0].sum() == AMODAL.area
    assert whole.data["class_name"].tolist() == ["dog", "car"] and whole.data["annotation_id"].tolist() == [11, 12]
    assert whole.data["modal_xyxy"][0].tolist() == [2, 2, 8, 8]
    assert whole.data["occlude_rate"].tolist() == pytest.approx([1 - 36 / 84, 0])
    assert whole[whole.confidence > 0.9].xyxy.shape == (0, 4)  # a real one: it can be filtered
    visible = to_supervision([prediction()], CATEGORIES, part="modal")
    (again,) = from_supervision(visible, 20, 10)
    assert (again.box, again.mask, again.name, again.score) == ((2, 2, 8, 8), MODAL, "dog", 0.5)
    assert len(to_supervision([])) == 0


def test_masks_of_a_larger_canvas_are_cut_first(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        import supervision  # noqa: F401
    except ModuleNotFoundError:
        monkeypatch.setitem(sys.modules, "supervision", SimpleNamespace(Detections=SimpleNamespace))
    larger = Mask.from_box((12, 7, 26, 13), 40, 20)
    beyond = prediction(modal_mask=larger, amodal_mask=larger, canvas=(-10, -5, 40, 20))
    with pytest.raises(AmodalError, match=r"annotation 11: .*found \(-10, -5, 40, 20\).*in_picture\(width, height\)"):
        to_supervision([prediction(), beyond])
    whole = to_supervision([prediction(), beyond.in_picture(20, 10)])
    assert whole.mask.shape == (2, 10, 20) and (whole.mask[0] == whole.mask[1]).all()
    with pytest.raises(AmodalError, match="annotation 11: a category is a place in the 1 categories; found 1"):
        to_supervision([prediction()], CATEGORIES[:1])
    with pytest.raises(AmodalError, match="a list of Category; found 'dog'"):
        to_supervision([prediction()], ["cat", "dog"])  # type: ignore[list-item]
    assert "depth_rank" not in whole.data and "occlusion_probability" not in whole.data
    both = [prediction(depth_rank=1, occlusion_probability=0.25), prediction(depth_rank=2, occlusion_probability=0.5)]
    told = to_supervision(both, CATEGORIES).data
    assert told["depth_rank"].tolist() == [1, 2] and told["occlusion_probability"].tolist() == [0.25, 0.5]


def test_what_does_not_go_out() -> None:
    pytest.importorskip("supervision")
    with pytest.raises(AmodalError, match="one picture"):
        to_supervision([prediction(), prediction(image_id=5)])
    with pytest.raises(AmodalError, match="amodal or modal"):
        to_supervision([prediction()], part="hidden")
