"""MATLAB files (version 5 to 7) of numbers, texts, cells and structs: what SBD and PASCAL 3D+ are kept in.

A reader of our own instead of scipy's: 35 MB less to install, and no file can make it use more memory than its bytes
(unpacked, at the most `_MAX_BYTES`) warrant.

In Python a numeric array is an ndarray with MATLAB's shape, a text a str, a cell array a flat list in column order, a
struct array (also of one) a list of dicts. Sparse arrays, objects and functions are None.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import AnnotationError

_MAX_BYTES = 128 * 1024 * 1024
_PIECE = 1 << 20
_MAX_DEPTH = 20
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_MATRIX, _PACKED = 14, 15
_CELL, _STRUCT, _CHAR = 1, 2, 4


def read_mat(path: str | Path) -> dict[str, Any]:
    """The variables of one file, by name.

    Raises:
        AnnotationError: missing, not such a file (version 7.3 is another format), or cut short.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as problem:
        raise AnnotationError(
            f"the file cannot be read ({problem.strerror})", file=path, remedy="check the path"
        ) from None
    if data[:8] == b"\x89HDF\r\n\x1a\n" or data[:19] == b"MATLAB 7.3 MAT-file":
        raise AnnotationError("a MATLAB file of version 7 or older", file=path, remedy="save it again with -v7")
    try:
        if len(data) < 128 or data[126:128] not in (b"IM", b"MI"):
            raise ValueError("no header")
        order = "<" if data[126:128] == b"IM" else ">"
        body = memoryview(data)[128:]
        return dict(_matrix(part, order, 0) for part in _variables(body, order))
    except (ValueError, struct.error, zlib.error, UnicodeDecodeError, IndexError, OverflowError) as problem:
        raise AnnotationError(
            f"not a MATLAB file that can be read ({problem})", file=path, remedy="copy it again; it may be cut short"
        ) from None


def _variables(body: memoryview, order: str) -> Iterator[memoryview]:
    left = _MAX_BYTES
    for kind, content in _elements(body, order):
        if kind == _PACKED:
            unpacked = _unpacked(content, left)
            left -= len(unpacked)
            kind, content = next(_elements(memoryview(unpacked), order), (0, content))
        if kind == _MATRIX and len(content):
            yield content


def _unpacked(content: memoryview, most: int) -> bytearray:
    """What zlib packed, piece by piece: asked for all at once, it holds everything twice."""
    unpacker, unpacked, rest = zlib.decompressobj(), bytearray(), bytes(content)
    while rest and not unpacker.eof:
        unpacked += unpacker.decompress(rest, _PIECE)
        rest = unpacker.unconsumed_tail
        if len(unpacked) > most:
            raise ValueError(f"over {_MAX_BYTES} bytes unpacked")
    return unpacked + unpacker.flush()


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """(type, content) of the elements that follow each other."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(order + "II", data, at)
        start = at + 8
        if kind >> 16:  # the short form: size and type in one word, up to four bytes in the next
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
            end = at + 8
            if size > 4:
                raise ValueError(f"a short element of {size} bytes")
        else:
            end = start + size + (0 if kind == _PACKED else -size % 8)
        if start + size > len(data):
            raise ValueError("cut short")
        yield kind, data[start : start + size]
        at = end


def _matrix(data: memoryview, order: str, depth: int) -> tuple[str, Any]:
    """Name and value of one array."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"nested deeper than {_MAX_DEPTH}")
    parts = _elements(data, order)
    try:
        flags, dims, name = (next(parts)[1] for _ in range(3))
        kind = struct.unpack_from(order + "I", flags)[0] & 0xFF
        shape = tuple(np.frombuffer(dims, order + "i4").tolist())
        called = bytes(name).decode("latin-1")
        if kind in _CLASSES or kind == _CHAR:
            return called, _values(next(parts, (2, memoryview(b""))), kind, shape, order)
        if kind == _STRUCT:
            size = int(np.frombuffer(next(parts)[1], order + "i4")[0])
            if size <= 0:
                raise ValueError("field names without length")
            words = bytes(next(parts)[1])
            fields = [words[i : i + size].split(b"\0")[0].decode("latin-1") for i in range(0, len(words), size)]
            flat = [_child(part, order, depth) for part in parts]
            step = max(len(fields), 1)
            return called, [dict(zip(fields, flat[i : i + step], strict=True)) for i in range(0, len(flat), step)]
        if kind == _CELL:
            return called, [_child(part, order, depth) for part in parts]
    except RuntimeError:  # what a generator makes of a StopIteration
        raise ValueError("cut short") from None
    return called, None


def _child(part: tuple[int, memoryview], order: str, depth: int) -> Any:
    kind, content = part
    if kind != _MATRIX:
        raise ValueError(f"an element of type {kind} where an array is due")
    return _matrix(content, order, depth + 1)[1] if len(content) else np.empty((0, 0))


def _values(part: tuple[int, memoryview], kind: int, shape: tuple[int, ...], order: str) -> Any:
    stored, content = part
    if kind == _CHAR:
        text = bytes(content).decode(_TEXTS.get(stored, "latin-1") + ("" if stored in (1, 2, 16) else _endian(order)))
        return "".join(text[i :: shape[0]] for i in range(shape[0])) if shape and 1 < shape[0] <= len(text) else text
    if stored not in _NUMBERS:
        raise ValueError(f"numbers of type {stored}")
    values = np.frombuffer(content, order + _NUMBERS[stored])
    return values.astype(_CLASSES[kind]).reshape(shape, order="F")


def _endian(order: str) -> str:
    return "-le" if order == "<" else "-be"


def write_mat(path: str | Path, variables: Mapping[str, Any]) -> None:
    """Write variables as `read_mat` returns them: arrays, texts, lists of dicts (structs), other lists (cells)."""
    header = b"MATLAB 5.0 MAT-file, written by amodal".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    packed = (zlib.compress(_packed_matrix(name, value)) for name, value in variables.items())
    Path(path).write_bytes(header + b"".join(struct.pack("<II", _PACKED, len(part)) + part for part in packed))


def _element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + b"\0" * (-len(content) % 8)


def _packed_matrix(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        kind, shape = _CHAR, (1, len(value))
        body = _element(4, value.encode("utf-16-le"))
    elif isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        kind, shape = _STRUCT, (1, len(value))
        fields = list(value[0])
        body = _element(5, struct.pack("<i", 32)) + _element(
            1, b"".join(f.encode("ascii").ljust(32, b"\0") for f in fields)
        )
        body += b"".join(_packed_matrix("", entry[field]) for entry in value for field in fields)
    elif isinstance(value, list):
        kind, shape = _CELL, (len(value), 1)
        body = b"".join(_packed_matrix("", entry) for entry in value)
    else:
        array = np.atleast_2d(np.asarray(value))
        code = array.dtype.newbyteorder("<").str[1:]
        kind, shape = {v: k for k, v in _CLASSES.items()}[code], array.shape
        stored = {v: k for k, v in _NUMBERS.items()}[code]
        body = _element(stored, array.astype("<" + code).tobytes(order="F"))
    head = _element(6, struct.pack("<II", kind, 0)) + _element(5, struct.pack(f"<{len(shape)}i", *shape))
    return _element(_MATRIX, head + _element(1, name.encode("latin-1")) + body)
