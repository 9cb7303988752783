"""Lists of photographs: text files with one image id a line."""

from __future__ import annotations

from pathlib import Path

from ..core.album import Album
from ..core.errors import AnnotationError


def read_ids(path: str | Path) -> frozenset[int]:
    """The ids of a list; none for "". Empty lines and lines that start with # do not count.

    Raises:
        AnnotationError: the file cannot be read, or a line is no whole number.
    """
    if not path:
        return frozenset()
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        return frozenset(int(line) for line in lines if line.strip() and not line.startswith("#"))
    except (OSError, ValueError) as problem:
        raise AnnotationError(
            f"a list of photographs is a text file with one image id a line ({problem})", file=path, remedy="correct it"
        ) from None


def only(album: Album, path: str | Path) -> Album:
    """The photographs of an album that a list names; all of them for ""."""
    if not path:
        return album
    ids = read_ids(path)
    chosen = album.filter(lambda record: record if record.id in ids else None)
    if not len(chosen):
        raise AnnotationError(
            f"a list names photographs of {album.source}", file=path, remedy="give the list made for it"
        )
    return chosen
