"""Stores and bad records as a recipe asks for them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from amodal.core.errors import AmodalError
from amodal.training.config import DataSource, Recipe
from amodal.training.data import make_streams, training_batches

Make = Callable[..., Recipe]


@pytest.fixture
def damaged(drawn: Path, tmp_path: Path) -> DataSource:
    """Picture 1 of 8 cannot be decoded, picture 2 has another size, an annotation of picture 3 has no polygon."""
    folder = Path(shutil.copytree(drawn, tmp_path / "damaged"))
    (folder / "images" / "0.jpg").write_bytes(b"no picture")
    shutil.copy(Path(__file__).parents[2] / "examples" / "images" / "000000000072.jpg", folder / "images" / "1.png")
    content = json.loads((folder / "annotations.json").read_text())
    content["annotations"][4]["segmentation"] = [[1, 2]]
    (folder / "annotations.json").write_text(json.dumps(content))
    return DataSource(str(folder / "images"), str(folder / "annotations.json"), 1.0, str(folder / "validation.txt"))


def first_batch(recipe: Recipe) -> list[bytes]:
    training, _ = make_streams(recipe)
    batch = next(training_batches(training, 8, 0, 1, 0))
    return [batch[name].numpy().tobytes() for name in sorted(batch)]


def test_a_store_changes_nothing_but_the_time(make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe(store=str(tmp_path / "store"))
    assert first_batch(recipe) == first_batch(make_recipe())
    assert len(list((tmp_path / "store").glob("*-*"))) == 2  # training and validation
    assert first_batch(recipe) == first_batch(make_recipe())


def test_the_same_bytes_with_any_workers_after_a_resume_and_from_a_store(make_recipe: Make, tmp_path: Path) -> None:
    def steps(recipe: Recipe, first: int, workers: int) -> list[bytes]:
        training, _ = make_streams(recipe)
        batches = training_batches(training, 4, first, 6, workers)
        return [b"".join(batch[name].numpy().tobytes() for name in sorted(batch)) for batch in batches]

    whole = steps(make_recipe(), 0, 0)
    assert len(set(whole)) == 6
    stored = make_recipe(store=str(tmp_path / "store"))
    for workers, first in ((0, 3), (1, 0), (1, 4), (4, 0), (4, 2)):
        assert steps(stored if workers else make_recipe(), first, workers) == whole[first:]


@pytest.mark.parametrize("store", [False, True])
def test_bad_records_are_told_counted_and_left_out(
    make_recipe: Make, damaged: DataSource, tmp_path: Path, capsys: pytest.CaptureFixture[str], store: bool
) -> None:
    keep = {"data": (damaged,), "store": str(tmp_path / "store") if store else ""}
    with pytest.raises(AmodalError, match=r"annotations\.json: annotation 21: "):
        make_streams(make_recipe(**keep))
    training, _ = make_streams(make_recipe(**keep, bad_records="skip"))
    told = capsys.readouterr().out
    assert told.count("left out:") == 3 and "3 bad records left out" in told
    assert all(name in told for name in ("annotation 21", "0.jpg", "1.png"))
    assert {int(training[i]["image_id"]) for i in range(40)} == {3, 4, 5, 6}
    again, _ = make_streams(make_recipe(**keep, bad_records="skip"))
    assert torch.equal(again[3]["modal_patch"], training[3]["modal_patch"])


def test_the_default_stops_and_names_the_picture(make_recipe: Make, damaged: DataSource, tmp_path: Path) -> None:
    path = Path(damaged.annotations)
    content = json.loads(path.read_text())
    del content["annotations"][4]
    path.write_text(json.dumps(content))
    with pytest.raises(AmodalError, match=r"[01]\.(jpg|png)"):
        make_streams(make_recipe(data=(damaged,), store=str(tmp_path / "store")))
    training, _ = make_streams(make_recipe(data=(damaged,)))
    with pytest.raises(AmodalError, match=r"[01]\.(jpg|png)"):
        list(training_batches(training, 8, 0, 4, 1))


def test_settings(make_recipe: Make) -> None:
    with pytest.raises(AmodalError, match="store_gb"):
        make_recipe(store_gb=0)
    with pytest.raises(AmodalError, match="bad_records"):
        make_recipe(bad_records="ignore")
    assert replace(make_recipe(), store="x").store == "x"


def test_annotations_whose_sizes_are_in_the_pictures(make_recipe: Make, drawn: Path, tmp_path: Path) -> None:
    """YOLO's texts in one folder, the pictures in another: the source's ``images`` tells the reader where."""
    content = json.loads((drawn / "annotations.json").read_text())
    (tmp_path / "set" / "labels").mkdir(parents=True)
    for image in content["images"]:
        lines = [
            " ".join(
                [
                    str(one["category_id"] - 1),
                    *(str(v / (image["width"], image["height"])[i % 2]) for i, v in enumerate(p)),
                ]
            )
            for one in content["annotations"]
            if one["image_id"] == image["id"] and isinstance(one["segmentation"], list)
            for p in one["segmentation"][:1]
        ]
        text = "\n".join(lines)
        (tmp_path / "set" / "labels" / image["file_name"]).with_suffix(".txt").write_text(text)
    names = "".join(f"  {one['id'] - 1}: {one['name']}\n" for one in content["categories"])
    (tmp_path / "set" / "data.yaml").write_text(f"names:\n{names}")
    source = DataSource(str(drawn / "images"), str(tmp_path / "set"))
    training, _ = make_streams(make_recipe(data=(source,)))
    assert len(training.material.sources[0].album) == 8 and len(training.material) > 0
    assert training[0]["modal_patch"].shape == (3, 32, 32)
