"""Optimiser and learning rate."""

from __future__ import annotations

import math
import warnings

import torch
from torch import nn

from .config import StageSettings


def build_optimizer(network: nn.Module, settings: StageSettings) -> torch.optim.Optimizer:
    """SGD or AdamW; the backbone at a rate of its own; no decay on biases and normalisation.

    A network's ``rate_factors`` (beginning of a parameter's name: factor) slow some of its layers.
    """
    factors: dict[str, float] = getattr(network, "rate_factors", {})
    members: dict[tuple[bool, bool, float], list[nn.Parameter]] = {
        (in_backbone, decayed, 1.0): [] for in_backbone in (True, False) for decayed in (True, False)
    }
    for name, parameter in network.named_parameters():
        factor = next((factor for start, factor in factors.items() if name.startswith(start)), 1.0)
        members.setdefault((name.startswith("backbone."), parameter.ndim > 1, factor), []).append(parameter)
    groups = []
    for (in_backbone, decayed, factor), parameters in members.items():
        rate = (settings.backbone_lr if in_backbone else settings.lr) * factor
        decay = settings.weight_decay if decayed else 0.0
        groups.append({"params": parameters, "lr": rate, "base_lr": rate, "weight_decay": decay})
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=settings.momentum)
    return torch.optim.AdamW(groups)


def warn_if_never_full(name: str, settings: StageSettings) -> None:
    """Warn where a stage ends within its warm-up."""
    if settings.steps < settings.warmup_steps:
        share = learning_rate_factor(settings.steps - 1, settings)
        warnings.warn(
            f"{name}: {settings.steps} steps end at {share:.2g} of the learning rate, which rises over warmup_steps, "
            f"{settings.warmup_steps}; lower {name}.warmup_steps for the full rate",
            stacklevel=2,
        )


def learning_rate_factor(step: int, settings: StageSettings) -> float:
    """Share of the full rate at a step: rises linearly over the warm-up, then stays or falls as a cosine to 0."""
    if step < settings.warmup_steps:
        return (step + 1) / settings.warmup_steps
    if settings.schedule == "constant":
        return 1.0
    done = (step - settings.warmup_steps) / max(settings.steps - settings.warmup_steps, 1)
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
