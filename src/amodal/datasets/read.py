"""One way in: the dialect of an annotation file is recognised from its content."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.album import Album
from ..core.errors import AmodalError, AnnotationError
from .dialects import Reading, check_kept, dialect_named, recognise
from .jsonfile import forget


def read_annotations(
    path: str | Path,
    dialect: str | None = None,
    *,
    images: str | Path | None = None,
    on_bad: Callable[[AmodalError], None] | None = None,
    answers: Album | None = None,
    scratch: str | Path | None = None,
) -> Album:
    """Read an annotation file, or a folder of them, of any dialect of docs/formats.md.

    Args:
        path: the file or folder.
        dialect: its name (``coco``, ``cocoa``, ``voc``, ...); None recognises it from the content.
        images: folder of the pictures, for dialects that leave their sizes to them.
        on_bad: called with what is wrong with each bad record, which is then left out; None raises it.
        answers: the annotations a results file answers, where it is one.
        scratch: folder on whose disk the objects of a JSON dialect of one file are kept, in files without a name:
            memory then holds pictures, ids and categories alone. None keeps all in memory.

    Raises:
        AnnotationError, BoxError: naming the file, the record, the value and the rule it breaks.
    """
    where = None if scratch is None else Path(scratch)
    how = Reading(None if images is None else Path(images), on_bad, answers, where)
    try:
        return read_remembered(Path(path), dialect, how)
    finally:
        forget()


def read_remembered(path: Path, dialect: str | None, how: Reading) -> Album:
    """As `read_annotations`, for callers that look at the JSON file again and then `forget` it."""
    found = recognise(path, how.scratch) if dialect is None else dialect_named(dialect)
    check_kept(path)
    if dialect is not None and path.is_dir() != (found.kind == "folder"):
        raise AnnotationError(f"{found.title} is a {found.kind}", file=path, remedy="give another path or dialect")
    collecting = gc.isenabled()
    gc.disable()  # a million small objects and no cycle among them: looking for some takes a tenth of the time
    try:
        with bounded(path):
            album = found.read(path, how)
        if dialect is not None and path.is_dir() and not len(album) and not found.knows(path):
            raise AnnotationError(
                f"a folder of {found.title} has its files where docs/formats.md says; none is there",
                file=path,
                remedy="give the folder above them, or put them there",
            )
        return album
    finally:
        if collecting:
            gc.enable()


@contextmanager
def bounded(path: str | Path) -> Iterator[None]:
    """Refuse what is nested deeper than Python goes.

    Raises:
        AnnotationError: lists in lists in lists; the parser bears a little more than those who come after it.
    """
    try:
        yield
    except RecursionError:
        raise AnnotationError(
            "lists and objects do not lie in each other by the hundred; a field of this file does",
            file=path,
            remedy="remove the field",
        ) from None
