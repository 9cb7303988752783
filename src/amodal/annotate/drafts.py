"""Whole masks that the networks suggest, a picture at a time."""

from __future__ import annotations

import sys
import threading
import traceback
from collections import OrderedDict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.boxes import Box
from ..core.errors import AmodalError
from ..core.masks import Mask
from ..core.records import Category, ImageRecord, Instance
from ..inference.predictor import Predictor

_KEPT = 256
"""Pictures whose drafts are remembered, or that there are none: run-length codes, a few kB each."""


class Stopped(Exception):
    """A draft was asked for while the process ends."""


class NoDrafts(Exception):
    """The networks fail on a picture; its text says how. One can draw without them."""


def is_drawable(instance: Instance) -> bool:
    """Whether an object has a whole of its own: no crowd, and not stuff."""
    return not instance.is_crowd and not instance.is_stuff


class Drafts:
    """The networks' whole masks of the objects of a picture, all asked about together.

    Masks are given where every object has one, else boxes. Where the networks fail they are not run again unless that
    is asked for; each way of failing is told once on the standard error.

    Args:
        predictor: used by one thread at a time.
        categories: of the album.
    """

    def __init__(self, predictor: Predictor, categories: Sequence[Category]) -> None:
        self._predictor, self._categories = predictor, categories
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._kept: OrderedDict[int, dict[int, Mask]] = OrderedDict()
        self._latest: tuple[tuple[int, tuple[tuple[int, int, Box], ...]], dict[int, Mask]] | None = None
        self._failed: OrderedDict[Hashable, str] = OrderedDict()
        self._told: set[str] = set()

    def has(self, image_id: int) -> bool:
        """Whether those of a picture are there already."""
        return image_id in self._kept

    def stop(self) -> None:
        """Make no more, not even those that are being made."""
        self._stopped.set()

    def of(self, record: ImageRecord, image: NDArray[np.uint8], *, again: bool = False) -> dict[int, Mask]:
        """Whole masks by annotation id; of one that the networks see nothing of, there is none.

        Args:
            record: the picture and its objects.
            image: its pixels.
            again: run the networks even if they have failed on it before.

        Raises:
            Stopped: `stop` was called.
            NoDrafts: the networks fail, or refuse what is to be drawn.
        """
        with self._lock:
            found = self._kept.get(record.id)
            if found is None:
                found = self._kept[record.id] = self._make(record.id, record, image, again)
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(record.id)
            return found

    def of_added(
        self, record: ImageRecord, image: NDArray[np.uint8], annotation_id: int, *, again: bool = False
    ) -> Mask | None:
        """The whole mask of an object that was added, by its box; None where the networks see nothing of it.

        All objects of the picture are asked about by their boxes; the drafts that `of` remembers of them stay.

        Args:
            record: the picture and its objects, this one among them.
            image: its pixels.
            annotation_id: of the object.
            again: as of `of`.

        Raises:
            Stopped, NoDrafts: as of `of`.
        """
        with self._lock:
            key = record.id, tuple((one.id, one.category, one.modal_box) for one in record.instances)
            if self._latest is None or self._latest[0] != key:
                self._latest = key, self._make(key, record, image, again)
            return self._latest[1].get(annotation_id)

    def _make(self, key: Hashable, record: ImageRecord, image: NDArray[np.uint8], again: bool) -> dict[int, Mask]:
        if not again and key in self._failed:
            raise NoDrafts(self._failed[key])
        self._failed.pop(key, None)
        try:
            return self._predict(record, image)
        except NoDrafts as problem:
            self._failed[key] = str(problem)
            if len(self._failed) > _KEPT:
                self._failed.popitem(last=False)
            raise

    def _predict(self, record: ImageRecord, image: NDArray[np.uint8]) -> dict[int, Mask]:
        try:
            return self._run(record, image)
        except Stopped:
            raise
        except Exception as problem:  # weights of any origin: whatever it is, it is told, and one can draw
            told = str(problem) if isinstance(problem, AmodalError) else repr(problem)
            if told not in self._told:
                self._told.add(told)
                print(f"amodal: the networks fail on {record.file_name}: {told}", file=sys.stderr)
                if not isinstance(problem, AmodalError):
                    traceback.print_exception(problem)
            raise NoDrafts(f"There is no draft: the networks fail on {record.file_name}: {told}") from problem

    def _run(self, record: ImageRecord, image: NDArray[np.uint8]) -> dict[int, Mask]:
        objects = [one for one in record.instances if is_drawable(one)]
        if not objects:
            return {}
        masks = [one.modal_mask for one in objects if one.modal_mask is not None and not one.modal_mask.is_empty]
        given = {"masks": masks} if len(masks) == len(objects) else {"boxes": [one.modal_box for one in objects]}
        names = (
            [self._categories[one.category].name for one in objects] if self._predictor.networks.categories else None
        )
        ids = [one.id for one in objects]
        found: dict[int, Mask] = {}
        for _, one in self._predictor.run_jobs(
            self._predictor.make_jobs(image, record.id, categories=names, ids=ids, **given)
        ):
            if self._stopped.is_set():
                raise Stopped("The drafts are given up: amodal annotate ends")
            found[one.annotation_id] = one.in_picture(record.width, record.height).amodal_mask
        return {number: mask for number, mask in found.items() if not mask.is_empty}
