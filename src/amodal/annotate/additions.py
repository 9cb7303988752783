"""Objects that a person adds to an album, each by a box around what is seen of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AnnotationError
from ..core.records import ImageRecord, Instance
from .journal import Added, Journal

_LEAST_PX = 2
_LOW = 1_000_000_000
"""Numbers of added objects lie above this one: those that the annotations get meanwhile are others."""


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
        self._most = max(self._ids, default=0)
        self._of: dict[int, list[Instance]] = {}  # by picture
        pictures = {record.file_name: record for record in album} if journal.added else {}
        for one in journal.added.values():
            self._place(one, self._checked(one, pictures.get(one.file_name)))

    def all(self) -> list[tuple[int, Instance]]:
        """Each with the id of its picture."""
        return [(image_id, one) for image_id, added in list(self._of.items()) for one in added]

    def __contains__(self, annotation_id: int) -> bool:
        return annotation_id in self._journal.added

    def with_them(self, record: ImageRecord) -> ImageRecord:
        """A picture with those added to it, after its own objects."""
        added = self._of.get(record.id)
        return replace(record, instances=(*record.instances, *added)) if added else record

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
            number = max([_LOW, self._most, *self._journal.numbers]) + 1
            inside = bx.as_box(bx.clip(box, record.width, record.height))
            one = Added(number, record.file_name, inside, category)
            self._place(one, self._checked(one, record))
            try:
                self._journal.add(one)
            except BaseException:
                self._of[record.id].pop()
                raise
            return self._of[record.id][-1]

    def remove(self, annotation_id: int) -> None:
        """Take away an object that was added, and what was drawn of it."""
        with self._lock:
            self._journal.remove(annotation_id)
            for image_id, added in self._of.items():
                self._of[image_id] = [one for one in added if one.id != annotation_id]

    def album(self) -> Album:
        """The album with them, to be written."""
        if not any(self._of.values()):
            return self._album
        added = [one.id for _, one in self.all()]
        return Album(
            map(self.with_them, self._album),
            self._album.categories,
            source=self._album.source,
            annotation_ids=[*self._album.annotation_ids.tolist(), *added],
            extra=self._album.extra,
        )

    def _place(self, one: Added, image_id: int) -> None:
        made = Instance(one.annotation_id, self._categories[one.category], one.box, extra={"drawn_new": 1})
        self._of.setdefault(image_id, []).append(made)

    def _checked(self, one: Added, record: ImageRecord | None) -> int:
        """The id of its picture."""
        where: dict[str, Any] = {"file": self._journal.path, "record": f"annotation {one.annotation_id}, added"}
        remedy = "give the annotations, and the --only, that it was added to; or another --output"
        if record is None:
            raise AnnotationError(
                "an object is added to a picture of the annotations", value=one.file_name, remedy=remedy, **where
            )
        if one.category not in self._categories:
            known = ", ".join(list(self._categories)[:20])
            raise AnnotationError(
                f"an object has a category of the annotations ({known})", value=one.category, remedy=remedy, **where
            )
        if one.annotation_id in self._ids:
            raise AnnotationError("the annotations have another object of this id", remedy=remedy, **where)
        x1, y1, x2, y2 = one.box
        inside = x1 >= 0 and y1 >= 0 and x2 <= record.width and y2 <= record.height
        if not inside or min(x2 - x1, y2 - y1) < _LEAST_PX:
            raise AnnotationError(
                f"a box is {_LEAST_PX} pixels or more wide and high, within its picture of "
                f"{record.width} x {record.height}",
                value=one.box,
                remedy="drag one around what is seen of the object",
                **where,
            )
        return record.id
