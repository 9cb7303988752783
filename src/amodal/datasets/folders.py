"""What dialects made of many files share: files in a folder, whole folders written at once, names and categories."""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import count, islice
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..core.album import Album, image_path
from ..core.boxes import outward
from ..core.errors import AnnotationError
from ..core.masks import MAX_PIXELS, Mask
from ..core.records import Category, ImageRecord, Instance
from .scratch import writing
from .spilled import SpilledAlbum

VOC_NAMES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""The 20 categories of PASCAL VOC; the first is number 1."""

_NUMBERS = "a mask PNG has object numbers (mode P or L), or their colours in VOC's colour map (mode RGB)"
_SAVE_NUMBERS = "save it with a palette, value i for the i-th object"

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"})


def find(folder: Path, pattern: str, *, most: int | None = None) -> list[Path]:
    """The files below a folder that match a pattern, sorted; with ``most``, some of them."""
    try:
        return sorted(islice((path for path in folder.glob(pattern) if path.is_file()), most))
    except OSError:
        return []


def has_yolo_lines(file: Path) -> bool:
    """Whether a text begins as a line of YOLO's does: others may lie beside pictures, too."""
    try:
        with file.open("rb") as text:
            words = text.read(200).split(maxsplit=2)
        return len(words) > 1 and words[0].isdigit() and isfinite(float(words[1]))
    except (OSError, ValueError):
        return False


def pictures(folder: Path) -> dict[str, list[Path]]:
    """The pictures below a folder by their path in it without suffix (``/`` between); most names have one."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICTURES:
            found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), []).append(path)
    return found


def left_behind(folder: Path, patterns: Iterable[str], new: Path) -> Iterator[str]:
    """The files below a folder that match no pattern, and that ``new`` does not have as they are, in words.

    One line for all in a folder of it, or two deep.
    """
    known = {file for pattern in patterns for file in folder.glob(pattern)}
    found: dict[tuple[str, ...], list[str]] = {}
    for file in find(folder, "**/*"):
        twin = new / file.relative_to(folder)
        if file not in known and not (twin.is_file() and filecmp.cmp(file, twin, shallow=False)):
            where = file.relative_to(folder).parent.parts[:2]
            found.setdefault(where, []).append(file.relative_to(folder.joinpath(*where)).as_posix())
    for where, names in found.items():
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        inside = f" of {'/'.join(where)}" if where else ""
        yield f"{len(names)} {'file' if len(names) == 1 else 'files'}{inside} ({shown})"


def name_categories(names: Iterable[str], *, voc: bool = True) -> tuple[Category, ...]:
    """Categories for files that know names only: VOC's twenty with their numbers where all are VOC's (and ``voc``),
    else the names sorted, numbered from 1."""
    found = set(names)
    listed = VOC_NAMES if voc and found and found <= set(VOC_NAMES) else sorted(found)
    return tuple(Category(i, name) for i, name in enumerate(listed, 1))


def stem_of(record: ImageRecord) -> str:
    """A picture's file name without suffix, ``/`` between folders."""
    path = PurePosixPath(record.file_name.replace("\\", "/"))
    return (path.with_suffix("") if path.name else path).as_posix()  # "/" and "." are no names: writing refuses them


def unique_stems(records: Iterable[ImageRecord], album: Album) -> Iterator[tuple[ImageRecord, str]]:
    """Each record with its file name without suffix (``/`` between folders), made unique by a number at the end.

    Args:
        records: what is to be written.
        album: where they are from: a number makes no name that another picture of it has.

    Raises:
        AnnotationError: a file name that leads out of the folder.
    """
    every = album.pictures if isinstance(album, SpilledAlbum) else map(album.__getitem__, range(len(album)))
    names = {stem_of(record) for record in every}
    taken: set[str] = set()
    for record in records:
        image_path(".", record.file_name)  # refuses a name that would be written elsewhere
        unique = own = stem_of(record)
        number = 2
        while unique in taken or (unique in names and unique != own):
            unique = f"{own}_{number}"
            number += 1
        taken.add(unique)
        yield record, unique


