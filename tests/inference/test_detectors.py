from __future__ import annotations

import hashlib
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from amodal.core import boxes as bx
from amodal.core.errors import AmodalError, ImageError, WeightsError
from amodal.inference.detectors import (
    YoloxNano,
    coco_categories,
    named_categories,
    open_detector,
    open_segmenter,
)
from amodal.inference.detectors import yolox as module
from amodal.inference.detectors.base import coco_spelling
from amodal.inference.detectors.yolox import decode, letterbox, suppress

CELLS = 52 * 52 + 26 * 26 + 13 * 13


class FakeSession:
    """Says what a detector would of one object: a cell, a box in the square, a class."""

    def __init__(self, raw: np.ndarray) -> None:
        self.raw, self.seen = raw, None

    def run(self, names: object, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        (self.seen,) = feed.values()
        return [self.raw[None]]


def raw_of(*objects: tuple[bx.Box, int, float]) -> np.ndarray:
    """Raw output that encodes boxes of the square, each in the stride-16 cell of its centre."""
    raw = np.zeros((CELLS, 85), np.float32)
    for (x1, y1, x2, y2), category, score in objects:
        cx, cy = (x1 + x2) / 2 / 16, (y1 + y2) / 2 / 16
        row = raw[52 * 52 + int(cy) * 26 + int(cx)]
        row[:5] = cx - int(cx), cy - int(cy), np.log((x2 - x1) / 16), np.log((y2 - y1) / 16), score
        row[5 + category] = 1
    return raw


def detector(raw: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> YoloxNano:
    found = YoloxNano(threads=1)
    monkeypatch.setattr(found, "_session", FakeSession(raw))
    return found


def test_letterbox_is_top_left_grey_and_bgr() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[...] = (10, 20, 30)
    blob, scale = letterbox(image)
    assert blob.shape == (1, 3, 416, 416) and blob.dtype == np.float32 and scale == 2.08
    assert blob[0, :, 0, 0].tolist() == blob[0, :, 207, 415].tolist() == [30, 20, 10]
    assert (blob[0, :, 208:] == 114).all()


def test_decode_finds_what_was_encoded() -> None:
    box = (40.0, 60.0, 140.0, 220.0)
    boxes, objectness, classes = decode(raw_of((box, 7, 0.9)))
    (i,) = np.flatnonzero(objectness)
    np.testing.assert_allclose(boxes[i], box, rtol=1e-5)
    assert classes[i].argmax() == 7 and objectness[i] == pytest.approx(0.9)


def test_boxes_come_back_in_the_pictures_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.zeros((200, 832, 3), np.uint8)  # scale 1/2
    raw = raw_of(((10, 20, 110, 90), 16, 0.9), ((300, 50, 500, 300), 0, 0.8), ((200, 10, 240, 60), 2, 0.2))
    dog, person = detector(raw, monkeypatch).detect(image, 0.3)
    assert (dog.name, person.name) == ("dog", "person") and dog.score == pytest.approx(0.9)
    np.testing.assert_allclose(dog.box, (20, 40, 220, 180), rtol=1e-4)
    np.testing.assert_allclose(person.box, (600, 100, 832, 200), rtol=1e-4)  # cut to the picture
    assert len(detector(raw, monkeypatch).detect(image, 0.1)) == 3
    assert detector(raw, monkeypatch).detect(image, 0.95) == []


def test_suppression_is_within_a_category() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [0, 0, 10, 10], [30, 30, 40, 40.0]])
    scores = np.array([0.5, 0.9, 0.7, 0.1], np.float32)
    assert suppress(boxes, scores, np.array([1, 1, 2, 1]), 0.5).tolist() == [1, 2, 3]
    assert suppress(boxes, scores, np.array([1, 1, 2, 1]), 0.9).tolist() == [1, 2, 0, 3]
    assert suppress(boxes[:0], scores[:0], np.zeros(0, np.int64), 0.5).tolist() == []


def test_the_shipped_file_is_whole_and_runs() -> None:
    folder = Path(module.__file__).parents[1] / "yolox"
    digest = hashlib.sha256((folder / "yolox_nano.onnx").read_bytes()).hexdigest()
    assert digest in (folder / "NOTICE").read_text() and "Apache License" in (folder / "LICENSE").read_text()
    image = np.full((120, 90, 3), 114, np.uint8)
    assert YoloxNano(threads=1).detect(image, 0.3) == []


def test_categories_are_cocos() -> None:
    found = coco_categories()
    assert len(found) == 80 and len({c.id for c in found}) == 80 and len({c.name for c in found}) == 80
    assert (found[0].id, found[0].name, found[79].id, found[79].name) == (1, "person", 90, "toothbrush")
    assert {c.name: c.id for c in found}["dog"] == 18


def test_bad_input(tmp_path: Path) -> None:
    for score in (-0.1, 1.1, float("nan")):
        with pytest.raises(AmodalError, match="0 to 1"):
            YoloxNano(threads=1).detect(np.zeros((9, 9, 3), np.uint8), score)
    with pytest.raises(WeightsError, match=r"none\.onnx"):
        YoloxNano(tmp_path / "none.onnx")


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 4), (0, 5, 3)])
def test_another_array_than_a_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="uint8 array"):
        YoloxNano().detect(np.zeros(shape, np.uint8))


def test_names_become_categories() -> None:
    found = named_categories(["mug", "dog", "mug", "spoon rest"])
    assert [(c.name, c.id) for c in found] == [("mug", 91), ("dog", 18), ("spoon rest", 92)]


def test_darknet_s_names_of_coco_s_kinds() -> None:
    names = [category.name for category in coco_categories()]
    other = {"couch": "sofa", "airplane": "aeroplane", "tv": "tvmonitor"}
    assert coco_spelling([other.get(name, name) for name in names]) == names
    assert coco_spelling(["sofa", "dog"]) == ["sofa", "dog"]  # of another list, VOC's perhaps: its own


def test_the_word_of_a_detector() -> None:
    assert isinstance(open_detector(), YoloxNano) and len(open_detector("yolox").categories) == 80
    for word in ("", "yolo", "torchvision:ssd", "transformers", "transformers:"):
        with pytest.raises(AmodalError, match="a detector is yolox, torchvision"):
            open_detector(word)
    for word in ("sam2", "sam2:", "sam:x"):
        with pytest.raises(AmodalError, match="a segmenter is sam2:NAME"):
            open_segmenter(word)
    with pytest.raises(AmodalError, match="names its own weights"):
        open_detector("transformers:x", "weights.pth")


@pytest.mark.parametrize(
    ("word", "extra"), [("torchvision", "train"), ("transformers:x", "transformers"), ("sam2:x", "transformers")]
)
def test_without_torch_a_detector_says_what_to_install(word: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torchvision_detector", "transformers_detector"):
        monkeypatch.delitem(sys.modules, f"amodal.inference.detectors.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(AmodalError, match=rf"needs torch.*Run: pip install 'amodal\[{extra}\]'"):
        (open_segmenter if word.startswith("sam2") else open_detector)(word)


def test_the_shipped_detector_goes_to_another_process() -> None:
    one = YoloxNano(threads=1)
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    assert pickle.loads(pickle.dumps(one)).detect(image, 0.0) == one.detect(image, 0.0) != []
