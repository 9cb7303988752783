from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from amodal.core.album import Album
from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.metrics.matching import match_detections

W, H = 24, 16
CATEGORIES = [Category(1, "cup"), Category(2, "pot")]


def columns(start: int, stop: int) -> Mask:
    return Mask.from_box((start, 0, stop, H), W, H)


def thing(number: int, mask: Mask, category: int = 0, **known: Any) -> Instance:
    return Instance(number, category, mask.box, modal_mask=mask, amodal_mask=mask, **known)


def answer(number: int, mask: Mask, score: float | None, category: int = 0) -> Instance:
    return Instance(number, category, mask.box, modal_mask=mask, score=score)


def album(*pictures: list[Instance]) -> Album:
    records = [ImageRecord(i, f"{i}.jpg", W, H, tuple(things)) for i, things in enumerate(pictures, start=1)]
    return Album(records, CATEGORIES, source="boxes.json")


def test_the_surest_takes_the_object_it_fits_best() -> None:
    truth = album([thing(7, columns(0, 10)), thing(8, columns(2, 12)), thing(9, columns(0, 20), category=1)])
    found = album(
        [
            answer(1, columns(0, 9), 0.5),  # 7 is taken; of 8 it has 7 of 12 columns
            answer(2, columns(0, 10), 0.9),
            answer(3, columns(2, 12), 0.4),  # both are taken
            answer(4, columns(0, 9), 0.8, category=1),  # 9 of 20
        ]
    )
    matched = match_detections(truth, found, {7: columns(0, 4)})
    assert {number: one.score for number, one in matched.answers.items()} == {7: 0.9, 8: 0.5}
    assert matched.unmatched == 2 and matched.rule.startswith("2 of 4 detections matched")
    assert matched.answers[7].modal_mask == columns(0, 4) and matched.answers[8].modal_mask == columns(0, 9)
    assert matched.answers[7].amodal_mask == columns(0, 10) and matched.answers[7].amodal_box == (0, 0, 10, H)


def test_the_cut_off_is_reached_at_one_half() -> None:
    truth = album([thing(7, columns(0, 20))])
    assert match_detections(truth, album([answer(1, columns(0, 10), None)]), {}).answers[7].score == 1.0
    assert match_detections(truth, album([answer(1, columns(0, 9), 1.0)]), {}).answers == {}


@pytest.mark.parametrize("left_out", [{"is_crowd": True}, {"is_stuff": True}, {"amodal_mask": None}])
def test_what_is_not_scored_takes_no_answer(left_out: dict[str, Any]) -> None:
    truth = album([replace(thing(7, columns(0, 20)), **left_out), thing(8, columns(0, 18))])
    matched = match_detections(truth, album([answer(1, columns(0, 20), 0.9)]), {})
    assert list(matched.answers) == [8]


def test_a_box_alone_is_refused() -> None:
    found = album([Instance(4, 0, (0, 0, 5, 5), score=0.5)])
    with pytest.raises(AnnotationError, match=r"boxes\.json: image 1, detection 4: .*Add \"segmentation\""):
        match_detections(album([thing(7, columns(0, 20))]), found, {})


def test_matches_are_those_of_pycocotools() -> None:
    rng = np.random.default_rng(0)

    def some(count: int, make: Any) -> list[Instance]:
        things = []
        for i in range(count):
            x, y = rng.integers(0, W - 8), rng.integers(0, H - 8)
            mask = Mask.from_box((x, y, x + rng.integers(5, 9), y + rng.integers(5, 9)), W, H)
            things.append(make(i, mask, int(rng.integers(2))))
        return things

    truth = album(some(30, lambda i, mask, kind: thing(i + 1, mask, kind)))
    found = album(some(60, lambda i, mask, kind: answer(i + 1, mask, 1 - i / 100, kind)))

    def entries(instances: tuple[Instance, ...]) -> list[dict[str, Any]]:
        return [
            {"id": o.id, "image_id": 1, "category_id": o.category + 1, "iscrowd": 0, "area": o.modal_mask.area}
            | {"segmentation": o.modal_mask.to_rle(), "bbox": [0, 0, 1, 1], "score": o.score}
            for o in instances
            if o.modal_mask is not None
        ]

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        kinds = [{"id": c.id, "name": c.name} for c in CATEGORIES]
        coco.dataset = {
            "images": [{"id": 1, "width": W, "height": H}],
            "categories": kinds,
            "annotations": entries(truth[0].instances),
        }
        coco.createIndex()
        theirs = COCOeval(coco, coco.loadRes(entries(found[0].instances)), "segm")
        theirs.evaluate()
    pairs = {
        (int(number), detection)
        for one in theirs.evalImgs[:: len(theirs.params.areaRng)]
        for detection, number in zip(one["dtIds"], one["dtMatches"][0], strict=True)
        if number
    }
    ours = match_detections(truth, found, {})
    assert {(number, 101 - round(100 * one.score)) for number, one in ours.answers.items()} == pairs
    assert len(pairs) > 10
