from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from amodal.core.errors import AmodalError, RecipeError
from amodal.training import data
from amodal.training.config import DataSource, Recipe
from amodal.training.data import make_streams, staged_batches, training_batches, validation_batches
from amodal.training.fingerprint import fingerprint_of

Make = Callable[..., Recipe]


@pytest.fixture
def source(drawn: Path) -> DataSource:
    return DataSource(str(drawn / "images"), str(drawn / "annotations.json"), 1.0, str(drawn / "validation.txt"))


def photographs(dataset: torch.utils.data.Dataset, count: int = 60) -> set[int]:  # type: ignore[type-arg]
    return {int(dataset[i]["image_id"]) for i in range(count)}


def test_no_photograph_is_on_both_sides(make_recipe: Make, source: DataSource, tmp_path: Path) -> None:
    (tmp_path / "out.txt").write_text("3\n\n# and\n4\n")
    training, validation = make_streams(make_recipe(data=(replace(source, exclude=str(tmp_path / "out.txt")),)))
    assert validation is not None
    assert photographs(training) == {1, 2, 5, 6}
    assert photographs(validation, 8) == {7, 8} and len(validation) == 8
    shapes = {name: tuple(value.shape) for name, value in training[0].items()}
    assert shapes["modal_patch"] == shapes["amodal_patch"] == (3, 32, 32)
    assert shapes["modal_label"] == (16, 16) and shapes["amodal_label"] == (20, 20)


def test_validation_is_the_same_for_every_seed_and_has_no_colour_jitter(make_recipe: Make) -> None:
    plain = make_recipe()
    other = make_recipe(seed=5, synthesis=replace(plain.synthesis, colour_jitter=0.5))
    (train_a, valid_a), (train_b, valid_b) = make_streams(plain), make_streams(other)
    assert valid_a is not None and valid_b is not None
    for i in range(8):
        assert torch.equal(valid_a[i]["amodal_patch"], valid_b[i]["amodal_patch"])
    assert not torch.equal(train_a[0]["amodal_patch"], train_b[0]["amodal_patch"])


