"""Small pictures of one object, all over the same part of the photograph (paper Figs. 4 and 5)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..core import boxes as bx
from ..core.images import cut_patch
from ..core.masks import Mask
from ..core.records import ExpansionStep, Prediction
from ..core.resample import resample_matrix
from .colours import FOUND, GIVEN, Colour, heat_colours, object_colour
from .overlay import draw_box, paint_outline, paint_stripes

Picture = NDArray[np.uint8]
PANEL_PX = 200
"""Longer side of a panel, pixels."""


@dataclass(frozen=True)
class View:
    """The part of a photograph that the panels of one object show.

    Attributes:
        box: that part, xyxy, in the photograph.
        width, height: size of the panels, pixels.
    """

    box: bx.Box
    width: int
    height: int
    _cut: list[tuple[Picture, Picture]] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def of(cls, prediction: Prediction, image: Picture, *, also: tuple[bx.Box, ...] = ()) -> View:
        """Everything of interest to one object: boxes, masks, frames, and the boxes in ``also``.

        Cut at the photograph's border as in the paper's Fig. 5, unless a box the network saw reaches beyond it.
        """
        height, width = image.shape[:2]
        wanted = [prediction.modal_box, prediction.amodal_box, *also]
        wanted += [step.frame for step in prediction.trace]
        wanted += [m.box for m in (prediction.modal_mask, prediction.amodal_mask) if not m.is_empty]
        corners = np.array(wanted)
        box = bx.grow([*corners[:, :2].min(axis=0), *corners[:, 2:].max(axis=0)], 0.06)
        seen = np.array([prediction.amodal_box, *(step.box for step in prediction.trace)])
        if (seen[:, :2] >= -0.5).all() and (seen[:, 2:] <= np.array([width, height]) + 0.5).all():
            box = bx.clip(box, width, height)
        x1, y1, x2, y2 = bx.as_box(bx.outward(box))
        scale = PANEL_PX / max(x2 - x1, y2 - y1, 1)
        return cls((x1, y1, x2, y2), max(round((x2 - x1) * scale), 1), max(round((y2 - y1) * scale), 1))

    def to_panel(self, box: bx.Box) -> bx.Box:
        """A box of the photograph in panel pixels."""
        x1, y1, x2, y2 = self.box
        scale = np.array([self.width / (x2 - x1), self.height / (y2 - y1)] * 2)
        return bx.as_box((np.array(box) - [x1, y1, x1, y1]) * scale)

    def photo(self, image: Picture) -> Picture:
        """The photograph's part; uint8 ``(height, width, 3)``."""
        if not self._cut or self._cut[0][0] is not image:  # all panels of an object show it
            self._cut[:] = [(image, cut_patch(image, self.box, (self.width, self.height)))]
        return self._cut[0][1]

    def mask(self, mask: Mask) -> NDArray[np.bool_]:
        """A mask's part, at least half a panel pixel covered; bool ``(height, width)``."""
        part = mask.crop(self.box).view(np.uint8) * np.uint8(255)
        small = Image.fromarray(part).resize((self.width, self.height), Image.Resampling.BOX)
        return np.asarray(small) >= 128

    def heat(self, heat: NDArray[np.float32], frame: bx.Box) -> NDArray[np.float32]:
        """Heat over ``frame`` read over this view, 0 outside the frame; float32 ``(height, width)``."""
        a, b = np.array(frame), np.array(self.box)
        size = a[2:] - a[:2]
        start, stop = (b[:2] - a[:2]) / size, (b[2:] - a[:2]) / size
        columns = resample_matrix(heat.shape[1], self.width, start[0], stop[0], outside="zero")
        rows = resample_matrix(heat.shape[0], self.height, start[1], stop[1], outside="zero")
        return np.asarray(rows @ heat @ columns.T, dtype=np.float32)


def photo_panel(view: View, image: Picture, prediction: Prediction) -> Picture:
    """The photograph's part with the given modal box (green) and the amodal box found (blue): Fig. 5, column 1."""
    return _with_boxes(view.photo(image), view, prediction.modal_box, prediction.amodal_box)


def heat_panel(view: View, heat: NDArray[np.float32], frame: bx.Box) -> Picture:
    """Heat alone: Fig. 5, columns 2 and 4."""
    return heat_colours(view.heat(heat, frame))


def mask_panel(
    view: View, image: Picture, mask: Mask, *, modal: Mask | None = None, colour: Colour | None = None
) -> Picture:
    """The object cut out, the rest faint: Fig. 5, columns 3 and 5.

    Args:
        view, image: what is shown of which photograph.
        mask: the pixels shown.
        modal: where given, what ``mask`` has beyond it is striped as hidden.
        colour: of outline and stripes.
    """
    colour = colour or object_colour(0)
    photo = view.photo(image).astype(np.float64)
    inside = view.mask(mask)
    faint = 235 - (255 - photo.mean(axis=2, keepdims=True)) * 0.12
    canvas = np.where(inside[..., None], photo, faint).astype(np.uint8)
    if modal is not None:
        hidden = inside & ~view.mask(modal)
        paint_stripes(canvas, Mask.from_array(hidden), colour, 1)
    paint_outline(canvas, Mask.from_array(inside), colour, 2)
    return canvas


def step_panel(view: View, image: Picture, prediction: Prediction, step: ExpansionStep) -> Picture:
    """One iteration of the expansion: its heat over the greyed photograph, with the box it saw (Fig. 4)."""
    photo = view.photo(image).astype(np.float64)
    canvas = photo.mean(axis=2, keepdims=True) * 0.55 + 60.0
    canvas = np.repeat(canvas, 3, axis=2)
    if step.heat is not None:
        heat = view.heat(step.heat, step.frame)
        alpha = np.clip(heat * 1.4, 0, 0.8)[..., None]
        canvas = canvas * (1 - alpha) + heat_colours(heat) * alpha
    return _with_boxes(np.round(canvas).astype(np.uint8), view, prediction.modal_box, step.box)


def _with_boxes(canvas: Picture, view: View, given: bx.Box, found: bx.Box) -> Picture:
    picture = Image.fromarray(canvas)
    pen = ImageDraw.Draw(picture)
    draw_box(pen, view.to_panel(found), FOUND, picture.size, 2)
    draw_box(pen, view.to_panel(given), GIVEN, picture.size, 2)
    return np.asarray(picture)
