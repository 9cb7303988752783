"""Predictions as COCO results with COCOA's names, one record an object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AmodalError, AnnotationError
from ..core.masks import MAX_PIXELS, Mask
from ..core.records import SIDES, Category, ImageRecord, Instance, Prediction
from .coco import FLAT
from .dialects import EVERYTHING, Dialect, Holds, Reading
from .fields import fraction, read_mask, whole_number, whole_number_or_none
from .gather import gathering
from .jsonfile import beside, is_json, open_json, read_json, write_elements, write_json
from .jsonparse import JsonFile
from .reduce import NOT_BOTH, Reduced
from .resultrecord import result_record as result_record
from .spilled import pictures_of
from .tables import common_fields, image_of, in_order, instance_of, unheld_fields

_STOP_REASONS = ("converged", "border", "cap", "empty")
_REMEDY = "correct it, or take it out"
_ANSWERS_NONE = (
    "predict the annotations of this very file; predictions of --detections answer none of them: look at those with "
    "amodal predict --page, or with amodal convert --to coco-amodal (this file as --answers), then amodal show"
)


def write_results(path: str | Path, predictions: Iterable[Prediction], categories: Sequence[Category]) -> None:
    """Write a results file: a JSON list of `result_record`, in the order given.

    Args:
        path: the file; one that is there is replaced.
        predictions: of any number of pictures.
        categories: `Prediction.category` is a place in them, such as `Album.categories`.

    Raises:
        AnnotationError: as `result_record`, before anything is written; or the file cannot be written.
    """
    write_json(path, [result_record(prediction, categories) for prediction in predictions])


def read_results(path: str | Path, album: Album, *, visible: Mapping[int, Mask] | None = None) -> list[Prediction]:
    """Read a results file against the album it answers.

    Boxes that a record does not have are those of its masks.

    Args:
        path: the file.
        album: what it answers.
        visible: a record needs no visible part: where it has none, it is the one of its annotation id here, of the
            picture's size, or, where there is none, either, the whole.

    Raises:
        AnnotationError: not a list, or a record with a field missing, an unknown picture, annotation or category, or
            a mask of another size than its picture; two records for one annotation.
    """
    return results_of(read_json(path), path, album, visible=visible)


def results_of(
    content: object, path: str | Path, album: Album, *, visible: Mapping[int, Mask] | None = None
) -> list[Prediction]:
    """The same of what a results file holds; ``path`` is named in errors."""
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise AnnotationError(
            "a results file is a list of objects", file=path, remedy="give what `amodal predict` wrote"
        )
    images = {image.id: image for image in album}
    known = {instance.id: image.id for image in images.values() for instance in image.instances}
    places = {category.id: place for place, category in enumerate(album.categories)}
    predictions = [_prediction(entry, f"record {i}", images, places, path, visible) for i, entry in enumerate(content)]
    seen: set[int] = set()
    for i, prediction in enumerate(predictions):
        again = prediction.annotation_id in seen
        if again or known.get(prediction.annotation_id) != prediction.image_id:
            raise AnnotationError(
                f"each record answers one annotation of its picture in {album.source}, once",
                file=path,
                record=f"record {i}",
                value=prediction.annotation_id,
                remedy="leave one of the two out" if again else _ANSWERS_NONE,
            )
        seen.add(prediction.annotation_id)
    return predictions


def _prediction(
    entry: dict[str, Any],
    record: str,
    images: dict[int, ImageRecord],
    places: dict[int, int],
    path: str | Path,
    visible: Mapping[int, Mask] | None,
) -> Prediction:
    image = images.get(whole_number(entry, "image_id", path, record))
    category = places.get(whole_number(entry, "category_id", path, record))
    if image is None or category is None:
        key = "image_id" if image is None else "category_id"
        raise AnnotationError(
            f"{key} is one of the annotation file's",
            file=path,
            record=record,
            value=entry[key],
            remedy="give the annotation file the predictions were made from",
        )

    found = _read_details(entry, path, record)
    canvas = found["canvas"]
    pixels = image if canvas is None else replace(image, width=canvas[2], height=canvas[3])

    def mask(key: str) -> Mask:
        return read_mask(entry.get(key), pixels, path, record, key=key)

    def box(key: str, around: Mask) -> bx.Box:
        if key not in entry:
            left, top = (0, 0) if canvas is None or around.is_empty else canvas[:2]
            return bx.as_box(np.add(around.box, (left, top, left, top)))
        value = entry[key]
        if (
            not isinstance(value, list)
            or len(value) != 4
            or not all(type(v) in (int, float) and abs(v) < 1e15 for v in value)
            or min(value[2:]) < 0
        ):
            raise AnnotationError(
                f'"{key}" is [x, y, width, height], no side below 0',
                file=path,
                record=record,
                value=value,
                remedy="correct it, or leave it out: it is then that of the mask",
            )
        return bx.as_box(bx.from_xywh(value))

    expansion = entry.get("expansion", {})
    if not isinstance(expansion, dict):
        raise AnnotationError('"expansion" is an object', file=path, record=record, value=expansion, remedy=_REMEDY)
    reason = expansion.get("stop_reason", "converged")
    if reason not in _STOP_REASONS:
        rule = f"stop_reason is one of {', '.join(_STOP_REASONS)}"
        raise AnnotationError(rule, file=path, record=record, value=reason, remedy=_REMEDY)
    if "annotation_id" not in entry:
        raise AnnotationError(
            'a record names the annotation it answers: "annotation_id"',
            file=path,
            record=record,
            remedy="add it; a detector's results have none: score those with amodal evaluate --detections NAME=FILE",
        )
    number, whole = whole_number(entry, "annotation_id", path, record), mask("segmentation")
    if visible is None and entry.get("visible_mask") is None:
        raise AnnotationError(
            'a record of predictions has a "visible_mask", the part of the object that is seen',
            file=path,
            record=record,
            remedy="add it; or score whole masks alone with amodal evaluate --baseline NAME=FILE",
        )
    if visible is None or entry.get("visible_mask") is not None:
        seen = mask("visible_mask")
    elif number in visible:
        seen = visible[number] if canvas is None else visible[number].moved(-canvas[0], -canvas[1], *canvas[2:])
    else:
        seen = whole
    return Prediction(
        image_id=image.id,
        annotation_id=number,
        category=category,
        score=1.0 if (score := fraction(entry, "score", path, record)) is None else score,
        modal_box=box("visible_bbox", seen),
        modal_mask=seen,
        amodal_mask=whole,
        amodal_box=box("bbox", whole),
        steps=whole_number({"steps": 0, **expansion}, "steps", path, record),
        stop_reason=reason,
        **found,
    )


def _read_details(entry: dict[str, Any], path: str | Path, record: str) -> dict[str, Any]:
    """What `_details` wrote, without the trace."""
    cut = entry.get("cut_sides", [])
    if not isinstance(cut, list) or not all(side in SIDES for side in cut):
        rule = f'"cut_sides" are of {", ".join(SIDES)}'
        raise AnnotationError(rule, file=path, record=record, value=cut, remedy=_REMEDY)
    return {
        "occlusion_probability": fraction(entry, "occlusion_probability", path, record),
        "occluders": _numbers(entry, "occluders", path, record),
        "depth_rank": whole_number_or_none(entry, "depth_rank", path, record),
        "cut_sides": tuple(cut),
        "canvas": _canvas(entry, path, record),
    }


def _numbers(entry: dict[str, Any], key: str, path: str | Path, record: str) -> tuple[int, ...] | None:
    value = entry.get(key)
    if value is not None and (not isinstance(value, list) or not all(type(v) is int for v in value)):
        rule = f'"{key}" is a list of whole numbers'
        raise AnnotationError(rule, file=path, record=record, value=value, remedy=_REMEDY)
    return None if value is None else tuple(value)


def _canvas(entry: dict[str, Any], path: str | Path, record: str) -> tuple[int, int, int, int] | None:
    found = _numbers(entry, "canvas", path, record)
    if found is None:
        return None
    if len(found) != 4 or max(map(abs, found)) > MAX_PIXELS or min(found[2:]) < 1 or found[2] * found[3] > MAX_PIXELS:
        raise AnnotationError(
            f'"canvas" is [x offset, y offset, width, height] of at the most {MAX_PIXELS} pixels',
            file=path,
            record=record,
            value=list(found),
            remedy=_REMEDY,
        )
    x, y, width, height = found
    return x, y, width, height


# ---- as a dialect ---------------------------------------------------------------------------------------------------

_RECORD_KEYS = frozenset({"annotation_id", "segmentation", "visible_mask"})
_TAKEN = ("annotation_id", "canvas")
_KNOWN = FLAT.reserved | set(_TAKEN)
_HOLDS = EVERYTHING - {
    Holds.OCCLUSIONS,
    Holds.FILE_EXTRA,
    Holds.IMAGE_EXTRA,
    Holds.SUPERCATEGORY,
    Holds.CATEGORY_EXTRA,
    Holds.EMPTY_IMAGES,
    Holds.EMPTY_CATEGORIES,
}


def _is_results(file: JsonFile) -> bool:
    """An empty list, too: nothing was asked about, or a detector found nothing."""
    return file.items is not None and file.items.all_objects and (not file.items or file.items.keys >= _RECORD_KEYS)


def _read(path: Path, how: Reading) -> Album:
    answers = how.answers
    if answers is None:
        raise AnnotationError(
            "results name neither pictures nor categories: they are read with the annotations they answer",
            file=path,
            remedy="name both: amodal check and convert take the annotations as --answers, amodal evaluate and show "
            "the results as --predictions; other commands read annotations alone",
        )
    items = open_json(path, how.scratch).items
    if items is None or not items.all_objects:
        raise AnnotationError("a results file is a list of objects", file=path, remedy="give what predict wrote")
    places = {category.id: place for place, category in enumerate(answers.categories)}
    bare = {image.id: replace(image, instances=(), occlusions=()) for image in pictures_of(answers)}
    objects = gathering(bare, how.scratch)
    for i, entry in enumerate(items):
        record = f"record {i}"
        try:
            number = whole_number(entry, "annotation_id", path, record)
            if number in objects:
                rule = "each annotation is answered once"
                raise AnnotationError(rule, file=path, record=record, value=number, remedy="leave one of the two out")
            image = image_of(entry, bare, path, record)
            category = places.get(whole_number(entry, "category_id", path, record))
            if category is None:
                raise AnnotationError(
                    f"category_id is one of {answers.source}",
                    file=path,
                    record=record,
                    value=entry["category_id"],
                    remedy="give the annotations these results answer, or correct it",
                )
            entry = _cut(entry, image, path, record)
            parts = FLAT.take(entry, image, path, record)
            objects.add(image.id, instance_of(entry, number, category, parts, _KNOWN, path, record))
        except AmodalError as problem:
            how.bad(problem)
    return objects.album(bare, answers.categories, source=path, extra=answers.extra)


def _cut(entry: dict[str, Any], image: ImageRecord, path: Path, record: str) -> dict[str, Any]:
    """A record whose masks lie on a canvas as one whose masks have the picture's size; any other as it is."""
    canvas = _canvas(entry, path, record)
    if canvas is None:
        return entry
    large = replace(image, width=canvas[2], height=canvas[3])
    keys = ("segmentation", "visible_mask", *(["invisible_mask"] if entry.get("invisible_mask") is not None else []))
    before = {key: read_mask(entry.get(key), large, path, record) for key in keys}
    after = {key: mask.moved(*canvas[:2], image.width, image.height) for key, mask in before.items()}
    said, now = (_said(masks["segmentation"], masks["visible_mask"]) for masks in (before, after))
    told = {key: now[key] for key in said if entry.get(key) == said[key]}  # what says otherwise is for `check` to find
    return entry | {key: mask.to_rle() for key, mask in after.items()} | told


