"""Heat to mask: the cut-offs with the best mean IoU on validation photographs, through prediction itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..inference.patches import paste_heat
from ..inference.predictor import Predictor
from ..synthesis.canvas import tight_box
from ..synthesis.composite import Composite

CUTOFFS: tuple[float, ...] = tuple(round(0.20 + 0.05 * i, 2) for i in range(15))
"""0.20 to 0.90."""


def iou_by_cutoff(predictor: Predictor, scenes: Iterable[Composite]) -> dict[str, NDArray[np.float64]]:
    """Mean IoU of both networks' heat with the exact truth for each of `CUTOFFS`, the exact visible box given.

    Args:
        predictor: with the settings the networks ship with, but for the thresholds.
        scenes: photographs with made occlusion.

    Returns:
        "modal": against the visible mask; "amodal": the last heat of the expansion against the whole mask.
    """
    modal, amodal = [], []
    for scene in scenes:
        predictor.set_image(scene.image)
        told = [scene.category] if predictor.networks.categories else None
        (found,) = predictor.predict([tight_box(scene.visible)], told, keep_heat=True)
        last = found.trace[-1]
        modal.append(_ious(found.modal_heat, found.modal_box, scene.visible))
        amodal.append(_ious(last.heat, last.frame, scene.own))
    return {"modal": np.mean(modal, axis=0), "amodal": np.mean(amodal, axis=0)}


def best_cutoff(curve: NDArray[np.float64]) -> float:
    """The cut-off where a curve over `CUTOFFS` is highest.

    >>> best_cutoff(np.array([0.0] * 6 + [0.9] + [0.5] * 8))
    0.5
    """
    return CUTOFFS[int(np.argmax(curve))]


def _ious(heat: Any, frame: ArrayLike, true: NDArray[np.bool_]) -> NDArray[np.float64]:
    """IoU at every cut-off, ``(len(CUTOFFS),)``."""
    height, width = true.shape
    part = paste_heat(heat, frame, width, height)
    rows, columns = part.heat.shape
    inside = true[part.top : part.top + rows, part.left : part.left + columns]
    found = part.heat > np.array(CUTOFFS, dtype=np.float32)[:, None, None]
    common = (found & inside).sum((1, 2))
    union = found.sum((1, 2)) + true.sum() - common
    return np.asarray(common / np.maximum(union, 1), dtype=np.float64)
