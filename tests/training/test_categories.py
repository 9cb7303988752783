"""Networks with a channel a category: all that looks at a run numbers the categories as its training does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from amodal.core.errors import RecipeError
from amodal.inference.folder import read_config
from amodal.inference.settings import PredictionSettings
from amodal.models.weights import build_network
from amodal.training import tune
from amodal.training.config import DataSource, Recipe
from amodal.training.data import make_streams
from amodal.training.run import run_training
from amodal.training.ship import train_and_ship
from amodal.training.trial import trial

Make = Callable[..., Recipe]
Listed = Callable[..., DataSource]


@pytest.fixture
def listed(drawn: Path, tmp_path: Path) -> Listed:
    """The drawn photographs under other categories: discs are the first of the names, boxes the second."""

    def make(*names: str, disc: int = 1, box: int = 2, validation: bool = False) -> DataSource:
        content = json.loads((drawn / "annotations.json").read_text())
        content["categories"] = [{"id": i, "name": name} for i, name in enumerate(names, 1)]
        for one in content["annotations"]:
            one["category_id"] = disc if one["category_id"] == 1 else box
        path = tmp_path / f"{'_'.join(names)}.json"
        path.write_text(json.dumps(content))
        return DataSource(str(drawn / "images"), str(path), 1.0, str(drawn / "validation.txt") if validation else "")

    return make


def with_channels(recipe: Recipe, count: int) -> Recipe:
    stages = {name: getattr(recipe, name) for name in ("modal", "amodal")}
    wider = {name: replace(s, steps=1, network=replace(s.network, num_categories=count)) for name, s in stages.items()}
    return replace(recipe, **wider)  # type: ignore[arg-type]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No ONNX: its export takes seconds."""
    monkeypatch.setattr("amodal.inference.export.export_onnx", lambda network, path: path.write_text("graph") * 0.0)


def test_validation_and_thresholds_number_them_as_training_does(make_recipe: Make, listed: Listed) -> None:
    """Though the source that is validated on has fewer, in another place."""
    sources = listed("disc", "box", disc=1, box=1), listed("box", "ring", disc=1, box=1, validation=True)
    recipe = with_channels(make_recipe(data=sources), 3)
    training, validation = make_streams(recipe)
    assert validation is not None and training.material.categories == ("disc", "box", "ring")
    assert validation.material.categories == training.material.categories
    assert {int(validation[i]["category"]) for i in range(8)} == {1}
    networks = build_network(recipe.modal.network), build_network(recipe.amodal.network)
    predictor, scenes = trial(validation, *networks, PredictionSettings(), 4)
    assert predictor.networks.categories == ("disc", "box", "ring") and {scene.category for scene in scenes} == {1}


def test_weights_of_other_categories_are_no_start(
    make_recipe: Make, listed: Listed, tmp_path: Path, quick: None
) -> None:
    plain = make_recipe(thresholds="paper", calibration_examples=0)
    first = with_channels(replace(plain, data=(listed("disc", "box"),)), 2)
    weights = train_and_ship(first)
    assert read_config(weights)["categories"] == ["disc", "box"]
    for names in (("box", "disc"), ("house", "tree")):
        later = replace(first, data=(listed(*names),), output=str(tmp_path / "later"), backbone_weights="")
        for way, told in (({"start_from": str(weights)}, "weights"), ({"modal_from": first.output}, "run")):
            rule = (
                rf"the categories of the data are those of the {told} {next(iter(way))} names, .*: disc, box; found '"
            )
            with pytest.raises(RecipeError, match=rule + ", ".join(names)):
                run_training(replace(later, **way))  # type: ignore[arg-type]
            assert not Path(later.output).exists()
    same = replace(first, output=str(tmp_path / "same"), backbone_weights="")
    run_training(replace(same, start_from=str(weights), modal_from=first.output))


def test_a_run_resumes_with_its_categories(make_recipe: Make, listed: Listed) -> None:
    """The annotation file may come to list them in another order."""
    source = listed("disc", "box")
    recipe = with_channels(make_recipe(data=(source,)), 2)
    run_training(recipe)
    content = json.loads(Path(source.annotations).read_text())
    content["categories"] = [{"id": 1, "name": "box"}, {"id": 2, "name": "disc"}]
    Path(source.annotations).write_text(json.dumps(content))
    with pytest.raises(RecipeError, match="the categories it began with, in their order: disc, box; found 'box, disc'"):
        run_training(recipe, resume=True)


def test_checkpoints_of_networks_for_any_object_are_what_they_were(make_recipe: Make) -> None:
    recipe = make_recipe({"steps": 1}, stages=("modal",))
    run_training(recipe)
    saved = torch.load(Path(recipe.output) / "modal" / "checkpoint.pt", weights_only=True)
    names = {"fingerprint", "material", "step", "best_step", "best_score", "best", "network", "average", "optimizer"}
    assert saved.keys() == names


def test_tuning_numbers_them_as_the_weights_do(
    make_recipe: Make, listed: Listed, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = make_recipe(thresholds="paper", calibration_examples=0)
    weights = train_and_ship(with_channels(replace(plain, data=(listed("disc", "box"),)), 2))
    seen: list[tuple[tuple[str, ...], set[int]]] = []

    def choose(recipe: Recipe, validation: object, *networks: object) -> tune.Tuned:
        kinds = {int(validation[i]["category"]) for i in range(8)}  # type: ignore[index]
        seen.append((validation.material.categories, kinds))  # type: ignore[attr-defined]
        return tune.Tuned(PredictionSettings(), {}, {})

    monkeypatch.setattr(tune, "choose_settings", choose)
    for source in (listed("box", "disc", disc=2, box=2, validation=True), listed("disc", box=1, validation=True)):
        tune.choose_for(with_channels(make_recipe(data=(source,)), 2), weights)
        assert seen.pop() == (("disc", "box"), {0})
    others = listed("house", "tree", validation=True)
    with pytest.raises(
        RecipeError, match=r"house_tree\.json: the categories of the data are among .*: disc, box; found"
    ):
        tune.choose_for(with_channels(make_recipe(data=(others,)), 2), weights)
