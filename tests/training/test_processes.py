"""One step, however it is divided: in parts, among processes; and the same run from both."""

from __future__ import annotations

import copy
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from amodal.core.errors import AmodalError, RecipeError
from amodal.models.config import ModelConfig
from amodal.models.weights import build_network
from amodal.training import processes
from amodal.training.checkpoint import finished_weights
from amodal.training.config import Recipe
from amodal.training.data import make_streams, training_batches
from amodal.training.optimizer import build_optimizer
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


def test_batch_normalisation_over_all_gpus(make_recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be told without GPUs: the layers are exchanged in place, and weights, optimiser and answers stay."""
    wrapped: list[dict[str, Any]] = []
    monkeypatch.setattr(processes, "DistributedDataParallel", lambda network, **words: wrapped.append(words) or network)
    monkeypatch.setenv("WORLD_SIZE", "2")
    recipe = make_recipe()
    network = build_network(recipe.modal.network)
    before, answers = copy.deepcopy(network), []
    optimizer = build_optimizer(network, recipe.modal)
    called = processes.distributed(network, torch.device("cuda", 1))
    assert wrapped == [{"device_ids": [1], "broadcast_buffers": False}] and called is network
    layers = [type(m) for m in network.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    assert len(layers) > 10 and all(issubclass(layer, torch.nn.SyncBatchNorm) for layer in layers)
    assert list(network.state_dict()) == list(before.state_dict())
    mine = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert mine == {id(p) for p in network.parameters()}
    image, heat = torch.randint(0, 256, (4, 3, 32, 32)), torch.rand(4, 32, 32)
    for one in (before, network):
        torch.manual_seed(0)
        answers += [one.train()(image, heat).detach(), one.eval()(image, heat).detach()]
    torch.testing.assert_close(answers[:2], answers[2:])
    for (name, a), b in zip(before.state_dict().items(), network.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, msg=name)


PAIR = """
import json, os, sys
from amodal.cli.recipe_file import build
from amodal.training import loop
from amodal.training.config import Recipe
from amodal.training.run import run_training

recipes, ports = ([build(Recipe, value) for value in json.loads(sys.argv[1])], sys.argv[2:])
real, steps = loop._step, [0]

def step(*args):
    steps[0] += 1
    if steps[0] == 4:
        raise KeyboardInterrupt
    return real(*args)

for recipe, resume, port in zip((*recipes, recipes[1]), (False, False, True), ports):
    os.environ["MASTER_PORT"] = port
    loop._step = step if recipe is recipes[1] and not resume else real
    try:
        run_training(recipe, resume=resume)
    except KeyboardInterrupt:
        print("stopped")
"""


def free_ports(count: int) -> list[str]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("localhost", 0))
        return [str(one.getsockname()[1]) for one in sockets]


def test_two_processes_with_batch_normalisation_go_on_bit_for_bit(
    make_recipe: Make, tmp_path: Path, root: Path
) -> None:
    """Stopped in the second phase, which is told what the first one's network answers: the same one in both."""
    recipes = [
        make_recipe(
            {"steps": 4, "phases": (2, 2), "batch_size": 8},
            {"steps": 2, "batch_size": 8},
            output=str(tmp_path / name),
            checkpoint_every=1,
            validation_examples=4,
            keep="last",
        )
        for name in ("whole", "stopped")
    ]
    words = [sys.executable, "-c", PAIR, json.dumps([asdict(recipe) for recipe in recipes]), *free_ports(3)]
    env = {**os.environ, "PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1", "WORLD_SIZE": "2"}
    ranks = [
        subprocess.Popen(
            words,
            env={**env, "RANK": str(rank), "LOCAL_RANK": str(rank), "MASTER_ADDR": "localhost"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in ranks:
        shown, told = process.communicate(timeout=300)
        assert process.returncode == 0 and "stopped" in shown.splitlines(), told[-3000:]
    for role, steps in (("modal", 4), ("amodal", 2)):
        found, expected = (finished_weights(Path(recipe.output) / role, steps) for recipe in reversed(recipes))
        assert any("running_mean" in name for name in expected)
        for name, value in expected.items():
            assert torch.equal(found[name], value), f"{role}: {name}"


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


def test_a_rank_that_is_no_number_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "first")
    with pytest.raises(AmodalError, match=r"RANK and WORLD_SIZE are whole numbers.*first"):
        processes.this_process()
