"""Rules about many records at once: objects given twice, names used twice, categories without a use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from ...core import boxes as bx
from ...core.records import Category, ImageRecord, Instance
from .findings import Finding, finding

_NEAR_IOU = 0.95
_MOST_COMPARED = 1000
"""Pictures with more objects than this are searched for exact duplicates only."""


def check_duplicates(record: ImageRecord, file: str) -> Iterator[Finding]:
    """Objects of one picture given twice, exactly or nearly."""
    exact: dict[object, int] = {}
    kept: list[Instance] = []
    for instance in record.instances:
        key = same_key(instance)
        first = exact.setdefault(key, instance.id)
        if first != instance.id:
            yield finding("duplicate", file, record, first, instance.id)
        elif not instance.is_crowd:
            kept.append(instance)
    if not 2 <= len(kept) <= _MOST_COMPARED:
        return
    outlines = np.array([_outer_box(instance) for instance in kept])
    kinds = np.array([instance.category for instance in kept])
    near = bx.iou(outlines[:, None], outlines[None]) > _NEAR_IOU - 0.15  # like masks have like boxes
    near &= kinds[:, None] == kinds[None]
    for i, j in zip(*np.nonzero(np.triu(near, 1)), strict=True):
        iou = _likeness(kept[i], kept[j])
        if iou > _NEAR_IOU:
            yield finding("near-duplicate", file, record, kept[i].id, kept[j].id, value=f"IoU {iou:.3f}")


def same_key(instance: Instance) -> tuple[object, ...]:
    """What two objects have in common that are one object given twice."""
    masks = (instance.modal_mask, instance.amodal_mask)
    return (
        instance.category,
        instance.is_crowd,
        instance.modal_box,
        instance.amodal_box,
        *(None if mask is None else mask.counts for mask in masks),
    )


def check_names(records: Iterable[tuple[int, str]], file: str) -> Iterator[Finding]:
    """Pictures (id, file_name) that share one file."""
    first: dict[str, int] = {}
    for image_id, name in records:
        if first.setdefault(name, image_id) != image_id:
            yield finding(
                "picture-name-clash", file, place=f"image {image_id}", value=f"{name}, as image {first[name]}"
            )


def check_categories(categories: Sequence[Category], used: Counter[int], file: str) -> Iterator[Finding]:
    """Names used twice, ids with gaps, categories without an object.

    Args:
        categories: of the album.
        used: number of objects by place in ``categories``.
        file: named in findings.
    """
    first: dict[str, Category] = {}
    for category in categories:
        name = category.name.strip().lower()
        other = first.setdefault(name, category)
        if other is not category:
            value = f"{category.name!r}, as category {other.id}"
            yield finding("category-name-clash", file, place=f"category {category.id}", value=value)
    ids = sorted(category.id for category in categories)
    gaps = [
        f"{low + 1}-{high - 1}" if high - low > 2 else f"{low + 1}" for low, high in pairwise(ids) if high - low > 1
    ]
    if gaps:
        yield finding("category-gap", file, place="categories", value="no " + _listed(gaps))
    idle = [category.name for place, category in enumerate(categories) if not used[place]]
    if idle:
        yield finding("category-unused", file, place="categories", value=_listed(idle))


def _outer_box(instance: Instance) -> bx.Box:
    return instance.modal_box if instance.amodal_box is None else instance.amodal_box


def _likeness(one: Instance, other: Instance) -> float:
    """The least IoU of what both know of the object: masks, or boxes where there are none."""
    values = [
        a.iou(b)
        for a, b in ((one.modal_mask, other.modal_mask), (one.amodal_mask, other.amodal_mask))
        if a is not None and b is not None
    ]
    return min(values) if values else float(bx.iou(_outer_box(one), _outer_box(other)))


def _listed(words: list[str], most: int = 8) -> str:
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")
