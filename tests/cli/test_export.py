from __future__ import annotations

import contextlib
import io
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from amodal.cli.main import main  # noqa: E402
from amodal.core.masks import Mask  # noqa: E402
from amodal.inference import export  # noqa: E402
from amodal.inference.export import export_weights  # noqa: E402
from amodal.inference.networks import load_networks  # noqa: E402
from amodal.inference.settings import PredictionSettings  # noqa: E402
from amodal.models.config import ModelConfig  # noqa: E402
from amodal.models.weights import build_network  # noqa: E402
from amodal.training.config import Recipe  # noqa: E402

TINY = ModelConfig(backbone="test_resnet", patch_px=32, heat_px=20, widths=(4, 4, 6, 6, 8), grid=2)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny untrained networks without ONNX; thresholds low enough for their heat to be an answer."""
    torch.manual_seed(0)
    modal, amodal = build_network(TINY), build_network(replace(TINY, heat_px=24, margin=0.125))
    settings = PredictionSettings(modal_threshold=0.3, amodal_threshold=0.3, max_steps=2, iis_passes=1)
    folder = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:  # 5 s a network
        patch.setattr(export, "export_onnx", lambda network, path: path.write_text("none"))
        export_weights(folder, {"modal": modal, "amodal": amodal}, settings, notes={"from": "a test"})
    for name in ("modal.onnx", "amodal.onnx"):
        (folder / name).unlink()
    return folder


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What `amodal export` makes of the networks with notes of int8 files that are gone; and what it prints."""
    output, source = tmp_path_factory.mktemp("exported") / "out", tmp_path_factory.mktemp("noted") / "trained"
    shutil.copytree(trained, source)
    noted = json.loads((source / "config.json").read_text())
    noted["notes"]["int8"] = {"objects": 2}
    (source / "config.json").write_text(json.dumps(noted))
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        assert main(["export", "--weights", str(source), "--output", str(output)]) == 0
    return output, told.getvalue()


@pytest.fixture
def weights(exported: tuple[Path, str]) -> Path:
    """The folder of `exported`."""
    return exported[0]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """An export that copies the folder: the real one takes 5 s a network."""

    def copy(source: str, folder: Path) -> dict[str, float]:
        shutil.copytree(source, folder)
        return {"modal": 0.0, "amodal": 0.0}

    monkeypatch.setattr("amodal.inference.export.export_folder", copy)


@pytest.fixture
def validation(tmp_path: Path) -> list[str]:
    """Four pictures with an object each, and its amodal mask."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for i in range(4):
        Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": 80, "height": 60})
        mask = Mask.from_box((10, 10, 50, 40), 80, 60).to_rle()
        box = [10, 10, 30, 30]
        annotations.append(
            {"id": i, "image_id": i, "category_id": 1, "segmentation": mask, "bbox": [10, 10, 40, 30]}
            | {"visible_bbox": box, "occlude_rate": 0.25}
        )
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "thing"}]}
    (tmp_path / "validation.json").write_text(json.dumps(content))
    return ["--images", str(tmp_path), "--annotations", str(tmp_path / "validation.json")]


def test_from_safetensors_alone(trained: Path, exported: tuple[Path, str]) -> None:
    output, told = exported
    assert "modal: onnxruntime and torch differ by" in told and f"weights: {output}" in told
    source, config = (json.loads((folder / "config.json").read_text()) for folder in (trained, output))
    assert {k: v for k, v in config.items() if k != "sha256"} == {k: v for k, v in source.items() if k != "sha256"}
    onnx, eager = load_networks(output, threads=1), load_networks(output, "torch")
    patches = np.random.default_rng(1).integers(0, 256, (5, 3, 32, 32), dtype=np.uint8)
    heat = np.full((5, 32, 32), 0.5, np.float32)
    for a, b in ((onnx.modal, eager.modal), (onnx.amodal, eager.amodal)):
        np.testing.assert_allclose(a(patches, heat, None), b(patches, heat, None), atol=1e-4)


@pytest.mark.usefixtures("quick")
def test_int8_is_measured(
    weights: Path, tmp_path: Path, validation: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    words = ["export", "--weights", str(weights), "--output", str(output), "--int8", *validation]
    assert main([*words, "--force"]) == 0
    told = capsys.readouterr().out
    assert "int8: mean IoU" in told and "2 objects" in told
    assert json.loads((output / "config.json").read_text())["notes"]["int8"]["objects"] == 2
    patches = np.random.default_rng(1).integers(0, 256, (3, 3, 32, 32), dtype=np.uint8)
    heat = np.full((3, 32, 32), 0.5, np.float32)
    found, wanted = load_networks(output, threads=1), load_networks(weights, "torch")  # digests agree, too
    difference = np.abs(found.amodal(patches, heat, None) - wanted.amodal(patches, heat, None)).max()
    assert 0 < difference < 0.05


@pytest.mark.usefixtures("quick")
def test_int8_that_costs_too_much_is_refused(
    weights: Path,
    tmp_path: Path,
    validation: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from amodal.inference import quantize

    monkeypatch.setattr(quantize, "compare", lambda *_: quantize.Comparison(9, 0.7, 0.69))
    output = tmp_path / "out"
    words = ["export", "--weights", str(weights), "--output", str(output), "--int8", *validation]
    assert main(words) == 2
    assert "validation.json: int8 costs at the most 0.3 points of mean IoU" in capsys.readouterr().err
    assert not output.exists()
    other = {"config.json": "of another training", "modal.onnx": "its graph"}
    output.mkdir()
    for name, content in other.items():
        (output / name).write_text(content)
    assert main(words) == 2
    assert {path.name: path.read_text() for path in output.iterdir()} == other
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []  # nothing left beside


@pytest.mark.parametrize("lacking", ["masks", "pictures"])
def test_pictures_that_int8_cannot_be_measured_on_are_told_before_the_export(
    weights: Path,
    tmp_path: Path,
    validation: list[str],
    lacking: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("amodal.inference.export.export_folder", lambda *_: pytest.fail("exported"))
    file = tmp_path / "validation.json"
    content = json.loads(file.read_text())
    if lacking == "pictures":
        content["annotations"] = content["annotations"][:1]
    for one in content["annotations"]:  # modal masks
        for name in ("visible_bbox", "occlude_rate") if lacking == "masks" else ():
            del one[name]
    file.write_text(json.dumps(content))
    words = ["export", "--weights", str(weights), "--output", str(tmp_path / "out"), "--int8", *validation]
    assert main(words) == 2
    told = {"masks": "no object to score has one", "pictures": "two pictures with objects"}[lacking]
    assert told in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize(("name", "told"), [("notes", '"notes" is an object'), ("calibration", '"calibration" is an')])
def test_a_config_of_another_kind_is_one_line(
    weights: Path, tmp_path: Path, name: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(weights, tmp_path / "w"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {name: "of a test"}))
    assert main(["export", "--weights", str(folder), "--output", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_damaged_weights_are_not_exported(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With digests of its own the output would look whole."""
    folder = Path(shutil.copytree(weights, tmp_path / "w"))
    content = bytearray((folder / "modal.safetensors").read_bytes())
    content[-9] ^= 4
    (folder / "modal.safetensors").write_bytes(content)
    assert main(["export", "--weights", str(folder), "--output", str(tmp_path / "out")]) == 2
    assert "modal.safetensors: the file has the sha256" in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.usefixtures("quick")
