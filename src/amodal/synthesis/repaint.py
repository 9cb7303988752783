"""The main object in other colours than its own: figure and ground of kinds that no photograph at hand shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .colour import recolour, strange_table
from .composite import Composite
from .drawing import Drawing, blurred
from .pictures import WholeBox
from .pixels import blend

FEATHER_PX = 1.0
"""The rim of the paint is blurred by a radius of 0 to this many canvas pixels."""


@dataclass(frozen=True, slots=True)
class Paint:
    """What is painted on a picture before anything is laid on it.

    Attributes:
        matte: uint8 ``(h, w)``: 255 painted, 0 not.
        shown_box: the part of the canvas inside the picture; beyond it nothing is painted.
        feather_px: radius the matte is blurred by.
        change: a picture ``(h, w, 3)`` in other colours; what it is given stays as it is.
    """

    matte: NDArray[np.uint8]
    shown_box: WholeBox
    feather_px: float
    change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Paint on a picture, which is written to."""
        x1, y1, x2, y2 = self.shown_box
        shown = image[y1:y2, x1:x2]
        blend(shown, self.change(image)[y1:y2, x1:x2], blurred(self.matte, self.feather_px)[y1:y2, x1:x2])
        return image


def repainted(composite: Composite, rng: np.random.Generator) -> Composite:
    """The main object painted.

    Half of the time each colour's levels are changed, apart from the others'; the other half the object gets one
    colour, lighter and darker where it was so.
    """
    if rng.random() < 0.5:
        table = strange_table(rng)

        def change(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
            return recolour(image, table)
    else:
        colour, contrast = rng.uniform(0, 255, size=3), rng.uniform(0.2, 1.0)
        shown = composite.shown

        def change(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
            return shaded(image, shown, colour, contrast)

    look = composite.look
    assert isinstance(look, Drawing)
    matte = composite.shown.view(np.uint8) * np.uint8(255)
    paint = Paint(matte, composite.shown_box, rng.uniform(0, FEATHER_PX), change)
    return composite._replace(look=replace(look, paint=paint))


def shaded(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], colour: NDArray[np.float64], contrast: float
) -> NDArray[np.uint8]:
    """One colour, lighter and darker where the picture is, as compared with its mean over a mask.

    Args:
        image: uint8 ``(h, w, 3)``.
        mask: bool ``(h, w)``; where it is empty, the mean is over the whole picture.
        colour: ``(3,)``, 0-255.
        contrast: 0 is flat, 1 as strong as the picture's.

    Returns:
        uint8 ``(h, w, 3)``.
    """
    grey = image.mean(axis=2, dtype=np.float32)
    mean = float((grey[mask] if mask.any() else grey).mean())
    shade = 1 + np.float32(contrast) * (grey / max(mean, 1.0) - 1)
    return np.asarray(np.clip(shade[..., None] * colour.astype(np.float32), 0, 255), dtype=np.uint8)
