"""Section 5.3, first part: masks against masks drawn by hand, box and category given. Table 1 and Fig. 9."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ..core.album import Album
from ..core.records import ImageRecord, Instance, Prediction
from ..inference.strong_modal import PAPER_MODAL_THRESHOLD
from ..metrics.evaluate import evaluate
from ..metrics.objects import Answer
from ..metrics.occlusion import true_occluded
from ..metrics.summary import Report, Row
from ..report.plots import draw_direct
from .published import BETTER_THAN_MODAL, GAINS_IN_MANY_CASES, SMALL_LOSS, TABLE_1, WORSE_THAN_MODAL
from .section import Figure, Section, Table, other_data

COLUMNS = ("accuracy at 50 %", "accuracy at 70 %", "area under curve")
PAPER_MODAL = "modal mask at 0.8"
"""The baseline with the paper's own threshold, by its name among the answers."""
PAPER_AMODAL_THRESHOLD = 0.7
"""Section 4.1."""
ModalAt = Callable[[Album, list[Prediction]], Mapping[int, Prediction]]
"""The modal masks at the paper's threshold of pictures and the predictions in them, by annotation id."""


def drawn_objects(album: Album, *, occluded_only: bool) -> Album:
    """The album with the objects to be scored alone: those with an amodal mask, only the occluded ones if asked."""

    def keep(record: ImageRecord) -> ImageRecord | None:
        mine = tuple(one for one in record.instances if _scored(one, occluded_only))
        return replace(record, instances=mine, occlusions=()) if mine else None

    return album.filter(keep)


def _scored(one: Instance, occluded_only: bool) -> bool:
    if one.amodal_mask is None or one.amodal_mask.is_empty or one.is_crowd or one.is_stuff:
        return False
    return not occluded_only or true_occluded(one) is True


def score_direct(drawn: Album, predictions: list[Prediction], modal_at: ModalAt) -> Report:
    """Score drawn objects, the modal masks at the paper's threshold as a baseline of their own.

    Args:
        drawn: what `drawn_objects` returns.
        predictions: of these objects, or of more.
        modal_at: makes the modal masks at the paper's 0.8 for pictures and the predictions in them: all of these, so
            that an object is told of the same others as in ``predictions``.
    """
    wanted = {one.id for record in drawn for one in record.instances}
    mine = [one for one in predictions if one.annotation_id in wanted]
    pictures_drawn = {record.id for record in drawn}
    modal = modal_at(drawn, [one for one in predictions if one.image_id in pictures_drawn])
    paper_modal = {number: answer for number, answer in modal.items() if number in wanted}
    return evaluate(drawn, mine, given="true modal box and category", baselines={PAPER_MODAL: paper_modal})


def direct_section(
    drawn: Album,
    predictions: list[Prediction],
    modal_at: ModalAt,
    *,
    is_voc: bool,
    thresholds: tuple[float, float],
) -> Section:
    """Score, and lay out beside the paper's numbers.

    Args:
        drawn, predictions, modal_at: as in `score_direct`.
        is_voc: whether these are VOC's objects, as in the paper.
        thresholds: the weights' modal and amodal ones, for the notes.
    """
    report = score_direct(drawn, predictions, modal_at)
    rows = report.group("all")
    objects = list(report.objects)
    chosen = draw_direct(objects, f"{rows.count} objects")
    # Fig. 9a is of the paper's threshold
    papers = [replace(one, fits=one.fits | {"modal": one.fits[PAPER_MODAL]}) for one in objects]
    scatter = draw_direct(papers, f"{rows.count} objects, modal mask at {PAPER_MODAL_THRESHOLD:g}")
    return Section(
        name="direct",
        title="Direct evaluation: masks drawn by hand (section 5.3, Table 1, Fig. 9)",
        tables=(table_1(report, "Table 1: amodal segmentation, box given"), _diagonal(report)),
        pictures={
            "fig9a_scatter.png": scatter["modal_amodal_iou.png"],
            "fig9a_scatter_chosen.png": chosen["modal_amodal_iou.png"],
            "fig9b_accuracy.png": chosen["accuracy.png"],
        },
        notes=(
            f"{rows.count} objects in {rows.photographs} photographs; box and category given.",
            _cut_at(*thresholds),
            "Fig. 9a is drawn twice: against the modal mask at 0.8, as in the paper, and at the threshold chosen.",
            *how_far_off_the_diagonal(report),
            "The area under the accuracy curve equals the mean IoU per object; intervals are 95 %, over photographs.",
            *other_data(is_voc),
        ),
    )


