"""From a recipe to a weights folder that both back ends and the predictor open."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from amodal.core.images import read_image
from amodal.datasets import read_annotations
from amodal.inference.networks import load_networks
from amodal.inference.predictor import Predictor
from amodal.synthesis import sources
from amodal.training import ship
from amodal.training.config import Recipe
from amodal.training.thresholds import CUTOFFS, STRIPS

Make = Callable[..., Recipe]


@pytest.fixture
def shipped(make_recipe: Make) -> Iterator[tuple[Recipe, Path]]:
    recipe = make_recipe(modal={"steps": 20, "batch_size": 8}, amodal={"steps": 20, "batch_size": 8})
    yield recipe, ship.train_and_ship(recipe)


def test_photographs_are_looked_through_once(make_recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """For bad ones, before training; thresholds and calibration take the same examples."""
    seen: list[str] = []
    monkeypatch.setattr(sources, "read_picture", lambda record, folder, file: seen.append(record.file_name))
    monkeypatch.setattr(
        ship, "export_weights", lambda *a, calibrations, **k: seen.append("fitted" if calibrations else "")
    )
    ship.train_and_ship(make_recipe({"steps": 1}, {"steps": 1}, bad_records="skip"))
    assert sorted(seen) == sorted([*(f"{i}.{'png' if i % 2 else 'jpg'}" for i in range(8)), "fitted"])


def test_a_recipe_becomes_weights_that_predict(shipped: tuple[Recipe, Path], drawn: Path) -> None:
    recipe, folder = shipped
    assert folder == Path(recipe.output) / "weights"
    files = ["amodal.onnx", "amodal.safetensors", "modal.onnx", "modal.safetensors"]
    assert sorted(p.name for p in folder.iterdir()) == sorted([*files, "config.json"])
    assert not list(folder.parent.glob(".weights*"))
    config = json.loads((folder / "config.json").read_text())
    assert config["sha256"] == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files}
    noted, own = config["notes"]["recipe"], json.loads(json.dumps(asdict(recipe)))
    assert (
        Path(own["output"]).is_absolute() and noted["output"] == "run" and str(recipe.output) not in json.dumps(config)
    )
    assert {key for key in own if noted[key] != own[key]} <= {"output", "data"}  # absolute paths, named alone
    assert noted["data"][0]["annotations"] == "annotations.json" and str(drawn) not in json.dumps(config)

    assert {way: fit["examples"] for way, fit in config["calibration"].items()} == {"box": 12, "mask": 12}
    by_cutoff = config["notes"]["validation"]
    assert by_cutoff["scenes"] == 8 and by_cutoff["cutoffs"] == list(CUTOFFS) and by_cutoff["strips"] == list(STRIPS)
    chosen, curve = config["prediction"], by_cutoff["modal"]
    assert curve[CUTOFFS.index(chosen["modal_threshold"])] == pytest.approx(max(curve), abs=1e-4)
    table = np.array(by_cutoff["amodal"])
    place = STRIPS.index(chosen["strip_threshold"]), CUTOFFS.index(chosen["amodal_threshold"])
    assert table.shape == (len(STRIPS), len(CUTOFFS)) and table[place] == pytest.approx(table.max(), abs=1e-4)

    onnx, torch_ = load_networks(folder, threads=1), load_networks(folder, "torch")
    assert onnx.settings == torch_.settings and onnx.categories == torch_.categories == ()
    rng = np.random.default_rng(0)
    for a, b, heat_px, margin in ((onnx.modal, torch_.modal, 16, 0.0), (onnx.amodal, torch_.amodal, 20, 0.125)):
        assert (a.patch_px, a.heat_px, a.margin) == (b.patch_px, b.heat_px, b.margin) == (32, heat_px, margin)
        for count in (0, 1, 7):
            patches = rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
            heat = rng.random((count, 32, 32), dtype=np.float32)
            np.testing.assert_allclose(a(patches, heat, None), b(patches, heat, None), atol=1e-4)
            assert a(patches, heat, None).shape == (count, heat_px, heat_px)

    album = read_annotations(drawn / "annotations.json")
    record = album[6]  # kept for validation
    found = {}
    for name, pair in (("onnx", onnx), ("torch", torch_)):
        predictor = Predictor(pair)
        predictor.set_image(read_image(drawn / "images" / record.file_name))
        found[name] = predictor.predict(boxes=[instance.modal_box for instance in record.instances], keep_heat=True)
    for a, b in zip(found["onnx"], found["torch"], strict=True):
        assert a.modal_heat is not None and b.modal_heat is not None
        np.testing.assert_allclose(a.modal_heat, b.modal_heat, atol=3e-4)  # three passes feed each other
        assert a.stop_reason == b.stop_reason and a.steps == b.steps
        assert a.amodal_mask.area > 0 and a.amodal_mask.iou(b.amodal_mask) > 0.95
