"""JSON files: read with errors a person can act on, written beside and renamed."""

from __future__ import annotations

import contextlib
import json
import marshal
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

from ..core.errors import AnnotationError


class JsonList(Sequence[Any]):
    """The elements of one large list of a file, each packed until it is asked for: COCO's train set fits into memory.

    Attributes:
        keys: the keys of all elements that are objects.
        all_objects: whether every element is an object.
    """

    def __init__(self) -> None:
        self._packed: list[bytes] = []
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


def open_json(path: str | Path) -> JsonFile:
    """Parse one JSON file of any size; asked for the same file again, the same answer at once.

    Raises:
        AnnotationError: missing, not UTF-8, not JSON, or a key twice in one object.
    """
    with _explained(path):
        known = os.stat(path)
        return _parsed(str(path), known.st_mtime_ns, known.st_size)


def is_json(path: Path, test: Callable[[JsonFile], bool]) -> bool:
    """Whether a path is a JSON file that passes a test; for ``Dialect.recognise``."""
    try:
        with path.open("rb") as file:
            head = file.read(64).lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")
        return head[:1] in (b"{", b"[") and test(open_json(path))
    except (AnnotationError, OSError):
        return False


def forget() -> None:
    """Let go of the file `open_json` remembers."""
    _parsed.cache_clear()


def read_json(path: str | Path) -> Any:
    """Parse one JSON file into plain lists and objects.

    Raises:
        AnnotationError: missing, not UTF-8, not JSON, or a key twice in one object; the message gives line and column.
    """
    with _explained(path):
        return json.loads(_text(path), object_pairs_hook=_object)


def write_json(path: str | Path, content: Any, *, indent: int | None = None) -> None:
    """Write one JSON file; a reader sees the old one or the whole new one, never a part."""
    write_text(path, json.dumps(content, indent=indent, allow_nan=False) + "\n")


def write_json_object(path: str | Path, members: Iterable[tuple[str, Any]]) -> None:
    """Write one JSON object member by member; a value that is an iterator is written as a list, element by element."""
    encode = json.JSONEncoder(allow_nan=False).encode
    with beside(path) as file:
        start = "{"
        for key, value in members:
            file.write(f"{start}{encode(key)}: ")
            start = ",\n"
            if isinstance(value, Iterator):
                write_elements(file, value)
            else:
                file.write(encode(value))
        file.write("}\n" if start != "{" else "{}\n")


def write_elements(file: TextIO, elements: Iterable[Any]) -> None:
    """Write a JSON list element by element, one a line."""
    encode = json.JSONEncoder(allow_nan=False).encode
    start = "[\n"
    for element in elements:
        file.write(start + encode(element))
        start = ",\n"
    file.write("[]" if start == "[\n" else "\n]")


def write_text(path: str | Path, text: str) -> None:
    """Write one UTF-8 file beside its place and rename it there, so that no half-written file is ever seen."""
    with beside(path) as file:
        file.write(text)


@contextlib.contextmanager
def beside(path: str | Path) -> Iterator[TextIO]:
    """A UTF-8 file to write, renamed to ``path`` when all went well and removed otherwise."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def _explained(path: str | Path) -> Iterator[None]:
    try:
        yield
    except json.JSONDecodeError as problem:
        raise AnnotationError(
            f"not a JSON file: {problem.msg.removesuffix(' at')} at line {problem.lineno}, column {problem.colno}",
            file=path,
            remedy="write the file again; it may be cut short",
        ) from None
    except _TwiceError as problem:
        raise AnnotationError(
            f"each key of a JSON object is given once, here {problem} is not", file=path, remedy="remove one of the two"
        ) from None
    except UnicodeDecodeError as problem:
        raise AnnotationError(f"not a JSON file ({problem})", file=path, remedy="save it as UTF-8 JSON") from None
    except RecursionError:
        raise AnnotationError("not a JSON file (lists in lists without end)", file=path) from None
    except OSError as problem:
        raise AnnotationError(
            f"the file cannot be read ({problem.strerror})", file=path, remedy="check the path"
        ) from None
    except ValueError as problem:  # a whole number of thousands of digits
        raise AnnotationError(f"not a JSON file ({problem})", file=path, remedy="correct the number") from None


class _TwiceError(Exception):
    """A key that stands twice in one object."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        raise _TwiceError(repr(next(key for key, _ in pairs if key in seen or seen.add(key)))[:80])  # type: ignore[func-returns-value]
    return made


def _text(path: str | Path) -> str:
    data = Path(path).read_bytes()
    encoding = json.detect_encoding(data[:4].ljust(4, b" "))
    return data.decode(encoding)


_scan = json.JSONDecoder(object_pairs_hook=_object).scan_once  # type: ignore[attr-defined]
_space = re.compile(r"[ \t\r\n]*").match


@lru_cache(maxsize=1)
def _parsed(path: str, modified: int, size: int) -> JsonFile:
    """The walk down to the elements of the lists of a file: only one of them is ever in memory as objects."""
    del modified, size  # they tell a file that was changed from the one remembered
    text = _text(path)
    at = _skip(text, 0)
    first = text[at : at + 1]
    if first == "{":
        members: dict[str, Any] = {}
        end = _members(text, at, members)
        found = JsonFile(members=members)
    elif first == "[":
        items, end = _elements(text, at)
        found = JsonFile(items=items)
    else:
        value, end = _value(text, at)
        found = JsonFile(value=value)
    end = _skip(text, end)
    if end != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return found


def _members(text: str, at: int, members: dict[str, Any]) -> int:
    at = _skip(text, at + 1)
    if text[at : at + 1] == "}":
        return at + 1
    while True:
        if text[at : at + 1] != '"':
            raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        key, at = _value(text, at)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            raise json.JSONDecodeError("Expecting ':' delimiter", text, at)
        at = _skip(text, at + 1)
        if key in members:
            raise _TwiceError(repr(key)[:80])
        members[key], at = _elements(text, at) if text[at : at + 1] == "[" else _value(text, at)
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            return at + 1
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        at = _skip(text, at + 1)


def _elements(text: str, at: int) -> tuple[JsonList, int]:
    found = JsonList()
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return found, at + 1
    while True:
        element, at = _value(text, at)
        found.append(element)
        if text[at : at + 1] != ",":
            at = _skip(text, at)
            if text[at : at + 1] == "]":
                return found, at + 1
            if text[at : at + 1] != ",":
                raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        at = _skip(text, at + 1)


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _scan(text, at)  # type: ignore[no-any-return]
    except StopIteration as stop:
        raise json.JSONDecodeError("Expecting value", text, stop.value) from None


def _skip(text: str, at: int) -> int:
    match = _space(text, at)
    return at if match is None else match.end()
