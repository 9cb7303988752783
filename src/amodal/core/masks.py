"""Mask: which pixels of a picture belong to an object. The only file that knows the run-length codec."""

from __future__ import annotations

from array import array as packed
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as codec

from . import boxes as bx
from . import given
from . import runs as rl
from .errors import AnnotationError

MAX_PIXELS = given.MAX_PIXELS
"""Of a mask: see `amodal.core.given`."""


class Mask:
    """An immutable set of pixels of one picture.

    Kept as COCO's compressed run-length code; one made from polygons keeps those, and finds its code when it is first
    asked for. ``a & b``, ``a | b``, ``a - b``, ``a ^ b`` and ``~a`` are masks, too. Two are equal when their pixels
    are. One without pixels is false. numpy takes a mask as its array: ``picture[mask]``, ``array & mask``.

    Args:
        height, width: size of the picture, pixels.
        counts: COCO's compressed column-major runs, taken as they are: `from_rle` checks those of a file.

    Raises:
        AnnotationError: (by all that make masks) more than `MAX_PIXELS` pixels.
    """

    __slots__ = ("_counts", "_points", "height", "width")

    def __init__(self, height: int, width: int, counts: bytes | None, _points: tuple[bytes, ...] | None = None) -> None:
        if type(height) is not int or type(width) is not int:  # numpy's go into no JSON file
            height, width = given.checked_size(height, width)
        if height * width > MAX_PIXELS:
            raise given.too_large(height, width)
        self.height, self.width = height, width
        self._counts, self._points = counts, _points

    # ---- made from ----------------------------------------------------------------------------------------------

    @classmethod
    def from_array(cls, array: ArrayLike) -> Mask:
        """From an array ``(H, W)`` of bool, of whole numbers (not 0: a pixel of the mask), or of floats 0 and 1.

        Raises:
            AnnotationError: another array; of heat, give ``heat > 0.5``.

        >>> Mask.from_array(np.eye(3, dtype=bool)).area
        3
        """
        ones = given.ones_of(array)
        return cls(ones.shape[0], ones.shape[1], codec.encode(ones)["counts"])

    @classmethod
    def from_crop(cls, crop: NDArray[Any], left: int, top: int, width: int, height: int) -> Mask:
        """From a bool array that covers the picture from ``(left, top)`` on; what reaches beyond the picture is cut."""
        height, width = given.checked_size(height, width)
        x1, y1 = max(left, 0), max(top, 0)
        x2, y2 = min(left + crop.shape[1], width), min(top + crop.shape[0], height)
        if x1 >= x2 or y1 >= y2:
            return cls(height, width, _compressed(np.array([height * width]), height, width))
        part = crop[y1 - top : y2 - top, x1 - left : x2 - left]
        return cls(height, width, _compressed(_crop_runs(part, x1, y1, width, height), height, width))

    def moved(self, dx: int, dy: int, width: int, height: int) -> Mask:
        """Its pixels so many to the right and down, in a picture of that size; what reaches beyond it is cut."""
        if self.is_empty:
            return Mask.from_crop(np.zeros((0, 0), np.bool_), 0, 0, width, height)
        x1, y1, x2, y2 = map(int, self.box)
        return Mask.from_crop(self.crop((x1, y1, x2, y2)), x1 + dx, y1 + dy, width, height)

    @classmethod
    def from_box(cls, box: ArrayLike, width: int, height: int) -> Mask:
        """The pixels whose centres lie inside a box xyxy.

        Raises:
            BoxError: not four finite numbers.
        """
        height, width = given.checked_size(height, width)
        x1, y1, x2, y2 = given.pixels_inside(box, width, height)
        crop = np.ones((max(y2 - y1, 0), max(x2 - x1, 0)), dtype=np.uint8)
        return cls.from_crop(crop, x1, y1, width, height)

    @classmethod
    def from_polygons(
        cls,
        polygons: Sequence[Sequence[float]] | Sequence[NDArray[Any]] | NDArray[Any],
        width: int,
        height: int,
        *,
        file: object = "",
        record: str = "",
    ) -> Mask:
        """From COCO polygons ``[[x1, y1, x2, y2, ...], ...]``: their union.

        Raises:
            AnnotationError: no polygon, fewer than three points, an odd count, or a coordinate that is not finite or
                lies far outside the picture.
        """
        remedy = "draw the object with at least three points, or remove the record"
        height, width = given.checked_size(height, width)
        if not isinstance(polygons, list | tuple | np.ndarray) or not len(polygons):
            raise AnnotationError(
                "a segmentation needs at least one polygon", file=file, record=record, value=polygons, remedy=remedy
            )
        points: list[bytes] = []
        reach = rl.reach(width, height)
        for polygon in polygons:
            problem = rl.polygon_problem(polygon, reach)
            if problem == "near":
                raise AnnotationError(
                    f"a polygon lies in or near its picture of {width} x {height} pixels",
                    file=file,
                    record=record,
                    value=polygon,
                    remedy="check that it belongs to this picture and is given in pixels",
                )
            if problem:
                raise AnnotationError(
                    "a polygon is x1, y1, x2, y2, ...: three points or more, all finite",
                    file=file,
                    record=record,
                    value=polygon,
                    remedy=remedy,
                )
            points.append(packed("d", polygon).tobytes())
        return cls(height, width, None, tuple(points))

    @classmethod
    def from_rle(
        cls,
        code: Mapping[str, Any],
        width: int | None = None,
        height: int | None = None,
        *,
        file: object = "",
        record: str = "",
    ) -> Mask:
        """From COCO's ``{"size": [height, width], "counts": str | bytes | [int, ...]}``.

        Args:
            code: the run-length object.
            width, height: size of the picture it must have, where known.
            file, record: named in errors.

        Raises:
            AnnotationError: not such an object, of another size than the picture, or runs that do not fill it.
        """
        where: dict[str, Any] = {"file": file, "record": record}
        if not isinstance(code, dict | Mapping):
            raise AnnotationError(
                'a run-length mask is an object with "size" and "counts"',
                value=code,
                remedy="give what Mask.to_rle returned; of an array, Mask.from_array",
                **where,
            )
        size, counts = code.get("size"), code.get("counts")
        if isinstance(size, np.ndarray):
            size = size.tolist()
        if not (isinstance(size, list | tuple) and len(size) == 2 and all(map(_is_side, size))):
            raise AnnotationError(
                'a run-length mask needs "size": [height, width]', value=size, remedy="write the mask again", **where
            )
        rows, columns = map(int, size)
        if (height is not None and rows != height) or (width is not None and columns != width):
            raise AnnotationError(
                f"a mask has the size of its picture, [height, width] = [{height}, {width}]",
                value=[rows, columns],
                remedy="scale the mask to the picture, or correct the picture's size",
                **where,
            )
        if rows * columns > MAX_PIXELS:
            raise AnnotationError(f"a mask has at the most {MAX_PIXELS} pixels", value=[rows, columns], **where)
        return cls(rows, columns, _checked_counts(counts, rows, columns, where))

    # ---- given as -----------------------------------------------------------------------------------------------

    def to_array(self) -> NDArray[np.bool_]:
        """bool ``(H, W)``."""
        # not the codec's `decode`: numpy 2 warns of it, and of a photograph's mask it is slower
        return self._columns(0, self.width)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a mask has no array of its own: it is made when it is asked for")
        return self.to_array() if dtype is None else self.to_array().astype(dtype, copy=False)

    @property
    def counts(self) -> bytes:
        """COCO's compressed column-major runs."""
        if self._counts is None:
            shapes = [packed("d", part).tolist() for part in self._points or ()]
            self._counts = codec.merge(codec.frPyObjects(shapes, self.height, self.width))["counts"]
        return self._counts

    @property
    def polygons(self) -> tuple[tuple[float, ...], ...] | None:
        """The COCO polygons ``(x1, y1, x2, y2, ...)`` it was made from; None where it was made from pixels."""
        if self._points is None:
            return None
        return tuple(tuple(packed("d", part)) for part in self._points)

    def to_rle(self) -> dict[str, Any]:
        """COCO's JSON form: ``{"size": [height, width], "counts": str}``."""
        return {"size": [self.height, self.width], "counts": self.counts.decode("ascii")}

    def spans(self) -> NDArray[np.int64]:
        """int64 ``(n, 2)``: its pixels, numbered ``x * height + y``, as intervals ``[start, stop)``, in order."""
        ends = np.cumsum(self._runs())
        return ends[: len(ends) // 2 * 2].reshape(-1, 2)

    def crop(self, box: ArrayLike) -> NDArray[np.bool_]:
        """bool array of the pixels inside a box of whole pixels; False beyond the picture.

        Raises:
            BoxError: not four finite numbers, inverted, or more than `MAX_PIXELS` pixels.
        """
        x1, y1, x2, y2 = given.whole_pixels(box)
        out = np.zeros((y2 - y1, x2 - x1), dtype=np.bool_)
        left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, self.width), min(y2, self.height)
        if left < right and top < bottom:
            out[top - y1 : bottom - y1, left - x1 : right - x1] = self._columns(left, right)[top:bottom]
        return out

    # ---- asked --------------------------------------------------------------------------------------------------

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(codec.area(self._code()))

    @property
    def is_empty(self) -> bool:
        return self.area == 0

    def __bool__(self) -> bool:
        return not self.is_empty

    @property
    def box(self) -> bx.Box:
        """The smallest box of whole pixels around the mask; ``(0, 0, 0, 0)`` where it is empty."""
        return bx.as_box(bx.from_xywh(codec.toBbox(self._code())))

    def iou(self, other: Mask) -> float:
        """Intersection over union with another mask of the same size; 0 for two empty masks."""
        if not isinstance(other, Mask):
            raise AnnotationError("iou is of two masks", value=type(other).__name__, remedy="give Mask.from_array(it)")
        self._same_size(other)
        return float(codec.iou([self._code()], [other._code()], [0])[0, 0]) if self.area or other.area else 0.0

    # ---- algebra ------------------------------------------------------------------------------------------------

    def __or__(self, other: Mask) -> Mask:
        return self._merged(other, intersect=False) if isinstance(other, Mask) else NotImplemented

    def __and__(self, other: Mask) -> Mask:
        return self._merged(other, intersect=True) if isinstance(other, Mask) else NotImplemented

    def __sub__(self, other: Mask) -> Mask:
        if not isinstance(other, Mask):
            return NotImplemented
        self._same_size(other)
        return self & ~other

    def __xor__(self, other: Mask) -> Mask:
        return (self - other) | (other - self) if isinstance(other, Mask) else NotImplemented

    def __invert__(self) -> Mask:
        return Mask(self.height, self.width, rl.complement(self.counts))

    def _merged(self, other: Mask, *, intersect: bool) -> Mask:
        self._same_size(other)
        return Mask(self.height, self.width, codec.merge([self._code(), other._code()], intersect)["counts"])

    def _same_size(self, other: Mask) -> None:
        if (self.height, self.width) != (other.height, other.width):
            raise AnnotationError(
                f"two masks of one picture have one size, here [{self.height}, {self.width}]",
                value=[other.height, other.width],
            )

    def _columns(self, left: int, right: int) -> NDArray[np.bool_]:
        """bool ``(H, right - left)``: some columns, without the array of the whole picture."""
        runs = self._runs()
        inside = np.zeros(len(runs), np.bool_)
        inside[1::2] = True
        if right - left < self.width:
            ends = np.clip(np.cumsum(runs), left * self.height, right * self.height) - left * self.height
            runs = np.diff(ends, prepend=0)
        flat = np.repeat(inside, runs)
        return flat.reshape(right - left, self.height).T

    def _code(self) -> dict[str, Any]:
        return {"size": [self.height, self.width], "counts": self.counts}

    def _runs(self) -> NDArray[np.int64]:
        runs = rl.runs(self.counts)
        assert runs is not None  # checked when it was read, or made by the codec
        return runs

    # ---- a value ------------------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mask):
            return NotImplemented
        if (self.height, self.width) != (other.height, other.width):
            return False
        if self._points is not None and self._points == other._points:
            return True
        return self.counts == other.counts

    def __hash__(self) -> int:
        return hash((self.height, self.width, self.counts))

    def __repr__(self) -> str:
        return f"Mask(height={self.height}, width={self.width}, area={self.area})"

    def __reduce__(self) -> tuple[Any, ...]:
        # the code of polygons can be found again: left out, it costs neither memory nor time in an album
        return Mask, (self.height, self.width, self._counts if self._points is None else None, self._points)


