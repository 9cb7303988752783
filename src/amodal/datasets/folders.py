"""What dialects made of many files share: files in a folder, whole folders written at once, names and categories."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import count, islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..core.album import Album, image_path
from ..core.boxes import outward
from ..core.errors import AnnotationError
from ..core.masks import Mask
from ..core.records import Category, ImageRecord, Instance
from .scratch import writing

_MAX_PIXELS = 500_000_000

VOC_NAMES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""The 20 categories of PASCAL VOC; the first is number 1."""

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"})


def find(folder: Path, pattern: str, *, most: int | None = None) -> list[Path]:
    """The files below a folder that match a pattern, sorted; with ``most``, some of them."""
    try:
        return sorted(islice((path for path in folder.glob(pattern) if path.is_file()), most))
    except OSError:
        return []


def pictures(folder: Path) -> dict[str, list[Path]]:
    """The pictures below a folder by their path in it without suffix (``/`` between); most names have one."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICTURES:
            found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), []).append(path)
    return found


def name_categories(names: Iterable[str], *, voc: bool = True) -> tuple[Category, ...]:
    """Categories for files that know names only: VOC's twenty with their numbers where all are VOC's (and ``voc``),
    else the names sorted, numbered from 1."""
    found = set(names)
    listed = VOC_NAMES if voc and found and found <= set(VOC_NAMES) else sorted(found)
    return tuple(Category(i, name) for i, name in enumerate(listed, 1))


def stem_of(record: ImageRecord) -> str:
    """A picture's file name without suffix, ``/`` between folders."""
    return PurePosixPath(record.file_name.replace("\\", "/")).with_suffix("").as_posix()


def unique_stems(records: Iterable[ImageRecord]) -> Iterator[tuple[ImageRecord, str]]:
    """Each record with its file name without suffix (``/`` between folders), made unique by a number at the end.

    Raises:
        AnnotationError: a file name that leads out of the folder.
    """
    taken: set[str] = set()
    for record in records:
        image_path(".", record.file_name)  # refuses a name that would be written elsewhere
        unique = next(name for name in _numbered(stem_of(record)) if name not in taken)
        taken.add(unique)
        yield record, unique


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to write into, which takes its place when all is written: nobody sees half of it.

    Raises:
        AnnotationError: there is something at the place already, other than an empty folder; it has no name of its own
            ("." or ".."); it cannot be written.
    """
    if path.name in ("", ".."):
        raise AnnotationError("a new folder has a name of its own", file=path, remedy="name one inside")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise AnnotationError("a new folder is written, over nothing", file=path, remedy="name one that does not exist")
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir()
        try:
            yield beside
            if path.exists():
                path.rmdir()
            beside.replace(path)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


@dataclass(slots=True)
class Drafts:
    """Records of files that number nothing: objects get ids 1, 2, ... and categories a list when all are known.

    Attributes:
        records: each with its objects, whose ``category`` is a place in ``names`` and whose id is not yet one.
        names: category names in the order they were met.
    """

    records: list[ImageRecord] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)

    def place(self, name: str) -> int:
        """Where a name stands in ``names``."""
        return self.names.setdefault(name, len(self.names))

    def album(self, source: Path, categories: tuple[Category, ...] | None = None) -> Album:
        """The finished album, with `name_categories` unless categories are given (which must have all names)."""
        if categories is None:
            categories = name_categories(self.names)
        places = {category.name: i for i, category in enumerate(categories)}
        there = [places[name] for name in self.names]
        number = count(1)
        finished = (
            replace(
                record,
                instances=tuple(replace(i, id=next(number), category=there[i.category]) for i in record.instances),
            )
            for record in self.records
        )
        return Album(finished, categories, source=source)


def read_index_png(
    path: Path, content: bytes | None = None, *, size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """The numbers of a palette (or grey) PNG, not its colours; uint8 ``(H, W)``.

    Args:
        path: the file, named in errors.
        content: the PNG itself, where it stands within that file.
        size: (width, height) it must have, where known: looked at before anything is decoded.

    Raises:
        AnnotationError: missing, not such a PNG, of another size, or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path if content is None else BytesIO(content), formats=["PNG"]) as image:
                if image.mode not in ("P", "L", "1") or image.width * image.height > _MAX_PIXELS:
                    raise AnnotationError(
                        f"a mask PNG has a palette (mode P or L) and at the most {_MAX_PIXELS} pixels",
                        file=path,
                        value=(image.mode, image.size),
                        remedy="save the object numbers, not their colours",
                    )
                if size is not None and image.size != size:
                    raise AnnotationError(
                        f"the mask PNG is {size[0]} x {size[1]} pixels, as its picture or points say",
                        file=path,
                        value=image.size,
                        remedy="write it again in that size",
                    )
                return np.asarray(image, dtype=np.uint8)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        raise AnnotationError(f"the mask PNG cannot be read ({problem})", file=path, remedy="copy it again") from None


