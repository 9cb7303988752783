"""PASCAL VOC's folder: one XML and, where segmented, one SegmentationObject PNG a picture.

``Annotations/NAME.xml`` lists the objects; pixel value i of ``SegmentationObject/NAME.png`` is the i-th of them, 0 the
background, 255 void (kept in ``ImageRecord.extra["void"]``, as a run-length code). Boxes count pixels from 1 and both
ends belong to them. Ids are ours, in the order of the names; so are further fields: those XML cannot say stand as JSON
in an element ``extra``. A list of ``ImageSets/Segmentation`` can be read in the folder's stead. So can a folder of XML
files without more, as labelImg leaves it: its pictures lie beside them, or in ``--images``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import SubElement

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.album import Album, image_path
from ..core.errors import AmodalError, AnnotationError
from ..core.images import read_size
from ..core.masks import Mask
from ..core.records import Category, ImageRecord, Instance
from .dialects import Dialect, Holds, Reading
from .fields import check_picture_size
from .folders import (
    VOC_NAMES,
    Drafts,
    find,
    masks_of,
    new_folder,
    paint,
    read_index_png,
    unique_stems,
    write_index_png,
)
from .reduce import nameless, objects_named
from .xmlfile import Element, add_data, as_bytes, as_data, first_tag, is_text, read_xml, text

_VOID = 255
_COLOURS = "3"
"""The ``<depth>`` of most pictures; another one is kept in ``ImageRecord.extra["depth"]``."""
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_FLAGS = {"occluded": "is_occluded", "truncated": "is_truncated", "difficult": "is_difficult"}
_IMAGE_TAGS = {"filename", "size", "segmented", "object", "extra"}
_OBJECT_TAGS = {"name", "bndbox", "extra", *_FLAGS}


def _recognise(path: Path) -> bool:
    return any(first_tag(file) == "annotation" for file in find(path / "Annotations", "**/*.xml"))


def _recognise_flat(path: Path) -> bool:
    return _is_flat(path) and any(first_tag(file) == "annotation" for file in _texts(path))


def _read(path: Path, how: Reading) -> Album:
    return _read_stems(path, _texts(path), path, how)


def _texts(path: Path) -> list[Path]:
    """The XML files of a folder."""
    beside = path.absolute().parent
    if path.name == "Annotations" and any((beside / name).is_dir() for name in ("JPEGImages", "SegmentationObject")):
        return []  # without the folder above, masks and names would be lost
    return find(path, "*.xml") if _is_flat(path) else find(path / "Annotations", "**/*.xml")


def _is_flat(path: Path) -> bool:
    return not find(path / "Annotations", "**/*.xml", most=1)


def _passed_over(path: Path) -> Iterator[str]:
    below = find(path, "*/**/*.xml") if _is_flat(path) else []
    if below:
        shown = ", ".join(file.relative_to(path).as_posix() for file in below[:3]) + (", ..." if len(below) > 3 else "")
        yield f"{len(below)} XML {'file' if len(below) == 1 else 'files'} in folders inside ({shown})"


def _recognise_list(path: Path) -> bool:
    where = path.absolute()
    if path.suffix != ".txt" or where.parent.parent.name != "ImageSets":
        return False
    return _recognise(where.parents[2]) or _recognise_flat(where.parents[2])


def _read_list(path: Path, how: Reading) -> Album:
    try:
        words = [line.split()[0] for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as problem:
        raise AnnotationError(f"the list cannot be read ({problem})", file=path, remedy="check the path") from None
    above = path.absolute().parents
    if len(above) < 3:
        raise AnnotationError("a list of VOC lies in ImageSets/ANY/ of its folder", file=path, remedy="give its place")
    folder = above[2]
    room = folder if _recognise_flat(folder) else folder / "Annotations"
    files = [image_path(room, f"{word}.xml", file=path) for word in words]
    return _read_stems(folder, files, path, how)


def _read_stems(folder: Path, files: Sequence[Path], source: Path, how: Reading) -> Album:
    drafts = Drafts()
    is_flat = _is_flat(folder)
    for number, file in enumerate(files, 1):
        try:
            drafts.records.append(_image(folder, is_flat, file, number, drafts, how))
        except AmodalError as problem:
            how.bad(problem)
    return drafts.album(source)


def _image(folder: Path, is_flat: bool, file: Path, number: int, drafts: Drafts, how: Reading) -> ImageRecord:
    root = read_xml(file)
    if root.tag != "annotation":
        rule = "a VOC file's outermost element is <annotation>"
        raise AnnotationError(rule, file=file, value=root.tag, remedy="take the file out of the folder")
    stem = file.relative_to(folder if is_flat else folder / "Annotations").with_suffix("")
    name = text(root, "filename") or f"{stem.as_posix()}.jpg"
    pictures = how.images or (folder if is_flat else folder / "JPEGImages")
    picture = image_path(pictures, name, file=file)
    png = folder / "SegmentationObject" / f"{stem.as_posix()}.png"  # a stem may have dots of its own
    size = root.find("size")
    given = None if size is None else (_size(size, "width", file), _size(size, "height", file))
    if given == (0, 0):  # of a tool that did not know
        given = None
    if given is not None:
        check_picture_size(*given, file, "size")
    numbers = read_index_png(png, size=given) if png.is_file() else None
    if given is None:
        given = read_size(picture) if numbers is None else (numbers.shape[1], numbers.shape[0])
    width, height = given
    masks = {} if numbers is None else masks_of(numbers)
    extra = _extra(root, _IMAGE_TAGS, file)
    if size is not None and _is_depth(depth := text(size, "depth")):
        extra.setdefault("depth", depth)
    if (void := masks.pop(_VOID, None)) is not None:
        extra["void"] = void.to_rle()
    instances = []
    for i, element in enumerate(root.findall("object"), 1):
        mask = masks.pop(i, None)
        try:
            instances.append(_instance(element, mask, given, drafts, file, f"object {i}"))
        except AmodalError as problem:
            how.bad(problem)
    for i in masks:
        how.bad(
            AnnotationError(
                "pixel value i is the i-th <object> of the XML",
                file=png,
                record=f"value {i}",
                remedy=f"add the object to {file.name}, or clear its pixels",
            )
        )
    return ImageRecord(number, name, width, height, tuple(instances), extra=extra)


def _instance(
    element: Element, mask: Mask | None, size: tuple[int, int], drafts: Drafts, file: Path, record: str
) -> Instance:
    name = text(element, "name")
    if not name:
        raise AnnotationError("an <object> has a <name>", file=file, record=record, remedy="add it")
    box = element.find("bndbox")
    occluded, truncated, difficult = (_flag(element, tag, file, record) for tag in _FLAGS)
    if box is not None:
        sides = [_decimal(box, side, file, record) for side in _SIDES]
        edges = [float(v) for v in (sides[0] - 1, sides[1] - 1, sides[2], sides[3])]
        modal_box = bx.check(edges, *size, file=file, record=record, stated=[float(v) for v in sides])
    elif mask is not None:
        modal_box = mask.box
    else:
        raise AnnotationError("an <object> has a <bndbox> or pixels", file=file, record=record, remedy="add the box")
    extra = _extra(element, _OBJECT_TAGS, file)
    return Instance(
        id=0,
        category=drafts.place(name),
        modal_box=modal_box,
        modal_mask=mask,
        is_occluded=occluded,
        is_truncated=truncated,
        is_difficult=difficult,
        extra=extra,
    )


def _extra(element: Element, known: set[str], file: Path) -> dict[str, Any]:
    """What the element holds beyond ``known``; ``part``s (a person's head, hands) and the like come as they stand."""
    data = as_data(element)
    out = {tag: value for tag, value in data.items() if tag not in known} if isinstance(data, dict) else {}
    if (bag := text(element, "extra")) is not None:
        try:
            more = json.loads(bag)
        except (ValueError, RecursionError):
            more = None
        if not isinstance(more, dict):
            raise AnnotationError("<extra> is a JSON object", file=file, value=bag, remedy="take the element out")
        out.update(more)
    return out


def _decimal(parent: Element, tag: str, file: Path, record: str) -> Decimal:
    """A number as written: 1 can then be taken away without rounding."""
    try:
        value = Decimal(text(parent, tag) or "")
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or abs(value) > 10**9:
        rule = f"<{tag}> is a number of pixels"
        raise AnnotationError(rule, file=file, record=record, value=text(parent, tag), remedy="correct it")
    return value


def _size(size: Element, tag: str, file: Path) -> int:
    value = _decimal(size, tag, file, "size")
    if value != int(value) or value < 0:
        rule = f"<{tag}> is a whole number, 1 or more (both may be 0: the picture then tells)"
        raise AnnotationError(rule, file=file, record="size", value=str(value), remedy="correct it")
    return int(value)


def _flag(element: Element, tag: str, file: Path, record: str) -> bool | None:
    word = text(element, tag)
    if word is None or word == "":
        return None
    if word.lower() not in ("0", "1", "true", "false"):
        remedy = "correct it, or take the element out"
        raise AnnotationError(f"<{tag}> is 0 or 1", file=file, record=record, value=word, remedy=remedy)
    return word.lower() in ("1", "true")


def _write(album: Album, path: Path) -> None:
    """Boxes, flags and modal masks; the list is ``ImageSets/Segmentation/trainval.txt``."""
    stems: list[str] = []
    with new_folder(path) as folder:
        for name in ("Annotations", "SegmentationObject", "SegmentationClass", "JPEGImages", "ImageSets/Segmentation"):
            (folder / name).mkdir(parents=True)
        for record, stem in unique_stems(objects_named(album, _HOLDS), album):
            numbers, classes = _numbers(record, album.categories)
            file = folder / "Annotations" / f"{stem}.xml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(as_bytes(_tree(record, album.categories, numbers is not None)))
            if numbers is not None:
                write_index_png(folder / "SegmentationObject" / f"{stem}.png", numbers)
                stems.append(stem)
            if classes is not None:
                write_index_png(folder / "SegmentationClass" / f"{stem}.png", classes)
        (folder / "ImageSets/Segmentation/trainval.txt").write_text("".join(f"{s}\n" for s in stems), "utf-8")


def _numbers(
    record: ImageRecord, categories: tuple[Category, ...]
) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]:
    """What the two PNGs hold; None where there is nothing to hold."""
    size = (record.width, record.height)
    objects = paint(record.instances, *size, range(1, len(record.instances) + 1))
    objects[objects >= _VOID] = 0  # more objects than a byte has numbers: see `limits`
    void = _void(record)
    if void is None and not objects.any():
        return None, None
    names = {c.name for c in categories}
    table = [VOC_NAMES.index(c.name) + 1 if names <= set(VOC_NAMES) else i for i, c in enumerate(categories, 1)]
    classes = None
    if len(table) < _VOID:
        classes = np.array([0, *(table[i.category] for i in record.instances)], dtype=np.uint8)[objects]
    numbers = objects.astype(np.uint8)
    if void is not None:
        unclear = void.to_array() & (objects == 0)
        numbers[unclear] = _VOID
        if classes is not None:
            classes[unclear] = _VOID
    return numbers, classes


