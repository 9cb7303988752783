"""CVAT for images 1.1: one XML file of pictures and shapes.

A ``polygon``, ``mask`` (row-major runs within a box, background first) or ``ellipse`` is a modal mask, a ``box`` a
box alone (turned: a polygon). Shapes of one label and ``group_id`` are one object. ``z_order`` grows towards the
front: the ``order`` of a record is its rank from the front, none where all are alike. What CVAT has no field for
stands in attributes: ``truncated``, ``difficult``, ``crowd``, ``stuff``, ``whole``, ``order`` where z_order cannot
say it, ``box`` (x1, y1, x2, y2) where it is not the mask's, and ``extra``, a JSON object. Ids of objects are ours.
Further attributes of an ``<image>`` and its ``<tag>`` elements are kept as further fields of the picture, those XML
cannot say as JSON in its attribute ``extra``. Of ``<meta>`` the names of labels are read alone.
Tracks (CVAT for video 1.1) are read as the pictures of their frames (``cvattracks``).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import SubElement

from ..core import boxes as bx
from ..core.album import Album, image_path
from ..core.errors import AmodalError, AnnotationError
from ..core.records import Category, ImageRecord, Instance
from .cvatshapes import flag, numbers, parts, region, whole, whole_of
from .cvattracks import frames_to_images
from .dialects import Dialect, Holds, Reading
from .fields import check_picture_size
from .folders import Drafts
from .jsonfile import beside
from .reduce import nameless, objects_named
from .xmlfile import Element, as_bytes, as_child, as_data, first_tag, is_text, read_xml, text

_FLAGS = {"truncated": "is_truncated", "difficult": "is_difficult", "whole": "is_whole"}
_KINDS = {"crowd": "is_crowd", "stuff": "is_stuff"}
_OURS = (*_FLAGS, *_KINDS, "order", "box", "extra")
_IMAGE = {"id", "name", "width", "height", "extra"}
_NO_GROUP = ("", "0")
_NAME = "(?a:[A-Za-z_][\\w.-]*)"


def _recognise(path: Path) -> bool:
    return first_tag(path) == "annotations"


def _read(path: Path, how: Reading) -> Album:
    root = read_xml(path)
    if root.tag != "annotations":
        raise AnnotationError(
            "a file of CVAT for images 1.1 has <image> elements in <annotations>",
            file=path,
            value=root.tag,
            remedy='export the task as "CVAT for images 1.1"',
        )
    if root.find("track") is not None:
        frames_to_images(root, path, how)
    drafts = Drafts()
    for label in root.iterfind("meta//labels/label"):
        if name := text(label, "name"):
            drafts.place(name)
    seen: set[int] = set()
    for number, element in enumerate(root.iterfind("image"), 1):
        try:
            record = _image(element, f"image {element.get('id', f'number {number}')}", drafts, path, how)
            if record.id in seen:
                rule = "each image id is used once"
                raise AnnotationError(rule, file=path, record=f"image {record.id}", remedy="renumber the images")
        except AmodalError as problem:
            how.bad(problem)
            continue
        seen.add(record.id)
        drafts.records.append(record)
    return drafts.album(path, tuple(Category(i, name) for i, name in enumerate(drafts.names, 1)))


def _passed_over(path: Path) -> Iterator[str]:
    root = read_xml(path)
    meta = root.find("meta")
    names = [text(label, "name") or "" for label in root.iterfind("meta//labels/label")]
    if meta is not None and as_data(meta) != as_data(_meta(names)):
        yield "<meta>, but for the names of labels"
    if root.find("track") is not None:
        yield "tracks, but for the track_id of each shape"
    ellipses = sum(1 for _ in root.iterfind("image/ellipse"))
    turned = sum(bool(box.get("rotation", "0").strip("0.")) for box in root.iterfind("image/box"))
    for number, kind, read_as in ((ellipses, "an ellipse", "a mask of pixels"), (turned, "a turned box", "a polygon")):
        if number:
            yield f"that {number} {'shape is' if number == 1 else 'shapes are each'} {kind}: it is read as {read_as}"
    later = 0
    for first, *others in (shapes for image in root.iterfind("image") for shapes in _grouped(image)):
        said = _attributes_of(first).items()
        later += sum(not _attributes_of(other).items() <= said for other in others)
    if later:
        yield f"attributes of {later} {'shape' if later == 1 else 'shapes'} behind the first of an object"


def _image(element: Element, record: str, drafts: Drafts, path: Path, how: Reading) -> ImageRecord:
    image_id, width, height = (whole(element, key, path, record) for key in ("id", "width", "height"))
    name = element.get("name", "")
    image_path(".", name, file=path)
    check_picture_size(width, height, path, record)
    groups = _grouped(element)
    labels: dict[str, set[str | None]] = {}
    for shapes in groups:
        labels.setdefault(shapes[0].get("group_id", "0"), set()).add(shapes[0].get("label"))
    instances: list[Instance] = []
    levels: list[int] = []
    is_said: list[bool] = []
    for i, shapes in enumerate(groups, 1):
        track = f" of track {shapes[0].get('track_id')}" if "track_id" in shapes[0].attrib else ""
        where = f"{record}, object {i} <{shapes[0].tag}>{track}"
        try:
            level = whole(shapes[0], "z_order", path, where) if "z_order" in shapes[0].attrib else 0
            one = _instance(shapes, (width, height), drafts, path, where)
            group = shapes[0].get("group_id", "0")
            if group not in _NO_GROUP and (len(shapes) == 1 or len(labels[group]) > 1):  # it says more than one object
                one = replace(one, extra={"group_id": group, **one.extra})
            instances.append(one)
            levels.append(level)
            is_said.append(bool(_attributes_of(shapes[0]).get("order")))
        except AmodalError as problem:
            how.bad(problem)
    extra: dict[str, Any] = {key: value for key, value in element.attrib.items() if key not in _IMAGE}
    if tags := [_tag_data(tag) for tag in element.iterfind("tag")]:
        extra["tags"] = tags
    if "extra" in element.attrib:
        extra |= _bag(element.attrib["extra"], path, record)
    return ImageRecord(image_id, name, width, height, tuple(_with_order(instances, levels, is_said)), extra=extra)


def _grouped(image: Element) -> list[list[Element]]:
    """The shapes of each object, in the order of the first."""
    groups: dict[Any, list[Element]] = {}
    for i, shape in enumerate(shape for shape in image if shape.tag != "tag"):
        group = shape.get("group_id", "0")
        groups.setdefault((shape.get("label"), group) if group not in _NO_GROUP else i, []).append(shape)
    return list(groups.values())


def _tag_data(tag: Element) -> dict[str, Any]:
    attributes = {a.get("name", ""): (a.text or "").strip() for a in tag.iterfind("attribute")}
    return {**tag.attrib, **({"attributes": attributes} if attributes else {})}


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
    mask, box = region(shapes, size, path, record)
    if "box" in attributes:
        box = bx.check(numbers(attributes.pop("box"), path, record), *size, file=path, record=record)
    elif box is not None and mask is not None and not mask.is_empty:
        box = bx.around(box, mask.box)
    if box is None:
        if mask is None or mask.is_empty:
            raise AnnotationError(
                "an object has a pixel", file=path, record=record, remedy="draw it again or remove it"
            )
        box = mask.box
    flags = [flag(shape.get("occluded"), "occluded", path, record) for shape in shapes]
    known: dict[str, Any] = {"is_occluded": True if any(flags) else flags[0]}  # of several shapes, where any is
    for name, field in (_FLAGS | _KINDS).items():
        if name in attributes:
            known[field] = bool(flag(attributes.pop(name), name, path, record))
    if (order := attributes.pop("order", "none")) != "none":
        if (rank := whole_of(order)) is None:
            rule = '"order" is a whole number'
            raise AnnotationError(rule, file=path, record=record, value=order, remedy="correct it, or leave it empty")
        known["order"] = rank
    extra: dict[str, Any] = {key: first.attrib[key] for key in ("source", "track_id") if key in first.attrib}
    if "extra" in attributes:
        extra |= _bag(attributes.pop("extra"), path, record)
    if attributes:
        extra["attributes"] = attributes
    return Instance(0, drafts.place(label), box, mask, extra=extra, **known)


def _bag(word: str, path: Path, record: str) -> dict[str, Any]:
    try:
        value = json.loads(word)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        rule = 'the attribute "extra" is a JSON object'
        raise AnnotationError(rule, file=path, record=record, value=word, remedy="correct it, or take it out")
    return value


def _write(album: Album, path: Path) -> None:
    """Modal masks (polygons where they were drawn as such), boxes, flags and depth order, picture by picture."""
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    root.append(_meta([category.name for category in album.categories]))
    head, end = as_bytes(root).decode("utf-8"), "\n</annotations>\n"
    with beside(path) as file:
        file.write(head.removesuffix(end))
        for record in objects_named(album, _HOLDS):
            image_path(".", record.file_name, file=album.source)  # refuses what would not be read again
            size = {"width": str(record.width), "height": str(record.height)}
            image = Element("image", {"id": str(record.id), "name": record.file_name, **size})
            _add_extra(image, record.extra)
            _add_shapes(image, record, album.categories)
            file.write(as_child(image))
        file.write(end)


def _meta(names: Iterable[str]) -> Element:
    """The labels, each with the attributes that are ours: CVAT takes in no others."""
    meta = Element("meta")
    labels = SubElement(SubElement(meta, "task"), "labels")
    for label_name in names:
        label = SubElement(labels, "label")
        SubElement(label, "name").text = label_name
        attributes = SubElement(label, "attributes")
        for name in _OURS:
            attribute = SubElement(attributes, "attribute")
            for tag, value in (("name", name), ("mutable", "False"), ("input_type", "text"), ("default_value", "")):
                SubElement(attribute, tag).text = value
    return meta


def _add_extra(image: Element, extra: dict[str, Any]) -> None:
    """Further fields of a picture as attributes and tags where those read back the same, else together as JSON."""
    bag: dict[str, Any] = {}
    for key, value in extra.items():
        if key == "tags" and isinstance(value, list) and value and all(map(_is_tag, value)):
            for one in value:
                tag = SubElement(image, "tag", {k: v for k, v in one.items() if k != "attributes"})
                _add_attributes(tag, one.get("attributes", {}))
        elif key not in _IMAGE and _is_attribute((key, value)) and re.fullmatch(_NAME, key):
            image.set(key, value)
        else:
            bag[key] = value
    if bag:
        image.set("extra", json.dumps(bag))


def _is_tag(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("attributes") == {}:
        return False
    attributes = value.get("attributes", {})
    words = [(key, word) for key, word in value.items() if key != "attributes"]
    return (
        isinstance(attributes, dict)
        and all(map(_is_attribute, [*attributes.items(), *words]))
        and all(re.fullmatch(_NAME, key) for key, _ in words)
    )


def _add_shapes(image: Element, record: ImageRecord, categories: tuple[Category, ...]) -> None:
    fronts = sorted({i.order for i in record.instances if i.order is not None}, reverse=True)
    heights = {order: level for level, order in enumerate(fronts)}
    levels = [0 if i.order is None else heights[i.order] for i in record.instances]
    labels = [categories[i.category].name for i in record.instances]
    told = zip(record.instances, labels, levels, _ranks(levels), _groups(record, labels), strict=True)
    for instance, label, level, rank, group in told:
        occluded = {} if instance.is_occluded is None else {"occluded": str(int(instance.is_occluded))}
        common = {"label": label, **occluded, "z_order": str(level)}
        extra = dict(instance.extra)
        if _is_attribute(("source", extra.get("source"))):
            common["source"] = extra.pop("source")
        if group is not None:
            common["group_id"] = group
            if extra.get("group_id") == group:
                del extra["group_id"]
        for i, (tag, attributes) in enumerate(parts(instance)):
            shape = SubElement(image, tag, {**common, **attributes})
            if i == 0:
                _add_attributes(shape, _attributes(replace(instance, extra=extra), rank))


def _groups(record: ImageRecord, labels: Sequence[str]) -> Iterator[str | None]:
    """The ``group_id`` of each object: its own where that reads back as it is, a new one for several shapes."""

    def own(one: Instance) -> str | None:
        group = one.extra.get("group_id")
        return group if group not in _NO_GROUP and _is_attribute(("group_id", group)) else None

    given = [own(one) for one in record.instances]
    alike = Counter(zip(labels, given, strict=True))
    given = [group if alike[label, group] == 1 else None for label, group in zip(labels, given, strict=True)]
    uses, numbers = Counter(given), map(str, count(1))
    for one, group in zip(record.instances, given, strict=True):
        polygons = None if one.modal_mask is None else one.modal_mask.polygons
        is_one = polygons is None or len(polygons) < 2
        is_wider = group is not None and uses[group] > 1  # it holds objects of other labels, too
        yield group if is_one or is_wider else next(number for number in numbers if number not in uses)


def _add_attributes(element: Element, attributes: dict[str, str]) -> None:
    for name, value in attributes.items():
        SubElement(element, "attribute", {"name": name}).text = value


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


def _limits(record: ImageRecord, album: Album) -> Iterator[tuple[str, str]]:
    """XML has no control characters."""
    yield from nameless(record, album, _HOLDS)
    for name in {album.categories[i.category].name for i in record.instances} | {record.file_name}:
        if not is_text(name) and name.strip():
            yield "names with blanks around or control characters", repr(name)


_HOLDS = frozenset(
    {
        *(Holds.MODAL_MASK, Holds.MODAL_BOX, Holds.POLYGONS, Holds.PIXELS, Holds.OVERLAP, Holds.ORDER),
        *(Holds.CROWD, Holds.STUFF, Holds.WHOLE, Holds.OCCLUDED, Holds.TRUNCATED, Holds.DIFFICULT),
        *(Holds.IMAGE_IDS, Holds.IMAGE_EXTRA, Holds.INSTANCE_EXTRA, Holds.EMPTY_IMAGES, Holds.EMPTY_CATEGORIES),
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
    passed_over=_passed_over,
)
