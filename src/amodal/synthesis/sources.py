"""From an annotation file and a folder of pictures to a source: its store, and what to do with bad records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..core.album import Album
from ..core.errors import AmodalError, AnnotationError, ImageError
from ..datasets import read_annotations
from .material import Source
from .pictures import read_picture
from .store_build import open_store

BadRecords = Literal["stop", "skip"]
Progress = Callable[[int], object]
_TOLD = 20


class Skipped:
    """Counts bad records and tells of the first twenty.

    Args:
        tell: takes a line of text.
    """

    def __init__(self, tell: Callable[[str], object]) -> None:
        self.count = 0
        self._tell = tell

    def __call__(self, problem: AmodalError) -> None:
        self.count += 1
        if self.count <= _TOLD:
            self._tell(f"left out: {problem}")

    def sum_up(self, file: str | Path) -> None:
        """Tell how many there were in all; nothing where there was none."""
        if self.count:
            records = "record" if self.count == 1 else "records"
            self._tell(f"{file}: {self.count} bad {records} left out; amodal check lists all of them")


@dataclass(frozen=True)
class Keeping:
    """How a source is kept and read.

    Args:
        store: folder of the stores (`store_build.open_store`); "" decodes pictures when they are drawn.
        store_bytes: bound of each store.
        bad_records: "stop" raises at the first record or picture that cannot be used, as soon as it is met; "skip"
            looks at all of them first and leaves those out.
    """

    store: str = ""
    store_bytes: int = 20_000_000_000
    bad_records: BadRecords = "stop"


def read_source_annotations(path: str | Path, images: str | Path, bad_records: BadRecords, skipped: Skipped) -> Album:
    """The annotations of a source; records that break a rule are counted and left out where ``bad_records`` says so."""
    return read_annotations(path, images=images, on_bad=skipped if bad_records == "skip" else None)


def make_source(
    album: Album,
    folder: str | Path,
    keeping: Keeping,
    skipped: Skipped,
    *,
    weight: float = 1.0,
    progress: Progress | None = None,
) -> Source:
    """A source with its store, where one is wanted, and without its bad pictures, where they are to be skipped.

    Args:
        album: annotated pictures.
        folder: of the pictures.
        keeping: how they are kept.
        skipped: called with what is wrong with each picture left out.
        weight: of the source.
        progress: called with the number of pictures done while they are decoded.

    Raises:
        ImageError: a picture that cannot be used, if bad ones are not skipped.
        AnnotationError: a file name that leads out of the folder, if bad ones are not skipped.
        AmodalError: as `open_store`.
    """
    on_bad = skipped if keeping.bad_records == "skip" else None
    if keeping.store:
        store = open_store(
            album, folder, keeping.store, most_bytes=keeping.store_bytes, on_bad=on_bad, progress=progress
        )
        return Source(album, folder, weight, store, frozenset(bad.index for bad in store.left_out))
    left_out = frozenset[int]() if on_bad is None else _bad_pictures(album, folder, on_bad, progress)
    return Source(album, folder, weight, None, left_out)


def _bad_pictures(album: Album, folder: str | Path, on_bad: Skipped, progress: Progress | None) -> frozenset[int]:
    bad: list[int] = []
    for index, record in enumerate(album):
        try:
            read_picture(record, folder, file=album.source)
        except (ImageError, AnnotationError) as problem:
            on_bad(problem)
            bad.append(index)
        if progress is not None:
            progress(1)
    return frozenset(bad)
