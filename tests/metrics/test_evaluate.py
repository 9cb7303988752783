from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as codec

from amodal.core.album import Album
from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance, Prediction
from amodal.metrics.baselines import convex_hull
from amodal.metrics.evaluate import evaluate, has_amodal_truth
from amodal.metrics.objects import FROM_PREDICTION, FROM_TRUTH
from amodal.metrics.ordering import score_pairs
from amodal.metrics.summary import GROUPS, in_group

W, H = 20, 10


def columns(start: int, stop: int) -> Mask:
    return Mask.from_box((start, 0, stop, H), W, H)


def thing(number: int, whole: Mask, seen: Mask | None = None, **known: object) -> Instance:
    box = seen.box if seen is not None else whole.box
    return Instance(number, 0, box, modal_mask=seen, amodal_mask=whole, amodal_box=whole.box, **known)  # type: ignore[arg-type]


def guess(number: int, image: int, seen: Mask, whole: Mask, **changed: object) -> Prediction:
    fields: dict[str, object] = {
        "image_id": image,
        "annotation_id": number,
        "category": 0,
        "score": 1.0,
        "modal_box": seen.box,
        "modal_mask": seen,
        "amodal_mask": whole,
        "amodal_box": whole.box,
        "steps": 1,
        "stop_reason": "converged",
    }
    return Prediction(**{**fields, **changed})  # type: ignore[arg-type]


def album(*pictures: list[Instance]) -> Album:
    records = [ImageRecord(i, f"{i}.jpg", W, H, tuple(things)) for i, things in enumerate(pictures, start=1)]
    return Album(records, [Category(1, "cup")], source="truth.json")


TRUTH = album(
    [thing(1, columns(0, 10), columns(0, 5)), thing(2, columns(10, 20), columns(10, 20))],
    [thing(3, columns(0, 20), columns(0, 16))],
)
FOUND = [
    guess(1, 1, columns(0, 5), columns(0, 8)),  # IoU 0.8, hidden 5-8 of 5-10: 0.6
    guess(2, 1, columns(10, 20), columns(10, 20)),  # IoU 1
    guess(3, 2, columns(0, 12), columns(0, 14)),  # IoU 0.7, hidden 12-14 against 16-20: 0
]


def test_every_figure_of_a_small_case_by_hand() -> None:
    report = evaluate(TRUTH, FOUND, given="true modal boxes", predictions_source="out.json")
    ours = report.group("all").row("ours")
    assert (ours.count, report.group("all").photographs) == (3, 2)
    assert ours.mean_iou == pytest.approx((0.8 + 1 + 0.7) / 3)
    assert ours.micro_iou == pytest.approx((80 + 100 + 140) / 400)
    assert (ours.accuracy_50, ours.accuracy_70) == pytest.approx((1.0, 2 / 3))  # 0.7 is not above 0.7
    assert (ours.hidden_iou, ours.hidden_count) == (pytest.approx(0.3), 2)
    assert ours.box_iou == pytest.approx((0.8 + 1 + 0.7) / 3)
    modal = report.group("all").row("modal")
    assert modal.mean_iou == pytest.approx((0.5 + 1 + 0.6) / 3)
    assert modal.hidden_iou == 0.0
    assert report.group("occluded").row("ours").mean_iou == pytest.approx(0.75)
    assert report.group("heavily occluded").row("ours").mean_iou == pytest.approx(0.8)
    assert report.group("clear").row("ours").mean_iou == 1.0
    assert report.group("clear").row("ours").hidden_count == 0
    # area ratios: 5/8, 1, 12/14; unoccluded is the second alone
    assert (report.unoccluded_ap, report.unoccluded_chance) == pytest.approx((1.0, 1 / 3))
    assert report.hidden_frac_error == pytest.approx((abs(3 / 8 - 0.5) + 0 + abs(2 / 14 - 0.2)) / 3)
    assert (report.better, report.worse) == (1.0, 0.0)
    assert report.protocol["truth"] == "truth.json"
    assert report.protocol["predictions"] == "out.json"
    assert report.protocol["given to the predictor"] == "true modal boxes"
    assert "macro" in report.protocol["mean IoU"]


