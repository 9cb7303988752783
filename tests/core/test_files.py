from __future__ import annotations

from pathlib import Path

import pytest

from amodal.core.files import write_bytes


def test_what_fails_leaves_the_file_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "a.bin"
    assert write_bytes(place, b"first") == place

    def full(path: Path, target: Path) -> None:
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="no room"):
            write_bytes(place, b"second")
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"] and place.read_bytes() == b"first"
    write_bytes(place, b"third")
    assert place.read_bytes() == b"third"
