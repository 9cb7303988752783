"""Lists of photographs: text files with one image id a line, or one name as in VOC's ImageSets."""

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


def listed_ids(album: Album, path: str | Path) -> frozenset[int]:
    """The ids of an album's photographs that a list names, by id or by file name; none for "".

    Args:
        album: whose photographs they are.
        path: of a list; a whole number without leading zeros is an id, any other line's first word a file name without
            folder and ending ("2008_000008"), which may be one the album has not.

    Raises:
        AnnotationError: the file cannot be read.
    """
    if not path:
        return frozenset()
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise AnnotationError(
            f"a list of photographs is a text file with one image id or name a line ({problem})",
            file=path,
            remedy="correct it",
        ) from None
    words = {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}
    numbers = {word for word in words if word.isascii() and word.isdigit() and word == str(int(word))}
    names = words - numbers
    return frozenset(record.id for record in album if str(record.id) in numbers or Path(record.file_name).stem in names)


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
