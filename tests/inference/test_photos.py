from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal.core.boxes import Box
from amodal.core.errors import AmodalError, AnnotationError, BoxError, ImageError
from amodal.core.masks import Mask
from amodal.datasets import read_annotations
from amodal.inference import photos as module
from amodal.inference.detectors import Detection, coco_categories, named_categories
from amodal.inference.pair import NetworkPair
from amodal.inference.photos import GivenBox, album_content, parse_box, predict_photos
from amodal.inference.predictor import Predictor


class FakeDetector:
    """Sees a person and a dog, the dog less surely."""

    categories = coco_categories()

    def detect(self, image: np.ndarray, min_score: float) -> list[Detection]:
        found = [Detection((10, 5, 30, 25), 0, "person", 0.9), Detection((5, 5, 20, 20), 16, "dog", 0.4)]
        return [d for d in found if d.score >= min_score]


@pytest.fixture
def photos(toy: SimpleNamespace, tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "one.png", tmp_path / "more" / "two.jpg"]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(toy.red_picture(60, 40, (10, 5, 35, 25))).save(path)
    return paths


def build(toy: SimpleNamespace, categories: tuple[str, ...] = ()) -> Predictor:
    return Predictor(NetworkPair(toy.ToyNetwork(margin=0.0), toy.ToyNetwork(), categories=categories))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1,2,3,4", GivenBox((1, 2, 3, 4), "")),
        (" 1.5, -2 ,3,4:potted plant", GivenBox((1.5, -2, 3, 4), "potted plant")),
        ("1,2,3,4:a:b", GivenBox((1, 2, 3, 4), "a:b")),
    ],
)
def test_parse_box(text: str, wanted: GivenBox) -> None:
    assert parse_box(text) == wanted


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1 2 3 4", ":dog", "dog:1,2,3,4", "1,2,3,4: "])
def test_what_is_no_box(text: str) -> None:
    with pytest.raises(BoxError, match=r"--box 2: a box is written x1,y1,x2,y2"):
        parse_box(text, "--box 2")


def test_given_boxes(toy: SimpleNamespace, photos: list[Path]) -> None:
    given = [parse_box("12,8,30,20:dog"), parse_box("12,8,30,20"), parse_box("0,0,9,9:mug"), parse_box("1,1,9,9:dog")]
    drawn: list[tuple[Path, int, list[str]]] = []
    album, root, found = predict_photos(
        build(toy), photos[:1], given, drawn=lambda path, image, ps, names: drawn.append((path, len(ps), list(names)))
    )
    assert [(c.name, c.id) for c in album.categories] == [("dog", 18), ("object", 91), ("mug", 92)]
    assert [p.category for p in found] == [0, 1, 2, 0] and [p.annotation_id for p in found] == [1, 2, 3, 4]
    assert root == photos[0].parent and album[0].file_name == "one.png"
    assert drawn == [(photos[0], 4, ["dog", "object", "mug"])]


def test_a_name_is_a_label_but_for_networks_with_categories(toy: SimpleNamespace, photos: list[Path]) -> None:
    _, _, labelled = predict_photos(build(toy), photos[:1], [parse_box("12,8,30,20:whatever it is")])
    _, _, plain = predict_photos(build(toy), photos[:1], [parse_box("12,8,30,20")])
    assert labelled == plain
    predictor = build(toy, ("cat", "dog"))
    for text, value in (("12,8,30,20:mug", "mug"), ("12,8,30,20", "none")):
        with pytest.raises(AnnotationError, match=f"--box 2: .*found {value!r}.*one of cat, dog"):
            predict_photos(predictor, photos[:1], [parse_box("12,8,30,20:dog"), parse_box(text)])


def test_detected_boxes(toy: SimpleNamespace, photos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "YoloxNano", FakeDetector)
    done: list[int] = []
    album, _, found = predict_photos(build(toy), photos, progress=done.append)
    assert [r.file_name for r in album] == ["one.png", "more/two.jpg"] and done == [1, 1]
    assert [(p.image_id, p.annotation_id, album.categories[p.category].name) for p in found] == [
        (1, 1, "person"),
        (1, 2, "dog"),
        (2, 3, "person"),
        (2, 4, "dog"),
    ]
    assert 0.5 < found[0].score < 0.9
    _, _, sure = predict_photos(build(toy), photos, min_score=0.5)
    assert len(sure) == 2
    # networks that know persons only are asked about persons only
    predictor = build(toy, ("cat", "person"))
    album, _, found = predict_photos(predictor, photos)
    assert [album.categories[p.category].name for p in found] == ["person", "person"]
    assert predictor.networks.modal.calls[0][2].tolist() == [1]  # type: ignore[attr-defined]


def test_content_is_read_back(
    toy: SimpleNamespace, photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "YoloxNano", FakeDetector)
    album, _, _ = predict_photos(build(toy), photos)
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(album_content(album)))
    again = read_annotations(path)
    assert again.categories == album.categories and list(again) == list(album)


