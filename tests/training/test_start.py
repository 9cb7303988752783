"""Runs that start from trained weights, and networks that are told of other objects."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from amodal.core.errors import RecipeError, WeightsError
from amodal.inference.calibration import FEATURES
from amodal.inference.detectors.base import package_folder
from amodal.inference.folder import update_config
from amodal.models.weights import build_network, config_dict, load_network, save_network
from amodal.models.yolox import YoloxNano, load_yolox
from amodal.training import loop, ship
from amodal.training.config import Recipe
from amodal.training.fingerprint import fingerprint_of
from amodal.training.run import run_training
from amodal.training.ship import is_trained, train_and_ship
from amodal.training.start import check_start, start_from

Make = Callable[..., Recipe]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No ONNX: its export takes seconds."""
    monkeypatch.setattr("amodal.inference.export.export_onnx", lambda network, path: path.write_text("graph") * 0.0)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run of `first` is kept: it is trained once."""
    return tmp_path_factory.mktemp("kept") / "first"


@pytest.fixture
def first(make_recipe: Make, tmp_path: Path, quick: None, kept: Path) -> Recipe:
    """A run that has been trained and shipped."""
    recipe = replace(make_recipe(calibration_examples=0, thresholds="paper"), output=str(tmp_path / "first"))
    if kept.exists():
        shutil.copytree(kept, recipe.output)
    else:
        train_and_ship(recipe)
        shutil.copytree(recipe.output, kept)
    return recipe


def telling(recipe: Recipe, **changes: object) -> Recipe:
    stages = {name: getattr(recipe, name) for name in ("modal", "amodal")}
    told = {name: replace(s, network=replace(s.network, others=True)) for name, s in stages.items()}
    synthesis = replace(recipe.synthesis, others_told=0.8)
    return replace(recipe, **told, synthesis=synthesis, backbone_weights="", **changes)  # type: ignore[arg-type]


def test_a_widened_network_answers_as_before(make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe()
    torch.manual_seed(0)
    network = build_network(recipe.modal.network).eval()
    folder = tmp_path / "weights"
    for role in ("modal", "amodal"):
        save_network(folder, role, network.state_dict())
    config = '{"format": 1, "networks": {"modal": {"backbone": "test_efficientnet", "patch_px": 32, "heat_px": 16, '
    (folder / "config.json").write_text(config + '"widths": [4, 6, 8, 8, 12], "grid": 3}}}')
    wider = build_network(replace(recipe.modal.network, others=True)).eval()
    start_from(wider, folder, "modal")
    same = build_network(recipe.modal.network).eval()
    start_from(same, folder, "modal")
    image, heat, others = torch.randint(0, 256, (2, 3, 32, 32)), torch.rand(2, 32, 32), torch.rand(2, 32, 32)
    with torch.no_grad():
        expected = same(image, heat)
        torch.testing.assert_close(wider(image, heat, None, others), expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(wider(image, heat), expected, atol=1e-5, rtol=1e-5)
    wide = (6, 6, 9, 16, 12)
    larger = build_network(replace(recipe.modal.network, others=True, widths=wide)).eval()
    start_from(larger, folder, "modal")
    with torch.no_grad():
        torch.testing.assert_close(larger(image, heat, None, others), expected, atol=1e-5, rtol=1e-5)
    larger.train()(image, heat, None, others).sum().backward()
    assert larger.score.weight.grad[0, 4:].abs().sum() > 0  # type: ignore[union-attr,index]
    looking = build_network(replace(recipe.modal.network, others=True, detector="yolox_nano")).eval()
    start_from(looking, folder, "modal")
    with torch.no_grad():
        torch.testing.assert_close(looking(image, heat, None, others), expected, atol=1e-5, rtol=1e-5)
    looking.train()(image, heat, None, others).sum().backward()
    new = [level.detected[1].weight.grad for level in looking.levels if level.detected]  # type: ignore[union-attr,index]
    assert len(new) == 4 and all(gradient.abs().max() > 0 for gradient in new)
    for widths in ((4, 6, 8, 8, 11), (4, 6, 8, 8)):
        with pytest.raises(RecipeError, match=r"starts from; widths is not"):
            check_start(replace(recipe.modal.network, widths=widths), folder, "modal")
    other = build_network(replace(recipe.modal.network, grid=5, widths=wide, others=True))  # those could have grown
    with pytest.raises(RecipeError, match=r"the modal network is that of the weights it starts from; grid is not"):
        start_from(other, folder, "modal")


def test_a_run_goes_on_from_weights_and_learns_what_it_is_told(first: Recipe, tmp_path: Path) -> None:
    folder = Path(first.output) / "weights"
    assert is_trained(first)
    second = telling(first, output=str(tmp_path / "second"), start_from=str(folder), keep="last")
    modal, amodal = run_training(second)
    assert amodal is not None
    stem = "backbone." + next(name for name, _ in modal.backbone.named_parameters())  # type: ignore[union-attr,operator]
    for network in (modal, amodal):
        weight = network.state_dict()[stem]
        assert weight.shape[1] == 5 and weight[:, 4].abs().max() > 0  # from zero: it has been trained
    # resumed, it is the same run; started from other weights, it is another
    assert run_training(second, resume=True)[1] is not None
    before = fingerprint_of(second)
    with torch.no_grad():
        modal.score.weight += 1  # type: ignore[union-attr,operator]
    save_network(folder, "modal", modal.state_dict())
    update_config(folder, sha256={})
    assert fingerprint_of(second) != before
    with pytest.raises(RecipeError, match="a run resumes with the recipe it began with"):
        run_training(second, resume=True)


def test_a_detector_is_looked_at_and_stays_as_it_ships(first: Recipe, tmp_path: Path) -> None:
    look = {
        name: replace(stage, steps=2, network=replace(stage.network, detector="yolox_nano"))
        for name, stage in (("modal", first.modal), ("amodal", first.amodal))
    }
    file = YoloxNano()
    load_yolox(file, package_folder() / "yolox" / "yolox_nano.onnx")
    later = replace(first, **look, keep="last", backbone_weights="")
    for name, start in (("fresh", ""), ("on", str(Path(first.output) / "weights"))):
        for network in run_training(replace(later, output=str(tmp_path / name), start_from=start)):
            state = network.detector.state_dict()  # type: ignore[union-attr]
            assert all(torch.equal(value, state[key]) for key, value in file.state_dict().items())
            taken = network.levels[-2].detected[1].weight  # type: ignore[union-attr,index]
            assert start == "" or taken.abs().max() > 0  # from zero: it has been trained
    alone = replace(later, amodal=first.amodal, output=str(tmp_path / "alone"), start_from=start)
    modal, amodal = run_training(alone)
    assert modal.detector is not None and amodal is not None and amodal.detector is None
    assert fingerprint_of(later) != fingerprint_of(first)
    with pytest.raises(RecipeError, match=r"starts from; detector is not"):
        without = replace(
            first, start_from=str(train_and_ship(replace(later, output=str(tmp_path / "fresh")), resume=True))
        )
        run_training(replace(without, output=str(tmp_path / "back"), backbone_weights=""))


def test_half_way_from_the_start_to_the_end(make_recipe: Make, first: Recipe, tmp_path: Path) -> None:
    start = Path(first.output) / "weights"
    later = replace(make_recipe(), start_from=str(start), backbone_weights="")
    own = replace(later, output=str(tmp_path / "mean"), keep="mean")
    with pytest.raises(RecipeError, match="half way from those") as refused:
        replace(own, start_from="")
    assert refused.value.remedy == "give start_from, or keep best or last"
    last = run_training(replace(later, output=str(tmp_path / "last"), keep="last", stages=("modal",)))[0]
    mean = run_training(replace(own, stages=("modal",)))[0].state_dict()
    before, end = load_network(start, "modal").state_dict(), last.state_dict()
    moved = 0
    for name, value in mean.items():
        if value.is_floating_point():
            assert torch.allclose(value, (before[name] + end[name]) / 2, atol=1e-6)
            moved += not torch.equal(before[name], value)
        else:
            assert torch.equal(value, end[name])
    assert moved > 20
    # what another run takes of it, and what it is when resumed, is the mean, too
    resumed = run_training(replace(own, stages=("modal",)), resume=True)[0].state_dict()
    taking = replace(later, output=str(tmp_path / "taking"), modal_from=own.output, keep="last")
    taken = run_training(taking)[0].state_dict()
    assert all(torch.equal(value, resumed[name]) and torch.equal(value, taken[name]) for name, value in mean.items())


def test_weights_that_training_only_harms_are_kept(
    first: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    scores = iter(range(100, 0, -1))
    monkeypatch.setattr("amodal.training.loop.validate", lambda *a: {"loss": 1.0, "iou": float(next(scores))})
    later = replace(first, output=str(tmp_path / "later"), start_from=str(Path(first.output) / "weights"))
    modal, amodal = run_training(replace(later, backbone_weights=""))
    assert amodal is not None
    told = capsys.readouterr().out
    for role, network in (("modal", modal), ("amodal", amodal)):
        assert f"{role}: nothing was better on validation than the weights it started from, which are kept" in told
        before = load_network(later.start_from, role).state_dict()  # type: ignore[arg-type]
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
        steps = [
            json.loads(line)["step"] for line in (tmp_path / "later" / role / "log.jsonl").read_text().splitlines()
        ]
        assert steps[0] == 0 and steps.count(0) == 1


def test_what_was_chosen_for_the_start_is_kept_where_nothing_is_validated(first: Recipe, tmp_path: Path) -> None:
    folder = Path(first.output) / "weights"
    config = json.loads((folder / "config.json").read_text())
    config["prediction"] |= {"modal_threshold": 0.45, "mirror": True, "iis_passes": 2}
    fit = {"features": list(FEATURES), "weights": [0.1] * 5, "bias": -1.0}
    (folder / "config.json").write_text(json.dumps(config | {"calibration": {"box": fit}}))
    data = (replace(first.data[0], validation=""),)
    later = replace(first, data=data, start_from=str(folder), backbone_weights="")
    kept = [
        json.loads(
            (train_and_ship(replace(later, output=str(tmp_path / name), thresholds=name)) / "config.json").read_text()
        )
        for name in ("validation", "paper")
    ]
    assert kept[0]["prediction"] == config["prediction"] and kept[0]["calibration"] == {"box": fit}
    assert kept[1]["prediction"]["modal_threshold"] == 0.8 and "calibration" not in kept[1]


def test_a_recipe_is_trained_when_its_weights_are_there(
    make_recipe: Make, tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(make_recipe(), output=str(tmp_path / "run"))
    assert not is_trained(recipe)
    monkeypatch.setattr(ship, "choose_settings", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):  # stopped after training, before the weights were written
        train_and_ship(recipe)
    assert not is_trained(recipe)


def test_weights_that_are_not_the_run_s_are_written_anew(
    make_recipe: Make, tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a run before it in the folder, or of one that was killed while it wrote."""
    recipe = make_recipe({"steps": 2}, {"steps": 2}, calibration_examples=0, thresholds="paper", checkpoint_every=1)
    weights = train_and_ship(recipe)
    assert is_trained(recipe)
    whole = (weights / "config.json").read_text()
    (weights / "config.json").write_text("{")
    assert not is_trained(recipe)
    (weights / "config.json").write_text(whole)
    for stage in ("modal", "amodal"):
        shutil.rmtree(Path(recipe.output) / stage)
    later = replace(recipe, seed=9)
    real = loop.write_checkpoint

    def killed(folder: Path, state: dict[str, object]) -> None:
        real(folder, state)
        if folder.name == "amodal":
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "write_checkpoint", killed)
    with pytest.raises(KeyboardInterrupt):
        run_training(later)
    assert not is_trained(later)  # at its first step of two
    monkeypatch.undo()
    run_training(later, resume=True)
    assert (weights / "config.json").read_text() == whole and not is_trained(later)  # trained, but not written


