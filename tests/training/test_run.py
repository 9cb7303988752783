"""Real runs on drawn shapes: what a run gives, and that stopping it changes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from amodal.core.errors import ImageError, RecipeError
from amodal.core.locks import take_lock
from amodal.core.masks import Mask
from amodal.models.weights import build_network
from amodal.synthesis.material import Material
from amodal.training import fingerprint, loop
from amodal.training.config import DataSource, Recipe
from amodal.training.data import make_streams, validation_batches
from amodal.training.run import STAGES, run_training
from amodal.training.ship import train_and_ship
from amodal.training.stages import AmodalStage, ModalStage
from amodal.training.validate import validate

Make = Callable[..., Recipe]


SCORES = ("loss", "iou", "iou_occluded", "iou_clear")


def weights(networks: tuple[nn.Module, nn.Module]) -> dict[str, Tensor]:
    return {f"{role}.{k}": v for role, n in zip("ma", networks, strict=True) for k, v in n.state_dict().items()}


def assert_same(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    different = [name for name in a if not torch.equal(a[name], b[name])]
    assert not different, different


def log_lines(recipe: Recipe, stage: str) -> list[dict[str, Any]]:
    lines = (Path(recipe.output) / stage / "log.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "examples_per_second"} for line in lines]


def elsewhere(recipe: Recipe, tmp_path: Path, name: str, **changes: Any) -> Recipe:
    fields = {name: getattr(recipe, name) for name in asdict(recipe)}
    return Recipe(**(fields | {"output": str(tmp_path / name)} | changes))


class Stopped(Exception):
    """What a test stops a run with."""


@pytest.fixture
def stop_before(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """Makes runs stop before their n-th step, both stages counted; None: no more."""
    real = loop._step

    def arm(count: int | None) -> None:
        left = [count]

        def step(*args: Any) -> float:
            if left[0] is not None:
                if left[0] == 0:
                    raise Stopped
                left[0] -= 1
            return real(*args)

        monkeypatch.setattr(loop, "_step", step)

    return arm


def test_a_run_learns_and_leaves_its_papers(make_recipe: Make) -> None:
    recipe = make_recipe(modal={"steps": 40, "batch_size": 8}, amodal={"steps": 40, "batch_size": 8}, validate_every=20)
    networks = run_training(recipe)
    for stage in ("modal", "amodal"):
        lines = log_lines(recipe, stage)
        scores = [line for line in lines if "val_iou" in line]
        assert [line["step"] for line in lines if "loss" in line] == [20, 40]
        assert [line["step"] for line in scores] == [20, 40]
        assert scores[-1]["val_loss"] < 0.6 and scores[-1]["val_iou"] > 0.4, scores  # chance is about 0.7 and 0
    assert json.loads((Path(recipe.output) / "recipe.json").read_text()) == json.loads(json.dumps(asdict(recipe)))
    assert not any(network.training for network in networks)
    assert {p.device.type for network in networks for p in network.parameters()} == {"cpu"}
    found = sorted(str(p.relative_to(recipe.output)) for p in Path(recipe.output).rglob("*") if p.is_file())
    each = [
        f"{stage}/{name}" for stage in ("amodal", "modal") for name in ("checkpoint.pt", "log.jsonl", "recipe.json")
    ]
    assert found == [".lock", *each, "recipe.json"]


def test_the_same_seed_gives_the_same_weights_whatever_the_workers(make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe(seed=3)
    first = weights(run_training(recipe))
    for name, changes in (("again", {"checkpoint_every": 100}), ("workers", {"workers": 2})):
        assert_same(weights(run_training(elsewhere(recipe, tmp_path, name, **changes))), first)
    other = weights(run_training(elsewhere(recipe, tmp_path, "other", seed=4)))
    assert not torch.equal(other["m.score.weight"], first["m.score.weight"])
    assert not torch.equal(other["a.score.weight"], first["a.score.weight"])


def assert_goes_on(whole: Recipe, tmp_path: Path, stop_before: Callable[[int | None], None], *stops: int) -> None:
    """Runs that stop after so many steps and are resumed end as the whole one."""
    expected = weights(run_training(whole))
    for steps_done in stops:
        recipe = elsewhere(whole, tmp_path, f"stopped_{steps_done}")
        stop_before(steps_done)
        with pytest.raises(Stopped):
            run_training(recipe)
        stop_before(None)
        assert_same(weights(run_training(recipe, resume=True)), expected)
        for stage in ("modal", "amodal"):
            assert log_lines(recipe, stage) == log_lines(whole, stage), steps_done


def test_a_stopped_run_goes_on_as_if_it_had_not(
    make_recipe: Make, tmp_path: Path, stop_before: Callable[[int | None], None]
) -> None:
    whole = make_recipe(modal={"optimizer": "sgd", "momentum": 0.9})
    assert_goes_on(whole, tmp_path, stop_before, 2, 5, 6, 11)


def test_a_stopped_run_that_keeps_the_mean_knows_its_start_still(
    make_recipe: Make,
    tmp_path: Path,
    stop_before: Callable[[int | None], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("amodal.inference.export.export_onnx", lambda network, path: path.write_text("graph") * 0.0)
    first = make_recipe(thresholds="paper", calibration_examples=0)
    start = str(train_and_ship(first))
    wider = {  # what is new in them is random at first
        name: replace(stage, network=replace(stage.network, widths=(6, *stage.network.widths[1:])))
        for name, stage in (("modal", first.modal), ("amodal", first.amodal))
    }
    later = replace(first, **wider, backbone_weights="", start_from=start, keep="mean")  # type: ignore[arg-type]
    whole = elsewhere(later, tmp_path, "whole")
    assert_goes_on(whole, tmp_path, stop_before, 5, 8)
    for stage in ("modal", "amodal"):
        assert log_lines(whole, stage)[-1].keys() == {"step", *(f"mean_{k}" for k in SCORES)}


def test_a_finished_run_resumed_gives_its_networks(make_recipe: Make, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = make_recipe()
    expected = weights(run_training(recipe))
    before = log_lines(recipe, "amodal")
    first = capsys.readouterr().out
    assert_same(weights(run_training(recipe, resume=True)), expected)
    assert log_lines(recipe, "amodal") == before
    again = capsys.readouterr().out
    assert "was trained" not in first and all(f"{name}: was trained to step 6\n" in again for name in STAGES)
    best = {n: max(line.get("val_iou", 0.0) for line in log_lines(recipe, n)) for n in STAGES}
    for told in (first, again):
        assert told.startswith("training on 6 photographs")
        assert all(f" are kept, validation iou {best[name]:.4f}\n" in told for name in STAGES)


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from amodal.training import fingerprint, loop
from amodal.cli.recipe_file import build
from amodal.training.config import Recipe
from amodal.training.run import run_training
import json

real, written = loop.write_checkpoint, []

def write(folder, state):
    written.append(folder)
    if len(written) == 4:  # the second of the amodal stage: half of it reaches the disk
        (Path(folder) / ".checkpoint.pt.part").write_bytes(b"half")
        with (Path(folder) / "log.jsonl").open("a") as log:
            log.write('{"step": 6, "lo')
        os.kill(os.getpid(), signal.SIGKILL)
    real(folder, state)

loop.write_checkpoint = write
run_training(build(Recipe, json.loads(sys.argv[1])))
"""


