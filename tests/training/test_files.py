"""The log and the checkpoint of a stage."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch

from amodal.core.errors import RecipeError
from amodal.training.checkpoint import differences, has_checkpoint, read_checkpoint, write_checkpoint
from amodal.training.config import Recipe
from amodal.training.fingerprint import FREE, fingerprint_of
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

    def killed(state: dict[str, Any], file: BinaryIO) -> None:
        file.write(b"half a checkpoint")
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


@pytest.mark.parametrize(
    ("number", "told"),
    [(errno.ENOSPC, "Make room, then go on with --resume."), (errno.EIO, "Mend that, then go on with --resume.")],
)
def test_a_disk_that_takes_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, told: str
) -> None:
    write_checkpoint(tmp_path, STATE)

    def full(state: dict[str, Any], file: BinaryIO) -> None:
        file.write(b"half a checkpoint")
        try:
            raise OSError(number, os.strerror(number))
        except OSError:
            raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 704 vs 598")  # noqa: B904

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full)
        with pytest.raises(RecipeError) as refused:
            write_checkpoint(tmp_path, STATE | {"step": 4})
    said = str(refused.value)
    assert said.startswith(f"{tmp_path / 'checkpoint.pt'}: the file cannot be written ({os.strerror(number)})")
    assert said.endswith(told)
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]
    found = read_checkpoint(tmp_path, "f")
    assert found is not None and found["step"] == 3


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """What torch itself makes of a write that fails, in a process of its own."""
    code = (
        "import resource, signal, sys, torch\n"
        "from amodal.core.errors import RecipeError\n"
        "from amodal.training.checkpoint import write_checkpoint\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: write_checkpoint(sys.argv[1], {'network': torch.zeros(1_000_000)})\n"
        "except RecipeError as problem: print(problem)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert "checkpoint.pt: the file cannot be written (File too large)" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_bug_in_writing_is_not_dressed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("device-side assert")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(RuntimeError, match="device-side assert"):
        write_checkpoint(tmp_path, STATE)
    assert list(tmp_path.iterdir()) == []


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


def test_what_differs_from_the_recipe_of_then(make_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    recipe = make_recipe()
    assert differences(tmp_path, recipe, FREE) == ""
    then = json.loads(json.dumps(asdict(recipe)))
    for name in ("repaint", "others_told"):  # settings that came later
        del then["synthesis"][name]
    del then["data"][0]["only"]
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(then))
    assert differences(tmp_path, recipe, FREE) == ""
    free = replace(recipe, output="elsewhere", workers=3, device="auto", modal_from="x", thresholds="paper")
    assert differences(tmp_path, free, FREE) == ""
    for name in ("none", ""):
        path.write_text(json.dumps(then | {"start_from": name}))
        told = f'start_from: {json.dumps(name)} then, "w" now'
        assert differences(tmp_path, replace(recipe, start_from="w"), FREE) == told
    modal = replace(recipe.modal, lr=0.02, network=replace(recipe.modal.network, num_categories=0))
    source = replace(recipe.data[0], weight=2.0, only="some.txt")
    other = replace(recipe, modal=modal, data=(source,), synthesis=replace(recipe.synthesis, repaint=0.5), seed=1)
    assert differences(tmp_path, other, FREE) == (
        'data[0].weight: 1.0 then, 2.0 now; data[0].only: "" then, "some.txt" now; '
        "modal.lr: 0.01 then, 0.02 now; and 2 more"
    )
    for damaged in ("[1", "[]"):
        path.write_text(damaged)
        assert differences(tmp_path, other, FREE) == ""


def test_weights_that_moved_are_the_same(make_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    for name, content in (("old", b"a"), ("new", b"a"), ("other", b"b")):
        (tmp_path / name).mkdir()
        for role in ("modal", "amodal"):
            (tmp_path / name / f"{role}.safetensors").write_bytes(content)
    recipe = make_recipe(start_from=str(tmp_path / "old"))
    (tmp_path / "recipe.json").write_text(json.dumps(asdict(recipe)))
    assert differences(tmp_path, replace(recipe, start_from=str(tmp_path / "new")), FREE) == ""
    assert "start_from" in differences(tmp_path, replace(recipe, start_from=str(tmp_path / "other")), FREE)


def test_a_run_that_moved_with_its_lists_is_the_same(make_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    def run(output: str, only: str) -> str:
        (tmp_path / output).mkdir(exist_ok=True)
        source = replace(make_recipe().data[0], only=str(tmp_path / only))
        recipe = make_recipe(output=str(tmp_path / output), data=(source,))
        (tmp_path / output / "recipe.json").write_text(json.dumps(asdict(recipe)))
        assert differences(tmp_path / "a", recipe, FREE).startswith("data[0].only") == (only == "elsewhere.txt")
        return fingerprint_of(recipe)

    assert run("a", "a/data/only.txt") == run("b", "b/data/only.txt") != run("b", "elsewhere.txt")
