"""Numbers of numpy's as Python's own: an album made in a program may have them, no file can hold them as they are."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np

from ..core.album import Album
from ..core.boxes import Box
from ..core.errors import BoxError
from ..core.given import checked_id, four_numbers
from ..core.records import Category, ImageRecord, Instance

_OWN = frozenset({int, float, bool, str, type(None)})
_FLAGS = ("is_crowd", "is_stuff", "is_whole", "is_occluded", "is_truncated", "is_difficult")


class PlainAlbum(Album):
    """An album whose records have Python's own numbers alone; each is made so when it is asked for.

    Raises:
        AnnotationError, BoxError: (when a record is asked for) a box that is not four finite numbers; a depth rank, or
            an id in a pair, that is no whole number.
    """

    def __init__(self, album: Album) -> None:
        self.__dict__.update(album.__dict__)
        self.categories = tuple(map(_category, album.categories))
        self.extra = plain(album.extra)

    def _record(self, place: int) -> ImageRecord:
        record = super()._record(place)
        return replace(
            record,
            instances=tuple(_instance(one, record) for one in record.instances),
            occlusions=tuple((_whole(a, "an id", record), _whole(b, "an id", record)) for a, b in record.occlusions),
            extra=plain(record.extra),
        )


def plain(value: Any) -> Any:
    """A value with Python's own numbers and lists in place of numpy's, in lists and dicts, too.

    >>> plain({"seen": np.int64(3), "box": np.array([1.5, 2])})
    {'seen': 3, 'box': [1.5, 2.0]}
    """
    if type(value) in _OWN:
        return value
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist()) if value.dtype.kind == "O" else value.tolist()
    if isinstance(value, dict):
        return {plain(key): plain(inner) for key, inner in value.items()}
    return type(value)(map(plain, value)) if type(value) in (list, tuple) else value


def _is_plain(one: Instance) -> bool:
    """Whether it has Python's own numbers already, as most have: making each anew is a fifth of writing."""
    if one.extra or type(one.order) not in (int, type(None)):
        return False
    if not (_is_plain_box(one.modal_box) and (one.amodal_box is None or _is_plain_box(one.amodal_box))):
        return False
    flags: set[type] = {type(one.is_crowd), type(one.is_stuff), type(one.is_whole), type(one.is_occluded)}
    flags |= {type(one.is_truncated), type(one.is_difficult), type(one.occlude_rate), type(one.score)}
    return flags <= _OWN


def _is_plain_box(box: Box) -> bool:
    return type(box) is tuple and len(box) == 4 and set(map(type, box)) == {float} and isfinite(sum(box))


def _instance(one: Instance, record: ImageRecord) -> Instance:
    if _is_plain(one):
        return one
    flags = {name: plain(getattr(one, name)) for name in _FLAGS}
    return replace(
        one,
        modal_box=_box(one.modal_box, one, record),
        amodal_box=None if one.amodal_box is None else _box(one.amodal_box, one, record),
        occlude_rate=plain(one.occlude_rate),
        order=None if one.order is None else _whole(one.order, f"the order of annotation {one.id}", record),
        score=plain(one.score),
        extra=plain(one.extra),
        **flags,
    )


def _box(box: Box, one: Instance, record: ImageRecord) -> Box:
    try:
        x1, y1, x2, y2 = four_numbers(box)
    except BoxError as problem:
        where = f"picture {record.file_name}, annotation {one.id}"
        raise BoxError(problem.rule, record=where, value=box, remedy="correct it, or leave the object out") from None
    return x1, y1, x2, y2


def _whole(value: float, what: str, record: ImageRecord) -> int:
    number = plain(value)  # pandas makes floats of ranks where one is missing
    whole = int(number) if isinstance(number, float) and number.is_integer() else number
    return checked_id(whole, what, record=f"picture {record.file_name}")


def _category(category: Category) -> Category:
    return replace(category, extra=plain(category.extra))
