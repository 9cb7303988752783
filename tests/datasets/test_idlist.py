"""Which photographs a list names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from amodal.core.album import Album
from amodal.core.boxes import as_box
from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.datasets import read_annotations
from amodal.datasets.dialects import dialect_named
from amodal.datasets.idlist import listed_ids, only


def album_of(names: Sequence[str], first: int = 1, source: Path | str = "a.json") -> Album:
    mask = Mask.from_polygons([[1.0, 1.0, 9.0, 1.0, 9.0, 9.0, 1.0, 9.0]], 16, 16)
    records = (
        ImageRecord(i, name, 16, 16, (Instance(i, 0, as_box([1, 1, 9, 9]), mask),))
        for i, name in enumerate(names, first)
    )
    return Album(records, (Category(1, "thing"),), source=source)


def folder_of(dialect: str, names: Sequence[str], where: Path) -> Album:
    """The same photographs read from a folder whose dialect keeps no ids."""
    write = dialect_named(dialect).write
    assert write is not None
    write(album_of(names), where / dialect)
    if dialect == "yolo":
        from PIL import Image

        for label in (where / dialect).glob("labels/**/*.txt"):
            picture = Path(str(label).replace("/labels/", "/images/")).with_suffix(".jpg")
            picture.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (16, 16)).save(picture)
    return read_annotations(where / dialect)


def named(album: Album, text: str, where: Path, told: list[object] | None = None) -> list[str]:
    (where / "list.txt").write_text(text, "utf-8")
    ids = listed_ids(album, where / "list.txt", None if told is None else told.append)
    return [Path(record.file_name).name for record in album if record.id in ids]


NUMBERED = [f"{i}.jpg" for i in range(1, 15)]


@pytest.mark.parametrize("dialect", ["labelme", "voc", "yolo"])
def test_a_number_is_a_name_where_ids_are_places_in_a_folder(dialect: str, tmp_path: Path) -> None:
    album = folder_of(dialect, NUMBERED, tmp_path)
    assert {record.id: Path(record.file_name).name for record in album}[2] == "10.jpg"  # what an id would have chosen
    assert sorted(named(album, "2\n10\n", tmp_path)) == ["10.jpg", "2.jpg"]
    with pytest.raises(AnnotationError, match=r"names some of .*; found '15'"):
        named(album, "15", tmp_path)


def test_a_number_is_an_id_where_no_name_of_a_folder_is_one(tmp_path: Path) -> None:
    album = folder_of("labelme", ["cat.jpg", "dog.jpg", "emu.jpg"], tmp_path)
    assert named(album, "3\n1\n", tmp_path) == ["cat.jpg", "emu.jpg"]


def test_a_name_that_only_looks_like_the_number_is_no_id_either(tmp_path: Path) -> None:
    """Frames that count from 0: the place of a frame is one more than its name."""
    album = folder_of("labelme", [f"{i:04}.jpg" for i in range(5)], tmp_path)
    assert named(album, "0003", tmp_path) == ["0003.jpg"]
    with pytest.raises(AnnotationError, match="names some of "):
        named(album, "3", tmp_path)


def test_a_number_is_an_id_where_the_file_numbers_its_photographs(tmp_path: Path) -> None:
    """Also where it is the name of another: `objects_val.txt` holds such ids."""
    album = album_of(["3.jpg", "1.jpg", "2.jpg"])
    assert named(album, "1\n", tmp_path) == ["3.jpg"]
    assert named(album, "1.jpg\n", tmp_path) == ["1.jpg"]


def test_numbers_that_are_no_ids_are_names_all_or_none(tmp_path: Path) -> None:
    album = album_of(["3.jpg", "4.jpg", "5.jpg"], first=101)
    told: list[object] = []
    assert named(album, "3\n5\n", tmp_path, told) == ["3.jpg", "5.jpg"] and not told
    assert named(album, "101\n5\n", tmp_path, told) == ["3.jpg"]
    assert len(told) == 1 and str(told[0]).endswith("1 of 2 lines name no photograph of a.json, the first: 5")


@pytest.mark.parametrize(
    ("line", "chosen"),
    [
        ("000000069468.jpg", ["000000069468.jpg"]),
        ("000000069468", ["000000069468.jpg"]),
        ("left/b.png", ["b.png"]),
        (r"left\b.png", ["b.png"]),
        ("./left/b.png", ["b.png"]),
        ("left/b", ["b.png"]),
        ("b.png", ["b.png"]),
        ("b  -1", ["b.png"]),
        ("my picture.jpg", ["my picture.jpg"]),
        ("8 cups.jpg", ["8 cups.jpg"]),
        ("v1.2.jpg", ["v1.2.jpg"]),
        ("v1.2", ["v1.2.jpg"]),
        ("\ufeffb.png", ["b.png"]),
        ("same", ["same.jpg", "same.jpg"]),
        ("same.jpg", ["same.jpg"]),
        ("right/same.jpg", ["same.jpg"]),
        ("7", ["000000069468.jpg"]),
    ],
)
def test_a_line_is_a_name_with_or_without_folder_and_ending(line: str, chosen: list[str], tmp_path: Path) -> None:
    names = ["000000069468.jpg", "left/b.png", "my picture.jpg", "v1.2.jpg", "same.jpg", "right/same.jpg", "8 cups.jpg"]
    assert named(album_of(names, first=7), f"{line}\n\n# kept\n", tmp_path) == chosen


def test_a_whole_file_name_wins_over_the_end_of_another(tmp_path: Path) -> None:
    album = album_of(["right/same.jpg", "same.jpg"])
    (tmp_path / "list.txt").write_text("same.jpg")
    assert listed_ids(album, tmp_path / "list.txt") == {2}


@pytest.mark.parametrize("text", ["", "# none\n", "z.jpg\n99\n"])
def test_a_list_of_no_photograph_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"list\.txt: .*names some of a\.json; found '(no line|z\.jpg)'"):
        named(album_of(["b.jpg"]), text, tmp_path)


def test_a_long_number_is_a_name_like_any_other(tmp_path: Path) -> None:
    assert named(album_of(["b.jpg"]), "b\n" + "9" * 5000, tmp_path) == ["b.jpg"]


def test_only_takes_names_and_tells_of_lines_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("b.jpg\nd.jpg\ne.jpg\n")
    told: list[object] = []
    album = only(album_of(["a.jpg", "b.jpg", "c.jpg"]), tmp_path / "list.txt", told.append)
    assert [record.file_name for record in album] == ["b.jpg"]
    assert len(told) == 1 and "2 of 3 lines name no photograph of a.json, the first: d.jpg" in str(told[0])


def test_paths_that_end_with_a_name_and_numbers_below_0(tmp_path: Path) -> None:
    """As YOLO's lists have them; of another folder's photograph it is no name."""
    flat = album_of(["a.jpg", "b.jpg"], first=-2)
    assert named(flat, "/data/images/a.jpg\n # spaces before\n", tmp_path) == ["a.jpg"]
    assert named(flat, "-1\n", tmp_path) == ["b.jpg"]
    told: list[object] = []
    assert named(album_of(["val/a.jpg", "val/b.jpg"]), "train/a.jpg\nx/val/b.jpg\n", tmp_path, told) == ["b.jpg"]
    assert "the first: train/a.jpg" in str(told)
