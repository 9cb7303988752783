"""Score predictions against amodal truth (paper sections 5.2 and 5.3)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AnnotationError
from ..core.masks import Mask
from ..core.records import ImageRecord, Prediction, category_at
from .indirect import Judged, judge
from .objects import FROM_PREDICTION, FROM_TRUTH, ObjectScore, ious, measure, scored_mask
from .occlusion import OCCLUDED_ABOVE
from .ordering import score_order
from .summary import GROUPS, Report, in_group, make_group


def evaluate(
    truth: Album,
    predictions: Sequence[Prediction],
    *,
    given: str = "",
    predictions_source: str = "",
    baselines: Mapping[str, Mapping[int, Mask | Prediction]] | None = None,
) -> Report:
    """Score predictions against annotated whole objects.

    Every object of the truth is asked for: one without a prediction scores IoU 0 and is listed. Left out, and counted,
    are stuff, crowds and records without an amodal mask.

    Args:
        truth: pictures with amodal masks.
        predictions: at the most one per annotation of the truth, in any order.
        given: what the predictor was given ("true modal boxes"), for the protocol; empty where not known.
        predictions_source: where the predictions come from, for the protocol and errors.
        baselines: other methods' whole masks, or predictions (with their own boxes and modal masks), by the method's
            name and annotation id; each becomes a row of the tables, and an object it does not answer scores 0.

    Raises:
        AnnotationError: no object has an amodal mask; a prediction that answers no annotation of its picture, or one
            that is answered already; masks of another size than the picture.
    """
    baselines = {name: _checked(truth, name, answers) for name, answers in (baselines or {}).items()}
    answers = _by_annotation(truth, predictions, predictions_source)
    counts = {"in truth": 0, "scored": 0, "crowd, left out": 0, "stuff, left out": 0, "no amodal mask, left out": 0}
    objects: list[ObjectScore] = []
    for record in truth:
        for instance in record.instances:
            counts["in truth"] += 1
            if (amodal := scored_mask(instance)) is None:
                why = "crowd" if instance.is_crowd else "stuff" if instance.is_stuff else "no amodal mask"
                counts[f"{why}, left out"] += 1
                continue
            name = category_at(instance.category, truth.categories, f"annotation {instance.id}").name
            others = {method: theirs.get(instance.id) for method, theirs in baselines.items()}
            objects.append(measure(record.id, name, instance, amodal, answers.get(instance.id), others))
    if not objects:
        raise AnnotationError(
            "the truth needs amodal masks: no object to score has one",
            file=truth.source,
            remedy='give COCOA regions, or COCO records with "segmentation" whole and "visible_mask" or "occlude_rate"',
        )
    missing = tuple(score.annotation_id for score in objects if not score.answered)
    counts["scored"] = len(objects)
    counts["without a prediction, scored as 0"] = len(missing)
    for name, theirs in baselines.items():
        if silent := sum(score.annotation_id not in theirs for score in objects):
            counts[f"without an answer of {name}, scored as 0"] = silent
    counts["hidden share unknown, in 'all' alone"] = sum(score.hidden_frac is None for score in objects)
    report = _report(objects, counts, missing, _protocol(truth, given, predictions_source), tuple(baselines))
    return replace(report, order=score_order(truth, predictions))


def has_amodal_truth(truth: Album) -> bool:
    """Whether any object of an album has an amodal mask that `evaluate` can score."""
    return any(scored_mask(one) is not None for record in truth for one in record.instances)


def _checked(truth: Album, method: str, answers: Mapping[int, Mask | Prediction]) -> Mapping[int, Mask | Prediction]:
    """A baseline's answers, cut to the picture as ours are."""
    if method in (*FROM_PREDICTION, *FROM_TRUTH):
        raise AnnotationError("a baseline has a name of its own", value=method, remedy="name it otherwise")
    sizes = {instance.id: (record.height, record.width) for record in truth for instance in record.instances}
    for number, mask in answers.items():
        if isinstance(mask, Mask) and sizes.get(number) != (mask.height, mask.width):
            raise AnnotationError(
                "a baseline's masks have the size of the picture, each for one annotation of the truth",
                file=method,
                record=f"annotation {number}",
                value=[mask.height, mask.width],
                remedy="make it on the pictures of the truth's file",
            )
    predictions = [answer for answer in answers.values() if isinstance(answer, Prediction)]
    return {**answers, **_by_annotation(truth, predictions, method)}