@contextmanager
def new_folder(path: Path, may_replace: Callable[[Path], bool] = lambda _: False) -> Iterator[Path]:
    """A folder to write into, which takes its place when all is written: nobody sees half of it.

    A link stays: the folder it names is made or replaced.

    Args:
        path: its place.
        may_replace: whether a folder at that place, one that holds something, may be replaced.

    Raises:
        AnnotationError: there is something at the place already, other than an empty folder; it has no name of its own
            ("." or ".."); it is a disk's own folder, which cannot be replaced; it cannot be written.
    """
    if path.name in ("", ".."):
        raise AnnotationError("a new folder has a name of its own", file=path, remedy="name one inside")
    place = Path(os.path.realpath(path))
    if os.path.ismount(place) or place.is_symlink():  # what is still a link leads round in a circle
        raise AnnotationError(
            "a new folder takes its place by a rename: a mount point, or a link to itself, cannot be that place",
            file=path,
            remedy="name a folder inside, or another",
        )
    beside, old = (place.with_name(f".{place.name}.{os.getpid()}.{word}") for word in ("part", "old"))

    def is_free() -> bool:
        return not place.exists() or (place.is_dir() and (not any(place.iterdir()) or may_replace(place)))

    with writing(place):
        if not is_free():
            raise AnnotationError(
                "a new folder is written, over nothing", file=path, remedy="name one that does not exist"
            )
        for left in (beside, old):  # of a process that was killed and had our number
            shutil.rmtree(left, ignore_errors=True)
        beside.mkdir(parents=True)
        try:
            yield beside
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        moved = False
        try:
            if not is_free():
                raise FileExistsError(errno.EEXIST, "something was put there meanwhile")
            if place.exists():
                place.rename(old)
                moved = True
            beside.rename(place)
        except OSError as problem:
            if moved:
                with suppress(OSError):  # the error tells where the new one is; the old one stays beside it
                    old.rename(place)
            raise AnnotationError(
                f"the new folder cannot take its place ({problem.strerror})",
                file=path,
                remedy=f"it is whole in {beside}: rename it yourself",
            ) from None
        shutil.rmtree(old, ignore_errors=True)


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

    Of a PNG in colours alone (CVAT exports VOC so) the numbers whose colours these are in VOC's colour map.

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
                if image.width * image.height > MAX_PIXELS:
                    rule = f"a mask has at the most {MAX_PIXELS} pixels"
                    raise AnnotationError(rule, file=path, value=image.size, remedy="shrink it")
                if image.mode not in ("P", "L", "1", "RGB"):
                    raise AnnotationError(_NUMBERS, file=path, value=image.mode, remedy=_SAVE_NUMBERS)
                if size is not None and image.size != size:
                    raise AnnotationError(
                        f"the mask PNG is {size[0]} x {size[1]} pixels, as its picture or points say",
                        file=path,
                        value=image.size,
                        remedy="write it again in that size",
                    )
                pixels = np.asarray(image, dtype=np.uint8)
                return pixels if pixels.ndim == 2 else _numbers_of(pixels, path)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        raise AnnotationError(f"the mask PNG cannot be read ({problem})", file=path, remedy="copy it again") from None


def _numbers_of(colours: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    """The numbers whose colours in VOC's map a picture ``(H, W, 3)`` shows."""
    numbers = np.zeros(colours.shape[:2], dtype=np.uint8)
    for bit in range(8):  # see `_palette`
        numbers |= ((colours[..., bit % 3] >> (7 - bit // 3)) & 1) << bit
    table = np.array(_palette(), dtype=np.uint8).reshape(-1, 3)
    for channel in range(3):
        other = np.argwhere(table[numbers, channel] != colours[..., channel])
        if len(other):
            y, x = other[0].tolist()
            value = f"{tuple(colours[y, x].tolist())} at x {x}, y {y}"
            raise AnnotationError(_NUMBERS, file=path, value=value, remedy=_SAVE_NUMBERS)
    return numbers


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
    places = np.flatnonzero(numbers)
    values = numbers.ravel()[places]
    by_value = np.argsort(values, kind="stable")
    found, starts = np.unique(values[by_value], return_index=True)
    masks: dict[int, Mask] = {}
    for value, start, stop in zip(found.tolist(), starts, [*starts, len(values)][1:], strict=True):
        mine = places[by_value[start:stop]]
        rows, columns = np.divmod(mine, width)
        y1, x1 = int(rows[0]), int(columns.min())
        crop = np.zeros((int(rows[-1]) + 1 - y1, int(columns.max()) + 1 - x1), dtype=np.bool_)
        crop[rows - y1, columns - x1] = True
        masks[value] = Mask.from_crop(crop, x1, y1, width, height)
    return masks


def _palette() -> list[int]:
    """VOC's colour map: bit j of a number's three lowest bits, from the top bit of red, green and blue down."""
    colours = []
    for number in range(256):
        rgb = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                rgb[channel] |= ((number >> (3 * bit + channel)) & 1) << (7 - bit)
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
    c, s = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    reach = np.hypot((c * radii[0], s * radii[0]), (s * radii[1], c * radii[1]))  # to the side, and up and down
    low = np.clip(np.floor(centre - reach) - 1, 0, size).astype(int).tolist()
    high = np.clip(np.ceil(centre + reach) + 1, 0, size).astype(int).tolist()
    columns, rows = np.meshgrid(*(np.arange(a, b) + 0.5 - m for a, b, m in zip(low, high, centre, strict=True)))
    inside = ((c * columns + s * rows) / radii[0]) ** 2 + ((c * rows - s * columns) / radii[1]) ** 2 <= 1
    return Mask.from_crop(inside, low[0], low[1], *size)
