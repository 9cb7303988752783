"""Values as they are given, checked and made uniform: ids, and what a mask is made of before the codec may see it."""

from __future__ import annotations

import math
from operator import index
from typing import TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import AnnotationError, BoxError

MAX_PIXELS = 500_000_000
"""The largest picture taken: it bounds what a wrong size in a file may cost, and the codec counts in 32 bits."""
_LARGEST_ID = 2**63 - 1
_ODD = (TypeError, ValueError, RuntimeError)
"""What numpy, and what is asked for its array, raise where there is none."""


def checked_id(value: object, what: str = "an id", *, record: str = "") -> int:
    """A whole number of Python's or numpy's as Python's own: one of 64 bits, what an `Album` and a file can hold.

    >>> checked_id(np.int64(3))
    3
    """
    try:
        number = None if isinstance(value, bool | np.bool_) else index(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = None
    if number is None or abs(number) > _LARGEST_ID:
        rule = "is a whole number" if number is None else "has 64 bits at the most"
        raise AnnotationError(f"{what} {rule}", record=record, value=value)
    return number


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number of Python's or numpy's; true and false are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def checked_size(height: int, width: int) -> tuple[int, int]:
    """Height and width as Python's own numbers.

    Raises:
        AnnotationError: no whole numbers, one below 0, or more than `MAX_PIXELS` pixels.
    """
    try:
        rows, columns = index(height), index(width)
    except TypeError:
        rows = columns = -1
    if rows < 0 or columns < 0:
        raise AnnotationError("height and width of a mask are whole numbers from 0 on", value=[height, width])
    if rows * columns > MAX_PIXELS:
        raise too_large(rows, columns)
    return rows, columns


def too_large(height: int, width: int) -> AnnotationError:
    """What is said of a mask of more than `MAX_PIXELS` pixels."""
    return AnnotationError(f"a mask has at the most {MAX_PIXELS} pixels", value=[height, width])


def ones_of(array: ArrayLike) -> NDArray[np.uint8]:
    """uint8 ``(H, W)`` in columns, 1 where an array is not 0: what the codec takes.

    Raises:
        AnnotationError: not two dimensions, more than `MAX_PIXELS` pixels, or neither bool nor whole numbers nor floats
            that are 0 or 1.
    """
    try:
        values = np.asarray(array)
    except _ODD:
        raise AnnotationError("a mask array has two dimensions (H, W)", value=array) from None
    if values.ndim != 2:
        raise AnnotationError("a mask array has two dimensions (H, W)", value=values.shape)
    if values.size > MAX_PIXELS:
        raise too_large(*values.shape)
    kind = values.dtype.kind
    if kind == "b":
        columns: NDArray[np.bool_] = np.asfortranarray(values)
        return columns.view(np.uint8)
    if kind in "iu":
        columns = np.not_equal(values, 0, order="F")
        return columns.view(np.uint8)
    if kind != "f":
        raise AnnotationError("a mask array is of bool, whole numbers, or floats 0 and 1", value=values.dtype.name)
    columns = np.equal(values, 1, order="F")
    if not (columns | (values == 0)).all():  # also where one is NaN
        raise AnnotationError(
            "a mask array of floats is 0 or 1 at each pixel",
            value=(float(values.min()), float(values.max())),
            remedy="threshold it: give array > 0.5",
        )
    return columns.view(np.uint8)


def four_numbers(box: ArrayLike) -> list[float]:
    """A box as floats.

    Raises:
        BoxError: not four finite numbers.
    """
    try:
        values = np.asarray(box, dtype=np.float64)
    except _ODD:
        values = np.empty(0)
    numbers: list[float] = values.tolist()
    if values.shape != (4,) or not all(map(math.isfinite, numbers)):
        raise BoxError("a box is four finite numbers x1, y1, x2, y2", value=box)
    return numbers


def pixels_inside(box: ArrayLike, width: int, height: int) -> tuple[int, int, int, int]:
    """The pixels of a picture whose centres lie inside a box xyxy, as a box of whole pixels; inverted: none.

    >>> pixels_inside([-9, 0.4, 1e300, 2.5], width=6, height=4)
    (0, 0, 6, 2)
    """
    x1, y1, x2, y2 = (math.ceil(v - 0.5) for v in four_numbers(box))
    return max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)


def whole_pixels(box: ArrayLike) -> tuple[int, int, int, int]:
    """A box of whole pixels that a part of a mask is asked for.

    Raises:
        BoxError: not four finite numbers, inverted, or more than `MAX_PIXELS` pixels.
    """
    x1, y1, x2, y2 = map(int, four_numbers(box))
    if x2 < x1 or y2 < y1 or (x2 - x1) * (y2 - y1) > MAX_PIXELS:
        raise BoxError(f"a crop has x1 <= x2, y1 <= y2 and at the most {MAX_PIXELS} pixels", value=box)
    return x1, y1, x2, y2
