"""Lists of photographs: text files with one image id or one name a line, as VOC's ImageSets."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..core.album import Album
from ..core.errors import AmodalError, AnnotationError
from .dialects import Holds, recognise
from .jsonfile import forget


class _Names:
    """The ids of an album's photographs by what a line may call them: more than one where a name stands for several."""

    def __init__(self, album: Album) -> None:
        self.ids: dict[str, int] = {}
        self._whole: dict[str, set[int]] = {}
        self._short: dict[str, set[int]] = {}
        self.numbered = False  # whether a photograph's name is a number
        for record in album:
            name = _path(record.file_name)
            stem, last = os.path.splitext(name)[0], name.rpartition("/")[2]
            self.ids[str(record.id)] = record.id
            self._whole.setdefault(name, set()).add(record.id)
            for short in {last, stem, stem.rpartition("/")[2]}:
                self._short.setdefault(short, set()).add(record.id)
            self.numbered |= stem.rpartition("/")[2].isdigit()

    def find(self, text: str) -> set[int]:
        """The photographs of a name: a whole file_name, else part of one, else a path that ends with a whole one."""
        name = _path(text)
        found = self._whole.get(name) or self._short.get(name)
        while not found and "/" in name:
            name = name.partition("/")[2]
            found = self._whole.get(name)
        return found or set()

    def of_id(self, text: str) -> set[int]:
        """The photograph of an id."""
        return {self.ids[text]} if text in self.ids else set()


def listed_ids(album: Album, path: str | Path, tell: Callable[[str], object] | None = None) -> frozenset[int]:
    """The ids of an album's photographs that a list names, by id or by name; none for "".

    A line, or its first word, is a photograph's file_name, the last part of it, either without the ending, or a path
    that ends with a file_name. A whole number without leading zeros is an id in files that number their photographs,
    unless no number of the list is one; where the ids are places in a sorted folder (VOC, labelme, YOLO, SBD) it is a
    name if any photograph's name is a number.

    Args:
        album: whose photographs they are.
        path: of a list.
        tell: called with a line of text where some lines, but not all, name no photograph of the album: lists such as
            VOC's ImageSets are made for larger sets.

    Raises:
        AnnotationError: the file cannot be read, or none of its lines names a photograph of the album.
    """
    if not path:
        return frozenset()
    lines = list_lines(path)
    found = _found(lines, album)
    missing = [line for line, ids in zip(lines, found, strict=True) if not ids]
    if len(missing) == len(lines):
        raise AnnotationError(
            f"a list of photographs names some of {album.source}",
            file=path,
            value=missing[0] if missing else "no line",
            remedy="give the ids or the file names of this source",
        )
    if missing and tell is not None:
        count = f"{len(missing)} of {len(lines)} lines"
        tell(f"{path}: {count} name no photograph of {album.source}, the first: {missing[0]}")
    return frozenset().union(*found)


def only(album: Album, path: str | Path, tell: Callable[[str], object] | None = None) -> Album:
    """The photographs of an album that a list names, as `listed_ids`; all of them for ""."""
    if not path:
        return album
    ids = listed_ids(album, path, tell)
    return album.filter(lambda record: record if record.id in ids else None)


def list_lines(path: str | Path) -> list[str]:
    """The lines of a list of photographs, without blanks around; empty ones and comments (``#``) are left out.

    Raises:
        AnnotationError: the file cannot be read.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else problem
        raise AnnotationError(
            f"the list cannot be read ({why})", file=path, remedy="give a text with one image id or name a line"
        ) from None
    words = (line.strip() for line in lines)
    return [word for word in words if word and not word.startswith("#")]


def _found(lines: list[str], album: Album) -> list[set[int]]:
    """The ids of the photographs that each line names."""
    names = _Names(album)
    words = [line if names.find(line) else line.split()[0] for line in lines]
    numbers = {word for word in words if _is_number(word)}
    by_id = not numbers.isdisjoint(names.ids) and not (names.numbered and _ids_are_ours(album))
    return [names.of_id(word) if by_id and word in numbers else names.find(word) for word in words]


def _ids_are_ours(album: Album) -> bool:
    """Whether reading has numbered the photographs, for its dialect keeps no ids."""
    if Path(album.source).suffix.lower() == ".json":  # not parsed again: those of many photographs have ids
        return False
    try:
        return Holds.IMAGE_IDS not in recognise(Path(album.source)).holds
    except AmodalError:  # made in memory
        return False
    finally:
        forget()


def _path(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./")


def _is_number(word: str) -> bool:
    digits = word.removeprefix("-")
    return digits.isascii() and digits.isdigit() and (digits == "0" or digits[0] != "0")
