"""Deterministic ways to break an annotation file.

Each mutation takes the bytes of a sound file and gives broken ones, or None where it does not apply to them. Some break
any file they apply to; others may leave a file that is sound, and it must then be read as one.
"""

from __future__ import annotations

import functools
import json
import random
import re
import runpy
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Mutation = Callable[[bytes], bytes | None]

HUGE = 10**30
DEEP = 100_000
ESCAPES = (
    "../../secret.png",
    "/etc/passwd",
    "images/../../../secret.png",
    "..\\..\\secret.png",
    "C:\\secret.png",
    "\x00",
    "a/" * 3000 + "a.png",
)


def mutations(suffix: str, data: bytes) -> Iterator[tuple[str, bytes, bool]]:
    """(name, broken bytes, whether they are surely broken) for a file whose name ends in ``suffix``."""
    yield from _each(_CUTS, data, sure=suffix in (".json", ".xml", ".mat", ".png", ".ply"))
    if suffix == ".json":
        yield from _each(_JSON_TEXT, data, sure=True)
        for name, content in _json_changes(json.loads(data)):
            yield f"json-{name}", json.dumps(content).encode(), True
        for name, content in _json_leaves(json.loads(data)):
            yield f"leaf-{name}", json.dumps(content).encode(), False
    if suffix == ".xml":
        yield from _each(_XML, data, sure=True)
    if suffix == ".mat":
        yield from _each(_MAT, data, sure=True)
        yield from _each(_MAT_BYTES, data, sure=False)
    if suffix == ".ply":
        yield from _each(_PLY, data, sure=True)
    if suffix in (".xml", ".txt", ".yaml", ".json"):
        for name, broken, _ in _each(_TEXT, data, sure=False):
            yield name, broken, suffix == ".txt" and name.startswith(("numbers-", "every-"))
    yield from _each(_BYTES, data, sure=False)


def _each(made: dict[str, Mutation], data: bytes, *, sure: bool) -> Iterator[tuple[str, bytes, bool]]:
    for name, change in made.items():
        broken = change(data)
        if broken is not None and broken != data:
            yield name, broken, sure


# ---- any file ------------------------------------------------------------------------------------------------------

