"""What all dialects of COCO's three tables share: ``images``, ``annotations``, ``categories``."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import mul
from pathlib import Path
from typing import Any

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AmodalError, AnnotationError
from ..core.masks import Mask
from ..core.records import Category, ImageRecord, Instance
from .dialects import Holds, Reading
from .fields import check_picture_size, entries, flag, fraction, others, text, whole_number, whole_number_or_none
from .gather import gathering
from .jsonfile import open_json, write_json_object
from .reduce import Reduced

_LISTS = frozenset({"images", "annotations", "categories"})
COMMON = frozenset(
    {"id", "image_id", "category_id", "iscrowd", "isStuff", "whole", "order", "score", "occlude_rate"}
    | {"occluded", "truncated", "difficult"}
)
_RARE = COMMON - {"id", "image_id", "category_id", "iscrowd"}
PICTURE = frozenset({"id", "file_name", "width", "height", "occlusions"})
_CATEGORY = frozenset({"id", "name", "supercategory"})


@dataclass(frozen=True, slots=True)
class Parts:
    """What a dialect says of an object's extent, as in `Instance`; ``modal_box`` None where it says nothing of it."""

    modal_box: bx.Box | None
    modal_mask: Mask | None = None
    amodal_box: bx.Box | None = None
    amodal_mask: Mask | None = None
    extra: dict[str, Any] | None = None


@dataclass(frozen=True)
class Layout:
    """How one dialect writes an object's extent into a record.

    Attributes:
        own: names of the fields that say it; what a record has beside them and the common ones is kept in ``extra``.
        take: (record, picture, path, name of the record) to parts.
        give: an instance to those fields.
        file_name: the name of a picture, from its record.
        kept: those of `own` that are written from ``extra`` where they stand there.
    """

    own: frozenset[str]
    take: Callable[[dict[str, Any], ImageRecord, Path, str], Parts]
    give: Callable[[Instance], dict[str, Any]]
    file_name: Callable[[dict[str, Any], Path, str], str] | None = None
    kept: frozenset[str] = frozenset()

    @property
    def reserved(self) -> frozenset[str]:
        """Names a further field of an object cannot have."""
        return self.own | COMMON


def read_tables(path: Path, how: Reading, layout: Layout) -> Album:
    """Read a file of three tables.

    Raises:
        AnnotationError: a list or field missing or of the wrong type, an id used twice, an unknown image or category,
            a mask that cannot be read.
        BoxError: a box that no object of its picture can have.
    """
    content = open_json(path, how.scratch).members
    images = read_images(content, path, how, layout.file_name)
    categories = read_categories(content, path, how)
    places = {category.id: place for place, category in enumerate(categories)}
    objects = gathering(images, how.scratch)
    known = layout.reserved
    for i, entry in enumerate(entries(content, "annotations", path)):
        record = f"annotation {shown_id(entry, i)}"
        try:
            if (found := whole_number(entry, "id", path, record)) in objects:
                raise AnnotationError(
                    "each annotation id is used once", file=path, record=record, remedy="renumber the records"
                )
            image = image_of(entry, images, path, record)
            category = places.get(whole_number(entry, "category_id", path, record))
            if category is None:
                raise AnnotationError(
                    'an annotation\'s category_id is the id of one of "categories"',
                    file=path,
                    record=record,
                    value=entry["category_id"],
                    remedy="add the category or correct the annotation",
                )
            parts = layout.take(entry, image, path, record)
            objects.add(image.id, instance_of(entry, found, category, parts, known, path, record))
        except AmodalError as problem:
            how.bad(problem)
    further = {key: value for key, value in content.items() if key not in _LISTS}
    return objects.album(images, categories, source=path, extra=plain(further))


def read_images(
    content: dict[str, Any],
    path: Path,
    how: Reading,
    file_name: Callable[[dict[str, Any], Path, str], str] | None = None,
) -> dict[int, ImageRecord]:
    """The ``images`` list by id, without instances; raises as `read_tables`."""
    images: dict[int, ImageRecord] = {}
    for i, entry in enumerate(entries(content, "images", path)):
        record = f"image {shown_id(entry, i)}"
        try:
            image = _image(entry, path, record, file_name)
            if image.id in images:
                raise AnnotationError(
                    "each image id is used once", file=path, record=record, remedy="renumber the images"
                )
            images[image.id] = image
        except AmodalError as problem:
            how.bad(problem)
    return images


