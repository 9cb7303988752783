"""Every number the paper states of networks and training (section 4 and the supplement), against recipes and code.

Numbers of the papers it builds on (O-Net, IIS) come along: they are what the recipes and the network hold.
"""

from __future__ import annotations

from dataclasses import asdict
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray

from amodal.inference.expansion import expand
from amodal.inference.refine import NO_HYPOTHESIS
from amodal.inference.settings import PredictionSettings
from amodal.models.config import ModelConfig
from amodal.models.onet import FC7_RATE, HEAT_OFFSET, HEAT_SCALE, SCORE_INIT_STD
from amodal.reproduction.training_set import VOC_TRAIN
from amodal.synthesis.settings import SynthesisSettings
from amodal.training.config import StageSettings
from amodal.training.loss import seen_weight
from amodal.training.optimizer import learning_rate_factor
from amodal.training.stages import AmodalStage, ModalStage
from amodal.training.tune import PAPER

RECIPES = ("iis_voc", "paper_voc", "paper_voc_without_modal", "paper_voc_without_dynamic")


def recipe(root: Path, name: str) -> dict[str, object]:
    return yaml.safe_load((root / "recipes" / f"{name}.yaml").read_text())  # type: ignore[no-any-return]


def stage(root: Path, name: str, role: str) -> StageSettings:
    values = dict(recipe(root, name)[role])  # type: ignore[call-overload]
    network = ModelConfig(**values.pop("network"))
    return StageSettings(network=network, **values | {"phases": tuple(values.get("phases", ()))})


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("role", ["modal", "amodal"])
def test_the_network_is_o_net(root: Path, name: str, role: str) -> None:
    network = stage(root, name, role).network
    assert (network.architecture, network.backbone) == ("onet", "vgg16")  # "based on the VGG 16-layer net, ... O-Net"
    assert network.patch_px == 224  # "scale it anisotropically to 224 x 224"
    assert (network.heat_px, network.grid, network.num_categories) == (50, 5, 20)
    assert network.mean == (122.7717, 115.9465, 102.9801) and network.std == (1, 1, 1)
    assert network.tap_scales == (0.0027, 0.063) and network.dropout == 0.5
    # "we remove 10% of the image patch from each of the four sides"
    assert network.margin == (0.0 if role == "modal" else pytest.approx(0.1 / 0.8))


@pytest.mark.parametrize("name", RECIPES)
def test_how_the_amodal_net_is_trained(root: Path, name: str) -> None:
    settings = stage(root, name, "amodal")
    assert settings.optimizer == "sgd" and settings.momentum == 0.9  # "stochastic gradient descent with momentum"
    assert settings.batch_size == 32  # "mini-batches of 32 patches"
    assert settings.lr == settings.backbone_lr == 1e-5 and settings.weight_decay == 1e-3
    assert settings.steps == 50_000
    assert settings.loss == "sum"  # "the sum of pixel-wise negative log likelihoods"
    assert {learning_rate_factor(step, settings) for step in (0, 1, 25_000, 49_999)} == {1.0}  # "constant"
    # "instance-specific weights that are inversely proportional to the factor by which each patch is upsampled"
    assert settings.weight_by == "seen" and AmodalStage.sees == "seen_box"
    boxes = torch.tensor([[10.0, 20, 122, 132], [0, 0, 224, 224], [0, 0, 448, 448]])
    assert seen_weight(boxes, SynthesisSettings().weight_reference_px).tolist() == [0.25, 1, 1]
    assert (settings.clip_norm, settings.ema_decay, settings.true_mask_share) == (
        0,
        0,
        0,
    )  # none of these is the paper's


@pytest.mark.parametrize("name", RECIPES)
def test_how_iis_is_trained(root: Path, name: str) -> None:
    settings = stage(root, name, "modal")
    assert settings.phases == (30_000, 42_500, 50_000, 20_000) and settings.steps == 142_500
    assert settings.lr == settings.backbone_lr == 5e-5 and settings.momentum == 0.9 and settings.batch_size == 32
    assert settings.loss == "sum" and settings.optimizer == "sgd" and settings.schedule == "constant"
    assert settings.weight_by == "seen"
    iis, ends = ModalStage(settings), [0, *accumulate(settings.phases)]
    for earlier, step in enumerate(ends[:4]):  # stage t: the constant 1/2 and the predictions of all earlier stages
        drawn = iis.draw(np.random.default_rng(0), step, 1000)["passes"]
        assert drawn.unique().tolist() == list(range(earlier + 1))
        np.testing.assert_allclose(np.bincount(drawn) / 1000, 1 / (earlier + 1), atol=0.06)
    assert NO_HYPOTHESIS == 0.5