def test_a_killed_run_goes_on_as_if_it_had_not(make_recipe: Make, tmp_path: Path, root: Path) -> None:
    whole = make_recipe()
    expected = weights(run_training(whole))
    recipe = elsewhere(whole, tmp_path, "killed")
    ran = subprocess.run(
        [sys.executable, "-c", KILLED, json.dumps(asdict(recipe))],
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    assert_same(weights(run_training(recipe, resume=True)), expected)
    assert log_lines(recipe, "amodal") == log_lines(whole, "amodal")
    assert not list(Path(recipe.output).rglob("*.part"))


def test_the_best_by_validation_is_kept(make_recipe: Make) -> None:
    """Trained at a constant and much too high a rate, a later network is worse than an earlier one."""
    wild = {"steps": 12, "schedule": "constant", "lr": 0.2, "backbone_lr": 0.2, "clip_norm": 0.0, "ema_decay": 0.0}
    recipe = make_recipe(modal=wild, amodal=wild)
    modal, amodal = run_training(recipe)
    validation = make_streams(recipe)[1]
    assert validation is not None
    checks = list(validation_batches(validation, recipe.modal.batch_size))
    stages = {"modal": (ModalStage(recipe.modal), modal), "amodal": (AmodalStage(recipe.amodal, modal), amodal)}
    earlier = 0
    for name, (stage, network) in stages.items():
        judged = {line["step"]: line["val_iou"] for line in log_lines(recipe, name) if "val_iou" in line}
        assert list(judged) == [2, 4, 6, 8, 10, 12]
        saved = torch.load(Path(recipe.output) / name / "checkpoint.pt", weights_only=True)
        best = max(judged, key=lambda step: judged[step])
        assert saved["best_step"] == best and saved["best_score"] == pytest.approx(judged[best], abs=1e-6)
        assert validate(stage, network, checks)["iou"] == pytest.approx(judged[best], abs=1e-6)
        earlier += best < 12
    assert earlier, "no run had its best before its end: the test shows nothing"


def test_without_validation_the_last_average_is_kept(make_recipe: Make, drawn: Path) -> None:
    source = DataSource(str(drawn / "images"), str(drawn / "annotations.json"))
    recipe = make_recipe(data=(source,))
    modal, _ = run_training(recipe)
    saved = torch.load(Path(recipe.output) / "modal" / "checkpoint.pt", weights_only=True)
    assert saved["best"] is None and saved["step"] == 6
    assert_same(modal.state_dict(), saved["average"])
    assert not torch.equal(saved["average"]["score.weight"], saved["network"]["score.weight"])


def test_the_paper_s_way(make_recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last weights are kept, and examples weigh by what each network sees of them."""
    seen: list[tuple[Tensor, Tensor]] = []
    real = loop.seen_weight
    monkeypatch.setattr(loop, "seen_weight", lambda box, px: seen.append((box, real(box, px))) or seen[-1][1])
    wild = {"steps": 4, "schedule": "constant", "lr": 0.2, "ema_decay": 0.0, "weight_by": "seen"}
    recipe = make_recipe(modal=wild, amodal=wild | {"weight_by": "patch"}, keep="last")
    modal, _ = run_training(recipe)
    saved = torch.load(Path(recipe.output) / "modal" / "checkpoint.pt", weights_only=True)
    assert saved["best"] is None and any("val_iou" in line for line in log_lines(recipe, "modal"))
    assert_same(modal.state_dict(), saved["network"])
    assert len(seen) == 4  # the modal stage's steps
    for step, (box, weight) in enumerate(seen):
        examples = [make_streams(recipe)[0][4 * step + i] for i in range(4)]
        torch.testing.assert_close(box, torch.stack([torch.as_tensor(e["modal_box"]) for e in examples]))
        width, height = (box[:, 2:] - box[:, :2]).T
        torch.testing.assert_close(weight, (width * height / 24**2).clamp(max=1))


def test_the_amodal_network_starts_from_the_modal_one(make_recipe: Make) -> None:
    still = {"lr": 0.0, "backbone_lr": 0.0}
    modal, amodal = run_training(make_recipe(amodal=still))
    for (name, a), b in zip(amodal.named_parameters(), modal.parameters(), strict=True):
        assert torch.equal(a, b), name


def test_the_backbone_starts_from_its_file(make_recipe: Make, tmp_path: Path) -> None:
    donor = build_network(make_recipe().modal.network).backbone
    whole = timm.create_model("test_efficientnet")
    save_file(whole.state_dict(), tmp_path / "backbone.safetensors")
    recipe = make_recipe(
        modal={"backbone_lr": 0.0, "ema_decay": 0.0}, backbone_weights=str(tmp_path / "backbone.safetensors")
    )
    modal, _ = run_training(recipe)
    expected = whole.state_dict()
    names = [name for name, _ in donor.named_parameters() if name != "conv_stem.weight"]
    assert len(names) > 20
    for name in names:
        assert torch.equal(modal.backbone.state_dict()[name], expected[name]), name


def test_a_network_for_each_category(make_recipe: Make) -> None:
    recipe = make_recipe()
    two = (
        {"network": replace(recipe.modal.network, num_categories=2)},
        {"network": replace(recipe.amodal.network, num_categories=2)},
    )
    modal, amodal = run_training(make_recipe(modal=two[0], amodal=two[1]))
    assert modal.score.out_channels == amodal.score.out_channels == 2
    three = replace(recipe.modal.network, num_categories=3), replace(recipe.amodal.network, num_categories=3)
    with pytest.raises(RecipeError, match="num_categories is 0 or the 2 of the data; found 3"):
        run_training(make_recipe(modal={"network": three[0]}, amodal={"network": three[1]}, output="nowhere"))


def test_an_existing_run_is_not_run_over(make_recipe: Make) -> None:
    recipe = make_recipe(modal={"steps": 3}, amodal={"steps": 1})
    run_training(recipe)
    before = (Path(recipe.output) / "modal" / "checkpoint.pt").read_bytes()
    with pytest.raises(RecipeError, match=f"{recipe.output}: a new run needs a folder of its own.*--resume"):
        run_training(recipe)
    assert (Path(recipe.output) / "modal" / "checkpoint.pt").read_bytes() == before


def test_one_training_at_a_time_writes_into_a_folder(make_recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amodal.training.run._PATIENCE_S", 0.5)
    recipe = make_recipe(modal={"steps": 1}, amodal={"steps": 1})
    run_training(recipe)
    before = {p: p.read_bytes() for p in Path(recipe.output).rglob("*") if p.is_file()}
    with (Path(recipe.output) / ".lock").open("ab") as other:
        assert take_lock(other, wait=False)
        with pytest.raises(RecipeError, match=f"{recipe.output}: one training at a time"):
            run_training(recipe, resume=True)
    assert {p: p.read_bytes() for p in Path(recipe.output).rglob("*") if p.is_file()} == before
    monkeypatch.undo()
    with (Path(recipe.output) / ".lock").open("ab") as other:  # of one that is ending
        assert take_lock(other, wait=False)
        Timer(0.3, other.close).start()
        run_training(recipe, resume=True)


def test_another_recipe_is_refused_and_nothing_of_the_run_changed(make_recipe: Make) -> None:
    recipe = make_recipe(modal={"steps": 3}, amodal={"steps": 1})
    run_training(recipe)
    before = {p: p.read_bytes() for p in Path(recipe.output).rglob("*") if p.is_file()}
    for other in ({"seed": 1}, {"modal": {"steps": 4}}, {"validation_examples": 4}):
        with pytest.raises(RecipeError, match=r"checkpoint\.pt: a run resumes with the recipe it began with"):
            run_training(make_recipe(**({"modal": {"steps": 3}, "amodal": {"steps": 1}} | other)), resume=True)
    assert {p: p.read_bytes() for p in Path(recipe.output).rglob("*") if p.is_file()} == before


def test_other_photographs_under_the_same_name_are_refused(make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe(modal={"steps": 2}, amodal={"steps": 1})
    source = recipe.data[0]
    annotations = tmp_path / "changing.json"
    content = json.loads(Path(source.annotations).read_text())
    side = content["images"][0]["width"]
    annotations.write_text(json.dumps(content))
    recipe = replace(recipe, data=(replace(source, annotations=str(annotations)), *recipe.data[1:]))
    run_training(recipe)
    run_training(recipe, resume=True)
    before = {p: p.read_bytes() for p in Path(recipe.output).rglob("*") if p.is_file()}
    for changed in content["annotations"]:  # of the same boxes
        whole = Mask.from_polygons(changed["segmentation"], side, side).to_array()
        whole[tuple(np.argwhere(whole).mean(axis=0).astype(int))] = False
        changed["segmentation"] = Mask.from_array(whole).to_rle()
    annotations.write_text(json.dumps(content))
    with pytest.raises(RecipeError, match=r"checkpoint\.pt: a run resumes with the photographs and masks it began"):
        run_training(replace(recipe, threads=recipe.threads + 1), resume=True)
    assert {p: p.read_bytes() for p in Path(recipe.output).rglob("*") if p.is_file()} == before


def test_a_run_that_diverges_says_so(make_recipe: Make) -> None:
    wild = {"optimizer": "sgd", "lr": 999.0, "backbone_lr": 999.0, "clip_norm": 0.0, "loss": "sum", "steps": 40}
    recipe = make_recipe(modal=wild | {"warmup_steps": 0})
    with pytest.raises(RecipeError, match=r"diverged: the loss of step \d+ is not finite; found .*Lower lr"):
        run_training(recipe)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_picture_that_goes_missing_is_one_line(
    make_recipe: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workers: int
) -> None:
    recipe = make_recipe(workers=workers)
    empty = DataSource(str(tmp_path), recipe.data[0].annotations)
    monkeypatch.setattr(Material, "warm", lambda self: 0)  # so that a worker meets it, not the trainer
    monkeypatch.setattr("amodal.training.run.check_pictures", lambda stream: None)  # gone after that
    with pytest.raises(ImageError) as caught:
        run_training(elsewhere(recipe, tmp_path, "x", data=(empty,)))
    assert str(caught.value).startswith(str(tmp_path)) and "\n" not in str(caught.value)


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cuda", "mps", "meta"])
def test_a_device_that_is_not_there(make_recipe: Make, device: str) -> None:
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(RecipeError, match=r"device|GPU"):
        run_training(make_recipe(device=device))


def test_settings_that_came_later_count_once_they_are_used(make_recipe: Make) -> None:
    plain = make_recipe()

    def names(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value) | set().union(*map(names, value.values()))
        return set().union(*map(names, value)) if isinstance(value, tuple | list) else set()

    assert names(asdict(plain)) >= fingerprint._ADDED_LATER  # each is a setting
    used = replace(plain, synthesis=replace(plain.synthesis, behind=0.1)), replace(plain, photometric=0.5)
    used += (replace(plain, bad_records="skip"),)  # it changes what is trained on
    assert len({fingerprint.fingerprint_of(recipe) for recipe in (plain, *used)}) == 4
    same = replace(plain, synthesis=replace(plain.synthesis, clear=None))
    assert fingerprint.fingerprint_of(same) == fingerprint.fingerprint_of(plain)