def test_ious_equal_pycocotools_on_random_masks() -> None:
    rng = np.random.default_rng(0)
    wholes, seens, guesses = (
        [Mask.from_array(rng.random((H, W)) < density) for _ in range(12)] for density in (0.6, 0.3, 0.5)
    )
    truth = album([thing(i, whole, seen) for i, (whole, seen) in enumerate(zip(wholes, seens, strict=True))])
    report = evaluate(truth, [guess(i, 1, seens[i], guesses[i]) for i in range(12)])

    def oracle(masks: list[Mask]) -> float:
        codes = [{"size": [H, W], "counts": m.counts} for m in masks]
        true = [{"size": [H, W], "counts": m.counts} for m in wholes]
        return float(np.diag(codec.iou(codes, true, [0] * 12)).mean())

    rows = report.group("all")
    boxes = [Mask.from_box(seen.box, W, H) for seen in seens]
    assert rows.row("ours").mean_iou == pytest.approx(oracle(guesses))
    assert rows.row("modal").mean_iou == pytest.approx(oracle(seens))
    assert rows.row("modal_hull").mean_iou == pytest.approx(oracle([convex_hull(m) for m in seens]))
    assert rows.row("box").mean_iou == pytest.approx(oracle(boxes))
    by_name = {row.answer: row for row in rows.known_modal_rows}
    assert by_name["true_modal"].mean_iou == pytest.approx(oracle(seens))
    assert by_name["true_modal_hull"].mean_iou == pytest.approx(oracle([convex_hull(m) for m in seens]))


@pytest.mark.parametrize(
    ("hidden", "groups"),
    [
        (0.0, {"all", "clear"}),
        (0.05, {"all", "clear"}),
        (0.0501, {"all", "occluded"}),
        (0.25, {"all", "occluded"}),
        (0.2501, {"all", "occluded", "heavily occluded"}),
        (1.0, {"all", "occluded", "heavily occluded"}),
        (None, {"all"}),
    ],
)
def test_group_boundaries(hidden: float | None, groups: set[str]) -> None:
    assert {name for name in GROUPS if in_group(hidden, name)} == groups


def test_group_boundary_from_masks_is_exact() -> None:
    """One column of twenty hidden is 5 %, which is clear."""
    truth = album([thing(1, columns(0, 20), columns(0, 19))])
    report = evaluate(truth, [guess(1, 1, columns(0, 19), columns(0, 20))])
    assert (report.group("clear").count, report.group("occluded").count) == (1, 0)


def test_a_baseline_is_one_more_row_measured_like_ours() -> None:
    baselines = {"mask-only": {1: columns(0, 10), 3: columns(0, 16)}}  # nothing for 2
    report = evaluate(TRUTH, FOUND, baselines=baselines)
    row = report.group("all").row("mask-only")
    assert (row.count, row.mean_iou) == (3, pytest.approx((1 + 0 + 0.8) / 3))
    assert row.hidden_iou == pytest.approx((1 + 0) / 2)  # of 3: 12-16 beyond its visible part, 16-20 is hidden
    assert row.box_iou == pytest.approx((1 + 0 + 0.8) / 3)
    assert row.gain == pytest.approx((0.8 + 1 + 0.7 - 1 - 0 - 0.8) / 3)
    assert report.group("all").row("ours").gain == 0.0
    assert report.to_json()["groups"][0]["rows"][-1]["answer"] == "mask-only"


