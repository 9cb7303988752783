"""YOLO segmentation text: one ``.txt`` a picture, one line an object.

A line is the category's number, from 0, and a polygon ``x1 y1 x2 y2 ...`` in shares of the picture's width and
height; an odd number more is a score. Four numbers are a box (middle x, middle y, width, height). Names stand in
``data.yaml`` or ``classes.txt``, which may lie among the texts. ``labels/train/a.txt`` belongs to
``images/train/a.jpg``, or ``train/labels/a.txt`` to ``train/images/a.jpg``. Sizes come from the pictures, so these must
be there (``--images`` where they lie elsewhere); a picture without a file has no objects. Where there is no folder
``labels``, the texts and ``classes.txt`` lie beside the pictures, as labelImg leaves them. With ``kpt_shape`` in
``data.yaml`` a line is a box and keypoints, which are passed over. Nothing else of it is used: no path is followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AmodalError, AnnotationError
from ..core.images import read_size
from ..core.masks import Mask
from ..core.records import Category, ImageRecord, Instance
from .dialects import Dialect, Holds, Reading
from .folders import find, has_yolo_lines, new_folder, pictures, unique_stems
from .jsonfile import write_text
from .reduce import objects_held

_LIST = "classes.txt"
_WRITTEN = {"path": ".", "train": "images", "val": "images"}
_SLACK = 0.01
"""How far beyond the picture a point may lie, as a share of it: rounding of other tools."""


def _recognise(path: Path) -> bool:
    named = (path / "classes.txt").is_file() or any(find(path, "*.yaml", most=1)) or bool(_lists(path))
    return named and bool(find(path / "labels", "**/*.txt", most=1) or find(path, "*/labels/**/*.txt", most=1))


def _recognise_flat(path: Path) -> bool:
    """Whether texts lie beside the pictures, and what names the categories is there, too."""
    if _folders(path) or not any(map(has_yolo_lines, find(path, "*.txt"))):
        return False
    if (path / _LIST).is_file():
        return True
    file = _settings(path)
    try:
        return file is not None and "names" in _yaml(file.read_bytes())
    except (OSError, ValueError, RecursionError, TypeError):
        return False


def _folders(path: Path) -> list[Path]:
    """The folders of texts; none where these lie beside the pictures."""
    return [path / "labels"] if (path / "labels").is_dir() else sorted(path.glob("*/labels"))


def _read(path: Path, how: Reading) -> Album:
    names, keypoints = _names(path), _keypoints(path)
    records: list[ImageRecord] = []
    next_id = 1
    claimed: dict[Path, str] = {}
    for number, (picture, file_name, label) in enumerate(_pairs(path, how), 1):
        try:
            if claimed.setdefault(label, file_name) != file_name and label.is_file():
                raise AnnotationError(
                    f"a text belongs to one picture, and {claimed[label]} has this name, too",
                    file=label,
                    value=file_name,
                    remedy="rename one of the pictures, or take it out of the folder",
                )
            if picture is None:
                raise AnnotationError(
                    "each text has a picture: its size is needed",
                    file=label,
                    remedy="give the folder of the pictures (--images), with the same names",
                )
            record = _image(picture, file_name, label, number, next_id, (len(names), keypoints), how)
        except AmodalError as problem:
            how.bad(problem)
            continue
        records.append(record)
        next_id += len(record.instances)
    return Album(records, tuple(Category(i, name) for i, name in enumerate(names)), source=path)


def _pairs(path: Path, how: Reading) -> Iterator[tuple[Path | None, str, Path]]:
    """(picture or None, its name, text) of all pictures and texts; the text may not exist."""
    folders = _folders(path)
    for labels in folders or [path]:
        is_flat = not folders
        is_split = not is_flat and labels.parent != path
        inside = f"{labels.parent.name}/images" if is_split else "." if is_flat else "images"
        folder, before = path / inside, f"{inside}/" if is_split else ""
        if how.images is not None:
            apart = is_split and (how.images / inside).is_dir()
            folder, before = (how.images / inside, before) if apart else (how.images, "")
        found = pictures(folder)
        texts = {file.relative_to(labels).with_suffix("").as_posix(): file for file in find(labels, "**/*.txt")}
        texts = {stem: file for stem, file in texts.items() if file.name != _LIST or stem in found}
        if is_flat:
            texts = {stem: file for stem, file in texts.items() if stem in found or has_yolo_lines(file)}
        if is_split and not before:  # one folder of all pictures: those without a text may be another's
            found = {stem: found[stem] for stem in texts if stem in found}
        for stem in sorted(found.keys() | texts.keys()):
            text = texts.get(stem, labels / f"{stem}.txt")
            if stem not in found:
                yield None, before + stem, text
            for picture in found.get(stem, []):
                yield picture, before + picture.relative_to(folder).as_posix(), text


def _lists(path: Path) -> list[Path]:
    """Lists of names among the texts, as labelImg leaves them."""
    return find(path / "labels", f"**/{_LIST}") or find(path, f"*/labels/**/{_LIST}")


def _settings(path: Path) -> Path | None:
    """``data.yaml``, or another such file where there is none."""
    return next(iter(sorted(find(path, "*.yaml"), key=lambda file: file.name != "data.yaml")), None)


def _names(path: Path) -> list[str]:
    file, lists = path / _LIST, list[Path]()
    if not file.is_file():
        given = _settings(path)
        lists = _lists(path) if given is None else []
        file = lists[0] if lists else given or path / "data.yaml"
    try:
        if file.name == _LIST:
            words = file.read_text("utf-8-sig")
            if other := next((one for one in lists if one.read_text("utf-8-sig").split() != words.split()), None):
                raise AnnotationError(
                    "lists of names among the texts are alike",
                    file=other,
                    value=str(file),
                    remedy=f"write the list all texts go by to {path / _LIST}",
                )
            lines = words.rstrip().splitlines()
            return [line.strip() or str(i) for i, line in enumerate(lines)]  # a line is a number, empty or not
        names = _yaml(file.read_bytes()).get("names")
    except (OSError, ValueError, RecursionError, AttributeError) as problem:
        raise AnnotationError(
            f"the names cannot be read ({problem})", file=file, remedy="see docs/formats.md"
        ) from None
    if isinstance(names, dict) and sorted(map(str, names)) == sorted(map(str, range(len(names)))):
        names = [names[key] for key in sorted(names, key=int)]
    if not isinstance(names, list) or not all(isinstance(name, str | int) for name in names):
        raise AnnotationError(
            '"names" lists the categories, from 0', file=file, value=names, remedy="see docs/formats.md"
        )
    return [str(name) for name in names]


def _files(path: Path) -> tuple[str, ...]:
    """The texts, and where the names stand."""
    settings = _settings(path)
    names = (_LIST, *([] if settings is None else [escape(settings.name)]))
    if _folders(path):
        return (*names, "labels/**/*.txt", "*/labels/**/*.txt")
    found = pictures(path)
    texts = ((file.relative_to(path), file) for file in find(path, "**/*.txt"))
    mine = (name for name, file in texts if name.with_suffix("").as_posix() in found or has_yolo_lines(file))
    return (*names, *(escape(name.as_posix()) for name in mine))


def _keypoints(path: Path) -> int:
    """How many numbers behind a line's box are keypoints, by ``kpt_shape: [points, numbers of each]``."""
    file = _settings(path)
    try:
        shape = None if file is None else _yaml(file.read_bytes()).get("kpt_shape")
    except (OSError, ValueError, RecursionError, AttributeError):
        return 0  # where the names stand elsewhere, it need not be sound
    if not isinstance(shape, list) or len(shape) != 2 or not all(type(v) is int and 0 < v < 10_000 for v in shape):
        return 0
    return int(shape[0] * shape[1])


def _passed_over(path: Path) -> Iterator[str]:
    file = _settings(path)
    if file is None:
        return
    try:
        given = _yaml(file.read_bytes())
        keys = sorted(str(key) for key, value in given.items() if key != "names" and _WRITTEN.get(key) != value)
    except (OSError, ValueError, RecursionError, AttributeError, TypeError):
        return  # where the names stand elsewhere, it need not be sound
    if keys:
        yield f"{', '.join(keys)} of {file.name}"


def _yaml(content: bytes) -> Any:
    import yaml  # 30 ms, for this dialect alone

    try:
        return yaml.safe_load(content)
    except yaml.YAMLError as problem:
        raise ValueError(str(problem).replace("\n", " ")) from None


def _image(
    picture: Path, name: str, label: Path, number: int, next_id: int, form: tuple[int, int], how: Reading
) -> ImageRecord:
    """``form``: how many categories there are, and how many numbers of a line are keypoints."""
    width, height = read_size(picture)
    try:
        lines = label.read_text("utf-8-sig").splitlines() if label.is_file() else []
    except (OSError, UnicodeDecodeError) as problem:
        raise AnnotationError(f"the text cannot be read ({problem})", file=label, remedy="save it as UTF-8") from None
    instances: list[Instance] = []
    for i, line in enumerate(lines, 1):
        try:
            if line.strip():
                instances.append(_instance(line, next_id + len(instances), form, (width, height), label, f"line {i}"))
        except AmodalError as problem:
            how.bad(problem)
    return ImageRecord(number, name, width, height, tuple(instances))


