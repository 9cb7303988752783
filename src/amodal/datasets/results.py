"""Predictions as COCO results with COCOA's names, one record an object."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AnnotationError
from ..core.masks import Mask
from ..core.records import Category, ImageRecord, Prediction
from .coco import fraction, read_mask, whole_number
from .jsonfile import read_json, write_json

_STOP_REASONS = ("converged", "border", "cap", "empty")


def result_record(prediction: Prediction, categories: tuple[Category, ...]) -> dict[str, Any]:
    """One prediction as a JSON object.

    ``segmentation``, ``bbox``, ``area`` are amodal; ``visible_mask``, ``visible_bbox`` modal; ``invisible_mask`` is the
    hidden part, ``occlude_rate`` its share of the whole; ``expansion`` tells how the box was found.
    """
    amodal, modal = prediction.amodal_mask, prediction.modal_mask
    return {
        "image_id": prediction.image_id,
        "annotation_id": prediction.annotation_id,
        "category_id": categories[prediction.category].id,
        "score": round(prediction.score, 6),
        "segmentation": amodal.to_rle(),
        "bbox": [round(v, 3) for v in bx.to_xywh(prediction.amodal_box).tolist()],
        "area": amodal.area,
        "visible_mask": modal.to_rle(),
        "visible_bbox": [round(v, 3) for v in bx.to_xywh(prediction.modal_box).tolist()],
        "invisible_mask": prediction.hidden_mask.to_rle(),
        "occlude_rate": round(prediction.occlude_rate, 6),
        "expansion": {"steps": prediction.steps, "stop_reason": prediction.stop_reason},
    }


def write_results(path: str | Path, predictions: Iterable[Prediction], categories: tuple[Category, ...]) -> None:
    """Write a results file: a JSON list of `result_record`, in the order given."""
    write_json(path, [result_record(prediction, categories) for prediction in predictions])


def read_results(path: str | Path, album: Album) -> list[Prediction]:
    """Read a results file against the album it answers.

    Raises:
        AnnotationError: not a list, or a record with a field missing, an unknown picture, annotation or category, or
            a mask of another size than its picture; two records for one annotation.
    """
    content = read_json(path)
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise AnnotationError(
            "a results file is a list of objects", file=path, remedy="give what `amodal predict` wrote"
        )
    images = {image.id: image for image in album}
    known = {instance.id: image.id for image in images.values() for instance in image.instances}
    places = {category.id: place for place, category in enumerate(album.categories)}
    predictions = [_prediction(entry, f"record {i}", images, places, path) for i, entry in enumerate(content)]
    seen: set[int] = set()
    for i, prediction in enumerate(predictions):
        if known.get(prediction.annotation_id) != prediction.image_id or prediction.annotation_id in seen:
            raise AnnotationError(
                f"each record answers one annotation of its picture in {album.source}, once",
                file=path,
                record=f"record {i}",
                value=prediction.annotation_id,
                remedy="predict again from this annotation file",
            )
        seen.add(prediction.annotation_id)
    return predictions


def _prediction(
    entry: dict[str, Any], record: str, images: dict[int, ImageRecord], places: dict[int, int], path: str | Path
) -> Prediction:
    image = images.get(whole_number(entry, "image_id", path, record))
    category = places.get(whole_number(entry, "category_id", path, record))
    if image is None or category is None:
        raise AnnotationError(
            "image_id and category_id are those of the annotation file",
            file=path,
            record=record,
            value=[entry["image_id"], entry["category_id"]],
            remedy="give the annotation file the predictions were made from",
        )

    def mask(key: str) -> Mask:
        return read_mask(entry.get(key), image, path, record)

    def box(key: str) -> bx.Box:
        value = entry.get(key)
        if not isinstance(value, list) or len(value) != 4 or not all(type(v) in (int, float) for v in value):
            raise AnnotationError(f'"{key}" is [x, y, width, height]', file=path, record=record, value=value)
        return bx.as_box(bx.from_xywh(value))

    expansion = entry.get("expansion", {})
    if not isinstance(expansion, dict):
        raise AnnotationError('"expansion" is an object', file=path, record=record, value=expansion)
    reason = expansion.get("stop_reason", "converged")
    if reason not in _STOP_REASONS:
        raise AnnotationError(f"stop_reason is one of {_STOP_REASONS}", file=path, record=record, value=reason)
    return Prediction(
        image_id=image.id,
        annotation_id=whole_number(entry, "annotation_id", path, record),
        category=category,
        score=1.0 if (score := fraction(entry, "score", path, record)) is None else score,
        modal_box=box("visible_bbox"),
        modal_mask=mask("visible_mask"),
        amodal_mask=mask("segmentation"),
        amodal_box=box("bbox"),
        steps=whole_number({"steps": 0, **expansion}, "steps", path, record),
        stop_reason=reason,
    )
