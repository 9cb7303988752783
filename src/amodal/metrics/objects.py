"""One object measured: every answer to it (ours and the trivial ones) against its true amodal mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..core import boxes as bx
from ..core.masks import Mask
from ..core.records import Instance, Prediction
from .baselines import convex_hull
from .occlusion import area_ratio, true_hidden_frac, true_occluded

Answer = str
"""Which mask is scored: one of `FROM_PREDICTION`, of `FROM_TRUTH`, or the name of a baseline the caller brings."""
FROM_PREDICTION: tuple[Answer, ...] = ("ours", "modal", "modal_hull", "box")
"""The answers made from a prediction."""
FROM_TRUTH: tuple[Answer, ...] = ("true_modal", "true_modal_hull")
"""The answers made from the truth's own modal mask."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How one answer fits one object.

    Attributes:
        intersection, union: with the true amodal mask, pixels.
        box_iou: IoU of the answer's box with the true amodal box.
        hidden_iou: IoU of the answer's hidden part (the answer minus the modal mask it starts from) with the true one;
            None where the truth has no modal mask, or one that leaves no pixel hidden: no answer could be right.
    """

    intersection: int
    union: int
    box_iou: float
    hidden_iou: float | None

    @property
    def iou(self) -> float:
        return self.intersection / self.union if self.union else 0.0


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """One object of the truth and what was made of it.

    Attributes:
        image_id, annotation_id: as in the truth's file.
        category: name of its kind.
        hidden_frac: truly hidden share; None where the truth does not tell.
        area_ratio: of the prediction; 0 where it is missing.
        answered: whether there is a prediction.
        is_occluded: whether something hides it, by its hidden share, else by its flag; None where neither is known.
        is_truncated: whether the picture's border cuts it; None where the file does not say.
        fits: by answer; ``true_modal`` and ``true_modal_hull`` only where the truth has a modal mask.
    """

    image_id: int
    annotation_id: int
    category: str
    hidden_frac: float | None
    area_ratio: float
    answered: bool
    is_occluded: bool | None
    is_truncated: bool | None
    fits: dict[Answer, Fit]


def scored_mask(instance: Instance) -> Mask | None:
    """The true amodal mask an answer is scored against; None where there is none, or for stuff and crowds."""
    amodal = instance.amodal_mask
    return None if amodal is None or amodal.is_empty or instance.is_crowd or instance.is_stuff else amodal


def measure(
    image_id: int,
    category: str,
    instance: Instance,
    amodal: Mask,
    prediction: Prediction | None,
    baselines: Mapping[Answer, Mask | Prediction | None] | None = None,
) -> ObjectScore:
    """Measure one object.

    Args:
        image_id: its photograph.
        category: name of its kind.
        instance: the truth.
        amodal: the truth's amodal mask, not empty.
        prediction: what was predicted; where None, every answer made from it scores 0.
        baselines: further answers by name; a mask has the box around it and starts from our modal mask, a prediction
            has its own box and modal mask; one that is None scores 0.
    """
    true_box = instance.amodal_box or amodal.box
    modal = instance.modal_mask
    true_hidden = None if modal is None else amodal - modal
    if true_hidden is not None and true_hidden.is_empty:
        true_hidden = None

    def fit(mask: Mask, box: bx.Box, start: Mask) -> Fit:
        common = (mask & amodal).area
        hidden = None
        if true_hidden is not None:
            hidden = 0.0 if mask is start else (mask - start).iou(true_hidden)
        return Fit(common, mask.area + amodal.area - common, float(bx.iou(box, true_box)), hidden)

    fits: dict[Answer, Fit] = {}
    nothing = Fit(0, amodal.area, 0.0, None if true_hidden is None else 0.0)
    if prediction is None:
        fits.update(dict.fromkeys(FROM_PREDICTION, nothing))
    else:
        seen = prediction.modal_mask
        hull = convex_hull(seen)
        filled = Mask.from_box(prediction.modal_box, amodal.width, amodal.height)
        fits["ours"] = fit(prediction.amodal_mask, prediction.amodal_box, seen)
        fits["modal"] = fit(seen, seen.box, seen)
        fits["modal_hull"] = fit(hull, hull.box, seen)
        fits["box"] = fit(filled, prediction.modal_box, seen)
    start = None if prediction is None else prediction.modal_mask
    for name, other in (baselines or {}).items():
        if isinstance(other, Prediction):
            fits[name] = fit(other.amodal_mask, other.amodal_box, other.modal_mask)
        elif other is None or other.is_empty:
            fits[name] = nothing
        else:
            fits[name] = fit(other, other.box, other if start is None else start)
    if modal is not None:
        hull = convex_hull(modal)
        fits["true_modal"] = fit(modal, modal.box, modal)
        fits["true_modal_hull"] = fit(hull, hull.box, modal)
    return ObjectScore(
        image_id=image_id,
        annotation_id=instance.id,
        category=category,
        hidden_frac=true_hidden_frac(instance),
        area_ratio=0.0 if prediction is None else area_ratio(prediction.modal_mask, prediction.amodal_mask),
        answered=prediction is not None,
        is_occluded=true_occluded(instance),
        is_truncated=instance.is_truncated,
        fits=fits,
    )


def ious(objects: list[ObjectScore], answer: Answer) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """IoU of one answer for each object, float64 ``(n,)``; every object must have that answer."""
    return np.array([score.fits[answer].iou for score in objects], dtype=np.float64)