def _image(
    entry: dict[str, Any],
    path: Path,
    record: str,
    file_name: Callable[[dict[str, Any], Path, str], str] | None,
) -> ImageRecord:
    image_id = whole_number(entry, "id", path, record)
    width, height = (whole_number(entry, key, path, record) for key in ("width", "height"))
    name = entry.get("file_name") if file_name is None else file_name(entry, path, record)
    if not isinstance(name, str) or not name:
        rule = '"file_name" is the name of a picture'
        raise AnnotationError(rule, file=path, record=record, value=name, remedy="add it, as text")
    check_picture_size(width, height, path, record)
    pairs = entry.get("occlusions")
    extra = others(entry, PICTURE)
    occlusions: tuple[tuple[int, int], ...] = ()
    if pairs is not None:
        if not isinstance(pairs, list) or not all(
            isinstance(pair, list) and len(pair) == 2 and all(type(v) is int for v in pair) for pair in pairs
        ):
            raise AnnotationError(
                '"occlusions" is a list of pairs of annotation ids, [in front, behind]',
                file=path,
                record=record,
                value=pairs,
                remedy="correct the pairs, or take the field out",
            )
        occlusions = tuple((front, behind) for front, behind in pairs)
    return ImageRecord(image_id, name, width, height, (), occlusions, extra)


def read_categories(content: dict[str, Any], path: Path, how: Reading) -> tuple[Category, ...]:
    """The ``categories`` list; raises as `read_tables`."""
    found: dict[int, Category] = {}
    for i, entry in enumerate(entries(content, "categories", path)):
        record = f"category {shown_id(entry, i)}"
        try:
            category_id = whole_number(entry, "id", path, record)
            if category_id in found:
                rule = "each category id is used once"
                raise AnnotationError(
                    rule, file=path, record=record, value=category_id, remedy="renumber the categories"
                )
            found[category_id] = Category(
                category_id,
                text(entry, "name", path, record, str(category_id)),
                text(entry, "supercategory", path, record),
                others(entry, _CATEGORY),
            )
        except AmodalError as problem:
            how.bad(problem)
    return tuple(found.values())


def shown_id(entry: dict[str, Any], place: int) -> str:
    """How a record is called in messages."""
    return str(entry["id"])[:40] if "id" in entry else f"number {place}"


def image_of(entry: dict[str, Any], images: dict[int, ImageRecord], path: Path, record: str) -> ImageRecord:
    """The picture a record belongs to."""
    image = images.get(whole_number(entry, "image_id", path, record))
    if image is None:
        raise AnnotationError(
            'an annotation\'s image_id is the id of one of "images"',
            file=path,
            record=record,
            value=entry["image_id"],
            remedy="add the picture or remove the annotation",
        )
    return image


def instance_of(
    entry: dict[str, Any],
    instance_id: int,
    category: int,
    parts: Parts,
    known: frozenset[str],
    path: Path,
    record: str,
) -> Instance:
    """One object from its extent and the fields all dialects of this family share."""
    if parts.modal_box is None:
        raise AnnotationError(
            "an annotation has a bbox or a segmentation that is not empty",
            file=path,
            record=record,
            remedy="draw the object or remove the record",
        )
    extra = others(entry, known)
    if parts.extra:
        extra.update(parts.extra)
    if "area" in extra and extra["area"] == area_of(
        parts.modal_box, parts.modal_mask, parts.amodal_box, parts.amodal_mask
    ):
        del extra["area"]  # tells nothing; it is written again
    crowd = bool(flag(entry, "iscrowd", path, record))
    if _RARE.isdisjoint(entry):
        return Instance(
            id=instance_id,
            category=category,
            modal_box=parts.modal_box,
            modal_mask=parts.modal_mask,
            amodal_box=parts.amodal_box,
            amodal_mask=parts.amodal_mask,
            is_crowd=crowd,
            extra=extra,
        )
    return Instance(
        instance_id,
        category,
        parts.modal_box,
        parts.modal_mask,
        parts.amodal_box,
        parts.amodal_mask,
        fraction(entry, "occlude_rate", path, record),
        whole_number_or_none(entry, "order", path, record),
        crowd,
        bool(flag(entry, "isStuff", path, record)),
        flag(entry, "whole", path, record),
        flag(entry, "occluded", path, record),
        flag(entry, "truncated", path, record),
        flag(entry, "difficult", path, record),
        fraction(entry, "score", path, record),
        extra,
    )


def plain(value: dict[str, Any]) -> dict[str, Any]:
    """The members of a file beside its tables, as plain lists and objects."""
    return {key: list(v) if isinstance(v, Sequence) and not isinstance(v, str) else v for key, v in value.items()}


def write_tables(album: Album, path: Path, layout: Layout, holds: frozenset[Holds]) -> None:
    """Write three tables, record by record; annotations stand in the order of the file they came from."""
    kept = Reduced(album, holds)
    write_json_object(
        path,
        [
            *((key, value) for key, value in kept.extra.items() if key not in _LISTS),
            ("images", (picture_entry(record, layout) for record in kept.pictures())),
            ("annotations", _annotations(kept, layout)),
            ("categories", iter([_category(category) for category in kept.categories])),
        ],
    )


