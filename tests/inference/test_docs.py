"""The examples of docs/prediction.md run as they stand, with toy networks in place of the package's."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from amodal.inference.pair import NetworkPair
from amodal.inference.predictor import Predictor


def test_the_examples_run(
    toy: SimpleNamespace, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    networks = NetworkPair(toy.ToyNetwork(margin=0.0), toy.ToyNetwork())
    monkeypatch.setattr(Predictor, "from_pretrained", classmethod(lambda cls: cls(networks)))
    monkeypatch.chdir(root)
    text = (root / "docs" / "prediction.md").read_text(encoding="utf-8")
    mine = text.partition("<!-- The examples above run as a test")[0]
    blocks = re.findall(r"```python\n(.*?)```", mine, flags=re.DOTALL)
    assert len(blocks) >= 5
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    printed = capsys.readouterr().out
    assert "hidden" in printed and "depth rank" in printed and "no order among" in printed
