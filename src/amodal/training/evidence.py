"""What a network is told before it answers: a hypothesis or the modal heat (paper section 4.2), other objects."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.resample import box_matrices
from ..inference.refine import NO_HYPOTHESIS


def asked(network: nn.Module, patches: Tensor, heat: Tensor, category: Tensor | None, others: Tensor | None) -> Tensor:
    """A network's logits; ``others`` ``(b, p, p)`` is for networks that take it alone."""
    if others is None:
        return network(patches, heat, category)  # type: ignore[no-any-return]
    return network(patches, heat, category, others)  # type: ignore[no-any-return]


@torch.no_grad()
def refine(
    network: nn.Module, patches: Tensor, category: Tensor | None, passes: int, others: Tensor | None = None
) -> Tensor:
    """The modal network's heat after some passes of IIS, in evaluation mode, as the next pass's input.

    Args:
        network: the modal network.
        patches: ``(b, 3, p, p)`` uint8.
        category: ``(b,)`` or None.
        passes: 0 gives the constant 1/2.
        others: ``(b, p, p)`` or None; told from the second pass on: the first one finds what it finds in a box.

    Returns:
        ``(b, p, p)`` in [0, 1].
    """
    side = patches.shape[-1]
    heat = torch.full((len(patches), side, side), NO_HYPOTHESIS, device=patches.device)
    training = network.training
    network.eval()
    for number in range(passes):
        answer = torch.sigmoid(asked(network, patches, heat, category, others if number else None))
        heat = resize_heat(answer, side)
    network.train(training)
    return heat


def look_at_others(modal: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """What one pass of IIS finds in the boxes of the other objects, ``(b, k, p, p)`` in [0, 1]; 0 where there is none.

    Args:
        modal: the modal network.
        batch: ``other_patches``, ``other_boxes`` and ``other_categories`` of `synthesis.targets.Example`.
    """
    boxes, patches = batch["other_boxes"], batch["other_patches"]
    there = boxes[..., 2] > boxes[..., 0]
    heats = torch.zeros((*patches.shape[:2], *patches.shape[3:]), device=patches.device)
    if there.any():
        categories = modal.config.num_categories  # type: ignore[union-attr]
        category = batch["other_categories"][there] if categories else None
        heats[there] = refine(modal, patches[there], category, 1)  # at p; prediction reads the s x s map: 0.003 apart
    return heats


def found_others(heats: Tensor, boxes: Tensor, to_box: Tensor, side: int) -> Tensor:
    """Where other objects are found: the highest of their heats, 0 outside all of their boxes.

    Args:
        heats: ``(b, k, s, s)`` over ``boxes``; k is 0 where examples tell of no others.
        boxes: ``(b, k, 4)``; an empty one is no object.
        to_box: ``(b, 4)``, that of the map wanted.
        side: of the map wanted.

    Returns:
        ``(b, side, side)`` in [0, 1].
    """
    examples, count = heats.shape[:2]
    found = torch.zeros((examples, max(count, 1), side, side), device=heats.device)
    example, place = torch.nonzero(boxes[..., 2] > boxes[..., 0], as_tuple=True)
    if len(example):
        found[example, place] = align(heats[example, place], boxes[example, place], to_box[example], side)
    return found.amax(1)


def resize_heat(heat: Tensor, side: int) -> Tensor:
    """``(b, s, s)`` to ``(b, side, side)``, half-pixel bilinear."""
    return F.interpolate(heat.unsqueeze(1).float(), (side, side), mode="bilinear", align_corners=False).squeeze(1)


def align(heat: Tensor, from_box: Tensor, to_box: Tensor, side: int) -> Tensor:
    """Heat over one box read over another, 0 outside the first: `core.resample.move_heat` for tensors.

    Args:
        heat: ``(b, s, s)`` over ``from_box``.
        from_box, to_box: ``(b, 4)`` in one frame.
        side: of the map wanted.
    """
    rows, columns = box_matrices(
        np.asarray(from_box.cpu()), np.asarray(to_box.cpu()), heat.shape[-1], side, outside="zero"
    )
    on = heat.device
    return torch.from_numpy(rows).to(on) @ heat.float() @ torch.from_numpy(columns).to(on).transpose(-1, -2)
