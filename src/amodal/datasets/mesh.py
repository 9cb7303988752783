"""Triangle meshes from PLY files, ascii and binary."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import AnnotationError

_TYPES = {
    **{"char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2"},
    **{"uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4"},
    **{"double": "f8", "float64": "f8"},
}
_END = re.compile(rb"^end_header[ \t\r]*\n", re.MULTILINE)
_INDICES = ("vertex_indices", "vertex_index")
_REMEDY = "export the mesh again as a PLY of vertices and faces"


@dataclass(frozen=True, slots=True)
class Mesh:
    """A surface of triangles.

    Attributes:
        vertices: float64 ``(v, 3)``, in the file's unit.
        faces: int64 ``(f, 3)``, places in ``vertices``.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]


@dataclass(slots=True)
class _Element:
    name: str
    count: int
    properties: list[tuple[str, str, str | None]]  # name, type, type of the list's length or None


def read_ply(path: str | Path) -> Mesh:
    """Read one mesh; polygons of more than three corners become fans of triangles.

    Raises:
        AnnotationError: missing, not a PLY file, cut short, or faces that name vertices that are not there.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as problem:
        raise AnnotationError(
            f"the mesh cannot be read ({problem.strerror})", file=path, remedy="check the models folder"
        ) from None
    try:
        order, elements, start = _header(data)
        mesh = _body_ascii(data[start:], elements) if order is None else _body_binary(data, start, elements, order)
    except (ValueError, IndexError, KeyError, OverflowError, UnicodeDecodeError) as problem:
        raise AnnotationError(f"not a PLY mesh that can be read ({problem})", file=path, remedy=_REMEDY) from None
    return check_mesh(mesh, path)


def check_mesh(mesh: Mesh, path: object, record: str = "") -> Mesh:
    """Refuse a mesh without triangles, with places out of range or coordinates that are not finite."""
    vertices, faces = mesh.vertices, mesh.faces
    if not len(faces) or faces.min() < 0 or faces.max() >= len(vertices) or not np.isfinite(vertices).all():
        raise AnnotationError(
            f"a mesh has finite vertices, and faces that name some of them (0..{len(vertices) - 1})",
            file=path,
            record=record,
            remedy=_REMEDY,
        )
    return mesh


def _header(data: bytes) -> tuple[str | None, list[_Element], int]:
    """Byte order (None = ascii), elements and where the body starts."""
    end = _END.search(data, 0, 100_000)  # a comment may hold the words
    if not data.startswith(b"ply") or end is None:
        raise ValueError("no PLY header")
    order: str | None = None
    elements: list[_Element] = []
    for line in data[: end.start()].decode("ascii", "replace").splitlines()[1:]:
        words = line.split()
        if words[:1] == ["format"]:
            order = {"ascii": None, "binary_little_endian": "<", "binary_big_endian": ">"}[words[1]]
        elif words[:1] == ["element"]:
            elements.append(_Element(words[1], int(words[2]), []))
            if not 0 <= elements[-1].count <= len(data):
                raise ValueError(f"{words[2]} records in {len(data)} bytes")
        elif words[:1] == ["property"]:
            length = _TYPES[words[2]] if words[1] == "list" else None
            elements[-1].properties.append((words[-1], _TYPES[words[-2]], length))
    return order, elements, end.end()


def _body_ascii(body: bytes, elements: list[_Element]) -> Mesh:
    lines = (line for line in body.decode("ascii", "replace").splitlines() if line.strip())
    vertices, triangles = np.empty((0, 3)), np.empty((0, 3), np.int64)
    for element in elements:
        rows = [line.split() for line in islice(lines, element.count)]
        if len(rows) < element.count:
            raise ValueError(f"{len(rows)} of {element.count} {element.name} records")
        names = [name for name, _, _ in element.properties]
        if element.name == "vertex":
            vertices = np.array([[row[names.index(axis)] for axis in "xyz"] for row in rows], dtype=np.float64)
        elif element.name == "face":
            if names[0] not in _INDICES:
                raise ValueError("a face's indices come first")
            polygons = [[int(v) for v in row[1 : 1 + int(row[0])]] for row in rows]
            triangles = _fans(polygons)
    return Mesh(vertices.reshape(-1, 3), triangles)


def _body_binary(data: bytes, at: int, elements: list[_Element], order: str) -> Mesh:
    vertices, triangles = np.empty((0, 3)), np.empty((0, 3), np.int64)
    for element in elements:
        if element.count == 0:
            continue
        lengths = _list_lengths(data, at, element, order)
        kind = _record_type(element, order, lengths)
        if at + element.count * kind.itemsize <= len(data):
            table = np.frombuffer(data, kind, element.count, at)
            if all((table[f"#{name}"] == size).all() for name, size in lengths.items()):
                at += table.nbytes
                if element.name == "vertex":
                    vertices = np.stack([table[axis].astype(np.float64) for axis in "xyz"], axis=1)
                elif element.name == "face":
                    name = next((name for name in _INDICES if name in lengths), "")
                    if not name:
                        raise ValueError("faces without vertex_indices")
                    triangles = _fan_table(table[name].astype(np.int64))
                continue
        polygons, at = _ragged(data, at, element, order)
        if element.name == "face":
            triangles = _fans(polygons)
    return Mesh(vertices, triangles)


def _record_type(element: _Element, order: str, lengths: dict[str, int]) -> np.dtype[np.void]:
    fields: list[tuple[str, str] | tuple[str, str, tuple[int]]] = []
    for name, kind, length in element.properties:
        if length is None:
            fields.append((name, order + kind))
        else:
            fields += [(f"#{name}", order + length), (name, order + kind, (lengths[name],))]
    return np.dtype(fields)


def _list_lengths(data: bytes, at: int, element: _Element, order: str) -> dict[str, int]:
    """Length of each list of the first record: nearly every file has the same in all of them."""
    lengths: dict[str, int] = {}
    for name, kind, length in element.properties:
        if length is not None:
            lengths[name] = int(np.frombuffer(data, order + length, 1, at)[0])
            if not 0 <= lengths[name] <= len(data):
                raise ValueError(f"a list of {lengths[name]} in {len(data)} bytes")
            at += np.dtype(length).itemsize + lengths[name] * np.dtype(kind).itemsize
        else:
            at += np.dtype(kind).itemsize
    return lengths


def _ragged(data: bytes, at: int, element: _Element, order: str) -> tuple[list[list[int]], int]:
    """Records whose lists differ in length, one by one."""
    polygons: list[list[int]] = []
    for _ in range(element.count):
        for name, kind, length in element.properties:
            size = 1
            if length is not None:
                size = int(np.frombuffer(data, order + length, 1, at)[0])
                at += np.dtype(length).itemsize
            if size < 0 or at + size * np.dtype(kind).itemsize > len(data):
                raise ValueError(f"{element.name} records cut short")
            if name in _INDICES:
                polygons.append(np.frombuffer(data, order + kind, size, at).astype(np.int64).tolist())
            at += size * np.dtype(kind).itemsize
    return polygons, at


def _fans(polygons: list[list[int]]) -> NDArray[np.int64]:
    if any(len(polygon) < 3 for polygon in polygons):
        raise ValueError("a face has three corners or more")
    fans = [(p[0], p[i], p[i + 1]) for p in polygons for i in range(1, len(p) - 1)]
    return np.array(fans, dtype=np.int64).reshape(-1, 3)


def _fan_table(table: NDArray[np.int64]) -> NDArray[np.int64]:
    if table.shape[1] < 3:
        raise ValueError("a face has three corners or more")
    first = np.broadcast_to(table[:, :1], (len(table), table.shape[1] - 2))
    return np.stack([first, table[:, 1:-1], table[:, 2:]], axis=-1).reshape(-1, 3)