def test_intervals_of_every_figure_come_from_the_same_draws() -> None:
    row = evaluate(TRUTH, FOUND).group("all").row("modal")
    # photograph 1 holds (0.5, 1), photograph 2 (0.6): a draw is one of (1, 1), (1, 2), (2, 2)
    assert row.intervals["mean_iou"] == (pytest.approx(0.6), pytest.approx(0.75))
    assert row.intervals["gain"] == (pytest.approx(0.1), pytest.approx(0.15))
    assert set(row.intervals) == {"mean_iou", "accuracy_50", "accuracy_70", "hidden_iou", "box_iou", "gain"}
    assert row.interval == row.intervals["mean_iou"]


@pytest.mark.parametrize(
    ("baselines", "message"),
    [
        ({"ours": {1: columns(0, 5)}}, "a name of its own; found 'ours'"),
        ({"other": {9: columns(0, 5)}}, "other: annotation 9"),
        ({"other": {1: Mask.from_box((0, 0, 5, 5), W + 1, H)}}, r"other: annotation 1: .*\[10, 21\]"),
    ],
)
def test_bad_baselines_are_refused(baselines: dict[str, dict[int, Mask]], message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        evaluate(TRUTH, FOUND, baselines=baselines)


def test_a_prediction_on_a_larger_canvas_is_cut_to_the_picture() -> None:
    shifted = Mask.from_box((10, 5, 20, 5 + H), W + 20, H + 10)  # columns 0-10 of the picture
    found = guess(1, 1, shifted, shifted, canvas=(-10, -5, W + 20, H + 10))
    report = evaluate(TRUTH, [found, *FOUND[1:]])
    assert report.objects[0].fits["ours"].iou == 1.0


def test_boxes_are_cut_to_the_picture_as_those_of_the_truth_are() -> None:
    def beyond(box: tuple[float, ...]) -> Prediction:
        return guess(1, 1, columns(0, 5), columns(0, 10), amodal_box=box, modal_box=box)

    ours, theirs, outside = beyond((-8, -3, 10, H + 2)), beyond((-8, 0, 10, H)), beyond((-8, 0, -1, H))
    fits = evaluate(TRUTH, [ours, *FOUND[1:]], baselines={"other": {1: theirs}}).objects[0].fits
    assert fits["ours"].box_iou == fits["box"].box_iou == fits["box"].iou == fits["other"].box_iou == 1.0
    fits = evaluate(TRUTH, [outside, *FOUND[1:]]).objects[0].fits
    assert fits["ours"].box_iou == fits["box"].box_iou == fits["box"].iou == 0.0 and fits["ours"].iou == 1.0


def test_what_a_baseline_leaves_unanswered_is_counted() -> None:
    counts = evaluate(
        TRUTH, FOUND, baselines={"some": {1: columns(0, 5)}, "all": dict.fromkeys((1, 2, 3), columns(0, 5))}
    )
    assert counts.counts["without an answer of some, scored as 0"] == 2
    assert "without an answer of all, scored as 0" not in counts.counts


def test_empty_whole_masks_are_no_truth_to_score() -> None:
    nothing = Mask.from_array(np.zeros((H, W), dtype=bool))
    assert has_amodal_truth(TRUTH) and not has_amodal_truth(album([Instance(1, 0, (0, 0, 5, 5), amodal_mask=nothing)]))


def test_hidden_part_iou_against_brute_force() -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.random((H, W)) < 0.5 for _ in range(6)]
    whole, visible, found, seen, other, other_seen = arrays
    masks = [Mask.from_array(array) for array in arrays]
    baselines = {"mask": {1: masks[4]}, "prediction": {1: guess(1, 1, masks[5], masks[4])}}
    report = evaluate(album([thing(1, *masks[:2])]), [guess(1, 1, masks[3], masks[2])], baselines=baselines)
    true = whole & ~visible
    hidden = {"ours": found & ~seen, "modal": seen & ~seen, "mask": other & ~seen, "prediction": other & ~other_seen}
    for answer, part in (hidden | {"true_modal": visible & ~visible}).items():
        expected = (part & true).sum() / (part | true).sum()
        assert report.objects[0].fits[answer].hidden_iou == pytest.approx(expected)


