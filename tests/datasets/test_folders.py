"""Folders that appear when all of them is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from amodal.core.errors import AnnotationError
from amodal.datasets.folders import new_folder


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
