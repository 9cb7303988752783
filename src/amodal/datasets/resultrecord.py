"""One prediction as a record of a results file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core import boxes as bx
from ..core.errors import AnnotationError
from ..core.given import checked_id
from ..core.records import Category, Prediction, category_at


def result_record(prediction: Prediction, categories: Sequence[Category]) -> dict[str, Any]:
    """One prediction as a JSON object.

    ``segmentation``, ``bbox``, ``area`` are amodal; ``visible_mask``, ``visible_bbox`` modal; ``invisible_mask`` is the
    hidden part, ``occlude_rate`` its share of the whole; ``expansion`` and ``trace`` tell how the box was found. What
    was not asked for or found is left out: ``occlusion_probability``, ``occluders``, ``depth_rank``, ``cut_sides``,
    ``canvas``.

    Numbers of numpy's become Python's own.

    Raises:
        AnnotationError: a category that has no place in ``categories``; an id, ``steps`` or ``depth_rank`` that is no
            whole number of 64 bits; a score or probability that is not 0 to 1.
    """
    amodal, modal = prediction.amodal_mask, prediction.modal_mask
    name = f"annotation {prediction.annotation_id}"
    record = {
        "image_id": checked_id(prediction.image_id, "image_id", record=name),
        "annotation_id": checked_id(prediction.annotation_id, "annotation_id"),
        "category_id": checked_id(category_at(prediction.category, categories, name).id, "a category's id"),
        "score": _share(prediction.score, "a score", name),
        "segmentation": amodal.to_rle(),
        "bbox": [round(v, 3) for v in bx.to_xywh(prediction.amodal_box).tolist()],
        "area": amodal.area,
        "visible_mask": modal.to_rle(),
        "visible_bbox": [round(v, 3) for v in bx.to_xywh(prediction.modal_box).tolist()],
        "invisible_mask": prediction.hidden_mask.to_rle(),
        "occlude_rate": round(prediction.occlude_rate, 6),
        "expansion": {
            "steps": checked_id(prediction.steps, "a number of steps", record=name),
            "stop_reason": prediction.stop_reason,
        },
    }
    return record | _details(prediction, name)


def _share(value: float, what: str, name: str) -> float:
    share = round(float(value), 6)
    if not 0 <= share <= 1:
        rule = f"{what} is a number from 0 to 1"
        raise AnnotationError(rule, record=name, value=value, remedy="correct it before it is written")
    return share


def _details(prediction: Prediction, name: str) -> dict[str, Any]:
    """The fields of a record that not every prediction has."""
    details: dict[str, Any] = {}
    if prediction.trace:
        details["trace"] = [
            {
                "box": [round(v, 3) for v in bx.to_xywh(step.box).tolist()],
                "strips": [round(float(v), 4) for v in step.strips],
            }
            for step in prediction.trace
        ]
    if prediction.occlusion_probability is not None:
        details["occlusion_probability"] = _share(prediction.occlusion_probability, "a probability", name)
    if prediction.occluders is not None:
        details["occluders"] = [checked_id(number) for number in prediction.occluders]
    if prediction.depth_rank is not None:
        details["depth_rank"] = checked_id(prediction.depth_rank, "a depth rank", record=name)
    if prediction.cut_sides:
        details["cut_sides"] = list(prediction.cut_sides)
    if prediction.canvas is not None:
        details["canvas"] = [checked_id(number, "a number of pixels", record=name) for number in prediction.canvas]
    return details
