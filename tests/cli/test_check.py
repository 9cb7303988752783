from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amodal.cli.main import main

Set = tuple[Path, Path]


@pytest.mark.parametrize("named", [True, False])
def test_a_sound_set_ends_with_0(tiny_set: Set, capsys: pytest.CaptureFixture[str], named: bool) -> None:
    images, annotations = tiny_set
    words = ["--annotations", str(annotations)] if named else [str(annotations)]
    assert main(["check", *words, "--images", str(images)]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{annotations}: coco, 2 pictures, 3 objects, 2 categories\n")
    assert "error:" not in told


def test_bad_records_end_with_1_and_are_listed(
    tiny_set: Set, tiny_coco: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, annotations = tiny_set
    tiny_coco["annotations"][0]["category_id"] = 77
    tiny_coco["annotations"][2]["id"] = 12
    tiny_coco["images"][0]["width"] = 41
    annotations.write_text(json.dumps(tiny_coco))
    (images / "sub" / "b.png").write_bytes(b"no picture")
    report, cases = tmp_path / "report.json", tmp_path / "cases"
    words = ["check", str(annotations), "--images", str(images), "--report", str(report), "--pictures", str(cases)]
    assert main(words) == 1
    told = capsys.readouterr().out
    content = json.loads(report.read_text())
    found = {(one["rule"], one["record"], one["severity"]) for one in content["findings"] if one["severity"] == "error"}
    assert found == {
        ("unknown-category", "annotation 11", "error"),
        ("id-clash", "annotation 12", "error"),
        ("picture-size", "image 7", "error"),
        ("picture-broken", "image 3", "error"),
    }
    for rule, record, _ in found:
        assert f"error: {rule}: {record}" in told
    assert f"report: {report}" in told
    assert {path.name for path in cases.iterdir()} >= {"picture-size-image_7.png", "picture-broken-image_3.png"}


def test_fix_writes_a_new_file_and_its_changes(
    tiny_coco: dict[str, Any], write_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_coco["annotations"][0]["bbox"] = [2, 3, 17, 12]
    path, fixed = write_file(tiny_coco), tmp_path / "fixed.json"
    before = path.read_bytes()
    assert main(["check", str(path), "--fix", str(fixed)]) == 1
    told = capsys.readouterr().out
    assert "fixed: annotation 11: modal box [2.0, 3.0, 17.0, 12.0] -> [2.0, 3.0, 10.0, 12.0] (modal-box)" in told
    assert f"1 change: {fixed}, listed in {fixed}.changes.json" in told
    assert path.read_bytes() == before and main(["check", str(fixed)]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give one annotation file"),
        (["{file}", "--annotations", "{file}"], "give one annotation file"),
        (["{file}", "--images", "{file}"], "--images is the folder"),
        (["nowhere.json"], "cannot be read"),
        (["{file}", "--from", "nonsense"], "a dialect is one of"),
        (["{broken}"], "not"),
    ],
)
def test_what_cannot_be_used_ends_with_2(
    tiny_set: Set, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"images": [')
    words = [word.format(file=tiny_set[1], broken=broken) for word in words]
    assert main(["check", *words]) == 2
    told = capsys.readouterr().err
    assert said in told and "Traceback" not in told


def test_headers_only_and_shown(tiny_set: Set, capsys: pytest.CaptureFixture[str]) -> None:
    images, annotations = tiny_set
    assert main(["check", str(annotations), "--images", str(images), "--headers-only", "--shown", "0"]) == 0
    assert "warning:" not in capsys.readouterr().out
