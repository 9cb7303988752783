"""What scenes and examples are written into: a folder that takes its place at last, or is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from amodal.core.errors import AnnotationError
from amodal.datasets.folders import new_folder


def held(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_mount_point_is_refused_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) == str(tmp_path / "disk"))
    for name in ("disk", "link"):
        with pytest.raises(AnnotationError, match=r"a mount point.*Name a folder inside"), new_folder(tmp_path / name):
            raise AssertionError("nothing is written")
    assert held(tmp_path) == ["disk", "link"]
    with new_folder(tmp_path / "disk" / "inside"):
        pass
    assert (tmp_path / "disk" / "inside").is_dir()


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_folder_is_written(tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "away").mkdir()
    (tmp_path / "link").symlink_to("away")
    with new_folder(tmp_path / "link") as beside:
        (beside / "file").write_text("x")
    assert (tmp_path / "link").is_symlink() and held(tmp_path) == ["away", "away/file", "link"]


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("link")
    with pytest.raises(AnnotationError, match="a link to itself"), new_folder(tmp_path / "link"):
        raise AssertionError("nothing is written")


def test_an_earlier_folder_goes_when_the_new_one_is_there(tmp_path: Path) -> None:
    place = tmp_path / "out"
    for text in ("1", "2"):
        with new_folder(place, lambda folder: held(folder) == ["file"]) as beside:
            assert text == "1" or (place / "file").read_text() == "1"
            (beside / "file").write_text(text)
    assert (place / "file").read_text() == "2" and held(tmp_path) == ["out", "out/file"]
    (place / "mine").write_text("")
    with pytest.raises(AnnotationError, match="over nothing"), new_folder(place, lambda folder: len(held(folder)) == 1):
        raise AssertionError("nothing is written")


def test_both_folders_stay_where_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_text("old")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.suffix == ".part":
            raise OSError(16, "Device or resource busy", str(target))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    kept = f".out.{os.getpid()}.part"
    with pytest.raises(AnnotationError, match=f"busy.*whole in .*{kept}"), new_folder(tmp_path / "out", lambda _: True):
        pass
    assert (tmp_path / "out" / "file").read_text() == "old" and held(tmp_path) == [kept, "out", "out/file"]


@pytest.mark.parametrize("there", [True, False])
def test_what_a_killed_process_left_is_no_hindrance(tmp_path: Path, there: bool) -> None:
    for word in ("part", "old"):
        (tmp_path / f".out.{os.getpid()}.{word}").mkdir()
        (tmp_path / f".out.{os.getpid()}.{word}" / "stale").write_text("")
    if there:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "file").write_text("old")
    with new_folder(tmp_path / "out", lambda _: True) as beside:
        (beside / "new").write_text("")
    assert held(tmp_path) == ["out", "out/new"]


def test_what_was_put_there_meanwhile_stays(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(AnnotationError, match=r"put there meanwhile.*It is whole in"), new_folder(tmp_path / "out"):
        (tmp_path / "out" / "mine").write_text("x")
    assert (tmp_path / "out" / "mine").read_text() == "x"
