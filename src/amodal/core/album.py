"""Many annotated pictures in one block of memory."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from operator import attrgetter, index
from pathlib import Path, PurePosixPath
from typing import Any, overload

import numpy as np

from .errors import AnnotationError
from .given import checked_id
from .records import Category, ImageRecord, Instance

_INSTANCE = attrgetter(*(field.name for field in fields(Instance)))
_PICTURE = attrgetter("id", "file_name", "width", "height", "occlusions", "extra")


class Album(Sequence[ImageRecord]):
    """An immutable sequence of `ImageRecord`, kept as one byte buffer.

    A list of objects grows in every forked data-loading worker (each reference count touched copies a page); one
    buffer is shared by all of them. A record is built when it is asked for. A slice is an album, too; slices and
    filtered albums keep the order of ``annotation_ids``.

    Args:
        records: the pictures, in file order.
        categories: the kinds of object; `Instance.category` is a place in this list.
        source: the file they were read from, named in errors.
        annotation_ids: ids of all instances in the order of the file, where that is not the order of the pictures.
        extra: members of the file that mean nothing here (licences, remarks), kept so that they can be written back.

    Raises:
        AnnotationError: an id, a size or a category's number that is no whole number; numpy's become Python's own.
    """

    def __init__(
        self,
        records: Iterable[ImageRecord],
        categories: Sequence[Category],
        *,
        source: str | Path = "",
        annotation_ids: Sequence[int] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self.categories = tuple(map(_plain_category, categories))
        self.source = str(source)
        self.extra = extra or {}
        buffer = bytearray()  # grows in place: a list of parts, joined, would stand in memory twice
        ends: list[int] = []
        found: list[int] = []
        for record in records:
            record = _plain(record)
            buffer += _packed(record)
            ends.append(len(buffer))
            found += [instance.id for instance in record.instances]
        self._ends = np.asarray(ends, dtype=np.int64)
        self._buffer = np.frombuffer(buffer, dtype=np.uint8)
        ids = found if annotation_ids is None else annotation_ids
        try:
            self.annotation_ids = np.asarray(ids, dtype=np.int64)
        except OverflowError:
            raise AnnotationError("an id has 64 bits at the most", file=source, value=max(ids, key=abs)) from None

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, place: int) -> ImageRecord: ...
    @overload
    def __getitem__(self, place: slice) -> Album: ...
    def __getitem__(self, place: int | slice) -> ImageRecord | Album:
        if not isinstance(place, slice):
            return self._record(range(len(self))[index(place)])
        places = range(len(self))[place]
        return self if places == range(len(self)) else self._part(map(self._record, places))

    def _record(self, place: int) -> ImageRecord:
        start = int(self._ends[place - 1]) if place else 0
        return _unpacked(self._buffer[start : int(self._ends[place])].data)

    def __iter__(self) -> Iterator[ImageRecord]:
        return map(self._record, range(len(self)))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all records, in hexadecimal: the same for albums read from the same file by the same version."""
        return hashlib.sha256(self._buffer.data).hexdigest()

    def filter(self, keep: Callable[[ImageRecord], ImageRecord | None]) -> Album:
        """A new album of what ``keep`` returns for each picture, without those where it returns None."""
        return self._part(kept for record in self if (kept := keep(record)) is not None)

    def _part(self, records: Iterable[ImageRecord]) -> Album:
        """An album of some of its records; their objects in the order of its own, new ones behind these."""
        part = Album(records, self.categories, source=self.source, extra=self.extra)
        order = np.argsort(self.annotation_ids, kind="stable")
        place = np.searchsorted(self.annotation_ids, part.annotation_ids, sorter=order)
        order = np.append(order, len(order))  # where an id is none of these
        found = order[place]
        known = np.append(self.annotation_ids, 0)[found] == part.annotation_ids
        rank = np.where(known, found, len(order))
        part.annotation_ids = part.annotation_ids[np.argsort(rank, kind="stable")]
        return part


def _plain(record: ImageRecord) -> ImageRecord:
    """The same with whole numbers of Python's own: those of pandas and numpy go into no JSON file."""
    numbers = (record.id, record.width, record.height)
    if type(record.id) is type(record.width) is type(record.height) is int and _are_plain(record.instances):
        return record
    name = f"picture {record.file_name}"
    number, width, height = (checked_id(n, "an id or a size", record=name) for n in numbers)
    instances = tuple(
        replace(o, id=checked_id(o.id, record=name), category=checked_id(o.category, "a category", record=name))
        for o in record.instances
    )
    return replace(record, id=number, width=width, height=height, instances=instances)


def _are_plain(instances: Sequence[Instance]) -> bool:
    # a loop: `all` of a generator takes twice as long, and every object comes by here
    for instance in instances:  # noqa: SIM110
        if type(instance.id) is not int or type(instance.category) is not int:
            return False
    return True


def _plain_category(category: Category) -> Category:
    if not isinstance(category, Category):
        raise AnnotationError("categories are a list of Category", value=category, remedy="give Category(id, name)")
    return category if type(category.id) is int else replace(category, id=checked_id(category.id))


def _packed(record: ImageRecord) -> bytes:
    # plain tuples: a dataclass with slots pickles field by field in Python, five times slower
    plain = (_PICTURE(record), [_INSTANCE(instance) for instance in record.instances])
    return pickle.dumps(plain, protocol=pickle.HIGHEST_PROTOCOL)


def _unpacked(data: memoryview) -> ImageRecord:
    (image_id, name, width, height, occlusions, extra), plain = pickle.loads(data)  # our own bytes, never a file's
    return ImageRecord(image_id, name, width, height, tuple(Instance(*values) for values in plain), occlusions, extra)


def image_path(folder: str | Path, file_name: str, *, file: object = "") -> Path:
    """Where a record's picture lies; refuses a name that leads out of the folder.

    Backslashes part folders, as on Windows, but where a file of that very name is there.

    Raises:
        AnnotationError: the name is absolute, names no file or climbs out of the folder.
    """
    name = PurePosixPath(file_name.replace("\\", "/"))
    if not name.parts or name.is_absolute() or ".." in name.parts or re.match(r"[A-Za-z]:", name.parts[0]):
        raise AnnotationError(
            "a picture's file_name is a path inside the folder of the pictures",
            file=file,
            value=file_name,
            remedy="give file_name relative to the folder, without '..'",
        )
    if "\\" in file_name and PurePosixPath(file_name).name == file_name and (Path(folder) / file_name).is_file():
        return Path(folder) / file_name
    return Path(folder) / name
