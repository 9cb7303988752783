"""From heat to a whole object: masks, boxes, score, what is cut, how likely it is occluded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..core import boxes as bx
from ..core.errors import AmodalError
from ..core.masks import MAX_PIXELS, Mask
from ..core.records import SIDES, Prediction, Side
from .calibration import Calibration, heat_features
from .engine import Found
from .patches import paste_heat
from .settings import PredictionSettings

Canvas = tuple[int, int, int, int]


@dataclass(slots=True)
class Asked:
    """What the caller said of one object, beside what the networks are told.

    Attributes:
        image_id, annotation_id, category, score: go into the prediction.
        mask: the visible pixels where they are given: part of the answer. None where IIS finds them.
        canvas: what the masks cover, see `canvas_of`; None: the picture.
    """

    image_id: int
    annotation_id: int
    category: int
    score: float
    mask: Mask | None = None
    canvas: Canvas | None = None


def canvas_of(width: int, height: int, beyond: float) -> Canvas:
    """What masks cover that may leave a picture by ``beyond`` of its sides: x offset, y offset, width, height.

    Raises:
        AmodalError: more pixels than a mask may have.

    >>> canvas_of(100, 60, 0.5)
    (-50, -30, 200, 120)
    """
    x1, y1, x2, y2 = bx.outward(bx.grow([0, 0, width, height], beyond)).tolist()
    columns, rows = x2 - x1, y2 - y1
    if columns * rows > MAX_PIXELS:
        raise AmodalError(
            f"with beyond_border {beyond:g}, masks of a picture of {width} x {height} cover {columns} x {rows} pixels; "
            f"they may cover {MAX_PIXELS}",
            remedy="lower beyond_border in the settings, shrink the picture, or predict without leaving it",
        )
    return x1, y1, columns, rows


def finish(
    found: Found,
    asked: Asked,
    settings: PredictionSettings,
    calibrations: Mapping[str, Calibration] | None = None,
    *,
    keep_heat: bool = False,
) -> Prediction:
    """Make the prediction of one object.

    Args:
        found: what the networks said.
        asked: what the caller said.
        settings: the thresholds.
        calibrations: by what was given: "box" (IIS found the visible part) or "mask".
        keep_heat: keep the modal heat.
    """
    height, width = found.job.image.shape[:2]
    canvas = asked.canvas
    x, y, columns, rows = canvas or (0, 0, width, height)
    shift = np.array([x, y, x, y], dtype=np.float64)
    modal_box, expansion = found.job.modal_box, found.expansion
    given = asked.mask
    if given is None:
        level = settings.modal_threshold
        heat, left, top = paste_heat(found.modal_heat, np.subtract(modal_box, shift), columns, rows, above=level)
        modal_mask = Mask.from_crop(heat > level, left, top, columns, rows)
    else:
        modal_mask = given if canvas is None else given.moved(-canvas[0], -canvas[1], *canvas[2:])
    probability = _probability(found, (calibrations or {}).get("box" if given is None else "mask"))
    clear = given is not None and probability is not None and probability < settings.least_probability
    level = math.inf if clear else settings.amodal_threshold
    shown = None if given is None else modal_mask.box
    frame = np.subtract(expansion.frame, shift)
    heat, left, top = paste_heat(expansion.heat, frame, columns, rows, above=level, also=shown)
    inside = heat > level
    if given is not None:
        inside |= modal_mask.crop((left, top, left + inside.shape[1], top + inside.shape[0]))
    amodal_mask = Mask.from_crop(inside, left, top, columns, rows)
    if given is not None:
        amodal_mask |= modal_mask
    area = amodal_mask.area
    if given is None and settings.nested and area:
        modal_mask &= amodal_mask
    # given pixels outside the last frame count with heat 0
    mean_heat = float(np.einsum("ij,ij->", heat, inside, dtype=np.float64, casting="unsafe")) / area if area else 0.0
    amodal_box = bx.around(bx.as_box(np.add(amodal_mask.box, shift)), modal_box) if area else expansion.box
    return Prediction(
        image_id=asked.image_id,
        annotation_id=asked.annotation_id,
        category=asked.category,
        score=asked.score * min(max(mean_heat, 0.0), 1.0),
        modal_box=modal_box,
        modal_mask=modal_mask,
        amodal_mask=amodal_mask,
        amodal_box=amodal_box,
        steps=len(expansion.steps),
        stop_reason=expansion.stop_reason if area else "empty",
        modal_heat=found.modal_heat.copy() if keep_heat else None,
        trace=tuple(expansion.steps),
        occlusion_probability=probability,
        cut_sides=cut_sides(amodal_box, width, height),
        canvas=canvas,
    )


def cut_sides(box: bx.Box, width: int, height: int) -> tuple[Side, ...]:
    """The sides of a box that lie on a picture's border or beyond it.

    >>> cut_sides((0, 3, 10, 12), 10, 20)
    ('left', 'right')
    """
    cut = (box[0] <= 0, box[1] <= 0, box[2] >= width, box[3] >= height)
    return tuple(side for side, is_cut in zip(SIDES, cut, strict=True) if is_cut)


def _probability(found: Found, calibration: Calibration | None) -> float | None:
    if calibration is None:
        return None
    expansion = found.expansion
    return calibration.probability(
        heat_features(found.modal_heat, found.job.modal_box, expansion.heat, expansion.frame, expansion.steps[0].strips)
    )
