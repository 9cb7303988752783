"""Interior and exterior occlusions (paper section 5.1).

Interior: the occluding object lies mostly inside the occluded one, so the task is to fill in between visible parts.
Exterior: a significant part of it lies outside, so the task is to go on beyond the visible part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..core.masks import Mask
from ..core.records import ImageRecord, Instance
from .baselines import convex_hull

Kind = Literal["interior", "exterior"]
INSIDE_ABOVE = 0.5
""""Mostly contained": more than this share of the occluder lies in the occluded object. The paper gives no number."""


@dataclass(frozen=True, slots=True)
class OcclusionKind:
    """What kind an occlusion is, and what says so.

    Attributes:
        kind: interior or exterior.
        inside_frac: share of the occluders' visible pixels that lie in the whole object; where no occluder is known,
            share of the hidden part that lies in the convex hull of the visible one. In [0, 1].
        known_occluders: whether objects were known that cover the hidden part.
    """

    kind: Kind
    inside_frac: float
    known_occluders: bool


def occlusion_kind(amodal: Mask, modal: Mask, occluders: Sequence[Mask] = ()) -> OcclusionKind | None:
    """Tell interior from exterior.

    Args:
        amodal, modal: the occluded object, whole and visible, true or predicted.
        occluders: visible masks of the objects that may hide it; those that touch no hidden pixel do not count.

    Returns:
        None where nothing is hidden.
    """
    hidden = amodal - modal
    if hidden.is_empty:
        return None
    covering = [mask for mask in occluders if not (mask & hidden).is_empty]
    if covering:
        union = covering[0]
        for mask in covering[1:]:
            union = union | mask
        share = (union & amodal).area / union.area
    else:
        # nobody knows what hides it: a gap between visible parts lies in their hull, what goes on beyond them does not
        share = (hidden & convex_hull(modal)).area / hidden.area
    return OcclusionKind("interior" if share > INSIDE_ABOVE else "exterior", share, bool(covering))


def kind_in_picture(
    record: ImageRecord, instance: Instance, amodal: Mask, modal: Mask | None = None
) -> OcclusionKind | None:
    """`occlusion_kind` of an annotated object, the other objects of its picture being what may hide it.

    Args:
        record, instance: the picture and the object; other objects count where their modal masks are known.
        amodal: the object's whole mask, true or predicted.
        modal: its visible mask; None: the record's own.

    Returns:
        None where nothing is hidden or no visible mask is known.
    """
    seen = instance.modal_mask if modal is None else modal
    if seen is None:
        return None
    others = [
        one.modal_mask
        for one in record.instances
        if one.id != instance.id and one.modal_mask is not None and not one.is_crowd
    ]
    return occlusion_kind(amodal, seen, others)
