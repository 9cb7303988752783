"""IIS in phases, networks taken from other runs, the supplement's two ablations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from amodal.core.errors import RecipeError
from amodal.models.config import ModelConfig
from amodal.models.weights import packed
from amodal.synthesis.draw import draw_example
from amodal.synthesis.settings import ExampleShape
from amodal.training.config import Recipe, StageSettings
from amodal.training.data import Batch, make_streams
from amodal.training.log import Log
from amodal.training.run import run_training
from amodal.training.ship import is_trained
from amodal.training.stages import ModalStage, whole_label
from amodal.training.taken import finished_modal

Make = Callable[..., Recipe]


class Adds(nn.Module):
    """Answers with heat a tenth above what it is told, everywhere the same."""

    def __init__(self) -> None:
        super().__init__()
        self.config = ModelConfig(patch_px=32, heat_px=16)
        self.asked: list[Tensor] = []

    def forward(self, image: Tensor, heat: Tensor, category: Tensor | None = None) -> Tensor:
        self.asked.append(heat)
        return torch.logit(heat.mean((1, 2)) + 0.1).view(-1, 1, 1).expand(-1, 16, 16)


@pytest.fixture
def batch(make_recipe: Make) -> Batch:
    return next(iter(DataLoader(make_streams(make_recipe())[0], batch_size=6, sampler=range(6))))


def test_a_phase_builds_on_the_networks_of_all_earlier_ones(batch: Batch, tmp_path: Path) -> None:
    stage = ModalStage(StageSettings(steps=9, phases=(3, 3, 3)))
    network = Adds()
    for step in range(1, 7):
        stage.after(step, network, tmp_path, write=True)
    assert len(stage.earlier) == 2 and sorted(p.name for p in tmp_path.iterdir()) == ["phase1.pt", "phase2.pt"]
    stage(network, batch, {"passes": torch.tensor([0, 1, 2, 2, 1, 0])})
    told = network.asked[-1].mean((1, 2))
    torch.testing.assert_close(told, torch.tensor([0.5, 0.6, 0.7, 0.7, 0.6, 0.5]), atol=1e-5, rtol=0)
    stage(network, batch, None)
    assert (network.asked[-1] == 0.5).all()
    again = ModalStage(StageSettings(steps=9, phases=(3, 3, 3)))
    again.restore(5, network, tmp_path)
    assert len(again.earlier) == 1 and not again.earlier[0].training


def test_the_whole_mask_over_the_modal_box(batch: Batch) -> None:
    """Against the label read at the cells' centres; apart from edges both agree."""
    found, given = whole_label(batch), batch["amodal_label"]
    assert found.shape == (6, 16, 16) and found.dtype == torch.int8
    agree = []
    for i in range(6):
        frame, box = batch["frame_box"][i].numpy(), batch["modal_box"][i].numpy()
        centre = (np.arange(16) + 0.5) / 16
        x, y = (box[k] + centre * (box[k + 2] - box[k]) for k in (0, 1))
        column, row = (
            np.floor((v - frame[k]) / (frame[k + 2] - frame[k]) * 20).astype(int) for k, v in ((0, x), (1, y))
        )
        inside = ((column >= 0) & (column < 20))[None] & ((row >= 0) & (row < 20))[:, None]
        near = given[i].numpy()[row.clip(0, 19)[:, None], column.clip(0, 19)[None]]
        agree.append((np.where(inside, near, -1) == found[i].numpy()).mean())
    assert np.mean(agree) > 0.9
    visible, whole = batch["modal_label"] == 1, found == 1
    occluded = batch["hidden_share"] > 0.15
    assert occluded.any() and (whole.sum((1, 2)) > visible.sum((1, 2)))[occluded].float().mean() > 0.6


def test_the_modal_network_of_another_run(make_recipe: Make, tmp_path: Path) -> None:
    first = make_recipe(output=str(tmp_path / "first"), stages=("modal",))
    modal, none = run_training(first)
    assert none is None and not (tmp_path / "first" / "amodal").exists()
    second = make_recipe(output=str(tmp_path / "second"), modal_from=str(tmp_path / "first"))
    taken, amodal = run_training(second)
    assert amodal is not None and not (tmp_path / "second" / "modal").exists()
    for name, tensor in modal.state_dict().items():
        assert torch.equal(taken.state_dict()[name], tensor), name