def unheld_fields(record: ImageRecord, album: Album, layout: Layout) -> Iterator[tuple[str, str]]:
    """Further fields whose names the target uses for something else; for `Dialect.limits`."""
    for key in sorted(PICTURE.intersection(record.extra)):
        yield f"further fields of pictures with a name of the target's own: {key}", f"image {record.id}"
    unknown = layout.reserved - layout.kept
    for instance in record.instances:
        for key in sorted(unknown.intersection(instance.extra)):
            yield f"further fields of objects with a name of the target's own: {key}", f"annotation {instance.id}"


def area_of(modal_box: bx.Box, modal_mask: Mask | None, amodal_box: bx.Box | None, amodal_mask: Mask | None) -> float:
    """COCO's ``area``: that of the polygons, pixels or box of the whole object, where it is known."""
    mask = amodal_mask if amodal_mask is not None or amodal_box is not None else modal_mask
    if mask is None:
        x1, y1, x2, y2 = modal_box if amodal_box is None else amodal_box
        return (x2 - x1) * (y2 - y1)
    polygons = mask.polygons
    return mask.area if polygons is None else sum(_polygon_area(points) for points in polygons)


def _polygon_area(points: tuple[float, ...]) -> float:
    xs, ys = points[::2], points[1::2]
    return abs(float(sum(map(mul, xs, ys[1:] + ys[:1]))) - float(sum(map(mul, ys, xs[1:] + xs[:1])))) / 2


def picture_entry(record: ImageRecord, layout: Layout | None = None) -> dict[str, Any]:
    """One record of ``images``."""
    names: dict[str, Any] = {"file_name": record.file_name}
    if (
        layout is not None
        and layout.file_name is not None
        and layout.file_name(record.extra, Path(), "") == record.file_name
    ):
        names = {}  # told by another field
    pairs = {"occlusions": [list(pair) for pair in record.occlusions]} if record.occlusions else {}
    extra = {key: value for key, value in record.extra.items() if key not in PICTURE}
    return {**extra, "id": record.id, **names, "width": record.width, "height": record.height, **pairs}


def _category(category: Category) -> dict[str, Any]:
    above = {"supercategory": category.supercategory} if category.supercategory else {}
    extra = {key: value for key, value in category.extra.items() if key not in _CATEGORY}
    return {**extra, "id": category.id, "name": category.name, **above}


def _annotations(album: Reduced, layout: Layout) -> Iterator[dict[str, Any]]:
    grouped = (
        (number, None if kept is None else _annotation(kept, record, album.categories, layout))
        for record, number, kept in album.objects()
    )
    return in_order(grouped, album.annotation_ids.tolist())


def in_order(found: Iterable[tuple[int, dict[str, Any] | None]], ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Records by the order of their ids, None skipped; only those that come too early are kept waiting."""
    return (entry for entry in _all_in_order(found, ids) if entry is not None)


def _all_in_order(
    found: Iterable[tuple[int, dict[str, Any] | None]], ids: Sequence[int]
) -> Iterator[dict[str, Any] | None]:
    waiting: dict[int, bytes] = {}
    place, total = 0, len(ids)
    for instance_id, entry in found:
        if place < total and ids[place] == instance_id:
            yield entry
            place += 1
        else:
            waiting[instance_id] = marshal.dumps(entry)  # a fifth of the memory
        while place < total and ids[place] in waiting:
            yield marshal.loads(waiting.pop(ids[place]))  # our own bytes, never a file's
            place += 1
    yield from map(marshal.loads, waiting.values())


def _annotation(
    instance: Instance, record: ImageRecord, categories: Sequence[Category], layout: Layout
) -> dict[str, Any]:
    fields = common_fields(instance, layout.reserved - layout.kept)
    ids = {"id": instance.id, "image_id": record.id, "category_id": categories[instance.category].id}
    return {**fields, **ids, "iscrowd": int(instance.is_crowd), **layout.give(instance)}


def common_fields(instance: Instance, unknown: frozenset[str]) -> dict[str, Any]:
    """The fields `instance_of` takes, and the further ones but for those of the names ``unknown``."""
    fields = {key: value for key, value in instance.extra.items() if key not in unknown}
    if "area" not in fields:
        fields["area"] = area_of(instance.modal_box, instance.modal_mask, instance.amodal_box, instance.amodal_mask)
    flags = {
        "iscrowd": instance.is_crowd or None,
        "isStuff": instance.is_stuff or None,
        "whole": instance.is_whole,
        "occluded": instance.is_occluded,
        "truncated": instance.is_truncated,
        "difficult": instance.is_difficult,
    }
    fields.update({key: int(value) for key, value in flags.items() if value is not None})
    numbers = {"occlude_rate": instance.occlude_rate, "order": instance.order, "score": instance.score}
    fields.update({key: value for key, value in numbers.items() if value is not None})
    return fields
