"""Answers that name no annotation, as detectors give them, matched to annotated objects: COCO's rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AnnotationError
from ..core.masks import Mask
from ..core.records import ImageRecord, Instance, Prediction
from .objects import scored_mask

MIN_IOU = 0.5
"""Masks must overlap by so much to be matched: COCO's lowest cut-off."""


_Target = tuple[int, int, Mask, bx.Box]
"""Annotation id, category, true whole mask and its box."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What became of a detector's answers.

    Attributes:
        answers: by annotation id.
        unmatched: how many answers fit no object, or one that a surer answer fits.
    """

    answers: dict[int, Prediction]
    unmatched: int

    @property
    def rule(self) -> str:
        """What a reader of the figures must know."""
        return (
            f"{len(self.answers)} of {len(self.answers) + self.unmatched} detections matched to objects, the surest "
            f"first, by IoU with the true whole mask ({MIN_IOU:g} or more, same category); the others cost nothing"
        )


def match_detections(truth: Album, found: Album, visible: Mapping[int, Mask]) -> Matched:
    """Match whole masks of a detector to the objects that are scored.

    In each picture the answers take, the highest score first, the object of their category that no other has taken and
    whose true whole mask they overlap most, by an IoU of `MIN_IOU` or more. So what is measured of them is how well the
    objects they find are completed; objects not found score 0, and answers that match nothing are counted alone.

    Args:
        truth: pictures with amodal masks.
        found: the same pictures with the detector's objects (`datasets.detections.read_detections`); `modal_mask` is
            the mask it gave, of the whole object.
        visible: the visible mask their hidden part is counted from, by annotation id; where there is none, the whole.

    Raises:
        AnnotationError: an answer without a mask.
    """
    answers: dict[int, Prediction] = {}
    unmatched = 0
    for record, theirs in zip(truth, found, strict=True):
        targets = _targets(record)
        ranked = sorted(theirs.instances, key=lambda one: -(1.0 if one.score is None else one.score))
        for one in ranked:
            if one.modal_mask is None:
                raise AnnotationError(
                    "detections are scored by their masks of the whole object",
                    file=found.source,
                    record=f"image {record.id}, detection {one.id}",
                    remedy='add "segmentation", or leave the entry out',
                )
            number = _best(targets, one.category, one.modal_mask, answers)
            if number is None:
                unmatched += 1
            else:
                answers[number] = _answer(record, one, number, one.modal_mask, visible.get(number, one.modal_mask))
    return Matched(answers, unmatched)


def _targets(record: ImageRecord) -> list[_Target]:
    scored = ((one, scored_mask(one)) for one in record.instances)
    return [(one.id, one.category, true, true.box) for one, true in scored if true is not None]


def _best(targets: list[_Target], category: int, mask: Mask, taken: Mapping[int, object]) -> int | None:
    """The annotation an answer is matched to; of equals, the first."""
    best, found, box = 0.0, None, mask.box
    for number, kind, true, around in targets:
        if kind == category and number not in taken and bx.area(bx.intersect(around, box)) > 0:
            overlap = mask.iou(true)
            if overlap >= MIN_IOU and overlap > best:
                best, found = overlap, number
    return found


def _answer(record: ImageRecord, one: Instance, number: int, whole: Mask, seen: Mask) -> Prediction:
    score = 1.0 if one.score is None else one.score
    return Prediction(record.id, number, one.category, score, seen.box, seen, whole, one.modal_box, 0, "converged")
