"""Rules for boxes.

A box is ``(x1, y1, x2, y2)``: float pixels, pixel EDGES, ``x2``/``y2`` exclusive, origin at the top left corner of the
picture. Functions take arrays of shape ``(..., 4)`` and return float64 unless they say otherwise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import BoxError

Box = tuple[float, float, float, float]
BoxArray = NDArray[np.float64]

LARGEST = 1e15
"""Of a coordinate: beyond it a float no longer tells one pixel from the next."""


def as_box(values: ArrayLike) -> Box:
    """Four numbers as a tuple of Python floats."""
    x1, y1, x2, y2 = np.asarray(values, dtype=np.float64).reshape(4).tolist()
    return (x1, y1, x2, y2)


def from_xywh(boxes: ArrayLike) -> BoxArray:
    """COCO's ``(x, y, width, height)`` as xyxy.

    >>> from_xywh([10, 20, 5, 6]).tolist()
    [10.0, 20.0, 15.0, 26.0]
    """
    boxes = np.asarray(boxes, dtype=np.float64)
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


def to_xywh(boxes: ArrayLike) -> BoxArray:
    """Boxes xyxy as COCO's ``(x, y, width, height)``.

    >>> to_xywh([10, 20, 15, 26]).tolist()
    [10.0, 20.0, 5.0, 6.0]
    """
    boxes = np.asarray(boxes, dtype=np.float64)
    return np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], axis=-1)


def sides(boxes: ArrayLike) -> BoxArray:
    """Width and height, shape ``(..., 2)``."""
    boxes = np.asarray(boxes, dtype=np.float64)
    return np.asarray(boxes[..., 2:] - boxes[..., :2])


def area(boxes: ArrayLike) -> BoxArray:
    """Area in square pixels; 0 for an empty or inverted box."""
    return np.prod(np.maximum(sides(boxes), 0), axis=-1)  # type: ignore[no-any-return]


def intersect(a: ArrayLike, b: ArrayLike) -> BoxArray:
    """The common box; inverted (area 0) where there is none."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return np.concatenate([np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])], axis=-1)


def around(a: Box, b: Box) -> Box:
    """The smallest box that holds both.

    >>> around((0, 0, 2, 2), (1, -1, 5, 1))
    (0, -1, 5, 2)
    """
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def iou(a: ArrayLike, b: ArrayLike) -> BoxArray:
    """Intersection over union, broadcast over leading axes; 0 for two empty boxes.

    >>> float(iou([0, 0, 2, 2], [1, 0, 3, 2])).__round__(3)
    0.333
    """
    common = area(intersect(a, b))
    union = area(a) + area(b) - common
    return np.divide(common, union, out=np.zeros_like(union), where=union > 0)


def overlap_frac(a: ArrayLike, b: ArrayLike) -> BoxArray:
    """Per dimension, the length of the overlap of ``a`` and ``b`` as a share of that of ``b``; shape ``(..., 2)``.

    The reading of the paper's "overlaps along each dimension by at least 70 %" (section 3.2).

    >>> overlap_frac([0, 0, 10, 10], [5, 0, 15, 20]).tolist()
    [0.5, 0.5]
    """
    return np.maximum(sides(intersect(a, b)), 0) / sides(b)


def clip(boxes: ArrayLike, width: float, height: float) -> BoxArray:
    """Boxes cut to ``[0, width] x [0, height]``."""
    limit = np.array([width, height, width, height], dtype=np.float64)
    return np.clip(np.asarray(boxes, dtype=np.float64), 0, limit)


def grow(boxes: ArrayLike, frac: float) -> BoxArray:
    """Every side moved outward by ``frac`` of the box's own length in that dimension (inward where negative).

    Taking 10 % off each side of a patch and growing what is left by 12.5 % gives the patch back:

    >>> grow(grow([0, 0, 100, 200], -0.1), 0.125).tolist()
    [0.0, 0.0, 100.0, 200.0]
    """
    boxes = np.asarray(boxes, dtype=np.float64)
    by = sides(boxes) * frac
    return np.concatenate([boxes[..., :2] - by, boxes[..., 2:] + by], axis=-1)


