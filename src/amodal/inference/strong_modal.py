"""The modal baseline at another threshold: what IIS alone would answer (paper section 5.3 compares with it at 0.8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core import boxes as bx
from ..core.album import Album
from ..core.records import ImageRecord, Instance, Prediction
from .albums import predict_album
from .predictor import Predictor

PAPER_MODAL_THRESHOLD = 0.8
"""Section 4.1: the modal mask is the modal heat above this."""


def modal_masks_at(
    predictor: Predictor,
    truth: Album,
    predictions: Sequence[Prediction],
    images_dir: str | Path,
    threshold: float,
    *,
    progress: Callable[[int], Any] | None = None,
) -> dict[int, Prediction]:
    """The modal network run again in the boxes of predictions, its heat cut at another threshold.

    Args:
        predictor: its networks and passes are used, not its modal threshold.
        truth: gives pictures and categories.
        predictions: their ``modal_box`` and category is what the network is given, and where the others of a picture
            are; one whose box is empty, for want of a pixel, is not asked about.
        images_dir: folder of the pictures.
        threshold: a pixel is visible where the heat exceeds it, 0-1.
        progress: called with the number of objects of each picture when it is done.

    Returns:
        by annotation id; they complete nothing, the whole mask of each is its modal mask.
    """
    boxes: dict[int, list[Instance]] = {}
    for one in predictions:
        if bx.area(one.modal_box) > 0:
            boxes.setdefault(one.image_id, []).append(Instance(one.annotation_id, one.category, one.modal_box))

    def asked(record: ImageRecord) -> ImageRecord | None:
        mine = boxes.get(record.id)
        return replace(record, instances=tuple(mine), occlusions=()) if mine else None

    # one step of the expansion, and nothing cut to it: the amodal answer is not wanted
    settings = replace(predictor.settings, modal_threshold=threshold, max_steps=1, nested=False)
    found = predict_album(
        Predictor(predictor.networks, settings), truth.filter(asked), images_dir, "box", progress=progress
    )
    return {one.annotation_id: _completing_nothing(one) for one in found}


def _completing_nothing(one: Prediction) -> Prediction:
    return replace(one, amodal_mask=one.modal_mask, amodal_box=one.modal_mask.box)
