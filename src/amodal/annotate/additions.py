"""Objects that a person adds to an album, each by a box around what is seen of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AnnotationError
from ..core.records import ImageRecord, Instance
from .journal import LARGEST_ID, Added, Journal

_LEAST_PX = 2
_LOW = 1_000_000_000
"""Numbers of added objects lie above this one: those that the annotations get meanwhile are others."""
_SAME = "give the pictures, annotations, --only and --categories that it was added with; or another --output"
_ANOTHER = "drag a box around what is seen of it, and choose one of the categories"


class Additions:
    """The objects added to an album; the journal keeps them.

    Args:
        album: as it was read.
        journal: that of its drawings.

    Raises:
        AnnotationError: an object of the journal whose picture or category the album has not, whose box lies outside
            that picture, or whose id stands for another object there.
    """

    def __init__(self, album: Album, journal: Journal) -> None:
        self._album, self._journal, self._lock = album, journal, threading.Lock()
        self._categories: dict[str, int] = {}
        for place, category in enumerate(album.categories):
            self._categories.setdefault(category.name, place)
        self._ids = set(album.annotation_ids.tolist())
        self._of: dict[int, list[Instance]] = {}  # by picture
        pictures = {record.file_name: record for record in album} if journal.added else {}
        for one in journal.added.values():
            record = pictures.get(one.file_name)
            where: dict[str, Any] = {
                "file": journal.path,
                "record": f"annotation {one.annotation_id}, added",
                "remedy": _SAME,
            }
            if record is None:
                raise AnnotationError("an object is added to a picture that is there", value=one.file_name, **where)
            if one.annotation_id in self._ids:
                raise AnnotationError("the annotations have another object of this id", **where)
            self._check(one, record, where)
            self._place(one, record.id)

    def all(self) -> list[tuple[int, Instance]]:
        """Each with the id of its picture."""
        return [(image_id, one) for image_id, added in list(self._of.items()) for one in added]

    def __contains__(self, annotation_id: int) -> bool:
        return annotation_id in self._journal.added

    def with_them(self, record: ImageRecord) -> ImageRecord:
        """A picture with those added to it, after its own objects."""
        return _with(record, self._of.get(record.id, ()))

    def put(self, record: ImageRecord, box: Sequence[float], category: str) -> Instance:
        """Add an object; it is on disk when this returns.

        Args:
            record: the picture.
            box: around what is seen of it, xyxy; cut to the picture.
            category: name of one of the album's.

        Raises:
            AnnotationError: the picture holds less than 2 pixels of the box's width or height, or there is no such
                category.
        """
        with self._lock:
            number = self._free_number()
            one = Added(number, record.file_name, _inside(box, record), category)
            self._check(one, record, {"file": record.file_name, "record": "a new object", "remedy": _ANOTHER})
            self._journal.add(one)
            return self._place(one, record.id)

    def change(
        self,
        record: ImageRecord,
        annotation_id: int,
        *,
        category: str | None = None,
        box: Sequence[float] | None = None,
    ) -> Instance:
        """Say what an object that was added is after all, or where; on disk when this returns.

        Args:
            record: its picture.
            annotation_id: of the object.
            category, box: as in `put`; None: as before.

        Raises:
            KeyError: it has been removed.
            AnnotationError: as of `put`.
        """
        with self._lock:
            one = self._journal.added[annotation_id]
            if category is not None:
                one = replace(one, category=category)
            if box is not None:
                one = replace(one, box=_inside(box, record))
            where = {"file": record.file_name, "record": f"annotation {annotation_id}, added"}
            remedy = "choose one of the categories" if box is None else "drag a box around what is seen of it"
            self._check(one, record, {**where, "remedy": remedy})
            self._journal.add(one)
            made = self._instance(one)
            added = self._of[record.id]
            self._of[record.id] = [made if other.id == annotation_id else other for other in added]
            return made

    def remove(self, annotation_id: int) -> None:
        """Take away an object that was added, and what was drawn of it."""
        with self._lock:
            self._journal.remove(annotation_id)
            for image_id, added in self._of.items():
                self._of[image_id] = [one for one in added if one.id != annotation_id]

    def album(self) -> Album:
        """The album with them, to be written."""
        with self._lock:  # one state of all pictures
            added = {image_id: tuple(found) for image_id, found in self._of.items() if found}
        if not added:
            return self._album
        numbers = [one.id for found in added.values() for one in found]
        return Album(
            (_with(record, added.get(record.id, ())) for record in self._album),
            self._album.categories,
            source=self._album.source,
            annotation_ids=[*self._album.annotation_ids.tolist(), *numbers],
            extra=self._album.extra,
        )

    def _free_number(self) -> int:
        """Above all others; where that is more than 64 bits hold, the first that is free."""
        taken = self._ids | self._journal.numbers
        number = max([_LOW, *taken]) + 1
        return number if number <= LARGEST_ID else next(one for one in count(_LOW + 1) if one not in taken)

    def _place(self, one: Added, image_id: int) -> Instance:
        made = self._instance(one)
        self._of.setdefault(image_id, []).append(made)
        return made

    def _instance(self, one: Added) -> Instance:
        return Instance(one.annotation_id, self._categories[one.category], one.box, extra={"drawn_new": 1})

    def _check(self, one: Added, record: ImageRecord, where: dict[str, Any]) -> None:
        if one.category not in self._categories:
            known = ", ".join(list(self._categories)[:20])
            raise AnnotationError(f"an object is of a category that is there ({known})", value=one.category, **where)
        x1, y1, x2, y2 = one.box
        inside = x1 >= 0 and y1 >= 0 and x2 <= record.width and y2 <= record.height
        if not inside or min(x2 - x1, y2 - y1) < _LEAST_PX:
            raise AnnotationError(
                f"a box is {_LEAST_PX} pixels or more wide and high, within its picture of "
                f"{record.width} x {record.height}",
                value=one.box,
                **where,
            )


def _inside(box: Sequence[float], record: ImageRecord) -> bx.Box:
    return bx.as_box(bx.clip(box, record.width, record.height))


def _with(record: ImageRecord, added: Sequence[Instance]) -> ImageRecord:
    return replace(record, instances=(*record.instances, *added)) if added else record