def _by_annotation(truth: Album, predictions: Sequence[Prediction], source: str) -> dict[int, Prediction]:
    known = {instance.id: record for record in truth for instance in record.instances}
    answers: dict[int, Prediction] = {}
    for prediction in predictions:
        record = known.get(prediction.annotation_id)
        if record is None or record.id != prediction.image_id or prediction.annotation_id in answers:
            raise AnnotationError(
                "each prediction answers one annotation of its picture in the truth, once",
                file=source,
                record=f"annotation {prediction.annotation_id}",
                value={"image_id": prediction.image_id, "annotation_id": prediction.annotation_id},
                remedy="predict again from the truth's own file",
            )
        prediction = prediction.in_picture(record.width, record.height)
        _check_size(prediction, record, source)
        answers[prediction.annotation_id] = _boxes_cut(prediction, record)
    return answers


def _boxes_cut(prediction: Prediction, record: ImageRecord) -> Prediction:
    """With boxes cut to the picture, as those of the truth are when it is read."""
    boxes = (prediction.modal_box, prediction.amodal_box)
    modal, amodal = (bx.as_box(box) for box in bx.clip(boxes, record.width, record.height))
    return replace(prediction, modal_box=modal, amodal_box=amodal)


def _check_size(prediction: Prediction, record: ImageRecord, source: str) -> None:
    for mask in (prediction.amodal_mask, prediction.modal_mask):
        if (mask.height, mask.width) != (record.height, record.width):
            raise AnnotationError(
                f"a mask has the size of its picture, [height, width] = [{record.height}, {record.width}]",
                file=source,
                record=f"annotation {prediction.annotation_id}",
                value=[mask.height, mask.width],
                remedy="predict on the pictures of the truth's file",
            )


def _protocol(truth: Album, given: str, source: str) -> dict[str, str]:
    return {
        "truth": truth.source or "(in memory)",
        "predictions": source or "(in memory)",
        "given to the predictor": given or "not stated",
        "mean IoU": "mean per instance (macro); equal to the area under the accuracy curve",
        "micro IoU": "sum of intersections / sum of unions, an extra figure",
        "accuracy at a cut-off": "share of objects with IoU above it",
        "interval": "95 %, bootstrap over photographs, 2000 draws, fixed seed",
        "ours - it": "mean difference of IoU on the same objects, with its own interval",
        "left out": "stuff, crowds, records without an amodal mask",
        "occluded": f"more than {OCCLUDED_ABOVE:.0%} hidden; by the record's occlude_rate, else by the true masks",
        "order": "pairs of which the truth says who hides whom, else whose true whole masks overlap; "
        "undecided is not right",
        "unoccluded AP": "area ratio as score, ties together, no interpolation; chance = share of unoccluded objects",
    }


def _report(
    objects: list[ObjectScore],
    counts: dict[str, int],
    missing: tuple[int, ...],
    protocol: dict[str, str],
    baselines: tuple[str, ...],
) -> Report:
    judged = [
        Judged(score.image_id, score.area_ratio, score.is_occluded, score.is_truncated)
        for score in objects
        if score.is_occluded is not None
    ]
    errors = [
        abs(1 - score.area_ratio - score.hidden_frac)
        for score in objects
        if score.answered and score.hidden_frac is not None
    ]
    occluded = [score for score in objects if in_group(score.hidden_frac, "occluded")]
    gain = ious(occluded, "ours") - ious(occluded, "modal")
    return Report(
        protocol=protocol,
        counts=counts,
        groups=tuple(make_group(name, objects, baselines) for name in GROUPS),
        unoccluded=judge(judged),
        hidden_frac_error=float(np.mean(errors)) if errors else math.nan,
        better=float((gain > 0).mean()) if gain.size else math.nan,
        worse=float((gain < 0).mean()) if gain.size else math.nan,
        missing=missing,
        objects=tuple(objects),
    )