_CUTS: dict[str, Mutation] = {
    "empty": lambda data: b"",
    "blank": lambda data: b" \n\t\n",
    **{f"cut-{share}": lambda data, share=share: data[: len(data) * share // 100] for share in (10, 35, 60, 85)},
    "zeros": lambda data: bytes(len(data)),
    "noise": lambda data: random.Random(0).randbytes(len(data)),
}


def _flipped(seed: int) -> Mutation:
    def change(data: bytes) -> bytes:
        rng, broken = random.Random(seed), bytearray(data)
        for _ in range(max(1, len(data) // 200)):
            broken[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(broken)

    return change


def _without_part(data: bytes) -> bytes:
    return data[: len(data) // 3] + data[len(data) // 2 :]


_BYTES: dict[str, Mutation] = {
    **{f"flip-{seed}": _flipped(seed) for seed in range(4)},
    "hole": _without_part,
    "twice": lambda data: data + data,
}

# ---- text ----------------------------------------------------------------------------------------------------------

_NUMBER = re.compile(rb"-?\d+(\.\d+)?")


def _numbers_as(text: bytes, every: int = 1) -> Mutation:
    def change(data: bytes) -> bytes:
        seen = iter(range(10**9))
        return _NUMBER.sub(lambda found: text if next(seen) % every == 0 else found.group(), data)

    return change


_TEXT: dict[str, Mutation] = {
    **{
        f"numbers-{name}": _numbers_as(text)
        for name, text in {
            "negative": b"-7",
            "zero": b"0",
            "huge": b"9" * 400,
            "endless": b"9" * 5000,
            "float": b"1e308",
            "overflow": b"1e999",
            "word": b'"x"',
            "nan": b"NaN",
        }.items()
    },
    "every-third-huge": _numbers_as(b"99999999999999999999", 3),
    "every-fifth-nan": _numbers_as(b"NaN", 5),
    "latin-1": lambda data: data.replace(b"a", b"\xe9"),
    "nul": lambda data: data.replace(b" ", b"\x00"),
    "utf-16": lambda data: data.decode("utf-8").encode("utf-16"),
    "mark": lambda data: b"\xef\xbb\xbf" + data,
}

# ---- JSON ----------------------------------------------------------------------------------------------------------

_FIRST_ID = re.compile(rb'"(id|image_id|version|label|imagePath)"')

_JSON_TEXT: dict[str, Mutation] = {
    "deep-lists": lambda data: b"[" * DEEP + b"]" * DEEP,
    "deep-objects": lambda data: b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep-inside": lambda data: b'{"images": ' + b"[" * DEEP + b"]" * DEEP + b', "annotations": [], "categories": []}',
    "open-lists": lambda data: b"[" * DEEP,
    "comma": lambda data: data.replace(b",", b",,", 1),
    "single-quotes": lambda data: data.replace(b'"', b"'"),
    "tail": lambda data: data + b"}",
    "key-twice": lambda data: (
        _FIRST_ID.sub(lambda found: found.group() + b": 1, " + found.group(), data, count=1)
        if _FIRST_ID.search(data)
        else None
    ),
    "string": lambda data: b'"annotations"',
    "number": lambda data: b"3",
    "null": lambda data: b"null",
}


def _json_changes(content: Any) -> Iterator[tuple[str, Any]]:
    """Changes to the places that every dialect in JSON has: its pictures' sizes and names, its masks and boxes."""
    for key, values in _WRONG.items():
        for name, value in values.items():
            changed = _with(content, key, value)
            if changed is not None:
                yield f"{key}-{name}", changed


def _bomb(rows: int, columns: int, counts: Any) -> dict[str, Any]:
    return {"size": [rows, columns], "counts": counts}


_WRONG: dict[str, dict[str, Any]] = {
    "images": {"object": {}, "text": "x", "null": None, "numbers": [1, 2], "lists": [[], []]},
    "annotations": {"object": {}, "text": "x", "null": None, "numbers": [1, 2]},
    "categories": {"object": {}, "text": "x", "numbers": [1]},
    "shapes": {"object": {}, "text": "x", "null": None, "numbers": [1, 2]},
    "regions": {"object": {}, "text": "x", "numbers": [1, 2]},
    "width": {"zero": 0, "negative": -5, "huge": HUGE, "float": 1.5, "text": "40", "giant": 10**9},
    "height": {"zero": 0, "negative": -5, "huge": HUGE, "list": [40], "endless": float("inf")},
    "imageWidth": {"zero": 0, "huge": HUGE, "giant": 10**9},
    "file_name": {"number": 3, "empty": "", **{f"escape-{i}": name for i, name in enumerate(ESCAPES)}},
    "imagePath": {"number": 3, "empty": "", **{f"escape-{i}": name for i, name in enumerate(ESCAPES)}},
    "id": {"text": "x", "huge": HUGE, "float": 1.5, "list": []},
    "image_id": {"unknown": 12345, "text": "x", "list": [], "huge": HUGE},
    "category_id": {"unknown": 12345, "text": "x", "endless": float("inf")},
    "bbox": {
        "three": [1, 2, 3],
        "nan": [float("nan")] * 4,
        "endless": [0, 0, float("inf"), 3],
        "huge": [HUGE] * 4,
        "far": [1e6, 1e6, 5, 5],
        "negative": [5, 5, -3, -3],
        "text": "1 2 3 4",
        "nested": [[1, 2, 3, 4]],
    },
    "segmentation": {
        "number": 7,
        "text": "x",
        "two-points": [[1, 1, 5, 5]],
        "odd": [[1, 1, 5, 5, 9, 9, 3]],
        "nan": [[1, 1, 5, float("nan"), 9, 9]],
        "huge": [[1, 1, 1e300, 5, 9, 9]],
        "far": [[1, 1, 1e7, 5, 9, 1e7]],
        "words": [["a", "b", "c", "d", "e", "f"]],
        "nested": [[[[1, 1, 5, 5, 9, 9]]]],
        "other-size": _bomb(7, 7, [49]),
        "giant-size": _bomb(10**9, 10**9, [10**18]),
        "endless-size": _bomb(HUGE, HUGE, [HUGE]),
        "negative-size": _bomb(-3, -3, [9]),
        "giant-runs": _bomb(30, 40, [10**18, 1]),
        "negative-runs": _bomb(30, 40, [2400, -1200]),
        "short-runs": _bomb(30, 40, [1, 2]),
        "text-runs": _bomb(30, 40, ["a"]),
        "giant-code": _bomb(30, 40, "oooooooooooooooooooooooo0"),
        "many-runs": _bomb(30, 40, "0" * 200_000),
        "odd-code": _bomb(30, 40, "\u00e9\u00e9"),
        "open-code": _bomb(30, 40, "oooo"),
        "no-counts": {"size": [30, 40]},
    },
    "points": {
        "text": "x",
        "nan": [[1, float("nan")], [2, 2], [3, 1]],
        "far": [[1, 1], [1e9, 2], [3, 1e9]],
        "triples": [[1, 1, 1], [2, 2, 2], [3, 3, 1]],
        "null": None,
    },
    "occlude_rate": {"two": 2, "nan": float("nan"), "text": "x"},
    "score": {"two": 2, "nan": float("nan"), "text": "x"},
    "order": {"text": "x", "float": 1.5},
    "obj_id": {"text": "x", "huge": HUGE, "negative": -1, "unknown": 77, "float": 1.5, "escape": "../../secret"},
    "cam_R_m2c": {"zeros": [0.0] * 9, "eight": [1.0] * 8, "nan": [float("nan")] * 9, "huge": [HUGE] * 9, "text": "x"},
    "cam_t_m2c": {
        "two": [1, 2],
        "nan": [float("nan")] * 3,
        "giant": [1e300, 0, 105],
        "null": None,
        "words": ["x"] * 3,
    },
    "cam_K": {
        **{"zeros": [0] * 9, "nan": [float("nan")] * 9, "text": "x", "nested": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]},
        **{"giant": [1e300, 0, 1, 0, 1e300, 1, 0, 0, 1], "negative": [-1, 0, 1, 0, -1, 1, 0, 0, 1]},
    },
}


def _with(content: Any, key: str, value: Any) -> Any | None:
    """A copy with the first ``key`` anywhere below set to ``value``; None where there is none."""
    copy = json.loads(json.dumps(content))
    waiting: list[Any] = [copy]
    while waiting:
        here = waiting.pop(0)
        if isinstance(here, dict):
            if key in here:
                here[key] = value
                return copy
            waiting.extend(here.values())
        elif isinstance(here, list):
            waiting.extend(here[:50])
    return None


def _json_leaves(content: Any, most: int = 60) -> Iterator[tuple[str, Any]]:
    """Each place of the file in turn, up to ``most``, holding something else."""
    others = (None, "x", [], {}, True, -1, 1e300)
    places = list(_places(content))
    step = max(1, len(places) // most)
    for number, place in enumerate(places[::step]):
        copy = json.loads(json.dumps(content))
        here = copy
        for key in place[:-1]:
            here = here[key]
        here[place[-1]] = others[number % len(others)]
        yield f"{number}", copy


def _places(content: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = (
        content.items() if isinstance(content, dict) else enumerate(content[:4]) if isinstance(content, list) else ()
    )
    for key, value in inner:
        yield (*above, key)
        yield from _places(value, (*above, key))


# ---- XML -----------------------------------------------------------------------------------------------------------


def _with_doctype(text: str, use: bytes) -> Mutation:
    def change(data: bytes) -> bytes:
        body = re.sub(rb"<\?xml.*?\?>", b"", data).strip()
        root = re.match(rb"<([A-Za-z_]+)", body)
        assert root is not None
        inner = re.sub(rb">([^<>\s][^<>]*)<", lambda found: b">" + use + b"<", body, count=1)
        return b"<!DOCTYPE " + root.group(1) + b" [" + text.encode() + b"]>" + inner

    return change


_LAUGHS = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))

_XML: dict[str, Mutation] = {
    "laughs": _with_doctype(_LAUGHS, b"&a11;"),
    "outside-entity": _with_doctype('<!ENTITY x SYSTEM "file:///etc/passwd">', b"&x;"),
    "blow-up": _with_doctype(f'<!ENTITY x "{"x" * 100_000}">', b"&x;" * 10_000),
    "deep": lambda data: b"<annotation>" + b"<a>" * DEEP + b"</a>" * DEEP + b"</annotation>",
    "other-root": lambda data: b"<html><body>no</body></html>",
    "wrong-encoding": lambda data: b'<?xml version="1.0" encoding="nonsense"?>' + re.sub(rb"<\?xml.*?\?>", b"", data),
    "open-tag": lambda data: data.replace(b"</", b"<", 1),
}

# ---- MATLAB --------------------------------------------------------------------------------------------------------


def _unpacked(change: Mutation) -> Mutation:
    """A change of what is packed in a file, of all its variables."""

    def whole(data: bytes) -> bytes:
        made, at = data[:128], 128
        while at < len(data):
            kind, size = struct.unpack_from("<II", data, at)
            packed = zlib.compress(change(zlib.decompress(data[at + 8 : at + 8 + size])) or b"")
            made, at = made + struct.pack("<II", kind, len(packed)) + packed, at + 8 + size
        return made

    return whole


def _doubles_as(value: float) -> Mutation:
    """All float64 numbers: where a tag says so (type 9, a size that fits)."""

    def change(data: bytes) -> bytes:
        made, at = bytearray(data), 0
        while (at := data.find(b"\x09\0\0\0", at)) >= 0:
            size = int.from_bytes(data[at + 4 : at + 8], "little")
            if at % 8 == 0 and size > 0 and size % 8 == 0 and at + 8 + size <= len(data):
                made[at + 8 : at + 8 + size] = struct.pack("<d", value) * (size // 8)
            at += 4
        return bytes(made)

    return change


def _variable(content: bytes) -> Mutation:
    """A file of the same header whose only variable unpacks to ``content``."""
    return lambda data: data[:128] + struct.pack("<II", 15, len(packed := _packed(content))) + packed


@functools.cache
def _packed(content: bytes) -> bytes:
    return zlib.compress(content, 1)


def _cells(depth: int) -> bytes:
    """Cells in cells."""
    made = b""
    for _ in range(depth):
        head = struct.pack("<IIIIIIIIII", 6, 8, 1, 0, 5, 8, 1, 1, 1, 0)
        made = struct.pack("<II", 14, len(head) + len(made)) + head + made
    return made


_MAT: dict[str, Mutation] = {
    "zip-bomb": _variable(bytes(200 << 20)),
    "cells-in-cells": _variable(_cells(500)),
    "sizes-huge": _unpacked(lambda data: data.replace(struct.pack("<II", 9, 8), struct.pack("<II", 9, 0xFFFFFFF0))),
    "shapes-huge": _unpacked(lambda data: data.replace(struct.pack("<II", 5, 8), struct.pack("<II", 5, 0x7FFFFFF0))),
    "short": _unpacked(lambda data: data[: len(data) // 2]),
    "names-gone": _unpacked(lambda data: re.sub(rb"bbox|faces|GTinst|GTcls", b"x", data)),
    "version-7.3": lambda data: b"MATLAB 7.3 MAT-file" + data[19:],
    **{
        f"doubles-{name}": _unpacked(_doubles_as(value))
        for name, value in {"nan": float("nan"), "endless": float("inf"), "zero": 0.0, "giant": 1e300}.items()
    },
}
_MAT_BYTES: dict[str, Mutation] = {
    **{f"inside-flip-{seed}": _unpacked(_flipped(seed)) for seed in range(8)},
    "inside-hole": _unpacked(_without_part),
}

# ---- meshes --------------------------------------------------------------------------------------------------------

_PLY: dict[str, Mutation] = runpy.run_path(str(Path(__file__).with_name("mutations_ply.py")))["PLY"]
