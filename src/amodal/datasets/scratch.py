"""What need not be in memory: byte strings in a file without a name, and errors of writing that a person can act on."""

from __future__ import annotations

import operator
import os
import tempfile
import weakref
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import AnnotationError

_BLOCK = 1 << 20
"""Bytes written and read at a time."""


class Scratch:
    """A growing list of byte strings on the disk; eight bytes each are in memory.

    The file has no name, so that nothing of it is left however the process ends. There is none before the first
    megabyte.

    Args:
        folder: on whose disk it lies.

    Raises:
        AnnotationError: (by all methods) there is no room, or no right to write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None
        self._ends = array("q", [0])
        self._waiting = bytearray()

    def append(self, data: bytes) -> None:
        self._waiting += data
        self._ends.append(self._ends[-1] + len(data))
        if len(self._waiting) >= _BLOCK:
            self._flush()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> memoryview:
        index = range(len(self))[operator.index(index)]
        (found,) = self.some(index, index + 1)
        return found

    def __iter__(self) -> Iterator[memoryview]:
        at = 0
        while at < len(self):
            stop = max(bisect_right(self._ends, self._ends[at] + _BLOCK) - 1, at + 1)
            yield from self.some(at, stop)
            at = stop

    def some(self, start: int, stop: int) -> Iterator[memoryview]:
        """Those from ``start`` up to ``stop``, read at once."""
        first, last = self._ends[start], self._ends[stop]
        if self._file is None:
            data = memoryview(bytes(self._waiting[first:last]))
        else:
            self._flush()
            data = memoryview(os.pread(self._file, last - first, first))
        if len(data) != last - first:
            rule = "what was written for the time being cannot be read back"
            raise AnnotationError(rule, file=self._folder, remedy="look at the disk, or name another place to write to")
        ends = self._ends[start : stop + 1]
        return (data[ends[i] - first : ends[i + 1] - first] for i in range(stop - start))

    def _flush(self) -> None:
        if not self._waiting:
            return
        with writing(self._folder), memoryview(bytes(self._waiting)) as data:
            if self._file is None:
                with tempfile.TemporaryFile(dir=self._folder, buffering=0) as file:
                    self._file = os.dup(file.fileno())
                weakref.finalize(self, os.close, self._file)
            start, at = self._ends[-1] - len(data), 0
            while at < len(data):
                at += os.pwrite(self._file, data[at:], start + at)  # to its place: forked processes may all do it
        self._waiting.clear()


def folder_beside(path: Path) -> Path:
    """The nearest folder above a path that exists: on its disk there must be room for the path anyway."""
    return next(folder for folder in path.absolute().parents if folder.is_dir())


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Make one error of what the system says while ``path``, or a file beside or in it, is written.

    Raises:
        AnnotationError: no room, no right to write there.
    """
    try:
        yield
    except OSError as problem:
        named = problem.filename
        if isinstance(problem, BrokenPipeError) or (named is not None and path.name not in str(named)):
            raise  # of another file
        raise AnnotationError(
            f"it cannot be written ({problem.strerror})",
            file=path,
            remedy="make room and check the rights there, or name another place",
        ) from None
