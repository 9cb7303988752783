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
from ..inference.refine import NO_HYPOTHESIS
from .checkpoint import read_network, write_network
from .config import StageSettings
from .data import Batch
from .evidence import align, asked, found_others, look_at_others, refine, resize_heat
from .precision import float32
from .processes import inner

Draws = dict[str, Tensor]
_FOUND_SHARE = 0.5
"""Share of the later passes of IIS in which a network is told of others as found, not as given."""


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


def _given_others(network: nn.Module, batch: Batch, name: str, side: int) -> Tensor | None:
    """The masks of other objects, for networks that take them: ``(b, side, side)`` in [0, 1]."""
    if not inner(network).config.others:  # type: ignore[union-attr]
        return None
    return resize_heat(batch[name].float() / 255, side)


def _found(looked: Tensor, batch: Batch, over: str) -> Tensor:
    """What was found of other objects, ``(b, p, p)`` over a box of the batch."""
    with float32(looked.device):
        return found_others(looked, batch["other_boxes"], batch[over], looked.shape[-1])


class ModalStage:
    """IIS: the mask inside the jittered box, from the constant 1/2 or an earlier answer (section 4.2).

    A network that is told of other objects is told of them from the second pass on: of masks that are given, or of what
    one pass finds in the other boxes.

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
            passes = torch.full((count,), int(rng.choice(len(self.chances), p=self.chances)))
            return {"passes": passes, "found": torch.from_numpy(rng.random(count) < _FOUND_SHARE)}
        phase = sum(step >= end for end in self.ends)
        return {"passes": torch.from_numpy(rng.integers(0, phase + 1, count))}

    def __call__(self, network: nn.Module, batch: Batch, draws: Draws | None) -> tuple[Tensor, Tensor]:
        category, patches = _category(network, batch), batch["modal_patch"]
        others = _given_others(network, batch, "modal_others", patches.shape[-1])
        if self.ends and draws is not None:
            heat = self._hypotheses(patches, category, draws["passes"].to(patches.device))
        else:
            passes = int(draws["passes"][0]) if draws else int(others is not None)
            if others is not None and not passes:
                others = None
            elif others is not None:
                found = _found(look_at_others(inner(network), batch), batch, "modal_box")
                if draws:
                    found = torch.where(draws["found"].to(found.device).view(-1, 1, 1), found, others)
                others = found
            heat = refine(inner(network), patches, category, passes, others)
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
    segmenter gives them. IIS, if it is told of others, has a second pass then.
    """

    sees = "seen_box"

    def __init__(self, settings: StageSettings, modal: nn.Module) -> None:
        self.true_mask_share = settings.true_mask_share
        self.modal = modal
        self._modal_told = bool(modal.config.others)  # type: ignore[union-attr]

    def draw(self, rng: np.random.Generator, step: int, count: int) -> Draws:
        return {"told": torch.from_numpy(rng.random(count) < self.true_mask_share)} if self.true_mask_share else {}

    def __call__(self, network: nn.Module, batch: Batch, draws: Draws | None) -> tuple[Tensor, Tensor]:
        box, side = batch["modal_box"], batch["amodal_patch"].shape[-1]
        given, others = _given_others(network, batch, "given_others", side), None
        looked = look_at_others(self.modal, batch) if given is not None or self._modal_told else None
        if given is not None and looked is not None:
            others = _found(looked, batch, "seen_box")
        heat = self.modal_heat(batch, looked)
        if draws:
            told = draws["told"].to(heat.device)
            heat = torch.where(told.view(-1, 1, 1), batch["told_mask"], heat)
            box = torch.where(told.view(-1, 1), batch["told_box"], box)
            if others is not None and given is not None:
                others = torch.where(told.view(-1, 1, 1), given, others)
        with float32(heat.device):
            heat = align(heat, box, batch["seen_box"], side)
        return asked(network, batch["amodal_patch"], heat, _category(network, batch), others), batch["amodal_label"]

    @torch.no_grad()
    def modal_heat(self, batch: Batch, looked: Tensor | None = None) -> Tensor:
        """One iteration of IIS over the modal box, ``(b, s, s)`` (section 4.2); two if it is told of others."""
        category, patches = _category(self.modal, batch), batch["modal_patch"]
        others = None
        if self._modal_told and looked is not None:
            others = _found(looked, batch, "modal_box")
        start = refine(self.modal, patches, category, int(others is not None))
        return torch.sigmoid(asked(self.modal, patches, start, category, others).float())

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
