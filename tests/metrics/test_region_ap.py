from __future__ import annotations

import math

import numpy as np
import pytest

from amodal.core.album import Album
from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.metrics.region_ap import VARIANTS, Found, Variant, envelope_ap, region_ap

W, H = 100, 10


def columns(start: float, stop: float) -> Mask:
    return Mask.from_box((start, 0, stop, H), W, H)


def thing(number: int, start: int, stop: int, *, whole: Mask | None = None, category: int = 0) -> Instance:
    return Instance(number, category, (start, 0, stop, H), amodal_mask=whole)


def album(*objects: Instance, names: tuple[str, ...] = ("cup", "dog")) -> Album:
    record = ImageRecord(1, "a.jpg", W, H, objects)
    return Album([record], [Category(i, name) for i, name in enumerate(names, 1)], source="truth.json")


def guess(score: float, box: tuple[float, float], mask: tuple[float, float], category: int = 0) -> Found:
    return Found(1, category, score, (box[0], 0, box[1], H), columns(*mask))


def by_variant(truth: Album, found: list[Found], cutoff: float = 0.5) -> dict[str, float]:
    return {v: region_ap(truth, found, variant=v, cutoff=cutoff).mean for v in VARIANTS}


def test_one_right_answer_is_right_in_all_variants() -> None:
    truth = album(thing(1, 0, 10, whole=columns(0, 20)))
    assert by_variant(truth, [guess(0.9, (0, 10), (0, 18))]) == dict.fromkeys(VARIANTS, 1.0)


def test_a_region_of_exactly_the_cutoff_is_not_above_it() -> None:
    truth = album(thing(1, 0, 10, whole=columns(0, 20)))
    assert by_variant(truth, [guess(0.9, (0, 10), (0, 10))]) == {
        "sds-matlab": 0.0,
        "sds-python": 1.0,
        "box-assigned": 1.0,
    }


def test_matlab_gives_a_second_answer_the_next_best_object() -> None:
    """Two true objects overlap; both answers lie on the first, the second reaches the cut-off on the other one, too."""
    truth = album(thing(1, 0, 20, whole=columns(0, 20)), thing(2, 4, 24, whole=columns(4, 24)))
    found = [guess(0.9, (0, 20), (0, 20)), guess(0.8, (0, 20), (1, 21))]
    values = by_variant(truth, found)
    assert values["sds-matlab"] == 1.0  # the second is assigned to object 2: 17 of 23 columns
    assert values["sds-python"] == values["box-assigned"] == 0.5


def test_the_box_assigns_and_the_region_decides() -> None:
    """The mask lies on object 2, the box on object 1, whose mask it does not reach: wrong only where boxes assign."""
    truth = album(thing(1, 0, 20, whole=columns(0, 20)), thing(2, 40, 60, whole=columns(40, 60)))
    values = by_variant(truth, [guess(0.9, (0, 20), (40, 60))])
    assert values == {"sds-matlab": 0.5, "sds-python": 0.5, "box-assigned": 0.0}


def test_answers_on_objects_without_a_true_mask_are_ignored_where_boxes_assign() -> None:
    truth = album(thing(1, 0, 20, whole=columns(0, 20)), thing(2, 40, 60))
    found = [guess(0.9, (40, 60), (40, 60)), guess(0.8, (0, 20), (0, 20))]
    paper = region_ap(truth, found)
    assert (paper.variant, paper.mean, paper.objects, paper.ignored) == ("box-assigned", 1.0, 1, 1)
    assert by_variant(truth, found)["sds-python"] == 0.5  # there the first one is a false alarm


def test_an_answer_on_nothing_is_wrong_and_a_bound_on_boxes_can_be_set() -> None:
    truth = album(thing(1, 0, 20, whole=columns(0, 20)))
    assert region_ap(truth, [guess(0.9, (50, 60), (0, 20))]).mean == 0.0
    near = [guess(0.9, (15, 40), (0, 20))]
    assert region_ap(truth, near).mean == 1.0
    assert region_ap(truth, near, min_box_iou=0.5).mean == 0.0


