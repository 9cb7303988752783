"""Section 5.3, second part, and the supplement: a detector's boxes, then masks. Tables 2, S1 and S2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from ..core.album import Album
from ..core.records import Prediction
from ..metrics.region_ap import CUTOFFS, PAPER_VARIANT, VARIANTS, Found, RegionAP, Variant, region_ap
from .published import SUPPLEMENT_TABLE_1, SUPPLEMENT_TABLE_2, TABLE_2, Pair
from .section import Figure, Section, Table, other_data, spread

Which = Literal["modal", "amodal"]
COLUMNS = ("mAP^r at 50 %", "mAP^r at 70 %")
NAMES: dict[Which, str] = {"modal": "detector + IIS", "amodal": "detector + proposed method"}
VARIANT_NAMES: dict[str, str] = {
    "without_modal_prediction": "without modal segmentation prediction",
    "without_dynamic_samples": "without dynamic sample generation",
    "both": "with both",
}
"""The supplement's ablations, by the name of their folder in ``--ablations``."""


def found_objects(detections: Album, predictions: Sequence[Prediction], which: Which) -> list[Found]:
    """A pipeline's answers: the detector's boxes and scores, the modal or amodal masks predicted in them."""
    scores = {one.id: 1.0 if one.score is None else one.score for record in detections for one in record.instances}
    return [
        Found(
            one.image_id,
            one.category,
            scores[one.annotation_id],
            one.modal_box,
            one.modal_mask if which == "modal" else one.amodal_mask,
        )
        for one in predictions
    ]


def region_aps(
    truth: Album, detections: Album, predictions: Sequence[Prediction], which: Which, variant: Variant = PAPER_VARIANT
) -> tuple[RegionAP, ...]:
    """mAP^r of one pipeline at each of the paper's cut-offs."""
    found = found_objects(detections, predictions, which)
    return tuple(region_ap(truth, found, variant=variant, cutoff=cutoff) for cutoff in CUTOFFS)


def combined_section(
    truth: Album, detections: Album, predictions: Sequence[Prediction], *, detector: str, is_voc: bool
) -> Section:
    """Table 2, in the paper's variant of mAP^r and in the two others.

    Args:
        truth: objects with amodal masks are annotated, the others known by their box.
        detections: what the predictions answer.
        predictions: in the detector's boxes.
        detector: its name, for the notes.
        is_voc: whether these are VOC's objects, as in the paper.
    """
    return Section(
        name="combined",
        title="Combined detection and segmentation (section 5.3, Table 2)",
        tables=_tables(truth, detections, predictions, TABLE_2, "Table 2"),
        notes=(
            *_notes(truth, detections, predictions, detector),
            *other_data(is_voc),
        ),
    )


def pascal3d_section(
    truth: Album,
    detections: Album | None,
    predictions: Sequence[Prediction],
    *,
    detector: str,
    direct: Table,
    is_voc: bool,
) -> Section:
    """Supplementary Table 2: CAD models' projections as approximate truth.

    Args:
        truth: objects with the filled projection of their CAD model.
        detections, predictions: as in `combined_section`; None and empty where no detector's boxes are at hand.
        detector: its name.
        direct: Table 1's figures on the same objects, box given; needs no detector.
        is_voc: whether these are the paper's objects.
    """
    tables: tuple[Table, ...] = (direct,)
    notes: tuple[str, ...] = (
        "A model is a similar object, not the one in the picture: its projection is only approximately its mask.",
        *other_data(is_voc),
    )
    if detections is not None:
        tables = (*_tables(truth, detections, predictions, SUPPLEMENT_TABLE_2, "Supplementary Table 2"), direct)
        notes = (*notes, *_notes(truth, detections, predictions, detector))
    return Section(
        name="pascal3d",
        title="PASCAL 3D+ (supplement, section 2)",
        tables=tables,
        notes=notes,
        missing=() if detections is not None else (NEEDS_DETECTOR,),
    )


NEEDS_DETECTOR = (
    "mAP^r needs a detector's boxes: --detections FILE (COCO results for data/val.json of the output folder, or "
    "data/pascal3d.json where there is no val set; a first run writes them), or --detector torchvision:faster "
    "(pip install 'amodal[train]'; its weights are downloaded, or "
    "named with --detector-weights), or --detector yolox (comes with the package)"
)


def _tables(
    truth: Album, detections: Album, predictions: Sequence[Prediction], published: Mapping[str, Pair], title: str
) -> tuple[Table, ...]:
    tables = []
    for variant in (PAPER_VARIANT, *(v for v in VARIANTS if v != PAPER_VARIANT)):
        rows = []
        for which, name in NAMES.items():
            numbers = published[which] if variant == PAPER_VARIANT else (None, None)
            results = region_aps(truth, detections, predictions, which, variant)
            rows.append((name, tuple(Figure(r.mean, n) for r, n in zip(results, numbers, strict=True))))
        kind = "the paper's" if variant == PAPER_VARIANT else "another"
        tables.append(Table(f"{title}, mAP^r {variant} ({kind} variant)", COLUMNS, tuple(rows)))
    return tuple(tables)


def _notes(truth: Album, detections: Album, predictions: Sequence[Prediction], detector: str) -> tuple[str, ...]:
    counts = region_aps(truth, detections, predictions, "amodal")[0]
    return (
        f"Detector: {detector}; {len(predictions)} boxes in {len(truth)} pictures. The paper's: Faster R-CNN.",
        f"{counts.objects} annotated objects of {len(counts.by_category)} categories; {counts.ignored} boxes lie on "
        "objects that nobody drew whole and count neither way in the paper's variant.",
        "The detector's score ranks both pipelines; IIS's mask is cut at the threshold chosen on validation.",
    )


def ablation_section(
    results: Mapping[str, Sequence[tuple[float, float] | None]],
    direct: Mapping[str, Sequence[tuple[float, float, float] | None]],
    *,
    is_voc: bool,
) -> Section:
    """Supplementary Table 1, and beside it the same models with the box given.

    Args:
        results: mAP^r at 50 and 70 % of each training run (seed) of each variant, by the keys of `VARIANT_NAMES`; empty
            where there is no detector.
        direct: Table 1's three numbers of each run; empty where nothing was drawn.
        is_voc: whether these are VOC's objects, as in the paper.
    """
    tables = []
    if results:
        rows = tuple(
            (_named(key, runs), tuple(_columns([run for run in runs if run], SUPPLEMENT_TABLE_1[key])))
            for key, runs in results.items()
        )
        tables.append(Table(f"Supplementary Table 1, mAP^r {PAPER_VARIANT}", COLUMNS, rows))
    if direct:
        rows = tuple((_named(key, runs), tuple(_columns([run for run in runs if run]))) for key, runs in direct.items())
        columns = ("accuracy at 50 %", "accuracy at 70 %", "area under curve")
        tables.append(Table("The same models, box given (not in the paper)", columns, rows))
    return Section(
        name="ablations",
        title="Ablations (supplement, section 1)",
        tables=tuple(tables),
        notes=(
            "Several runs: their mean, and from the least to the greatest.",
            *other_data(is_voc),
        ),
        missing=() if results else (NEEDS_DETECTOR,),
    )


def _named(key: str, runs: Sequence[object]) -> str:
    return VARIANT_NAMES[key] + (f" ({len(runs)} runs)" if len(runs) > 1 else "")


def _columns(runs: Sequence[tuple[float, ...]], published: Sequence[float | None] | None = None) -> list[Figure]:
    count = len(runs[0]) if runs else 0
    return [spread([run[i] for run in runs], None if published is None else published[i]) for i in range(count)]
