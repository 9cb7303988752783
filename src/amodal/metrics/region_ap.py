"""mAP^r: detection and segmentation scored together (paper section 5.3, Table 2), in the three variants in use.

Published figures differ in how a mask is assigned to a true object, so every figure names its variant:

``sds-matlab``: the published MATLAB code of SDS: the best true object that no surer mask has taken; right where the
    IoU of the regions is above the cut-off.
``sds-python``: its Python translation: the best true object of all; right where it is not taken yet and the IoU is at
    least the cut-off.
``box-assigned``: this paper's. Not every object has a true mask, so the BOX assigns: the true object with the best
    box IoU, annotated or not. The REGION decides: right where it is not taken yet and the IoU of the regions is at
    least the cut-off. A mask assigned to an object without a true mask counts neither as right nor as wrong. The paper
    does not say how much boxes must overlap; we take `MIN_BOX_IOU`, a named argument.

In the first two, objects without a true mask are not there: a mask on one of them is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AnnotationError
from ..core.masks import Mask
from ..core.records import Instance
from .objects import scored_mask

Variant = Literal["sds-matlab", "sds-python", "box-assigned"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
PAPER_VARIANT: Variant = "box-assigned"
MIN_BOX_IOU = 0.0
"""Boxes must overlap by more than this to be assigned; the paper names no bound."""
CUTOFFS = (0.5, 0.7)
"""Of Table 2."""


@dataclass(frozen=True, slots=True)
class Found:
    """One answer of a pipeline.

    Attributes:
        image_id, category: its picture and its place in the truth's categories.
        score: what it is ranked by.
        box: the detector's, xyxy.
        mask: of the picture's size; may be empty.
    """

    image_id: int
    category: int
    score: float
    box: bx.Box
    mask: Mask


@dataclass(frozen=True, slots=True)
class RegionAP:
    """One figure.

    Attributes:
        variant, cutoff: which, and the IoU a mask must have.
        mean: over the categories that have an annotated object; NaN without one.
        by_category: AP of each such category, by name, in [0, 1].
        objects: annotated objects, over all categories.
        ignored: answers assigned to objects without a true mask.
    """

    variant: Variant
    cutoff: float
    mean: float
    by_category: dict[str, float]
    objects: int
    ignored: int


def region_ap(
    truth: Album,
    found: Iterable[Found],
    *,
    variant: Variant = PAPER_VARIANT,
    cutoff: float = 0.5,
    min_box_iou: float = MIN_BOX_IOU,
) -> RegionAP:
    """Mean region average precision.

    Args:
        truth: objects with an amodal mask are annotated, the others are known by their modal box alone, as are crowds
            and stuff.
        found: answers for any picture of the truth, in any order; equal scores keep it.
        variant: see the module.
        cutoff: 0-1.
        min_box_iou: for ``box-assigned``.

    Raises:
        AnnotationError: an answer for a picture that is not in the truth, or with a mask of another size.
    """
    targets: dict[tuple[int, int], list[Instance]] = {}
    sizes: dict[int, tuple[int, int]] = {}
    for record in truth:
        sizes[record.id] = (record.height, record.width)
        for one in record.instances:
            targets.setdefault((record.id, one.category), []).append(one)
    answers: dict[int, list[Found]] = {}
    for answer in found:
        if sizes.get(answer.image_id) != (answer.mask.height, answer.mask.width):
            raise AnnotationError(
                "an answer belongs to a picture of the truth and has a mask of its size",
                file=truth.source,
                record=f"image {answer.image_id}",
                value=(answer.mask.height, answer.mask.width),
            )
        answers.setdefault(answer.category, []).append(answer)
    by_category: dict[str, float] = {}
    objects = ignored = 0
    for category, entry in enumerate(truth.categories):
        mine = {image: group for (image, kind), group in targets.items() if kind == category}
        count = sum(scored_mask(one) is not None for group in mine.values() for one in group)
        if not count:
            continue
        ranked = sorted(answers.get(category, []), key=lambda answer: -answer.score)
        verdicts = np.array(_verdicts(ranked, mine, variant, cutoff, min_box_iou), dtype=np.int64)
        by_category[entry.name] = envelope_ap(verdicts[verdicts != _IGNORED] == _RIGHT, count)
        objects, ignored = objects + count, ignored + int((verdicts == _IGNORED).sum())
    mean = float(np.mean(list(by_category.values()))) if by_category else math.nan
    return RegionAP(variant, cutoff, mean, by_category, objects, ignored)


def envelope_ap(right: ArrayLike, count: int) -> float:
    """VOC's all-points average precision: each precision raised to the best one at any higher recall.

    Args:
        right: of each answer, the surest first, whether it is right; bool ``(n,)``.
        count: true objects, found or not; 1 or more.

    >>> round(envelope_ap([True, False, True], 4), 4)
    0.4167
    """
    hits = np.asarray(right, dtype=np.bool_)
    done = np.cumsum(hits)
    precision: NDArray[np.float64] = done / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best[hits].sum() / count)


_RIGHT, _WRONG, _IGNORED = 1, 0, -1


def _verdicts(
    ranked: Sequence[Found], targets: dict[int, list[Instance]], variant: Variant, cutoff: float, min_box_iou: float
) -> list[int]:
    taken: set[int] = set()
    verdicts = []
    for answer in ranked:
        group = targets.get(answer.image_id, [])
        if variant == "box-assigned":
            verdicts.append(_by_box(answer, group, taken, cutoff, min_box_iou))
        else:
            verdicts.append(_by_region(answer, group, taken, cutoff, strict=variant == "sds-matlab"))
    return verdicts


def _by_box(answer: Found, group: list[Instance], taken: set[int], cutoff: float, min_box_iou: float) -> int:
    if not group:
        return _WRONG
    overlaps = bx.iou([one.modal_box for one in group], answer.box)
    one = group[int(np.argmax(overlaps))]
    if not overlaps.max() > min_box_iou:
        return _WRONG
    true = scored_mask(one)
    if true is None:
        return _IGNORED
    if one.id in taken or answer.mask.iou(true) < cutoff:
        return _WRONG
    taken.add(one.id)
    return _RIGHT


def _by_region(answer: Found, group: list[Instance], taken: set[int], cutoff: float, *, strict: bool) -> int:
    """``strict``: the MATLAB code, which looks among what is not taken and wants more than the cut-off."""
    drawn = [(one.id, true) for one in group if (true := scored_mask(one)) is not None]
    overlaps = [(answer.mask.iou(true), number) for number, true in drawn if not (strict and number in taken)]
    if not overlaps:
        return _WRONG
    best, number = max(overlaps, key=lambda pair: pair[0])  # the first of equals
    enough = best > cutoff if strict else best >= cutoff
    if not enough or number in taken:
        return _WRONG
    taken.add(number)
    return _RIGHT