def _said(whole: Mask, seen: Mask) -> dict[str, float]:
    """What `result_record` says of two masks."""
    area = whole.area
    return {"area": area, "occlude_rate": round(1 - (seen & whole).area / area, 6) if area else 0.0}


def _write(album: Album, path: Path) -> None:
    kept = Reduced(album, _HOLDS)
    records = (
        (number, None if one is None or not _complete(one) else _entry(one, record, kept.categories))
        for record, number, one in kept.objects()
    )
    with beside(path) as file:
        write_elements(file, in_order(records, kept.annotation_ids.tolist()))
        file.write("\n")


def _complete(instance: Instance) -> bool:
    return instance.amodal_mask is not None and instance.modal_mask is not None


def _entry(instance: Instance, record: ImageRecord, categories: tuple[Category, ...]) -> dict[str, Any]:
    ids = {
        "image_id": record.id,
        "annotation_id": instance.id,
        "category_id": categories[instance.category].id,
    }
    fields = common_fields(instance, (_KNOWN - FLAT.kept) | {"expansion"})
    told = {"expansion": instance.extra["expansion"]} if "expansion" in instance.extra else {}
    return {**ids, **fields, **FLAT.give(instance), **told}


def _limits(record: ImageRecord, album: Album) -> Iterator[tuple[str, str]]:
    yield from unheld_fields(record, album, FLAT)
    for instance in record.instances:
        if instance.amodal_mask is None or instance.modal_mask is None:
            yield NOT_BOTH, f"annotation {instance.id}"
        for key in _TAKEN:
            if key in instance.extra:
                yield f"further fields of objects with a name of the target's own: {key}", f"annotation {instance.id}"


DIALECT = Dialect(
    name="results",
    title="results of amodal predict",
    kind="file",
    holds=_HOLDS,
    recognise=partial(is_json, test=_is_results),
    read=_read,
    write=_write,
    limits=_limits,
    boxes="xywh",
)