def test_tuned_on_a_recipe(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from amodal.training import tune

    asked: list[tuple[int, str, str]] = []

    def tuned(recipe: Recipe, folder: str) -> tune.Tuned:
        assert not output.exists()  # nothing is written before
        asked.append((recipe.seed, recipe.data[0].annotations, folder))
        return tune.Tuned(PredictionSettings(0.4, 0.55, strip_threshold=0.2, least_probability=0.3), {}, {})

    monkeypatch.setattr(tune, "choose_for", tuned)
    recipe, output = tmp_path / "r.yaml", tmp_path / "out"
    words = ["export", "--weights", str(weights), "--output", str(output), "--tune", str(recipe)]
    assert main(words) == 2 and not output.exists()
    assert "a recipe is a YAML file" in capsys.readouterr().err
    recipe.write_text("seed: 7\ndata:\n  - {images: x, annotations: y.json}\n")
    (tmp_path / "file").write_text("")
    assert main([*words[:3], "--output", str(tmp_path / "file" / "out"), *words[5:]]) == 2
    assert "cannot be written to" in capsys.readouterr().err and not asked  # told before the work
    assert main(words) == 0
    assert asked == [(7, "y.json", str(weights))]
    config = json.loads((output / "config.json").read_text())
    assert config["prediction"]["strip_threshold"] == 0.2 and config["notes"]["from"] == "a test"
    assert (
        "modal_threshold 0.4, amodal_threshold 0.55, strip_threshold 0.2, least_probability 0.3"
        in capsys.readouterr().out
    )


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ("finetune", "the recipe's modal.network is that of the weights"),
        ("data: [{images: x, annotations: y.json}]", "the recipe's modal.network is that of the weights"),
        ("own", "tuning needs photographs kept for validation"),
        ("own, kept", "y.json: "),
    ],
)
def test_a_recipe_that_does_not_tune_leaves_nothing(
    weights: Path, tmp_path: Path, recipe: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if recipe != "finetune":
        source = {"images": "x", "annotations": "y.json"} | ({"validation_share": 0.1} if "kept" in recipe else {})
        networks = {"modal": asdict(TINY), "amodal": asdict(replace(TINY, heat_px=24, margin=0.125))}
        own = {"data": [source]} | {role: {"network": network} for role, network in networks.items()}
        text = json.dumps(own) if recipe.startswith("own") else recipe
        recipe = str(tmp_path / "r.yaml")
        Path(recipe).write_text(text)
    output = tmp_path / "out"
    assert main(["export", "--weights", str(weights), "--output", str(output), "--tune", recipe]) == 2
    assert told in capsys.readouterr().err and not output.exists()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--int8"], "--int8 goes with --images"),
        (["--images", "x"], "--int8 goes with --images"),
        (["--force"], "--force goes with --int8"),
    ],
)
def test_words_that_do_not_go_together(
    weights: Path, tmp_path: Path, more: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "--weights", str(weights), "--output", str(tmp_path / "o"), *more]) == 2
    assert told in capsys.readouterr().err and not (tmp_path / "o").exists()


def test_no_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--weights", str(tmp_path / "none"), "--output", str(tmp_path / "o")]) == 2
    assert "none" in capsys.readouterr().err
