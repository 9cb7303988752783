from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amodal.cli.main import main
from amodal.core.album import Album
from amodal.core.errors import AmodalError, AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.datasets import read_annotations
from amodal.reproduction.miniature import Miniature
from amodal.reproduction.select import select_objects
from amodal.reproduction.truth import merge_truth

W, H = 40, 30
NAMES = ("cup", "dog", "hat")


def album(count: int = 60, *, start: int = 1, names: tuple[str, ...] = NAMES) -> Album:
    """Objects of three kinds in turn, every second one occluded; ids count from ``start``."""
    records = []
    for i in range(count):
        kind = NAMES[i % 3]
        one = Instance(start + i, names.index(kind), (i % 5, 0, i % 5 + 20, 20), is_occluded=i % 2 == 0)
        records.append(ImageRecord(start + i, f"{i:03d}.jpg", W, H, (one,)))
    return Album(records, [Category(i, name) for i, name in enumerate(names, 1)], source="all.json")


def chosen(selected: Album) -> list[tuple[str, str]]:
    return [
        (record.file_name, selected.categories[one.category].name) for record in selected for one in record.instances
    ]


def test_five_of_each_category_all_occluded_and_the_same_every_time() -> None:
    selected = select_objects(album())
    found = chosen(selected)
    assert [sum(kind == name for _, kind in found) for name in NAMES] == [5, 5, 5]
    assert all(one.is_occluded for record in selected for one in record.instances)
    assert chosen(select_objects(album())) == found
    assert chosen(select_objects(album(), seed=1)) != found


def test_the_choice_depends_on_neither_ids_nor_other_categories_nor_the_number() -> None:
    found = set(chosen(select_objects(album())))
    assert set(chosen(select_objects(album(start=1000)))) == found
    assert set(chosen(select_objects(album(names=("zebra", "hat", "dog", "cup"))))) == found
    assert set(chosen(select_objects(album(), per_category=3))) < found


def test_unoccluded_ones_only_where_they_are_asked_for() -> None:
    every = select_objects(album(), per_category=100, occluded=False)
    assert len(every) == 60
    assert len(select_objects(album(), per_category=100)) == 30
    with pytest.raises(AmodalError, match="--seed is 0 or more; found -1"):
        select_objects(album(), seed=-1)


def test_crowds_stuff_difficult_and_small_objects_are_never_chosen() -> None:
    def spoil(record: ImageRecord) -> ImageRecord:
        (one,) = record.instances
        how = [{"is_crowd": True}, {"is_stuff": True}, {"is_difficult": True}, {"modal_box": (0, 0, 20, 3)}]
        return replace(record, instances=(replace(one, **how[record.id % 4]),))  # type: ignore[arg-type]

    with pytest.raises(AmodalError, match=r"all\.json: there is an object to choose.*Leave --occluded out"):
        select_objects(album().filter(spoil), min_side_px=5)
    with pytest.raises(AmodalError, match="Lower --min-side from 5"):
        select_objects(album().filter(spoil), occluded=False, min_side_px=5)


