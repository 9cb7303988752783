"""The log and the checkpoint of a stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from amodal.core.errors import RecipeError
from amodal.training.checkpoint import has_checkpoint, read_checkpoint, write_checkpoint
from amodal.training.log import Log

STATE = {"fingerprint": "f", "step": 3, "best": None, "network": {"a": torch.arange(3)}}


def test_log_lines(tmp_path: Path) -> None:
    log = Log(tmp_path / "new", 0)
    log.write(20, loss=0.12345678, name="x")
    log.write(40, loss=1.0)
    lines = [json.loads(line) for line in (tmp_path / "new" / "log.jsonl").read_text().splitlines()]
    assert lines == [{"step": 20, "loss": 0.123457, "name": "x"}, {"step": 40, "loss": 1.0}]


@pytest.mark.parametrize(
    ("first", "kept"), [(0, []), (20, [20]), (39, [20]), (40, [20, 40, 40]), (99, [20, 40, 40, 60])]
)
def test_a_resumed_log_drops_what_comes_again(tmp_path: Path, first: int, kept: list[int]) -> None:
    whole = "".join(f'{{"step": {step}}}\n' for step in (20, 40, 40, 60))
    (tmp_path / "log.jsonl").write_text(whole + '{"step": 80, "lo')
    log = Log(tmp_path, first)
    log.write(100)
    steps = [json.loads(line)["step"] for line in log.path.read_text().splitlines()]
    assert steps == [*kept, 100]
    assert [p.name for p in tmp_path.iterdir()] == ["log.jsonl"]


def test_checkpoint_round_trip(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path, "f") is None and not has_checkpoint(tmp_path)
    write_checkpoint(tmp_path, STATE)
    found = read_checkpoint(tmp_path, "f")
    assert found is not None and found["step"] == 3 and found["best"] is None and has_checkpoint(tmp_path)
    assert torch.equal(found["network"]["a"], torch.arange(3))
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_checkpoint_is_the_old_one_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(tmp_path, STATE)

    def killed(state: dict[str, Any], path: Path) -> None:
        path.write_bytes(b"half a checkpoint")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            write_checkpoint(tmp_path, STATE | {"step": 4})
    found = read_checkpoint(tmp_path, "f")
    assert found is not None and found["step"] == 3
    write_checkpoint(tmp_path, STATE | {"step": 5})
    found = read_checkpoint(tmp_path, "f")
    assert found is not None and found["step"] == 5


def test_another_recipe_or_a_damaged_file(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, STATE)
    with pytest.raises(RecipeError, match=r"checkpoint\.pt: a run resumes with the recipe it began with"):
        read_checkpoint(tmp_path, "g")
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RecipeError, match=r"checkpoint\.pt: the checkpoint cannot be read"):
        read_checkpoint(tmp_path, "f")


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.write_text, (tmp_path / "ran", "x"))

    torch.save(STATE | {"x": Evil()}, tmp_path / "checkpoint.pt")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_checkpoint(tmp_path, "f")
    assert not (tmp_path / "ran").exists()
