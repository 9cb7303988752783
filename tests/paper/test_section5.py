"""Every number of paper section 5 and of the supplement against the code: what is measured, what it stands beside."""

from __future__ import annotations

import numpy as np
import pytest

from amodal.core.album import Album
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance, Prediction
from amodal.datasets.folders import VOC_NAMES
from amodal.inference.settings import PredictionSettings
from amodal.inference.strong_modal import PAPER_MODAL_THRESHOLD
from amodal.metrics.accuracy import accuracy_at, accuracy_curve, mean_iou
from amodal.metrics.evaluate import evaluate
from amodal.metrics.indirect import score_indirect
from amodal.metrics.occlusion import area_ratio, area_ratio_histogram, true_occluded
from amodal.metrics.occlusion_kind import occlusion_kind
from amodal.metrics.region_ap import CUTOFFS, PAPER_VARIANT, Found, region_ap
from amodal.reproduction import published
from amodal.reproduction.combined import COLUMNS, VARIANT_NAMES
from amodal.reproduction.direct import COLUMNS as TABLE_1_COLUMNS
from amodal.reproduction.direct import PAPER_AMODAL_THRESHOLD, PAPER_MODAL, how_far_off_the_diagonal
from amodal.reproduction.select import select_objects
from amodal.reproduction.sources import VOC_LIST
from amodal.reproduction.truth import by_flags

W, H = 100, 10


def columns(start: int, stop: int) -> Mask:
    return Mask.from_box((start, 0, stop, H), W, H)


def one_object(whole: Mask, seen: Mask, **known: object) -> Album:
    instance = Instance(1, 0, seen.box, seen, whole.box, whole, **known)  # type: ignore[arg-type]
    return Album([ImageRecord(1, "a.jpg", W, H, (instance,))], [Category(1, "cup")])


def answer(seen: Mask, whole: Mask) -> Prediction:
    return Prediction(1, 1, 0, 1.0, seen.box, seen, whole, whole.box, 1, "converged")


# 5.1: "cases where the occluding object is mostly contained inside the occluded object and cases where a significant
# portion of the occluding object lies outside"
@pytest.mark.parametrize(("occluder", "kind"), [((40, 60), "interior"), ((70, 100), "exterior")])
def test_interior_and_exterior_occlusions(occluder: tuple[int, int], kind: str) -> None:
    whole, front = columns(20, 80), columns(*occluder)
    found = occlusion_kind(whole, whole - front, [front])
    assert found is not None and found.kind == kind


# 5.2: "area (modal mask and amodal mask) / area (amodal mask)"
def test_area_ratio() -> None:
    assert area_ratio(columns(0, 60), columns(20, 100)) == 40 / 80


# Fig. 8a: "discretized into 100 bins of equal width"
def test_100_bins() -> None:
    assert published.HISTOGRAM_BINS == 100
    assert len(area_ratio_histogram([0.5])) == 100
    assert area_ratio_histogram([0.755]).nonzero()[0].tolist() == [75]


# 5.2: "declares an object to be unoccluded if its area ratio is greater than a threshold"; "77.17%"
def test_unoccluded_is_what_the_falling_ratio_ranks() -> None:
    assert published.UNOCCLUDED_AP == 0.7717
    whole = columns(0, 40)
    truth = Album(
        [ImageRecord(i, f"{i}.jpg", W, H, (Instance(i, 0, whole.box, is_occluded=i > 0),)) for i in range(3)],
        [Category(1, "cup")],
    )

    def ranked(*seen: int) -> float:
        """The average precision where so many of 40 columns of each are found visible; the first is unoccluded."""
        found = [
            Prediction(i, i, 0, 1.0, whole.box, columns(0, stop), whole, whole.box, 1, "converged")
            for i, stop in enumerate(seen)
        ]
        (part,) = score_indirect(truth, found)
        assert part.chance == pytest.approx(1 / 3)
        return part.average_precision

    assert [ranked(40, 20, 10), ranked(20, 40, 10), ranked(10, 40, 20)] == pytest.approx([1, 1 / 2, 1 / 3])


