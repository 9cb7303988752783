"""Optimiser and learning rate."""

from __future__ import annotations

import math

import torch
from torch import nn

from .config import StageSettings


def build_optimizer(network: nn.Module, settings: StageSettings) -> torch.optim.Optimizer:
    """SGD or AdamW; the backbone at a rate of its own; no decay on biases and normalisation."""
    backbone = {id(p) for p in network.backbone.parameters()}  # type: ignore[union-attr]
    groups = []
    for in_backbone, rate in ((True, settings.backbone_lr), (False, settings.lr)):
        for decayed, decay in ((True, settings.weight_decay), (False, 0.0)):
            members = [
                p for p in network.parameters() if (id(p) in backbone) == in_backbone and (p.ndim > 1) == decayed
            ]
            groups.append({"params": members, "lr": rate, "base_lr": rate, "weight_decay": decay})
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=settings.momentum)
    return torch.optim.AdamW(groups)


def learning_rate_factor(step: int, settings: StageSettings) -> float:
    """Share of the full rate at a step: rises linearly over the warm-up, then stays or falls as a cosine to 0."""
    if step < settings.warmup_steps:
        return (step + 1) / settings.warmup_steps
    if settings.schedule == "constant":
        return 1.0
    done = (step - settings.warmup_steps) / max(settings.steps - settings.warmup_steps, 1)
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