@pytest.mark.parametrize("answered", [True, False])
def test_where_the_true_masks_hide_nothing_the_hidden_part_has_no_iou(answered: bool) -> None:
    """Said to be occluded, but its visible mask is as large as the whole one: no answer could be right."""
    truth = album([thing(1, columns(0, 10), columns(0, 5)), thing(2, columns(0, 10), columns(0, 10), occlude_rate=0.3)])
    found = [guess(i, 1, columns(0, 5), columns(0, 10)) for i in ((1, 2) if answered else (1,))]
    report = evaluate(truth, found)
    assert [score.fits["ours"].hidden_iou for score in report.objects] == [1.0, None]
    ours = report.group("occluded").row("ours")
    assert (ours.count, ours.hidden_iou, ours.hidden_count) == (2, 1.0, 1)


def test_a_missing_prediction_scores_zero_and_is_named() -> None:
    report = evaluate(TRUTH, [FOUND[0], FOUND[1]])
    assert report.missing == (3,)
    assert report.counts["without a prediction, scored as 0"] == 1
    for answer in ("ours", "modal", "modal_hull", "box"):
        assert report.group("heavily occluded").row(answer).mean_iou > 0
        assert min(score.fits[answer].iou for score in report.objects) == 0.0
    ours = report.group("all").row("ours")
    assert ours.mean_iou == pytest.approx(1.8 / 3)
    assert ours.box_iou == pytest.approx(1.8 / 3)
    assert ours.hidden_iou == pytest.approx(0.6 / 2)
    assert ours.micro_iou == pytest.approx((80 + 100) / 400)
    true_modal = report.group("all").known_modal_rows[1]
    assert (true_modal.answer, true_modal.mean_iou) == ("true_modal", pytest.approx((0.5 + 1 + 0.8) / 3))


def test_no_prediction_at_all_is_a_report_of_zeros() -> None:
    report = evaluate(TRUTH, [])
    assert report.group("all").row("ours").mean_iou == 0.0
    assert len(report.missing) == 3
    json.dumps(report.to_json(), allow_nan=False)


def test_an_empty_prediction_is_answered_and_scores_zero() -> None:
    empty = Mask.from_array(np.zeros((H, W), dtype=bool))
    report = evaluate(TRUTH, [guess(1, 1, empty, empty, modal_box=(0, 0, 5, 10), stop_reason="empty"), *FOUND[1:]])
    assert report.missing == ()
    assert report.objects[0].fits["ours"].iou == 0.0
    assert report.objects[0].fits["box"].iou == pytest.approx(0.5)
    assert report.objects[0].area_ratio == 0.0


def test_stuff_crowd_and_unlabelled_objects_are_left_out_and_counted() -> None:
    truth = album(
        [
            thing(1, columns(0, 10), columns(0, 5)),
            thing(2, columns(0, 20), columns(0, 20), is_stuff=True),
            thing(3, columns(0, 20), columns(0, 20), is_crowd=True),
            Instance(4, 0, (0, 0, 5, 5), modal_mask=columns(0, 5)),
        ]
    )
    report = evaluate(truth, [guess(i, 1, columns(0, 5), columns(0, 10)) for i in (1, 2, 3, 4)])
    assert report.group("all").count == 1
    assert report.group("all").row("ours").mean_iou == 1.0
    assert report.counts["in truth"] == 4
    assert report.counts["scored"] == 1
    assert report.counts["stuff, left out"] == 1
    assert report.counts["crowd, left out"] == 1
    assert report.counts["no amodal mask, left out"] == 1