# 5.2: "the occlusion presence annotations in the PASCAL VOC 2012 val set"
def test_the_val_set_is_the_segmented_pictures() -> None:
    assert VOC_LIST == "ImageSets/Segmentation/val.txt"


# 5.2: "all objects that are annotated as being occluded": by VOC's flags, also where masks were drawn for 5.3
def test_the_flag_says_what_is_occluded() -> None:
    truth = one_object(columns(0, 40), columns(0, 40), is_occluded=True)  # drawn: nothing hidden
    ((kept,),) = (record.instances for record in by_flags(truth))
    assert true_occluded(kept) is True and true_occluded(truth[0].instances[0]) is False


# 5.2: "the distribution for occluded objects peaks at an area ratio of around 0.75"
def test_where_the_occluded_peak() -> None:
    assert published.OCCLUDED_PEAK == 0.75


# 5.3: "For each category, we selected five object instances randomly ... labelled as occluded"; "100 objects"
def test_five_occluded_objects_of_each_of_20_categories_are_100() -> None:
    records = [
        ImageRecord(
            i, f"{i}.jpg", W, H, (Instance(i, i % 20, (0, 0, 20, 10), is_occluded=i % 3 > 0, is_difficult=False),)
        )
        for i in range(600)
    ]
    chosen = select_objects(Album(records, [Category(i, name) for i, name in enumerate(VOC_NAMES, 1)]))
    found = [one.category for record in chosen for one in record.instances]
    assert len(VOC_NAMES) == 20 and published.OBJECTS_PER_CATEGORY == 5
    assert len(found) == published.ANNOTATED_OBJECTS == 100
    assert np.bincount(found).tolist() == [5] * 20
    assert all(one.is_occluded for record in chosen for one in record.instances)


# Table 1: accuracy at 50 %, at 70 %, area under the curve; 5.3: "all masks with IoUs that exceed a particular cutoff"
def test_table_1() -> None:
    assert TABLE_1_COLUMNS == ("accuracy at 50 %", "accuracy at 70 %", "area under curve")
    assert published.TABLE_1 == {"modal": (0.68, 0.37, 0.575), "amodal": (0.80, 0.48, 0.643)}
    ious = [0.3, 0.5, 0.6, 0.7, 0.9]
    assert (accuracy_at(ious, 0.5), accuracy_at(ious, 0.7)) == (pytest.approx(0.6), pytest.approx(0.2))


def test_the_area_under_the_accuracy_curve_is_the_mean_iou() -> None:
    ious = np.random.default_rng(0).random(57)
    cutoffs = np.linspace(0, 1, 100_001)
    assert np.trapezoid(accuracy_curve(ious, cutoffs), cutoffs) == pytest.approx(mean_iou(ious), abs=1e-5)


# 5.3: "better masks than IIS on 73% of objects. Of the remaining 27%"
@pytest.mark.parametrize(("found", "expected"), [(30, (1.0, 0.0)), (20, (0.0, 0.0)), (10, (0.0, 1.0))])
def test_better_and_worse_than_the_modal_mask(found: int, expected: tuple[float, float]) -> None:
    assert published.BETTER_THAN_MODAL == 0.73 and published.WORSE_THAN_MODAL == 0.27
    truth = one_object(columns(0, 40), columns(0, 20))
    report = evaluate(truth, [answer(columns(0, 20), columns(0, found))])
    assert (report.better, report.worse) == expected


