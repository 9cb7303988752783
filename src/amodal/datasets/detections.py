"""A detector's answer for the pictures of an annotation file: COCO results, or a COCO file of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AmodalError, AnnotationError
from ..core.records import ImageRecord, Instance
from .fields import fraction, read_mask, whole_number
from .jsonfile import read_json

OnBad = Callable[[AmodalError], Any]


def read_detections(path: str | Path, album: Album, *, min_score: float = 0.0, on_bad: OnBad | None = None) -> Album:
    """The album with the objects of a detector in place of its own.

    Each entry has ``image_id``, ``category_id``, and ``bbox`` (``[x, y, width, height]``; cut to the picture) or
    ``segmentation`` (polygons or a run-length code), or both; ``score`` where known. Pictures without a detection stay,
    without objects.

    Args:
        path: a JSON list of entries (COCO results), or an object with them under "annotations".
        album: gives the pictures and the categories.
        min_score: entries with a score below it are left out.
        on_bad: called with what is wrong with each bad entry, which is then left out; None raises it.

    Returns:
        An album whose record ids are the entries' own where every entry has one, else their places in the file,
        counted from 1; or from the number after the highest annotation id, where one of them would be the id of an
        annotation of the album, which the entry does not answer.

    Raises:
        AnnotationError, BoxError: another content; naming the file, the entry and the rule it breaks.
        AmodalError: ``min_score`` is not a number from 0 to 1.
    """
    if not 0 <= min_score <= 1:
        rule = "the least score of detections is a number from 0 to 1"
        raise AmodalError(rule, value=min_score, remedy="give one, 0 takes them all")
    entries = _entries(read_json(path), path)
    own = [i for entry in entries if (i := _own_id(entry)) is not None]
    numbers = own if len(set(own)) == len(entries) else _free(len(entries), album)
    images = {record.id: record for record in album}
    places = {category.id: place for place, category in enumerate(album.categories)}
    found: dict[int, list[Instance]] = {image: [] for image in images}
    ids: list[int] = []
    for i, entry in enumerate(entries):
        try:
            instance, image = _instance(entry, numbers[i], f"detection {i}", images, places, path)
        except AmodalError as problem:
            if on_bad is None:
                raise
            on_bad(problem)
            continue
        if instance.score is None or instance.score >= min_score:
            found[image].append(instance)
            ids.append(instance.id)
    records = (replace(record, instances=tuple(found[record.id]), occlusions=()) for record in album)
    return Album(records, album.categories, source=path, annotation_ids=ids)


def _own_id(entry: dict[str, Any]) -> int | None:
    value = entry.get("annotation_id") if entry.get("id") is None else entry["id"]
    return value if type(value) is int and abs(value) < 2**63 else None


def _free(count: int, album: Album) -> range:
    """So many numbers in a row that are no annotation's: from 1, else from after the highest id."""
    taken = album.annotation_ids
    if not ((taken >= 1) & (taken <= count)).any():
        return range(1, count + 1)
    first = int(taken.max()) + 1
    if first + count > 2**63:
        raise AnnotationError(
            "detections without ids are numbered after the annotations, below 2**63",
            file=album.source,
            value=first - 1,
            remedy="give each detection an id of its own",
        )
    return range(first, first + count)


def _entries(content: Any, path: str | Path) -> list[dict[str, Any]]:
    entries = content.get("annotations") if isinstance(content, dict) else content
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise AnnotationError(
            'detections are a list of objects with "image_id", "category_id" and "bbox" or "segmentation"',
            file=path,
            remedy="give COCO results, or a COCO file",
        )
    return entries


def _instance(
    entry: dict[str, Any],
    number: int,
    record: str,
    images: dict[int, ImageRecord],
    places: dict[int, int],
    path: str | Path,
) -> tuple[Instance, int]:
    image = images.get(whole_number(entry, "image_id", path, record))
    category = places.get(whole_number(entry, "category_id", path, record))
    if image is None or category is None:
        key, table, known = ("image_id", "images", images) if image is None else ("category_id", "categories", places)
        raise AnnotationError(
            f"a detection's {key} is one of the annotation file's \"{table}\"",
            file=path,
            record=record,
            value=entry[key],
            remedy="give the annotation file the detector ran on"
            if known
            else f'add "{table}" to that file: it has none',
        )
    value, box = entry.get("segmentation"), entry.get("bbox")
    mask = None if value is None or value == [] else read_mask(value, image, path, record)
    if mask is not None and mask.is_empty:
        mask = None
    if box is None and mask is None:
        raise AnnotationError(
            "a detection has a bbox, or a segmentation of at least one pixel",
            file=path,
            record=record,
            value=value,
            remedy="add one, or take the entry out",
        )
    if box is not None:
        if not isinstance(box, list) or len(box) != 4 or not all(type(v) in (int, float) for v in box):
            rule = '"bbox" is [x, y, width, height] in pixels'
            raise AnnotationError(rule, file=path, record=record, value=box, remedy="write four numbers")
        modal_box = bx.check_xywh(box, image.width, image.height, file=path, record=record)
    else:
        assert mask is not None
        modal_box = mask.box
    score = fraction(entry, "score", path, record)
    return Instance(number, category, modal_box, modal_mask=mask, score=score), image.id