def test_a_photograph_validated_on_is_trained_on_through_no_other_source(
    make_recipe: Make, source: DataSource, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever its id there, and by whatever path."""
    content = json.loads(Path(source.annotations).read_text())
    for image in content["images"]:
        image["id"] += 100
    for one in content["annotations"]:
        one["image_id"] += 100
    again = tmp_path / "again.json"
    again.write_text(json.dumps(content))
    (tmp_path / "link").symlink_to(source.images)
    other = DataSource(str(tmp_path / "link"), str(again))
    training, validation = make_streams(make_recipe(data=(other, source)))
    assert validation is not None and photographs(validation, 8) == {7, 8}
    assert photographs(training, 200) == {1, 2, 3, 4, 5, 6, *range(101, 107)}
    assert f"{again}: 2 of its photographs not trained on: another source validates on them" in capsys.readouterr().out
    (tmp_path / "two.txt").write_text("107\n108\n")
    alone = replace(other, only=str(tmp_path / "two.txt"))
    with pytest.raises(RecipeError, match=r"again\.json: a source has photographs that no other source validates on"):
        make_streams(make_recipe(data=(alone, source)))


def test_sources_of_other_folders_are_what_they_were(make_recipe: Make, source: DataSource, tmp_path: Path) -> None:
    """Photographs of the same names, there, are others."""
    shutil.copytree(source.images, tmp_path / "images")
    other = DataSource(str(tmp_path / "images"), source.annotations)
    training, _ = make_streams(make_recipe(data=(other, source)))
    assert [len(one.album) for one in training.material.sources] == [8, 6]


def test_a_worker_is_silent_of_a_trainer_that_went_away(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: told.append(kind))
    monkeypatch.setattr(data.signal, "signal", lambda *_: None)  # this process is no worker
    data._part_quietly(0)
    for kind in (BrokenPipeError, EOFError, ValueError):
        sys.excepthook(kind, kind(), None)
    assert told == [ValueError]


LEFT_OVER = """
import multiprocessing, os, signal, time
from amodal.training.data import training_batches
class Squares:
    def __getitem__(self, i):
        return i * i
if __name__ == "__main__":
    batches = training_batches(Squares(), 2, 0, 100, 1, channels_last=False)
    print(next(batches).tolist())
    worker = next(one for one in multiprocessing.active_children())
    os.kill(worker.pid, signal.SIGTERM)
    time.sleep(0.2)
    print(next(batches).tolist(), worker.is_alive(), flush=True)
"""
"""A program that ends with a worker that waits to hand it the next batch."""


def test_workers_heed_no_sigterm_and_end_with_their_program(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(LEFT_OVER)
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "[0, 1]\n[4, 9] True\n"), done.stderr


def test_without_a_list_nothing_is_validated(make_recipe: Make, source: DataSource) -> None:
    training, validation = make_streams(make_recipe(data=(replace(source, validation=""),)))
    assert validation is None and photographs(training, 120) == set(range(1, 9))


def test_a_share_is_kept_without_a_list(make_recipe: Make, source: DataSource, tmp_path: Path) -> None:
    """Always the same photographs, whatever their order in the file, and only such as can be used."""

    def kept(share: float, change: Callable[[dict[str, Any]], object], **lists: str) -> set[int]:
        content = json.loads(Path(source.annotations).read_text())
        change(content)
        (tmp_path / "a.json").write_text(json.dumps(content))
        one = replace(source, annotations=str(tmp_path / "a.json"), validation="", validation_share=share, **lists)
        training, validation = make_streams(make_recipe(data=(one,), validation_examples=60))
        assert validation is not None
        ids, others = ({one.id for one in stream.material.sources[0].album} for stream in (validation, training))
        names = ({one["file_name"] for one in content["images"] if one["id"] in side} for side in (ids, others))
        assert not set.intersection(*names)
        return ids

    def nothing(content: dict[str, Any]) -> None:
        pass

    def of(image: int, **values: object) -> Callable[[dict[str, Any]], None]:
        def change(content: dict[str, Any]) -> None:
            for record in content["annotations"]:
                if record["image_id"] == image:
                    record.update(values)

        return change

    most = kept(0.7, nothing)
    assert len(most) == 6 and kept(0.7, lambda content: content["images"].reverse()) == most
    assert len(kept(0.95, nothing)) == 6  # two are left to train on

    def twice(content: dict[str, Any]) -> None:
        """Each picture has a record more, with its objects."""
        content["images"] += [image | {"id": image["id"] + 8} for image in content["images"]]
        own = content["annotations"]
        content["annotations"] = own + [a | {"id": a["id"] + 1000, "image_id": a["image_id"] + 8} for a in own]

    assert {(i - 1) % 8 + 1 for i in kept(0.7, twice)} == most
    few = kept(0.1, nothing)  # four at the least
    assert len(few) == 4 and few < most
    name, unused = "out.txt", min(few)
    (tmp_path / name).write_text(f"{unused}\n")
    (tmp_path / "in.txt").write_text("".join(f"{i}\n" for i in range(1, 9) if i != unused))
    square = [0.0, 0.0, 8.0, 0.0, 8.0, 8.0, 0.0, 8.0]
    others = [
        kept(0.1, nothing, exclude=str(tmp_path / name)),
        kept(0.1, nothing, only=str(tmp_path / "in.txt")),
        kept(0.1, of(unused, segmentation=[square], bbox=[0.0, 0.0, 8.0, 8.0], area=64.0)),  # too small
        kept(
            0.1,
            lambda content: content.update(annotations=[a for a in content["annotations"] if a["image_id"] != unused]),
        ),
    ]
    assert all(other == others[0] for other in others)
    assert len(others[0]) == 3 and few - {unused} <= others[0]  # half of seven, rounded down


@pytest.mark.parametrize("count", [1, 3])
def test_too_few_photographs_to_keep_a_share_of(
    make_recipe: Make, source: DataSource, tmp_path: Path, count: int
) -> None:
    content = json.loads(Path(source.annotations).read_text())
    content["annotations"] = [one for one in content["annotations"] if one["image_id"] <= count]
    (tmp_path / "a.json").write_text(json.dumps(content))
    few = replace(source, annotations=str(tmp_path / "a.json"), validation="", validation_share=0.1)
    with pytest.raises(
        RecipeError, match=rf"a\.json: .* four or more .* 16 .*; found '{count} of 8'.*validation_share to 0"
    ):
        make_streams(make_recipe(data=(few,)))


def test_a_share_makes_another_run_and_its_absence_the_same(make_recipe: Make, source: DataSource) -> None:
    listless = replace(source, validation="")
    runs = [fingerprint_of(make_recipe(data=(one,))) for one in (listless, replace(listless, validation_share=0.1))]
    assert runs[0] != runs[1]


def test_a_list_and_a_share_exclude_each_other(source: DataSource) -> None:
    with pytest.raises(RecipeError, match=r"without a validation list; found 0\.1"):
        replace(source, validation_share=0.1)
    for share in (-0.1, 1.0, float("nan")):
        with pytest.raises(RecipeError, match="0 or more, below 1; found "):
            replace(source, validation="", validation_share=share)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\n".join(map(str, range(1, 9))), "leaves photographs to train on"),
        ("99\n98", "names some of "),
        ("nine\n", "names some of "),
        (None, "one image id or name a line"),
    ],
)
def test_lists_that_do_not_work(
    make_recipe: Make, source: DataSource, tmp_path: Path, text: str | None, told: str
) -> None:
    path = tmp_path / "ids.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(AmodalError, match=told):
        make_streams(make_recipe(data=(replace(source, validation=str(path)),)))


def test_photographs_are_listed_by_name_too(
    make_recipe: Make, source: DataSource, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """VOC's ImageSets name pictures without ending; some have a second column, most are made for a larger set."""
    content = json.loads(Path(source.annotations).read_text())
    (tmp_path / "images").mkdir()
    for image in content["images"]:
        name = f"2008_{image['file_name']}"
        shutil.copy(Path(source.images) / image["file_name"], tmp_path / "images" / name)
        image["file_name"] = name
    (tmp_path / "a.json").write_text(json.dumps(content))
    (tmp_path / "train.txt").write_text("2008_0  1\n2008_3 -1\n2011_000001\n")
    (tmp_path / "val.txt").write_text(f"{content['images'][5]['file_name']}\n2\n")  # with its ending, and an id
    voc = DataSource(
        str(tmp_path / "images"),
        str(tmp_path / "a.json"),
        validation=str(tmp_path / "val.txt"),
        only=str(tmp_path / "train.txt"),
    )
    training, validation = make_streams(make_recipe(data=(voc,)))
    assert validation is not None
    assert photographs(training) == {1, 4} and photographs(validation, 8) == {6, 2}
    told = capsys.readouterr().out
    assert "train.txt: 1 of 3 lines name no photograph of " in told and "the first: 2011_000001" in told
    assert "val.txt" not in told


def test_two_sources_share_by_weight(make_recipe: Make, source: DataSource, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1\n2\n3\n4\n")
    (tmp_path / "b.txt").write_text("5\n6\n7\n8\n")
    first = replace(source, weight=3.0, validation="", exclude=str(tmp_path / "b.txt"))
    second = replace(source, weight=1.0, validation="", exclude=str(tmp_path / "a.txt"))
    training, _ = make_streams(make_recipe(data=(first, second)))
    from_first = sum(int(training[i]["image_id"]) <= 4 for i in range(400))
    assert from_first / 400 == pytest.approx(0.75, abs=0.07)
    assert training.material.categories == ("disc", "box")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("first_step", [0, 2, 5])
def test_step_s_holds_the_same_examples_wherever_a_run_starts(make_recipe: Make, first_step: int, workers: int) -> None:
    training, _ = make_streams(make_recipe())
    batches = list(training_batches(training, 3, first_step, 5, workers))
    assert len(batches) == 5 - first_step
    for step, batch in enumerate(batches, first_step):
        for i in range(3):
            assert torch.equal(batch["modal_patch"][i], training[step * 3 + i]["modal_patch"])


@pytest.mark.parametrize("channels_last", [True, False])
def test_batches_have_the_layout_of_the_recipe(make_recipe: Make, channels_last: bool) -> None:
    recipe = make_recipe(channels_last=channels_last)
    training, validation = make_streams(recipe)
    (step,) = staged_batches(training, recipe.modal, recipe.modal.steps - 1, 0, channels_last=recipe.channels_last)
    assert validation is not None
    checks = validation_batches(validation, 4, channels_last=recipe.channels_last)
    for batch in (step, *checks):
        assert batch["modal_patch"].is_contiguous(memory_format=torch.channels_last) == channels_last


def test_the_number_of_categories_is_that_of_the_data(make_recipe: Make) -> None:
    recipe = make_recipe()
    networks = [{"network": replace(stage.network, num_categories=3)} for stage in (recipe.modal, recipe.amodal)]
    with pytest.raises(RecipeError, match="0 or the 2 of the data; found 3"):
        make_streams(make_recipe(*networks))


def test_a_stage_may_start_on_small_patches(make_recipe: Make) -> None:
    recipe = make_recipe(modal={"steps": 4, "start_px": 16, "start_steps": 3})
    training, _ = make_streams(recipe)
    every = list(staged_batches(training, recipe.modal, 0, 0))
    assert [batch["modal_patch"].shape[-1] for batch in every] == [16, 16, 16, 32]
    assert [batch["amodal_label"].shape[-1] for batch in every] == [10, 10, 10, 20]
    later = list(staged_batches(training, recipe.modal, 2, 0))  # a resume in the small part
    for batch, same in zip(every[2:], later, strict=True):
        assert all(torch.equal(batch[key], same[key]) for key in batch)
    assert torch.equal(next(staged_batches(training, recipe.modal, 3, 0))["image_id"], every[3]["image_id"])
