from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amodal.core.resample import move_heat
from amodal.training.evidence import align, refine, resize_heat


class Echo(nn.Module):
    """Answers with half the red channel and half the hypothesis; remembers what it was told, and how."""

    def __init__(self, heat_px: int) -> None:
        super().__init__()
        self.heat_px = heat_px
        self.told: list[Tensor] = []
        self.modes: list[bool] = []

    def forward(self, image: Tensor, heat: Tensor, category: Tensor | None) -> Tensor:
        self.told.append(heat)
        self.modes.append(self.training)
        mixed = image[:, 0].float() / 255 - 0.5 + heat
        return resize_heat(mixed, self.heat_px)


PATCHES = torch.randint(0, 256, (2, 3, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_no_pass_is_the_constant_half() -> None:
    network = Echo(8)
    assert (refine(network, PATCHES, None, 0) == 0.5).all() and not network.told


@pytest.mark.parametrize("training", [True, False])
def test_passes_feed_each_other(training: bool) -> None:
    network = Echo(8).train(training)
    heat = refine(network, PATCHES, None, 3)
    assert heat.shape == (2, 12, 12) and not heat.requires_grad
    assert network.modes == [False] * 3 and network.training is training
    assert (network.told[0] == 0.5).all()
    expected = torch.full((2, 12, 12), 0.5)
    for told in network.told:
        torch.testing.assert_close(told, expected)
        mixed = PATCHES[:, 0].float() / 255 - 0.5 + expected
        expected = resize_heat(torch.sigmoid(resize_heat(mixed, 8)), 12)
    torch.testing.assert_close(heat, expected)


def test_resizing_is_the_resampling_of_inference() -> None:
    heat = torch.rand(2, 8, 8)
    unit = np.array([0, 0, 1, 1])
    expected = move_heat(heat.numpy(), unit, unit, 12)
    np.testing.assert_allclose(resize_heat(heat, 12).numpy(), expected, atol=1e-6)


def test_align_is_move_heat() -> None:
    rng = np.random.default_rng(0)
    heat = rng.random((40, 9, 9), dtype=np.float32)
    corners = rng.uniform(0, 50, (2, 40, 2))
    boxes = [np.concatenate([c, c + rng.uniform(5, 60, (40, 2))], 1).astype(np.float32) for c in corners]
    found = align(torch.from_numpy(heat), torch.from_numpy(boxes[0]), torch.from_numpy(boxes[1]), 16).numpy()
    np.testing.assert_allclose(found, move_heat(heat, boxes[0], boxes[1], 16), atol=1e-6)
    assert found.shape == (40, 16, 16) and (found == 0).any() and (found > 0.5).any()


def test_align_to_its_own_box_changes_nothing() -> None:
    heat, box = torch.rand(1, 7, 7), torch.tensor([[3.0, 4.0, 30.0, 60.0]])
    torch.testing.assert_close(align(heat, box, box, 7), heat)
