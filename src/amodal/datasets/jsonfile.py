"""JSON files: read with errors a person can act on, written beside and renamed."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from ..core.errors import AnnotationError
from ..core.files import leads_round, real_path
from .jsonparse import JsonFile, NoTextError, TwiceError, parse, unique
from .scratch import writing

_last: dict[tuple[str, int, int], JsonFile] = {}
"""The file read last, by its path, time and size."""


def open_json(path: str | Path, scratch: Path | None = None) -> JsonFile:
    """Parse one JSON file of any size; asked for the same file again, the same answer at once.

    Args:
        path: the file.
        scratch: folder for nameless files that keep the elements of its lists; None keeps them in memory.

    Raises:
        AnnotationError: missing, not UTF-8, not JSON, or a key twice in one object; no room in ``scratch``.
    """
    with _explained(path):
        known = os.stat(path)
        key = (str(path), known.st_mtime_ns, known.st_size)
        found = _last.get(key)
        if found is None:
            _last.clear()  # before, so that two are never in memory
            _last[key] = found = parse(path, scratch)
        return found


def is_json(path: Path, test: Callable[[JsonFile], bool], scratch: Path | None = None) -> bool:
    """Whether a path is a JSON file that passes a test; for ``Dialect.recognise``. ``scratch``: see `open_json`."""
    try:
        with path.open("rb") as file:
            head = file.read(64).lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")
        return head[:1] in (b"{", b"[") and test(open_json(path, scratch))
    except (AnnotationError, OSError):
        return False


def forget() -> None:
    """Let go of the file `open_json` remembers."""
    _last.clear()


def read_json(path: str | Path) -> Any:
    """Parse one JSON file into plain lists and objects.

    Raises:
        AnnotationError: missing, not UTF-8, not JSON, or a key twice in one object; the message gives line and column.
    """
    with _explained(path):
        return json.loads(_text(path), object_pairs_hook=unique)


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


def place_of(path: str | Path) -> Path:
    """Where a file of this path is written: itself, or what it links to.

    Raises:
        AnnotationError: a folder, a device or a pipe, or by way of a link that leads round in a circle.
    """
    named = Path(path)
    if leads_round(named):
        rule = "a link that leads round in a circle is no place to write to"
        raise AnnotationError(rule, file=named, remedy="remove the link, or name another place")
    place = real_path(named) if named.is_symlink() else named
    parts = named.absolute().parts  # /dev/stdout may be a link to a file; /dev/shm holds files
    is_device = parts[:2] in (("/", "dev"), ("/", "proc")) and parts[:3] != ("/", "dev", "shm")
    if is_device or (place.exists() and not place.is_file()):
        raise AnnotationError(
            "a file is written beside its place and renamed: a folder, a device or a pipe cannot be that place",
            file=named,
            remedy="name a file",
        )
    return place


@contextlib.contextmanager
def beside(path: str | Path) -> Iterator[TextIO]:
    """A UTF-8 file to write, renamed to ``path`` when all went well and removed otherwise."""
    path = place_of(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        nameless = _nameless(path.parent)
        try:
            with open(part if nameless is None else nameless, "w", encoding="utf-8", newline="\n") as file:
                yield file
                if nameless is not None:
                    file.flush()
                    # the folder's number, of no use to a whole path, makes Python follow the link to the file itself
                    os.link(f"/proc/self/fd/{nameless}", part, src_dir_fd=nameless)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _nameless(folder: Path) -> int | None:
    """A new file without a name: a process that is killed leaves nothing of it. None where the system has no such."""
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o666) if os.path.isdir("/proc/self/fd") else None
    except (AttributeError, OSError):
        return None


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
    except TwiceError as problem:
        raise AnnotationError(
            f"each key of a JSON object is given once, here {problem} is not", file=path, remedy="remove one of the two"
        ) from None
    except (UnicodeDecodeError, NoTextError) as problem:
        raise AnnotationError(f"not a JSON file ({problem})", file=path, remedy="save it as UTF-8 JSON") from None
    except RecursionError:
        rule = "not a JSON file (lists in lists without end)"
        raise AnnotationError(rule, file=path, remedy="write the file again") from None
    except OSError as problem:
        raise AnnotationError(
            f"the file cannot be read ({problem.strerror})", file=path, remedy="check the path"
        ) from None
    except ValueError as problem:  # a whole number of thousands of digits
        raise AnnotationError(f"not a JSON file ({problem})", file=path, remedy="correct the number") from None


def _text(path: str | Path) -> str:
    data = Path(path).read_bytes()
    encoding = json.detect_encoding(data[:4].ljust(4, b" "))
    return data.decode(encoding)
