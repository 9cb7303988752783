"""COCO instances, and its flat amodal extension (COCOA-cls, D2SA and our own).

In the extension a record with any of ``visible_mask``, ``visible_bbox``, ``invisible_mask``, ``occlude_rate`` is
amodal: its ``segmentation``, ``bbox`` and ``area`` describe the whole object. Any other record is modal.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ..core.records import ImageRecord, Instance
from .dialects import EVERYTHING, Dialect, Holds
from .fields import fraction, mask_box, read_box, read_mask_or_none, write_box, write_mask
from .jsonfile import is_json
from .jsonparse import JsonFile
from .tables import Layout, Parts, read_tables, unheld_fields, write_tables

AMODAL_KEYS = frozenset({"visible_mask", "visible_bbox", "invisible_mask", "occlude_rate"})
_OWN = frozenset({"segmentation", "bbox", "visible_mask", "visible_bbox", "invisible_mask"})
MODAL = EVERYTHING - {Holds.AMODAL_MASK, Holds.AMODAL_BOX, Holds.OCCLUDE_RATE}
_TABLES = frozenset({"images", "annotations", "categories"})


def _take(entry: dict[str, Any], image: ImageRecord, path: Path, record: str) -> Parts:
    modal_alone = AMODAL_KEYS.isdisjoint(entry) or all(entry.get(key) is None for key in AMODAL_KEYS)
    is_box = modal_alone and entry.get("segmentation") == []  # many tools write a box so
    mask = None if is_box else read_mask_or_none(entry, "segmentation", image, path, record)
    box = read_box(entry, "bbox", image, path, record)
    if modal_alone:
        return Parts(box or mask_box(mask), mask)
    modal = read_mask_or_none(entry, "visible_mask", image, path, record)
    hidden = read_mask_or_none(entry, "invisible_mask", image, path, record)
    extra: dict[str, Any] = {}
    if modal is None and mask is not None:
        if hidden is not None:
            modal = mask - hidden
        elif fraction(entry, "occlude_rate", path, record) == 0:
            modal = mask
    elif hidden is not None and (mask is None or hidden != mask - modal):  # type: ignore[operator]
        extra["invisible_mask"] = entry["invisible_mask"]  # says other than the two masks: kept as it is
    amodal_box = box or mask_box(mask)
    modal_box = read_box(entry, "visible_bbox", image, path, record) or mask_box(modal) or amodal_box
    return Parts(modal_box, modal, amodal_box, mask, extra)


def _give_amodal(instance: Instance) -> dict[str, Any]:
    modal, amodal = instance.modal_mask, instance.amodal_mask
    if amodal is None and instance.amodal_box is None and instance.occlude_rate is None:
        return _give_modal(instance)
    fields: dict[str, Any] = {}
    if amodal is not None:
        fields["segmentation"] = write_mask(amodal)
    if instance.amodal_box is not None:
        fields["bbox"] = write_box(instance.amodal_box)
    if modal is not None:
        fields["visible_mask"] = write_mask(modal)
        if amodal is not None and "invisible_mask" not in instance.extra:
            fields["invisible_mask"] = (amodal - modal).to_rle()
    return {**fields, "visible_bbox": write_box(instance.modal_box)}


def _give_modal(instance: Instance) -> dict[str, Any]:
    mask = {} if instance.modal_mask is None else {"segmentation": write_mask(instance.modal_mask)}
    return {**mask, "bbox": write_box(instance.modal_box)}


FLAT = Layout(_OWN, _take, _give_amodal, kept=frozenset({"invisible_mask"}))
PLAIN = Layout(_OWN, _take, _give_modal)


def _is_amodal(file: JsonFile) -> bool:
    return _is_coco(file) and not AMODAL_KEYS.isdisjoint(file.keys("annotations"))


def _is_coco(file: JsonFile) -> bool:
    return not _TABLES.isdisjoint(file.members)


DIALECT = (
    Dialect(
        name="coco-amodal",
        title="COCO with amodal masks (COCOA-cls, D2SA, amodal's own)",
        kind="file",
        holds=EVERYTHING,
        recognise=partial(is_json, test=_is_amodal),
        read=partial(read_tables, layout=FLAT),
        write=partial(write_tables, layout=FLAT, holds=EVERYTHING),
        limits=partial(unheld_fields, layout=FLAT),
        boxes="xywh",
    ),
    Dialect(
        name="coco",
        title="COCO instances",
        kind="file",
        holds=MODAL,
        recognise=partial(is_json, test=_is_coco),
        read=partial(read_tables, layout=PLAIN),
        write=partial(write_tables, layout=PLAIN, holds=MODAL),
        limits=partial(unheld_fields, layout=PLAIN),
        boxes="xywh",
    ),
)
