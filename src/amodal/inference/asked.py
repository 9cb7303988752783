"""What a caller gives, checked and made uniform: pictures, boxes, masks or heats, categories, scores, ids."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from ..core.errors import AmodalError, AnnotationError, BoxError, ImageError
from ..core.given import checked_id
from ..core.images import read_image, rgb_of
from ..core.masks import MAX_PIXELS, Mask
from .job import Evidence

PictureLike = ArrayLike | Image.Image | str | os.PathLike[str]
"""A picture: uint8 array or tensor ``(H, W, 3)``, RGB, or grey ``(H, W)``; one of Pillow; or the path of its file."""
MaskLike = Mask | ArrayLike | Mapping[str, Any]
"""A visible mask: `Mask`; array or tensor ``(H, W)`` or ``(1, H, W)`` of bool, of whole numbers, or of heat in [0, 1];
or COCO's run-length object."""

ROUNDING = 1e-6
"""Rounding may take scores and heat so far out of 0 to 1 (they are set to 0 or 1): the float32 after 1 is 1.0000001."""


def as_array(value: Any) -> Any:
    """A tensor as the array of its numbers, cut from its gradient and its device; what numpy takes as an array as that.

    Anything else as it is. A tensor is known by its methods, those of torch's: torch need not be installed.

    Raises:
        AmodalError: an array that does not let numpy read it, such as one of cupy's, on a GPU.
    """
    if isinstance(value, Mask | np.ndarray | np.generic):
        return value
    if not (hasattr(value, "detach") and hasattr(value, "cpu") and hasattr(value, "numpy")):
        try:
            return np.asarray(value) if hasattr(value, "__array__") else value
        except TypeError as problem:
            raise AmodalError(
                f"numpy can read an array ({problem})",
                value=type(value).__name__,
                remedy="copy it to the memory of the CPU first, as a numpy array",
            ) from None
    tensor = value.detach().cpu()
    try:
        return tensor.numpy()
    except TypeError:  # numbers that numpy does not have: bfloat16
        return tensor.float().numpy()


def as_number(value: Any) -> Any:
    """The number (or text) that a tensor or array without dimensions holds; anything else as it is.

    >>> as_number(np.array(3))
    3
    """
    value = as_array(value)
    return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value


def box_rows(boxes: Any) -> list[Any]:
    """The boxes of a list, array or tensor, or of a list of them, unchecked; four numbers alone are one box.

    Raises:
        BoxError: it is none of these.
    """
    try:
        rows = list(_in_order(as_array(boxes)))
    except TypeError:
        raise BoxError("boxes are a list of x1, y1, x2, y2", value=boxes) from None
    if rows and all(isinstance(as_number(value), int | float | np.number) for value in rows):
        if len(rows) != 4:
            raise BoxError("boxes are a list of x1, y1, x2, y2", value=boxes, remedy="give [[x1, y1, x2, y2], ...]")
        return [tuple(map(as_number, rows))]
    return [tuple(map(as_array, row)) if isinstance(row, list | tuple) else as_array(row) for row in rows]


def mask_rows(masks: Any) -> list[Any]:
    """The masks of a list, or of an array or tensor ``(n, H, W)`` or ``(n, 1, H, W)``, or the one given; unchecked.

    Raises:
        AnnotationError: it is no list, nor a mask.
    """
    masks = np.asarray(masks) if isinstance(masks, Image.Image) else as_array(masks)
    if isinstance(masks, Mask | Mapping) or (isinstance(masks, np.ndarray) and masks.ndim == 2):
        return [masks]
    try:
        return list(_in_order(masks))
    except TypeError:
        raise AnnotationError("masks are a list of masks", value=masks) from None


def _in_order(values: Any) -> Any:
    """The values themselves; raises TypeError of a set or mapping, whose order is not that of the objects."""
    if isinstance(values, Mapping | AbstractSet):
        raise TypeError
    return values


