"""Objects come in the order of a file and are wanted by picture: gathered in memory, or on the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from ..core.album import Album
from ..core.records import Category, ImageRecord, Instance
from .spilled import Objects, SpilledAlbum


class Gathering(Protocol):
    """Takes objects one by one, then makes the album."""

    def __contains__(self, instance_id: object) -> bool:
        """Whether an object of that id was added."""

    def add(self, image_id: int, instance: Instance) -> None:
        """Take one object of a picture that was announced."""

    def album(
        self,
        images: Mapping[int, ImageRecord],
        categories: Sequence[Category],
        *,
        source: Path,
        extra: dict[str, Any],
    ) -> Album:
        """All of it; ``images``: those that were announced, in the same order, without objects. The end of it."""


def gathering(images: Mapping[int, ImageRecord], scratch: Path | None) -> Gathering:
    """A new one.

    Args:
        images: the pictures by id, in their order.
        scratch: folder for a nameless file that keeps the objects; None keeps them in memory.
    """
    return _InMemory(images) if scratch is None else _OnDisk(images, scratch)


class _InMemory:
    def __init__(self, images: Mapping[int, ImageRecord]) -> None:
        self._found: dict[int, list[Instance]] = {image: [] for image in images}
        self._ids: dict[int, None] = {}

    def __contains__(self, instance_id: object) -> bool:
        return instance_id in self._ids

    def add(self, image_id: int, instance: Instance) -> None:
        self._found[image_id].append(instance)
        self._ids[instance.id] = None

    def album(
        self,
        images: Mapping[int, ImageRecord],
        categories: Sequence[Category],
        *,
        source: Path,
        extra: dict[str, Any],
    ) -> Album:
        filled = (replace(image, instances=tuple(self._found.pop(image.id))) for image in images.values())
        return Album(filled, categories, source=source, annotation_ids=list(self._ids), extra=extra)


class _OnDisk:
    def __init__(self, images: Mapping[int, ImageRecord], scratch: Path) -> None:
        self._places = {image: place for place, image in enumerate(images)}
        self._objects = Objects(scratch)
        self._ids: set[int] = set()

    def __contains__(self, instance_id: object) -> bool:
        return instance_id in self._ids

    def add(self, image_id: int, instance: Instance) -> None:
        self._objects.append(self._places[image_id], instance)
        self._ids.add(instance.id)

    def album(
        self,
        images: Mapping[int, ImageRecord],
        categories: Sequence[Category],
        *,
        source: Path,
        extra: dict[str, Any],
    ) -> Album:
        return SpilledAlbum(list(images.values()), self._objects, categories, source=source, extra=extra)
