"""Boxes that end beyond their picture: found in the file itself, because reading cuts them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...core.boxes import LARGEST
from ..jsonfile import is_json, open_json
from ..jsonparse import JsonList
from .findings import Finding

_BOXES = ("bbox", "visible_bbox", "a_bbox", "i_bbox", "inmodal_bbox")
_INSTEAD = {"bbox": "a_bbox", "inmodal_bbox": "i_bbox"}
"""Fields of KINS of 2019 and what a file of 2020 has in their place."""
_OUTSIDE_PX = 1.0
_SHOWN_PX = 0.005
"""Below this the cut does not show in the digits that are printed."""

Outside = dict[int, list[list[float]]]
"""Boxes of a file that end beyond their picture, ``[x, y, width, height]``, by the id of their object."""


def boxes_outside(path: Path) -> tuple[Outside, list[Finding]]:
    """Boxes of a JSON file of tables that end beyond their picture, and what is to be said of those that do so clearly.

    Reading has cut them, so the album shows none. Asks for the file that reading has just parsed.
    """
    boxes: Outside = {}
    found: list[Finding] = []
    if path.is_dir() or not is_json(path, lambda file: isinstance(file.members.get("annotations"), JsonList)):
        return boxes, found
    content = open_json(path).members
    keys = [key for key in _BOXES if key in content["annotations"].keys]
    images = content.get("images")
    if not keys or not isinstance(images, JsonList):
        return boxes, found
    pictures = {entry.get("id"): entry for entry in images if isinstance(entry, dict) and type(entry.get("id")) is int}
    for entry in content["annotations"]:
        if not isinstance(entry, dict) or type(entry.get("image_id")) is not int or type(entry.get("id")) is not int:
            continue
        picture = pictures.get(entry["image_id"])
        for key in keys:
            if entry.get(_INSTEAD.get(key, "")) is not None:  # read in its place
                continue
            off = 0.0 if picture is None else _beyond(entry.get(key), picture.get("width"), picture.get("height"))
            if off > _SHOWN_PX:
                boxes.setdefault(entry["id"], []).append(entry[key])
            if off > _OUTSIDE_PX:
                found.append(_outside(entry, picture or {}, key, off, str(path)))
    return boxes, found


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