def test_damaged_weights_are_refused_before_anything_is_trained(
    make_recipe: Make, first: Recipe, tmp_path: Path
) -> None:
    folder = Path(first.output) / "weights"
    content = bytearray((folder / "amodal.safetensors").read_bytes())
    content[-9] ^= 4
    (folder / "amodal.safetensors").write_bytes(content)
    later = make_recipe(output=str(tmp_path / "later"), start_from=str(folder), backbone_weights="")
    with pytest.raises(WeightsError, match=r"amodal\.safetensors: the file has the sha256 its config\.json gives"):
        run_training(later)
    assert not (tmp_path / "later").exists()


def test_another_shape_is_refused_before_anything_is_trained(make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe()
    folder, output = tmp_path / "weights", tmp_path / "run"
    networks = {role: config_dict(getattr(recipe, role).network) for role in ("modal", "amodal")}
    for role in ("modal", "amodal"):
        save_network(folder, role, build_network(getattr(recipe, role).network).state_dict())  # type: ignore[arg-type]
    networks["amodal"]["heat_px"] += 4
    (folder / "config.json").write_text(json.dumps({"format": 1, "networks": networks}))
    later = replace(recipe, output=str(output), start_from=str(folder), backbone_weights="")
    with pytest.raises(RecipeError, match=r"the amodal network is that of the weights .*; heat_px is not"):
        run_training(later)
    assert not output.exists()
    run_training(replace(later, stages=("modal",)))  # where it plays no part


def test_a_run_is_not_its_weights(make_recipe: Make, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for there in (False, True):
        with pytest.raises(RecipeError, match="start_from is a folder of weights") as caught:
            run_training(make_recipe(output=str(tmp_path / "more"), start_from=str(run)))
        assert (f"Give {run / 'weights'}, " in str(caught.value)) is there
        (run / "weights").mkdir(parents=True, exist_ok=True)
        (run / "weights" / "config.json").write_text("{}")


def test_a_start_that_cannot_be(make_recipe: Make) -> None:
    with pytest.raises(RecipeError, match="start_from is a folder of weights"):
        run_training(make_recipe(start_from="nowhere"))


def test_one_network_of_a_run_the_other_from_weights(make_recipe: Make, first: Recipe, tmp_path: Path) -> None:
    folder = Path(first.output) / "weights"
    other = make_recipe(output=str(tmp_path / "other"), stages=("modal",), seed=9)
    modal, _ = run_training(other)
    still = replace(first.amodal, lr=1e-12, backbone_lr=0.0, steps=1)
    recipe = replace(
        first, output=str(tmp_path / "both"), start_from=str(folder), modal_from=other.output, amodal=still, keep="last"
    )
    taken, amodal = run_training(recipe)
    assert amodal is not None
    assert all(torch.equal(taken.state_dict()[name], tensor) for name, tensor in modal.state_dict().items())
    begun = load_network(folder, "amodal").state_dict()
    assert not torch.equal(begun["score.weight"], modal.state_dict()["score.weight"])
    torch.testing.assert_close(amodal.state_dict()["score.weight"], begun["score.weight"], atol=2e-3, rtol=2e-3)
    misfit = replace(recipe.modal, network=replace(recipe.modal.network, heat_px=recipe.modal.network.heat_px + 4))
    with pytest.raises(RecipeError, match="modal_from names; heat_px is not"):  # not: of the weights
        run_training(replace(recipe, output=str(tmp_path / "misfit"), modal=misfit))
