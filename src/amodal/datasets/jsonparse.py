"""Parse a JSON file of any size: of its text a window is in memory, of the elements of its lists one."""

from __future__ import annotations

import codecs
import json
import marshal
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from .scratch import Scratch

_CHUNK = 1 << 21
"""Bytes read at a time."""
_REACH = 16
"""Characters behind a value, or behind a mistake, that may still belong to it: "-Infinity", the digits of a number."""


class JsonList(Sequence[Any]):
    """The elements of one list of a file, each packed until it is asked for: COCO's train set fits into memory.

    Attributes:
        keys: the keys of all elements that are objects.
        all_objects: whether every element is an object.

    Args:
        scratch: folder for a nameless file that keeps the elements; None keeps them in memory.
    """

    def __init__(self, scratch: Path | None = None) -> None:
        self._packed: list[bytes] | Scratch = [] if scratch is None else Scratch(scratch)
        self.keys: set[str] = set()
        self.all_objects = True

    def append(self, element: Any) -> None:
        if type(element) is dict:
            self.keys.update(element)
        else:
            self.all_objects = False
        self._packed.append(marshal.dumps(element))

    def __len__(self) -> int:
        return len(self._packed)

    def __getitem__(self, index: int) -> Any:  # type: ignore[override]
        return marshal.loads(self._packed[index])  # our own bytes, never a file's

    def __iter__(self) -> Iterator[Any]:
        return map(marshal.loads, self._packed)

    def __repr__(self) -> str:
        return repr([self[i] for i in range(min(len(self), 10))])


@dataclass(frozen=True)
class JsonFile:
    """A parsed file: an object, a list, or (``value`` alone) something else.

    Attributes:
        members: the members of an object, lists as `JsonList`; empty where the file is no object.
        items: the elements of a list; None where the file is no list.
        value: anything else; None otherwise.
    """

    members: dict[str, Any] = field(default_factory=dict)
    items: JsonList | None = None
    value: Any = None

    def keys(self, member: str) -> set[str]:
        """The keys of all elements of one list of objects; empty where there is no such list."""
        found = self.members.get(member)
        return found.keys if isinstance(found, JsonList) else set()


class TwiceError(Exception):
    """A key that stands twice in one object."""


class NoTextError(Exception):
    """Bytes that are no text.

    Args:
        problem: found in a part of the file.
        before: how many bytes of the file stand before that part.
    """

    def __init__(self, problem: UnicodeDecodeError, before: int) -> None:
        start, end = problem.start + before, problem.end + before - 1
        where = f"byte 0x{problem.object[problem.start]:02x} in position {start}"
        if end > start:
            where = f"bytes in position {start}-{end}"
        super().__init__(f"'{problem.encoding}' codec can't decode {where}: {problem.reason}")


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For ``object_pairs_hook``: an object whose keys are given once."""
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        raise TwiceError(repr(next(key for key, _ in pairs if key in seen or seen.add(key)))[:80])  # type: ignore[func-returns-value]
    return made


def parse(path: str | Path, scratch: Path | None = None) -> JsonFile:
    """Parse a file down to the elements of its lists.

    Args:
        path: the file, UTF-8, UTF-16 or UTF-32.
        scratch: folder for nameless files that keep the elements; None keeps them in memory.

    Raises:
        OSError, NoTextError, TwiceError, RecursionError, ValueError: of them `json.JSONDecodeError` has the place in
            the file.
    """
    with open(path, "rb") as file:
        text = _Window(file)
        first = text.next()
        if first == "{":
            found = JsonFile(members=_members(text, scratch))
        elif first == "[":
            found = JsonFile(items=_elements(text, scratch))
        else:
            found = JsonFile(value=text.value())
        if text.next():
            raise text.error("Extra data")
    return found


def _members(text: _Window, scratch: Path | None) -> dict[str, Any]:
    members: dict[str, Any] = {}
    text.at += 1
    if text.next() == "}":
        text.at += 1
        return members
    while True:
        if text.next() != '"':
            raise text.error("Expecting property name enclosed in double quotes")
        key = text.value()
        if text.next() != ":":
            raise text.error("Expecting ':' delimiter")
        text.at += 1
        if key in members:
            raise TwiceError(repr(key)[:80])
        members[key] = _elements(text, scratch) if text.next() == "[" else text.value()
        found = text.next()
        if found not in ("}", ","):
            raise text.error("Expecting ',' delimiter")
        text.at += 1
        if found == "}":
            return members


def _elements(text: _Window, scratch: Path | None) -> JsonList:
    found = JsonList(scratch)
    text.at += 1
    if text.next() == "]":
        text.at += 1
        return found
    while True:
        found.append(text.value())
        sign = text.next()
        if sign not in ("]", ","):
            raise text.error("Expecting ',' delimiter")
        text.at += 1
        if sign == "]":
            return found
        text.next()


class _Window:
    """The part of a file's text that is being parsed; it moves on when a value reaches its end.

    Attributes:
        at: the place in the window.
    """

    _scan = staticmethod(json.JSONDecoder(object_pairs_hook=unique).scan_once)  # type: ignore[attr-defined]
    _space = staticmethod(re.compile(r"[ \t\r\n]*").match)

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._head = file.read(4)
        self._decoder = codecs.getincrementaldecoder(json.detect_encoding(self._head.ljust(4, b" ")))()
        self._text, self.at, self._is_all = "", 0, False
        self._bytes, self._lines, self._column = (
            0,
            0,
            0,
        )  # gone by: bytes; lines, characters of the last

    def next(self) -> str:
        """Skip blanks; the character that follows is not taken. "" at the end of the file."""
        while True:
            match = self._space(self._text, self.at)
            self.at = self.at if match is None else match.end()
            if self.at < len(self._text):
                return self._text[self.at]
            if self._is_all:
                return ""
            self._move()

    def value(self) -> Any:
        """Take the value that starts here."""
        while True:
            problem: json.JSONDecodeError | None = None
            try:
                found, end = self._scan(self._text, self.at)
                if self._is_all or end + _REACH <= len(self._text):
                    self.at = end
                    return found
            except StopIteration as stop:
                problem = json.JSONDecodeError("Expecting value", self._text, stop.value)
            except json.JSONDecodeError as mistake:
                problem = mistake
            if problem is not None and (self._is_all or self._is_sure(problem)):
                raise self._placed(problem)
            self._move()

    def error(self, message: str) -> json.JSONDecodeError:
        """A mistake at this place."""
        return self._placed(json.JSONDecodeError(message, self._text, self.at))

    def _is_sure(self, problem: json.JSONDecodeError) -> bool:
        """Whether more text would not mend it."""
        return problem.pos + _REACH <= len(self._text) and not problem.msg.startswith("Unterminated string")

    def _placed(self, problem: json.JSONDecodeError) -> json.JSONDecodeError:
        if problem.lineno == 1:
            problem.colno += self._column
        problem.lineno += self._lines
        return problem

    def _move(self) -> None:
        """Drop what is done and read on; twice as far each time where one value does not end."""
        done, left = self._text[: self.at], self._text[self.at :]
        lines = done.count("\n")
        self._column = len(done) - done.rfind("\n") - 1 if lines else self._column + len(done)
        self._lines += lines
        data = self._head + self._file.read(max(_CHUNK, len(left)))
        self._head, self._is_all = b"", not data
        before = len(self._decoder.getstate()[0])
        try:
            self._text = left + self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as problem:
            raise NoTextError(problem, self._bytes - before) from None
        self.at, self._bytes = 0, self._bytes + len(data)
