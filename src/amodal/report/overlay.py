"""Predictions drawn over their photograph."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from ..core import boxes as bx
from ..core.errors import ImageError
from ..core.masks import Mask
from ..core.records import Prediction
from .colours import FOUND, GIVEN, WHITE, Colour, object_colour

Picture = NDArray[np.uint8]


def draw_predictions(image: Picture, predictions: Sequence[Prediction], names: Sequence[str]) -> Picture:
    """`drawn_picture` as an array; uint8 ``(H, W, 3)``."""
    return np.asarray(drawn_picture(image, predictions, names))


def drawn_picture(image: Picture, predictions: Sequence[Prediction], names: Sequence[str]) -> Image.Image:
    """All objects of one photograph over it.

    Each object has its colour: the hidden part is filled with stripes of it, the amodal mask outlined in it, the modal
    mask outlined in white; the given modal box is green, the amodal box found blue; a label gives category and hidden
    share.

    Args:
        image: uint8 ``(H, W, 3)``, RGB; not changed.
        predictions: the objects of this photograph; masks of its size.
        names: name of each category; ``Prediction.category`` is a place in it.

    Returns:
        RGB, of the photograph's size.

    Raises:
        ImageError: not such an array, or a mask of another size than the photograph.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ImageError("a photograph is a uint8 array (H, W, 3)", value=(image.shape, str(image.dtype)))
    height, width = image.shape[:2]
    for p in predictions:
        if (p.amodal_mask.height, p.amodal_mask.width) != (height, width):
            raise ImageError(
                f"the masks have the size of their photograph, here {width} x {height}",
                record=f"annotation {p.annotation_id}",
                value=(p.amodal_mask.width, p.amodal_mask.height),
                remedy="give the photograph the predictions were made from",
            )
    canvas = image.copy()
    line = max(1, round(min(height, width) / 260))
    # the largest first, so that a small object is not painted over
    order = sorted(range(len(predictions)), key=lambda i: -predictions[i].amodal_mask.area)
    for i in order:
        p, colour = predictions[i], object_colour(i)
        paint_stripes(canvas, p.hidden_mask, colour, line)
        paint_outline(canvas, p.modal_mask, WHITE, line, alpha=0.8)
        paint_outline(canvas, p.amodal_mask, colour, line)
    picture = Image.fromarray(canvas)
    del canvas  # of a large photograph, every copy counts
    pen = ImageDraw.Draw(picture)
    for i in order:
        draw_box(pen, predictions[i].amodal_box, FOUND, picture.size, line)
        draw_box(pen, predictions[i].modal_box, GIVEN, picture.size, line)
    taken: list[bx.Box] = []
    for i in reversed(order):
        p = predictions[i]
        text = f"{category_name(names, p.category)} {p.occlude_rate:.0%} hidden"
        _draw_label(pen, text, p.amodal_box, object_colour(i), picture.size, taken)
    return picture


def category_name(names: Sequence[str], category: int) -> str:
    """Name of a category; its number where it has none.

    >>> category_name(["cat"], 0), category_name([], 3)
    ('cat', '3')
    """
    return names[category] if 0 <= category < len(names) else str(category)


def paint_stripes(canvas: Picture, mask: Mask, colour: Colour, line_px: int, *, alpha: float = 0.7) -> None:
    """Fill a mask with diagonal translucent stripes, in place; the photograph shows between and through them."""
    region = _region(mask, 0)
    if region is None:
        return
    inside = mask.crop(region)
    x1, y1, x2, y2 = region
    ramp = np.arange(x1 + y1, x2 + y2 - 1)  # x + y of the pixels: each row is the one above, moved by one
    stripe = sliding_window_view(ramp % (6 * line_px) < 3 * line_px, x2 - x1)
    _blend(canvas[y1:y2, x1:x2], inside & stripe, colour, alpha)
    _blend(canvas[y1:y2, x1:x2], inside & ~stripe, colour, alpha * 0.45)


def paint_tint(canvas: Picture, mask: Mask, colour: Colour, *, alpha: float = 0.25) -> None:
    """Colour a mask evenly, in place; the photograph shows through."""
    region = _region(mask, 0)
    if region is not None:
        x1, y1, x2, y2 = region
        _blend(canvas[y1:y2, x1:x2], mask.crop(region), colour, alpha)


def paint_outline(canvas: Picture, mask: Mask, colour: Colour, line_px: int, *, alpha: float = 1.0) -> None:
    """Paint the rim of a mask, ``line_px`` wide and inside it, in place."""
    region = _region(mask, 1)
    if region is None:
        return
    inside = mask.crop(region)
    inner = inside
    done = 0
    while done < line_px:
        step = min(max(done, 1), line_px - done)  # four diamonds of one size, moved by that, are one of twice the size
        padded = np.pad(inner, step)
        inner = inner & padded[: -2 * step, step:-step] & padded[2 * step :, step:-step]
        inner &= padded[step:-step, : -2 * step] & padded[step:-step, 2 * step :]
        done += step
    x1, y1, x2, y2 = region
    _blend(canvas[y1:y2, x1:x2], inside & ~inner, colour, alpha)


def draw_box(pen: ImageDraw.ImageDraw, box: ArrayLike, colour: Colour, size: tuple[int, int], line_px: int) -> None:
    """Draw a box xyxy; sides beyond the picture of ``size`` (width, height) are drawn along its border."""
    x1, y1, x2, y2 = np.round(bx.clip(box, *size)).astype(int).tolist()
    pen.rectangle((x1, y1, max(x2 - 1, x1), max(y2 - 1, y1)), outline=colour, width=line_px)


@lru_cache(maxsize=8)
def font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font: nothing to install or find."""
    return ImageFont.load_default(size_px)


def _region(mask: Mask, pad: int) -> tuple[int, int, int, int] | None:
    if mask.is_empty:
        return None
    x1, y1, x2, y2 = (int(v) for v in mask.box)
    return max(x1 - pad, 0), max(y1 - pad, 0), min(x2 + pad, mask.width), min(y2 + pad, mask.height)


def _blend(part: Picture, where: NDArray[np.bool_], colour: Colour, alpha: float) -> None:
    for channel, value in enumerate(colour):
        mixed = np.round(np.arange(256) * (1 - alpha) + value * alpha).astype(np.uint8)
        plane = part[..., channel]
        plane[where] = mixed[plane[where]]


def _draw_label(
    pen: ImageDraw.ImageDraw, text: str, box: bx.Box, colour: Colour, size: tuple[int, int], taken: list[bx.Box]
) -> None:
    """A label above its box, moved down until it covers no other label."""
    size_px = max(10, min(size) // 34)
    pad = max(2, size_px // 5)
    text_width, text_height = pen.textlength(text, font=font(size_px)) + 2 * pad, size_px + 2 * pad
    left = min(max(box[0], 0.0), max(size[0] - text_width, 0.0))
    top = min(max(box[1] - text_height, 0.0), max(size[1] - text_height, 0.0))
    place = (left, top, left + text_width, top + text_height)
    while any(bx.area(bx.intersect(place, other)) > 0 for other in taken) and place[3] + text_height <= size[1]:
        place = (place[0], place[1] + text_height + 1, place[2], place[3] + text_height + 1)
    taken.append(place)
    pen.rectangle(place, fill=colour)
    dark = sum(c * w for c, w in zip(colour, (0.299, 0.587, 0.114), strict=True)) > 140
    ink = (20, 20, 20) if dark else WHITE
    pen.text((place[0] + pad, place[1] + text_height / 2), text, fill=ink, font=font(size_px), anchor="lm")
