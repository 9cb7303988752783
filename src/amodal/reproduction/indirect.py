"""Section 5.2: is an object occluded? Fig. 8, from the flags of all objects of the val set."""

from __future__ import annotations

import numpy as np

from ..core.album import Album
from ..core.records import Prediction
from ..metrics.indirect import Indirect, score_indirect
from ..metrics.occlusion import area_ratio_histogram
from ..report.plots import draw_indirect
from .published import HISTOGRAM_BINS, OCCLUDED_PEAK, UNOCCLUDED_AP
from .section import Figure, Section, Table, other_data

_SMOOTHED = 5
"""Bins averaged to find a peak: single bins of a hundred are too few objects."""


def indirect_section(album: Album, predictions: list[Prediction], *, is_voc: bool) -> Section:
    """Score, and lay out beside the paper's numbers.

    Args:
        album: of its objects is known whether they are occluded.
        predictions: for all of them.
        is_voc: whether this is what the paper measured; otherwise its numbers stand for another data set.
    """
    parts = score_indirect(album, predictions)
    rows = [
        (
            f"{part.part} ({part.count} objects, {int(part.occluded.sum())} occluded)",
            (
                Figure(part.average_precision, UNOCCLUDED_AP if part.part == "all" else None, part.interval),
                Figure(part.chance),
                Figure(part.average_precision - part.chance),
            ),
        )
        for part in parts
    ]
    peaks = tuple(
        (f"{name} ({len(ratios)} objects)", (Figure(_peak(ratios), paper), Figure(float(np.median(ratios)))))
        for name, ratios, paper in (
            ("occluded", parts[0].ratios[parts[0].occluded], OCCLUDED_PEAK),
            ("unoccluded", parts[0].ratios[~parts[0].occluded], None),
        )
        if len(ratios)
    )
    return Section(
        name="indirect",
        title="Indirect evaluation: occluded or not (section 5.2, Fig. 8)",
        tables=(
            Table(
                'Average precision of "unoccluded" by the area ratio',
                ("average precision", "chance", "over chance"),
                tuple(rows),
            ),
            Table(f"Area ratios, {HISTOGRAM_BINS} bins (Fig. 8a)", ("peak", "median"), peaks),
        ),
        pictures=_pictures(parts[0]),
        notes=(
            "Box and category are given from the annotations; the area ratio is |modal and amodal| / |amodal| of both "
            "predicted masks.",
            "Ties together, no interpolation; chance is the share of unoccluded objects. The paper does not print it.",
            f"The peak is read off the histogram averaged over {_SMOOTHED} bins.",
            "Objects that the picture's border cuts are incomplete without being occluded: they also stand apart.",
            *other_data(is_voc),
        ),
    )


def _pictures(found: Indirect) -> dict[str, bytes]:
    drawn = draw_indirect(found)
    return {
        "fig8a_area_ratio.png": drawn["area_ratio.png"],
        "fig8b_precision_recall.png": drawn["precision_recall.png"],
    }


def _peak(ratios: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Middle of the bin where the smoothed histogram is highest."""
    counts = np.convolve(area_ratio_histogram(ratios, HISTOGRAM_BINS), np.ones(_SMOOTHED), mode="same")
    return (int(np.argmax(counts)) + 0.5) / HISTOGRAM_BINS
