"""COCO instances, and its flat amodal extension (COCOA-cls, D2SA and our own results).

A record with any of ``visible_mask``, ``visible_bbox``, ``invisible_mask``, ``occlude_rate`` is amodal: its
``segmentation``, ``bbox`` and ``area`` describe the whole object. Any other record is modal.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AnnotationError
from ..core.masks import Mask
from ..core.records import Category, ImageRecord, Instance

_AMODAL_KEYS = ("visible_mask", "visible_bbox", "invisible_mask", "occlude_rate")


def read_coco(content: dict[str, Any], path: str | Path) -> Album:
    """Records of a parsed COCO file.

    Args:
        content: the parsed file: ``images``, ``annotations``, ``categories``.
        path: its path, named in errors.

    Raises:
        AnnotationError: a list or field missing or of the wrong type, an id used twice, an unknown image or category,
            a mask that cannot be read.
        BoxError: a box that no object of its picture can have.
    """
    images = read_images(content, path)
    categories = tuple(
        Category(whole_number(entry, "id", path, f"category {i}"), str(entry.get("name", entry["id"])))
        for i, entry in enumerate(entries(content, "categories", path))
    )
    places = {category.id: place for place, category in enumerate(categories)}
    if len(places) != len(categories):
        raise AnnotationError("each category id is used once", file=path, value=_twice([c.id for c in categories]))
    by_image: dict[int, list[Instance]] = {image: [] for image in images}
    ids: list[int] = []
    for i, entry in enumerate(entries(content, "annotations", path)):
        record = f"annotation {entry.get('id', f'number {i}')}"
        ids.append(whole_number(entry, "id", path, record))
        image = images.get(whole_number(entry, "image_id", path, record))
        if image is None:
            raise AnnotationError(
                'an annotation\'s image_id is the id of one of "images"',
                file=path,
                record=record,
                value=entry["image_id"],
                remedy="add the picture or remove the annotation",
            )
        category = places.get(whole_number(entry, "category_id", path, record))
        if category is None:
            raise AnnotationError(
                'an annotation\'s category_id is the id of one of "categories"',
                file=path,
                record=record,
                value=entry["category_id"],
                remedy="add the category or correct the annotation",
            )
        by_image[image.id].append(_instance(entry, category, image, path, record))
    check_unique(ids, "annotation", path)
    records = (
        ImageRecord(image.id, image.file_name, image.width, image.height, tuple(by_image[image.id]))
        for image in images.values()
    )
    return Album(records, categories, source=path, annotation_ids=ids)


def read_images(content: dict[str, Any], path: str | Path) -> dict[int, ImageRecord]:
    """The ``images`` list by id, without instances; raises as `read_coco`."""
    images: dict[int, ImageRecord] = {}
    for i, entry in enumerate(entries(content, "images", path)):
        record = f"image {entry.get('id', f'number {i}')}"
        image_id = whole_number(entry, "id", path, record)
        width, height = (whole_number(entry, key, path, record) for key in ("width", "height"))
        name = entry.get("file_name")
        if not isinstance(name, str) or not name:
            raise AnnotationError('"file_name" is the name of a picture', file=path, record=record, value=name)
        if width <= 0 or height <= 0:
            raise AnnotationError(
                "a picture is at least one pixel wide and high", file=path, record=record, value=[width, height]
            )
        if image_id in images:
            raise AnnotationError("each image id is used once", file=path, record=record, remedy="renumber the images")
        images[image_id] = ImageRecord(image_id, name, width, height)
    return images


def entries(content: dict[str, Any], key: str, path: str | Path) -> Sequence[dict[str, Any]]:
    """``content[key]``, checked to be a list of objects."""
    found = content.get(key)
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise AnnotationError(
            f'a COCO file has a list of objects "{key}"', file=path, value=found, remedy="see docs/formats.md"
        )
    return found


def whole_number(entry: dict[str, Any], key: str, path: str | Path, record: str) -> int:
    """``entry[key]``, checked to be an int (a float such as 12.0 is taken too)."""
    value = entry.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or abs(value) >= 2**63:
        raise AnnotationError(f'"{key}" is a whole number', file=path, record=record, value=value)
    return value


def fraction(entry: dict[str, Any], key: str, path: str | Path, record: str) -> float | None:
    """``entry[key]``, checked to be a number from 0 to 1; None where it is not given."""
    value = entry.get(key)
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise AnnotationError(f'"{key}" is a number from 0 to 1', file=path, record=record, value=value)
    return float(value)


def check_unique(ids: Sequence[int], what: str, path: str | Path) -> None:
    """Refuse an id used twice."""
    if len(set(ids)) != len(ids):
        raise AnnotationError(
            f"each {what} id is used once", file=path, record=f"{what} {_twice(ids)}", remedy="renumber the records"
        )


def read_mask(value: Any, image: ImageRecord, path: str | Path, record: str) -> Mask:
    """A COCO ``segmentation``: polygons, or a run-length code of the picture's size."""
    if isinstance(value, dict):
        return Mask.from_rle(value, image.width, image.height, file=path, record=record)
    if isinstance(value, list):
        polygons = [value] if value and not isinstance(value[0], list) else value
        return Mask.from_polygons(polygons, image.width, image.height, file=path, record=record)
    raise AnnotationError(
        "a segmentation is a list of polygons or a run-length object",
        file=path,
        record=record,
        value=value,
        remedy="see docs/formats.md",
    )


