"""A page of the objects we got most wrong and most right: to see at a glance where the numbers come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..core.album import Album
from ..core.masks import Mask
from ..core.records import ImageRecord, Instance, Prediction
from ..metrics.objects import ObjectScore
from ..metrics.summary import Report
from .html import document, escape, figure
from .page import read_photo
from .panels import Picture, View, mask_panel, photo_panel
from .words import counted, percent

WORST, BEST = 12, 6
_MISSED, _INVENTED, _AGREED = (230, 57, 70), (255, 170, 0), (46, 160, 110)


def extremes_page(
    report: Report,
    truth: Album,
    predictions: Sequence[Prediction],
    images_dir: str | Path,
    *,
    worst_count: int = WORST,
    best_count: int = BEST,
) -> str:
    """A self-contained HTML page of the worst (12) and best (6) objects by IoU, no object in both.

    Each with the photograph's part and its boxes, the true and the predicted whole object, and where they differ.

    Raises:
        ImageError: a photograph that is missing, undecodable or of another size than its record.
    """
    ranked = sorted(report.objects, key=lambda score: score.fits["ours"].iou)
    split = len(ranked) - min(best_count, len(ranked) // 2)
    worst, best = ranked[: min(worst_count, split)], ranked[split:][::-1]
    records = _records(truth, {score.image_id for score in (*worst, *best)})
    answers = {prediction.annotation_id: prediction for prediction in predictions}

    shown = {which: scores for which, scores in (("worst", worst), ("best", best)) if scores}

    def section(which: str, scores: list[ObjectScore]) -> str:
        articles = "".join(_article(s, records[s.image_id], answers, truth.source, images_dir) for s in scores)
        return f'<section id="{which}"><h2>The {len(scores)} {which}</h2>{articles}</section>'

    body = (
        "<header><h1>Worst and best objects</h1>"
        f"<p>By IoU with the true amodal mask, of {counted(len(report.objects), 'object')} scored.</p>"
        '<p class="soft"><b class="given">Green</b> box: given. <b class="found">Blue</b> box: found. Stripes: '
        "hidden, where the visible part is known. In the last picture green is agreed, red missed, amber invented.</p>"
        "</header>"
        f"<main>{''.join(section(which, scores) for which, scores in shown.items())}</main>"
    )
    return document("Worst and best objects", [(which, which) for which in shown], body)


def _records(truth: Album, wanted: set[int]) -> dict[int, ImageRecord]:
    return {record.id: record for record in truth if record.id in wanted}


def _article(
    score: ObjectScore, record: ImageRecord, answers: dict[int, Prediction], source: str, images_dir: str | Path
) -> str:
    instance = next(i for i in record.instances if i.id == score.annotation_id)
    hidden = "hidden share unknown" if score.hidden_frac is None else f"{score.hidden_frac:.0%} truly hidden"
    prediction = answers.get(score.annotation_id)
    prediction = None if prediction is None else prediction.in_picture(record.width, record.height)  # as it was scored
    name = f"{score.category}, annotation {score.annotation_id}"
    panels = _panels(instance, prediction, read_photo(record, images_dir, source), name)
    note = "" if prediction is not None else '<span class="tag">no prediction</span>'
    return (
        f'<article><h3>{escape(score.category)} <span class="rate">IoU {percent(score.fits["ours"].iou)}</span>'
        f'<span class="tag">{hidden}</span><span class="tag">{escape(record.file_name)}</span>'
        f'<span class="tag">annotation {score.annotation_id}</span>{note}</h3>'
        f'<div class="row">{panels}</div></article>\n'
    )


def _panels(instance: Instance, prediction: Prediction | None, image: Picture, name: str) -> str:
    true = instance.amodal_mask
    assert true is not None  # only objects with one are scored
    if prediction is None:
        empty = Mask.from_array(np.zeros((true.height, true.width), dtype=np.bool_))
        prediction = Prediction(0, 0, 0, 0.0, instance.modal_box, empty, empty, instance.modal_box, 0, "empty")
    view = View.of(prediction, image, also=(true.box,))
    found = prediction.amodal_mask
    shown = {
        "photograph, given and found box": photo_panel(view, image, prediction),
        "true amodal mask": mask_panel(view, image, true, modal=instance.modal_mask),
        "predicted amodal mask": mask_panel(view, image, found, modal=prediction.modal_mask),
        "difference": _difference(view, image, true, found),
    }
    return "".join(figure(panel, caption, alt=f"{name}: {caption}") for caption, panel in shown.items())


def _difference(view: View, image: Picture, true: Mask, found: Mask) -> Picture:
    wanted, got = view.mask(true), view.mask(found)
    canvas = view.photo(image).astype(np.float64)
    for where, colour in ((wanted & got, _AGREED), (wanted & ~got, _MISSED), (got & ~wanted, _INVENTED)):
        canvas[where] = canvas[where] * 0.4 + np.array(colour) * 0.6
    return np.round(canvas).astype(np.uint8)
