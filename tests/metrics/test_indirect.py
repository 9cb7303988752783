from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from amodal.core.album import Album
from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance, Prediction
from amodal.metrics.average_precision import average_precision, average_precision_interval
from amodal.metrics.indirect import score_indirect

W, H = 20, 10


def columns(stop: int) -> Mask:
    return Mask.from_box((0, 0, stop, H), W, H)


def flagged(number: int, occluded: bool | None, truncated: bool | None = None, **more: object) -> Instance:
    return Instance(number, 0, (0, 0, 5, H), is_occluded=occluded, is_truncated=truncated, **more)  # type: ignore[arg-type]


def found(number: int, seen: int, whole: int) -> Prediction:
    modal, amodal = columns(seen), columns(whole)
    return Prediction(number, number, 0, 1.0, modal.box, modal, amodal, amodal.box, 1, "converged")


def album(*objects: Instance) -> Album:
    records = [ImageRecord(o.id, f"{o.id}.jpg", W, H, (o,)) for o in objects]
    return Album(records, [Category(1, "cup")], source="voc")


def test_flags_alone_are_enough_and_truncated_objects_stand_apart() -> None:
    truth = album(
        flagged(1, True, False),
        flagged(2, False, False),
        flagged(3, False, True),
        flagged(4, True, True),
        flagged(5, None, False),  # nobody says
        flagged(6, False, False, is_crowd=True),
    )
    predictions = [found(1, 5, 10), found(2, 9, 10), found(3, 6, 10), found(4, 7, 10), found(5, 1, 2)]
    parts = score_indirect(truth, predictions)
    assert [(part.part, part.count, part.chance) for part in parts] == [
        ("all", 4, 0.5),
        ("not truncated", 2, 0.5),
        ("truncated", 2, 0.5),
    ]
    # 0.9 unoccluded, 0.7 occluded, 0.6 unoccluded, 0.5 occluded: precision 1 at recall 1/2, 2/3 at recall 1
    assert parts[0].average_precision == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert parts[1].average_precision == 1.0
    assert parts[2].average_precision == 0.5
    assert parts[0].ratios.tolist() == pytest.approx([0.5, 0.9, 0.6, 0.7])
    assert parts[0].to_json()["occluded"] == 2


def test_what_lies_beyond_the_picture_does_not_count() -> None:
    inside = found(1, 5, 10)
    modal, amodal = (Mask.from_box((3, 4, 3 + side, 4 + H), W + 6, H + 8) for side in (5, 10))
    beyond = amodal | Mask.from_box((0, 0, 3, H + 8), W + 6, H + 8)
    larger = replace(inside, modal_mask=modal, amodal_mask=beyond, canvas=(-3, -4, W + 6, H + 8))
    truth = album(flagged(1, True))
    assert (
        score_indirect(truth, [larger])[0].ratios.tolist()
        == score_indirect(truth, [inside])[0].ratios.tolist()
        == [0.5]
    )


def test_the_hidden_share_comes_before_the_flag_and_a_missing_prediction_is_last() -> None:
    truth = album(flagged(1, True, occlude_rate=0.01), flagged(2, True))
    (part,) = score_indirect(truth, [found(2, 5, 10)])
    assert part.occluded.tolist() == [False, True]
    assert part.ratios.tolist() == [0.0, 0.5]


def test_a_truth_that_says_nothing_is_refused() -> None:
    with pytest.raises(AnnotationError, match="voc: the truth has no amodal masks, and says of no object"):
        score_indirect(album(flagged(1, None)), [])


def test_interval_equals_a_slow_bootstrap_with_the_same_draws() -> None:
    from amodal.core.random import generator

    rng = np.random.default_rng(0)
    scores, positives = np.round(rng.random(40), 1), rng.random(40) < 0.6  # with ties
    photographs = rng.integers(0, 7, 40)
    slow = []
    for counts in generator(3, 0, 0).multinomial(7, [1 / 7] * 7, size=300):
        chosen = np.repeat(np.arange(40), counts[photographs])
        slow.append(average_precision(scores[chosen], positives[chosen]))
    expected = np.nanquantile(slow, [0.05, 0.95])
    got = average_precision_interval(scores, positives, photographs, samples=300, level=0.9, seed=3)
    assert got == pytest.approx(tuple(expected))


def test_interval_without_positives_or_with_one_photograph_is_undefined() -> None:
    assert np.isnan(average_precision_interval([1, 2], [False, False], [1, 2])).all()
    assert np.isnan(average_precision_interval([1, 2], [True, False], [1, 1])).all()
