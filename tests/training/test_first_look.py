"""What is told and checked of photographs before the first step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from amodal.core.errors import AnnotationError, ImageError
from amodal.training.config import DataSource, Recipe
from amodal.training.data import make_streams
from amodal.training.first_look import check_pictures, described
from amodal.training.run import run_training

Make = Callable[..., Recipe]


@pytest.fixture
def copied(drawn: Path, tmp_path: Path) -> DataSource:
    """The drawn album, its last two photographs kept for validation, in a folder of its own."""
    folder = Path(shutil.copytree(drawn, tmp_path / "copied"))
    return DataSource(str(folder / "images"), str(folder / "annotations.json"), 1.0, str(folder / "validation.txt"))


def made_small(source: DataSource, count: int) -> None:
    """The first objects of an annotation file become 10 pixels wide."""
    content = json.loads(Path(source.annotations).read_text())
    for one in content["annotations"][:count]:
        one |= {"segmentation": [[2, 2, 12, 2, 12, 32, 2, 32]], "bbox": [2, 2, 10, 30]}
    Path(source.annotations).write_text(json.dumps(content))


@pytest.mark.parametrize(("small", "used"), [(0, 12), (3, 9)])
def test_what_is_trained_on_is_told(make_recipe: Make, copied: DataSource, small: int, used: int) -> None:
    made_small(copied, small)
    streams = make_streams(make_recipe(data=(copied,)))
    assert described(*streams) == (
        f"training on 6 photographs and {used} of their 12 objects (those with a mask, 16 pixels or more); "
        "2 kept for validation"
    )
    assert described(streams[0], None).endswith("; none kept for validation")


@pytest.mark.parametrize("missing", ["2.jpg", "7.png"])  # one to train on, one to validate on
def test_a_photograph_that_is_not_there_is_told_before_the_first_step(
    make_recipe: Make, copied: DataSource, missing: str
) -> None:
    (Path(copied.images) / missing).unlink()
    recipe = make_recipe(data=(copied,), validation_examples=1, calibration_examples=0)
    with pytest.raises(ImageError, match=rf"{missing}: the picture does not exist"):
        run_training(recipe)
    assert not Path(recipe.output).exists()


def test_a_photograph_that_nothing_is_drawn_from_may_be_missing(make_recipe: Make, copied: DataSource) -> None:
    made_small(copied, 2)
    (Path(copied.images) / "0.jpg").unlink()
    training, validation = make_streams(make_recipe(data=(copied,)))
    assert validation is not None
    check_pictures(training)
    check_pictures(validation)


@pytest.mark.parametrize("name", ["../elsewhere.jpg", f"{'a' * 300}.jpg"])
def test_a_name_that_nothing_is_drawn_from_may_be_any(make_recipe: Make, copied: DataSource, name: str) -> None:
    content = json.loads(Path(copied.annotations).read_text())
    content["images"].append({**content["images"][0], "id": 999, "file_name": name})
    Path(copied.annotations).write_text(json.dumps(content))
    training, _ = make_streams(make_recipe(data=(copied,)))
    assert any(record.file_name == name for record in training.material.sources[0].album)
    check_pictures(training)


@pytest.mark.parametrize(
    ("name", "problem", "rule"),
    [
        ("../elsewhere.jpg", AnnotationError, "inside the folder of the pictures"),
        (f"{'a' * 300}.jpg", ImageError, "name too long"),
    ],
)
def test_one_that_is_drawn_from_is_told(
    make_recipe: Make, copied: DataSource, name: str, problem: type[Exception], rule: str
) -> None:
    content = json.loads(Path(copied.annotations).read_text())
    content["images"][0]["file_name"] = name
    Path(copied.annotations).write_text(json.dumps(content))
    training, _ = make_streams(make_recipe(data=(copied,)))
    with pytest.raises(problem, match=rule):
        check_pictures(training)