def write_index_png(path: Path, numbers: NDArray[np.uint8]) -> None:
    """Write a palette PNG with VOC's colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(numbers)
    image.putpalette(_palette())
    image.save(path)


def paint(instances: Sequence[Instance], width: int, height: int, numbers: Sequence[int]) -> NDArray[np.int64]:
    """One number a pixel, 0 where there is no object; int64 ``(H, W)``.

    Where masks overlap the pixel goes to the front one: the lower ``order``, then the smaller mask, then the later.
    """

    def depth(k: int) -> tuple[float, int, int]:
        order, mask = instances[k].order, instances[k].modal_mask
        return (np.inf if order is None else float(order), mask.area if mask is not None else 0, -k)

    canvas = np.zeros((height, width), dtype=np.int64)
    for k in sorted(range(len(instances)), key=depth, reverse=True):
        mask = instances[k].modal_mask
        if mask is not None and not mask.is_empty:
            box = outward(mask.box)
            x1, y1, x2, y2 = box.tolist()
            canvas[y1:y2, x1:x2][mask.crop(box)] = numbers[k]
    return canvas


def masks_of(numbers: NDArray[Any]) -> dict[int, Mask]:
    """The reverse of `paint`: the mask of each number but 0."""
    height, width = numbers.shape
    masks: dict[int, Mask] = {}
    for value in np.unique(numbers).tolist():
        if value:
            found = numbers == value
            rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
            y1, y2, x1, x2 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
            masks[value] = Mask.from_crop(found[y1:y2, x1:x2], x1, y1, width, height)
    return masks


def _palette() -> list[int]:
    """VOC's colour map: bit j of a number's three lowest bits, from the top bit of red, green and blue down."""
    colours = []
    for number in range(256):
        rgb = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                rgb[channel] |= ((number >> (3 * (bit) + channel)) & 1) << (7 - bit) if 3 * bit + channel < 8 else 0
        colours += rgb
    return colours


def disc(
    centre: tuple[float, float],
    radii: tuple[float, float],
    size: tuple[int, int],
    *,
    turn_deg: float = 0.0,
    file: object = "",
    record: str = "",
) -> Mask:
    """The pixels of a picture of that (width, height) whose centres lie in an ellipse, turned clockwise as one sees it.

    Raises:
        AnnotationError: a radius that is not positive, or a number that is not finite.
    """
    if not np.isfinite([*centre, *radii, turn_deg]).all() or min(radii) <= 0:
        raise AnnotationError(
            "a circle or ellipse has a centre and radii above 0",
            file=file,
            record=record,
            value=(*centre, *radii),
            remedy="draw it again or remove it",
        )
    columns, rows = np.meshgrid(*(np.arange(n) + 0.5 - c for n, c in zip(size, centre, strict=True)))
    c, s = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    return Mask.from_array(((c * columns + s * rows) / radii[0]) ** 2 + ((c * rows - s * columns) / radii[1]) ** 2 <= 1)
