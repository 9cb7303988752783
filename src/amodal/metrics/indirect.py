"""Is an object occluded at all? The indirect evaluation of paper section 5.2: no amodal truth is needed for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..core.album import Album
from ..core.errors import AnnotationError
from ..core.records import Prediction
from .average_precision import average_precision, average_precision_interval
from .occlusion import area_ratio, true_occluded

Part = Literal["all", "not truncated", "truncated"]
PARTS: dict[Part, str] = {
    "all": "every object of which is known whether something hides it",
    "not truncated": "those that the picture's border does not cut",
    "truncated": "those that the picture's border cuts: they are incomplete, whether occluded or not",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One object: its predicted area ratio in [0, 1], and what is truly so."""

    image_id: int
    area_ratio: float
    is_occluded: bool
    is_truncated: bool | None


@dataclass(frozen=True, slots=True)
class Indirect:
    """How well the area ratio tells unoccluded objects from occluded ones.

    Attributes:
        part, rule: which objects, one of `PARTS`.
        ratios: predicted area ratio of each object, float64 ``(n,)``.
        occluded: whether it truly is, bool ``(n,)``.
        average_precision: of "unoccluded" as the ratio falls, no interpolation; NaN without an unoccluded object.
        interval: its 95 % bootstrap interval over photographs.
        chance: what a ratio that knows nothing would get: the share of unoccluded objects.
    """

    part: Part
    rule: str
    ratios: NDArray[np.float64]
    occluded: NDArray[np.bool_]
    average_precision: float
    interval: tuple[float, float]
    chance: float

    @property
    def count(self) -> int:
        return len(self.ratios)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; None where undefined."""
        return {
            "objects": self.rule,
            "count": self.count,
            "occluded": int(self.occluded.sum()),
            "average_precision": _number(self.average_precision),
            "average_precision_95": [_number(value) for value in self.interval],
            "chance": _number(self.chance),
        }


def score_indirect(truth: Album, predictions: Sequence[Prediction]) -> tuple[Indirect, ...]:
    """Paper section 5.2 on every object of which is known whether it is occluded: VOC's flag will do.

    Args:
        truth: with ``occluded`` flags, or with hidden shares or masks they follow from; stuff and crowds are left out.
        predictions: an object without one has the ratio 0.

    Returns:
        One for each of `PARTS` that has objects; "all" always.

    Raises:
        AnnotationError: of no object is known whether it is occluded.
    """
    sizes = {record.id: (record.width, record.height) for record in truth}
    inside = (p.in_picture(*sizes[p.image_id]) if p.image_id in sizes else p for p in predictions)
    ratios = {p.annotation_id: area_ratio(p.modal_mask, p.amodal_mask) for p in inside}
    judged = [
        Judged(record.id, ratios.get(one.id, 0.0), occluded, one.is_truncated)
        for record in truth
        for one in record.instances
        if not one.is_stuff and not one.is_crowd and (occluded := true_occluded(one)) is not None
    ]
    if not judged:
        raise AnnotationError(
            "the truth has no amodal masks, and says of no object whether it is occluded",
            file=truth.source,
            remedy='give COCOA regions, or COCO records with "segmentation" whole and "visible_mask" or '
            '"occlude_rate"; or flags of what is occluded, as VOC has them',
        )
    return judge(judged)


def count_judged(truth: Album, predictions: Sequence[Prediction]) -> tuple[dict[str, int], tuple[int, ...]]:
    """What `score_indirect` scores of a truth, and what it leaves out and why.

    Returns:
        Numbers of objects in plain words; the annotation ids of those scored without a prediction.
    """
    answered = {prediction.annotation_id for prediction in predictions}
    counts = {"in truth": 0, "scored": 0, "crowd, left out": 0, "stuff, left out": 0, "unknown, left out": 0}
    missing: list[int] = []
    for record in truth:
        for one in record.instances:
            counts["in truth"] += 1
            if one.is_crowd:
                counts["crowd, left out"] += 1
            elif one.is_stuff:
                counts["stuff, left out"] += 1
            elif true_occluded(one) is None:
                counts["unknown, left out"] += 1
            else:
                counts["scored"] += 1
                missing += [] if one.id in answered else [one.id]
    return counts | {"without a prediction, ratio 0": len(missing)}, tuple(missing)


def judge(objects: Iterable[Judged]) -> tuple[Indirect, ...]:
    """The figures of each of `PARTS`, from objects that are measured already; parts without objects are left out."""
    objects = list(objects)
    parts = []
    for part in get_args(Part):
        wanted = {"all": (True, False, None), "truncated": (True,), "not truncated": (False,)}[part]
        chosen = [one for one in objects if one.is_truncated in wanted]
        if chosen or part == "all":
            parts.append(_indirect(part, chosen))
    return tuple(parts)


def _indirect(part: Part, objects: list[Judged]) -> Indirect:
    ratios = np.array([one.area_ratio for one in objects], dtype=np.float64)
    occluded = np.array([one.is_occluded for one in objects], dtype=np.bool_)
    return Indirect(
        part=part,
        rule=PARTS[part],
        ratios=ratios,
        occluded=occluded,
        average_precision=average_precision(ratios, ~occluded),
        interval=average_precision_interval(ratios, ~occluded, [one.image_id for one in objects]),
        chance=float((~occluded).mean()) if objects else math.nan,
    )


def _number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
