"""CVAT's shapes: what the elements of one object cover, and the elements that say it; numbers of attributes."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from ..core import boxes as bx
from ..core.errors import AnnotationError
from ..core.masks import Mask
from ..core.records import Instance
from .folders import disc
from .xmlfile import Element

_REMEDY = "correct it, or export the task again"
_WORDS = "polygon, mask, box or ellipse"


def region(shapes: list[Element], size: tuple[int, int], path: Path, record: str) -> tuple[Mask | None, bx.Box | None]:
    """The union of what was drawn, and the box around the boxes, where there are any."""
    polygons: list[list[float]] = []
    masks: list[Mask] = []
    box: bx.Box | None = None
    for shape in shapes:
        turn = number(shape, "rotation", path, record) if "rotation" in shape.attrib else 0.0
        if shape.tag == "polygon":
            polygons.append(_points(shape.get("points", ""), path, record))
        elif shape.tag == "box":
            x1, y1, x2, y2 = (number(shape, key, path, record) for key in ("xtl", "ytl", "xbr", "ybr"))
            if turn:
                polygons.append(_turned((x1, y1, x2, y2), turn))
            else:
                drawn = bx.check((x1, y1, x2, y2), *size, file=path, record=record)
                box = drawn if box is None else bx.around(box, drawn)
        elif shape.tag == "ellipse":
            x, y, rx, ry = (number(shape, key, path, record) for key in ("cx", "cy", "rx", "ry"))
            masks.append(disc((x, y), (rx, ry), size, turn_deg=turn, file=path, record=record))
        elif shape.tag == "mask":
            masks.append(_mask(shape, size, path, record))
        else:
            remedy = "draw the object as one of them, or remove the shape"
            raise AnnotationError(f"a shape is a {_WORDS}", file=path, record=record, value=shape.tag, remedy=remedy)
    if polygons:
        masks.append(Mask.from_polygons(polygons, *size, file=path, record=record))
    for other in masks[1:]:
        masks[0] |= other
    return (masks[0] if masks else None), box


def _turned(box: bx.Box, turn_deg: float) -> list[float]:
    """Corners of a box turned clockwise (as one sees it) about its middle."""
    x1, y1, x2, y2 = box
    c, s = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    corners = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
    middle = corners.mean(axis=0)
    return [float(v) for v in ((corners - middle) @ np.array([[c, s], [-s, c]]) + middle).ravel()]


def _mask(shape: Element, size: tuple[int, int], path: Path, record: str) -> Mask:
    left, top, width, height = (whole(shape, key, path, record) for key in ("left", "top", "width", "height"))
    runs = [int(v) if float(v).is_integer() else -1 for v in numbers(shape.get("rle", ""), path, record)]
    inside = left >= 0 and top >= 0 and 0 < width <= size[0] - left and 0 < height <= size[1] - top
    if not inside or min(runs, default=-1) < 0 or sum(runs) != width * height:
        raise AnnotationError(
            f"a mask lies in its picture of {size[0]} x {size[1]} pixels, and its runs fill its box",
            file=path,
            record=record,
            value=(left, top, width, height, sum(runs)),
            remedy="export the task again",
        )
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return Mask.from_crop(flat.reshape(height, width), left, top, *size)


def _points(value: str, path: Path, record: str) -> list[float]:
    points = [numbers(pair, path, record) for pair in value.split(";")]
    if any(len(pair) != 2 for pair in points):
        rule = 'points are "x,y;x,y;..."'
        raise AnnotationError(rule, file=path, record=record, value=value, remedy=_REMEDY)
    return [v for pair in points for v in pair]


def numbers(value: str, path: Path, record: str) -> list[float]:
    """The numbers of a word, with commas between."""
    try:
        return [float(word) for word in value.split(",")]
    except ValueError:
        rule = "numbers have commas between"
        raise AnnotationError(rule, file=path, record=record, value=value, remedy=_REMEDY) from None


def number(element: Element, key: str, path: Path, record: str) -> float:
    """An attribute, checked to be a finite number."""
    try:
        value = float(element.get(key, ""))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        rule = f'"{key}" is a number'
        raise AnnotationError(rule, file=path, record=record, value=element.get(key), remedy=_REMEDY)
    return value


def whole_of(word: str) -> int | None:
    """A whole number below 2**63 either way, as it is written; None where the word is anything else."""
    value = int(word) if re.fullmatch(r"-?[0-9]{1,19}", word) else None
    return None if value is None or abs(value) >= 2**63 else value


def whole(element: Element, key: str, path: Path, record: str) -> int:
    """An attribute, checked to be a whole number; "3.00" is one, too."""
    if (exact := whole_of((element.get(key) or "").strip())) is not None:
        return exact  # ids that a float would round
    value = number(element, key, path, record)
    if not value.is_integer() or abs(value) >= 2**53:
        rule = f'"{key}" is a whole number'
        raise AnnotationError(rule, file=path, record=record, value=element.get(key), remedy=_REMEDY)
    return int(value)


def flag(word: str | None, name: str, path: Path, record: str) -> bool | None:
    """What a word says of a flag; None where it is not given."""
    if word is None:
        return None
    if word.lower() not in ("0", "1", "true", "false"):
        rule = f'"{name}" is 0, 1, true or false'
        raise AnnotationError(rule, file=path, record=record, value=word, remedy=_REMEDY)
    return word.lower() in ("1", "true")


def parts(instance: Instance) -> list[tuple[str, dict[str, str]]]:
    """The elements of one object, tag and attributes: the reverse of `region`."""
    mask = instance.modal_mask
    if mask is None:
        sides = zip(("xtl", "ytl", "xbr", "ybr"), map(repr, instance.modal_box), strict=True)
        return [("box", dict(sides))]
    if mask.polygons is not None:
        pairs = (zip(polygon[::2], polygon[1::2], strict=True) for polygon in mask.polygons)
        return [("polygon", {"points": ";".join(f"{x!r},{y!r}" for x, y in polygon)}) for polygon in pairs]
    box = bx.outward(mask.box if not mask.is_empty else (0, 0, 1, 1))
    x1, y1, x2, y2 = box.tolist()
    flat = mask.crop(box).ravel()
    edges = np.flatnonzero(np.diff(flat, prepend=False))
    runs = np.diff(edges, prepend=0, append=flat.size)
    place = {"left": str(x1), "top": str(y1), "width": str(x2 - x1), "height": str(y2 - y1)}
    return [("mask", {"rle": ", ".join(map(str, runs.tolist())), **place})]
