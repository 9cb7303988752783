from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from amodal.core.errors import RecipeError
from amodal.models.config import ModelConfig
from amodal.models.hypercolumn import FrameResize, Hypercolumn, _pooled

Make = Callable[..., ModelConfig]


def inputs(config: ModelConfig, count: int = 3) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    side = config.patch_px
    image = torch.randint(0, 256, (count, 3, side, side), generator=rng, dtype=torch.uint8)
    return image, torch.rand(count, side, side, generator=rng)


@pytest.mark.parametrize(
    ("backbone", "widths"),
    [
        ("test_efficientnet", (4, 6, 8, 8, 12)),
        ("test_efficientnet_ln", (4, 6, 8, 8, 12)),
        ("test_resnet", (4, 6, 8, 8, 12)),
        ("test_byobnet", (4, 6, 8, 8, 12)),
        ("test_convnext", (4, 6, 8, 8)),
    ],
)
@pytest.mark.parametrize(("patch_px", "heat_px", "margin"), [(32, 16, 0.0), (64, 24, 0.125), (96, 19, 0.125)])
def test_shapes(
    tiny_config: Make, backbone: str, widths: tuple[int, ...], patch_px: int, heat_px: int, margin: float
) -> None:
    config = tiny_config(backbone=backbone, widths=widths, patch_px=patch_px, heat_px=heat_px, margin=margin)
    network = Hypercolumn(config).eval()
    image, heat = inputs(config)
    with torch.no_grad():
        out = network(image, heat)
        assert out.shape == (3, heat_px, heat_px) and out.dtype == torch.float32
        assert torch.equal(network(image.float(), heat), out)  # bytes or floats of the same values
        one_by_one = torch.cat([network(image[i : i + 1], heat[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(one_by_one, out, atol=1e-4, rtol=1e-4)


def test_image_and_heat_both_count(tiny_config: Make) -> None:
    network = Hypercolumn(tiny_config()).eval()
    image, heat = inputs(network.config)
    with torch.no_grad():
        out = network(image, heat)
        assert not torch.allclose(network(255 - image, heat), out)
        assert not torch.allclose(network(image, 1 - heat), out)


class Spy(torch.nn.Module):
    """Stands before a backbone and keeps what it is given."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.seen = torch.empty(0)

    def forward(self, x: Tensor) -> list[Tensor]:
        self.seen = x
        return self.inner(x)  # type: ignore[no-any-return]


def test_normalisation_and_the_heat_channel(tiny_config: Make) -> None:
    network = Hypercolumn(tiny_config(mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 5.0))).eval()
    network.backbone = spy = Spy(network.backbone)
    image, heat = inputs(network.config)
    network(image, heat)
    assert spy.seen.shape == (3, 4, 32, 32)
    for channel, (mean, std) in enumerate([(10, 2), (20, 4), (30, 5)]):
        torch.testing.assert_close(spy.seen[:, channel], (image[:, channel].float() - mean) / std)
    torch.testing.assert_close(spy.seen[:, 3], 2 * heat - 1)
    network(image, torch.full_like(heat, 0.5))
    assert (spy.seen[:, 3] == 0).all()  # nothing believed is nothing said


def test_each_category_has_its_channel_and_its_map(tiny_config: Make) -> None:
    network = Hypercolumn(tiny_config(num_categories=4)).eval()
    network.backbone = spy = Spy(network.backbone)
    image, heat = inputs(network.config)
    maps: list[Tensor] = []
    network.score.register_forward_hook(lambda module, given, out: maps.append(out))
    category = torch.tensor([2, 0, 3])
    with torch.no_grad():
        out = network(image, heat, category)
    assert spy.seen.shape == (3, 3 + 4, 32, 32) and maps[0].shape == (3, 4, 16, 16)
    for i, chosen in enumerate(category.tolist()):
        for channel in range(4):
            expected = 2 * heat[i] - 1 if channel == chosen else torch.zeros(32, 32)
            torch.testing.assert_close(spy.seen[i, 3 + channel], expected)
        assert torch.equal(out[i], maps[0][i, chosen])


def test_a_network_with_categories_needs_one(tiny_config: Make) -> None:
    network = Hypercolumn(tiny_config(num_categories=2))
    with pytest.raises(RecipeError, match="give one for each patch"):
        network(*inputs(network.config))


def test_an_agnostic_network_ignores_the_category(tiny_config: Make) -> None:
    network = Hypercolumn(tiny_config()).eval()
    image, heat = inputs(network.config)
    with torch.no_grad():
        assert torch.equal(network(image, heat, torch.tensor([1, 2, 3])), network(image, heat))


def test_one_width_a_tap(tiny_config: Make) -> None:
    with pytest.raises(RecipeError, match=r"widths .* 5 taps of test_efficientnet; found \[4, 8\]"):
        Hypercolumn(tiny_config(widths=(4, 8)))


def test_patches_that_do_not_divide(tiny_config: Make) -> None:
    with pytest.raises(RecipeError, match=r"multiple of 32, .* test_convnext; found 40"):
        Hypercolumn(tiny_config(backbone="test_convnext", widths=(4, 6, 8, 8), patch_px=40))


@pytest.mark.parametrize("num_categories", [0, 2])
def test_the_gradient_reaches_every_parameter(tiny_config: Make, num_categories: int) -> None:
    network = Hypercolumn(tiny_config(num_categories=num_categories, margin=0.125)).train()
    image, heat = inputs(network.config, 4)
    category = torch.tensor([0, 1, 0, 1]) if num_categories else None
    network(image, heat, category).square().sum().backward()
    for name, parameter in network.named_parameters():
        gradient = parameter.grad
        assert gradient is not None and torch.isfinite(gradient).all() and gradient.abs().max() > 0, name


def interpolated(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """numpy's own linear interpolation of samples at (i + 1/2) / n, the edge going on."""
    return np.interp(where, (np.arange(len(values)) + 0.5) / len(values), values)


@pytest.mark.parametrize("margin", [0.0, 0.125])
@pytest.mark.parametrize(("source", "target"), [(8, 8), (8, 10), (8, 16), (8, 20), (16, 10), (5, 13), (4, 5), (1, 4)])
def test_resizing_into_the_frame_is_bilinear(source: int, target: int, margin: float) -> None:
    maps = np.random.default_rng(0).random((2, 3, source, source))
    where = -margin + (1 + 2 * margin) * (np.arange(target) + 0.5) / target
    rows = np.apply_along_axis(interpolated, 2, maps, where)
    expected = np.apply_along_axis(interpolated, 3, rows, where)
    found = FrameResize(source, target, margin)(torch.from_numpy(maps).float(), target)
    assert found.shape == (2, 3, target, target)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("margin", [0.0, 0.125])
def test_a_ramp_over_the_patch_stays_where_it_is(margin: float) -> None:
    """A map whose value is its x coordinate over the patch reads, anywhere in the frame, the x coordinate there."""
    source, target = 32, 40
    across = (torch.arange(source) + 0.5) / source
    ramp = across.expand(1, 1, source, source)
    found = FrameResize(source, target, margin)(ramp, target)[0, 0]
    x = -margin + (1 + 2 * margin) * (np.arange(target) + 0.5) / target
    inside = (x > across[0].item()) & (x < across[-1].item())
    assert inside.sum() > target * 0.7
    np.testing.assert_allclose(found[:, inside].numpy(), np.broadcast_to(x[inside], (target, inside.sum())), atol=1e-6)
    assert (found[:, x < 0] == across[0]).all() and (found[:, x > 1] == across[-1]).all()
    downwards = FrameResize(source, target, margin)(ramp.transpose(2, 3), target)[0, 0]
    torch.testing.assert_close(downwards, found.T)


@pytest.mark.parametrize(("side", "expected"), [(32, 10), (64, 20), (128, 40)])
def test_patches_of_any_side_reach_every_weight(tiny_config: Make, side: int, expected: int) -> None:
    network = Hypercolumn(tiny_config(patch_px=64, heat_px=20, margin=0.125))
    out = network(*inputs(tiny_config(patch_px=side), count=4))
    assert out.shape == (4, expected, expected)
    out.square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_others_count_and_are_zero_where_not_told(tiny_config: Make) -> None:
    network = Hypercolumn(tiny_config(others=True)).eval()
    image, heat = inputs(network.config)
    others = heat.flip(-1)
    with torch.no_grad():
        alone = network(image, heat)
        assert torch.equal(network(image, heat, None, torch.zeros_like(heat)), alone)
        assert (network(image, heat, None, others) - alone).abs().max() > 1e-4
        for level in network.levels:  # what is left is what the backbone sees
            level.project[0].weight[:, -1] = 0
        assert (network(image, heat, None, others) - network(image, heat)).abs().max() > 1e-5


def test_others_and_categories_go_together(tiny_config: Make) -> None:
    network = Hypercolumn(tiny_config(others=True, num_categories=2)).eval()
    image, heat = inputs(network.config)
    with torch.no_grad():
        out = network(image, heat, torch.tensor([0, 1, 0]), heat.flip(-1))
    assert out.shape == (3, network.config.heat_px, network.config.heat_px)


@pytest.mark.parametrize(("side", "heat_px", "margin"), [(64, 32, 0.0), (64, 40, 0.125), (96, 30, 0.125)])
def test_what_is_learnt_is_what_was_learning(tiny_config: Make, side: int, heat_px: int, margin: float) -> None:
    """Two orders of the same: with fixed statistics both give the same heat."""
    config = tiny_config(patch_px=side, heat_px=heat_px, margin=margin, others=True, detector="yolox_nano")
    torch.manual_seed(0)
    network = Hypercolumn(config)
    image, heat = inputs(config)
    with torch.no_grad():
        for _ in range(3):
            network(image, heat, others=heat.flip(1))  # statistics that are not 0 and 1
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d) and module.affine:
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_()
        network.eval()
        found = network(image, heat, others=heat.flip(1))
        for level in network.levels:
            level.training = True  # its order alone, not its normalisation
        torch.testing.assert_close(network(image, heat, others=heat.flip(1)), found, atol=1e-5, rtol=1e-4)
    assert found.std() > 0.01


def test_what_is_believed_is_averaged_over_each_cell() -> None:
    maps = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    for side, found in zip((24, 16, 8, 8), _pooled(maps, [24, 16, 8, 8]), strict=True):
        size = 48 // side
        torch.testing.assert_close(found, maps.unflatten(3, (side, size)).unflatten(2, (side, size)).mean((3, 5)))
    for side, found in zip((32, 16), _pooled(maps, [32, 16]), strict=True):  # 32 of 48: cells that are not whole
        torch.testing.assert_close(found, F.adaptive_avg_pool2d(maps, side))