def names_of(count: int, what: str, ids: Sequence[int] | None, **lists: Sequence[Any] | None) -> list[str]:
    """What each object is called in errors; sees that there is one of everything for each.

    Raises:
        AmodalError: a list of another length, or an id that is no whole number of 64 bits.
    """
    for name, values in (*lists.items(), ("ids", ids)):
        if values is not None and (size := _length(values)) != count:
            raise AmodalError(f"one of {name} for each of the {count} objects", value=values if size is None else size)
    if ids is None:
        return [f"{what} {i}" for i in range(count)]
    return [f"annotation {checked_id(as_number(i))}" for i in ids]


def _length(values: Any) -> int | None:
    """How many there are in a list, array or tensor; None of a set, a mapping, and one alone: a name, a number."""
    try:
        return None if isinstance(values, str) else len(_in_order(values))
    except TypeError:
        return None


def visible_part(value: Any, width: int, height: int, threshold: float, record: str) -> tuple[Mask, Evidence]:
    """The visible pixels and the evidence of one mask or heat.

    Args:
        value: `Mask`, or COCO's run-length object; array or tensor ``(H, W)`` or ``(1, H, W)`` of bool or whole numbers
            (not 0 = visible); or of floats: heat in [0, 1].
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
    elif isinstance(value, Mapping):
        mask = evidence = Mask.from_rle(value, width, height, record=record)
    else:
        array = _mask_array(value, record)
        if array.dtype.kind == "f":
            evidence = _checked_heat(array, record)
            mask = Mask.from_array(evidence > threshold)
        else:
            mask = evidence = Mask.from_array(array)
    if (mask.width, mask.height) != (width, height):
        raise AnnotationError(
            f"a mask has the size of its picture, {width} x {height}", record=record, value=(mask.width, mask.height)
        )
    if not mask.is_empty:
        return mask, evidence
    if isinstance(evidence, Mask):
        raise AnnotationError("a given mask has at least one pixel", record=record, remedy="give its box instead")
    raise AnnotationError(
        f"a given heat exceeds {threshold:g} (given_threshold) in at least one pixel",
        record=record,
        value=float(f"{evidence.max():.3g}"),
        remedy="give its box instead, or lower given_threshold in the settings",
    )


def _mask_array(value: Any, record: str) -> NDArray[Any]:
    """A mask as an array ``(H, W)`` of bool, whole numbers or floats; raises AnnotationError where it is none."""
    try:
        array = np.asarray(as_array(value))
    except (TypeError, ValueError):  # rows of several lengths
        array = np.empty(0, object)
    flat = array[0] if array.ndim == 3 and len(array) == 1 else array  # the one channel of torchvision's masks
    if flat.ndim != 2 or flat.dtype.kind not in "biuf":
        raise AnnotationError(
            "a mask has two dimensions (H, W), or three (1, H, W), bool or heat in [0, 1]",
            record=record,
            value=(array.dtype.name, array.shape),
        )
    return flat


def _checked_heat(heat: NDArray[np.floating], record: str) -> NDArray[np.floating]:
    """The heat itself, what rounding took out of [0, 1] set to its end; raises AnnotationError where more lies out."""
    low, high = (float(heat.min()), float(heat.max())) if heat.size else (0.0, 0.0)
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):  # also where one is NaN
        raise AnnotationError(
            "heat is a number from 0 to 1 at each pixel",
            record=record,
            value=(low, high),
            remedy="apply the sigmoid to logits; divide bytes by 255",
        )
    return heat if low >= 0 and high <= 1 else heat.clip(0, 1)


def checked_score(value: Any, record: str) -> float:
    """A score as float in [0, 1]; raises AnnotationError where it is none, or lies outside by more than `ROUNDING`."""
    score = as_number(value)
    is_number = isinstance(score, int | float | np.integer | np.floating) and not isinstance(score, bool)
    if not is_number or not -ROUNDING <= score <= 1 + ROUNDING:  # also where it is NaN
        raise AnnotationError("a score is a number from 0 to 1", record=record, value=score)
    return min(max(float(score), 0.0), 1.0)


def category_numbers(
    categories: Sequence[str] | Sequence[int] | None, known: tuple[str, ...], records: Sequence[str]
) -> tuple[list[int], list[int] | None]:
    """Each object's number for its record, and what the networks are told (None for networks that take none).

    Networks that know categories number them: a name's number is its place in ``known``. For others a number is kept as
    it is; names are numbered 0, 1, ... by their first appearance in THIS call and then lost: the same name may have
    another number in the next call. Who needs numbers that hold from picture to picture gives numbers.

    Raises:
        AnnotationError: a category the networks do not know, or none given to networks that need one; names and numbers
            in one call, where no network says which number a name has.
    """
    if categories is None:
        if known and records:
            raise AnnotationError(
                "these networks need the category of every object", remedy=f"give one of {', '.join(known)}"
            )
        return [0] * len(records), None
    given = [as_number(category) for category in categories]
    names = known or tuple(dict.fromkeys(str(c) for c in given if isinstance(c, str)))
    if not known and names and not all(isinstance(c, str) for c in given):
        raise AnnotationError("categories are all names or all numbers", value=given, remedy="give all as numbers")
    places: list[int] = []
    for category, record in zip(given, records, strict=True):
        place = -1 if isinstance(category, bool) else category
        if isinstance(category, str):
            place = names.index(category) if category in names else -1
        if not isinstance(place, int | np.integer) or place < 0 or (known and place >= len(known)):
            raise AnnotationError(
                "a category is one the networks know" if known else "a category is a name or a whole number from 0 on",
                record=record,
                value=category,
                remedy=f"give one of {', '.join(known)}" if known else "correct it; of float labels give labels.int()",
            )
        places.append(checked_id(place, "a category", record=record))
    return places, places if known else None


def picture_of(image: PictureLike) -> NDArray[np.uint8]:
    """A picture as uint8 ``(H, W, 3)``, RGB, in memory that is not the caller's.

    Raises:
        ImageError: a file that cannot be read, or none of `PictureLike`.
    """
    if isinstance(image, str | os.PathLike):
        return checked_picture(read_image(image if isinstance(image, str) else Path(image)))
    if isinstance(image, Image.Image):
        return rgb_of(image)
    array = as_array(image)
    if isinstance(array, np.ndarray) and array.dtype == np.uint8 and array.ndim == 2:
        array = np.broadcast_to(array[..., None], (*array.shape, 3))
    return np.array(checked_picture(array), order="C")


def checked_picture(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture itself; raises ImageError where it is not uint8 ``(H, W, 3)``."""
    is_array = isinstance(image, np.ndarray)
    if not is_array or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(
            "a picture is a uint8 array (height, width, 3), RGB",
            value=(image.dtype.name, image.shape) if is_array else type(image).__name__,
            remedy=_picture_remedy(image) if is_array else "convert it, or give the path of its file",
        )
    if image.shape[0] * image.shape[1] > MAX_PIXELS:
        raise ImageError(f"a picture has 1 to {MAX_PIXELS} pixels", value=image.shape, remedy="shrink it")
    return image


def _picture_remedy(image: NDArray[Any]) -> str:
    """How an array that is no picture becomes one."""
    steps = []
    if image.ndim == 4 and len(image) == 1:
        steps.append("take it out of its batch: image[0]")
    elif image.ndim == 3 and image.shape[0] == 3 and image.shape[2] != 3:
        steps.append("put the channels last: image.transpose(1, 2, 0)")
    elif image.ndim == 3 and image.shape[2] == 4:
        steps.append("leave its transparency out: image[..., :3]")
    elif image.ndim == 3 and image.shape[2] == 1:
        steps.append("give its one channel as grey: image[..., 0]")
    highest = float(image.max()) if image.size and image.dtype.kind in "iuf" else math.nan
    if image.dtype.kind == "f" and highest <= 1:
        steps.append("make bytes of numbers from 0 to 1: (image * 255).astype(np.uint8)")
    elif image.dtype != np.uint8 and highest <= 255:
        steps.append("make bytes of it: image.astype(np.uint8)")
    elif image.dtype != np.uint8 and highest > 255:
        steps.append(f"make bytes of it, its highest number is {highest:g}: scale it to 255, then astype(np.uint8)")
    return "; ".join(steps) or "convert it, or give the path of its file"
