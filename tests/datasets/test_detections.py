from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amodal.core.album import Album
from amodal.core.errors import AmodalError, AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Prediction
from amodal.datasets import read_annotations
from amodal.datasets.detections import read_detections
from amodal.datasets.results import read_results, write_results

Write = Callable[..., Path]
POLYGON = [[2, 3, 12, 3, 12, 15, 2, 15]]


@pytest.fixture
def album(tiny_coco: dict[str, Any], write_file: Write) -> Album:
    return read_annotations(write_file(tiny_coco))


def entry(**changes: Any) -> dict[str, Any]:
    return {"image_id": 3, "category_id": 5, "bbox": [2, 3, 10, 12], "score": 0.5} | changes


def test_results_replace_the_albums_objects(album: Album, write_file: Write) -> None:
    mask = Mask.from_box((1, 1, 6, 9), 20, 24)
    entries = [
        entry(),
        entry(image_id=7, category_id=9, bbox=[-5, 5, 20, 10], score=0.1),
        entry(segmentation=mask.to_rle(), score=1.0000001),
        {"image_id": 3, "category_id": 9, "segmentation": POLYGON},
    ]
    found = read_detections(write_file(entries, "results.json"), album)
    assert [record.id for record in found] == [7, 3] and found.categories == album.categories
    (cut,), (box, both, outline) = (record.instances for record in found)
    assert (cut.id, cut.modal_box, cut.score) == (2, (0, 5, 15, 15), 0.1)
    assert (box.id, box.modal_box, box.modal_mask, box.category) == (1, (2, 3, 12, 15), None, 1)
    assert both.modal_mask == mask and both.score == 1
    assert outline.modal_box == (2, 3, 12, 15) and outline.score is None and outline.category == 0
    assert found.annotation_ids.tolist() == [1, 2, 3, 4]
    sure = read_detections(write_file(entries, "results.json"), album, min_score=0.3)
    assert sure.annotation_ids.tolist() == [1, 3, 4]  # the places in the file stay


def test_a_files_own_ids_are_kept(album: Album, write_file: Write) -> None:
    entries = [entry(id=40), entry(id=30)]
    content = {"images": [], "annotations": entries, "categories": []}
    for given in (entries, content):
        assert read_detections(write_file(given, "r.json"), album).annotation_ids.tolist() == [40, 30]
    assert read_detections(write_file([entry(id=4), entry(id=4)], "r.json"), album).annotation_ids.tolist() == [1, 2]
    for own, number in (({"id": None, "annotation_id": 9}, 9), ({"id": 2**70}, 1)):
        assert read_detections(write_file([entry(**own)], "r.json"), album).annotation_ids.tolist() == [number]
    assert read_detections(write_file([], "r.json"), album).annotation_ids.tolist() == []


def test_without_ids_none_has_an_annotations(tiny_coco: dict[str, Any], write_file: Write) -> None:
    for i, annotation in enumerate(tiny_coco["annotations"]):
        annotation["id"] = (2, 40, 9)[i]
    album = read_annotations(write_file(tiny_coco))
    for count, numbers in ((1, [1]), (2, [41, 42])):
        entries = [entry() for _ in range(count)]
        assert read_detections(write_file(entries, "r.json"), album).annotation_ids.tolist() == numbers
    tiny_coco["annotations"][1]["id"] = 2**63 - 2
    album = read_annotations(write_file(tiny_coco))
    with pytest.raises(AnnotationError, match=r"numbered after the annotations.*Give each detection an id"):
        read_detections(write_file([entry(), entry()], "r.json"), album)


def test_their_predictions_are_not_taken_for_answers(tiny_coco: dict[str, Any], write_file: Write) -> None:
    for i, annotation in enumerate(tiny_coco["annotations"], 1):
        annotation["id"] = i
    album = read_annotations(write_file(tiny_coco))
    mask = Mask.from_box((2, 3, 12, 15), 20, 24)
    found = read_detections(write_file([entry(), entry()], "r.json"), album)
    predictions = [
        Prediction(record.id, one.id, one.category, 0.5, one.modal_box, mask, mask, one.modal_box, 1, "converged")
        for record in found
        for one in record.instances
    ]
    results = write_file([], "results.json")
    write_results(results, predictions, album.categories)
    with pytest.raises(AnnotationError, match=r"record 0: each record answers one .*--detections answer none"):
        read_results(results, album)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"image_id": 99}, "image_id is one of .*; found 99. Give the annotation file the detector ran on"),
        ({"category_id": 1}, "category_id is one of .*; found 1. Give the annotation file the detector ran on"),
        ({"image_id": "a"}, "whole number"),
        ({"bbox": [1, 2, 3]}, r"\[x, y, width, height\]"),
        ({"bbox": [5, 5, -1, 4]}, r"found \[5, 5, -1, 4\]"),
        ({"bbox": [100, 5, 3, 4]}, "overlap its picture"),
        ({"bbox": None}, "a bbox, or a segmentation"),
        ({"score": 1.5}, "0 to 1"),
        ({"score": "high"}, "0 to 1"),
        ({"segmentation": {"size": [4, 4], "counts": "44"}}, "size of its picture"),
    ],
)
def test_a_bad_entry_is_named_or_left_out(album: Album, write_file: Write, change: dict[str, Any], told: str) -> None:
    path = write_file([entry(), entry(**change), entry()], "results.json")
    with pytest.raises(AmodalError, match=rf"results\.json: detection 1: .*{told}"):
        read_detections(path, album)
    bad: list[AmodalError] = []
    assert read_detections(path, album, on_bad=bad.append).annotation_ids.tolist() == [1, 3] and len(bad) == 1


def test_a_file_without_categories_is_told_to_need_them(tiny_coco: dict[str, Any], write_file: Write) -> None:
    album = read_annotations(write_file({"images": tiny_coco["images"], "annotations": []}))
    with pytest.raises(AnnotationError, match=r'"categories"; found \d+\. Add "categories" to that file: it has none'):
        read_detections(write_file([entry()], "r.json"), album)


def test_what_are_no_detections(album: Album, write_file: Write) -> None:
    for content in ({"annotations": 3}, [1, 2], "text"):
        with pytest.raises(AnnotationError, match="detections are a list of objects"):
            read_detections(write_file(content, "r.json"), album)
    with pytest.raises(AmodalError, match="0 to 1"):
        read_detections(write_file([], "r.json"), album, min_score=2)
