"""Colours of every picture we draw: one place, so that green is always given and blue always found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]

GIVEN: Colour = (46, 204, 113)
"""Green: the given modal box (paper Figs. 2, 4, 5)."""
FOUND: Colour = (52, 120, 255)
"""Blue: the amodal box found (paper Figs. 4, 5)."""
WHITE: Colour = (255, 255, 255)

_OBJECTS: tuple[Colour, ...] = (
    (255, 107, 53),
    (155, 93, 229),
    (255, 200, 40),
    (241, 91, 181),
    (0, 187, 249),
    (138, 201, 38),
    (230, 57, 70),
    (0, 175, 150),
)

# Dark violet to pale yellow, lightness rising evenly, so that equal steps of heat look like equal steps (and still do
# in grey or to colour-blind eyes); the anchors follow matplotlib's magma (CC0).
_ANCHORS = np.array(
    [
        (0, 0, 4),
        (28, 16, 68),
        (79, 18, 123),
        (129, 37, 129),
        (181, 54, 122),
        (229, 80, 100),
        (251, 135, 97),
        (254, 194, 135),
        (252, 253, 191),
    ],
    dtype=np.float64,
)
_LUT = np.stack(
    [np.interp(np.linspace(0, len(_ANCHORS) - 1, 256), np.arange(len(_ANCHORS)), _ANCHORS[:, c]) for c in range(3)],
    axis=1,
)
HEAT_LUT: NDArray[np.uint8] = np.round(_LUT).astype(np.uint8)
"""uint8 ``(256, 3)``: the colour of heat ``i / 255``."""


def object_colour(number: int) -> Colour:
    """Colour of the n-th object of a picture; the colours come round again after eight."""
    return _OBJECTS[number % len(_OBJECTS)]


def heat_colours(heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Heat as colours.

    Args:
        heat: ``(H, W)`` in [0, 1]; what lies outside is clipped, NaN is 0.

    Returns:
        uint8 ``(H, W, 3)``, RGB.

    >>> heat_colours(np.array([[0.0, 1.0]], dtype=np.float32)).tolist()
    [[[0, 0, 4], [252, 253, 191]]]
    """
    return HEAT_LUT[np.round(np.clip(np.nan_to_num(heat), 0, 1) * 255).astype(np.uint8)]
