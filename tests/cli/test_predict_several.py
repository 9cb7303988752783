"""`amodal predict` of several photographs: folders, and files that are none."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from amodal.cli.main import main
from amodal.datasets import read_annotations


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(["predict", *words]) == 2
    return capsys.readouterr().err


def test_files_that_are_no_pictures_do_not_stop_the_others(
    photo: Path, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty.jpg").write_bytes(b"")
    output = tmp_path / "out"
    words = ["--output", str(output), "--weights", weights]
    told = refused(capsys, str(tmp_path / "notes.txt"), str(tmp_path / "empty.jpg"), str(photo), *words)
    assert "notes.txt, empty.jpg: 2 of 3 photographs cannot be read" in told
    assert [path.name for path in output.glob("*.png")] == ["photo_amodal.png"]
    shutil.rmtree(output)
    told = refused(capsys, str(photo), str(tmp_path / "typo.jpg"), *words)  # a slip: told before any work
    assert "typo.jpg: the picture does not exist" in told and not output.exists()


def test_a_folder_stands_for_the_pictures_in_it(
    photo: Path, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    (folder / "deeper").mkdir(parents=True)
    for name in ("b.PNG", "a.png", "deeper/c.png"):
        Image.open(photo).save(folder / name)
    (folder / "notes.txt").write_text("no picture, and nobody's concern here")
    (folder / "._a.png").write_bytes(b"what macOS leaves beside a picture")
    (folder / "folder.png").mkdir()
    words = ["--output", str(tmp_path / "out"), "--weights", weights]
    assert main(["predict", str(folder), str(photo), *words]) == 0
    names = [record.file_name for record in read_annotations(tmp_path / "out" / "annotations.json")]
    assert names == ["folder/a.png", "folder/b.PNG", "photo.png"]
    (tmp_path / "none").mkdir()
    told = refused(capsys, str(folder), "--output", str(folder), "--weights", weights)
    assert "would lie among the photographs" in told and not list(folder.glob("*_amodal.png"))
    assert "none: a folder given for photographs has some" in refused(capsys, str(tmp_path / "none"), *words)


def test_pictures_of_a_folder_that_cannot_be_read_are_warned_of(
    photo: Path, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    photo.rename(folder / "a.png")
    for name in ("IMG_1.HEIC", "b.avif"):
        (folder / name).write_bytes(b"of a phone")
    assert main(["predict", str(folder), "--output", str(tmp_path / "out"), "--weights", weights]) == 0
    told = capsys.readouterr().err
    assert "folder: pictures left out, of kinds that are not read from folders: 2, the first IMG_1.HEIC; save" in told


def test_the_output_may_be_a_disk_of_its_own(
    photo: Path, weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, output = tmp_path / "disk", tmp_path / "out"
    disk.mkdir()
    output.symlink_to(disk)  # as a folder of the host in a container, nothing moves there from beside it
    replace = os.replace

    def move(source: Path, place: Path) -> None:
        if Path(source).resolve().is_relative_to(disk) != Path(place).resolve().is_relative_to(disk):
            raise OSError(errno.EXDEV, "Invalid cross-device link", str(source))
        replace(source, place)

    monkeypatch.setattr(os, "replace", move)
    words = [str(photo), "--output", str(output), "--weights", weights, "--box", "35,25,80,60", "--cutouts"]
    assert main(["predict", *words]) == main(["predict", *words]) == 0
    names = ["annotations.json", "cutouts", "photo_amodal.png", "predictions.json"]
    assert sorted(path.name for path in disk.iterdir()) == names
