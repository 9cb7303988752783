from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from amodal.training.loss import masked_nll

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (3, 5, 5)).astype(np.float32)
LABEL = RNG.integers(-1, 2, (3, 5, 5)).astype(np.int8)
WEIGHT = np.array([1.0, 0.25, 0.5], np.float32)


def loss_of(logits: np.ndarray, label: np.ndarray, weight: np.ndarray, reduction: str = "sum") -> float:
    tensors = (torch.from_numpy(np.asarray(a)) for a in (logits, label, weight))
    return float(masked_nll(*tensors, reduction=reduction))


def test_against_the_definition() -> None:
    total = 0.0
    for n in range(3):
        for y in range(5):
            for x in range(5):
                p = 1 / (1 + np.exp(-float(LOGITS[n, y, x])))
                if LABEL[n, y, x] == 1:
                    total -= float(WEIGHT[n]) * np.log(p)
                elif LABEL[n, y, x] == 0:
                    total -= float(WEIGHT[n]) * np.log(1 - p)
    assert loss_of(LOGITS, LABEL, WEIGHT) == pytest.approx(total, rel=1e-5)
    assert loss_of(LOGITS, LABEL, WEIGHT, "mean") == pytest.approx(total / 75, rel=1e-5)


def test_unknown_pixels_do_not_count_and_do_not_pull() -> None:
    other = np.where(LABEL == -1, np.float32(50), LOGITS)
    assert loss_of(other, LABEL, WEIGHT) == pytest.approx(loss_of(LOGITS, LABEL, WEIGHT))
    logits = torch.from_numpy(LOGITS).requires_grad_()
    masked_nll(logits, torch.from_numpy(LABEL), torch.from_numpy(WEIGHT)).backward()
    assert logits.grad is not None
    assert ((logits.grad == 0) == torch.from_numpy(LABEL == -1)).all()
    assert loss_of(LOGITS, np.full_like(LABEL, -1), WEIGHT, "mean") == 0.0


def test_large_logits_stay_finite() -> None:
    assert np.isfinite(loss_of(np.full((3, 5, 5), 1e4, np.float32), LABEL, WEIGHT))
    assert loss_of(LOGITS.astype(np.float16), LABEL, WEIGHT) == pytest.approx(loss_of(LOGITS, LABEL, WEIGHT), rel=1e-2)


def test_a_rate_for_the_sum_is_a_rate_for_the_mean() -> None:
    """The paper's 1e-5 on the sum over pixels and batch is 1e-5 * b * s * s on the mean: the same SGD step.

    Weight decay w for the sum is w / (b * s * s) for the mean.
    """
    batch, side, rate, decay = 4, 10, 1e-5, 10.0
    count = batch * side * side
    torch.manual_seed(0)
    start = nn.Conv2d(2, 1, 3, padding=1)
    image = torch.randn(batch, 2, side, side)
    label = torch.randint(-1, 2, (batch, side, side), dtype=torch.int8)
    weight = torch.rand(batch)
    after = []
    for reduction, lr, wd in (("sum", rate, decay), ("mean", rate * count, decay / count)):
        net = copy.deepcopy(start)
        optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, weight_decay=wd)
        for _ in range(3):
            optimizer.zero_grad()
            masked_nll(net(image).squeeze(1), label, weight, reduction=reduction).backward()
            optimizer.step()
        after.append(net.weight.detach())
    torch.testing.assert_close(after[0], after[1], atol=1e-7, rtol=1e-5)
    assert (after[0] - start.weight).abs().max() > 1e-5
