"""What an evaluation says: figures by group and answer, with their protocol."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .accuracy import accuracy_at, bootstrap_intervals, mean_iou, micro_iou
from .indirect import Indirect
from .objects import FROM_PREDICTION, FROM_TRUTH, Answer, ObjectScore, ious
from .occlusion import HEAVILY_ABOVE, OCCLUDED_ABOVE
from .ordering import OrderScore

GROUPS: dict[str, str] = {
    "all": "every object scored",
    "occluded": f"more than {OCCLUDED_ABOVE:.0%} of the object hidden",
    "heavily occluded": f"more than {HEAVILY_ABOVE:.0%} of the object hidden",
    "clear": f"at the most {OCCLUDED_ABOVE:.0%} of the object hidden",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One answer on one group of objects; shares in [0, 1], NaN where undefined.

    Attributes:
        answer: which mask was scored.
        count: number of objects.
        mean_iou: mean per instance (macro).
        intervals: 95 % bootstrap intervals over photographs, by the name of the figure: ``mean_iou``, ``accuracy_50``,
            ``accuracy_70``, ``hidden_iou``, ``box_iou``, ``gain``; drawn alike for all.
        micro_iou: sum of intersections / sum of unions.
        accuracy_50, accuracy_70: share of objects with IoU above 0.5, 0.7.
        hidden_iou: mean IoU of the hidden part over ``hidden_count`` objects: those that are occluded and whose true
            modal mask is known, with something hidden beyond it.
        box_iou: mean IoU of the amodal box.
        gain: mean IoU of ours minus this answer's, over the same objects; 0 for ours.
    """

    answer: Answer
    count: int
    mean_iou: float
    micro_iou: float
    accuracy_50: float
    accuracy_70: float
    hidden_iou: float
    hidden_count: int
    box_iou: float
    gain: float
    intervals: dict[str, tuple[float, float]]

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of the mean IoU."""
        return self.intervals["mean_iou"]


@dataclass(frozen=True, slots=True)
class Group:
    """The objects of one degree of occlusion.

    Attributes:
        name, rule: one of `GROUPS`.
        count, photographs: how many objects, in how many photographs.
        rows: all objects of the group.
        known_modal_rows: the objects whose true modal mask is known: ours, and what that mask itself would score.
    """

    name: str
    rule: str
    count: int
    photographs: int
    rows: tuple[Row, ...]
    known_modal_rows: tuple[Row, ...]

    def row(self, answer: Answer) -> Row:
        """The row of one answer among `rows`."""
        return next(row for row in self.rows if row.answer == answer)


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of one evaluation.

    Attributes:
        protocol: what was compared with what, and how (plain words by key).
        counts: objects in the truth, scored, left out and why, without a prediction.
        groups: one per entry of `GROUPS`, in that order.
        unoccluded: average precision of "unoccluded" as the area ratio falls (section 5.2), over all objects first.
        hidden_frac_error: mean absolute difference of predicted and true hidden share, over answered objects.
        better, worse: share of the occluded objects on which ours has the higher / lower IoU than the predicted modal
            mask (Fig. 9a).
        order: how many pairs of objects are ordered as in the truth; None where the truth orders none, or no prediction
            says who hides it.
        missing: annotation ids without a prediction.
        objects: every object scored, in the order of the truth.
    """

    protocol: dict[str, str]
    counts: dict[str, int]
    groups: tuple[Group, ...]
    unoccluded: tuple[Indirect, ...]
    hidden_frac_error: float
    better: float
    worse: float
    order: OrderScore | None = None
    missing: tuple[int, ...] = ()
    objects: tuple[ObjectScore, ...] = field(default=(), repr=False)

    @property
    def unoccluded_ap(self) -> float:
        """Average precision of "unoccluded" over all objects of which is known whether they are."""
        return self.unoccluded[0].average_precision

    @property
    def unoccluded_chance(self) -> float:
        """Its chance level, the share of unoccluded objects."""
        return self.unoccluded[0].chance

    def group(self, name: str) -> Group:
        """A group by its name.

        Raises:
            KeyError: not one of `GROUPS`.
        """
        return {group.name: group for group in self.groups}[name]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; None where a figure is undefined."""
        return {
            "protocol": dict(self.protocol),
            "counts": dict(self.counts),
            "groups": [
                {
                    "name": group.name,
                    "rule": group.rule,
                    "count": group.count,
                    "photographs": group.photographs,
                    "rows": [_row_json(row) for row in group.rows],
                    "true_modal_mask_known": [_row_json(row) for row in group.known_modal_rows],
                }
                for group in self.groups
            ],
            "unoccluded": self.unoccluded[0].to_json(),
            "unoccluded_by_truncation": {part.part: part.to_json() for part in self.unoccluded[1:]},
            "hidden_frac_mean_absolute_error": _number(self.hidden_frac_error),
            "ours_against_predicted_modal_mask_on_occluded": {
                "better": _number(self.better),
                "worse": _number(self.worse),
            },
            "order": None if self.order is None else self.order.to_json(),
            "missing_annotation_ids": list(self.missing),
            "objects": [_object_json(score) for score in self.objects],
        }


def in_group(hidden: float | None, name: str) -> bool:
    """Whether an object of that hidden share belongs to a group; one of unknown share belongs to "all" alone.

    >>> in_group(0.05, "clear"), in_group(0.05, "occluded"), in_group(None, "clear")
    (True, False, False)
    """
    if name == "all":
        return True
    if hidden is None:
        return False
    if name == "clear":
        return hidden <= OCCLUDED_ABOVE
    return hidden > (HEAVILY_ABOVE if name == "heavily occluded" else OCCLUDED_ABOVE)


def make_group(name: str, objects: list[ObjectScore], baselines: Sequence[Answer] = ()) -> Group:
    """The figures of one group, from all objects scored; ``baselines`` are the answers the caller brought."""
    members = [score for score in objects if in_group(score.hidden_frac, name)]
    known = [score for score in members if "true_modal" in score.fits]
    return Group(
        name=name,
        rule=GROUPS[name],
        count=len(members),
        photographs=len({score.image_id for score in members}),
        rows=make_rows((*FROM_PREDICTION, *baselines), members),
        known_modal_rows=make_rows(("ours", *FROM_TRUTH), known),
    )


def make_rows(answers: Sequence[Answer], objects: list[ObjectScore]) -> tuple[Row, ...]:
    """The figures of some answers over objects that all have them."""
    columns = [_columns(answer, objects) for answer in answers]
    # drawing is what takes the time: once for all
    drawn = bootstrap_intervals(np.concatenate(columns, axis=1), [score.image_id for score in objects])
    each = np.split(drawn, len(answers))
    return tuple(_row(*one, objects) for one in zip(answers, columns, each, strict=True))


_FIGURES = ("mean_iou", "accuracy_50", "accuracy_70", "hidden_iou", "box_iou", "gain")


def _columns(answer: Answer, objects: list[ObjectScore]) -> NDArray[np.float64]:
    """What `_FIGURES` are the means of, ``(n, 6)``: NaN where an object does not count."""
    values = ious(objects, answer)
    fits = [score.fits[answer] for score in objects]
    hidden = [
        fit.hidden_iou if fit.hidden_iou is not None and in_group(score.hidden_frac, "occluded") else math.nan
        for score, fit in zip(objects, fits, strict=True)
    ]
    boxes = [fit.box_iou for fit in fits]
    gain = ious(objects, "ours") - values
    return np.stack([values, values > 0.5, values > 0.7, hidden, boxes, gain], axis=1, dtype=np.float64)


def _row(
    answer: Answer, columns: NDArray[np.float64], intervals: NDArray[np.float64], objects: list[ObjectScore]
) -> Row:
    values, _, _, hidden, boxes, gain = columns.T
    fits = [score.fits[answer] for score in objects]
    counted = hidden[np.isfinite(hidden)]
    return Row(
        answer=answer,
        count=len(objects),
        mean_iou=mean_iou(values),
        micro_iou=micro_iou([fit.intersection for fit in fits], [fit.union for fit in fits]),
        accuracy_50=accuracy_at(values, 0.5),
        accuracy_70=accuracy_at(values, 0.7),
        hidden_iou=mean_iou(counted),
        hidden_count=len(counted),
        box_iou=mean_iou(boxes),
        gain=mean_iou(gain),
        intervals={name: (float(low), float(high)) for name, (low, high) in zip(_FIGURES, intervals, strict=True)},
    )


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "answer": row.answer,
        "count": row.count,
        "mean_iou_macro": _number(row.mean_iou),
        "mean_iou_macro_95": [_number(value) for value in row.interval],
        "intervals_95": {name: [_number(value) for value in pair] for name, pair in row.intervals.items()},
        "iou_micro": _number(row.micro_iou),
        "accuracy_at_50": _number(row.accuracy_50),
        "accuracy_at_70": _number(row.accuracy_70),
        "hidden_part_iou": _number(row.hidden_iou),
        "hidden_part_count": row.hidden_count,
        "amodal_box_iou": _number(row.box_iou),
        "ours_minus_it": _number(row.gain),
    }


def _object_json(score: ObjectScore) -> dict[str, Any]:
    return {
        "image_id": score.image_id,
        "annotation_id": score.annotation_id,
        "category": score.category,
        "answered": score.answered,
        "true_hidden_frac": None if score.hidden_frac is None else _number(score.hidden_frac),
        "occluded": score.is_occluded,
        "truncated": score.is_truncated,
        "area_ratio": _number(score.area_ratio),
        "iou": {answer: _number(fit.iou) for answer, fit in score.fits.items()},
    }


def _number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
