"""labelme: one JSON a picture, beside it, with the shapes somebody drew.

A ``polygon`` or ``mask`` (a PNG of the part inside its two points, both ends included) is a modal mask, a ``circle``
too, and a turned rectangle (``oriented_rectangle``, X-AnyLabeling's ``rotation``); a ``rectangle`` is a box alone.
Shapes of one label and ``group_id`` are one object. The flags ``occluded``, ``truncated``, ``difficult``, ``crowd``,
``stuff`` and ``whole`` are ours by name; what else a shape or file holds is kept, as labelme itself does. A box that is
not its mask's stands in ``box`` (x1, y1, x2, y2). Ids are ours. An ``imagePath`` in another folder ("../images/a.jpg")
is kept as a further field, its last part is the picture's name.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..core import boxes as bx
from ..core.album import Album, image_path
from ..core.errors import AmodalError, AnnotationError
from ..core.images import read_size
from ..core.masks import Mask
from ..core.records import Category, ImageRecord, Instance
from .dialects import Dialect, Holds, Reading
from .fields import check_picture_size
from .folders import Drafts, disc, find, new_folder, read_index_png, unique_stems
from .jsonfile import is_json, read_json, write_json
from .jsonparse import JsonFile
from .reduce import nameless, objects_named

_DRAW = "draw it again, or remove it"
_VERSION = "5.5.0"
_FLAGS = {
    **{"occluded": "is_occluded", "truncated": "is_truncated", "difficult": "is_difficult"},
    **{"crowd": "is_crowd", "stuff": "is_stuff", "whole": "is_whole"},
}
_TURNED = ("oriented_rectangle", "rotation")
"""Rectangles by their four corners."""
_FILE_KEYS = {"version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth", "extra"}
_SHAPE_KEYS = {"label", "points", "group_id", "shape_type", "flags", "mask", "box", "description", "extra"}


def _recognise_file(path: Path) -> bool:
    if path.suffix.lower() != ".json":
        return False
    try:
        with path.open("rb") as file:
            data = file.read(65536)
    except OSError:
        return False
    head = data.decode(json.detect_encoding(data[:4].ljust(4, b" ")), "replace")
    if '"shapes"' in head and '"annotations"' not in head:
        return True
    return any(word in head for word in ('"shapes"', '"imagePath"', '"imageData"')) and is_json(path, _is_labelme)


def _is_labelme(file: JsonFile) -> bool:
    return "shapes" in file.members and "annotations" not in file.members


def _recognise(path: Path) -> bool:
    return any(map(_recognise_file, find(path, "**/*.json", most=3)))


def _read(path: Path, how: Reading) -> Album:
    folder, files = (path, find(path, "**/*.json")) if path.is_dir() else (path.parent, [path])
    drafts = Drafts()
    for number, file in enumerate(files, 1):
        try:
            drafts.records.append(_image(folder, file, number, drafts, how))
        except AmodalError as problem:
            if path == file:
                raise
            how.bad(problem)
    return drafts.album(path)


def _image(folder: Path, file: Path, number: int, drafts: Drafts, how: Reading) -> ImageRecord:
    content = read_json(file)
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        rule = 'a labelme file has a list of objects "shapes"'
        raise AnnotationError(rule, file=file, value=shapes, remedy="take the file out of the folder, or correct it")
    name = content.get("imagePath")
    if not isinstance(name, str):
        rule = '"imagePath" is the name of the picture'
        raise AnnotationError(rule, file=file, value=name, remedy="add it, as text")
    elsewhere = name if _is_elsewhere(name) else None  # see --images
    if elsewhere is not None:
        name = _last_part(name)
    where = file.relative_to(folder).parent
    picture = image_path(how.images or folder, image_path(where, name, file=file).as_posix(), file=file)
    width, height = content.get("imageWidth"), content.get("imageHeight")
    if width is None and height is None:
        width, height = read_size(picture)
    for key, value in (("imageWidth", width), ("imageHeight", height)):
        if type(value) is not int or value < 1:
            remedy = "correct it, or take both sizes out: the picture then tells"
            raise AnnotationError(f'"{key}" is a whole number, 1 or more', file=file, value=value, remedy=remedy)
    check_picture_size(int(width), int(height), file)
    instances = []
    for members in _grouped(shapes):
        try:
            instances.append(_instance(members, (int(width), int(height)), drafts, file))
        except AmodalError as problem:
            how.bad(problem)
    extra = _extra(content, _FILE_KEYS)
    if content.get("flags"):
        extra["flags"] = content["flags"]
    if elsewhere is not None:
        extra["imagePath"] = elsewhere
    file_name = (where / PurePosixPath(name.replace("\\", "/"))).as_posix()
    return ImageRecord(number, file_name, int(width), int(height), tuple(instances), extra=extra)


def _is_elsewhere(name: str) -> bool:
    """Whether a name is labelme's way to say that the picture lies in another folder."""
    return name.replace("\\", "/").startswith("../")


