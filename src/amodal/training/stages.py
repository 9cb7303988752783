"""The two stages as one interface: a batch becomes logits, label and weight."""

from __future__ import annotations

import copy
from itertools import accumulate
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ..core.labels import NEGATIVE, POSITIVE, UNKNOWN
from .checkpoint import read_network, write_network
from .config import StageSettings
from .data import Batch
from .evidence import NO_HYPOTHESIS, align, asked, refine, resize_heat
from .precision import float32
from .processes import inner

Draws = dict[str, Tensor]


class Stage(Protocol):
    """What the loop needs to know of a task.

    Attributes:
        sees: name of the box of an example that the network sees, in a batch.
    """

    sees: str

    def draw(self, rng: np.random.Generator, step: int, count: int) -> Draws:
        """What a step leaves to chance, for the ``count`` examples of the whole batch: tensors of that length."""
        ...

    def __call__(self, network: nn.Module, batch: Batch, draws: Draws | None) -> tuple[Tensor, Tensor]:
        """Logits ``(b, s, s)`` and int8 label ``(b, s, s)``; ``draws`` is None for validation, which draws nothing."""
        ...

    def after(self, step: int, network: nn.Module, folder: Path, *, write: bool) -> None:
        """Called after each step with the network as it would be kept."""
        ...

    def restore(self, step: int, network: nn.Module, folder: Path) -> None:
        """Called before the first step of a run that goes on from ``step``."""
        ...


def _category(network: nn.Module, batch: Batch) -> Tensor | None:
    return batch["category"] if inner(network).config.num_categories else None  # type: ignore[union-attr]


def _others(network: nn.Module, batch: Batch, name: str, side: int) -> Tensor | None:
    """What a batch tells of other objects, for networks that take it: ``(b, side, side)`` in [0, 1]."""
    if not inner(network).config.others:  # type: ignore[union-attr]
        return None
    return resize_heat(batch[name].float() / 255, side)


class ModalStage:
    """IIS: the mask inside the jittered box, from the constant 1/2 or an earlier answer (section 4.2).

    A network that is told of other objects is so whatever it starts from. In prediction that is where rough masks are
    given to be refined.

    With ``phases``, earlier answers are those of the networks as they stood at the ends of the earlier phases, kept
    beside the checkpoint; without, the network's own.
    """

    sees = "modal_box"

    def __init__(self, settings: StageSettings) -> None:
        chances = np.asarray(settings.hypothesis_passes, dtype=np.float64)
        self.chances = chances / chances.sum()
        self.ends = list(accumulate(settings.phases))
        self.target = settings.target
        self.earlier: list[nn.Module] = []

    def draw(self, rng: np.random.Generator, step: int, count: int) -> Draws:
        if not self.ends:
            return {"passes": torch.full((count,), int(rng.choice(len(self.chances), p=self.chances)))}
        phase = sum(step >= end for end in self.ends)
        return {"passes": torch.from_numpy(rng.integers(0, phase + 1, count))}

    def __call__(self, network: nn.Module, batch: Batch, draws: Draws | None) -> tuple[Tensor, Tensor]:
        category, patches = _category(network, batch), batch["modal_patch"]
        others = _others(network, batch, "modal_others", patches.shape[-1])
        passes = None if draws is None else draws["passes"]
        if self.ends and passes is not None:
            heat = self._hypotheses(patches, category, passes.to(patches.device))
        else:
            heat = refine(inner(network), patches, category, 0 if passes is None else int(passes[0]), others)
        label = batch["modal_label"] if self.target == "visible" else whole_label(batch)
        return asked(network, patches, heat, category, others), label

    @torch.no_grad()
    def _hypotheses(self, patches: Tensor, category: Tensor | None, passes: Tensor) -> Tensor:
        side = patches.shape[-1]
        heat = torch.full((len(patches), side, side), NO_HYPOTHESIS, device=patches.device)
        for number, network in enumerate(self.earlier):
            on = passes > number
            if on.any():
                answer = network(patches[on], heat[on], None if category is None else category[on])
                heat[on] = resize_heat(torch.sigmoid(answer.float()), side)
        return heat

    def after(self, step: int, network: nn.Module, folder: Path, *, write: bool) -> None:
        if step in self.ends[:-1]:
            number = self.ends.index(step)
            if write:
                write_network(folder, f"phase{number + 1}", network)
            self._keep(network)

    def restore(self, step: int, network: nn.Module, folder: Path) -> None:
        for number, end in enumerate(self.ends[:-1], 1):
            if step >= end:
                self._keep(read_network(folder, f"phase{number}", copy.deepcopy(network)))

    def _keep(self, network: nn.Module) -> None:
        self.earlier.append(copy.deepcopy(network).eval().requires_grad_(False))


class AmodalStage:
    """The whole mask over the frame, from one pass of IIS; for a share of the examples from the told mask.

    A network that is told of other objects is told of masks like the one it is given: as IIS finds them, or as a
    segmenter gives them.
    """

    sees = "seen_box"

    def __init__(self, settings: StageSettings, modal: nn.Module) -> None:
        self.true_mask_share = settings.true_mask_share
        self.modal = modal

    def draw(self, rng: np.random.Generator, step: int, count: int) -> Draws:
        return {"told": torch.from_numpy(rng.random(count) < self.true_mask_share)} if self.true_mask_share else {}

    def __call__(self, network: nn.Module, batch: Batch, draws: Draws | None) -> tuple[Tensor, Tensor]:
        heat, box, side = self.modal_heat(batch), batch["modal_box"], batch["amodal_patch"].shape[-1]
        others = _others(network, batch, "found_others", side)
        if draws:
            told = draws["told"].to(heat.device)
            heat = torch.where(told.view(-1, 1, 1), batch["told_mask"], heat)
            box = torch.where(told.view(-1, 1), batch["told_box"], box)
            given = _others(network, batch, "given_others", side)
            if others is not None and given is not None:
                others = torch.where(told.view(-1, 1, 1), given, others)
        with float32(heat.device):
            heat = align(heat, box, batch["seen_box"], side)
        return asked(network, batch["amodal_patch"], heat, _category(network, batch), others), batch["amodal_label"]

    @torch.no_grad()
    def modal_heat(self, batch: Batch) -> Tensor:
        """One iteration of IIS over the modal box, ``(b, s, s)`` (section 4.2); told of no others, as with boxes."""
        category = _category(self.modal, batch)
        start = refine(self.modal, batch["modal_patch"], category, 0)
        return torch.sigmoid(self.modal(batch["modal_patch"], start, category).float())

    def after(self, step: int, network: nn.Module, folder: Path, *, write: bool) -> None:
        """Nothing is kept between the steps."""

    def restore(self, step: int, network: nn.Module, folder: Path) -> None:
        """Nothing was kept."""


def whole_label(batch: Batch) -> Tensor:
    """The amodal label, given over the patch, read over the modal box: int8 ``(b, m, m)``.

    A cell is unknown where half of it is or lies beyond the patch; else positive where half of its known part is.
    """
    given, side = batch["amodal_label"], batch["modal_label"].shape[-1]
    with float32(given.device):
        boxes = batch["frame_box"], batch["modal_box"]
        positive = align((given == POSITIVE).float(), *boxes, side)
        known = align((given != UNKNOWN).float(), *boxes, side)
    label = torch.where(positive >= known / 2, POSITIVE, NEGATIVE)
    return torch.where(known < 0.5, UNKNOWN, label).to(torch.int8)