def test_networks_that_cannot_be_taken(make_recipe: Make, tmp_path: Path) -> None:
    asked = {"modal_from": str(tmp_path / "run0"), "output": str(tmp_path / "run1")}
    with pytest.raises(RecipeError, match=r"run0/modal/checkpoint\.pt: modal_from is the folder of a run"):
        run_training(make_recipe(**asked))
    run_training(make_recipe(output=str(tmp_path / "run0"), stages=("modal",)))
    wider = [{"network": replace(stage.network, grid=4)} for stage in (make_recipe().modal, make_recipe().amodal)]
    with pytest.raises(RecipeError, match="modal_from names; grid is not"):
        run_training(make_recipe(*wider, **asked))
    path = tmp_path / "run0" / "recipe.json"
    content = json.loads(path.read_text())
    content["modal"]["steps"] = 7
    path.write_text(json.dumps(content))
    with pytest.raises(RecipeError, match=r"trained to its end, 7 steps; found 6"):
        run_training(make_recipe(**asked))
    del content["modal"]["network"]["others"]  # a setting that came later than that run
    content["modal"]["steps"] = 6
    path.write_text(json.dumps(content))
    assert len(finished_modal(make_recipe(**asked)).state_dict())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, r"recipe\.json \(FileNotFoundError"),
        ("{", r"recipe\.json \(JSONDecodeError"),
        ("[]", r"recipe\.json \(TypeError"),
        ("{}", r"recipe\.json \(KeyError: 'modal'"),
        ('{"modal": {}}', r"recipe\.json \(KeyError: 'network'"),
        ('{"modal": {"network": {}}}', r"recipe\.json \(KeyError: 'steps'"),
        ('{"modal": {"network": [], "steps": 6}}', r"modal\.network, an object, and modal\.steps, a whole number"),
        ('{"modal": {"network": {}, "steps": "6"}}', r"modal\.network, an object, and modal\.steps, a whole number"),
        ('{"modal": {"network": {}, "steps": 6}}', r"modal\.network is that of the run"),
    ],
)
def test_a_run_that_says_odd_things(make_recipe: Make, tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(RecipeError, match=rf"^{tmp_path}/recipe\.json: .*{said}.*\. Train |{said}.*\. Give "):
        finished_modal(make_recipe(modal_from=str(tmp_path)))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ([1], "a checkpoint is what training wrote; found <class 'list'>"),
        ({"step": 6}, "a checkpoint is what training wrote"),
        ({"step": 6, "best": None, "average": {"x": torch.zeros(1)}}, "the network of its run's recipe.json"),
    ],
)
def test_a_checkpoint_of_something_else(make_recipe: Make, tmp_path: Path, state: Any, said: str) -> None:
    recipe = make_recipe(modal_from=str(tmp_path))
    (tmp_path / "recipe.json").write_text(json.dumps(asdict(recipe)))
    (tmp_path / "modal").mkdir()
    torch.save(state, tmp_path / "modal/checkpoint.pt")
    with pytest.raises(RecipeError, match=said):
        finished_modal(recipe)


