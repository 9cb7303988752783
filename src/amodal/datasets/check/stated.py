"""Rules about what a file states although it follows from its masks, and about what reading has already set right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...core.boxes import LARGEST
from ...core.errors import AmodalError
from ..fields import read_mask
from ..jsonfile import JsonList, is_json, open_json
from .findings import Finding, Severity, shorten
from .objects import Case, Extent

_SLIGHT_FRAC = 0.01
_AREA_PX, _AREA_FRAC = 2.0, 0.05
_BOXES = ("bbox", "visible_bbox", "a_bbox", "i_bbox", "inmodal_bbox")
_OUTSIDE_PX = 1.0


def check_stated(case: Case) -> Iterator[Finding]:
    """A stated hidden mask or area that the masks do not bear out."""
    modal, amodal, extra = case.modal, case.amodal, case.instance.extra
    stated = extra.get("invisible_mask")
    if stated is not None and modal is not None and amodal is not None:
        yield from _check_hidden(case, stated, modal, amodal)
    area, extent = extra.get("area"), modal if amodal is None else amodal
    if isinstance(area, int | float) and extent is not None and extent.area:
        x1, y1, x2, y2 = extent.box
        if not abs(area - extent.area) <= max(_AREA_PX, _AREA_FRAC * extent.area, x2 - x1 + y2 - y1):
            yield case.finding("area", f"{shorten(area, 30)}, the mask's is {extent.area}")


def check_outside(path: Path, file: str) -> Iterator[Finding]:
    """Boxes of a JSON file of tables that end beyond their picture; reading has cut them, so the album shows none."""
    if path.is_dir() or not is_json(path, lambda found: isinstance(found.members.get("annotations"), JsonList)):
        return
    content = open_json(path).members
    keys = [key for key in _BOXES if key in content["annotations"].keys]
    images = content.get("images")
    if not keys or not isinstance(images, JsonList):
        return
    pictures = {entry.get("id"): entry for entry in images if isinstance(entry, dict) and type(entry.get("id")) is int}
    for entry in content["annotations"]:
        if not isinstance(entry, dict) or type(entry.get("image_id")) is not int or type(entry.get("id")) is not int:
            continue
        picture = pictures.get(entry["image_id"])
        for key in keys:
            off = 0.0 if picture is None else _beyond(entry.get(key), picture.get("width"), picture.get("height"))
            if off > _OUTSIDE_PX:
                yield _outside(entry, picture or {}, key, off, file)


def _outside(entry: dict[str, Any], picture: dict[str, Any], key: str, off: float, file: str) -> Finding:
    return Finding(
        "box-outside",
        file,
        f"annotation {entry['id']}",
        f"{key} {entry[key]}, {off:.1f} px beyond the border",
        "warning",
        image_id=entry["image_id"],
        file_name=str(picture.get("file_name", "")),
        instance_ids=(entry["id"],),
    )


def _beyond(box: Any, width: Any, height: Any) -> float:
    """How far a box [x, y, width, height] reaches beyond its picture, pixels; 0 where any of it is no number."""
    if not isinstance(box, list) or len(box) != 4:
        return 0.0
    if any(type(v) not in (int, float) or not abs(v) < LARGEST for v in (*box, width, height)):
        return 0.0
    x, y, wide, high = box
    return float(max(-x, -y, x + wide - width, y + high - height))


def _check_hidden(case: Case, stated: Any, modal: Extent, amodal: Extent) -> Iterator[Finding]:
    try:
        hidden = read_mask(stated, case.record, case.file, f"annotation {case.instance.id}")
    except AmodalError as problem:
        yield case.finding("hidden-mask", problem.rule)
        return
    true = amodal.mask - modal.mask
    off = hidden.area + true.area - 2 * (hidden & true).area
    if off:
        severity: Severity = "error" if off > _SLIGHT_FRAC * amodal.area else "warning"
        yield case.finding("hidden-mask", f"{off} pixels off, of {true.area} hidden ones", severity)
