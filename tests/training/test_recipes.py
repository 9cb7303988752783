"""The paper's recipes from the command line on a miniature VOC 2012 and SBD, in their own formats; small networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal.cli import main as cli
from amodal.datasets.matfile import write_mat
from amodal.training import ship

SIDE = 80
NETWORK = {"patch_px": "32", "widths": "[4, 4, 4, 4, 4, 8]"}
XML = """<annotation><filename>{name}.jpg</filename><size><width>80</width><height>80</height><depth>3</depth></size>
<segmented>1</segmented>{objects}</annotation>"""
OBJECT = """<object><name>{name}</name><truncated>0</truncated><occluded>0</occluded><difficult>0</difficult>
<bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox></object>"""


@pytest.fixture(scope="module")
def pascal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """``VOC2012`` and ``SBD``: five photographs of two objects each, of which the last is not for training."""
    root, rng = tmp_path_factory.mktemp("pascal"), np.random.default_rng(0)
    voc, sbd = root / "VOC2012", root / "SBD"
    rooms = ("Annotations", "JPEGImages", "SegmentationObject", "ImageSets/Segmentation", "ImageSets/Main")
    for folder in (*(voc / room for room in rooms), sbd / "dataset/inst", sbd / "dataset/img"):
        folder.mkdir(parents=True)
    names = [f"2008_{i:06d}" for i in range(5)]
    for name in names:
        numbers = np.zeros((SIDE, SIDE), np.uint8)
        picture, objects = rng.integers(0, 90, (SIDE, SIDE, 3), dtype=np.uint8), ""
        for j, kind in enumerate(("dog", "cat")):
            x, y = (int(v) for v in rng.integers(2, 8, 2) + np.array([36 * j, 20]))
            numbers[y : y + 38, x : x + 34] = j + 1
            picture[y : y + 38, x : x + 34] = rng.integers(100, 255, 3)
            objects += OBJECT.format(x + 1, y + 1, x + 34, y + 38, name=kind)
        for folder in (voc / "JPEGImages", sbd / "dataset/img"):
            Image.fromarray(picture).save(folder / f"{name}.jpg")
        (voc / f"Annotations/{name}.xml").write_text(XML.format(name=name, objects=objects))
        image = Image.fromarray(numbers)
        image.putpalette([v for i in range(256) for v in (i, 0, 0)])
        image.save(voc / f"SegmentationObject/{name}.png")
        truth = {"Segmentation": numbers, "Categories": np.array([[12.0], [8.0]]), "Boundaries": []}
        write_mat(sbd / f"dataset/inst/{name}.mat", {"GTinst": [truth]})
    for listed in ("Segmentation", "Main"):
        (voc / f"ImageSets/{listed}/train.txt").write_text("\n".join(names[:4]) + "\n")
    return voc, sbd


def words(root: Path, recipe: str, output: Path, **changes: str) -> list[str]:
    """The command line: a recipe of the repository with small networks and few steps."""
    given = {"output": str(output), "workers": "0", "threads": "1", "checkpoint_every": "2", "backbone_weights": ""}
    given |= {"modal.steps": "4", "modal.phases": "[1, 1, 1, 1]", "amodal.steps": "2"}
    for role, heat in (("modal", "10"), ("amodal", "16")):
        given |= {f"{role}.network.{k}": v for k, v in (NETWORK | {"heat_px": heat}).items()}
        given[f"{role}.batch_size"] = "4"
    line = ["train", "--recipe", str(root / "recipes" / f"{recipe}.yaml")]
    return line + [f"--{key}={value}" for key, value in (given | changes).items()]


def test_iis_then_the_papers_model_then_the_ablations(
    root: Path, pascal: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    data = ["--voc", str(pascal[0]), "--sbd", str(pascal[1])]
    iis = tmp_path / "iis"
    assert cli.main([*words(root, "iis_voc", iis), *data]) == 0
    assert capsys.readouterr().out.endswith(f"run: {iis}\n")
    assert {p.name for p in (iis / "modal").iterdir()} >= {"phase1.pt", "phase2.pt", "phase3.pt", "checkpoint.pt"}

    assert cli.main([*words(root, "paper_voc", tmp_path / "paper", modal_from=str(iis)), *data]) == 0
    config = json.loads((tmp_path / "paper/weights/config.json").read_text())
    assert len(config["categories"]) == 20 and config["prediction"]["amodal_threshold"] == 0.7
    assert config["networks"]["amodal"]["architecture"] == "onet"
    (source,) = json.loads((tmp_path / "paper/recipe.json").read_text())["data"]
    assert Path(source["only"]).read_text().split() == ["2008_000001", "2008_000003"]
    assert source["validation"] == str(tmp_path / "paper/data/validation.txt")
    assert source["annotations"].endswith("SBD/dataset")
    predicted = tmp_path / "predicted.json"
    line = ["predict", "--images", str(pascal[0] / "JPEGImages"), "--annotations", str(pascal[0])]
    assert cli.main([*line, "--weights", str(tmp_path / "paper/weights"), "--output", str(predicted)]) == 0
    assert len(json.loads(predicted.read_text())) >= 10

    exported: list[Any] = []  # the same for all recipes, and slow
    monkeypatch.setattr(ship, "export_weights", lambda folder, networks, *a, **k: exported.append(networks) or folder)
    for name, changes in (("without_modal", {}), ("without_dynamic", {"modal_from": str(iis)})):
        line = words(root, f"paper_voc_{name}", tmp_path / name, **changes)
        assert cli.main([*line, *data]) == 0
        resolved = json.loads((tmp_path / name / "amodal/recipe.json").read_text())
        assert resolved["synthesis"]["fixed"] == (name == "without_dynamic")
        assert resolved["modal"]["target"] == ("whole" if name == "without_modal" else "visible")
    assert [set(networks) for networks in exported] == [{"modal", "amodal"}] * 2


def test_voc_alone_and_sbd_alone(root: Path, pascal: tuple[Path, Path], tmp_path: Path, capsys: Any) -> None:
    assert cli.main([*words(root, "iis_voc", tmp_path / "run"), "--voc", str(pascal[0])]) == 0
    capsys.readouterr()
    assert cli.main([*words(root, "iis_voc", tmp_path / "none"), "--sbd", str(pascal[1])]) == 2
    assert "the training pictures are listed in VOC's" in capsys.readouterr().err