def test_a_run_goes_on_with_the_modal_weights_it_began_with(make_recipe: Make, tmp_path: Path) -> None:
    few = {"modal": {"steps": 2}, "amodal": {"steps": 2}, "validation_examples": 4}
    first = make_recipe(**few, output=str(tmp_path / "first"), stages=("modal",))
    run_training(first)
    asked = few | {"output": str(tmp_path / "second")}
    expected = run_training(make_recipe(**asked, modal_from=str(tmp_path / "first")))[1]
    (tmp_path / "first").rename(tmp_path / "moved")
    moved = make_recipe(**asked, modal_from=str(tmp_path / "moved"))
    again = run_training(moved, resume=True)[1]  # wherever they lie
    assert expected is not None and again is not None
    assert all(map(torch.equal, expected.state_dict().values(), again.state_dict().values()))
    assert not is_trained(moved)
    (tmp_path / "second/weights").mkdir()
    digest = hashlib.sha256(packed(again.state_dict(), "")).hexdigest()
    config = {"format": 1, "sha256": {"amodal.safetensors": digest}}
    (tmp_path / "second/weights/config.json").write_text(json.dumps(config))
    assert is_trained(moved)  # it has no modal stage of its own to look for
    before = {p: p.read_bytes() for p in (tmp_path / "second").rglob("*") if p.is_file()}
    file = tmp_path / "moved/modal/checkpoint.pt"
    state = torch.load(file, weights_only=True)
    state["best"]["score.weight"] += 1
    torch.save(state, file)
    other = (
        r"second/amodal/checkpoint\.pt: .*modal_from holds other weights now; found 'sha256 \w{12} after \w{12}'\. G"
    )
    with pytest.raises(RecipeError, match=other):
        run_training(moved, resume=True)
    with pytest.raises(RecipeError, match="holds other weights now; found 'sha256 none after"):
        run_training(make_recipe(**asked), resume=True)
    assert {p: p.read_bytes() for p in (tmp_path / "second").rglob("*") if p.is_file()} == before


def test_one_fixed_example_an_object(make_recipe: Make) -> None:
    plain = make_recipe()
    training = make_streams(make_recipe(synthesis=replace(plain.synthesis, fixed=True)))[0]
    shape = ExampleShape(32, 16, 20)
    seen: dict[int, Any] = {}
    counts: dict[int, int] = {}
    for index in range(40):
        example, _ = draw_example(training.material, shape, seed=0, epoch=index % 3, index=index)
        key = int(example.annotation_id)
        counts[key] = counts.get(key, 0) + 1
        if key in seen:
            for name in ("amodal_patch", "amodal_label", "modal_box", "modal_patch"):
                assert np.array_equal(getattr(example, name), getattr(seen[key], name)), name
        seen[key] = example
    assert len(seen) > 6 and max(counts.values()) > 2
    other, _ = draw_example(training.material, shape, seed=1, epoch=0, index=0)
    assert not np.array_equal(other.amodal_patch, seen[int(other.annotation_id)].amodal_patch)
    drawn = [draw_example(make_streams(plain)[0].material, shape, seed=0, epoch=0, index=i)[0] for i in range(40)]
    key = max(seen, key=lambda k: counts[k])
    assert len({e.amodal_patch.tobytes() for e in drawn if e.annotation_id == key}) > 1


def test_tensorboard_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(RecipeError, match=r"Run pip install 'amodal\[tensorboard\]'"):
        Log(tmp_path, 0, tensorboard=True)


def test_tensorboard_gets_what_the_log_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Any] = []

    class Writer:
        def __init__(self, folder: str, purge_step: int) -> None:
            written.append((Path(folder).name, purge_step))

        def add_scalar(self, *scalar: Any) -> None:
            written.append(scalar)

        def flush(self) -> None:
            written.append("flush")

    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", type("M", (), {"SummaryWriter": Writer}))
    Log(tmp_path, 20, tensorboard=True).write(40, loss=0.5, rate=3.0)
    assert written == [("tensorboard", 21), ("loss", 0.5, 40), ("rate", 3.0, 40), "flush"]


def test_tensorboard_itself_reads_a_resumed_run(tmp_path: Path) -> None:
    """What was written after the step a killed run goes on from is gone."""
    read = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    first = Log(tmp_path, 0, tensorboard=True)
    for step in (20, 40, 60):
        first.write(step, loss=1 / step, val_iou=0.5)
    again = Log(tmp_path, 40, tensorboard=True)
    again.write(60, loss=0.5)
    again.write(80, loss=0.25)
    events = read.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    found = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert found["loss"] == [(20, pytest.approx(0.05)), (40, pytest.approx(0.025)), (60, 0.5), (80, 0.25)]
    assert found["val_iou"] == [(20, 0.5), (40, 0.5)]