def test_the_command_writes_what_an_annotator_needs(
    tmp_path: Path, miniature: Miniature, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["select", str(miniature.voc / "ImageSets/Segmentation/val.txt"), "--occluded", "--per-category", "1"]
    words += ["--images", str(miniature.voc / "JPEGImages"), "--output", str(tmp_path)]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "aeroplane: 0 of 1" in told and "4 objects" in told
    written = read_annotations(tmp_path / "annotations.json")
    assert sum(len(record.instances) for record in written) == 4
    for record in written:
        for one in record.instances:
            assert one.is_occluded and one.modal_mask is not None and one.amodal_mask is None
    assert (tmp_path / "pictures.txt").read_text().split() == [record.file_name for record in written]
    assert (tmp_path / "index.html").exists()
    assert "earlier choice" not in told
    assert main([*words[:-4], "--seed", "1", "--output", str(tmp_path)]) == 0
    assert f"{tmp_path / 'index.html'} shows an earlier choice" in capsys.readouterr().out
    ids = {one["id"] for one in json.loads((tmp_path / "annotations.json").read_text())["annotations"]}
    assert len(ids) == 4
    assert main([*words[:-4], "--images", str(tmp_path / "none"), "--output", str(tmp_path / "more")]) == 2
    assert "folder of the pictures" in capsys.readouterr().err and not (tmp_path / "more").exists()


def drawn(
    *, box: tuple[float, float, float, float] = (0, 0, 21, 19), name: str = "cup", file: str = "0/000.png"
) -> Album:
    whole = Mask.from_box((0, 0, 30, 25), W, H)
    one = Instance(77, 0, box, amodal_mask=whole, amodal_box=whole.box)
    return Album([ImageRecord(5, file, W, H, (one,))], [Category(9, name)], source="drawn.json")


def test_drawn_masks_find_their_objects_by_name_and_box() -> None:
    merged = merge_truth(album(), drawn())
    with_mask = [one for record in merged for one in record.instances if one.amodal_mask is not None]
    assert [one.id for one in with_mask] == [1]
    assert with_mask[0].modal_box == (0, 0, 20, 20)  # the album's own
    assert with_mask[0].is_occluded
    assert len(merged) == 60


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (drawn(box=(20, 10, 40, 30)), "half its visible box"),
        (drawn(name="dog"), "found 'dog in 0/000.png'"),
        (drawn(file="zzz.jpg"), "picture is one of all.json"),
        (album(), "has amodal masks"),
    ],
)
def test_drawn_objects_that_are_not_in_the_album_are_refused(other: Album, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        merge_truth(album(), other)


def test_an_object_is_drawn_once() -> None:
    (record,) = drawn()
    twice = replace(record, instances=(record.instances[0], replace(record.instances[0], id=78)))
    with pytest.raises(AnnotationError, match=r"drawn\.json: annotation 78: an object of all\.json is drawn once"):
        merge_truth(album(), Album([twice], [Category(9, "cup")], source="drawn.json"))


def test_the_command_leaves_what_is_read_and_what_is_another_s(
    tmp_path: Path, tiny_set: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, annotations = tiny_set
    before = annotations.read_bytes()
    assert main(["select", str(annotations), "--output", str(annotations.parent)]) == 2
    assert "nothing is written over what is read" in capsys.readouterr().err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "annotations.json").write_text("{}")
    assert main(["select", str(annotations), "--output", str(tmp_path / "mine")]) == 2
    assert "did not write" in capsys.readouterr().err
    assert annotations.read_bytes() == before and (tmp_path / "mine" / "annotations.json").read_text() == "{}"
    for _ in range(2):
        assert main(["select", str(annotations), "--output", str(tmp_path / "out")]) == 0


@pytest.mark.parametrize(
    ("table", "field", "value", "said"),
    [
        ("annotations", "weight", float("nan"), "JSON holds no NaN"),
        ("images", "file_name", "a\ud800.png", "half of a surrogate pair"),
    ],
)
def test_what_cannot_be_written_ends_in_one_error_and_leaves_no_file(
    tmp_path: Path,
    tiny_coco: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    table: str,
    field: str,
    value: object,
    said: str,
) -> None:
    out = tmp_path / "out"
    sound = tmp_path / "sound.json"
    sound.write_text(json.dumps(tiny_coco))
    for entry in tiny_coco[table]:
        entry[field] = value
    (tmp_path / "odd.json").write_text(json.dumps(tiny_coco))
    words = ["select", str(tmp_path / "odd.json"), "--output", str(out)]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert said in told and "Traceback" not in told and not [*out.rglob("*")]
    assert main(["select", str(sound), "--output", str(out)]) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert main(words) == 2 and {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert sorted(before) == ["annotations.json", "pictures.txt"]
