"""Many annotated pictures in one block of memory."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from .errors import AnnotationError
from .records import Category, ImageRecord, Instance

_INSTANCE = attrgetter(*(field.name for field in fields(Instance)))
_PICTURE = attrgetter("id", "file_name", "width", "height", "occlusions", "extra")


class Album(Sequence[ImageRecord]):
    """An immutable sequence of `ImageRecord`, kept as one byte buffer.

    A list of objects grows in every forked data-loading worker (each reference count touched copies a page); one
    buffer is shared by all of them. A record is built when it is asked for.

    Args:
        records: the pictures, in file order.
        categories: the kinds of object; `Instance.category` is a place in this list.
        source: the file they were read from, named in errors.
        annotation_ids: ids of all instances in the order of the file, where that is not the order of the pictures.
        extra: members of the file that mean nothing here (licences, remarks), kept so that they can be written back.
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
        self.categories = tuple(categories)
        self.source = str(source)
        self.extra = extra or {}
        buffer = bytearray()  # grows in place: a list of parts, joined, would stand in memory twice
        ends: list[int] = []
        found: list[int] = []
        for record in records:
            buffer += _packed(record)
            ends.append(len(buffer))
            found.extend(instance.id for instance in record.instances)
        self._ends = np.asarray(ends, dtype=np.int64)
        self._buffer = np.frombuffer(buffer, dtype=np.uint8)
        self.annotation_ids = np.asarray(found if annotation_ids is None else annotation_ids, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> ImageRecord:  # type: ignore[override]
        index = range(len(self))[index]
        start = int(self._ends[index - 1]) if index else 0
        return _unpacked(self._buffer[start : int(self._ends[index])].data)

    def __iter__(self) -> Iterator[ImageRecord]:
        return (self[i] for i in range(len(self)))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all records, in hexadecimal: the same for albums read from the same file by the same version."""
        return hashlib.sha256(self._buffer.data).hexdigest()

    def filter(self, keep: Callable[[ImageRecord], ImageRecord | None]) -> Album:
        """A new album of what ``keep`` returns for each picture, without those where it returns None."""
        records = (kept for record in self if (kept := keep(record)) is not None)
        return Album(records, self.categories, source=self.source, extra=self.extra)


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
