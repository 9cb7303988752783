"""One way out: an album in a dialect, with errors a person can act on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from ..core.album import Album
from ..core.errors import AnnotationError
from ..core.files import real_path
from ..core.records import ImageRecord
from .dialects import Dialect
from .plain import PlainAlbum
from .read import bounded


def write_annotations(album: Album, dialect: Dialect, path: Path) -> None:
    """Write what a dialect that can be written holds of an album; what stands at the path is replaced in one step.

    Args:
        album: numbers of numpy's in it are written as Python's own.
        dialect: one that can be written.
        path: of the file, or of the folder.

    Raises:
        AnnotationError, BoxError: a value that no file of the dialect can have, or no room.
    """
    assert dialect.write is not None  # what is read only was refused before anything was read
    if type(album) is Album:  # the others are on their way from file to file
        album = PlainAlbum(album)
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
    except TypeError as problem:
        if (bad := next(_refused_by_json(album, TypeError), None)) is None:
            raise
        rule = f"a further field holds what JSON can: numbers, texts, lists and objects ({problem})"
        raise AnnotationError(rule, record=bad[0], value=bad[1], **where) from None
    except ValueError as problem:
        if "JSON compliant" in str(problem):
            rule = "JSON holds no NaN and no infinity; a number of this file is one"
            record, value = next(_refused_by_json(album, ValueError), ("", None))
            raise AnnotationError(rule, record=record, value=value, **where) from None
        if "null byte" in str(problem):
            raise AnnotationError("no file's name holds a zero byte; a file_name here does", **where) from None
        raise


def _refused_by_json(album: Album, kind: type[Exception]) -> Iterator[tuple[str, Any]]:
    """(record, field and value) of what JSON refuses with that error: ValueError of NaN, TypeError of a set."""
    holders: Iterable[tuple[str, Mapping[str, Any]]] = chain(
        [("", album.extra)],
        ((f"category {category.id}", category.extra) for category in album.categories),
        chain.from_iterable(map(_fields, album)),
    )
    for record, found in holders:
        for key, value in found.items():
            try:
                json.dumps({key: value}, allow_nan=False)
            except (TypeError, ValueError) as problem:
                if isinstance(problem, kind):
                    yield record, {key: value}


def _fields(record: ImageRecord) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield f"image {record.id}", record.extra
    for one in record.instances:
        told = {"box": one.modal_box, "whole box": one.amodal_box, "score": one.score, "occlude_rate": one.occlude_rate}
        yield f"annotation {one.id}", {**told, **one.extra}


def check_apart(source: Path, target: Path) -> None:
    """Refuse to write over what is read, around it or into it.

    Raises:
        AnnotationError: the target is the source, a folder it lies in, or a path in a source that is a folder.
    """
    one, other = real_path(source), real_path(target)
    same = source.exists() and target.exists() and source.samefile(target) and source.is_dir()
    if one == other or same or other in one.parents or one in other.parents:
        raise AnnotationError(
            "nothing is written over what is read, nor into its folder where it is one",
            value=str(target),
            remedy="give another place",
        )
