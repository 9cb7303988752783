"""What is left of an album when a dialect can hold only so much of it, and what is lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ..core.album import Album
from ..core.boxes import Box
from ..core.masks import Mask
from ..core.records import Category, ImageRecord, Instance
from .dialects import Holds
from .spilled import SpilledAlbum, pictures_of

_DERIVED = "area"
"""A field of COCO that the masks tell: not missed where there are masks."""

_PLACE = "imagePath"
"""A field of labelme that says where its pictures lie: not missed where they are found by ``--images``."""

_VALUES: tuple[tuple[Holds, str, Any], ...] = (
    (Holds.WHOLE, "is_whole", None),
    (Holds.ORDER, "order", None),
    (Holds.OCCLUDE_RATE, "occlude_rate", None),
    (Holds.OCCLUDED, "is_occluded", None),
    (Holds.TRUNCATED, "is_truncated", None),
    (Holds.DIFFICULT, "is_difficult", None),
    (Holds.SCORE, "score", None),
    (Holds.INSTANCE_EXTRA, "extra", {}),
)

_REGIONS = ((Holds.CROWD, "is_crowd"), (Holds.STUFF, "is_stuff"))
"""Without a word for them a dialect would show them as one object each: they are left out."""

NO_EXTENT = "objects without anything the target can hold of their extent"
NO_WHOLE = "objects whose whole mask is not known, or that have an empty mask"
NOT_BOTH = "objects whose whole and visible masks are not both known"
COVERED = "objects wholly covered by others"
NO_NAME = "objects of a category without a name"
LEFT_OUT = (NO_EXTENT, NO_WHOLE, NOT_BOTH, COVERED, NO_NAME, *(feature for feature, _ in _REGIONS))
"""Losses of whole objects."""


class Reduced:
    """An album as a dialect can hold it: each record is reduced when it is asked for.

    Ids, overlaps and empty pictures and categories are left as they are: they are the writer's to settle.
    """

    def __init__(self, album: Album, holds: frozenset[Holds]) -> None:
        self._album, self._holds = album, holds
        self.categories = tuple(_category(category, holds) for category in album.categories)
        self.extra = album.extra if Holds.FILE_EXTRA in holds else {}
        self.annotation_ids = album.annotation_ids

    def __iter__(self) -> Iterator[ImageRecord]:
        return (reduced(record, self._holds) for record in self._album)

    def __getitem__(self, index: int) -> ImageRecord:
        return reduced(self._album[index], self._holds)

    def pictures(self) -> Iterator[ImageRecord]:
        """Each record; its objects only where they are at hand."""
        for index, bare in enumerate(pictures_of(self._album)):
            yield self[index] if bare.occlusions else reduced(bare, self._holds)

    def objects(self) -> Iterator[tuple[ImageRecord, int, Instance | None]]:
        """(picture, id, what is left) of each object, None for one left out; the picture's objects are not meant."""
        if isinstance(self._album, SpilledAlbum):
            for record, instance in self._album.objects():
                yield record, instance.id, _instance(instance, self._holds)
            return
        for whole, record in zip(self._album, self, strict=True):
            kept = {instance.id: instance for instance in record.instances}
            yield from ((record, instance.id, kept.get(instance.id)) for instance in whole.instances)

    def album(self) -> Album:
        """All of it."""
        kept = list(self)
        left = {instance.id for record in kept for instance in record.instances}
        ids = [i for i in self.annotation_ids.tolist() if i in left]
        return Album(kept, self.categories, source=self._album.source, annotation_ids=ids, extra=self.extra)


def objects_held(records: Iterable[ImageRecord], holds: frozenset[Holds]) -> Iterator[ImageRecord]:
    """Each record with those objects alone that a dialect can hold, as they are but for an area of what is not held:
    for writers that look at more than they write, such as depth where masks overlap."""
    for record in records:
        kept = tuple(_with_own_area(one, holds) for one in record.instances if _instance(one, holds) is not None)
        yield replace(record, instances=kept)


def objects_named(album: Album, holds: frozenset[Holds]) -> Iterator[ImageRecord]:
    """As `objects_held`, of the objects whose category has a name: for dialects that read none without one."""
    for record in objects_held(album, holds):
        kept = tuple(one for one in record.instances if album.categories[one.category].name.strip())
        yield replace(record, instances=kept)


def nameless(record: ImageRecord, album: Album, holds: frozenset[Holds]) -> Iterator[tuple[str, str]]:
    """The objects that `objects_named` leaves out for their name; for `Dialect.limits`."""
    if all(category.name.strip() for category in album.categories):
        return
    (held,) = objects_held([record], holds)
    for one in held.instances:
        if not album.categories[one.category].name.strip():
            yield NO_NAME, f"annotation {one.id}"


def reduced(record: ImageRecord, holds: frozenset[Holds]) -> ImageRecord:
    """What a dialect can hold of one record."""
    kept = tuple(left for instance in record.instances if (left := _instance(instance, holds)) is not None)
    ids = {instance.id for instance in kept}
    occlusions = tuple(pair for pair in record.occlusions if ids.issuperset(pair))
    return replace(
        record,
        instances=kept,
        occlusions=occlusions if Holds.OCCLUSIONS in holds else (),
        extra=record.extra if Holds.IMAGE_EXTRA in holds else {},
    )


def _region(instance: Instance, holds: frozenset[Holds]) -> Holds | None:
    return next((feature for feature, name in _REGIONS if getattr(instance, name) and feature not in holds), None)