def test_mean_is_over_categories_with_annotated_objects_and_answers_keep_to_their_own() -> None:
    truth = album(
        thing(1, 0, 20, whole=columns(0, 20)),
        thing(2, 40, 60, whole=columns(40, 60), category=1),
        thing(3, 70, 80, category=2),
        names=("cup", "dog", "hat"),
    )
    result = region_ap(truth, [guess(0.9, (0, 20), (0, 20)), guess(0.8, (40, 60), (40, 60), 0)])
    assert result.by_category == {"cup": 1.0, "dog": 0.0}
    assert result.mean == 0.5


@pytest.mark.parametrize("cutoff", [0.5, 0.7])
@pytest.mark.parametrize("variant", VARIANTS)
def test_equals_a_slow_reading_of_the_rules_on_random_pictures(variant: Variant, cutoff: float) -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        spans = np.sort(rng.integers(0, W, (6, 2)), axis=1) + np.array([0, 3])
        objects = []
        for i, (a, b) in enumerate(spans.tolist(), 1):
            objects.append(thing(i, a, b, whole=columns(a, b + 4) if i != 3 else None))
        found = []
        for i in range(12):
            a, b = (spans[i % 6] + rng.integers(-3, 4, 2)).tolist()
            b = max(b, a + 1)
            found.append(guess(round(float(rng.random()), 1), (a, b), (a, b + 3)))
        got = region_ap(album(*objects), found, variant=variant, cutoff=cutoff).mean
        assert got == pytest.approx(slow(objects, found, variant, cutoff))


def slow(objects: list[Instance], found: list[Found], variant: Variant, cutoff: float) -> float:
    """One answer at a time, in plain Python; AP by looking at every recall."""

    def box_iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
        common = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
        return common / (a[2] - a[0] + b[2] - b[0] - common)

    taken, marks = set(), []
    for answer in sorted(found, key=lambda f: -f.score):
        if variant == "box-assigned":
            best = max(objects, key=lambda o: box_iou(o.modal_box, answer.box))
            if box_iou(best.modal_box, answer.box) == 0:
                marks.append(False)
                continue
            if best.amodal_mask is None:
                continue
            good = answer.mask.iou(best.amodal_mask) >= cutoff
        else:
            free = [o for o in objects if o.amodal_mask and (variant == "sds-python" or o.id not in taken)]
            if not free:
                marks.append(False)
                continue
            best = max(free, key=lambda o: answer.mask.iou(o.amodal_mask))  # type: ignore[arg-type]
            value = answer.mask.iou(best.amodal_mask)  # type: ignore[arg-type]
            good = value > cutoff if variant == "sds-matlab" else value >= cutoff
        right = good and best.id not in taken
        if right:
            taken.add(best.id)
        marks.append(right)
    count = sum(o.amodal_mask is not None for o in objects)
    total = 0.0
    for k in range(1, sum(marks) + 1):  # precision at the k-th hit or any later point
        total += max((sum(marks[: n + 1]) / (n + 1) for n in range(len(marks)) if sum(marks[: n + 1]) >= k), default=0)
    return total / count


def test_envelope_by_hand() -> None:
    assert envelope_ap([False, True], 1) == 0.5
    assert envelope_ap([], 3) == 0.0
    assert envelope_ap([True, False, False, True], 2) == pytest.approx((1 + 0.5) / 2)


def test_nothing_annotated_is_undefined_and_strange_pictures_are_refused() -> None:
    assert math.isnan(region_ap(album(thing(1, 0, 5)), []).mean)
    strange = Found(2, 0, 1.0, (0, 0, 5, 5), columns(0, 5))
    with pytest.raises(AnnotationError, match="image 2"):
        region_ap(album(thing(1, 0, 5, whole=columns(0, 5))), [strange])
