from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from amodal.cli.main import main
from amodal.cli.recipe_file import build
from amodal.core.errors import AmodalError
from amodal.datasets import read_annotations
from amodal.reproduction.miniature import Miniature
from amodal.reproduction.training_set import training_source, training_words
from amodal.synthesis.settings import SynthesisSettings
from amodal.training.config import DataSource, Recipe
from amodal.training.data import _split


def lists(folder: Path, **files: list[str]) -> Path:
    """A VOC folder with nothing but some of its lists."""
    names = {"main": "Main/train.txt", "masks": "Segmentation/train.txt", "val": "Segmentation/val.txt"}
    for name, stems in files.items():
        path = folder / "ImageSets" / names.get(name, f"Segmentation/{name}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{stem}\n" for stem in stems))
    return folder


def trained_on(source: dict[str, str]) -> tuple[list[str], list[str]]:
    """What `amodal train` makes of a source: the pictures trained on and those kept for validation."""
    album = read_annotations(source["annotations"])
    parts = _split(DataSource(**source), album, SynthesisSettings())  # type: ignore[arg-type]
    return tuple([Path(r.file_name).stem for r in part or ()] for part in parts)  # type: ignore[return-value]


def test_masks_of_the_train_list_without_the_val_set(miniature: Miniature, tmp_path: Path) -> None:
    sbd = str(miniature.sbd)
    a, b, c, d = (miniature.sbd / "train.txt").read_text().split()
    source = training_source(tmp_path / "a", sbd=sbd)
    assert (source["images"], source["annotations"]) == (f"{sbd}/img", sbd)
    assert trained_on(source) == ([b, d], [a, c])
    # a VOC folder whose val set holds the first of them, or another list that holds the second
    voc = lists(tmp_path / "kit" / "VOC2012", val=[a], mine=[b, c])
    assert trained_on(training_source(tmp_path / "b", sbd=sbd, voc=str(tmp_path / "kit"))) == ([b, c, d], [])
    val = voc / "ImageSets/Segmentation/val.txt"
    val.write_text(f"# the first\n{a}\n", "utf-8-sig")  # as Windows may save it: none of them is trained on
    assert trained_on(training_source(tmp_path / "bom", sbd=sbd, voc=str(tmp_path / "kit"))) == ([b, c, d], [])
    mine = training_source(tmp_path / "c", sbd=sbd, voc=str(voc), voc_list="ImageSets/Segmentation/mine.txt")
    assert trained_on(mine) == ([a, d], [])
    # and a train list of its own, which counts before SBD's; what SBD has no masks of cannot be trained on
    lists(voc, main=[c, a, "2007_000001"])
    assert trained_on(training_source(tmp_path / "d", sbd=sbd, voc=str(voc))) == ([c], [])


def test_voc_alone_gives_the_pictures_it_has_masks_of(miniature: Miniature, tmp_path: Path) -> None:
    shutil.copytree(miniature.voc, tmp_path / "VOC2012")
    stems = (miniature.voc / "ImageSets/Segmentation/val.txt").read_text().split()
    voc = lists(tmp_path / "VOC2012", masks=stems[:6], val=stems[5:])
    source = training_source(tmp_path / "a", voc=str(voc))
    assert source["images"] == str(voc / "JPEGImages")
    assert trained_on(source) == ([stems[1], stems[3]], [stems[0], stems[2], stems[4]])


def test_words_name_the_data_sets_and_resume(miniature: Miniature, tmp_path: Path) -> None:
    def words(**given: str | None) -> list[str]:
        return training_words("recipes/paper_voc.yaml", tmp_path, **({"sbd": None, "voc": None} | given))

    start = ["--recipe", "recipes/paper_voc.yaml", "--resume", "--output", str(tmp_path / "training/paper_voc")]
    assert words() == words(voc="V", voc_list="L") == start  # the recipe's own data
    assert words(sbd="S", voc_list="L") == [*start, "--sbd", "S"]
    assert words(sbd="S", voc="V", voc_list="L") == [*start, "--sbd", "S", "--voc", "V", "--voc-list", "L"]


def test_a_run_goes_on_with_the_pictures_it_began_with(miniature: Miniature, tmp_path: Path) -> None:
    first, second = (miniature.sbd / "train.txt").read_text().split()[:2]
    voc = lists(tmp_path / "VOC2012", val=[first])

    def source(given: Path | None) -> dict[str, str]:
        return training_source(tmp_path / "out", sbd=str(miniature.sbd), voc=given and str(given))

    assert source(voc) == source(voc)
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(AmodalError, match=rf"txt: a run trains on what it was started with.*{first}.*another --output"):
        source(None)  # VOC's val set would be trained on
    lists(voc, val=[second])
    with pytest.raises(AmodalError, match="a run trains on what it was started with"):
        source(voc)
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    (tmp_path / "out/only.txt").unlink()  # a kill left it half made: made anew
    assert second not in Path(source(voc)["only"]).read_text()


