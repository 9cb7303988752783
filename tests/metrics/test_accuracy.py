from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike

from amodal.metrics.accuracy import accuracy_at, accuracy_curve, bootstrap_intervals, mean_iou, micro_iou

IOUS = [0.2, 0.5, 0.7, 0.9]


@pytest.mark.parametrize(
    ("cutoff", "share"), [(0.0, 1.0), (0.2, 0.75), (0.5, 0.5), (0.6, 0.5), (0.7, 0.25), (0.9, 0.0), (1.0, 0.0)]
)
def test_accuracy_is_the_share_strictly_above_the_cutoff(cutoff: float, share: float) -> None:
    assert accuracy_at(IOUS, cutoff) == pytest.approx(share)


def test_curve_equals_a_slow_loop() -> None:
    rng = np.random.default_rng(0)
    ious = np.round(rng.random(57), 1)  # ties with the cut-offs
    cutoffs = np.linspace(0, 1, 11)
    slow = [sum(iou > cutoff for iou in ious) / len(ious) for cutoff in cutoffs]
    assert accuracy_curve(ious, cutoffs).tolist() == pytest.approx(slow)


def test_area_under_the_curve_is_the_mean_iou() -> None:
    ious = np.random.default_rng(1).random(200)
    cutoffs = (np.arange(100_000) + 0.5) / 100_000
    assert accuracy_curve(ious, cutoffs).mean() == pytest.approx(mean_iou(ious), abs=1e-5)


def test_micro_weighs_by_area_and_macro_does_not() -> None:
    assert micro_iou([1, 98], [2, 100]) == pytest.approx(99 / 102)
    assert mean_iou([1 / 2, 98 / 100]) == pytest.approx(0.74)


def interval(values: ArrayLike, photographs: ArrayLike, **how: int) -> tuple[float, float]:
    """Of one figure."""
    low, high = bootstrap_intervals(np.asarray(values, float).reshape(-1, 1), photographs, **how)[0].tolist()
    return low, high


def test_nothing_to_score_is_undefined_not_zero() -> None:
    values = [mean_iou([]), micro_iou([], []), accuracy_at([], 0.5), *interval([], [])]
    assert np.isnan(values).all()


def test_interval_of_independent_photographs_is_the_normal_one() -> None:
    values = np.random.default_rng(2).normal(0.6, 0.2, 400)
    low, high = interval(values, np.arange(400))
    half = 1.96 * values.std() / np.sqrt(400)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.15 * half)


def test_interval_draws_whole_photographs() -> None:
    """Ten equal objects a photograph tell no more than one: the interval must not shrink."""
    values = np.random.default_rng(3).random(30)
    alone = interval(values, np.arange(30))
    copied = interval(np.repeat(values, 10), np.repeat(np.arange(30), 10))
    assert copied == pytest.approx(alone)
    assert interval(np.repeat(values, 10), np.arange(300))[1] < alone[1]


def test_interval_equals_a_slow_bootstrap_with_the_same_draws() -> None:
    from amodal.core.random import generator

    values, photographs = np.array([0.1, 0.9, 0.4, 0.5, 0.8]), np.array([7, 7, 3, 9, 3])
    drawn = generator(5, 0, 0).multinomial(3, [1 / 3] * 3, size=400)
    means = []
    for counts in drawn:
        chosen = [v for photo, n in zip([3, 7, 9], counts, strict=True) for v in list(values[photographs == photo]) * n]
        means.append(np.mean(chosen))
    expected = tuple(np.quantile(means, [0.05, 0.95]))
    assert interval(values, photographs, samples=400, level=0.9, seed=5) == pytest.approx(expected)


def test_interval_repeats_and_follows_its_seed() -> None:
    values, photographs = np.random.default_rng(4).random(40), np.arange(40) // 2
    assert interval(values, photographs) == interval(values, photographs)
    assert interval(values, photographs) != interval(values, photographs, seed=1)


def test_interval_of_one_photograph_is_undefined_and_of_equal_values_a_point() -> None:
    assert np.isnan(interval([0.1, 0.9], [1, 1])).all()
    assert interval([0.5, 0.5, 0.5], [1, 2, 3]) == pytest.approx((0.5, 0.5))
