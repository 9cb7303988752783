"""How much is hidden: area ratio, hidden share (paper section 5.2, Fig. 8)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.masks import Mask
from ..core.records import Instance

OCCLUDED_ABOVE = 0.05
"""An object counts as occluded where more than this share of it is hidden (VOC's rule)."""
HEAVILY_ABOVE = 0.25
"""... and as heavily occluded above this share (ours)."""


def area_ratio(modal: Mask, amodal: Mask) -> float:
    """The paper's |modal and amodal| / |amodal|: near 1 for an object that nothing hides.

    The paper does not say what an empty amodal mask gives; we take 0, so that an object of which nothing was found is
    the last to be called unoccluded.
    """
    whole = amodal.area
    return (modal & amodal).area / whole if whole else 0.0


def hidden_frac(modal: Mask, amodal: Mask) -> float:
    """Hidden share of the whole object, in [0, 1]; 0 for an empty one."""
    whole = amodal.area
    # not 1 - ratio: 5 pixels hidden of 100 are exactly the boundary, 0.05, not 0.05 and a rounding error
    return (whole - (modal & amodal).area) / whole if whole else 0.0


def true_hidden_frac(instance: Instance) -> float | None:
    """Hidden share of an annotated object: as its record says, else from its masks where both are known, else None.

    The record comes first because it may know better: where an exact visible mask is missing or coarse, the rate was
    measured by other means.
    """
    if instance.occlude_rate is not None:
        return instance.occlude_rate
    if instance.modal_mask is not None and instance.amodal_mask is not None:
        return hidden_frac(instance.modal_mask, instance.amodal_mask)
    return None


def true_occluded(instance: Instance) -> bool | None:
    """Whether something hides more than 5 % of an annotated object: by its hidden share, else by the flag of its record
    (VOC's ``occluded``, which has the same rule); None where neither is known."""
    share = true_hidden_frac(instance)
    return instance.is_occluded if share is None else share > OCCLUDED_ABOVE


def area_ratio_histogram(ratios: ArrayLike, bins: int = 100) -> NDArray[np.int64]:
    """Number of objects in each of ``bins`` equal bins of [0, 1], the last one closed (Fig. 8a).

    >>> area_ratio_histogram([0.0, 0.26, 1.0], bins=4).tolist()
    [1, 1, 0, 1]
    """
    counts, _ = np.histogram(np.asarray(ratios, dtype=np.float64), bins=bins, range=(0.0, 1.0))
    return counts.astype(np.int64)