# 5.3: "improves overlap compared to IIS by as much as 20 - 50% in many cases"; of those it is worse on "the drop in
# overlap is less than 5% for the majority of objects"
def test_how_far_the_points_lie_off_the_diagonal() -> None:
    assert published.GAINS_IN_MANY_CASES == (0.20, 0.50) and published.SMALL_LOSS == 0.05
    whole = columns(0, 50)
    answers = [(20, 31), (20, 29), (50, 48), (50, 47)]  # IoU 40 to 62, 40 to 58, 100 to 96, 100 to 94 %
    records = [
        ImageRecord(i, f"{i}.jpg", W, H, (Instance(i, 0, whole.box, whole, whole.box, whole),)) for i in range(4)
    ]
    found = [
        Prediction(i, i, 0, 1.0, whole.box, columns(0, seen), columns(0, own), whole.box, 1, "converged")
        for i, (seen, own) in enumerate(answers)
    ]
    modal = {i: columns(0, seen) for i, (seen, _) in enumerate(answers)}
    report = evaluate(Album(records, [Category(1, "cup")]), found, baselines={PAPER_MODAL: modal})
    many, few = how_far_off_the_diagonal(report)
    assert many.startswith("25.0% of the objects gain 20%") and few.startswith(
        "50.0% of those it is worse on lose less"
    )


# 4.1: "we obtain the modal mask by thresholding the modal heatmap at 0.8": what Table 1's first row is made with
def test_the_modal_baseline_is_cut_at_08() -> None:
    assert PAPER_MODAL_THRESHOLD == PredictionSettings().modal_threshold == 0.8
    assert PAPER_AMODAL_THRESHOLD == PredictionSettings().amodal_threshold == 0.7


# 5.3: "we use bounding box overlap ... to determine which ground truth instance a mask prediction is assigned to ... we
# still use region overlap to decide if a mask prediction is deemed correct"
def test_the_box_assigns_and_the_region_decides() -> None:
    objects = (
        Instance(1, 0, (0, 0, 20, H), amodal_mask=columns(0, 30)),
        Instance(2, 0, (50, 0, 70, H)),  # "some instances are not annotated with ground truth amodal masks"
    )
    truth = Album([ImageRecord(1, "a.jpg", W, H, objects)], [Category(1, "cup")])
    right = Found(1, 0, 0.5, (0, 0, 18, H), columns(0, 28))
    elsewhere = Found(1, 0, 0.9, (52, 0, 70, H), columns(0, 28))
    assert PAPER_VARIANT == "box-assigned"
    assert region_ap(truth, [right, elsewhere]).mean == 1.0
    # its box lies on the object that nobody drew: its region, which fits the other one, does not make it right
    alone = region_ap(truth, [elsewhere])
    assert (alone.mean, alone.ignored) == (0.0, 1)
    assert region_ap(truth, [Found(1, 0, 0.9, (0, 0, 20, H), columns(60, 80))]).mean == 0.0


# Table 2: "outperforms the pipeline with IIS by 11.1 points at 50% overlap and 8.6 points at 70% overlap"
def test_table_2() -> None:
    assert CUTOFFS == (0.5, 0.7)
    assert COLUMNS == ("mAP^r at 50 %", "mAP^r at 70 %")
    assert published.TABLE_2 == {"modal": (0.341, 0.140), "amodal": (0.452, 0.226)}
    gains = np.subtract(published.TABLE_2["amodal"], published.TABLE_2["modal"])
    assert gains.tolist() == pytest.approx([0.111, 0.086])


def test_supplementary_table_1() -> None:
    assert published.SUPPLEMENT_TABLE_1 == {
        "without_modal_prediction": (0.352, 0.184),
        "without_dynamic_samples": (0.398, 0.227),
        "both": (0.452, 0.226),
    }
    assert list(VARIANT_NAMES) == list(published.SUPPLEMENT_TABLE_1)
    assert published.SUPPLEMENT_TABLE_1["both"] == published.TABLE_2["amodal"]


def test_supplementary_table_2() -> None:
    assert published.SUPPLEMENT_TABLE_2 == {"modal": (0.374, 0.159), "amodal": (0.440, 0.209)}
