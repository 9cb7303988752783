"""KINS (Qi et al., CVPR 2019): COCO's tables with an amodal and an inmodal (visible) mask for each object.

The files of 2019 say ``segmentation``, ``bbox`` for the whole and ``inmodal_seg``, ``inmodal_bbox`` for what is
visible; those of 2020 say ``a_segm``, ``a_bbox`` and ``i_segm``, ``i_bbox``. Either is read where it stands. ``oco_id``
and ``ico_id`` (clusters of objects that occlude each other, and the order within) are kept as further fields.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ..core.records import ImageRecord, Instance
from .dialects import EVERYTHING, Dialect
from .fields import mask_box, read_box, read_mask_or_none, write_box, write_mask
from .jsonfile import is_json
from .jsonparse import JsonFile
from .tables import Layout, Parts, read_tables, unheld_fields, write_tables

Names = tuple[str, str, str, str]
"""Of the fields: whole mask, whole box, visible mask, visible box."""

_2019: Names = ("segmentation", "bbox", "inmodal_seg", "inmodal_bbox")
_2020: Names = ("a_segm", "a_bbox", "i_segm", "i_bbox")


def _take(entry: dict[str, Any], image: ImageRecord, path: Path, record: str) -> Parts:
    names = [new if entry.get(new) is not None else old for new, old in zip(_2020, _2019, strict=True)]
    # a file that says both: what is not used and says something else is kept
    extra = {
        old: entry[old]
        for new, old in zip(names, _2019, strict=True)
        if new != old and entry.get(old) is not None and entry[old] != entry[new]
    }
    whole = read_mask_or_none(entry, names[0], image, path, record)
    whole_box = read_box(entry, names[1], image, path, record) or mask_box(whole)
    seen = read_mask_or_none(entry, names[2], image, path, record)
    seen_box = read_box(entry, names[3], image, path, record) or mask_box(seen) or whole_box
    return Parts(seen_box, seen, whole_box, whole, extra)


def _give(instance: Instance, names: Names) -> dict[str, Any]:
    whole, seen = instance.amodal_mask, instance.modal_mask
    fields: dict[str, Any] = {}
    if whole is not None:
        fields[names[0]] = write_mask(whole)
    if instance.amodal_box is not None:
        fields[names[1]] = write_box(instance.amodal_box)
    if seen is not None:
        fields[names[2]] = write_mask(seen)
    return {**fields, names[3]: write_box(instance.modal_box)}


def _is_2020(file: JsonFile) -> bool:
    return not {"a_segm", "i_segm", "i_bbox"}.isdisjoint(file.keys("annotations"))


def _is_2019(file: JsonFile) -> bool:
    return not {"inmodal_seg", "inmodal_bbox"}.isdisjoint(file.keys("annotations"))


def _dialect(year: int, names: Names, kept: Names | tuple[()], test: Any) -> Dialect:
    layout = Layout(frozenset(_2019 + _2020), _take, partial(_give, names=names), kept=frozenset(kept))
    return Dialect(
        name=f"kins-{year}",
        title=f"KINS {year}",
        kind="file",
        holds=EVERYTHING,
        recognise=partial(is_json, test=test),
        read=partial(read_tables, layout=layout),
        write=partial(write_tables, layout=layout, holds=EVERYTHING),
        limits=partial(unheld_fields, layout=layout),
        boxes="xywh",
    )


DIALECT = (_dialect(2020, _2020, _2019, _is_2020), _dialect(2019, _2019, (), _is_2019))