def _instance(instance: Instance, holds: frozenset[Holds]) -> Instance | None:
    if _region(instance, holds) is not None:
        return None
    modal, amodal = _mask(instance.modal_mask, holds), _mask(instance.amodal_mask, holds)
    changes: dict[str, Any] = {name: empty for feature, name, empty in _VALUES if feature not in holds}
    modal = modal if Holds.MODAL_MASK in holds else None
    amodal = amodal if Holds.AMODAL_MASK in holds else None
    modal_box: Box | None = instance.modal_box if Holds.MODAL_BOX in holds else _mask_box(modal)
    amodal_box = (instance.amodal_box if Holds.AMODAL_BOX in holds else None) or _mask_box(amodal)
    if modal_box is None:
        return None
    changes = {"extra": _with_own_area(instance, holds).extra, **changes}
    return replace(
        instance, modal_box=modal_box, modal_mask=modal, amodal_box=amodal_box, amodal_mask=amodal, **changes
    )


def _with_own_area(instance: Instance, holds: frozenset[Holds]) -> Instance:
    """Without the area of the whole where the whole's mask is not held."""
    if _DERIVED not in instance.extra or instance.amodal_mask is None:
        return instance
    if Holds.AMODAL_MASK in holds and _mask(instance.amodal_mask, holds) is not None:
        return instance
    return replace(instance, extra={key: value for key, value in instance.extra.items() if key != _DERIVED})


def _mask(mask: Mask | None, holds: frozenset[Holds]) -> Mask | None:
    if mask is None or (mask.polygons is None and Holds.PIXELS not in holds):
        return None
    if mask.polygons is not None and Holds.POLYGONS not in holds:
        return Mask(mask.height, mask.width, mask.counts)
    return mask


def _mask_box(mask: Mask | None) -> Box | None:
    return None if mask is None or mask.is_empty else mask.box


def _category(category: Category, holds: frozenset[Holds]) -> Category:
    return replace(
        category,
        supercategory=category.supercategory if Holds.SUPERCATEGORY in holds else "",
        extra=category.extra if Holds.CATEGORY_EXTRA in holds else {},
    )


# ---- what is lost ---------------------------------------------------------------------------------------------------


def lost_of_instance(instance: Instance, holds: frozenset[Holds]) -> Iterator[str]:
    """What a dialect cannot hold of one object."""
    if (region := _region(instance, holds)) is not None:
        yield region
        return
    modal, amodal = instance.modal_mask, instance.amodal_mask
    for feature, name, empty in _VALUES:
        if feature not in holds and getattr(instance, name) != empty and (name != "extra" or _missed(instance)):
            yield _named(feature, sorted(set(instance.extra) - {_DERIVED})) if name == "extra" else feature
    if modal is not None and Holds.MODAL_MASK not in holds:
        yield Holds.MODAL_MASK
    if amodal is not None and Holds.AMODAL_MASK not in holds:
        yield Holds.AMODAL_MASK
    own_box = modal is not None and Holds.MODAL_MASK in holds
    if Holds.MODAL_BOX not in holds and own_box and instance.modal_box != _mask_box(modal):
        yield Holds.MODAL_BOX
    if Holds.AMODAL_BOX not in holds and instance.amodal_box is not None and instance.amodal_box != _mask_box(amodal):
        yield Holds.AMODAL_BOX
    for mask, feature in ((modal, Holds.MODAL_MASK), (amodal, Holds.AMODAL_MASK)):
        if mask is not None and feature in holds:
            if mask.polygons is None and Holds.PIXELS not in holds:
                yield Holds.PIXELS
            if mask.polygons is not None and Holds.POLYGONS not in holds:
                yield Holds.POLYGONS
    if _instance(instance, holds) is None:
        yield NO_EXTENT


def lost_of_record(record: ImageRecord, holds: frozenset[Holds]) -> Iterator[str]:
    """What a dialect cannot hold of one picture, its objects taken one by one left aside."""
    if record.occlusions and Holds.OCCLUSIONS not in holds:
        yield Holds.OCCLUSIONS
    if Holds.IMAGE_EXTRA not in holds and (further := sorted(record.extra.keys() - {_PLACE})):
        yield _named(Holds.IMAGE_EXTRA, further)
    if not record.instances and Holds.EMPTY_IMAGES not in holds:
        yield Holds.EMPTY_IMAGES
    if Holds.OVERLAP not in holds and overlap(record):
        yield Holds.OVERLAP


def lost_of_category(category: Category, holds: frozenset[Holds], used: bool) -> Iterator[str]:
    """What a dialect cannot hold of one category."""
    if category.supercategory and Holds.SUPERCATEGORY not in holds:
        yield Holds.SUPERCATEGORY
    if category.extra and Holds.CATEGORY_EXTRA not in holds:
        yield _named(Holds.CATEGORY_EXTRA, sorted(category.extra))
    if not used and Holds.EMPTY_CATEGORIES not in holds:
        yield Holds.EMPTY_CATEGORIES


def overlap(record: ImageRecord) -> bool:
    """Whether two visible masks of one picture share a pixel."""
    masks = [i.modal_mask for i in record.instances if i.modal_mask is not None]
    if len(masks) < 2:
        return False
    union = masks[0]
    for mask in masks[1:]:
        union = union | mask
    return union.area != sum(mask.area for mask in masks)


def _missed(instance: Instance) -> bool:
    return any(key != _DERIVED for key in instance.extra)


def _named(feature: Holds, keys: list[str]) -> str:
    return f"{feature}: {', '.join(keys)}"
