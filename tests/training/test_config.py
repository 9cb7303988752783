from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from amodal.core.errors import RecipeError
from amodal.models.config import ModelConfig
from amodal.synthesis.settings import SynthesisSettings
from amodal.training.config import DataSource, Recipe, StageSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("batch_size", 0),
        ("lr", -1e-3),
        ("lr", float("nan")),
        ("backbone_lr", 1e4),
        ("weight_decay", -1.0),
        ("warmup_steps", -1),
        ("clip_norm", -1.0),
        ("momentum", 1.0),
        ("ema_decay", 1.0),
        ("true_mask_share", 1.5),
        ("hypothesis_passes", ()),
        ("hypothesis_passes", (0.0, 0.0)),
        ("hypothesis_passes", (1.0, -0.5)),
        ("hypothesis_passes", (float("nan"),)),
        ("optimizer", "adam"),
        ("schedule", "linear"),
        ("loss", "max"),
        ("accumulate", 0),
        ("accumulate", 3),
        ("phases", (400, 500)),
        ("phases", (1000, 0)),
        ("target", "hidden"),
    ],
)
def test_stages_that_cannot_be(name: str, value: Any) -> None:
    with pytest.raises(RecipeError, match=name):
        StageSettings(**{name: value})


@pytest.mark.parametrize(
    ("start", "rule"),
    [
        ({"start_steps": 11, "start_px": 64}, "start_steps is 0 to steps"),
        ({"start_steps": 5}, "both 0 or both over 0"),
        ({"start_px": 64}, "both 0 or both over 0"),
        ({"start_px": 128, "start_steps": 5}, "below patch_px"),
        ({"start_px": 33, "start_steps": 5}, "is whole"),
    ],
)
def test_starts_that_cannot_be(start: dict[str, int], rule: str) -> None:
    with pytest.raises(RecipeError, match=rule):
        StageSettings(steps=10, **start)  # type: ignore[arg-type]


def test_phases_are_for_a_network_that_is_told_of_no_others() -> None:
    network = ModelConfig(others=True)
    with pytest.raises(RecipeError, match="told of no others"):
        StageSettings(network=network, steps=10, phases=(4, 6))
    StageSettings(network=network, steps=10)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan")])
def test_a_source_has_a_weight(weight: float) -> None:
    with pytest.raises(RecipeError, match="weight"):
        DataSource("images", "annotations.json", weight)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"data": ()}, "at least one source"),
        ({"precision": "fp16"}, "precision is fp32 or bf16"),
        ({"stages": ("amodal",)}, "stages are"),
        ({"stages": ("modal",), "modal_from": "runs/x"}, "modal_from leaves nothing"),
        ({"modal": {"target": "whole"}}, "true_mask_share is 0"),
        ({"checkpoint_every": 0}, "checkpoint_every is 1 or more; found 0"),
        ({"validate_every": 0}, "validate_every"),
        ({"validation_examples": 0}, "validation_examples"),
        ({"workers": -1}, "workers is 0 or more; found -1"),
        ({"threads": -1}, "threads"),
        ({"seed": -1}, "seed"),
        ({"calibration_examples": -1}, "calibration_examples"),
        ({"thresholds": "mine"}, "thresholds"),
        ({"synthesis": SynthesisSettings(trim=0.2)}, r"0\.2 / \(1 - 2 \* 0\.2\) = 0\.333333.*found 0\.125"),
        ({"synthesis": SynthesisSettings(trim=0.0)}, "margin is over 0"),
    ],
)
def test_runs_that_cannot_be(make_recipe: Callable[..., Recipe], changes: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        make_recipe(**changes)


@pytest.mark.parametrize(
    ("role", "name", "value", "told"),
    [
        ("modal", "margin", 0.125, "modal.network.margin is 0"),
        ("amodal", "margin", 0.0, "amodal.network.margin is over 0"),
        ("amodal", "margin", 0.2, "amodal.network.margin .* found 0.2"),
        ("amodal", "patch_px", 64, "patch_px is the same for both; found .32, 64."),
        ("amodal", "widths", (4, 6, 8, 8, 8), "widths is the same"),
        ("modal", "grid", 4, "grid is the same"),
        ("modal", "blocks", 2, "blocks is the same"),
        ("modal", "backbone", "test_resnet", "backbone is the same"),
        ("amodal", "num_categories", 2, "num_categories is the same"),
        ("modal", "detector", "yolox_nano", "detector is the same"),
    ],
)
def test_the_two_networks_fit_each_other(
    make_recipe: Callable[..., Recipe], role: str, name: str, value: Any, told: str
) -> None:
    network = replace(getattr(make_recipe(), role).network, **{name: value})
    with pytest.raises(RecipeError, match=told):
        make_recipe(**{role: {"network": network}})


def test_networks_with_weights_of_their_own_need_no_common_detector(make_recipe: Callable[..., Recipe]) -> None:
    network = replace(make_recipe().modal.network, detector="yolox_nano")
    assert make_recipe(modal={"network": network}, start_from="somewhere").amodal.network.detector == ""


def test_another_trim_with_its_margin_is_fine(make_recipe: Callable[..., Recipe]) -> None:
    network = replace(make_recipe().amodal.network, margin=0.05 / 0.9)
    assert make_recipe(amodal={"network": network}, synthesis=SynthesisSettings(trim=0.05)).amodal.network == network


def test_the_default_networks_fit_each_other() -> None:
    recipe = Recipe(data=(DataSource("images", "annotations.json"),))
    assert (recipe.modal.network.margin, recipe.amodal.network.margin, recipe.amodal.network.heat_px) == (0, 0.125, 80)