def test_what_is_the_networks_own() -> None:
    assert (SCORE_INIT_STD, FC7_RATE) == (0.01, 0.1)
    heat = torch.tensor([0.0, 1.0]) * HEAT_SCALE - HEAT_OFFSET
    assert heat.tolist() == [-127, 128]  # "to lie between -127 and 128"


def test_how_heat_becomes_masks_and_boxes_grow() -> None:
    paper = {"modal_threshold": 0.8, "amodal_threshold": 0.7, "strip_threshold": 0.1}
    assert paper | {"least_probability": 0.0} == PAPER  # every object is completed
    assert paper.items() <= asdict(PredictionSettings()).items()
    assert asdict(PredictionSettings())["iis_passes"] == 3  # three passes at test


@pytest.mark.parametrize(("heat", "steps"), [(0.09, 1), (0.11, 2)])
def test_a_side_grows_where_the_mean_heat_beside_it_is_above_a_tenth(heat: float, steps: int) -> None:
    """4.1: "If the average heat intensity associated with a particular direction is above a threshold, which is set to
    0.1 ..., we expand the bounding box in that direction"; by what the 10 % trim leaves, 12.5 % of the box's side."""

    def heat_of(keys: NDArray[np.intp], boxes: NDArray[np.float64]) -> NDArray[np.float32]:
        answer = np.zeros((len(keys), 50, 50), dtype=np.float32)
        if boxes[0, 2] == 50.0:  # the first step: hot to the right alone, half of the strip twice as much
            answer[:, 5:25, 45:] = 2 * heat
        return answer

    settings = PredictionSettings()
    (found,) = expand(
        heat_of,
        np.array([[10.0, 10, 50, 50]]),
        (0.0, 0.0, 100.0, 100.0),
        margin=0.1 / 0.8,
        threshold=settings.strip_threshold,
        max_steps=settings.max_steps,
    )
    # the box that is seen grows by 12.5 % of its side of 40; the frame by as much again
    assert len(found.steps) == steps and found.stop_reason == "converged"
    assert found.box == (10, 10, 50 + 5 * (steps - 1), 50)
    assert found.frame[2] == pytest.approx(found.box[2] + (found.box[2] - 10) / 8)


def test_which_nets_the_recipes_train(root: Path) -> None:
    assert recipe(root, "iis_voc")["stages"] == ["modal"]
    for name in ("paper_voc", "paper_voc_without_dynamic"):  # "starting from weights of the model used by IIS"
        assert recipe(root, name)["modal_from"] == recipe(root, "iis_voc")["output"]
    assert all(recipe(root, name)["thresholds"] == "paper" for name in RECIPES)
    assert stage(root, "paper_voc_without_modal", "modal").target == "whole"
    own = {"iis_voc": {"max_occluders": 0}, "paper_voc_without_dynamic": {"fixed": True}}  # IIS: as it was published
    for name in RECIPES:  # else section 3's, the defaults, but for what is ours among them
        ours_off = {"flip": False, "amodal_truth": False}
        assert recipe(root, name)["synthesis"] == {"canvas_px": 1024} | ours_off | own.get(name, {})
    assert all(recipe(root, name)["keep"] == "last" for name in RECIPES)  # "for 50,000 iterations"


def test_the_amodal_net_is_told_one_iteration_of_iis(root: Path) -> None:
    """4.2: "the modal segmentation heatmap produced by one iteration of IIS", from the constant 1/2, bilinear."""

    class Remembers(torch.nn.Module):
        config = ModelConfig(patch_px=32, heat_px=16)

        def __init__(self) -> None:
            super().__init__()
            self.told: list[torch.Tensor] = []

        def forward(self, image: torch.Tensor, heat: torch.Tensor, category: None) -> torch.Tensor:
            self.told.append(heat)
            return torch.full((len(image), 16, 16), 2.0)

    iis, amodal = Remembers(), Remembers()
    box = torch.tensor([[0.0, 0, 40, 40]])
    patch = torch.zeros((1, 3, 32, 32), dtype=torch.uint8)
    batch = {
        "modal_patch": patch,
        "modal_box": box,
        "amodal_patch": patch,
        "seen_box": torch.tensor([[20.0, 0, 60, 40]]),
    }
    batch["amodal_label"] = torch.zeros((1, 16, 16), dtype=torch.int8)
    AmodalStage(stage(root, "paper_voc", "amodal"), iis)(amodal, batch, {})
    assert len(iis.told) == 1 and (iis.told[0] == 0.5).all()
    (heat,) = amodal.told  # the modal box covers the left half of what is seen
    expected = torch.sigmoid(torch.tensor(2.0)).item()
    assert heat[0, :, :15].numpy() == pytest.approx(expected, abs=1e-6) and (heat[0, :, 17:] == 0).all()


def test_what_the_nets_are_trained_on() -> None:
    """3.1: "SBD annotations on the PASCAL VOC 2012 train set"."""
    assert VOC_TRAIN == "ImageSets/Main/train.txt"
