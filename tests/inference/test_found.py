"""What IIS finds in the boxes of the others, as an object is told of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from amodal.core.resample import move_heat
from amodal.inference.found import MOST_FOUND, FoundHeats
from amodal.training.evidence import found_others

RNG = np.random.default_rng(0)


def heats(count: int, side: int = 16) -> list[np.ndarray]:
    return [RNG.random((side, side)).astype(np.float16) for _ in range(count)]


def boxes(count: int) -> np.ndarray:
    low = RNG.uniform(0, 60, (count, 2))
    return np.concatenate([low, low + RNG.uniform(20, 50, (count, 2))], axis=1)


def test_the_highest_of_the_others_as_training_tells_it() -> None:
    given, where = heats(4), boxes(4)
    found = FoundHeats(given, where, [[0], [1], [2], [3]])
    for number in range(4):
        others = [i for i in range(4) if i != number]
        for box in (*where, np.array([-30.0, -20, 200, 150]), np.array([20.5, 30.25, 41, 39])):
            told = found.over(number, tuple(box.tolist()), 40)
            expected = np.max([move_heat(given[i].astype(np.float32), where[i], box, 40) for i in others], axis=0)
            assert told is not None and told.dtype == np.float32
            np.testing.assert_allclose(told, expected, atol=1e-5)
            maps = torch.from_numpy(np.stack([given[i] for i in others])[None].astype(np.float32))
            there = torch.from_numpy(where[others][None].astype(np.float32))
            trained = found_others(maps, there, torch.from_numpy(box[None].astype(np.float32)), 40)[0]
            differs = np.abs(told - trained.numpy()) > 1e-3  # a sample on the edge of a box may be taken either way
            assert differs.mean() < 0.02


def test_none_of_itself_of_its_twin_or_of_those_that_tell_nothing() -> None:
    one = np.ones((16, 16), np.float16)
    where = np.array([[0, 0, 10, 10], [1, 0, 10, 10], [20, 20, 30, 30], [2, 2, 12, 12]], np.float64)
    found = FoundHeats([one, one, one, None], where, [[0, 1], [0, 1], [2], [3]])
    assert found.over(0, (0, 0, 15, 15), 8) is None
    told = found.over(2, (0, 0, 40, 40), 40)
    assert told is not None and told[:10, :10].all() and not told[10:].any()
    assert found.over(3, (0, 0, 9, 9), 8) is not None
    assert found.over(3, (100, 100, 109, 109), 8) is None


@pytest.mark.parametrize("shift", [0.0, 1e-9, 9.9])
def test_boxes_that_hardly_meet(shift: float) -> None:
    one = np.ones((16, 16), np.float16)
    found = FoundHeats([one, one], np.array([[0, 0, 10, 10], [10 - shift, 0, 20, 10]], np.float64), [[0], [1]])
    told = found.over(0, (0, 0, 10, 10), 32)
    assert (told is None) if not shift else told is not None and (told.any() == (shift > 1))


def test_those_with_most_in_the_box_are_told() -> None:
    # box i reaches i + 1 into what is asked about, and is the less sure the more it does
    where = np.array([[39 - i, 0, 80, 10] for i in range(7)] + [[0, 0, 40, 10]], np.float64)
    given = [np.full((16, 16), (9 - i) / 10, np.float16) for i in range(7)] + [None]
    told = FoundHeats(given, where, [[i] for i in range(8)]).over(7, (0, 0, 40, 10), 40)
    assert told is not None
    np.testing.assert_allclose(np.unique(told), [0, *((9 - i) / 10 for i in range(6, 6 - MOST_FOUND, -1))], atol=1e-3)


def test_many_that_hold_all_of_a_box_in_any_order() -> None:
    """Then all have as much of it: the smallest are told, and twins with other heats in one order."""
    where = np.array([[-i, -i, 20 + i, 20 + i] for i in range(5)] + [[0, 0, 20, 20], [5, 5, 15, 15]], np.float64)
    given = [np.full((16, 16), heat, np.float16) for heat in (0.4, 0.1, 0.2, 0.3, 0.9, 0.5)]
    answers = []
    for order in (list(range(7)), list(range(6, -1, -1)), [4, 0, 6, 5, 2, 1, 3]):
        heats = [[*given, None][i] for i in order]
        found = FoundHeats(heats, where[order], [[i] for i in range(7)])
        answers.append(found.over(order.index(6), (5, 5, 15, 15), 8))
    np.testing.assert_allclose(np.array(answers, np.float32), 0.5, atol=1e-3)  # not 0.9, of the largest