def _cut_at(modal: float, amodal: float) -> str:
    if (modal, amodal) == (PAPER_MODAL_THRESHOLD, PAPER_AMODAL_THRESHOLD):
        return "The modal mask is cut at 0.8 and the amodal one at 0.7, as in the paper: these weights chose no others."
    return (
        f"Our modal mask is cut at {modal:g} and our amodal one at {amodal:g}, chosen on validation photographs; the "
        "paper's at 0.8 and 0.7. The modal mask at 0.8 has a row of its own."
    )


def scores(row: Row) -> tuple[float, float, float]:
    """Table 1's three columns."""
    return row.accuracy_50, row.accuracy_70, row.mean_iou


def table_1(report: Report, title: str, *, published: bool = True) -> Table:
    """Table 1 of these objects; ``published``: the paper's numbers stand beside ours."""
    group = report.group("all")
    names: list[tuple[str, Answer, str | None]] = [
        ("IIS at the paper's 0.8", PAPER_MODAL, "modal"),
        ("IIS at the threshold chosen on validation", "modal", None),
        ("its convex hull", "modal_hull", None),
        ("filled given box", "box", None),
        ("proposed method", "ours", "amodal"),
    ]
    rows = tuple((name, _cells(group.row(answer), paper if published else None)) for name, answer, paper in names)
    return Table(title, COLUMNS, rows)


def _cells(row: Row, paper: str | None) -> tuple[Figure, ...]:
    numbers = (None, None, None) if paper is None else TABLE_1[paper]
    intervals = (row.intervals[key] for key in ("accuracy_50", "accuracy_70", "mean_iou"))
    return tuple(Figure(*cell) for cell in zip(scores(row), numbers, intervals, strict=True))


def _diagonal(report: Report) -> Table:
    """Fig. 9a in two numbers, against the modal mask at 0.8 (what the paper compares with) and against our best one."""
    rows = []
    for name, answer, published in (
        ("against IIS at the paper's 0.8", PAPER_MODAL, (BETTER_THAN_MODAL, WORSE_THAN_MODAL)),
        ("against IIS at the threshold chosen on validation", "modal", (None, None)),
    ):
        gains = _gains(report, answer)
        better, worse = (sum(sign * gain > 0 for gain in gains) / len(gains) for sign in (1, -1))
        rows.append((name, (Figure(better, published[0]), Figure(worse, published[1]))))
    return Table("Fig. 9a: share of objects above and below the diagonal", ("above", "below"), tuple(rows))


def how_far_off_the_diagonal(report: Report) -> tuple[str, ...]:
    """What section 5.3 says of Fig. 9a in words, with our shares."""
    gains = _gains(report, PAPER_MODAL)
    least = GAINS_IN_MANY_CASES[0]
    much = sum(gain >= least for gain in gains) / len(gains)
    told = (
        f'{much:.1%} of the objects gain {least:.0%} IoU or more over IIS at 0.8 (the paper: 20-50 % "in many cases").'
    )
    losses = [-gain for gain in gains if gain < 0]
    if not losses:
        return (told,)
    little = sum(loss < SMALL_LOSS for loss in losses) / len(losses)
    return told, f"{little:.1%} of those it is worse on lose less than {SMALL_LOSS:.0%} (the paper: the majority)."


def _gains(report: Report, answer: Answer) -> list[float]:
    """IoU of the amodal mask over that of another answer, of every object."""
    return [score.fits["ours"].iou - score.fits[answer].iou for score in report.objects]