def _is_depth(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9]{1,3}", value) is not None and value != _COLOURS


def _void(record: ImageRecord) -> Mask | None:
    code = record.extra.get("void")
    return Mask.from_rle(code, record.width, record.height) if isinstance(code, dict) else None


def _tree(record: ImageRecord, categories: tuple[Category, ...], segmented: bool) -> Element:
    root = Element("annotation")
    extra = dict(record.extra)
    if isinstance(extra.get("void"), dict):
        del extra["void"]
    add_data(root, "filename", record.file_name)
    depth = extra.pop("depth") if _is_depth(extra.get("depth")) else _COLOURS
    add_data(root, "size", {"width": record.width, "height": record.height, "depth": depth})
    add_data(root, "segmented", int(segmented))
    _add_extra(root, extra, _IMAGE_TAGS)
    for instance in record.instances:
        element = SubElement(root, "object")
        add_data(element, "name", categories[instance.category].name)
        for tag, field in _FLAGS.items():
            if (value := getattr(instance, field)) is not None:
                add_data(element, tag, int(value))
        x1, y1, x2, y2 = (Decimal(repr(v)) for v in instance.modal_box)
        box = {side: _plain(v) for side, v in zip(_SIDES, (x1 + 1, y1 + 1, x2, y2), strict=True)}
        add_data(element, "bndbox", box)
        _add_extra(element, instance.extra, _OBJECT_TAGS)
    return root