def test_rows_of_the_true_modal_mask_stand_beside_ours_on_the_same_objects() -> None:
    truth = album([thing(1, columns(0, 10), columns(0, 5)), thing(2, columns(0, 20), occlude_rate=0.4)])
    report = evaluate(truth, [guess(1, 1, columns(0, 5), columns(0, 8)), guess(2, 1, columns(0, 5), columns(0, 5))])
    group = report.group("occluded")
    assert group.count == 2
    assert [(row.answer, row.count) for row in group.known_modal_rows] == [
        ("ours", 1),
        ("true_modal", 1),
        ("true_modal_hull", 1),
    ]
    assert group.known_modal_rows[0].mean_iou == pytest.approx(0.8)
    assert group.row("ours").hidden_count == 1


def test_unknown_hidden_share_is_scored_in_all_alone() -> None:
    report = evaluate(album([thing(1, columns(0, 10))]), [guess(1, 1, columns(0, 5), columns(0, 10))])
    assert [group.count for group in report.groups] == [1, 0, 0, 0]
    assert report.counts["hidden share unknown, in 'all' alone"] == 1
    assert math.isnan(report.unoccluded_ap)
    unoccluded = report.to_json()["unoccluded"]
    assert (unoccluded["count"], unoccluded["average_precision"], unoccluded["chance"]) == (0, None, None)


def test_json_has_every_group_row_and_object() -> None:
    content = json.loads(json.dumps(evaluate(TRUTH, FOUND).to_json(), allow_nan=False))
    assert [group["name"] for group in content["groups"]] == list(GROUPS)
    first = content["groups"][0]["rows"][0]
    assert first["answer"] == "ours"
    assert first["mean_iou_macro"] == pytest.approx(2.5 / 3, abs=1e-6)
    assert len(first["mean_iou_macro_95"]) == 2
    assert [entry["annotation_id"] for entry in content["objects"]] == [1, 2, 3]
    assert content["objects"][0]["iou"]["ours"] == 0.8
    assert content["objects"][0]["truncated"] is None


def test_every_key_of_the_report_is_documented() -> None:
    content = evaluate(TRUTH, [replace(FOUND[0], occluders=(2,)), *FOUND[1:]]).to_json()
    order = score_pairs([(1, 2)], [(1, 2)]).to_json()
    keys = set(content) | set(content["groups"][0]) | set(content["groups"][0]["rows"][0]) | set(order)
    keys |= set(content["objects"][0]) | set(content["unoccluded"]) | {*FROM_PREDICTION, *FROM_TRUTH, "better", "worse"}
    keys -= {"image_id", "annotation_id", "mean_iou_macro_95"}  # the ids; the interval that intervals_95 has, too
    text = (Path(__file__).parents[2] / "docs/metrics.md").read_text(encoding="utf-8")
    assert sorted(key for key in keys if f"`{key}`" not in text) == []


def test_truth_without_amodal_masks_is_one_error_naming_file_and_remedy() -> None:
    with pytest.raises(AnnotationError, match=r"truth\.json.*amodal masks.*visible_mask"):
        evaluate(album([Instance(1, 0, (0, 0, 5, 5), modal_mask=columns(0, 5))]), [])


OTHER_SIZE = Mask.from_box((0, 0, 5, 5), W + 1, H)


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ([guess(9, 1, columns(0, 5), columns(0, 5))], "annotation 9"),
        ([guess(1, 2, columns(0, 5), columns(0, 5))], "annotation 1: each prediction answers"),
        ([FOUND[0], FOUND[0]], "once"),
        ([guess(1, 1, columns(0, 5), OTHER_SIZE)], r"annotation 1: a mask has the size.*\[10, 21\]"),
        ([guess(1, 1, OTHER_SIZE, columns(0, 5))], r"annotation 1: a mask has the size.*\[10, 21\]"),
    ],
)
def test_bad_predictions_are_refused(predictions: list[Prediction], message: str) -> None:
    with pytest.raises(AnnotationError, match=message) as caught:
        evaluate(TRUTH, predictions, predictions_source="out.json")
    assert str(caught.value).startswith("out.json: ")
