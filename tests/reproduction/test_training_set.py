from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from amodal.cli.main import main
from amodal.cli.recipe_file import build
from amodal.core.errors import AmodalError
from amodal.datasets import read_annotations
from amodal.reproduction.miniature import Miniature
from amodal.reproduction.training_set import training_words, write_training_set
from amodal.training.config import Recipe


def test_masks_of_the_train_list_without_the_val_set(miniature: Miniature, tmp_path: Path) -> None:
    write_training_set(miniature.sbd, None, tmp_path / "a.json", tmp_path / "ids.txt")
    whole = read_annotations(tmp_path / "a.json")
    assert len(whole) == 4 and all(one.modal_mask is not None for record in whole for one in record.instances)
    assert (tmp_path / "ids.txt").read_text() == f"{whole[0].id}\n{whole[2].id}\n"
    # a VOC folder whose val set holds the first of them
    first = Path(whole[0].file_name).stem
    lists = tmp_path / "VOC2012/ImageSets"
    (lists / "Segmentation").mkdir(parents=True)
    (lists / "Segmentation/val.txt").write_text(f"{first}\n")
    write_training_set(miniature.sbd, str(tmp_path / "VOC2012"), tmp_path / "b.json", tmp_path / "ids.txt")
    assert [r.file_name for r in read_annotations(tmp_path / "b.json")] == [r.file_name for r in whole][1:]
    # and a train list of its own, which counts before SBD's
    (lists / "Main").mkdir()
    (lists / "Main/train.txt").write_text(f"{Path(whole[2].file_name).stem}\n{first}\n")
    write_training_set(miniature.sbd, str(tmp_path / "VOC2012"), tmp_path / "c.json", tmp_path / "ids.txt")
    assert [r.file_name for r in read_annotations(tmp_path / "c.json")] == [whole[2].file_name]


def test_words_name_the_pictures_and_resume(miniature: Miniature, tmp_path: Path) -> None:
    words = training_words("recipes/paper_voc.yaml", tmp_path, sbd=str(miniature.sbd), voc=None)
    assert "--resume" in words and str(tmp_path / "training/paper_voc") in words
    (source,) = json.loads(words[words.index("--data") + 1])
    assert Path(source["images"]) == miniature.sbd / "img" and Path(source["annotations"]).exists()
    assert "--data" not in training_words("recipes/paper_voc.yaml", tmp_path, sbd=None, voc=None)


def test_a_training_set_of_other_data_is_not_taken_up(miniature: Miniature, tmp_path: Path) -> None:
    def words(sbd: Path, voc: Path | None) -> list[str]:
        return training_words("recipes/paper_voc.yaml", tmp_path / "out", sbd=str(sbd), voc=voc and str(voc))

    sbd, kit = tmp_path / "SBD", tmp_path / "VOCdevkit"
    shutil.copytree(miniature.sbd, sbd)
    val = kit / "VOC2012/ImageSets/Segmentation/val.txt"
    val.parent.mkdir(parents=True)
    first, second = (sbd / "train.txt").read_text().split()[:2]
    val.write_text(f"{first}\n")
    annotations = tmp_path / "out/data/train.json"
    assert words(sbd, None) == words(sbd, None)  # taken up
    written = annotations.read_bytes()
    # VOC's val set would stay in training
    with pytest.raises(AmodalError, match=r"train\.about\.json: voc: .*VOC2012 now; found None\. .*another --output"):
        words(sbd, kit)
    with pytest.raises(AmodalError, match="sbd: a run trains on what it was started with"):
        words(miniature.sbd, None)
    assert annotations.read_bytes() == written
    shutil.rmtree(tmp_path / "out")
    assert words(sbd, kit) == words(sbd, kit / "VOC2012")  # the same folder, once found in the one it lies in
    assert first not in {Path(record.file_name).stem for record in read_annotations(annotations)}
    val.write_text(f"{second}\n")
    with pytest.raises(AmodalError, match="val_list_sha256"):
        words(sbd, kit)
    val.write_text(f"{first}\n")
    (sbd / "train.txt").write_text(f"{second}\n")
    with pytest.raises(AmodalError, match="train_list_sha256"):
        words(sbd, kit)
    (tmp_path / "out/data/train.about.json").unlink()
    with pytest.raises(AmodalError, match="what it was made of"):
        words(sbd, kit)
    (tmp_path / "out/data/train_validation.txt").unlink()  # a kill left it half made: made anew
    words(sbd, kit)
    assert [Path(record.file_name).stem for record in read_annotations(annotations)] == [second]


def test_a_recipe_that_starts_from_another_takes_the_one_trained_here(tmp_path: Path) -> None:
    recipe = tmp_path / "paper_voc.yaml"
    recipe.write_text("modal_from: runs/iis_voc\n")
    assert "--modal_from" not in training_words(str(recipe), tmp_path / "out", sbd=None, voc=None)
    (tmp_path / "out/training/iis_voc").mkdir(parents=True)
    words = training_words(str(recipe), tmp_path / "out", sbd=None, voc=None)
    assert words[words.index("--modal_from") + 1] == str(tmp_path / "out/training/iis_voc")
    assert training_words(str(tmp_path / "none.yaml"), tmp_path / "out", sbd=None, voc=None)[0] == "--recipe"


def test_folders_without_what_is_needed_are_refused(miniature: Miniature, tmp_path: Path) -> None:
    with pytest.raises(AmodalError, match="an SBD folder has inst and img"):
        write_training_set(tmp_path, None, tmp_path / "a.json", tmp_path / "ids.txt")
    with pytest.raises(AmodalError, match=r"a VOC folder has ImageSets/Main/train\.txt or "):
        write_training_set(miniature.sbd, str(tmp_path), tmp_path / "a.json", tmp_path / "ids.txt")
    (tmp_path / "ImageSets/Main").mkdir(parents=True)
    (tmp_path / "ImageSets/Main/train.txt").write_text("2007_000001\n")
    with pytest.raises(AmodalError, match="SBD has pictures of the list"):
        write_training_set(miniature.sbd, str(tmp_path), tmp_path / "a.json", tmp_path / "ids.txt")


def test_a_recipe_is_trained_and_its_weights_evaluated(
    tmp_path: Path, toy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Training itself has tests of its own: here it is its words, parsed and built for real, and what comes of them."""

    def trained(args: Any) -> None:
        recipe = build(Recipe, args.as_dict())
        (source,) = recipe.data
        assert args.resume and Path(source.annotations) == tmp_path / "out/data/train.json"
        assert recipe.modal.steps == 2
        shutil.copytree(toy, Path(recipe.output) / "weights")

    monkeypatch.setattr("amodal.cli.train.run", trained)
    (tmp_path / "tiny.yaml").write_text("modal: {steps: 2}\n")
    words = ["reproduce", "--quick", "--output", str(tmp_path / "out"), "--train", str(tmp_path / "tiny.yaml")]
    assert main([*words, "--threads", "1"]) == 0
    found = json.loads((tmp_path / "out/numbers.json").read_text())["protocol"]
    assert "training/tiny/weights (modal: none" in found["weights"]
    assert found["thresholds"] == "modal 0.8, amodal 0.7"
    assert "index.html" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--train", "x.yaml", "--weights", "w"], "--train makes the weights"),
        (["--detections", "a", "--detector", "yolox"], "not both"),
        (["--detector-weights", "a"], "goes with --detector"),
        (["--images", "a"], "goes with --truth"),
    ],
)
def test_words_that_do_not_go_together(
    tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", "--output", str(tmp_path), *words]) == 2
    assert message in capsys.readouterr().err
