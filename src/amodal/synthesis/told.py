"""What is told of masks as a segmenter would tell it: moved, grown, shrunk, with gaps and missing parts.

Prediction takes masks of any segmenter. A network that has only been told exact ones trusts every pixel of them. The
same holds for what it is told of other objects, of which some are missed and some are the object itself, found twice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ..core import boxes as bx
from .canvas import SOLID, tight_box
from .composite import Composite
from .cut import cut_mask
from .settings import SynthesisSettings

_CELLS = 96
"""Side of the grid on which masks are damaged; it covers the object's box and a quarter of it on each side."""
_MARGIN = 0.25
_GAP_CHANCE, _LOSS_CHANCE = 0.5, 0.3
_LEAST_LEFT = 0.3
"""A damaged mask keeps at least this share of the visible pixels, or is drawn again."""
_TRIES = 10
MISSED = 0.15
"""Chance that another object is not told of: detectors miss some, and annotations leave some out."""
FOUND_TWICE = 0.04
"""Chance that the object itself is told of as if it were another one: detectors find some twice."""

Grid = NDArray[np.uint8]


def damaged_mask(
    visible: NDArray[np.bool_], hidden: NDArray[np.bool_], size_px: int, most: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], bx.Box] | None:
    """A damaged copy of a mask over its own tight box, as `Predictor.predict` reads a mask it is given.

    In this order: the mask is moved; it is grown or shrunk, here more and there less; with a chance of 1/2 a gap opens
    along the hidden part (segmenters shy away from occluders); with a chance of 0.3 an elliptic part is missing.

    Args:
        visible: ``(h, w)`` in canvas pixels, at least one of them.
        hidden: ``(h, w)``, the hidden part.
        size_px: side of the map returned.
        most: the most it is moved, grown or shrunk by and the widest gap, in sides of the visible box.
        rng: all the randomness.

    Returns:
        float32 ``(size_px, size_px)`` in [0, 1] and the box it covers, xyxy in canvas pixels; None where ten tries left
        too little.
    """
    box = bx.as_box(bx.grow(tight_box(visible), _MARGIN))
    cell = (box[2] - box[0]) / _CELLS, (box[3] - box[1]) / _CELLS
    side = _CELLS / (1 + 2 * _MARGIN)
    true, lost = _on_grid(visible, box), _on_grid(hidden, box)
    for _ in range(_TRIES):
        shift = rng.uniform(-most, most, 2) * (side * cell[0], side * cell[1])
        moved = _on_grid(visible, bx.as_box(np.array(box) - np.tile(shift, 2)))
        told = regrown(moved, contour_offsets(most * side, rng), most * side)
        if lost.any() and rng.random() < _GAP_CHANCE:
            told &= ~regrown(lost, rng.uniform(0, most * side), most * side)
        if rng.random() < _LOSS_CHANCE:
            told &= ~_ellipse(true >= SOLID, rng)
        if np.count_nonzero(told) >= _LEAST_LEFT * np.count_nonzero(true >= SOLID) and told.any():
            break
    else:
        return None
    x1, y1, x2, y2 = tight_box(told)
    heat = cut_mask(told, (x1, y1, x2, y2), size_px) * np.float32(1 / 255)
    return heat, (box[0] + x1 * cell[0], box[1] + y1 * cell[1], box[0] + x2 * cell[0], box[1] + y2 * cell[1])


def told_others(
    composite: Composite, settings: SynthesisSettings, rng: np.random.Generator
) -> NDArray[np.uint8] | None:
    """Where the networks are told that other objects are seen, those of the picture and those laid on it.

    Returns:
        uint8 ``(h, w)`` over the canvas, in its pixels or on a coarser grid: 255 where another object is seen; None in
        a share of 1 - ``others_told``, where nothing is known of other objects.
    """
    if rng.random() >= settings.others_told:
        return None
    numbers = np.flatnonzero(rng.random(len(composite.occluder_scales) + 1) >= MISSED)
    own_picture = composite.others & ~composite.shown
    if composite.laid is None:
        shown = own_picture & (0 in numbers)
    else:
        shown = np.isin(composite.laid, numbers[numbers > 0])
        if 0 in numbers:
            shown |= own_picture & (composite.laid == 0)
    shown &= ~composite.off_picture
    if rng.random() < FOUND_TWICE:
        shown |= composite.visible
    plane = shown.view(np.uint8) * np.uint8(255)
    if settings.mask_noise and rng.random() < settings.mask_noise and shown.any():
        most = settings.mask_noise_size * _CELLS / (1 + 2 * _MARGIN)
        grid = cut_mask(plane, (0, 0, plane.shape[1], plane.shape[0]), _CELLS)
        return regrown(grid, contour_offsets(most, rng), most).view(np.uint8) * np.uint8(255)
    return plane


def contour_offsets(most: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """float32 ``(96, 96)``: how far a contour moves outward at each place: uniform in +-most, then a wobble."""
    wobble = Image.fromarray(rng.normal(0, most / 3, (6, 6)).astype(np.float32))
    smooth = np.asarray(wobble.resize((_CELLS, _CELLS), Image.Resampling.BICUBIC))
    return np.clip(smooth + np.float32(rng.uniform(-most, most)), -most, most)


def regrown(grid: Grid, offset: NDArray[np.float32] | float, most: float) -> NDArray[np.bool_]:
    """A mask whose contour is moved outward by ``offset`` cells, inward where negative.

    A straight edge, blurred by a Gaussian, is its distribution function: the level at the wanted distance is known.
    """
    sigma = max(most, 0.5)
    blurred = np.asarray(Image.fromarray(grid).filter(ImageFilter.GaussianBlur(sigma)), dtype=np.float32)
    # the logistic curve nearest to the normal distribution function
    return np.asarray(blurred > 255 / (1 + np.exp(1.702 * np.asarray(offset, np.float32) / np.float32(sigma))))


def _on_grid(mask: NDArray[np.bool_], box: bx.Box) -> Grid:
    return cut_mask(mask, box, _CELLS)


def _ellipse(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """An ellipse around a pixel of a mask, its half axes 0.05 to 0.2 of the grid."""
    places = np.flatnonzero(mask)
    row, column = divmod(int(places[int(rng.integers(len(places)))]) if len(places) else 0, mask.shape[1])
    tall, wide = rng.uniform(0.05, 0.2, 2) * _CELLS
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    return np.asarray(((rows - row) / tall) ** 2 + ((columns - column) / wide) ** 2 <= 1)
