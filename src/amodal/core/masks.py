"""Mask: which pixels of a picture belong to an object. The only file that knows the run-length codec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as codec

from . import boxes as bx
from .errors import AnnotationError

_MAX_PIXELS = 500_000_000
_MAX_REACH = 10
"""How many times its picture's longer side a polygon may reach: the codec's memory grows with its coordinates."""


@dataclass(frozen=True, slots=True)
class Mask:
    """An immutable set of pixels of one picture, kept as COCO's compressed run-length code.

    Attributes:
        height, width: size of the picture, pixels.
        counts: COCO's compressed column-major runs.
    """

    height: int
    width: int
    counts: bytes

    # ---- made from ----------------------------------------------------------------------------------------------

    @classmethod
    def from_array(cls, array: NDArray[Any]) -> Mask:
        """From a bool (or 0/1) array ``(H, W)``.

        >>> Mask.from_array(np.eye(3, dtype=bool)).area
        3
        """
        if array.ndim != 2:
            raise AnnotationError("a mask array has two dimensions (H, W)", value=array.shape)
        code = codec.encode(np.asfortranarray(array, dtype=np.uint8))
        return cls(array.shape[0], array.shape[1], code["counts"])

    @classmethod
    def from_crop(cls, crop: NDArray[Any], left: int, top: int, width: int, height: int) -> Mask:
        """From a bool array that covers the picture from ``(left, top)`` on; what reaches beyond the picture is cut."""
        full = np.zeros((height, width), dtype=np.uint8, order="F")
        x1, y1 = max(left, 0), max(top, 0)
        x2, y2 = min(left + crop.shape[1], width), min(top + crop.shape[0], height)
        if x1 < x2 and y1 < y2:
            full[y1:y2, x1:x2] = crop[y1 - top : y2 - top, x1 - left : x2 - left]
        return cls(height, width, codec.encode(full)["counts"])

    @classmethod
    def from_box(cls, box: ArrayLike, width: int, height: int) -> Mask:
        """The pixels whose centres lie inside a box xyxy."""
        x1, y1, x2, y2 = np.ceil(np.asarray(box, np.float64) - 0.5).astype(int).tolist()
        crop = np.ones((max(y2 - y1, 0), max(x2 - x1, 0)), dtype=np.uint8)
        return cls.from_crop(crop, x1, y1, width, height)

    @classmethod
    def from_polygons(
        cls, polygons: Sequence[Sequence[float]], width: int, height: int, *, file: object = "", record: str = ""
    ) -> Mask:
        """From COCO polygons ``[[x1, y1, x2, y2, ...], ...]``: their union.

        Raises:
            AnnotationError: no polygon, fewer than three points, an odd count, or a coordinate that is not finite or
                lies far outside the picture.
        """
        remedy = "draw the object with at least three points, or remove the record"
        if not polygons:
            raise AnnotationError(
                "a segmentation needs at least one polygon", file=file, record=record, value=polygons, remedy=remedy
            )
        for polygon in polygons:
            points = _numbers(polygon)
            if points is None or len(points) < 6 or len(points) % 2:
                raise AnnotationError(
                    "a polygon is x1, y1, x2, y2, ...: three points or more, all finite",
                    file=file,
                    record=record,
                    value=polygon,
                    remedy=remedy,
                )
            if np.abs(points).max() > _MAX_REACH * max(width, height):
                raise AnnotationError(
                    f"a polygon lies in or near its picture of {width} x {height} pixels",
                    file=file,
                    record=record,
                    value=polygon,
                    remedy="check that it belongs to this picture and is given in pixels",
                )
        parts = codec.frPyObjects([[float(v) for v in polygon] for polygon in polygons], height, width)
        return cls(height, width, codec.merge(parts)["counts"])

    @classmethod
    def from_rle(
        cls,
        code: dict[str, Any],
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
        size, counts = code.get("size"), code.get("counts")
        if not (isinstance(size, list | tuple) and len(size) == 2 and all(type(v) is int and v > 0 for v in size)):
            raise AnnotationError(
                'a run-length mask needs "size": [height, width]', value=size, remedy="write the mask again", **where
            )
        rows, columns = size
        if (height is not None and rows != height) or (width is not None and columns != width):
            raise AnnotationError(
                f"a mask has the size of its picture, [height, width] = [{height}, {width}]",
                value=[rows, columns],
                remedy="scale the mask to the picture, or correct the picture's size",
                **where,
            )
        if rows * columns > _MAX_PIXELS:
            raise AnnotationError(f"a mask has at the most {_MAX_PIXELS} pixels", value=[rows, columns], **where)
        return cls(rows, columns, _checked_counts(counts, rows, columns, where))

    # ---- given as -----------------------------------------------------------------------------------------------

    def to_array(self) -> NDArray[np.bool_]:
        """bool ``(H, W)``."""
        return codec.decode(self._code()).view(np.bool_)  # type: ignore[no-any-return]

    def to_rle(self) -> dict[str, Any]:
        """COCO's JSON form: ``{"size": [height, width], "counts": str}``."""
        return {"size": [self.height, self.width], "counts": self.counts.decode("ascii")}

    def crop(self, box: ArrayLike) -> NDArray[np.bool_]:
        """bool array of the pixels inside a box of whole pixels; False beyond the picture."""
        x1, y1, x2, y2 = np.asarray(box, dtype=np.int64).tolist()
        out = np.zeros((y2 - y1, x2 - x1), dtype=np.bool_)
        left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, self.width), min(y2, self.height)
        if left < right and top < bottom:
            out[top - y1 : bottom - y1, left - x1 : right - x1] = self.to_array()[top:bottom, left:right]
        return out

    # ---- asked --------------------------------------------------------------------------------------------------

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(codec.area(self._code()))

    @property
    def is_empty(self) -> bool:
        return self.area == 0

    @property
    def box(self) -> bx.Box:
        """The smallest box of whole pixels around the mask; ``(0, 0, 0, 0)`` where it is empty."""
        return bx.as_box(bx.from_xywh(codec.toBbox(self._code())))

    def iou(self, other: Mask) -> float:
        """Intersection over union with another mask of the same size; 0 for two empty masks."""
        self._same_size(other)
        return float(codec.iou([self._code()], [other._code()], [0])[0, 0]) if self.area or other.area else 0.0

    # ---- algebra ------------------------------------------------------------------------------------------------

    def __or__(self, other: Mask) -> Mask:
        return self._merged(other, intersect=False)

    def __and__(self, other: Mask) -> Mask:
        return self._merged(other, intersect=True)

    def __sub__(self, other: Mask) -> Mask:
        self._same_size(other)
        return Mask.from_array(self.to_array() & ~other.to_array())

    def _merged(self, other: Mask, *, intersect: bool) -> Mask:
        self._same_size(other)
        return Mask(self.height, self.width, codec.merge([self._code(), other._code()], intersect)["counts"])

    def _same_size(self, other: Mask) -> None:
        if (self.height, self.width) != (other.height, other.width):
            raise AnnotationError(
                f"two masks of one picture have one size, here [{self.height}, {self.width}]",
                value=[other.height, other.width],
            )

    def _code(self) -> dict[str, Any]:
        return {"size": [self.height, self.width], "counts": self.counts}


