"""Long work shows how far it is, on the error stream, in the first process alone."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
from amodal.training import progress


def test_items_pass_unchanged_under_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.shown(iter("abc"), "thresholds", 3, "scene")) == ["a", "b", "c"]
    out, err = capsys.readouterr()
    assert out == "" and "thresholds: 100%" in err and "3/3" in err


def test_other_processes_are_silent(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "is_first", lambda: False)
    assert list(progress.shown(range(2), "thresholds", 2, "scene")) == [0, 1]
    assert capsys.readouterr().err == ""


def test_a_bar_begins_where_a_resumed_run_does(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress("modal", 10, "step", initial=8) as bar:
        bar.update()
        assert bar.n == 9
    assert "8/10" in capsys.readouterr().err