def _is_side(value: object) -> bool:
    return given.is_whole(value) and value > 0


def _compressed(runs: NDArray[np.int64], rows: int, columns: int) -> bytes:
    """COCO's compressed form of column-major runs."""
    code = codec.frPyObjects({"size": [rows, columns], "counts": runs}, rows, columns)
    return code["counts"]  # type: ignore[no-any-return]


def _crop_runs(crop: NDArray[Any], left: int, top: int, width: int, height: int) -> NDArray[np.int64]:
    """Runs of the picture's mask that is ``crop`` at ``(left, top)``, found in the crop alone."""
    rows, columns = crop.shape
    # a False row below keeps the columns apart; a crop as high as the picture runs on from column to column
    step = rows if rows == height else rows + 1
    line = np.zeros(columns * step + 2, dtype=np.bool_)
    line[1:-1].reshape(columns, step)[:, :rows] = crop.T
    at = np.flatnonzero(line[1:] != line[:-1])  # where a run starts or ends
    column, row = np.divmod(at, step)
    at = (left + column) * height + top + row
    end = width * height
    return np.diff(at, prepend=0, append=[] if len(at) and at[-1] == end else end)


def _checked_counts(counts: object, rows: int, columns: int, where: dict[str, Any]) -> bytes:
    """Compressed runs that are known to fill the picture exactly: the codec itself does not look."""
    runs, pixels = rl.runs(counts), rows * columns
    if runs is None or (runs < 0).any() or (runs > pixels).any() or int(runs.sum()) != pixels:
        raise AnnotationError(
            f"the runs of a mask are not negative and fill its picture of {rows} x {columns} = {pixels} pixels",
            value=counts,
            remedy="write the mask again with its true size",
            **where,
        )
    if (runs[1:] == 0).any():  # pixels that are equal must have equal codes
        return _compressed(rl.joined(runs), rows, columns)
    if isinstance(counts, str):
        return counts.encode("ascii")
    return counts if isinstance(counts, bytes) else _compressed(runs, rows, columns)
