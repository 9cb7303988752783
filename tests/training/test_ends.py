"""How runs end that could end badly: weights that are not finite, a kill while they are written, too few scenes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from amodal.core.errors import RecipeError
from amodal.core.locks import take_lock
from amodal.training import loop, ship
from amodal.training.config import Recipe
from amodal.training.run import run_training
from amodal.training.ship import train_and_ship

Make = Callable[..., Recipe]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No ONNX: its export takes seconds."""
    monkeypatch.setattr("amodal.inference.export.export_onnx", lambda network, path: path.write_text("graph") * 0.0)


@pytest.mark.parametrize(("stage", "kept"), [("modal", None), ("amodal", 3)])
def test_a_last_step_that_spoils_the_weights_is_told(
    make_recipe: Make, monkeypatch: pytest.MonkeyPatch, stage: str, kept: int | None
) -> None:
    """Its loss is that of the weights before it."""
    real, left = loop._step, [6 if stage == "modal" else 12]

    def step(state: Any, *args: Any) -> float:
        value = real(state, *args)
        left[0] -= 1
        if not left[0]:
            with torch.no_grad():
                state.network.score.bias[0] = float("nan")
        return value

    monkeypatch.setattr(loop, "_step", step)
    recipe = make_recipe(checkpoint_every=3 if kept else 100)
    told = (
        rf"run/{stage}: score\.bias: training diverged: the weights of the {stage} network are not finite after step 6"
    )
    with pytest.raises(RecipeError, match=told) as refused:
        run_training(recipe)
    assert refused.value.remedy.startswith("lower lr and backbone_lr")
    path = Path(recipe.output) / stage / "checkpoint.pt"
    assert (torch.load(path, weights_only=True)["step"] if path.exists() else None) == kept


def test_what_a_kill_left_of_an_export_is_cleared_by_the_run_that_goes_on(
    make_recipe: Make, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe({"steps": 1}, {"steps": 1}, thresholds="paper", calibration_examples=0)
    run_training(recipe)
    tempfile.mkdtemp(dir=recipe.output, prefix=".weights.amodal-")
    real, locked = ship.export_weights, []

    def export(*args: Any, **options: Any) -> Path:
        with (Path(recipe.output) / ".lock").open("ab") as other:
            locked.append(take_lock(other, wait=False))
        return real(*args, **options)

    monkeypatch.setattr(ship, "export_weights", export)
    train_and_ship(recipe, resume=True)
    assert not list(Path(recipe.output).glob(".weights*"))
    assert locked == [False]  # another run clears nothing of this one's


@pytest.mark.parametrize("least", [-0.1, 1.1])
def test_scenes_of_one_kind_give_weights_without_a_calibration(
    make_recipe: Make, quick: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], least: float
) -> None:
    monkeypatch.setattr("amodal.training.calibrate.OCCLUDED", least)  # all are occluded, or none
    weights = train_and_ship(make_recipe({"steps": 1}, {"steps": 1}))
    told = "no probability of occlusion is fitted: in 12 scenes the objects are all occluded, or all clear"
    assert told in capsys.readouterr().out
    config = json.loads((weights / "config.json").read_text())
    assert "calibration" not in config and config["prediction"]["least_probability"] == 0
    assert "amodal" in config["notes"]["validation"]