def _numbers(values: object) -> NDArray[np.float64] | None:
    if not isinstance(values, list | tuple | np.ndarray) or any(isinstance(v, str | bool) for v in values):
        return None
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if numbers.ndim == 1 and np.isfinite(numbers).all() else None


def _checked_counts(counts: object, rows: int, columns: int, where: dict[str, Any]) -> bytes:
    """Compressed runs that are known to fill the picture exactly: the codec itself does not look."""
    runs = _runs(counts)
    if runs is None or (runs < 0).any() or int(runs.sum()) != rows * columns:
        raise AnnotationError(
            f"the runs of a mask are not negative and fill its picture of {rows} x {columns} = {rows * columns} pixels",
            value=counts,
            remedy="write the mask again with its true size",
            **where,
        )
    if isinstance(counts, str):
        return counts.encode("ascii")
    if isinstance(counts, bytes):
        return counts
    code = codec.frPyObjects({"size": [rows, columns], "counts": runs.tolist()}, rows, columns)
    return code["counts"]  # type: ignore[no-any-return]


def _runs(counts: object) -> NDArray[np.int64] | None:
    """Run lengths from either form of COCO's counts; None where it is neither.

    The compressed form writes each run as 5-bit groups, low first, bit 5 set where more follow, bit 4 of the last one
    the sign; from the fourth run on it is the difference to the run two before.
    """
    if isinstance(counts, list | tuple):
        numbers = _numbers(counts)
        return None if numbers is None or (numbers != np.floor(numbers)).any() else numbers.astype(np.int64)
    if not isinstance(counts, str | bytes):
        return None
    try:
        text = counts.encode("ascii") if isinstance(counts, str) else counts
    except UnicodeEncodeError:
        return None
    groups = np.frombuffer(text, dtype=np.uint8).astype(np.int64) - 48
    if groups.size == 0 or (groups < 0).any() or (groups > 63).any() or groups[-1] & 32:
        return None
    ends = np.flatnonzero(~(groups & 32).astype(bool))
    starts = np.concatenate([[0], ends[:-1] + 1])
    if (ends - starts).max() > 8:
        return None
    place = np.arange(groups.size) - np.repeat(starts, ends - starts + 1)
    runs = np.add.reduceat((groups & 31) << (5 * place), starts)
    runs -= np.where(groups[ends] & 16, np.int64(1) << (5 * (ends - starts + 1)), 0)
    # runs[i] += runs[i - 2] for i > 2: two interleaved running sums, run 0 apart
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs
