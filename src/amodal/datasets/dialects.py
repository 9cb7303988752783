"""What a dialect of annotation files is, and the list of those this package knows.

Each dialect is one module of this room with ``DIALECT``: a `Dialect`, or a tuple of them for its variants. A module is
imported when it is first needed; importing it reads and registers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol

from ..core.album import Album
from ..core.errors import AmodalError, AnnotationError
from ..core.records import ImageRecord
from .folders import find, has_yolo_lines
from .jsonfile import is_json, open_json
from .xmlfile import first_tag

MODULES = (
    "results",
    "cocoa",
    "kins",
    "lvis",
    "coco",
    "labelme",
    "cvat",
    "voc",
    "sbd",
    "pascal3d",
    "bop",
    "yolo",
)
"""Modules of this room with a ``DIALECT``, in the order in which they are asked to recognise a path."""


class Holds(StrEnum):
    """What a dialect may be able to hold; the value is how it is called when a conversion would lose it."""

    MODAL_MASK = "mask of the visible part"
    AMODAL_MASK = "mask of the whole object"
    MODAL_BOX = "box of the visible part that is not its mask's"
    AMODAL_BOX = "box of the whole object that is not its mask's"
    POLYGONS = "polygons as drawn"
    PIXELS = "masks of pixels, without polygons"
    OVERLAP = "masks of one picture that overlap"
    CROWD = "crowd regions"
    STUFF = "stuff regions"
    WHOLE = "judgement that an object is whole"
    ORDER = "depth rank"
    OCCLUSIONS = "pairs of objects, which hides which"
    OCCLUDE_RATE = "occlusion rate"
    OCCLUDED = "flag: occluded"
    TRUNCATED = "flag: truncated"
    DIFFICULT = "flag: difficult"
    SCORE = "score"
    IMAGE_IDS = "ids of pictures"
    INSTANCE_IDS = "ids of objects"
    CATEGORY_IDS = "ids of categories"
    SUPERCATEGORY = "supercategories"
    IMAGE_EXTRA = "further fields of pictures"
    INSTANCE_EXTRA = "further fields of objects"
    CATEGORY_EXTRA = "further fields of categories"
    FILE_EXTRA = "further members of the file"
    EMPTY_IMAGES = "pictures without objects"
    EMPTY_CATEGORIES = "categories without objects"


EVERYTHING = frozenset(Holds)
_PACKED = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")
"""How archives begin: label tools hand out such."""


@dataclass(frozen=True)
class Reading:
    """How to read.

    Attributes:
        images: folder of the pictures, for dialects that leave their sizes to them; None where it was not given.
        on_bad: called with what is wrong with each bad RECORD, which is then left out; None raises it instead. What is
            wrong with the file as a whole is always raised.
        answers: the annotations that a results file answers, where it is one.
        scratch: folder for nameless files in which large JSON files keep what they read; None keeps it in memory.
    """

    images: Path | None = None
    on_bad: Callable[[AmodalError], None] | None = None
    answers: Album | None = None
    scratch: Path | None = None

    def bad(self, problem: AmodalError) -> None:
        """Report one bad record, or raise it where nobody listens."""
        if self.on_bad is None:
            raise problem
        self.on_bad(problem)


class Read(Protocol):
    """Reads a path; raises `AmodalError` alone, whatever the bytes."""

    def __call__(self, path: Path, how: Reading) -> Album: ...


class Write(Protocol):
    """Writes what the dialect can hold of an album (the rest is left out) beside ``path``, then renames it there."""

    def __call__(self, album: Album, path: Path) -> None: ...


class Limits(Protocol):
    """Yields (what cannot be held, example) for losses that `Holds` has no word for: names used twice, 255 objects."""

    def __call__(self, record: ImageRecord, album: Album) -> Iterator[tuple[str, str]]: ...


BoxStyle = Literal["edges", "xywh", "pixels"]
"""x1, y1, x2, y2; COCO's x, y, width, height; VOC's xmin, ymin, xmax, ymax, counted from 1, ends included."""


@dataclass(frozen=True)
class Dialect:
    """One way to write annotations.

    Attributes:
        name: what ``--from`` and ``--to`` call it.
        title: what people call it.
        kind: whether its path is one file or a folder.
        holds: what survives writing and reading again, exactly.
        recognise: whether an existing path is of this dialect, judged from its content; False in doubt, never raises.
        read: see `Read`.
        write: see `Write`; None where it is read only.
        limits: see `Limits`; None where `holds` says all.
        boxes: how it gives them; reports show them so.
        by_stem: whether pictures are found by their names without suffix, so that two of one such name are one.
        passed_over: what of a path reading passes over, in words, a line each; None where that is nothing.
        files: of a folder that can be written, patterns of the files that hold what is read, a path's own where they
            depend on it; writing makes them anew.
        recognise_flat: whether a folder holds its files side by side, without the folders the dialect has; asked when
            `recognise` of every dialect has said no.
    """

    name: str
    title: str
    kind: Literal["file", "folder"]
    holds: frozenset[Holds]
    recognise: Callable[[Path], bool]
    read: Read
    write: Write | None = None
    limits: Limits | None = None
    boxes: BoxStyle = "edges"
    by_stem: bool = False
    passed_over: Callable[[Path], Iterator[str]] | None = None
    files: tuple[str, ...] | Callable[[Path], tuple[str, ...]] = ()
    recognise_flat: Callable[[Path], bool] | None = None

    def knows(self, path: Path) -> bool:
        """Whether an existing path is of this dialect, in whichever form; see `recognise`."""
        return self.recognise(path) or (self.recognise_flat is not None and self.recognise_flat(path))


def dialects() -> tuple[Dialect, ...]:
    """All dialects, in the order in which they are asked to recognise a path."""
    found: list[Dialect] = []
    for module in MODULES:
        given = import_module(f".{module}", __package__).DIALECT
        found.extend(given if isinstance(given, tuple) else (given,))
    return tuple(found)


def dialect_named(name: str) -> Dialect:
    """The dialect of that name.

    Raises:
        AnnotationError: there is none.
    """
    known = {dialect.name: dialect for dialect in dialects()}
    if name not in known:
        remedy = "give one of these; docs/formats.md describes them"
        raise AnnotationError("a dialect is one of " + ", ".join(sorted(known)), value=name, remedy=remedy)
    return known[name]


def check_kept(path: Path) -> None:
    """Refuse what cannot be read again and again.

    Raises:
        AnnotationError: nothing there; a pipe or a device.
    """
    if not path.exists():
        raise AnnotationError("the file cannot be read (No such file or directory)", file=path, remedy="check the path")
    if not path.is_file() and not path.is_dir():
        raise AnnotationError(
            "annotations are looked at more than once: a pipe or device cannot be",
            file=path,
            remedy="write them to a file first",
        )


def recognise(path: Path, scratch: Path | None = None) -> Dialect:
    """The dialect of a path, from its content. ``scratch``: see `Reading`.

    Raises:
        AnnotationError: nothing there, no dialect knows it, or files of two dialects lie side by side.
    """
    check_kept(path)
    kind = "folder" if path.is_dir() else "file"
    if kind == "file":
        is_json(path, lambda file: True, scratch)  # now all dialects ask the file as it was opened here
    for dialect in dialects():
        if dialect.kind == kind and dialect.recognise(path):
            return dialect
    if kind == "folder" and (flat := _flat(path)) is not None:
        return flat
    if kind == "file" and _looks_like_json(path) and open_json(path).items is not None:  # or says what is wrong with it
        raise AnnotationError(
            'an annotation file is an object with "images", "annotations" and "categories"',
            file=path,
            value="a list",
            remedy="give the annotation file here and the list beside it: a detector's results to amodal predict as "
            "--detections, predictions to amodal evaluate or show as --predictions",
        )
    if kind == "file" and first_tag(path) == "annotation":
        raise AnnotationError(
            "VOC is a folder of XML files, one a picture", file=path, remedy="give the folder the file lies in"
        )
    if kind == "folder" and path.name == "Annotations" and any(path.glob("*.xml")):
        raise AnnotationError(
            "VOC's Annotations/ is read with the folders beside it", file=path, remedy="give the folder above"
        )
    raise AnnotationError(
        "not an annotation file of a known dialect" if kind == "file" else "not a folder of a known dialect",
        file=path,
        remedy=f"{_hint(path)}see docs/formats.md; amodal check, convert and show can be told a dialect with --from",
    )


def _flat(path: Path) -> Dialect | None:
    """The dialect whose files lie side by side in a folder; None where there is none."""
    found = next((one for one in dialects() if one.recognise_flat is not None and one.recognise_flat(path)), None)
    if found is not None and found.name != "yolo" and _has_yolo_lines(path, "*.txt"):
        raise AnnotationError(
            "the files of a folder are of one dialect; XML files of VOC and texts of YOLO lie in this one",
            file=path,
            remedy="put the files of one of them into a folder of their own, or say which are meant: --from voc or "
            "--from yolo",
        )
    return found


def _has_yolo_lines(path: Path, *patterns: str) -> bool:
    return any(has_yolo_lines(file) for pattern in patterns for file in find(path, pattern))


def _hint(path: Path) -> str:
    """What to do about a path that is of no dialect, by what it is or what lies in it."""
    if path.is_file():
        with path.open("rb") as file:
            is_packed = file.read(4).startswith(_PACKED)
        return "unpack it first and give what was in it, " if is_packed else ""
    inside = sorted(file.name for pattern in ("*.json", "*.xml") for file in path.glob(pattern))
    if inside:
        return f"give one of its files ({', '.join(inside[:3])}{', ...' if len(inside) > 3 else ''}), "
    if _has_yolo_lines(path, "*.txt", "*/*.txt", "*/labels/*.txt"):
        return (
            "if these are YOLO's texts, write the names of the categories to classes.txt, beside them or in the folder "
            "above labels/, "
        )
    return ""


def _looks_like_json(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) in (b"{", b"[", b"\xff", b"\xfe", b"\xef")
