"""Who hides whom: how many pairs are ordered as in the truth. The paper has no such figure; COCOA's authors do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..core import boxes as bx
from ..core.album import Album
from ..core.records import ImageRecord, Instance, Prediction

Pair = tuple[int, int]
"""Annotation ids: the one in front, the one behind."""


@dataclass(frozen=True, slots=True)
class OrderScore:
    """Pairs of objects of one picture of which the truth says that one hides a part of the other.

    Attributes:
        pairs: how many.
        right: predicted in the true order alone.
        wrong: predicted in the reverse order alone.
        undecided: predicted in neither order, or in both.
        extra: pairs predicted that the truth does not order.
    """

    pairs: int
    right: int
    wrong: int
    undecided: int
    extra: int

    @property
    def accuracy(self) -> float:
        """Share of the true pairs predicted right, 0-1; an undecided pair is not right. NaN without pairs."""
        return self.right / self.pairs if self.pairs else math.nan

    @property
    def decided_accuracy(self) -> float:
        """Share of the decided pairs predicted right, 0-1; chance is 1/2. NaN where none is decided."""
        decided = self.right + self.wrong
        return self.right / decided if decided else math.nan

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; None where undefined."""
        shares = {"accuracy": self.accuracy, "decided_accuracy": self.decided_accuracy}
        known = {name: round(value, 6) if math.isfinite(value) else None for name, value in shares.items()}
        return asdict(self) | known


def true_pairs(record: ImageRecord) -> list[Pair]:
    """The pairs a picture's annotations order.

    Taken from ``occlusions`` where the file gives them. Otherwise two objects are a pair where their whole masks
    overlap: the one with the smaller depth rank (``order``) is in front or, without ranks, the one whose visible mask
    has more of the overlap. Objects without masks, and ties, are left out; so are stuff and crowds.
    """
    whole = [o for o in record.instances if not o.is_crowd and not o.is_stuff]
    if record.occlusions:
        ids = {o.id for o in whole}
        return [pair for pair in record.occlusions if ids.issuperset(pair)]
    objects = [o for o in whole if o.amodal_mask is not None]
    boxes = np.array([o.amodal_mask.box for o in objects if o.amodal_mask is not None]).reshape(-1, 4)
    pairs: list[Pair] = []
    for j, b in enumerate(objects):
        for i in np.flatnonzero(bx.area(bx.intersect(boxes[:j], boxes[j])) > 0).tolist():
            pair = _in_order(objects[i], b)
            if pair is not None:
                pairs.append(pair)
    return pairs


def score_pairs(truth: Iterable[Pair], predicted: Iterable[Pair]) -> OrderScore:
    """Compare the pairs of one picture.

    >>> score_pairs([(1, 2), (3, 4), (5, 6)], [(1, 2), (4, 3), (7, 8)])
    OrderScore(pairs=3, right=1, wrong=1, undecided=1, extra=1)
    """
    true, found = set(truth), set(predicted)
    right = sum((a, b) in found and (b, a) not in found for a, b in true)
    wrong = sum((b, a) in found and (a, b) not in found for a, b in true)
    extra = {frozenset(pair) for pair in found} - {frozenset(pair) for pair in true}
    return OrderScore(len(true), right, wrong, len(true) - right - wrong, len(extra))


def score_order(truth: Album, predictions: Sequence[Prediction]) -> OrderScore | None:
    """Compare the occluders of predictions with annotated order, over all pictures.

    Args:
        truth: pictures with ``occlusions``, or with amodal masks and either ``order`` or modal masks.
        predictions: with `Prediction.occluders`; those without say nothing about any pair. A picture of which none has
            them was not asked about, and is left out.

    Returns:
        None where no prediction has occluders, or the truth has no pair in their pictures.
    """
    found: dict[int, list[Pair]] = {}
    for p in predictions:
        if p.occluders is not None:
            found.setdefault(p.image_id, []).extend((front, p.annotation_id) for front in p.occluders)
    scores = [score_pairs(true_pairs(record), found[record.id]) for record in truth if record.id in found]
    names = ("pairs", "right", "wrong", "undecided", "extra")
    total = OrderScore(*(sum(getattr(score, name) for score in scores) for name in names))
    return total if total.pairs else None


def _in_order(a: Instance, b: Instance) -> Pair | None:
    assert a.amodal_mask is not None and b.amodal_mask is not None
    shared = a.amodal_mask & b.amodal_mask
    if shared.is_empty:
        return None
    if a.order is not None and b.order is not None:
        lead = b.order - a.order
    elif a.modal_mask is not None and b.modal_mask is not None:
        lead = (a.modal_mask & shared).area - (b.modal_mask & shared).area
    else:
        return None
    if lead == 0:
        return None
    return (a.id, b.id) if lead > 0 else (b.id, a.id)
