"""What is done to a composite as a whole: a border that cuts it, its colours, its sharpness, left and right."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..core.images import MEAN_COLOUR
from .canvas import tight_box
from .colour import colour_table, recolour
from .composite import Boxed, Composite
from .cut import turned
from .drawing import Change, Drawing
from .pictures import WholeBox
from .pixels import fill_around
from .settings import SynthesisSettings

_SHRINK = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
_ENLARGE = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)


def cut_off(composite: Composite, settings: SynthesisSettings, rng: np.random.Generator) -> Composite | None:
    """The picture ends at a line through the visible part; None after ``max_tries`` that hid too much or too little.

    Beyond it the mean colour is seen, as beyond a true border, but the object's own pixels stay known.
    """
    x1, y1, x2, y2 = tight_box(composite.visible)
    width, height = composite.size
    for undone in range(settings.max_tries):
        axis, before = int(rng.integers(2)), bool(rng.integers(2))
        line = rng.uniform((x1, y1)[axis], (x2, y2)[axis])
        # a pixel whose centre lies on the line is inside
        first, last = math.ceil(line - 0.5), math.floor(line - 0.5) + 1
        inside = [0, 0, width, height]
        inside[axis if before else axis + 2] = first if before else last
        left, top, right, bottom = inside
        visible = np.zeros_like(composite.visible)
        visible[top:bottom, left:right] = composite.visible[top:bottom, left:right]
        left_px = int(np.count_nonzero(visible))
        hidden_px = int(np.count_nonzero(composite.visible)) - left_px
        if left_px and hidden_px and composite.share_of_object(hidden_px) >= settings.min_hidden:
            if composite.share_of_object(left_px) < settings.min_visible:
                continue
            border = (left, top, right, bottom)

            def change(image: NDArray[np.uint8], border: WholeBox = border) -> NDArray[np.uint8]:
                fill_around(image, border)
                return image

            return _changed(composite, change)._replace(
                visible=visible, border_box=border, undone=composite.undone + undone
            )
    return None


def recoloured(composite: Composite, amount: float, rng: np.random.Generator) -> Composite:
    """Brightness, contrast and the balance of colours changed; what lies beyond the picture keeps the mean colour."""
    table = colour_table(amount, rng)

    def change(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        out = recolour(image, table)
        out[composite.off_picture & (image == MEAN_COLOUR).all(axis=-1)] = MEAN_COLOUR
        return out

    return _changed(composite, change)


def low_resolution(composite: Composite, settings: SynthesisSettings, rng: np.random.Generator) -> Composite:
    """The pictures as if the object had been small: shrunk until it is, enlarged again. Masks stay as they are."""
    x1, y1, x2, y2 = tight_box(composite.own)
    low, high = settings.low_resolution_px
    wanted = math.exp(rng.uniform(math.log(low), math.log(high)))
    filters = _SHRINK[int(rng.integers(len(_SHRINK)))], _ENLARGE[int(rng.integers(len(_ENLARGE)))]
    width, height = composite.size
    scale = wanted / max(x2 - x1, y2 - y1)
    if scale >= 1:
        return composite
    small = max(round(width * scale), 1), max(round(height * scale), 1)

    def change(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        shrunk = Image.fromarray(image).resize(small, filters[0])
        return np.array(shrunk.resize((width, height), filters[1]))

    return _changed(composite, change)


def mirrored(composite: Composite) -> Composite:
    """Left and right exchanged."""
    own, look = turned(composite.own), composite.look
    shown = own if composite.shown is composite.own else turned(composite.shown)
    assert isinstance(look, Drawing)
    width = composite.size[0]
    return composite._replace(
        look=replace(look, mirrored=True),
        own=own,
        shown=shown,
        visible=shown if composite.visible is composite.shown else turned(composite.visible),
        shown_box=_turned_box(composite.shown_box, width),
        border_box=None if composite.border_box is None else _turned_box(composite.border_box, width),
        neighbours=tuple(_turned(one, width) for one in composite.neighbours),
        mirrored=True,
    )


def _turned(one: Boxed, width: int) -> Boxed:
    x1, y1, x2, y2 = one.box
    return one._replace(box=(width - x2, y1, width - x1, y2))


def clear_twin(composite: Composite) -> Composite:
    """The same patch with nothing laid over it."""
    cut_off = composite.cut_off
    visible = composite.shown if cut_off is None else composite.shown & ~cut_off
    look = composite.look.cleared()
    return composite._replace(
        look=look, visible=visible, laid_categories=(), occluders=(), behind=(), occluder_scales=()
    )


def _changed(composite: Composite, change: Change) -> Composite:
    look = composite.look
    assert isinstance(look, Drawing)
    return composite._replace(look=replace(look, changes=(*look.changes, change)))


def _turned_box(box: WholeBox, width: int) -> WholeBox:
    return width - box[2], box[1], width - box[0], box[3]
