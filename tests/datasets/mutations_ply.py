"""Ways to break a mesh; `mutations.py` takes them."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

Mutation = Callable[[bytes], bytes | None]


def _head(old: bytes, new: bytes) -> Mutation:
    def change(data: bytes) -> bytes:
        end = data.index(b"end_header")
        return re.sub(old, new, data[:end]) + data[end:]

    return change


def _ply_numbers(text: bytes, value: float) -> Mutation:
    """All coordinates of an ascii mesh as a text, of a binary one as a number."""

    def change(data: bytes) -> bytes:
        start = data.index(b"end_header\n") + 11
        if b"format ascii" in data:
            return data[:start] + re.sub(rb"-?\d+\.\d+", text, data[start:])
        floats = struct.pack("<f" if b"little" in data else ">f", value)
        return data[:start] + floats * ((len(data) - start) // 4)

    return change


def _ply_giant(data: bytes) -> bytes | None:
    """Coordinates of an ascii mesh out of all measure."""
    start = data.index(b"end_header\n") + 11
    return data[:start] + re.sub(rb"\d+\.\d+", rb"\g<0>e307", data[start:]) if b"format ascii" in data else None


PLY: dict[str, Mutation] = {
    "vertices-huge": _head(rb"element vertex \d+", b"element vertex 999999999999"),
    "vertices-endless": _head(rb"element vertex \d+", b"element vertex " + b"9" * 5000),
    "vertices-negative": _head(rb"element vertex \d+", b"element vertex -8"),
    "vertices-none": _head(rb"element vertex \d+", b"element vertex 0"),
    "faces-huge": _head(rb"element face \d+", b"element face 999999999999"),
    "faces-word": _head(rb"element face \d+", b"element face x"),
    "faces-none": _head(rb"element face \d+", b"element face 0"),
    "no-axis": _head(rb"property float z", b"property float w"),
    "no-type": _head(rb"property float z", b"property number z"),
    "no-list": _head(rb"property list uchar int vertex_indices\n", b""),
    "lists-long": lambda data: None if b"ascii" in data else data.replace(b"list uchar int", b"list uint int"),
    "format": _head(rb"format \S+", b"format text"),
    "no-end": lambda data: data.replace(b"end_header", b"end_of_it"),
    "numbers-nan": _ply_numbers(b"nan", float("nan")),
    "numbers-endless": _ply_numbers(b"-inf", float("-inf")),
    "numbers-giant": _ply_giant,
}