def outward(boxes: ArrayLike) -> NDArray[np.int64]:
    """The smallest box of whole pixels that holds each box; int64.

    >>> outward([0.5, 1.0, 2.1, 2.0]).tolist()
    [0, 1, 3, 2]
    """
    boxes = np.asarray(boxes, dtype=np.float64)
    return np.concatenate([np.floor(boxes[..., :2]), np.ceil(boxes[..., 2:])], axis=-1).astype(np.int64)


def check(
    box: ArrayLike, width: int, height: int, *, file: object = "", record: str = "", stated: object = None
) -> Box:
    """Refuse a box that no object can have in a picture of ``width`` x ``height``; return it clipped to the picture.

    Args:
        box: xyxy.
        width, height: of the picture, pixels.
        file, record: named in errors.
        stated: what the file says, shown in errors where it says it other than as xyxy; None: ``box``.

    Raises:
        BoxError: not four finite numbers, ``x1 >= x2`` or ``y1 >= y2``, less than half a pixel of it inside the
            picture in either dimension.
    """
    where: dict[str, Any] = {"file": file, "record": record}
    try:
        values = np.asarray(box, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (4,) or not np.isfinite(values).all():
        shown = stated if stated is not None else tuple(values.tolist()) if values.shape == (4,) else box
        raise BoxError("a box is four finite numbers x1, y1, x2, y2", value=shown, remedy="correct the box", **where)
    shown = stated if stated is not None else tuple(values.tolist())
    if (sides(values) <= 0).any():
        raise BoxError(
            "a box needs x1 < x2 and y1 < y2", value=shown, remedy="give edges as x1,y1,x2,y2 in pixels", **where
        )
    inside = clip(values, width, height)
    if (sides(inside) < 0.5).any():
        raise BoxError(
            f"a box must overlap its picture of {width} x {height} pixels by half a pixel or more each way",
            value=shown,
            remedy="check that the box belongs to this picture and is given in pixels",
            **where,
        )
    return as_box(inside)


def check_xywh(values: list[float], width: int, height: int, *, file: object = "", record: str = "") -> Box:
    """`check` of COCO's ``[x, y, width, height]``, told in those terms; xyxy clipped to the picture.

    Raises:
        BoxError: not finite, no width or no height, less than half a pixel of it inside the picture.
    """
    x, y, wide, high = values
    if not all(abs(v) < LARGEST for v in values):
        raise BoxError(
            "a box is four finite numbers x, y, width, height",
            value=values,
            remedy="correct the box",
            file=file,
            record=record,
        )
    if wide <= 0 or high <= 0:
        raise BoxError(
            "a box [x, y, width, height] needs a width and a height above 0",
            value=values,
            remedy="correct the box; its last two numbers are no corner",
            file=file,
            record=record,
        )
    return check((x, y, x + wide, y + high), width, height, file=file, record=record, stated=values)


def jitter(box: ArrayLike, rng: np.random.Generator, *, min_overlap: float = 0.75, max_resize: float = 0.10) -> Box:
    """A random box like a detector's: paper section 3.2, the jittered modal box.

    Each dimension is drawn apart: its length within ``1 +- max_resize`` of the true one, its place uniform among those
    that overlap the true extent by at least ``min_overlap`` of its length.
    """
    x1, y1, x2, y2 = as_box(box)
    lows, highs = [], []
    least, most = 1 - max_resize, 1 + max_resize
    for low, high in ((x1, x2), (y1, y2)):
        length = high - low
        new = length * (least + (most - least) * rng.random())  # `rng.uniform` does the same, more slowly
        slack = max(length * (1 - min_overlap), 0.0)
        # overlap >= min_overlap * length: the new low may lie `slack` above the old one, the new high as far below
        first = high - slack - new
        last = max(low + slack, first)  # rounding may leave less than nothing between them
        start = first + (last - first) * rng.random()
        lows.append(start)
        highs.append(start + new)
    return (lows[0], lows[1], highs[0], highs[1])
