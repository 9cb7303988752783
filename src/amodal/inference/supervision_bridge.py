"""``supervision.Detections`` in and out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import boxes as bx
from ..core.errors import AmodalError, AnnotationError
from ..core.masks import Mask
from ..core.records import Category, Prediction, category_at
from .detectors import Detection

if TYPE_CHECKING:
    import supervision


def from_supervision(
    detections: supervision.Detections,
    width: int,
    height: int,
    *,
    names: Sequence[str] | None = None,
) -> list[Detection]:
    """What a `supervision.Detections` says of one picture; supervision itself need not be installed.

    Args:
        detections: ``xyxy``, and where it has them ``mask`` (dense or compact), ``confidence``, ``class_id``, and the
            names of the classes in ``data["class_name"]``.
        width, height: size of the picture.
        names: of the classes, by ``class_id``; used where ``data`` has none.

    Returns:
        one `Detection` a row, in order. Without class its name is "object"; without confidence its score 1.

    Raises:
        BoxError: a box that is not finite, is inverted, or misses the picture.
        AnnotationError: a mask of another size, a class_id without a name.
    """
    count = len(detections.xyxy)
    named = detections.data.get("class_name") if detections.data else None
    found = []
    for i in range(count):
        record = f"detection {i}"
        number = 0 if detections.class_id is None else int(detections.class_id[i])
        name = str(named[i]) if named is not None else _name(number, detections.class_id is None, names, record)
        score = 1.0 if detections.confidence is None else float(detections.confidence[i])
        mask = None
        if detections.mask is not None:
            array = np.asarray(detections.mask[i])
            if array.shape != (height, width):
                raise AnnotationError(
                    f"a mask has the size of its picture, {(height, width)}", record=record, value=array.shape
                )
            mask = Mask.from_array(array != 0)
        box = bx.check(detections.xyxy[i], width, height, record=record)
        found.append(Detection(bx.as_box(box), number, name, score, mask))
    return found


def to_supervision(
    predictions: Sequence[Prediction], categories: Sequence[Category] = (), *, part: str = "amodal"
) -> supervision.Detections:
    """Predictions of one picture as a `supervision.Detections`.

    ``data`` holds ``class_name`` (where categories are given), ``annotation_id``, ``occlude_rate``, ``stop_reason``,
    the other part's boxes, ``modal_xyxy`` or ``amodal_xyxy``, and, where all have them, ``occlusion_probability`` and
    ``depth_rank``.

    Args:
        predictions: of one picture.
        categories: `Prediction.category` is a place in them.
        part: "amodal": boxes and masks of whole objects; "modal": of their visible parts.

    Raises:
        AmodalError: another part, predictions of several pictures or with masks that may leave theirs, a category that
            has no place in ``categories``, or supervision is not installed.
    """
    try:
        import supervision as sv
    except ModuleNotFoundError:
        raise AmodalError("this needs supervision", remedy="run: pip install 'amodal[supervision]'") from None
    if part not in ("amodal", "modal"):
        raise AmodalError("a part is amodal or modal", value=part)
    if not predictions:
        return sv.Detections.empty()
    if len({p.image_id for p in predictions}) > 1:
        raise AmodalError("supervision.Detections are those of one picture", remedy="call it once for each picture")
    names = [_name_out(p, categories) for p in predictions]
    boxes = {
        "amodal": np.array([p.amodal_box for p in predictions], np.float32),
        "modal": np.array([p.modal_box for p in predictions], np.float32),
    }
    masks = [p.amodal_mask if part == "amodal" else p.modal_mask for p in predictions]
    other = "modal" if part == "amodal" else "amodal"
    data: dict[str, Any] = {
        "annotation_id": np.array([p.annotation_id for p in predictions]),
        "occlude_rate": np.array([p.occlude_rate for p in predictions]),
        "stop_reason": np.array([p.stop_reason for p in predictions]),
        f"{other}_xyxy": boxes[other],
    }
    if categories:
        data["class_name"] = np.array(names)
    for name in ("occlusion_probability", "depth_rank"):
        values = [getattr(p, name) for p in predictions]
        if None not in values:
            data[name] = np.array(values)
    return sv.Detections(
        xyxy=boxes[part],
        mask=np.stack([mask.to_array() for mask in masks]),
        confidence=np.array([p.score for p in predictions], np.float32),
        class_id=np.array([p.category for p in predictions]),
        data=data,
    )


def _name_out(prediction: Prediction, categories: Sequence[Category]) -> str:
    """The name of one's category, "" where none are given; raises AmodalError where it cannot go out."""
    record = f"annotation {prediction.annotation_id}"
    if prediction.canvas is not None:
        raise AmodalError(
            "masks go out at the size of their picture, these cover a larger canvas (x, y, width, height)",
            record=record,
            value=prediction.canvas,
            remedy="give [p.in_picture(width, height) for p in predictions]",
        )
    return category_at(prediction.category, categories, record).name if categories else ""


def _name(number: int, nameless: bool, names: Sequence[str] | None, record: str) -> str:
    if nameless or names is None:
        return "object" if nameless else str(number)
    if not 0 <= number < len(names):
        raise AnnotationError(f"class_id is a place in the {len(names)} names", record=record, value=number)
    return names[number]
