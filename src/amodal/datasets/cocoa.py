"""COCOA (Zhu et al., "Semantic Amodal Segmentation"): regions drawn whole, in depth order.

``annotations[]`` holds one entry a picture with ``regions[]``: ``segmentation`` (flat amodal polygon), ``name``,
``order`` (1 = front), ``isStuff``, ``occlude_rate``, and where it is hidden ``visible_mask`` and ``invisible_mask``.
Regions have no ids and free names: the id is the region's number in the file, from 1; names become categories.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.album import Album
from ..core.errors import AnnotationError
from ..core.records import Category, ImageRecord, Instance
from .coco import entries, fraction, read_images, read_mask, whole_number


def is_cocoa(content: dict[str, Any]) -> bool:
    """Whether a parsed file is of this dialect: its annotations have regions."""
    annotations = content.get("annotations")
    return isinstance(annotations, list) and any(isinstance(a, dict) and "regions" in a for a in annotations)


def read_cocoa(content: dict[str, Any], path: str | Path) -> Album:
    """Records of a parsed COCOA file.

    Raises:
        AnnotationError: a list or field missing or of the wrong type, an unknown image, a mask that cannot be read.
    """
    images = read_images(content, path)
    categories: dict[str, int] = {}
    by_image: dict[int, list[Instance]] = {image: [] for image in images}
    number = 0
    for i, entry in enumerate(entries(content, "annotations", path)):
        record = f"annotation {entry.get('id', f'number {i}')}"
        image = images.get(whole_number(entry, "image_id", path, record))
        if image is None:
            raise AnnotationError(
                'an annotation\'s image_id is the id of one of "images"',
                file=path,
                record=record,
                value=entry["image_id"],
                remedy="add the picture or remove the annotation",
            )
        for j, region in enumerate(entries(entry, "regions", path)):
            number += 1
            category = categories.setdefault(str(region.get("name", "object")).strip().lower(), len(categories))
            by_image[image.id].append(_instance(region, number, category, image, path, f"{record}: region {j}"))
    records = (
        ImageRecord(image.id, image.file_name, image.width, image.height, tuple(by_image[image.id]))
        for image in images.values()
    )
    named = [Category(place + 1, name) for name, place in categories.items()]
    ids = [instance.id for instances in by_image.values() for instance in instances]
    return Album(records, named, source=path, annotation_ids=sorted(ids))


def _instance(
    region: dict[str, Any], number: int, category: int, image: ImageRecord, path: str | Path, record: str
) -> Instance:
    amodal = read_mask(region.get("segmentation"), image, path, record)
    modal = read_mask(region["visible_mask"], image, path, record) if region.get("visible_mask") else amodal
    if amodal.is_empty or modal.is_empty:
        raise AnnotationError(
            "a region shows at least one pixel", file=path, record=record, remedy="draw it again or remove it"
        )
    order = region.get("order")
    return Instance(
        id=number,
        category=category,
        modal_box=modal.box,
        modal_mask=modal,
        amodal_box=amodal.box,
        amodal_mask=amodal,
        occlude_rate=fraction(region, "occlude_rate", path, record) or 0.0,
        is_stuff=bool(region.get("isStuff")),
        order=None if order is None else whole_number(region, "order", path, record),
    )
