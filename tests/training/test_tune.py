"""Thresholds and a calibration chosen on validation photographs, while training ends and for weights that exist."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from amodal.core.errors import RecipeError, WeightsError
from amodal.inference.folder import read_config, update_config
from amodal.inference.settings import PredictionSettings
from amodal.models.weights import build_network, config_dict, save_network
from amodal.training.config import DataSource, Recipe
from amodal.training.data import make_streams
from amodal.training.trial import trial
from amodal.training.tune import choose_for, choose_settings, settings_of, write_tuned

Make = Callable[..., Recipe]


def networks(recipe: Recipe) -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    return {"modal": build_network(recipe.modal.network).eval(), "amodal": build_network(recipe.amodal.network).eval()}


def trained(folder: Path, recipe: Recipe, settings: PredictionSettings) -> Path:
    """A weights folder without the ONNX files, which tuning does not read."""
    folder.mkdir()
    roles = {}
    for role, network in networks(recipe).items():
        save_network(folder, role, network.state_dict())  # type: ignore[arg-type]
        roles[role] = config_dict(network.config)  # type: ignore[arg-type]
    config = {"format": 1, "networks": roles, "prediction": asdict(settings), "categories": []}
    content = config | {"notes": {"of": "a test"}, "sha256": {"modal.onnx": "0"}}
    (folder / "config.json").write_text(json.dumps(content))
    return folder


def without_validation(recipe: Recipe) -> tuple[DataSource]:
    return (replace(recipe.data[0], validation=""),)


def test_the_paper_s_thresholds(make_recipe: Make) -> None:
    recipe = make_recipe()
    pair = networks(recipe)
    given = PredictionSettings(0.5, 0.5, strip_threshold=0.4, max_steps=3, least_probability=0.2)
    for other, validation in ((replace(recipe, thresholds="paper"), make_streams(recipe)[1]), (recipe, None)):
        found = choose_settings(other, validation, **pair)
        assert found[:2] == (PredictionSettings(0.8, 0.7, strip_threshold=0.1), {})
        assert sorted(found.calibrations) == (["box", "mask"] if other.thresholds == "paper" else [])
        assert choose_settings(other, validation, **pair, settings=given)[0] == PredictionSettings(max_steps=3)


def test_mirror_images_are_asked_about_where_they_were_trained_on(make_recipe: Make) -> None:
    recipe = make_recipe(calibration_examples=0)
    pair = networks(recipe)
    for flip in (True, False):
        one = replace(recipe, synthesis=replace(recipe.synthesis, flip=flip))
        validation = make_streams(one)[1]
        found = choose_settings(one, validation, **pair).settings
        assert (found.mirror, found.iis_passes) == ((True, 2) if flip else (False, 3))
        assert not choose_settings(one, validation, **pair, settings=PredictionSettings()).settings.mirror


def test_weights_that_exist_are_tuned(make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe()
    folder = trained(tmp_path / "weights", recipe, PredictionSettings(max_steps=4))
    before = read_config(folder)
    tuned = choose_for(recipe, folder)
    assert read_config(folder) == before
    write_tuned(folder, tuned)
    found, scores, calibrations = tuned
    config = json.loads((folder / "config.json").read_text())
    assert config["prediction"]["strip_threshold"] == found.strip_threshold and found.max_steps == 4
    assert config["notes"] == {"of": "a test", "validation": scores}
    assert {way: fit["examples"] for way, fit in config["calibration"].items()} == {"box": 12, "mask": 12}
    assert config["calibration"] == calibrations
    given = scores["given_masks"]
    means = [(hidden + clear) / 2 for hidden, clear in zip(given["occluded"], given["clear"], strict=True)]
    chosen = given["least_probability"].index(config["prediction"]["least_probability"])
    assert given["scenes"] == 12 and means[chosen] == pytest.approx(max(means), abs=1e-4)
    assert {k: config[k] for k in ("networks", "sha256")} == {k: before[k] for k in ("networks", "sha256")}

    tuned = choose_for(replace(recipe, thresholds="paper", calibration_examples=0), folder)
    assert tuned.scores == {}
    write_tuned(folder, tuned)
    config = json.loads((folder / "config.json").read_text())
    assert config["notes"] == {"of": "a test"} and config["prediction"]["modal_threshold"] == 0.8


def test_recipes_that_do_not_fit(make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe()
    folder = trained(tmp_path / "weights", recipe, PredictionSettings())
    with pytest.raises(RecipeError, match=r"modal\.network is that of the weights"):
        choose_for(make_recipe(modal={"network": replace(recipe.modal.network, heat_px=12)}), folder)
    with pytest.raises(RecipeError, match="tuning needs photographs"):
        choose_for(replace(recipe, data=without_validation(recipe)), folder)


def test_scenes_come_from_all_sources_alike(make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe()
    sources = []
    for image_id, weight in ((7, 1.0), (8, 1e-9)):  # the second one is never drawn in training
        (tmp_path / f"{image_id}.txt").write_text(f"{image_id}\n")
        sources.append(replace(recipe.data[0], validation=str(tmp_path / f"{image_id}.txt"), weight=weight))
    recipe = replace(recipe, data=tuple(sources))
    _, scenes = trial(make_streams(recipe)[1], **networks(recipe), settings=PredictionSettings(), count=24)
    assert 6 <= sum(scene.image_id == 8 for scene in scenes) <= 18


def test_a_damaged_calibration_is_told_before_hours_of_training(make_recipe: Make, tmp_path: Path) -> None:
    folder = trained(tmp_path / "weights", make_recipe(), PredictionSettings())
    assert settings_of(folder).calibrations == {}
    update_config(folder, calibration={"box": {"bogus": 1}})
    with pytest.raises(WeightsError, match=r"weights/config\.json: calibration\.box: a calibration has"):
        settings_of(folder)
