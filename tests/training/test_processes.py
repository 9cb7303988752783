"""One step, however it is divided: in parts, among processes; and the same run from both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from amodal.core.errors import RecipeError
from amodal.models.config import ModelConfig
from amodal.training.checkpoint import finished_weights
from amodal.training.config import Recipe
from amodal.training.data import make_streams, training_batches
from amodal.training.processes import Share
from amodal.training.run import run_training

Make = Callable[..., Recipe]
ONET = ModelConfig(
    architecture="onet",
    backbone="vgg16",
    patch_px=32,
    heat_px=10,
    widths=(4, 4, 6, 8, 8, 12),
    num_categories=2,
    std=(1.0, 1.0, 1.0),
    dropout=0.0,
)


@pytest.fixture
def onet_recipe(make_recipe: Make) -> Make:
    """O-Net has no batch normalisation: nothing in it looks at more than one example at a time."""

    def make(changes: dict[str, Any] | None = None, *, dropout: float = 0.0, **fields: Any) -> Recipe:
        stage = {"optimizer": "sgd", "lr": 1e-3, "backbone_lr": 1e-3, "loss": "sum", "clip_norm": 10.0, "steps": 4}
        network = replace(ONET, dropout=dropout)
        modal = stage | {"network": network, "phases": (2, 2)} | (changes or {})
        amodal = stage | {"network": replace(network, margin=0.125, heat_px=16)} | (changes or {})
        return make_recipe(modal, amodal, **fields)

    return make


def weights(recipe: Recipe, role: str) -> dict[str, Tensor]:
    return finished_weights(Path(recipe.output) / role, 4)


def assert_close(a: Recipe, b: Recipe, start: float) -> None:
    for role in ("modal", "amodal"):
        for (name, x), y in zip(weights(a, role).items(), weights(b, role).values(), strict=True):
            torch.testing.assert_close(x, y, atol=start, rtol=1e-4, msg=lambda told, name=name: f"{name}: {told}")


def test_shares_make_up_the_batch(make_recipe: Make) -> None:
    dataset = make_streams(make_recipe())[0]
    whole = list(training_batches(dataset, 8, 1, 3, 0))
    for step in range(2):
        parts = []
        for rank in range(2):
            own = list(training_batches(dataset, 8, 1, 3, 0, Share(rank, 2, 2)))
            assert len(own) == 4
            parts += own[2 * step : 2 * step + 2]
        assert torch.equal(torch.cat([part["modal_patch"] for part in parts]), whole[step]["modal_patch"])


def test_a_batch_that_does_not_divide(make_recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(RecipeError, match=r"multiple of processes x accumulate \(3 x 1\); found 4"):
        run_training(make_recipe())


@pytest.mark.parametrize("loss", ["sum", "mean"])
def test_a_batch_in_parts_is_the_same_batch(onet_recipe: Make, tmp_path: Path, loss: str) -> None:
    changes = {"loss": loss, "lr": 1e-3 if loss == "sum" else 0.1}
    whole, parts = (
        onet_recipe(changes | {"accumulate": n}, output=str(tmp_path / f"run{n}"), checkpoint_every=4) for n in (1, 2)
    )
    for recipe in (whole, parts):
        run_training(recipe)
    assert_close(whole, parts, 1e-6)
    lines = [(Path(r.output) / "amodal/log.jsonl").read_text().splitlines() for r in (whole, parts)]
    first, second = ([json.loads(line)["loss"] for line in log if '"loss"' in line] for log in lines)
    assert len(first) == 1 and first == pytest.approx(second, rel=1e-4)


def test_a_run_in_parts_goes_on_bit_for_bit(onet_recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the second phase, dropout and the first phase's network included."""
    from amodal.training import loop

    whole = onet_recipe({"accumulate": 2}, dropout=0.5, output=str(tmp_path / "whole"), checkpoint_every=1)
    run_training(whole)
    real, steps = loop._step, [0]

    def step(*args: Any) -> float:
        steps[0] += 1
        if steps[0] == 4:
            raise KeyboardInterrupt
        return real(*args)

    stopped = onet_recipe({"accumulate": 2}, dropout=0.5, output=str(tmp_path / "stopped"), checkpoint_every=1)
    with monkeypatch.context() as patched:
        patched.setattr(loop, "_step", step)
        with pytest.raises(KeyboardInterrupt):
            run_training(stopped)
    assert (tmp_path / "stopped/modal/phase1.pt").exists()
    run_training(stopped, resume=True)
    for role in ("modal", "amodal"):
        found, expected = weights(stopped, role), weights(whole, role)
        assert all(torch.equal(found[name], expected[name]) for name in expected)


RUN = """
import json, sys
from amodal.cli.recipe_file import build
from amodal.training.config import Recipe
from amodal.training.run import run_training
run_training(build(Recipe, json.loads(sys.argv[1])))
"""


def test_two_processes_train_what_one_does(onet_recipe: Make, tmp_path: Path, root: Path) -> None:
    one = onet_recipe(output=str(tmp_path / "one"), checkpoint_every=4)
    two = onet_recipe({"accumulate": 2}, output=str(tmp_path / "two"), checkpoint_every=4)
    run_training(one)
    script = tmp_path / "run.py"
    script.write_text(RUN)
    words = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    words += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
    ran = subprocess.run(
        [*words, str(script), json.dumps(asdict(two))],
        env={**os.environ, "PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert_close(one, two, 1e-6)
    logs = [(Path(r.output) / "modal/log.jsonl").read_text().splitlines() for r in (one, two)]
    assert len(logs[0]) == len(logs[1])
    assert json.loads(logs[0][0])["val_loss"] == pytest.approx(json.loads(logs[1][0])["val_loss"], rel=1e-4)
    assert not list(tmp_path.rglob("*.part"))
