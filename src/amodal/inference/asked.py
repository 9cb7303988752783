"""What a caller gives, checked and made uniform: boxes, masks or heats, categories, scores, ids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import AmodalError, AnnotationError, BoxError, ImageError
from ..core.masks import Mask
from .job import Evidence


def box_rows(boxes: Any) -> list[Any]:
    """The boxes of a list or array, unchecked.

    Raises:
        BoxError: it is neither.
    """
    try:
        return list(boxes)
    except TypeError:
        raise BoxError("boxes are a list of x1, y1, x2, y2", value=boxes) from None


def mask_rows(masks: Any) -> list[Any]:
    """The masks of a list or of an array ``(n, H, W)``, unchecked.

    Raises:
        AnnotationError: it is one mask, or no list at all.
    """
    if isinstance(masks, Mask) or (isinstance(masks, np.ndarray) and masks.ndim < 3):
        raise AnnotationError("masks are a list of masks", value=type(masks).__name__, remedy="give [mask]")
    try:
        return list(masks)
    except TypeError:
        raise AnnotationError("masks are a list of masks", value=masks) from None


def names_of(count: int, what: str, ids: Sequence[int] | None, **lists: Sequence[Any] | None) -> list[str]:
    """What each object is called in errors; sees that there is one of everything for each.

    Raises:
        AmodalError: a list of another length, or an id that is no whole number.
    """
    for name, values in (*lists.items(), ("ids", ids)):
        if values is not None and len(values) != count:
            raise AmodalError(f"one of {name} for each of the {count} objects", value=len(values))
    for i in () if ids is None else ids:
        if isinstance(i, bool) or not isinstance(i, int | np.integer):
            raise AmodalError("an id is a whole number", value=i)
    return [f"{what} {i}" for i in range(count)] if ids is None else [f"annotation {i}" for i in ids]


def visible_part(value: Any, width: int, height: int, threshold: float, record: str) -> tuple[Mask, Evidence]:
    """The visible pixels and the evidence of one mask or heat.

    Args:
        value: `Mask`; array ``(H, W)`` of bool or whole numbers (not 0 = visible); or of floats: heat in [0, 1].
        width, height: of the picture.
        threshold: visible are the pixels whose heat exceeds it.
        record: named in errors.

    Raises:
        AnnotationError: another size than the picture's, no visible pixel, heat outside [0, 1] or not finite, or
            something else.
    """
    evidence: Evidence
    if isinstance(value, Mask):
        mask = evidence = value
    else:
        array = np.asarray(value)
        if array.ndim != 2 or array.dtype.kind not in "biuf":
            raise AnnotationError(
                "a mask has two dimensions (H, W), bool or heat in [0, 1]",
                record=record,
                value=(array.dtype.name, array.shape),
            )
        if array.dtype.kind == "f":
            low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
            if not (low >= 0 and high <= 1):  # also where one is NaN
                raise AnnotationError(
                    "heat is a number from 0 to 1 at each pixel",
                    record=record,
                    value=(low, high),
                    remedy="apply the sigmoid to logits; divide bytes by 255",
                )
            mask, evidence = Mask.from_array(array > threshold), array
        else:
            mask = evidence = Mask.from_array(array != 0)
    if (mask.width, mask.height) != (width, height):
        raise AnnotationError(
            f"a mask has the size of its picture, {width} x {height}", record=record, value=(mask.width, mask.height)
        )
    if mask.is_empty:
        raise AnnotationError("a given mask has at least one pixel", record=record, remedy="give its box instead")
    return mask, evidence


def checked_score(value: Any, record: str) -> float:
    """A score as float; raises AnnotationError where it is not a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not math.isfinite(value):
        raise AnnotationError("a score is a number from 0 to 1", record=record, value=value)
    if not 0 <= value <= 1:
        raise AnnotationError("a score is a number from 0 to 1", record=record, value=value)
    return float(value)


def category_numbers(
    categories: Sequence[str] | Sequence[int] | None, known: tuple[str, ...], records: Sequence[str]
) -> tuple[list[int], list[int] | None]:
    """Each object's number for its record, and what the networks are told (None for networks that take none).

    Raises:
        AnnotationError: a category the networks do not know, or none given to networks that need one.
    """
    if categories is None:
        if known and records:
            raise AnnotationError(
                "these networks need the category of every object", remedy=f"give one of {', '.join(known)}"
            )
        return [0] * len(records), None
    names = known or tuple(dict.fromkeys(str(c) for c in categories if isinstance(c, str)))
    places: list[int] = []
    for category, record in zip(categories, records, strict=True):
        place = -1 if isinstance(category, bool) else category
        if isinstance(category, str):
            place = names.index(category) if category in names else -1
        if not isinstance(place, int | np.integer) or place < 0 or (known and place >= len(known)):
            raise AnnotationError(
                "a category is one the networks know" if known else "a category is a name or a number from 0 on",
                record=record,
                value=category,
                remedy=f"give one of {', '.join(known)}" if known else "correct it",
            )
        places.append(int(place))
    return places, places if known else None


def checked_picture(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture itself; raises ImageError where it is not uint8 ``(H, W, 3)``."""
    is_array = isinstance(image, np.ndarray)
    if not is_array or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(
            "a picture is a uint8 array (height, width, 3), RGB",
            value=(image.dtype.name, image.shape) if is_array else type(image).__name__,
            remedy="convert it, or give the path of its file",
        )
    return image
