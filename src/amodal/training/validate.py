"""Validation while training: loss and mean IoU on synthetic occlusion of photographs never trained on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..core.labels import POSITIVE, UNKNOWN
from .data import Batch
from .loss import masked_nll
from .stages import Stage

OCCLUDED = 0.05
"""VOC calls an object occluded when more than 5 % of it is hidden."""


@torch.no_grad()
def validate(stage: Stage, network: nn.Module, batches: list[Batch]) -> dict[str, float]:
    """Scores of a network over fixed batches.

    Returns:
        ``loss``: unweighted mean negative log-likelihood; ``iou``: mean IoU over known pixels at a threshold of 1/2,
        ``iou_occluded`` where more than 5 % is hidden, ``iou_clear`` for the others.
    """
    training = network.training
    network.eval()
    losses, ious, hidden = [], [], []
    for batch in batches:
        logits, label = stage(network, batch, None)
        losses.append(masked_nll(logits, label, torch.ones(len(label), device=label.device)).item() * len(label))
        ious.append(_iou(logits > 0, label))
        hidden.append(batch["hidden_share"].cpu())
    network.train(training)
    iou, occluded = torch.cat(ious), torch.cat(hidden) > OCCLUDED
    scores = {"loss": sum(losses) / len(iou), "iou": iou.mean().item()}
    if occluded.any():
        scores["iou_occluded"] = iou[occluded].mean().item()
    if not occluded.all():
        scores["iou_clear"] = iou[~occluded].mean().item()
    return scores


def _iou(found: Tensor, label: Tensor) -> Tensor:
    known, true = label != UNKNOWN, label == POSITIVE
    common = (found & true & known).sum((1, 2))
    union = ((found | true) & known).sum((1, 2))
    return (common / union.clamp(min=1)).cpu()
