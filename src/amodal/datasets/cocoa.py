"""COCOA (Zhu et al., "Semantic Amodal Segmentation"): regions drawn whole, in depth order.

``annotations[]`` holds one entry a picture with ``regions[]``: ``segmentation`` (flat amodal polygon), ``name``,
``order`` (1 = front), ``isStuff``, ``occlude_rate``, where it is hidden ``visible_mask`` and ``invisible_mask``; and
``depth_constraint`` "1-2,1-5": region 1 hides regions 2 and 5, counted from 1.
Regions have no ids and free names: the id is the region's number in the file, from 1; names become categories.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..core.album import Album
from ..core.errors import AmodalError, AnnotationError
from ..core.records import Category, ImageRecord, Instance
from .dialects import EVERYTHING, Dialect, Holds, Reading
from .fields import entries, mask_box, others, read_box, read_mask, read_mask_or_none, text, write_box, write_mask
from .gather import gathering
from .jsonfile import is_json, open_json, write_json_object
from .jsonparse import JsonFile, JsonList
from .reduce import NO_WHOLE, Reduced
from .tables import (
    COMMON,
    PICTURE,
    Parts,
    common_fields,
    image_of,
    instance_of,
    picture_entry,
    plain,
    read_images,
    shown_id,
)

_LISTS = frozenset({"images", "annotations"})
_OWN = frozenset({"segmentation", "bbox", "visible_mask", "visible_bbox", "invisible_mask"})
_RESERVED = (_OWN | COMMON | {"name"}) - {"id", "image_id", "category_id"}
_ENTRIES = "cocoa"
"""Further field of a picture: its entries in ``annotations`` without their regions, and how many those are."""
_HOLDS = EVERYTHING - {
    Holds.INSTANCE_IDS,
    Holds.CATEGORY_IDS,
    Holds.SUPERCATEGORY,
    Holds.CATEGORY_EXTRA,
    Holds.EMPTY_CATEGORIES,
}
_PAIR = re.compile(r"\s*(\d{1,9})\s*-\s*(\d{1,9})\s*")


def _is_cocoa(file: JsonFile) -> bool:
    if "regions" in file.keys("annotations"):
        return True
    # of pictures without regions: COCO has categories
    return "images" in file.members and "categories" not in file.members and _is_empty(file.members.get("annotations"))


def _is_empty(value: Any) -> bool:
    return isinstance(value, JsonList) and not len(value)


def _read(path: Path, how: Reading) -> Album:
    content = open_json(path, how.scratch).members
    images = read_images(content, path, how)
    categories: dict[str, int] = {}
    objects = gathering(images, how.scratch)
    number = 0
    for i, entry in enumerate(entries(content, "annotations", path)):
        record = f"annotation {shown_id(entry, i)}"
        try:
            image = image_of(entry, images, path, record)
            regions = entries(entry, "regions", path, record)
            ids: dict[int, int] = {}
            for j, region in enumerate(regions):
                number += 1
                try:
                    objects.add(image.id, _region(region, number, categories, image, path, f"{record}: region {j}"))
                    ids[j + 1] = number
                except AmodalError as problem:
                    how.bad(problem)
            pairs = _pairs(text(entry, "depth_constraint", path, record), ids, len(regions), path, record)
            kept = {**others(entry, frozenset({"image_id", "regions", "depth_constraint"})), "regions": len(ids)}
            if kept.get("size") == len(ids):
                del kept["size"]
            told = [*image.extra.get(_ENTRIES, []), kept]
            images[image.id] = replace(
                image, occlusions=image.occlusions + pairs, extra={**image.extra, _ENTRIES: told}
            )
        except AmodalError as problem:
            how.bad(problem)
    named = [Category(place + 1, name) for name, place in categories.items()]
    further = plain({key: value for key, value in content.items() if key not in _LISTS})
    return objects.album(images, named, source=path, extra=further)


def _region(
    region: dict[str, Any], number: int, categories: dict[str, int], image: ImageRecord, path: Path, record: str
) -> Instance:
    amodal = read_mask(region.get("segmentation"), image, path, record)
    seen = read_mask_or_none(region, "visible_mask", image, path, record) if region.get("visible_mask") else None
    hidden = read_mask_or_none(region, "invisible_mask", image, path, record) if region.get("invisible_mask") else None
    seen_box = read_box(region, "visible_bbox", image, path, record)
    modal = seen
    if seen is None and seen_box is None:
        modal = amodal if hidden is None else amodal - hidden
    if amodal.is_empty or (modal is not None and modal.is_empty):
        raise AnnotationError(
            "a region shows at least one pixel", file=path, record=record, remedy="draw it again or remove it"
        )
    extra: dict[str, Any] = {}
    if hidden is not None and seen is not None and hidden != amodal - seen:
        extra["invisible_mask"] = region["invisible_mask"]  # says other than the two masks: kept as it is
    given = text(region, "name", path, record, "object")
    name = given.strip().lower()
    if name != given:
        extra["name"] = given
    amodal_box = read_box(region, "bbox", image, path, record) or mask_box(amodal)
    parts = Parts(seen_box or mask_box(modal), modal, amodal_box, amodal, extra)
    made = instance_of(region, number, 0, parts, _RESERVED, path, record)
    return replace(made, category=categories.setdefault(name, len(categories)))


def _pairs(told: str, ids: dict[int, int], regions: int, path: Path, record: str) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for part in told.split(",") if told.strip() else []:
        match = _PAIR.fullmatch(part)
        front, behind = (int(match[1]), int(match[2])) if match else (0, 0)
        if not (0 < front <= regions and 0 < behind <= regions):
            raise AnnotationError(
                f'"depth_constraint" is "1-2,1-5": pairs of the regions 1 to {regions}, in front and behind',
                file=path,
                record=record,
                value=told,
                remedy="correct the pairs",
            )
        if front in ids and behind in ids:
            found.append((ids[front], ids[behind]))
    return tuple(found)


def _write(album: Album, path: Path) -> None:
    kept = Reduced(album, _HOLDS)
    write_json_object(
        path,
        [
            *((key, value) for key, value in kept.extra.items() if key not in _LISTS | {"categories"}),
            ("images", (_picture(record) for record in kept.pictures())),
            ("annotations", _annotations(album, kept)),
        ],
    )


def _picture(record: ImageRecord) -> dict[str, Any]:
    # objects are told apart by their place alone: pairs of them go with the regions
    extra = {key: value for key, value in record.extra.items() if key != _ENTRIES}
    return picture_entry(replace(record, extra=extra, occlusions=()))


def _annotations(album: Album, kept: Reduced) -> Iterator[dict[str, Any]]:
    rank = {instance_id: place for place, instance_id in enumerate(album.annotation_ids.tolist())}
    firsts: list[tuple[int, int]] = []
    for i, record in enumerate(album):
        if record.instances or _ENTRIES in record.extra:
            firsts.append((min((rank.get(o.id, len(rank)) for o in record.instances), default=len(rank)), i))
    number = 0
    for _, i in sorted(firsts):
        record = kept[i]
        regions = [instance for instance in record.instances if _holdable(instance)]
        start = 0
        for told in _entries(record, len(regions)):
            number += 1
            part = regions[start : start + told["regions"]]
            start += told["regions"]
            yield {
                "id": number,
                **told,
                "image_id": record.id,
                "size": told.get("size", len(part)),
                "regions": [_region_entry(instance, kept.categories) for instance in part],
                **_constraint(record, part),
            }


def _entries(record: ImageRecord, regions: int) -> list[dict[str, Any]]:
    told = record.extra.get(_ENTRIES)
    if isinstance(told, list) and all(isinstance(e, dict) and type(e.get("regions")) is int for e in told):
        counts = [entry["regions"] for entry in told]
        if all(count >= 0 for count in counts) and sum(counts) == regions:
            return told
    return [{"regions": regions}]


def _constraint(record: ImageRecord, part: list[Instance]) -> dict[str, Any]:
    places = {instance.id: place for place, instance in enumerate(part, start=1)}
    pairs = [(places[a], places[b]) for a, b in record.occlusions if a in places and b in places]
    return {"depth_constraint": ",".join(f"{a}-{b}" for a, b in pairs)} if pairs else {}


def _region_entry(instance: Instance, categories: tuple[Category, ...]) -> dict[str, Any]:
    whole, seen, name = instance.amodal_mask, instance.modal_mask, categories[instance.category].name
    assert whole is not None  # see `_holdable`
    given = instance.extra.get("name")
    drawn = write_mask(whole)
    fields: dict[str, Any] = {
        "segmentation": drawn[0] if isinstance(drawn, list) and len(drawn) == 1 else drawn,
        "name": given if isinstance(given, str) and given.strip().lower() == name else name,
    }
    if seen is None or instance.modal_box != mask_box(seen):
        fields["visible_bbox"] = write_box(instance.modal_box)
    if instance.amodal_box != mask_box(whole):
        fields["bbox"] = write_box(instance.amodal_box or whole.box)
    if seen is not None and ("visible_bbox" in fields or seen != whole or seen.polygons != whole.polygons):
        fields["visible_mask"] = write_mask(seen)
        hidden = whole - seen
        if "invisible_mask" not in instance.extra and not hidden.is_empty:
            fields["invisible_mask"] = hidden.to_rle()
    unknown = _RESERVED - {"invisible_mask"}
    return {**common_fields(instance, unknown), "isStuff": int(instance.is_stuff), **fields}


def _holdable(instance: Instance) -> bool:
    whole, seen = instance.amodal_mask, instance.modal_mask
    return whole is not None and not whole.is_empty and (seen is None or not seen.is_empty)


def _limits(record: ImageRecord, album: Album) -> Iterator[tuple[str, str]]:
    names = [category.name for category in album.categories]
    reserved = _RESERVED - {"invisible_mask", "name"}
    for key in sorted(PICTURE.intersection(record.extra)):
        yield f"further fields of pictures with a name of the target's own: {key}", f"image {record.id}"
    for instance in record.instances:
        where = f"annotation {instance.id}"
        name = names[instance.category]
        if not _holdable(instance):
            yield NO_WHOLE, where
        if name != name.strip().lower() or not name:
            yield "names of categories in capital letters or with blanks around", where
        if names.count(name) > 1:
            yield "categories that share a name", where
        for key in sorted(reserved.intersection(instance.extra)):
            yield f"further fields of objects with a name of the target's own: {key}", where


DIALECT = Dialect(
    name="cocoa",
    title="COCOA",
    kind="file",
    holds=_HOLDS,
    recognise=partial(is_json, test=_is_cocoa),
    read=_read,
    write=_write,
    limits=_limits,
    boxes="xywh",
)
