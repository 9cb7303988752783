"""Heat to mask: the cut-offs with the best mean IoU on validation photographs."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.labels import POSITIVE, UNKNOWN
from .data import Batch
from .stages import Stage

CUTOFFS: tuple[float, ...] = tuple(round(0.20 + 0.05 * i, 2) for i in range(15))
"""0.20 to 0.90."""


@torch.no_grad()
def iou_by_cutoff(stage: Stage, network: nn.Module, batches: list[Batch]) -> NDArray[np.float64]:
    """Mean IoU over known pixels for each of `CUTOFFS`, over the examples of all batches."""
    network.eval()
    total, count = torch.zeros(len(CUTOFFS), dtype=torch.float64), 0
    for batch in batches:
        logits, label = stage(network, batch, None)
        heat, known, true = torch.sigmoid(logits), label != UNKNOWN, label == POSITIVE
        total += torch.stack([_iou_sum(heat > cutoff, known, true) for cutoff in CUTOFFS]).cpu()
        count += len(label)
    return (total / count).numpy()


def best_cutoff(curve: NDArray[np.float64]) -> float:
    """The cut-off where a curve over `CUTOFFS` is highest.

    >>> best_cutoff(np.array([0.0] * 6 + [0.9] + [0.5] * 8))
    0.5
    """
    return CUTOFFS[int(np.argmax(curve))]


def _iou_sum(found: Tensor, known: Tensor, true: Tensor) -> Tensor:
    common = (found & true & known).sum((1, 2)).double()
    return (common / ((found | true) & known).sum((1, 2)).clamp(min=1)).sum()