def _last_part(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name


def _stem(name: str) -> str:
    return PurePosixPath(_last_part(name)).stem


def _passed_over(path: Path) -> Iterator[str]:
    found: dict[str, list[str]] = {}
    for file in find(path, "**/*.json") if path.is_dir() else [path]:
        try:
            content = read_json(file)
            kinds = {shape.get("shape_type") for shape in content["shapes"]}
            later = [shape for _, *others in _grouped(content["shapes"]) for _, shape in others]
            for what, is_so in (
                ("imageData of {}", content.get("imageData") is not None),
                ("version of {}", content.get("version") != _VERSION),
                ("names of {} that are not their pictures'", _stem(content["imagePath"]) != file.stem),
                ("fields of shapes behind the first of an object, in {}", any(map(_says_more, later))),
                ("that shapes are circles (they are read as masks of pixels), in {}", "circle" in kinds),
                ("that shapes are turned rectangles (they are read as polygons), in {}", not kinds.isdisjoint(_TURNED)),
            ):
                if is_so:
                    found.setdefault(what, []).append(file.name)
        except (AmodalError, AttributeError, KeyError, TypeError):
            continue  # it was not read either
    for what, names in found.items():
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        yield f"{what.format(f'{len(names)} file' if len(names) == 1 else f'{len(names)} files')} ({shown})"


def _says_more(shape: dict[str, Any]) -> bool:
    return bool(shape.get("description") or _extra(shape, _SHAPE_KEYS))


def _grouped(shapes: list[dict[str, Any]]) -> list[list[tuple[int, dict[str, Any]]]]:
    """The shapes of each object with their numbers, in the order of the first."""
    groups: dict[Any, list[tuple[int, dict[str, Any]]]] = {}
    for i, shape in enumerate(shapes, 1):
        group = shape.get("group_id")
        together = (str(shape.get("label")), group) if isinstance(group, int | str) else i
        groups.setdefault(together, []).append((i, shape))
    return list(groups.values())


def _instance(members: list[tuple[int, dict[str, Any]]], size: tuple[int, int], drafts: Drafts, file: Path) -> Instance:
    record = f"shape {members[0][0]}"
    first = members[0][1]
    label = first.get("label")
    if not isinstance(label, str) or not label:
        rule = '"label" is the name of the kind of object'
        raise AnnotationError(rule, file=file, record=record, value=label, remedy="add it, as text")
    flags: dict[str, Any] = {}
    for i, shape in members:
        given = shape.get("flags") or {}
        if not isinstance(given, dict):
            rule = '"flags" is an object'
            raise AnnotationError(
                rule, file=file, record=f"shape {i}", value=given, remedy="write {} where none is set"
            )
        # one part that is flagged flags the object
        flags |= {name: value for name, value in given.items() if name not in flags or value is True}
    mask, box = _region(members, size, file)
    if first.get("box") is not None:
        box = bx.check(first["box"], *size, file=file, record=record)
    elif box is not None and mask is not None and not mask.is_empty:
        box = bx.around(box, mask.box)
    if box is None:
        if mask is None or mask.is_empty:
            raise AnnotationError("an object has a pixel", file=file, record=record, remedy=_DRAW)
        box = mask.box
    extra = _extra(first, _SHAPE_KEYS)
    if first.get("description"):
        extra["description"] = first["description"]
    if others := {name: value for name, value in flags.items() if name not in _FLAGS or not isinstance(value, bool)}:
        extra["flags"] = others
    known: dict[str, Any] = {
        _FLAGS[name]: value for name, value in flags.items() if name in _FLAGS and isinstance(value, bool)
    }
    return Instance(0, drafts.place(label), box, mask, extra=extra, **known)


def _region(
    members: list[tuple[int, dict[str, Any]]], size: tuple[int, int], file: Path
) -> tuple[Mask | None, bx.Box | None]:
    """The union of what was drawn, and the box around the rectangles, where there are any."""
    polygons: list[list[float]] = []
    masks: list[Mask] = []
    box: bx.Box | None = None
    for i, shape in members:
        record, kind = f"shape {i}", shape.get("shape_type", "polygon")
        points = _points(shape.get("points"), file, record)
        if kind == "polygon" or kind in _TURNED:
            polygons.append(points.ravel().tolist())
        elif kind in ("rectangle", "mask", "circle") and len(points) < 2:
            rule = f"a {kind} has two points"
            raise AnnotationError(rule, file=file, record=record, value=shape.get("points"), remedy=_DRAW)
        elif kind == "rectangle":
            drawn = bx.check([*points.min(axis=0), *points.max(axis=0)], *size, file=file, record=record)
            box = drawn if box is None else bx.around(box, drawn)
        elif kind == "mask":
            masks.append(_mask(shape.get("mask"), points, size, file, record))
        elif kind == "circle":
            radius = float(np.hypot(*(points[1] - points[0])))
            masks.append(disc(points[0].tolist(), (radius, radius), size, file=file, record=record))
        else:
            rule = "an object is a polygon, rectangle (turned or not), circle or mask"
            raise AnnotationError(
                rule, file=file, record=record, value=kind, remedy="draw it as one of them, or remove it"
            )
    if polygons:
        masks.append(Mask.from_polygons(polygons, *size, file=file, record=f"shape {members[0][0]}"))
    for other in masks[1:]:
        masks[0] |= other
    return (masks[0] if masks else None), box


def _points(value: Any, file: Path, record: str) -> NDArray[np.float64]:
    try:
        points = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        points = np.empty(0)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        rule = '"points" is a list of [x, y] in pixels'
        raise AnnotationError(rule, file=file, record=record, value=value, remedy=_DRAW)
    return points


def _mask(value: Any, points: NDArray[np.float64], size: tuple[int, int], file: Path, record: str) -> Mask:
    left, top, right, bottom = np.clip(np.rint(points[:2]), -(2**31), 2**31).astype(np.int64).ravel().tolist()
    try:
        png = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        rule = '"mask" is a PNG in base64'
        raise AnnotationError(rule, file=file, record=record, value=value, remedy=_DRAW) from None
    try:
        crop = read_index_png(file, png, size=(right - left + 1, bottom - top + 1))
    except AnnotationError as problem:
        raise AnnotationError(problem.rule, file=file, record=record, remedy=problem.remedy) from None
    return Mask.from_crop(crop > 0, left, top, *size)


def _extra(entry: dict[str, Any], known: set[str]) -> dict[str, Any]:
    bag = entry.get("extra")
    return {k: v for k, v in entry.items() if k not in known} | (bag if isinstance(bag, dict) else {})


def _split(extra: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """Further fields under their own names where labelme has no use for those, the others under ``extra``."""
    clash = {k: v for k, v in extra.items() if k in known}
    return {k: v for k, v in extra.items() if k not in known} | ({"extra": clash} if clash else {})


def _write(album: Album, path: Path) -> None:
    """Modal masks (polygons where they were drawn as such, else masks of pixels), boxes and flags."""
    with new_folder(path) as folder:
        for record, stem in unique_stems(objects_named(album, _HOLDS), album):
            extra = dict(record.extra)
            name, given = _last_part(record.file_name), extra.get("imagePath")
            if isinstance(given, str) and _is_elsewhere(given) and _last_part(given) == name:
                name = extra.pop("imagePath")
            content = {
                "version": _VERSION,
                "flags": extra.pop("flags") if isinstance(extra.get("flags"), dict) and extra["flags"] else {},
                "shapes": _shapes(record, album.categories),
                "imagePath": name,
                "imageData": None,
                "imageHeight": record.height,
                "imageWidth": record.width,
                **_split(extra, _FILE_KEYS),
            }
            write_json(folder / f"{stem}.json", content, indent=2)


def _shapes(record: ImageRecord, categories: tuple[Category, ...]) -> list[dict[str, Any]]:
    shapes: list[dict[str, Any]] = []
    for group, instance in enumerate(record.instances, 1):
        parts = _parts(instance)
        extra = dict(instance.extra)
        flags = {name: value for name, field in _FLAGS.items() if (value := getattr(instance, field)) is not None}
        flags = {name: value for name, value in flags.items() if value or name not in ("crowd", "stuff")}
        others = extra.get("flags")
        if (
            isinstance(others, dict)
            and others
            and flags.keys().isdisjoint(others)
            and not any(n in _FLAGS and isinstance(v, bool) for n, v in others.items())
        ):
            flags |= extra.pop("flags")
        description = extra.pop("description") if extra.get("description") else ""
        head = {"flags": flags, "description": description, **_split(extra, _SHAPE_KEYS)}
        mask = instance.modal_mask
        if mask is not None and (mask.is_empty or instance.modal_box != mask.box):
            head["box"] = list(instance.modal_box)
        for i, part in enumerate(parts):
            more = head if i == 0 else {"flags": {}, "description": ""}
            group_id = group if len(parts) > 1 else None
            shapes.append({"label": categories[instance.category].name, **part, "group_id": group_id, **more})
    return shapes


def _parts(instance: Instance) -> list[dict[str, Any]]:
    mask = instance.modal_mask
    if mask is None:
        x1, y1, x2, y2 = instance.modal_box
        return [{"shape_type": "rectangle", "points": [[x1, y1], [x2, y2]]}]
    if mask.polygons is not None:
        return [
            {"shape_type": "polygon", "points": [list(p) for p in zip(polygon[::2], polygon[1::2], strict=True)]}
            for polygon in mask.polygons
        ]
    box = bx.outward(mask.box if not mask.is_empty else (0, 0, 1, 1))
    x1, y1, x2, y2 = box.tolist()
    png = BytesIO()
    Image.fromarray(mask.crop(box)).save(png, "PNG")
    code = base64.b64encode(png.getvalue()).decode("ascii")
    return [{"shape_type": "mask", "points": [[x1, y1], [x2 - 1, y2 - 1]], "mask": code}]


_HOLDS = frozenset(
    {
        *(Holds.MODAL_MASK, Holds.MODAL_BOX, Holds.POLYGONS, Holds.PIXELS, Holds.OVERLAP, Holds.EMPTY_IMAGES),
        *(Holds.CROWD, Holds.STUFF, Holds.WHOLE, Holds.OCCLUDED, Holds.TRUNCATED, Holds.DIFFICULT),
        *(Holds.IMAGE_EXTRA, Holds.INSTANCE_EXTRA),
    }
)
DIALECT = (
    Dialect(
        "labelme",
        "labelme (folder of JSON files)",
        "folder",
        _HOLDS,
        _recognise,
        _read,
        _write,
        partial(nameless, holds=_HOLDS),
        passed_over=_passed_over,
        files=("**/*.json",),
    ),
    Dialect(
        "labelme-file",
        "labelme (one JSON file)",
        "file",
        _HOLDS,
        _recognise_file,
        _read,
        passed_over=_passed_over,
    ),
)