def _plain(value: Decimal) -> str:
    return f"{value.to_integral_value() if value == value.to_integral_value() else value:f}"


def _add_extra(parent: Element, extra: dict[str, Any], known: set[str]) -> None:
    """Further fields as elements where those read back the same, else together as JSON."""
    bag: dict[str, Any] = {}
    for tag, value in extra.items():
        trial = Element("trial")
        if tag not in known and re.fullmatch(r"[A-Za-z_][\w.-]*", tag, re.ASCII) and _plain_data(value):
            add_data(trial, tag, value)
        if len(trial) and as_data(trial) == {tag: value}:
            parent.extend(trial)
        else:
            bag[tag] = value
    if bag:
        add_data(parent, "extra", json.dumps(bag))


def _plain_data(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(k, str) and re.fullmatch(r"[A-Za-z_][\w.-]*", k, re.ASCII) for k in value) and all(
            map(_plain_data, value.values())
        )
    return all(map(_plain_data, value)) if isinstance(value, list) else isinstance(value, str) and is_text(value)


def _limits(record: ImageRecord, album: Album) -> Iterator[tuple[str, str]]:
    """A byte numbers 254 objects; a mask without pixels leaves none; XML has no control characters."""
    yield from nameless(record, album, _HOLDS)
    for i, instance in enumerate(record.instances, 1):
        if instance.modal_mask is not None and (i >= _VOID or instance.modal_mask.is_empty):
            what = "masks beyond the 254th of a picture" if i >= _VOID else "masks without pixels"
            yield what, f"{record.file_name}, object {instance.id}"
        if not is_text(name := album.categories[instance.category].name) and name.strip():
            yield "names with blanks around or control characters", repr(name)


_HOLDS = frozenset(
    {
        *(Holds.MODAL_MASK, Holds.MODAL_BOX, Holds.PIXELS, Holds.EMPTY_IMAGES),
        *(Holds.OCCLUDED, Holds.TRUNCATED, Holds.DIFFICULT, Holds.IMAGE_EXTRA, Holds.INSTANCE_EXTRA),
    }
)
DIALECT = (
    Dialect(
        "voc",
        "PASCAL VOC (folder)",
        "folder",
        _HOLDS,
        _recognise,
        _read,
        _write,
        _limits,
        "pixels",
        passed_over=_passed_over,
        files=lambda path: (
            "**/*.xml" if _is_flat(path) else "Annotations/**/*.xml",  # those below are told by `_passed_over`
            "SegmentationObject/**/*.png",
            "SegmentationClass/**/*.png",
        ),
        recognise_flat=_recognise_flat,
    ),
    Dialect(
        "voc-list",
        "PASCAL VOC (one list of the folder)",
        "file",
        _HOLDS,
        _recognise_list,
        _read_list,
        boxes="pixels",
    ),
)
