"""The paper's network: shapes and parameters as published, the grid of classifiers by hand, weights of other origin."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models.vgg import make_layers

from amodal.core.errors import RecipeError, WeightsError
from amodal.models.config import ModelConfig
from amodal.models.onet import ClassifierGrid, ONet
from amodal.models.vgg import IMAGENET_STD, LEVELS, VGG16, VGG16_WIDTHS

MEAN = (122.7717, 115.9465, 102.9801)
PUBLISHED = ModelConfig(
    architecture="onet",
    backbone="vgg16",
    patch_px=224,
    heat_px=50,
    widths=VGG16_WIDTHS,
    num_categories=20,
    mean=MEAN,
    std=(1.0, 1.0, 1.0),
)
TINY = ModelConfig(
    architecture="onet",
    backbone="vgg16",
    patch_px=64,
    heat_px=20,
    widths=(4, 4, 6, 8, 8, 12),
    num_categories=3,
    mean=MEAN,
    std=(1.0, 1.0, 1.0),
)


def inputs(count: int = 3, side: int = 64) -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    image = torch.randint(0, 256, (count, 3, side, side), generator=rng, dtype=torch.uint8)
    return image, torch.rand(count, side, side, generator=rng), torch.arange(count) % 3


def test_parameters_and_shapes_are_the_published_ones() -> None:
    with torch.device("meta"):
        network = ONet(PUBLISHED)
        shapes = {name: tuple(p.shape) for name, p in network.named_parameters()}
        pool3, pool4, fc7 = network.backbone(torch.empty(1, 23, 224, 224))
    assert shapes["backbone.features.0.weight"] == (64, 3 + 20, 3, 3)
    assert shapes["score_pool3.weight"] == (20 * 5 * 5, 256, 3, 3)
    assert shapes["score_pool4.weight"] == (500, 512, 1, 1)
    assert shapes["score_fc7.weight"] == (500, 4096, 1, 1)
    assert shapes["backbone.fc6.weight"] == (4096, 512, 7, 7) and shapes["backbone.fc7.weight"] == (4096, 4096, 1, 1)
    assert (pool3.shape, pool4.shape, fc7.shape) == ((1, 256, 28, 28), (1, 512, 14, 14), (1, 4096, 1, 1))
    vgg16 = 138_357_544 - 4_097_000  # as published, without the layer of the thousand classes
    heat = 20 * 64 * 9
    branches = (256 * 9 + 1) * 500 + (512 + 1) * 500 + (4096 + 1) * 500
    assert sum(math.prod(shape) for shape in shapes.values()) == vgg16 + heat + branches == 137_729_564


def test_the_forward_pass_gives_the_categorys_map() -> None:
    network = ONet(TINY).eval()
    image, heat, category = inputs()
    with torch.no_grad():
        out = network(image, heat, category)
        assert out.shape == (3, 20, 20) and out.dtype == torch.float32
        torch.testing.assert_close(network(image.float(), heat, category), out)
        pool3, pool4, fc7 = network.backbone(_told(network, image, heat, category))
        for i, chosen in enumerate(category.tolist()):
            own = slice(25 * chosen, 25 * chosen + 25)
            branches = (
                network.score_pool3(0.0027 * pool3)[i : i + 1, own],
                network.score_pool4(0.063 * pool4)[i : i + 1, own],
                network.score_fc7(fc7)[i : i + 1, own],
            )
            up = (nn.functional.interpolate(b, (20, 20), mode="bilinear", align_corners=False) for b in branches)
            torch.testing.assert_close(out[i], network.mix(sum(up))[0], atol=1e-5, rtol=1e-5)  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="give one for each patch"):
        network(image, heat)


def _told(network: ONet, *given: Tensor) -> Tensor:
    """What the trunk is given."""
    seen: list[Tensor] = []
    handle = network.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    network(*given)
    handle.remove()
    return seen[0]


def test_mean_pixel_and_heat_in_the_categorys_channel() -> None:
    network = ONet(TINY).eval()
    image, heat, category = inputs()
    heat[0, 0, :2] = torch.tensor([0.0, 1.0])
    seen = _told(network, image, heat, category)
    assert seen.shape == (3, 3 + 3, 64, 64)
    for channel, mean in enumerate(MEAN):
        torch.testing.assert_close(seen[:, channel], image[:, channel].float() - mean)
    for i, chosen in enumerate(category.tolist()):
        for channel in range(3):
            expected = 255 * heat[i] - 127 if channel == chosen else torch.zeros(64, 64)
            torch.testing.assert_close(seen[i, 3 + channel], expected)
    assert seen[0, 3, 0, :2].tolist() == [-127, 128]
    assert (_told(network, image, torch.full_like(heat, 0.5), category)[0, 3] == 0.5).all()  # 1/2 before centring


@pytest.mark.parametrize(("grid", "side"), [(5, 50), (3, 8)])
def test_the_grid_mixes_sigmoids_of_the_neighbouring_cells(grid: int, side: int) -> None:
    scores = torch.randn(2, grid * grid, side, side, generator=torch.Generator().manual_seed(0)) * 3
    found = torch.sigmoid(ClassifierGrid(grid, side)(scores))
    for y, x in [(0, 0), (0, side - 1), (side // 2, side // 3), (side - 1, 2), (3, side // 2)]:
        down, across = (y + 0.5) * grid / side - 0.5, (x + 0.5) * grid / side - 0.5
        expected = torch.zeros(2)
        for a, share_a in ((math.floor(down), 1 - down % 1), (math.floor(down) + 1, down % 1)):
            for b, share_b in ((math.floor(across), 1 - across % 1), (math.floor(across) + 1, across % 1)):
                cell = min(max(a, 0), grid - 1) * grid + min(max(b, 0), grid - 1)
                expected += share_a * share_b * torch.sigmoid(scores[:, cell, y, x])
        torch.testing.assert_close(found[:, y, x], expected, atol=1e-5, rtol=1e-5)


def test_by_hand_it_is_not_the_sigmoid_of_mixed_scores() -> None:
    """Two cells, one sure of yes and one sure of no: half-way between them the answer is 1/2, whatever how sure."""
    scores = torch.zeros(1, 4, 4, 4)
    scores[:, [0, 2]], scores[:, [1, 3]] = 30.0, -2.0
    heat = torch.sigmoid(ClassifierGrid(2, 4)(scores))[0, 0]
    no = 1 / (1 + math.exp(2))
    expected = [1.0, 0.75 + 0.25 * no, 0.25 + 0.75 * no, no]
    torch.testing.assert_close(heat, torch.tensor(expected), atol=1e-5, rtol=1e-5)


def test_confident_scores_keep_a_gradient() -> None:
    scores = torch.full((1, 25, 10, 10), -200.0).requires_grad_()
    logits = ClassifierGrid(5, 10)(scores)
    torch.testing.assert_close(logits, torch.full_like(logits, -200.0), atol=1e-2, rtol=0)
    nn.functional.binary_cross_entropy_with_logits(logits, torch.ones_like(logits), reduction="sum").backward()
    assert scores.grad is not None and scores.grad.sum().item() == pytest.approx(-100, rel=1e-3)


def test_how_new_layers_start() -> None:
    torch.manual_seed(0)
    network = ONet(TINY)
    for layer in (network.score_pool3, network.score_pool4, network.score_fc7):
        assert layer.weight.std().item() == pytest.approx(0.01, rel=0.15) and (layer.bias == 0).all()
    assert network.backbone.features[0].weight[:, 3:].std().item() == pytest.approx(0.01, rel=0.2)
    image, heat, category = inputs()
    network.eval()(image, heat, category).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


WIDTHS = (4, 4, 6, 8, 8, 12)


def reference() -> tuple[nn.Module, nn.Module, dict[str, Tensor]]:
    """A small VGG-16 of torchvision's making, its two fully connected layers and its state."""
    torch.manual_seed(3)
    layers: list[str | int] = []
    for width, count in zip(WIDTHS, (2, 2, 3, 3, 3), strict=False):
        layers += [width] * count + ["M"]
    features = make_layers(layers)
    dense = nn.Sequential(nn.Flatten(), nn.Linear(8 * 2 * 2, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU())
    for module in [*features, *dense]:
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
            nn.init.normal_(module.bias, std=0.1)
    state = {f"features.{k}": v for k, v in features.state_dict().items()}
    for theirs, ours in (("1", "0"), ("3", "3")):
        state |= {f"classifier.{ours}.{kind}": dense.state_dict()[f"{theirs}.{kind}"] for kind in ("weight", "bias")}
    return features, dense, state | {"classifier.6.weight": torch.zeros(7, 12)}


def timms(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same state under timm's names and shapes."""
    named = {k: v for k, v in state.items() if k.startswith("features")}
    named |= {"pre_logits.fc1.weight": state["classifier.0.weight"].view(12, 8, 2, 2)}
    named |= {"pre_logits.fc2.weight": state["classifier.3.weight"].view(12, 12, 1, 1)}
    return named | {
        "pre_logits.fc1.bias": state["classifier.0.bias"],
        "pre_logits.fc2.bias": state["classifier.3.bias"],
    }


@pytest.mark.parametrize("kind", ["torchvision.pth", "torchvision.safetensors", "timm.safetensors"])
def test_published_weights_are_the_same_function_of_colour_levels(tmp_path: Path, kind: str) -> None:
    features, dense, state = reference()
    state = timms(state) if kind.startswith("timm") else state
    file = tmp_path / kind
    if kind.endswith("pth"):
        torch.save(state, file)
    else:
        save_file(state, file)
    network = VGG16(2, patch_px=64, widths=WIDTHS, weights=file).eval()
    levels = torch.rand(2, 3, 64, 64) * 255 - 120
    normal = levels / 255 / torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    with torch.no_grad():
        pool3, pool4, fc7 = network(torch.cat([levels, torch.zeros(2, 2, 64, 64)], 1))
        torch.testing.assert_close(pool3, LEVELS * features[:17](normal), rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(pool4, LEVELS * features[:24](normal), rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(fc7.flatten(1), dense(features(normal)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda state: state.pop("features.5.weight"), "features.5.weight"),
        (lambda state: state.update({"classifier.0.weight": torch.zeros(12, 9)}), "fc6.weight"),
        (lambda state: state.update({"features.2.weight": torch.zeros(1)}), "features.2.weight"),
    ],
)
def test_weights_that_do_not_fit(tmp_path: Path, change: object, told: str) -> None:
    state = reference()[2]
    change(state)  # type: ignore[operator]
    save_file(state, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match=told):
        VGG16(1, patch_px=64, widths=WIDTHS, weights=tmp_path / "a.safetensors")


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(WeightsError, match="Check the path"):
        VGG16(1, patch_px=64, widths=WIDTHS, weights=tmp_path / name)
    (tmp_path / name).write_bytes(b"nonsense" * 20)
    with pytest.raises(WeightsError, match=name):
        VGG16(1, patch_px=64, widths=WIDTHS, weights=tmp_path / name)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"backbone": "resnet18"}, "backbone of onet is vgg16"),
        ({"architecture": "unet"}, "architecture is compact or onet"),
        ({"tap_scales": (1.0,)}, "tap_scales are two numbers"),
        ({"dropout": 1.0}, "dropout lies in"),
    ],
)
def test_configs_that_cannot_be(changes: dict[str, object], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        replace(TINY, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("changes", "told"), [({"widths": (4, 4)}, "VGG-16's five"), ({"patch_px": 40}, "of 32")])
def test_shapes_vgg_cannot_have(changes: dict[str, object], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        ONet(replace(TINY, **changes))  # type: ignore[arg-type]