def test_bad_input(toy: SimpleNamespace, photos: list[Path], tmp_path: Path) -> None:
    predictor, box = build(toy), parse_box("12,8,30,20")
    with pytest.raises(AmodalError, match="one photograph"):
        predict_photos(predictor, photos, [box])
    with pytest.raises(AmodalError, match="given once"):
        predict_photos(predictor, [photos[0], photos[0].parent / "more" / ".." / "one.png"])
    with pytest.raises(AmodalError, match="at least one"):
        predict_photos(predictor, [])
    with pytest.raises(ImageError, match=r"none\.jpg"):
        predict_photos(predictor, [photos[0], tmp_path / "none.jpg"])
    for text in ("100,8,130,20", "nan,8,30,20", "30,8,12,20", "12,8,12,20", "inf,8,inf,20"):
        with pytest.raises(BoxError, match=r"one\.png: --box 2: a box"):
            predict_photos(predictor, photos[:1], [box, parse_box(text)])
    assert not predictor.networks.modal.calls  # type: ignore[attr-defined]


class FakeSegmenter:
    """Sees the left half of a box; nothing in a box that starts at the border."""

    def segment(self, image: np.ndarray, boxes: list[Box]) -> list[Mask]:
        height, width = image.shape[:2]
        halves = [(x1, y1, (x1 + x2) / 2 if x1 else x1, y2) for x1, y1, x2, y2 in boxes]
        return [Mask.from_box(half, width, height) for half in halves]


def test_masks_of_a_segmenter_are_what_is_predicted_from(toy: SimpleNamespace, photos: list[Path]) -> None:
    given = [parse_box("10,8,30,20:dog"), parse_box("0,0,9,9:mug")]
    album, _, found = predict_photos(build(toy), photos[:1], given, segmenter=FakeSegmenter())
    dog, mug = found
    assert dog.modal_mask == Mask.from_box((10, 8, 20, 20), 60, 40) == album[0].instances[0].modal_mask
    assert (dog.annotation_id, dog.category, mug.annotation_id, mug.category) == (1, 0, 2, 1)
    assert mug.modal_box == (0, 0, 9, 9) and album[0].instances[1].modal_mask is None
    content = album_content(album)["annotations"]
    assert Mask.from_rle(content[0]["segmentation"]) == dog.modal_mask and "segmentation" not in content[1]
    _, _, boxes = predict_photos(build(toy), photos[:1], given, segmenter=FakeSegmenter(), use_masks=False)
    _, _, alone = predict_photos(build(toy), photos[:1], given)
    assert boxes == alone and boxes[0].modal_box == (10, 8, 30, 20)


def test_objects_with_a_mask_and_those_without_are_asked_about_together(
    toy: SimpleNamespace, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    run = Predictor.run_jobs

    def counted(self: Predictor, work: Any, **words: Any) -> Any:
        calls.append(len(work))
        return run(self, work, **words)

    monkeypatch.setattr(Predictor, "run_jobs", counted)
    given = [parse_box("10,8,30,20"), parse_box("0,0,9,9"), parse_box("20,8,40,30")]
    _, _, found = predict_photos(build(toy), photos[:1], given, segmenter=FakeSegmenter(), keep_heat=True)
    assert calls == [3]  # so that they can tell each other where they are seen
    assert [p.modal_box for p in found] == [(10, 8, 20, 20), (0, 0, 9, 9), (20, 8, 30, 30)]
    assert [p.annotation_id for p in found] == [1, 2, 3] and all(p.modal_heat is not None for p in found)


def test_a_detector_of_its_own_categories(toy: SimpleNamespace, photos: list[Path]) -> None:
    class Mugs:
        categories = named_categories(["mug", "spoon rest"])

        def detect(self, image: np.ndarray, min_score: float) -> list[Detection]:
            mask = Mask.from_box((12, 8, 30, 20), image.shape[1], image.shape[0])
            return [Detection((12, 8, 30, 20), 1, "spoon rest", 0.5, mask)]

    album, _, found = predict_photos(build(toy), photos, detector=Mugs())
    assert [(c.name, c.id) for c in album.categories] == [("mug", 91), ("spoon rest", 92)]
    assert [p.category for p in found] == [1, 1] and found[0].modal_mask.area == 18 * 12


def test_a_detector_that_does_not_list_what_it_finds(toy: SimpleNamespace, photos: list[Path]) -> None:
    class Forks(FakeDetector):
        categories = named_categories(["fork", "dog"])

    predictor = build(toy)
    with pytest.raises(AnnotationError, match=r"one\.png: detection 0: .*found 'person'.*`categories`"):
        predict_photos(predictor, photos, detector=Forks())
    assert not predictor.networks.modal.calls  # type: ignore[attr-defined]
