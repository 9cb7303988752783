"""The fields of one JSON record: taken out checked, put in exactly as they can be taken out again."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core import boxes as bx
from ..core.errors import AnnotationError
from ..core.masks import MAX_PIXELS, Mask
from ..core.records import ImageRecord
from .jsonparse import JsonList

_HAIR = 1e-6
_REMEDY = "correct it, or take the field out"
_BOX_REMEDY = "write four numbers, or take the field out where there is a mask"


def entries(content: dict[str, Any], key: str, path: str | Path, record: str = "") -> Sequence[dict[str, Any]]:
    """``content[key]``, checked to be a list of objects."""
    found = content.get(key)
    rule = f'a COCO file has a list of objects "{key}"'
    if not isinstance(found, JsonList | list):
        remedy = f"{'add it ([] where there are none); ' if found is None else ''}see docs/formats.md"
        raise AnnotationError(rule, file=path, record=record, value=found, remedy=remedy)
    if not (found.all_objects if isinstance(found, JsonList) else all(isinstance(entry, dict) for entry in found)):
        place, other = next((i, entry) for i, entry in enumerate(found) if not isinstance(entry, dict))
        where = f"{record}, {key}[{place}]" if record else f"{key}[{place}]"
        raise AnnotationError(rule, file=path, record=where, value=other, remedy="remove the element")
    return found


def check_picture_size(width: int, height: int, path: str | Path, record: str = "") -> None:
    """Refuse a picture of no pixel, or of more than masks can have; raises AnnotationError."""
    if not (width > 0 and height > 0 and width * height <= MAX_PIXELS):
        raise AnnotationError(
            f"a picture is at least one pixel wide and high, and has at the most {MAX_PIXELS} pixels",
            file=path,
            record=record,
            value=[width, height],
            remedy="correct its size",
        )


def whole_number(entry: dict[str, Any], key: str, path: str | Path, record: str) -> int:
    """``entry[key]``, checked to be an int (a float such as 12.0 is taken too)."""
    value = entry.get(key)
    if type(value) is int and -(2**63) < value < 2**63:
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or abs(value) >= 2**63:
        is_quoted = isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,18}\s*", value) is not None
        way = "add it" if value is None else "write it without quotes" if is_quoted else "give a number in its place"
        raise AnnotationError(f'"{key}" is a whole number', file=path, record=record, value=value, remedy=way)
    return value


def whole_number_or_none(entry: dict[str, Any], key: str, path: str | Path, record: str) -> int | None:
    """As `whole_number`; None where it is not given."""
    return None if entry.get(key) is None else whole_number(entry, key, path, record)


def fraction(entry: dict[str, Any], key: str, path: str | Path, record: str) -> float | None:
    """``entry[key]``, checked to be a number from 0 to 1; None where it is not given.

    What rounding put a hair below 0 or above 1 is 0 or 1.
    """
    value = entry.get(key)
    if value is None:
        return None
    if type(value) not in (int, float) or not -_HAIR <= value <= 1 + _HAIR:
        rule = f'"{key}" is a number from 0 to 1'
        raise AnnotationError(rule, file=path, record=record, value=value, remedy=_REMEDY)
    return min(max(float(value), 0.0), 1.0)


def flag(entry: dict[str, Any], key: str, path: str | Path, record: str) -> bool | None:
    """``entry[key]``, checked to be 0, 1, true or false; None where it is not given."""
    value = entry.get(key)
    if value is None:
        return None
    if type(value) not in (bool, int, float) or value not in (0, 1):
        raise AnnotationError(f'"{key}" is 0 or 1', file=path, record=record, value=value, remedy=_REMEDY)
    return bool(value)


def text(entry: dict[str, Any], key: str, path: str | Path, record: str, default: str = "") -> str:
    """``entry[key]``, checked to be text; ``default`` where it is not given."""
    value = entry.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise AnnotationError(f'"{key}" is text', file=path, record=record, value=value, remedy="write it in quotes")
    return value


def others(entry: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The fields of a record that mean nothing here, in their order."""
    return {key: value for key, value in entry.items() if key not in known}


def read_box(entry: dict[str, Any], key: str, image: ImageRecord, path: str | Path, record: str) -> bx.Box | None:
    """``entry[key]``, COCO's ``[x, y, width, height]``, as xyxy cut to the picture; None where it is not given.

    Raises:
        AnnotationError, BoxError: not four numbers; no box that an object of the picture can have.
    """
    value = entry.get(key)
    if value is None:
        return None
    if type(value) is not list or len(value) != 4 or not all(type(v) is float or type(v) is int for v in value):
        rule = f'"{key}" is [x, y, width, height] in pixels'
        raise AnnotationError(rule, file=path, record=record, value=value, remedy=_BOX_REMEDY)
    x, y, wide, high = value
    if x >= 0 and y >= 0 and wide >= 0.5 and high >= 0.5 and x + wide <= image.width and y + high <= image.height:
        return (float(x), float(y), float(x + wide), float(y + high))  # the common case, a hundred times faster
    return bx.check_xywh(value, image.width, image.height, file=path, record=record)


def write_box(box: bx.Box) -> list[float]:
    """COCO's ``[x, y, width, height]`` that is read as this box, in as few digits as that takes.

    Of edges with all the digits of a double about one in 30 has no width that leads back to it: it is read as the
    next double.
    """
    x1, y1, x2, y2 = box
    return [_short(x1), _short(y1), _short(_length(x1, x2)), _short(_length(y1, y2))]


def read_mask(value: Any, image: ImageRecord, path: str | Path, record: str, *, key: str = "segmentation") -> Mask:
    """A COCO ``segmentation``, or another mask under another key: polygons, or run lengths of the picture's size."""
    if isinstance(value, dict):
        return Mask.from_rle(value, image.width, image.height, file=path, record=record)
    if isinstance(value, list):
        polygons = [value] if value and not isinstance(value[0], list) else value
        return Mask.from_polygons(polygons, image.width, image.height, file=path, record=record)
    raise AnnotationError(
        f"a {key} is a list of polygons or a run-length object",
        file=path,
        record=record,
        value=value,
        remedy="see docs/formats.md",
    )


def read_mask_or_none(
    entry: dict[str, Any], key: str, image: ImageRecord, path: str | Path, record: str
) -> Mask | None:
    """As `read_mask`, of ``entry[key]``; None where it is not given."""
    value = entry.get(key)
    return None if value is None else read_mask(value, image, path, record)


def write_mask(mask: Mask) -> Any:
    """A COCO ``segmentation``: polygons where the mask has them, else its run-length code."""
    polygons = mask.polygons
    return mask.to_rle() if polygons is None else [[_short(v) for v in polygon] for polygon in polygons]


def mask_box(mask: Mask | None) -> bx.Box | None:
    """The box of a mask; None where there is none or it is empty."""
    return None if mask is None or mask.is_empty else mask.box


def _short(value: float) -> float:
    return int(value) if value.is_integer() else value


def _length(low: float, high: float) -> float:
    length = high - low
    for digits in range(17):
        short = round(length, digits)
        if low + short == high:
            return short
    while low + length < high:
        length = math.nextafter(length, math.inf)
    while low + length > high:
        length = math.nextafter(length, 0.0)
    return length
