from __future__ import annotations

import numpy as np
import pytest

from amodal.core.masks import Mask
from amodal.core.records import Instance
from amodal.metrics.occlusion import area_ratio, area_ratio_histogram, hidden_frac, true_hidden_frac

EMPTY = Mask.from_array(np.zeros((10, 20), dtype=bool))


def columns(start: int, stop: int) -> Mask:
    return Mask.from_box((start, 0, stop, 10), 20, 10)


@pytest.mark.parametrize(
    ("modal", "amodal", "ratio"),
    [
        (columns(0, 5), columns(0, 10), 0.5),
        (columns(0, 10), columns(0, 10), 1.0),
        (columns(0, 20), columns(0, 10), 1.0),  # what the modal mask has beyond the amodal one does not count
        (columns(15, 20), columns(0, 10), 0.0),
        (EMPTY, columns(0, 10), 0.0),
        (columns(0, 10), EMPTY, 0.0),
    ],
)
def test_area_ratio(modal: Mask, amodal: Mask, ratio: float) -> None:
    assert area_ratio(modal, amodal) == ratio
    assert hidden_frac(modal, amodal) == (0.0 if amodal.is_empty else 1 - ratio)


def test_hidden_share_is_exact_at_the_boundary() -> None:
    assert hidden_frac(columns(0, 19), columns(0, 20)) == 0.05


@pytest.mark.parametrize(
    ("modal", "amodal", "rate", "expected"),
    [
        (columns(0, 5), columns(0, 10), 0.9, 0.9),  # the record's own figure before the masks
        (columns(0, 5), columns(0, 10), None, 0.5),
        (None, columns(0, 10), 0.9, 0.9),
        (columns(0, 5), None, 0.9, 0.9),
        (None, columns(0, 10), None, None),
    ],
)
def test_true_hidden_share(modal: Mask | None, amodal: Mask | None, rate: float | None, expected: float | None) -> None:
    instance = Instance(1, 0, (0, 0, 5, 10), modal_mask=modal, amodal_mask=amodal, occlude_rate=rate)
    assert true_hidden_frac(instance) == expected


def test_histogram_has_a_hundred_bins_and_loses_nothing() -> None:
    counts = area_ratio_histogram([0.0, 0.005, 0.755, 0.999, 1.0])
    assert len(counts) == 100
    assert (counts[0], counts[75], counts[99], counts.sum()) == (2, 1, 2, 5)
