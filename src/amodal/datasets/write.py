"""One way out: an album in a dialect, with errors a person can act on."""

from __future__ import annotations

from pathlib import Path

from ..core.album import Album
from ..core.errors import AnnotationError
from .dialects import Dialect
from .read import bounded


def write_annotations(album: Album, dialect: Dialect, path: Path) -> None:
    """Write what a dialect that can be written holds of an album; what stands at the path is replaced in one step.

    Raises:
        AnnotationError: a value that no file of the dialect can have, or no room.
    """
    assert dialect.write is not None  # what is read only was refused before anything was read
    where = {"file": album.source, "remedy": "correct it, or remove the field"}
    try:
        with bounded(album.source):
            dialect.write(album, path)
    except UnicodeEncodeError as problem:
        raise AnnotationError(
            "no file and no name of one holds half of a surrogate pair; a text of this file is one",
            value=problem.object[problem.start : problem.start + 20],
            **where,
        ) from None
    except ValueError as problem:
        if "JSON compliant" in str(problem):
            raise AnnotationError(
                "JSON holds no NaN and no infinity; a further field of this file is one", **where
            ) from None
        if "null byte" in str(problem):
            raise AnnotationError("no file's name holds a zero byte; a file_name here does", **where) from None
        raise


def check_apart(source: Path, target: Path) -> None:
    """Refuse to write over what is read, around it or into it.

    Raises:
        AnnotationError: the target is the source, a folder it lies in, or a path in a source that is a folder.
    """
    one, other = source.resolve(), target.resolve()
    same = source.exists() and target.exists() and source.samefile(target) and source.is_dir()
    if one == other or same or other in one.parents or one in other.parents:
        raise AnnotationError(
            "nothing is written over what is read, nor into its folder where it is one",
            value=str(target),
            remedy="give another place",
        )
