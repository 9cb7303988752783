"""Folders that appear when all of them is written, names of what is in them, and what is left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from amodal.core.album import Album
from amodal.core.errors import AnnotationError
from amodal.core.records import ImageRecord
from amodal.datasets.folders import disc, left_behind, masks_of, new_folder, unique_stems
from amodal.datasets.spilled import Objects, SpilledAlbum


def test_it_appears_when_all_is_written(tmp_path: Path) -> None:
    with new_folder(tmp_path / "a" / "b") as beside:
        (beside / "file").write_text("x")
        assert not (tmp_path / "a" / "b").exists()
    assert [path.name for path in (tmp_path / "a").rglob("*")] == ["b", "file"]


@pytest.mark.parametrize("name", [".", ".."])
def test_a_place_without_a_name_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside" if name == "." else tmp_path)
    with (
        pytest.raises(AnnotationError, match=r"a new folder (has a name of its own|is written)"),
        new_folder(Path(name)),
    ):
        raise AssertionError("nothing is written")
    assert (tmp_path / "inside").is_dir()


def test_nothing_is_left_of_one_that_failed(tmp_path: Path) -> None:
    with pytest.raises(KeyError), new_folder(tmp_path / "new") as beside:
        (beside / "file").write_text("x")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (["b.jpg", "b.png", "b_2.jpg"], ["b", "b_3", "b_2"]),
        (["b_2.jpg", "b.jpg", "b.png", "b.gif"], ["b_2", "b", "b_3", "b_4"]),
        (["b.jpg", "b_2.jpg", "b_2.png", "b.png"], ["b", "b_2", "b_2_2", "b_3"]),
        (["sub\\b.jpg", "sub/b.png"], ["sub/b", "sub/b_2"]),
    ],
)
@pytest.mark.parametrize("spilled", [False, True])
def test_a_number_makes_no_name_that_another_picture_has(
    names: list[str], stems: list[str], spilled: bool, tmp_path: Path
) -> None:
    records = [ImageRecord(i, name, 8, 8) for i, name in enumerate(names)]
    album = SpilledAlbum(records, Objects(tmp_path), []) if spilled else Album(records, [])
    assert [stem for _, stem in unique_stems(iter(album), album)] == stems


def test_files_left_behind_are_told_by_folder(tmp_path: Path) -> None:
    for name in ("a/b/c/1.txt", "a/b/2.txt", "a/3.txt", "a/3.xml", "4.txt", "5.txt", "6.txt", "7.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    new = tmp_path.with_name("new")
    (new / "a").mkdir(parents=True)
    (new / "a/3.txt").write_text("not the same")
    told = list(left_behind(tmp_path, ["a/**/*.xml"], new))
    assert sorted(told) == [
        "1 file of a (3.txt)",
        "2 files of a/b (2.txt, c/1.txt)",
        "4 files (4.txt, 5.txt, 6.txt, ...)",
    ]
    (new / "a/3.txt").write_text("")
    (new / "4.txt").write_text("")
    told = list(left_behind(tmp_path, ["a/**/*.xml"], new))
    assert sorted(told) == ["2 files of a/b (2.txt, c/1.txt)", "3 files (5.txt, 6.txt, 7.txt)"]


def test_a_disc_is_that_of_the_whole_picture() -> None:
    rng = np.random.default_rng(0)
    columns, rows = np.meshgrid(np.arange(23) + 0.5, np.arange(17) + 0.5)
    for _ in range(300):
        centre, radii, turn = rng.uniform((-5, -5), (28, 22)), np.exp(rng.uniform(-2, 4, 2)), rng.uniform(-180, 360)
        if rng.random() < 0.3:  # edges that meet the centres of pixels
            centre, radii, turn = np.round(centre) + 0.5, np.ceil(radii), 90.0 * rng.integers(4)
        c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
        x, y = columns - centre[0], rows - centre[1]
        whole = ((c * x + s * y) / radii[0]) ** 2 + ((c * y - s * x) / radii[1]) ** 2 <= 1
        found = disc(tuple(centre.tolist()), tuple(radii.tolist()), (23, 17), turn_deg=turn)
        np.testing.assert_array_equal(found.to_array(), whole)
    assert disc((5, 5), (1e200, 1e300), (23, 17)).area == 23 * 17 and disc((-50, 5), (3, 3), (23, 17)).is_empty


@pytest.mark.parametrize("kind", [np.uint8, np.int64])
def test_masks_of_numbers_are_those_of_a_slow_loop(kind: type) -> None:
    rng = np.random.default_rng(1)
    numbers = rng.choice([0, 0, 3, 7, 200], size=(13, 19)).astype(kind)
    found = masks_of(numbers)
    assert list(found) == [3, 7, 200]
    for value, mask in found.items():
        np.testing.assert_array_equal(mask.to_array(), numbers == value)
    assert masks_of(np.zeros((4, 5), kind)) == {}
