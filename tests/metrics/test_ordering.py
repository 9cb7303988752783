from __future__ import annotations

import math
from typing import Any

import pytest

from amodal.core.album import Album
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance, Prediction
from amodal.metrics.evaluate import evaluate
from amodal.metrics.ordering import OrderScore, score_order, score_pairs, true_pairs
from amodal.report.scores import figures, markdown

FRONT, BACK, FAR = (0, 0, 20, 20), (10, 10, 30, 30), (50, 0, 60, 10)


def instance(number: int, box: tuple[int, int, int, int], **fields: Any) -> Instance:
    whole = Mask.from_box(box, 60, 40)
    return Instance(number, 0, whole.box, amodal_mask=whole, amodal_box=whole.box, **fields)


def record(*objects: Instance, **fields: Any) -> ImageRecord:
    return ImageRecord(1, "a.png", 60, 40, objects, **fields)


@pytest.mark.parametrize(
    ("true", "found", "score"),
    [
        ([], [], OrderScore(0, 0, 0, 0, 0)),
        ([(1, 2)], [(1, 2)], OrderScore(1, 1, 0, 0, 0)),
        ([(1, 2)], [(2, 1)], OrderScore(1, 0, 1, 0, 0)),
        ([(1, 2)], [], OrderScore(1, 0, 0, 1, 0)),
        ([(1, 2)], [(1, 2), (2, 1)], OrderScore(1, 0, 0, 1, 0)),
        ([(1, 2)], [(1, 3), (3, 1)], OrderScore(1, 0, 0, 1, 1)),
    ],
)
def test_pairs(true: list[tuple[int, int]], found: list[tuple[int, int]], score: OrderScore) -> None:
    assert score_pairs(true, found) == score


def test_shares() -> None:
    score = OrderScore(10, 6, 2, 2, 5)
    assert score.accuracy == 0.6 and score.decided_accuracy == 0.75
    empty = OrderScore(0, 0, 0, 0, 3)
    assert math.isnan(empty.accuracy) and math.isnan(empty.decided_accuracy)


def test_truth_by_depth_rank_where_whole_masks_overlap() -> None:
    objects = (instance(1, BACK, order=2), instance(2, FRONT, order=1), instance(3, FAR, order=3))
    assert true_pairs(record(*objects)) == [(2, 1)]
    assert true_pairs(record(instance(1, BACK, order=2), instance(2, FRONT, order=2))) == []
    assert true_pairs(record(instance(1, BACK), instance(2, FRONT))) == []  # nothing says which


def test_truth_by_visible_masks_without_ranks() -> None:
    seen = Mask.from_box(FRONT, 60, 40)
    rest = Mask.from_box(BACK, 60, 40) - seen
    objects = (instance(1, BACK, modal_mask=rest), instance(2, FRONT, modal_mask=seen))
    assert true_pairs(record(*objects)) == [(2, 1)]


def test_the_files_own_pairs_come_first() -> None:
    objects = (instance(1, BACK, order=2), instance(2, FRONT, order=1))
    assert true_pairs(record(*objects, occlusions=((1, 2),))) == [(1, 2)]


def test_stuff_and_crowds_are_in_no_pair() -> None:
    stuff, crowd = instance(3, BACK, order=3, is_stuff=True), instance(4, BACK, order=4, is_crowd=True)
    objects = (instance(1, BACK, order=2), instance(2, FRONT, order=1), stuff, crowd)
    assert true_pairs(record(*objects)) == [(2, 1)]
    assert true_pairs(record(*objects, occlusions=((2, 1), (2, 3), (4, 1)))) == [(2, 1)]


def test_an_album() -> None:
    other = ImageRecord(2, "b.png", 60, 40, (instance(3, BACK, order=2), instance(4, FRONT, order=1)))
    truth = Album([record(instance(1, BACK, order=2), instance(2, FRONT, order=1)), other], [Category(1, "a")])

    def prediction(image: int, number: int, occluders: tuple[int, ...] | None) -> Prediction:
        mask = Mask.from_box(FRONT, 60, 40)
        return Prediction(image, number, 0, 1.0, mask.box, mask, mask, mask.box, 1, "converged", occluders=occluders)

    found = [prediction(1, 1, (2,)), prediction(1, 2, ()), prediction(2, 3, None), prediction(2, 4, (3,))]
    assert score_order(truth, found) == OrderScore(2, 1, 1, 0, 0)
    silent = [prediction(1, 1, ()), prediction(1, 2, ()), prediction(2, 3, None)]
    assert score_order(truth, silent) == OrderScore(1, 0, 0, 1, 0)  # nobody was asked about the second picture
    assert score_order(truth, silent[2:]) is None and score_order(truth, []) is None
    assert score_order(Album([ImageRecord(2, "b.png", 60, 40)], [Category(1, "a")]), silent) is None


def test_an_evaluation_tells_it() -> None:
    objects = (instance(1, BACK, order=2), instance(2, FRONT, order=1))
    truth = Album([record(*objects)], [Category(1, "a")])

    def answers(*occluders: tuple[int, ...] | None) -> list[Prediction]:
        mask = Mask.from_box(FRONT, 60, 40)
        shared = (0, 1.0, mask.box, mask, mask, mask.box, 1, "converged")
        return [Prediction(1, i, *shared, occluders=them) for i, them in enumerate(occluders, 1)]  # type: ignore[arg-type]

    report = evaluate(truth, answers((2,), ()))
    assert report.to_json()["order"] == {
        **{"pairs": 1, "right": 1, "wrong": 0, "undecided": 0, "extra": 0, "accuracy": 1.0, "decided_accuracy": 1.0}
    }
    line = "pairs of objects in their true order: 100.0 % of 1 (0 reversed, 0 undecided); of those decided 100.0 %"
    assert line in figures(report) and line in markdown(report)
    undecided = evaluate(truth, answers((), ()))
    assert undecided.to_json()["order"]["decided_accuracy"] is None and "1 undecided" in figures(undecided)
    without = evaluate(truth, answers(None, None))
    assert without.to_json()["order"] is None and "true order" not in figures(without)