def test_a_recipe_that_starts_from_another_takes_the_one_trained_here(tmp_path: Path) -> None:
    recipe = tmp_path / "paper_voc.yaml"
    recipe.write_text("modal_from: runs/iis_voc\n")
    assert "--modal_from" not in training_words(str(recipe), tmp_path / "out", sbd=None, voc=None)
    (tmp_path / "out/training/iis_voc").mkdir(parents=True)
    words = training_words(str(recipe), tmp_path / "out", sbd=None, voc=None)
    assert words[words.index("--modal_from") + 1] == str(tmp_path / "out/training/iis_voc")
    assert training_words(str(tmp_path / "none.yaml"), tmp_path / "out", sbd=None, voc=None)[0] == "--recipe"


def test_a_recipe_that_is_printed_alone_leaves_no_lists(
    miniature: Miniature, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "--recipe", str(root / "recipes/smoke.yaml"), "--sbd", str(miniature.sbd), "--print_config"]
    assert main([*words, "--output", str(tmp_path / "run")]) == 0
    (source,) = yaml.safe_load(capsys.readouterr().out)["data"]
    assert source["only"] == str(tmp_path / "run/data/only.txt")
    assert not (tmp_path / "run").exists()


def test_folders_without_what_is_needed_are_refused(miniature: Miniature, tmp_path: Path) -> None:
    sbd, voc, out = str(miniature.sbd), lists(tmp_path / "VOC2012", main=["2007_000001"]), tmp_path / "out"
    for message, given in {
        "an SBD folder has inst and img": {"sbd": str(tmp_path)},
        r"a VOC folder has ImageSets/Main/train\.txt or ": {"sbd": sbd, "voc": str(tmp_path / "none")},
        r"a VOC folder has ImageSets/x\.txt beside": {"sbd": sbd, "voc": str(voc), "voc_list": "ImageSets/x.txt"},
        r"Main/train\.txt: there are masks of pictures of the list": {"sbd": sbd, "voc": str(voc)},
        r"Segmentation/train\.txt: the list cannot be read": {"voc": str(voc)},
        r"--voc-list goes with --voc": {"sbd": sbd, "voc_list": "ImageSets/x.txt"},
    }.items():
        with pytest.raises(AmodalError, match=message):
            training_source(out, **given)
    assert not out.exists()


@pytest.mark.usefixtures("no_plots")
def test_a_recipe_is_trained_and_its_weights_evaluated(
    tmp_path: Path, toy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Training itself has tests of its own: here it is its words, parsed and built for real, and what comes of them."""

    def trained(args: Any) -> None:
        recipe = build(Recipe, args.as_dict() | {"data": [{"images": "", "annotations": ""}]})
        assert args.resume and args.sbd == str(tmp_path / "out/miniature/SBD")
        assert (args.voc, args.voc_list) == (str(tmp_path / "out/miniature/VOC2012"), "ImageSets/Segmentation/val.txt")
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
        (["--voc", "nowhere"], "nowhere: a VOC folder has"),
        (["--truth", "nowhere.json"], "--images DIR"),
        (["--train", "tinny.yaml"], "tinny.yaml: a recipe is a YAML file"),
        (["--train", "iis_voc"], "iis_voc.yaml: stages: the last --train recipe trains both networks"),
        (["--train", "recipes/paper_voc.yaml"], "each --train recipe has a folder of its name"),
        (["--ablations", "nowhere"], "nowhere/without_modal_prediction: an ablations folder has"),
    ],
)
def test_what_cannot_be_used_is_told_before_hours_of_training(
    tmp_path: Path, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[Any] = []
    monkeypatch.setattr("amodal.cli.train.run", started.append)
    assert main(["reproduce", "--output", str(tmp_path / "out"), "--train", "paper_voc", *words]) == 2
    assert message in capsys.readouterr().err and not started and not (tmp_path / "out").exists()


def test_a_recipe_named_by_its_word_takes_the_one_trained_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr("amodal.cli.train.run", given.append)
    (tmp_path / "training/iis_voc").mkdir(parents=True)
    words = ["reproduce", "--output", str(tmp_path), "--train", "iis_voc", "--train", "paper_voc"]
    assert main(words) == 2  # nothing was trained, so there are no weights
    assert [Path(args.output).name for args in given] == ["iis_voc", "paper_voc"]
    assert given[1].modal_from == str(tmp_path / "training/iis_voc")


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