def _instance(
    line: str, number: int, form: tuple[int, int], size: tuple[int, int], file: Path, record: str
) -> Instance:
    kinds, keypoints = form
    remedy = "write it again from the polygon in pixels"
    try:
        values = np.array(line.split(), dtype=np.float64)
    except ValueError:
        values = np.empty(0)
    if len(values) < 5 or not np.isfinite(values).all():
        rule = "a line is a category's number and a polygon of three points or more, or a box"
        raise AnnotationError(rule, file=file, record=record, value=line, remedy=remedy)
    kind, shape = values[0], values[1:]
    if keypoints and len(shape) >= 4 + keypoints:
        shape = np.delete(shape, slice(4, 4 + keypoints))
    if not kind.is_integer() or not 0 <= kind < kinds:
        rule = f"a line begins with a category's number, 0 to {kinds - 1}"
        raise AnnotationError(
            rule, file=file, record=record, value=line.split()[0], remedy="list its name, or correct it"
        )
    score = None
    if len(shape) % 2:
        shape, score = shape[:-1], float(shape[-1])
        if not 0 <= score <= 1:
            raise AnnotationError("a score is 0 to 1", file=file, record=record, value=score, remedy=remedy)
    if shape.min() < -_SLACK or shape.max() > 1 + _SLACK:
        rule = "coordinates are shares of the picture's width and height, 0 to 1"
        raise AnnotationError(rule, file=file, record=record, value=line, remedy=remedy)
    if len(shape) == 4:
        x, y, w, h = (float(v) for v in shape * np.tile(size, 2))
        edges = np.round((x - w / 2, y - h / 2, x + w / 2, y + h / 2), 6)
        box = bx.check(edges, *size, file=file, record=record, stated=line)
        return Instance(number, int(kind), box, score=score)
    # what was written from pixels comes back as it was: 17 digits divided and multiplied are off in the last one
    points = np.round(shape.reshape(-1, 2) * size, 6)
    mask = Mask.from_polygons([points.ravel().tolist()], *size, file=file, record=record)
    if mask.is_empty:
        raise AnnotationError("an object has a pixel", file=file, record=record, value=line, remedy=remedy)
    return Instance(number, int(kind), mask.box, mask, score=score)


def _write(album: Album, path: Path) -> None:
    """Objects drawn as polygons, no others: a box among polygons would be read as one. Several of one are joined."""
    with new_folder(path) as folder:
        (folder / "images").mkdir()
        for record, stem in unique_stems(objects_held(album, _HOLDS), album):
            lines = [_line(instance, record) for instance in record.instances]
            write_text(folder / "labels" / f"{stem}.txt", "".join(f"{line}\n" for line in lines if line))
        import yaml

        names = {i: category.name for i, category in enumerate(album.categories)}
        content = {**_WRITTEN, "names": names}
        # YAML's own further line ends, written as they are, are read as blanks
        as_they_are = not any(end in name for name in names.values() for end in "\x85\u2028\u2029")
        write_text(folder / "data.yaml", yaml.safe_dump(content, sort_keys=False, allow_unicode=as_they_are))


def _drawn(instance: Instance) -> tuple[tuple[float, ...], ...] | None:
    mask = instance.modal_mask
    return None if mask is None or mask.is_empty else mask.polygons


def _line(instance: Instance, record: ImageRecord) -> str | None:
    polygons = _drawn(instance)
    if polygons is None:
        return None
    points = _joined([np.asarray(polygon, np.float64).reshape(-1, 2) for polygon in polygons])
    values = np.clip(points / (record.width, record.height), 0, 1).ravel()
    return " ".join([str(instance.category), *map(repr, values.tolist())])


def _joined(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """One outline of several: each next one reached from the nearest point, there and back on the same line."""
    whole = parts[0]
    for part in parts[1:]:
        gaps = ((whole[:, None] - part) ** 2).sum(axis=-1)
        i, j = np.unravel_index(int(gaps.argmin()), gaps.shape)
        there = np.roll(part, -int(j), axis=0)
        whole = np.concatenate([whole[: i + 1], there, there[:1], whole[i:]])
    return whole


def _limits(record: ImageRecord, album: Album) -> Iterator[tuple[str, str]]:
    """One outline an object, within the picture, to a millionth of a pixel."""
    for instance in record.instances:
        where = f"{record.file_name}, object {instance.id}"
        polygons = _drawn(instance)
        if polygons is None:
            continue
        points = np.concatenate([np.asarray(polygon, np.float64) for polygon in polygons]).reshape(-1, 2)
        if len(polygons) > 1:
            yield "objects of several polygons (they are joined by lines)", where
        if (points < 0).any() or (points > (record.width, record.height)).any():
            yield "polygons that reach beyond the picture", where
        if (np.round(points, 6) != points).any():
            yield "digits of a polygon beyond a millionth of a pixel", where


_HOLDS = frozenset({Holds.MODAL_MASK, Holds.POLYGONS, Holds.OVERLAP, Holds.EMPTY_IMAGES, Holds.EMPTY_CATEGORIES})
DIALECT = Dialect(
    "yolo",
    "YOLO segmentation (folder of texts)",
    "folder",
    _HOLDS,
    _recognise,
    _read,
    _write,
    _limits,
    by_stem=True,
    passed_over=_passed_over,
    files=_files,
    recognise_flat=_recognise_flat,
)
