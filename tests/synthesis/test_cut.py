"""Which of both ways of cutting is taken: Pillow's where there is no torch, none where torch is broken."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from amodal.synthesis import cut


def test_without_torch_pillow_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "amodal.synthesis.torch_cut", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert cut._by_torch.__wrapped__() is None


def test_a_broken_torch_is_no_missing_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text("import a_part_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("torch", "amodal.synthesis.torch_cut"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ModuleNotFoundError, match="a_part_that_is_missing"):
        cut._by_torch.__wrapped__()
