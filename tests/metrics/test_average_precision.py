from __future__ import annotations

import numpy as np
import pytest

from amodal.metrics.average_precision import average_precision, precision_recall


def slow_average_precision(scores: list[float], positives: list[bool]) -> float:
    total, last = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        above = [p for s, p in zip(scores, positives, strict=True) if s >= threshold]
        recall = sum(above) / sum(positives)
        total += (recall - last) * sum(above) / len(above)
        last = recall
    return total


@pytest.mark.parametrize(
    ("scores", "positives", "plain"),
    [
        ([0.9, 0.8, 0.1], [True, True, False], 1.0),
        ([0.9, 0.8, 0.1], [False, False, True], 1 / 3),
        ([0.9, 0.8, 0.7, 0.6], [True, False, True, True], (1 + 2 / 3 + 3 / 4) / 3),
        ([0.5, 0.5, 0.5, 0.5], [True, False, False, False], 0.25),  # says nothing: chance level
    ],
)
def test_by_hand(scores: list[float], positives: list[bool], plain: float) -> None:
    assert average_precision(scores, positives) == pytest.approx(plain)


@pytest.mark.parametrize("seed", range(5))
def test_equals_a_slow_loop_with_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random(60), 1).tolist()
    positives = (rng.random(60) < 0.4).tolist()
    assert average_precision(scores, positives) == pytest.approx(slow_average_precision(scores, positives))
    order = rng.permutation(60)
    shuffled = average_precision(np.array(scores)[order], np.array(positives)[order])
    assert shuffled == pytest.approx(average_precision(scores, positives))


def test_a_random_score_is_at_its_chance_level() -> None:
    rng = np.random.default_rng(0)
    positives = rng.random(20_000) < 0.3
    assert average_precision(rng.random(20_000), positives) == pytest.approx(positives.mean(), abs=0.01)


def test_without_a_positive_it_is_undefined() -> None:
    assert np.isnan(average_precision([0.1, 0.2], [False, False]))
    assert np.isnan(average_precision([], []))
    assert precision_recall([0.1], [False])[0].size == 0
