"""The loss: negative log-likelihood over known pixels, weighted by instance (paper section 4.2)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ..core.labels import UNKNOWN


def seen_weight(box: Tensor, reference_px: int) -> Tensor:
    """Instance weight by what a network sees: inversely proportional to its upsampling, at the most 1 (section 4.2).

    Args:
        box: ``(b, 4)`` xyxy in pixels, those of the picture where it was not shrunk.
        reference_px: side of a box of weight 1.

    Returns:
        ``(b,)`` in (0, 1].
    """
    sides = box[:, 2:] - box[:, :2]
    return (sides.prod(1) / reference_px**2).clamp(max=1)


def masked_nll(logits: Tensor, label: Tensor, weight: Tensor, *, reduction: str = "mean") -> Tensor:
    """Pixel-wise negative log-likelihood of the label, unknown pixels left out.

    Args:
        logits: ``(b, s, s)``.
        label: int8 ``(b, s, s)`` of `core.labels`: 1, 0, -1 (unknown).
        weight: ``(b,)``, one an instance.
        reduction: "sum" over pixels and batch is the paper's; "mean" divides it by ``b * s * s``, known or not, so
            that a learning rate of r for the sum is one of ``r * b * s * s`` for the mean.

    Returns:
        A scalar, float32.
    """
    known = label != UNKNOWN
    nll = F.binary_cross_entropy_with_logits(logits.float(), label.clamp(min=0).float(), reduction="none")
    total = (nll * known * weight.view(-1, 1, 1)).sum()
    return total if reduction == "sum" else total / label.numel()
