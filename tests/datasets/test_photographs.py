"""Photographs without annotations as an album."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from amodal.core.errors import AmodalError
from amodal.datasets.photographs import album_of_photographs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photographs"
    for name, size in (("b.JPG", (30, 20)), ("sub/a.png", (8, 9)), (".trash/c.png", (4, 4))):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(root / name)
    (root / "._b.jpg").write_bytes(b"what another system leaves")
    (root / "notes.txt").write_text("no picture")
    turned = Image.new("RGB", (30, 20))
    exif = turned.getexif()
    exif[0x0112] = 6  # a quarter turn
    turned.save(root / "a.jpg", exif=exif)
    return root


def test_all_pictures_in_the_order_of_their_names_and_upright(folder: Path) -> None:
    album = album_of_photographs(folder, ["cup", "a plate"])
    assert [(one.id, one.file_name, one.width, one.height) for one in album] == [
        (1, "a.jpg", 20, 30),
        (2, "b.JPG", 30, 20),
        (3, "sub/a.png", 8, 9),
    ]
    assert [(one.id, one.name) for one in album.categories] == [(1, "cup"), (2, "a plate")]
    assert not any(one.instances for one in album) and album.source == str(folder)


def test_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert Path(album_of_photographs(".", ["cup"]).source).name == "photographs"


@pytest.mark.parametrize("names", [[], ["cup", "cup"], [" "]])
def test_categories_have_names(folder: Path, names: list[str]) -> None:
    with pytest.raises(AmodalError, match="categories have a name each"):
        album_of_photographs(folder, names)


def test_what_cannot_be_drawn_on_is_told_at_once(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(AmodalError, match="empty: a folder of photographs holds some"):
        album_of_photographs(tmp_path / "empty", ["cup"])
    (folder / "broken.png").write_bytes(b"no picture")
    with pytest.raises(AmodalError, match=r"broken\.png"):
        album_of_photographs(folder, ["cup"])
