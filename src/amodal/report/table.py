"""Every object of an evaluation as a row of a table, for pandas, R and spreadsheets."""

from __future__ import annotations

import csv
import io
import math

from ..metrics.objects import Answer, Fit, ObjectScore
from ..metrics.summary import Report


def objects_csv(report: Report) -> str:
    """The objects scored, in the order of the truth, as CSV with a heading.

    Columns: ``image_id``, ``annotation_id``, ``category``, ``answered``, ``true_hidden_frac``, ``occluded``,
    ``truncated``, ``area_ratio``; then of each answer ``iou.NAME``, ``box_iou.NAME``, ``hidden_part_iou.NAME``, by its
    name in report.json. Shares are 0-1 with six decimals, flags ``true`` and ``false``; what is not known is empty.
    """
    answers = list(dict.fromkeys(answer for score in report.objects for answer in score.fits))
    heading = ["image_id", "annotation_id", "category", "answered", "true_hidden_frac", "occluded", "truncated"]
    heading += ["area_ratio", *(f"{what}.{answer}" for answer in answers for what in _FIT)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows(_row(score, answers) for score in report.objects)
    return text.getvalue()


_FIT = ("iou", "box_iou", "hidden_part_iou")


def _row(score: ObjectScore, answers: list[Answer]) -> list[str]:
    known = [score.image_id, score.annotation_id, score.category, score.answered, score.hidden_frac]
    known += [score.is_occluded, score.is_truncated, score.area_ratio]
    return [_cell(value) for value in (*known, *(v for answer in answers for v in _values(score.fits.get(answer))))]


def _values(fit: Fit | None) -> tuple[float | None, ...]:
    return (None,) * len(_FIT) if fit is None else (fit.iou, fit.box_iou, fit.hidden_iou)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6f}" if math.isfinite(value) else ""
    return str(value)