def _instance(entry: dict[str, Any], category: int, image: ImageRecord, path: str | Path, record: str) -> Instance:
    def mask(key: str) -> Mask | None:
        return read_mask(entry[key], image, path, record) if entry.get(key) is not None else None

    def box(key: str) -> bx.Box | None:
        if entry.get(key) is None:
            return None
        value = entry[key]
        if not isinstance(value, list) or len(value) != 4 or not all(type(v) in (int, float) for v in value):
            raise AnnotationError(f'"{key}" is [x, y, width, height] in pixels', file=path, record=record, value=value)
        return bx.check(bx.from_xywh(value), image.width, image.height, file=path, record=record)

    segmentation, given_box = mask("segmentation"), box("bbox")
    rate = fraction(entry, "occlude_rate", path, record)
    if any(entry.get(key) is not None for key in _AMODAL_KEYS):
        amodal_mask, visible = segmentation, mask("visible_mask")
        modal_mask = visible if visible is not None else (amodal_mask if rate == 0 else None)
        amodal_box = given_box or _mask_box(amodal_mask)
        modal_box = box("visible_bbox") or _mask_box(modal_mask) or amodal_box
    else:
        amodal_mask = amodal_box = None
        modal_mask = segmentation
        modal_box = given_box or _mask_box(modal_mask)
    if modal_box is None:
        raise AnnotationError(
            "an annotation has a bbox or a segmentation that is not empty",
            file=path,
            record=record,
            remedy="draw the object or remove the record",
        )
    whole = entry.get("whole")
    return Instance(
        id=int(entry["id"]),
        category=category,
        modal_box=modal_box,
        modal_mask=modal_mask,
        amodal_box=amodal_box,
        amodal_mask=amodal_mask,
        occlude_rate=rate,
        order=None if entry.get("order") is None else whole_number(entry, "order", path, record),
        is_crowd=bool(entry.get("iscrowd", 0)),
        is_whole=None if whole is None else bool(whole),
        score=fraction(entry, "score", path, record),
    )


def _mask_box(mask: Mask | None) -> bx.Box | None:
    return None if mask is None or mask.is_empty else mask.box


def _twice(ids: Sequence[int]) -> int:
    seen: set[int] = set()
    return next(i for i in ids if i in seen or seen.add(i))  # type: ignore[func-returns-value]
