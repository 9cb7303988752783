"""The two stages as one interface: a batch becomes logits, label and weight."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from .config import StageSettings
from .data import Batch
from .evidence import align, refine
from .precision import float32


class Stage(Protocol):
    """What the loop needs to know of a task."""

    def __call__(self, network: nn.Module, batch: Batch, rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
        """Logits ``(b, s, s)`` and int8 label ``(b, s, s)``; ``rng`` is None for validation, which draws nothing."""
        ...


def _category(network: nn.Module, batch: Batch) -> Tensor | None:
    return batch["category"] if network.config.num_categories else None  # type: ignore[union-attr]


class ModalStage:
    """IIS: the visible mask inside the jittered box, from the constant 1/2 or the network's own earlier answer."""

    def __init__(self, settings: StageSettings) -> None:
        chances = np.asarray(settings.hypothesis_passes, dtype=np.float64)
        self.chances = chances / chances.sum()

    def __call__(self, network: nn.Module, batch: Batch, rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
        passes = 0 if rng is None else int(rng.choice(len(self.chances), p=self.chances))
        category = _category(network, batch)
        heat = refine(network, batch["modal_patch"], category, passes)
        return network(batch["modal_patch"], heat, category), batch["modal_label"]


class AmodalStage:
    """The whole mask over the frame, from one pass of IIS; for a share of the examples from the told mask."""

    def __init__(self, settings: StageSettings, modal: nn.Module) -> None:
        self.true_mask_share = settings.true_mask_share
        self.modal = modal

    def __call__(self, network: nn.Module, batch: Batch, rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
        heat, box = self.modal_heat(batch), batch["modal_box"]
        if rng is not None and self.true_mask_share:
            given = torch.from_numpy(rng.random(len(heat)) < self.true_mask_share).to(heat.device)
            heat = torch.where(given.view(-1, 1, 1), batch["told_mask"], heat)
            box = torch.where(given.view(-1, 1), batch["told_box"], box)
        side = batch["amodal_patch"].shape[-1]
        with float32(heat.device):
            heat = align(heat, box, batch["seen_box"], side)
        return network(batch["amodal_patch"], heat, _category(network, batch)), batch["amodal_label"]

    @torch.no_grad()
    def modal_heat(self, batch: Batch) -> Tensor:
        """One iteration of IIS over the modal box, ``(b, s, s)`` (section 4.2)."""
        category = _category(self.modal, batch)
        start = refine(self.modal, batch["modal_patch"], category, 0)
        return torch.sigmoid(self.modal(batch["modal_patch"], start, category).float())
