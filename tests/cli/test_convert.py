from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amodal.cli.main import main
from amodal.core.masks import Mask

Write = Callable[..., Path]


def test_a_conversion_says_what_it_made(
    write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "lvis.json"
    assert main(["convert", str(write_file(tiny_coco)), str(out), "--to", "lvis"]) == 0
    assert f"{out}: LVIS, 3 objects of 2 pictures (COCO instances)" in capsys.readouterr().out
    assert len(json.loads(out.read_text())["annotations"]) == 3


def test_losses_are_listed_and_refused_until_dropped(
    write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_coco["annotations"][0]["iscrowd"] = 1
    words = ["convert", str(write_file(tiny_coco)), str(tmp_path / "out.json"), "--to", "lvis"]
    assert main(words) == 2
    said = capsys.readouterr()
    assert "LVIS cannot hold: crowd regions (1: annotation 11)" in said.out
    assert "--drop" in said.err and "Traceback" not in said.err and not (tmp_path / "out.json").exists()
    assert main([*words, "--drop"]) == 0
    assert [one["id"] for one in json.loads((tmp_path / "out.json").read_text())["annotations"]] == [12, 13]
    assert "left out: 1 of 3 objects" in capsys.readouterr().out


def test_polygons_are_traced_on_request_and_measured(
    write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_coco["annotations"][0]["segmentation"] = Mask.from_box((2, 3, 8, 15), 20, 24).to_rle()
    words = ["convert", str(write_file(tiny_coco)), str(tmp_path / "out.json"), "--to", "coco", "--from", "coco"]
    assert main([*words, "--polygons"]) == 0
    assert "traced 1 masks: IoU with their pixels 1.0000 mean" in capsys.readouterr().out
    written = json.loads((tmp_path / "out.json").read_text())["annotations"][0]
    assert written["segmentation"] == [[2, 3, 8, 3, 8, 15, 2, 15]]


def test_what_reading_passes_over_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meta = "<meta><task><name>mine</name><labels><label><name>cup</name></label></labels></task></meta>"
    image = '<image id="0" name="a.jpg" width="9" height="9"><tag label="night"/></image>'
    (tmp_path / "a.xml").write_text(f"<annotations>{meta}{image}</annotations>")
    words = ["convert", str(tmp_path / "a.xml"), str(tmp_path / "out")]
    assert main([*words, "--to", "coco"]) == 0
    told = capsys.readouterr().out
    assert "not read: <meta>, but for the names of labels" in told and "cannot hold" not in told
    assert json.loads((tmp_path / "out").read_text())["images"][0]["tags"] == [{"label": "night"}]
    (tmp_path / "out").unlink()
    assert main([*words, "--to", "yolo"]) == 2
    assert "cannot hold: further fields of pictures: tags (1: image 0)" in capsys.readouterr().out


def test_results_of_nothing_are_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text('{"images": [], "annotations": [], "categories": []}')
    (tmp_path / "r.json").write_text("[]")
    answers = ["--answers", str(tmp_path / "a.json")]
    assert main(["check", str(tmp_path / "r.json"), *answers]) == 0
    assert main(["convert", str(tmp_path / "r.json"), str(tmp_path / "c.json"), "--to", "coco-amodal", *answers]) == 0
    assert json.loads((tmp_path / "c.json").read_text())["annotations"] == []
    capsys.readouterr()
    assert main(["check", str(tmp_path / "r.json")]) == 2
    assert "they are read with the annotations they answer" in capsys.readouterr().err
