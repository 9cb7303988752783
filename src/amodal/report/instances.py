"""Annotated objects drawn over their photograph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from ..core.records import Instance, Prediction
from .colours import FOUND, GIVEN, WHITE, object_colour
from .overlay import Picture, draw_box, paint_outline, paint_stripes, paint_tint

_CROWD = (150, 150, 150)
_GREY = 96


def blank(width: int, height: int) -> Picture:
    """What stands for a photograph that is not there: uint8 ``(height, width, 3)`` of one grey."""
    return np.full((height, width, 3), _GREY, dtype=np.uint8)


def draw_instances(image: Picture, instances: Sequence[Instance], *, boxes: bool = True) -> Picture:
    """Objects of one photograph over it, as they are annotated: the colours are those of `draw_predictions`.

    The whole is outlined in the object's colour and its hidden part striped; the visible part is outlined in white, or
    tinted and outlined in the object's colour where the whole is unknown. Its box is green, the whole's blue; crowds
    are grey.

    Args:
        image: uint8 ``(H, W, 3)``, RGB; not changed.
        instances: the objects; masks of the photograph's size.
        boxes: draw the boxes, too.

    Returns:
        uint8 ``(H, W, 3)``.
    """
    height, width = image.shape[:2]
    canvas = image.copy()
    line = max(1, round(min(height, width) / 260))
    for i in sorted(range(len(instances)), key=lambda i: -_size(instances[i])):
        one = instances[i]
        colour = _CROWD if one.is_crowd else object_colour(i)
        modal, amodal = one.modal_mask, one.amodal_mask
        if amodal is not None:
            if modal is not None:
                paint_stripes(canvas, amodal - modal, colour, line)
                paint_outline(canvas, modal, WHITE, line, alpha=0.8)
            paint_outline(canvas, amodal, colour, line)
        elif modal is not None:
            paint_tint(canvas, modal, colour)
            paint_outline(canvas, modal, colour, line)
    if not boxes:
        return canvas
    picture = Image.fromarray(canvas)
    pen = ImageDraw.Draw(picture)
    for one in instances:
        if one.amodal_box is not None:
            draw_box(pen, one.amodal_box, FOUND, picture.size, line)
        if _size(one):
            draw_box(pen, one.modal_box, GIVEN, picture.size, line)
    return np.asarray(picture)


def as_instance(prediction: Prediction) -> Instance:
    """A prediction as an object to draw."""
    return Instance(
        id=prediction.annotation_id,
        category=prediction.category,
        modal_box=prediction.modal_box,
        modal_mask=prediction.modal_mask,
        amodal_box=prediction.amodal_box,
        amodal_mask=prediction.amodal_mask,
        occlude_rate=prediction.occlude_rate,
        score=prediction.score,
    )


def _size(instance: Instance) -> float:
    x1, y1, x2, y2 = instance.amodal_box or instance.modal_box
    return (x2 - x1) * (y2 - y1)
