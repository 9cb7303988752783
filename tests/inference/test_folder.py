"""The folder of weights: where else they may lie is told, and links are written through."""

from __future__ import annotations

from pathlib import Path

import pytest

from amodal.core.errors import WeightsError
from amodal.inference.folder import beside, clear_unfinished, move_in, read_config


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run, with weights that are but a config."""
    (tmp_path / "mine" / "weights").mkdir(parents=True)
    (tmp_path / "mine" / "weights" / "config.json").write_text('{"format": 1}')
    return tmp_path / "mine"


@pytest.mark.parametrize(
    ("place", "rule"),
    [(".", "config.json: a folder of weights has a config.json"), ("weights/config.json", "weights are a folder")],
)
def test_weights_near_by_are_named(run: Path, place: str, rule: str) -> None:
    with pytest.raises(WeightsError, match=rf"{rule}\. Give {run}/weights\.$"):
        read_config(run / place)
    assert read_config(run / "weights") == {"format": 1}


def test_no_weights_near_by(run: Path) -> None:
    for folder, rule in ((run / "weights" / "none", "does not exist"), (run.parent, "has a config.json")):
        with pytest.raises(WeightsError, match=rf"{rule}\. Take a folder that `amodal train` or `amodal export` wrote"):
            read_config(folder)


def test_a_link_is_written_through(run: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    (tmp_path / "link").symlink_to(disk / "w")
    with beside(tmp_path / "link") as made:
        assert Path(made).parent == disk
        (Path(made) / "config.json").write_text("{}")
        move_in(Path(made), tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (disk / "w" / "config.json").read_text() == "{}"
    (disk / ".w.amodal-abcdefgh").mkdir()
    clear_unfinished(tmp_path / "link")
    assert [path.name for path in disk.iterdir()] == ["w"]
