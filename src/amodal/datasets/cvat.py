"""CVAT for images 1.1: one XML file of pictures and shapes.

A ``polygon``, ``mask`` (row-major runs within a box, background first) or ``ellipse`` is a modal mask, a ``box`` a
box alone (turned: a polygon). Shapes of one label and ``group_id`` are one object. ``z_order`` grows towards the
front: the ``order`` of a record is its rank from the front, none where all are alike. What CVAT has no field for
stands in attributes: ``truncated``, ``difficult``, ``crowd``, ``stuff``, ``whole``, ``order`` where z_order cannot
say it, ``box`` (x1, y1, x2, y2) where it is not the mask's, and ``extra``, a JSON object. Ids of objects are ours.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import SubElement

import numpy as np

from ..core import boxes as bx
from ..core.album import Album, image_path
from ..core.errors import AmodalError, AnnotationError
from ..core.masks import Mask
from ..core.records import Category, ImageRecord, Instance
from .dialects import Dialect, Holds, Reading
from .folders import Drafts, disc
from .jsonfile import beside
from .reduce import objects_held
from .xmlfile import Element, as_bytes, as_child, first_tag, is_text, read_xml, text

_FLAGS = {"truncated": "is_truncated", "difficult": "is_difficult", "whole": "is_whole"}
_KINDS = {"crowd": "is_crowd", "stuff": "is_stuff"}
_OURS = (*_FLAGS, *_KINDS, "order", "box", "extra")
_SHAPES = {"polygon", "mask", "box", "ellipse"}
_SHAPE_WORDS = "polygon, mask, box or ellipse"


def _recognise(path: Path) -> bool:
    return first_tag(path) == "annotations"


def _read(path: Path, how: Reading) -> Album:
    root = read_xml(path)
    if root.tag != "annotations" or root.find("track") is not None:
        raise AnnotationError(
            "a file of CVAT for images 1.1 has <image> elements in <annotations>",
            file=path,
            value="track" if root.tag == "annotations" else root.tag,
            remedy='export the task as "CVAT for images 1.1"',
        )
    drafts = Drafts()
    for label in root.iterfind("meta//labels/label"):
        if name := text(label, "name"):
            drafts.place(name)
    seen: set[int] = set()
    for number, element in enumerate(root.iterfind("image"), 1):
        try:
            record = _image(element, f"image {element.get('id', f'number {number}')}", drafts, path, how)
            if record.id in seen:
                raise AnnotationError("each image id is used once", file=path, record=f"image {record.id}")
        except AmodalError as problem:
            how.bad(problem)
            continue
        seen.add(record.id)
        drafts.records.append(record)
    return drafts.album(path, tuple(Category(i, name) for i, name in enumerate(drafts.names, 1)))


def _image(element: Element, record: str, drafts: Drafts, path: Path, how: Reading) -> ImageRecord:
    image_id, width, height = (_whole(element, key, path, record) for key in ("id", "width", "height"))
    name = element.get("name", "")
    image_path(".", name, file=path)
    if width < 1 or height < 1:
        raise AnnotationError("a picture is at least one pixel wide and high", file=path, record=record)
    groups: dict[Any, list[Element]] = {}
    for i, shape in enumerate(shape for shape in element if shape.tag != "tag"):
        group = shape.get("group_id", "0")
        groups.setdefault((shape.get("label"), group) if group not in ("", "0") else i, []).append(shape)
    instances: list[Instance] = []
    levels: list[int] = []
    is_said: list[bool] = []
    for i, shapes in enumerate(groups.values(), 1):
        where = f"{record}, object {i} <{shapes[0].tag}>"
        try:
            level = _whole(shapes[0], "z_order", path, where) if "z_order" in shapes[0].attrib else 0
            instances.append(_instance(shapes, (width, height), drafts, path, where))
            levels.append(level)
            is_said.append(bool(_attributes_of(shapes[0]).get("order")))
        except AmodalError as problem:
            how.bad(problem)
    return ImageRecord(image_id, name, width, height, tuple(_with_order(instances, levels, is_said)))


def _with_order(instances: list[Instance], levels: list[int], is_said: list[bool]) -> Iterator[Instance]:
    for instance, rank, said in zip(instances, _ranks(levels), is_said, strict=True):
        yield instance if said else replace(instance, order=rank)


def _attributes_of(shape: Element) -> dict[str, str]:
    """Attributes by name; ours only where somebody filled them in: CVAT writes all that a label declares."""
    found = ((a.get("name", ""), (a.text or "").strip()) for a in shape.iterfind("attribute"))
    return {name: value for name, value in found if value or name not in _OURS}


def _ranks(levels: list[int]) -> list[int | None]:
    """Rank from the front, 1 the first, of each z_order; None for all where none differs."""
    distinct = sorted(set(levels), reverse=True)
    return [distinct.index(level) + 1 if len(distinct) > 1 else None for level in levels]


def _instance(shapes: list[Element], size: tuple[int, int], drafts: Drafts, path: Path, record: str) -> Instance:
    first = shapes[0]
    label = first.get("label")
    if not label:
        raise AnnotationError("a shape has a label", file=path, record=record, remedy="give it one")
    attributes = _attributes_of(first)
    mask, box = _region(shapes, size, path, record)
    if "box" in attributes:
        box = bx.check(_numbers(attributes.pop("box"), path, record), *size, file=path, record=record)
    if box is None:
        if mask is None or mask.is_empty:
            raise AnnotationError(
                "an object has a pixel", file=path, record=record, remedy="draw it again or remove it"
            )
        box = mask.box
    flags = [_flag(shape.get("occluded"), "occluded", path, record) for shape in shapes]
    known: dict[str, Any] = {"is_occluded": True if any(flags) else flags[0]}  # of several shapes, where any is
    for name, field in (_FLAGS | _KINDS).items():
        if name in attributes:
            known[field] = bool(_flag(attributes.pop(name), name, path, record))
    if (order := attributes.pop("order", "none")) != "none":
        if not re.fullmatch(r"-?\d{1,15}", order, re.ASCII):
            raise AnnotationError('"order" is a whole number', file=path, record=record, value=order)
        known["order"] = int(order)
    extra: dict[str, Any] = {}
    if "extra" in attributes:
        extra = _bag(attributes.pop("extra"), path, record)
    if attributes:
        extra["attributes"] = attributes
    return Instance(0, drafts.place(label), box, mask, extra=extra, **known)


def _bag(word: str, path: Path, record: str) -> dict[str, Any]:
    try:
        value = json.loads(word)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise AnnotationError('the attribute "extra" is a JSON object', file=path, record=record, value=word)
    return value


def _region(shapes: list[Element], size: tuple[int, int], path: Path, record: str) -> tuple[Mask | None, bx.Box | None]:
    polygons: list[list[float]] = []
    masks: list[Mask] = []
    box: bx.Box | None = None
    for shape in shapes:
        turn = _number(shape, "rotation", path, record) if "rotation" in shape.attrib else 0.0
        if shape.tag == "polygon":
            polygons.append(_points(shape.get("points", ""), path, record))
        elif shape.tag == "box":
            x1, y1, x2, y2 = (_number(shape, key, path, record) for key in ("xtl", "ytl", "xbr", "ybr"))
            if turn:
                polygons.append(_turned((x1, y1, x2, y2), turn))
            else:
                drawn = bx.check((x1, y1, x2, y2), *size, file=path, record=record)
                box = drawn if box is None else bx.around(box, drawn)
        elif shape.tag == "ellipse":
            x, y, rx, ry = (_number(shape, key, path, record) for key in ("cx", "cy", "rx", "ry"))
            masks.append(disc((x, y), (rx, ry), size, turn_deg=turn, file=path, record=record))
        elif shape.tag == "mask":
            masks.append(_mask(shape, size, path, record))
        else:
            remedy = "draw the object as one of them, or remove the shape"
            raise AnnotationError(
                f"a shape is a {_SHAPE_WORDS}", file=path, record=record, value=shape.tag, remedy=remedy
            )
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
    left, top, width, height = (_whole(shape, key, path, record) for key in ("left", "top", "width", "height"))
    runs = [int(v) if float(v).is_integer() else -1 for v in _numbers(shape.get("rle", ""), path, record)]
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
    points = [_numbers(pair, path, record) for pair in value.split(";")]
    if any(len(pair) != 2 for pair in points):
        raise AnnotationError('points are "x,y;x,y;..."', file=path, record=record, value=value)
    return [v for pair in points for v in pair]


def _numbers(value: str, path: Path, record: str) -> list[float]:
    try:
        return [float(word) for word in value.split(",")]
    except ValueError:
        raise AnnotationError("numbers with commas between", file=path, record=record, value=value) from None


def _number(element: Element, key: str, path: Path, record: str) -> float:
    try:
        value = float(element.get(key, ""))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AnnotationError(f'"{key}" is a number', file=path, record=record, value=element.get(key))
    return value


def _whole(element: Element, key: str, path: Path, record: str) -> int:
    word = (element.get(key) or "").strip()
    if word.lstrip("-").isdecimal() and len(word) < 20 and abs(number := int(word)) < 2**63:
        return number  # ids that a float would round
    value = _number(element, key, path, record)
    if not value.is_integer() or abs(value) >= 2**53:
        raise AnnotationError(f'"{key}" is a whole number', file=path, record=record, value=element.get(key))
    return int(value)


def _flag(word: str | None, name: str, path: Path, record: str) -> bool | None:
    if word is None:
        return None
    if word.lower() not in ("0", "1", "true", "false"):
        raise AnnotationError(f'"{name}" is 0, 1, true or false', file=path, record=record, value=word)
    return word.lower() in ("1", "true")


def _write(album: Album, path: Path) -> None:
    """Modal masks (polygons where they were drawn as such), boxes, flags and depth order, picture by picture."""
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    labels = SubElement(SubElement(SubElement(root, "meta"), "task"), "labels")
    for category in album.categories:
        label = SubElement(labels, "label")
        SubElement(label, "name").text = category.name
        attributes = SubElement(label, "attributes")
        for name in _OURS:
            attribute = SubElement(attributes, "attribute")
            for tag, value in (("name", name), ("mutable", "False"), ("input_type", "text"), ("default_value", "")):
                SubElement(attribute, tag).text = value
    head, end = as_bytes(root).decode("utf-8"), "\n</annotations>\n"
    with beside(path) as file:
        file.write(head.removesuffix(end))
        for record in objects_held(album, _HOLDS):
            image_path(".", record.file_name, file=album.source)  # refuses what would not be read again
            size = {"width": str(record.width), "height": str(record.height)}
            image = Element("image", {"id": str(record.id), "name": record.file_name, **size})
            _add_shapes(image, record, album.categories)
            file.write(as_child(image))
        file.write(end)


def _add_shapes(image: Element, record: ImageRecord, categories: tuple[Category, ...]) -> None:
    back = max((i.order for i in record.instances if i.order is not None), default=0)
    levels = [0 if i.order is None else back - i.order for i in record.instances]
    said = _ranks(levels)
    for group, (instance, level, rank) in enumerate(zip(record.instances, levels, said, strict=True), 1):
        parts = _parts(instance)
        occluded = {} if instance.is_occluded is None else {"occluded": str(int(instance.is_occluded))}
        common = {"label": categories[instance.category].name, **occluded, "z_order": str(level)}
        if len(parts) > 1:
            common["group_id"] = str(group)
        for i, (tag, attributes) in enumerate(parts):
            shape = SubElement(image, tag, {**common, **attributes})
            if i == 0:
                for name, value in _attributes(instance, rank).items():
                    SubElement(shape, "attribute", {"name": name}).text = value


def _attributes(instance: Instance, rank: int | None) -> dict[str, str]:
    out = {name: str(v).lower() for name, field in _FLAGS.items() if (v := getattr(instance, field)) is not None}
    out |= {name: "true" for name, field in _KINDS.items() if getattr(instance, field)}
    if instance.order != rank:
        out["order"] = "none" if instance.order is None else str(instance.order)
    mask = instance.modal_mask
    if mask is not None and (mask.is_empty or mask.box != instance.modal_box):
        out["box"] = ",".join(map(repr, instance.modal_box))
    extra = dict(instance.extra)
    theirs = extra.get("attributes")
    if (
        isinstance(theirs, dict)
        and theirs
        and not theirs.keys() & set(_OURS)
        and all(map(_is_attribute, theirs.items()))
    ):
        out |= extra.pop("attributes")
    if extra:
        out["extra"] = json.dumps(extra)
    return out


def _is_attribute(item: tuple[Any, Any]) -> bool:
    return all(isinstance(v, str) and is_text(v) for v in item)


def _parts(instance: Instance) -> list[tuple[str, dict[str, str]]]:
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


def _limits(record: ImageRecord, album: Album) -> Iterator[tuple[str, str]]:
    """XML has no control characters."""
    for name in {album.categories[i.category].name for i in record.instances} | {record.file_name}:
        if not is_text(name):
            yield "names with blanks around or control characters", repr(name)


_HOLDS = frozenset(
    {
        *(Holds.MODAL_MASK, Holds.MODAL_BOX, Holds.POLYGONS, Holds.PIXELS, Holds.OVERLAP, Holds.ORDER),
        *(Holds.CROWD, Holds.STUFF, Holds.WHOLE, Holds.OCCLUDED, Holds.TRUNCATED, Holds.DIFFICULT),
        *(Holds.IMAGE_IDS, Holds.INSTANCE_EXTRA, Holds.EMPTY_IMAGES, Holds.EMPTY_CATEGORIES),
    }
)
DIALECT = Dialect(
    "cvat",
    "CVAT for images 1.1 (XML)",
    "file",
    _HOLDS,
    _recognise,
    _read,
    _write,
    _limits,
)
