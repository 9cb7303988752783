"""An album whose objects lie on the disk, in the order of their file."""

from __future__ import annotations

import hashlib
import pickle
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from ..core.album import Album
from ..core.records import Category, ImageRecord, Instance
from .scratch import Scratch

_INSTANCE = attrgetter(*(field.name for field in fields(Instance)))


class Objects:
    """Objects in the order of their file, each packed in a nameless file; in memory are ids and places alone.

    Attributes:
        ids: of the objects.
        places: number of each one's picture.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ids, self.places = array("q"), array("q")
        self._packed = Scratch(folder)

    def append(self, place: int, instance: Instance) -> None:
        """Keep one; ``place``: number of its picture."""
        self._packed.append(pickle.dumps(_INSTANCE(instance), protocol=pickle.HIGHEST_PROTOCOL))
        self.ids.append(instance.id)
        self.places.append(place)

    def __iter__(self) -> Iterator[Instance]:
        return map(_unpacked, self._packed)

    def some(self, numbers: Sequence[int]) -> tuple[Instance, ...]:
        """Those of some numbers, in growing order."""
        if numbers and numbers[-1] - numbers[0] == len(numbers) - 1:  # they lie side by side
            return tuple(map(_unpacked, self._packed.some(numbers[0], numbers[-1] + 1)))
        return tuple(_unpacked(self._packed[number]) for number in numbers)

    def fingerprint(self) -> hashlib._Hash:
        """A SHA-256 of all objects, to be fed further."""
        found = hashlib.sha256(self.places.tobytes())
        for data in self._packed:
            found.update(data)
        return found


class SpilledAlbum(Album):
    """An `Album` with its objects on the disk: what it needs of memory does not grow with masks.

    A picture asked for is put together from its objects, wherever in the file they stood.

    Args:
        pictures: without their objects.
        objects: all of them; their places are those of ``pictures``.
        categories, source, extra: as `Album`'s.
    """

    def __init__(
        self,
        pictures: Sequence[ImageRecord],
        objects: Objects,
        categories: Sequence[Category],
        *,
        source: str | Path = "",
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__((), categories, source=source, extra=extra)
        self._pictures, self._objects = pictures, objects
        self.annotation_ids = np.asarray(objects.ids, dtype=np.int64)
        places = np.asarray(objects.places, dtype=np.int64)
        self._order = np.argsort(places, kind="stable")  # the objects of a picture in the order of the file
        self._starts = np.searchsorted(places[self._order], np.arange(len(pictures) + 1))

    def __len__(self) -> int:
        return len(self._pictures)

    def _record(self, place: int) -> ImageRecord:
        numbers = self._order[self._starts[place] : self._starts[place + 1]].tolist()
        return replace(self._pictures[place], instances=self._objects.some(numbers))

    @property
    def pictures(self) -> Sequence[ImageRecord]:
        """The pictures without their objects: nothing is read."""
        return self._pictures

    def objects(self) -> Iterator[tuple[ImageRecord, Instance]]:
        """Each object with its bare picture, in the order of the file."""
        for place, instance in zip(self._objects.places, self._objects, strict=True):
            yield self._pictures[place], instance

    def with_objects(self, instances: Iterable[Instance]) -> SpilledAlbum:
        """The same with other objects: one for each, in the order of `objects`, of the same id."""
        objects = Objects(self._objects.folder)
        for place, instance in zip(self._objects.places, instances, strict=True):
            objects.append(place, instance)
        return SpilledAlbum(self._pictures, objects, self.categories, source=self.source, extra=self.extra)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all records; another than that of the same file read into memory."""
        found = self._objects.fingerprint()
        for picture in self._pictures:
            found.update(repr(picture).encode())
        return str(found.hexdigest())


def pictures_of(album: Album) -> Iterable[ImageRecord]:
    """The pictures of an album, without their objects where these would have to be read."""
    return album.pictures if isinstance(album, SpilledAlbum) else album


def _unpacked(data: memoryview) -> Instance:
    return Instance(*pickle.loads(data))  # our own bytes, never a file's
