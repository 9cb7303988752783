"""Many annotated pictures in one block of memory."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from .errors import AnnotationError
from .records import Category, ImageRecord


class Album(Sequence[ImageRecord]):
    """An immutable sequence of `ImageRecord`, kept as one byte buffer.

    A list of objects grows in every forked data-loading worker (each reference count touched copies a page); one
    buffer is shared by all of them. A record is built when it is asked for.

    Args:
        records: the pictures, in file order.
        categories: the kinds of object; `Instance.category` is a place in this list.
        source: the file they were read from, named in errors.
        annotation_ids: ids of all instances in the order of the file, where that is not the order of the pictures.
    """

    def __init__(
        self,
        records: Iterable[ImageRecord],
        categories: Sequence[Category],
        *,
        source: str | Path = "",
        annotation_ids: Sequence[int] | None = None,
    ) -> None:
        self.categories = tuple(categories)
        self.source = str(source)
        parts: list[bytes] = []
        found: list[int] = []
        for record in records:
            parts.append(pickle.dumps(record, protocol=pickle.HIGHEST_PROTOCOL))
            found.extend(instance.id for instance in record.instances)
        self._ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
        self._buffer = np.frombuffer(b"".join(parts), dtype=np.uint8)
        self.annotation_ids = np.asarray(found if annotation_ids is None else annotation_ids, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> ImageRecord:  # type: ignore[override]
        index = range(len(self))[index]
        start = int(self._ends[index - 1]) if index else 0
        record = pickle.loads(self._buffer[start : int(self._ends[index])].data)  # our own bytes, never a file's
        assert isinstance(record, ImageRecord)
        return record

    def __iter__(self) -> Iterator[ImageRecord]:
        return (self[i] for i in range(len(self)))

    def filter(self, keep: Callable[[ImageRecord], ImageRecord | None]) -> Album:
        """A new album of what ``keep`` returns for each picture, without those where it returns None."""
        records = (kept for record in self if (kept := keep(record)) is not None)
        return Album(records, self.categories, source=self.source)


def image_path(folder: str | Path, file_name: str, *, file: object = "") -> Path:
    """Where a record's picture lies; refuses a name that leads out of the folder.

    Raises:
        AnnotationError: the name is absolute or climbs out of the folder.
    """
    name = PurePosixPath(file_name.replace("\\", "/"))
    if not file_name or name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
        raise AnnotationError(
            "a picture's file_name is a path inside the folder of the pictures",
            file=file,
            value=file_name,
            remedy="give file_name relative to the folder, without '..'",
        )
    return Path(folder) / name
