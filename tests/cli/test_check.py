from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

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


def test_of_a_folder_the_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape = {"label": "cup", "points": [[1, 1], [6, 1], [6, 5]], "shape_type": "polygon"}
    for name, points in (("good", [[1, 1], [6, 1], [6, 5]]), ("bad", [[1, 1], [6, 1]])):
        content = {"shapes": [shape | {"points": points}], "imagePath": f"{name}.jpg", "imageData": None}
        path = tmp_path / "set" / "sub" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content | {"imageWidth": 12, "imageHeight": 10}))
    (tmp_path / "set" / "top.json").write_text(path.read_text().replace("[6, 1]]", "[6, 1], [6, 5]]"))
    fixed = ["--fix", str(tmp_path / "fixed")]
    assert main(["check", f"{tmp_path}/set/", *fixed]) == 1  # with a slash at the end, as completion gives it
    told = capsys.readouterr().out
    assert "error: bad-mask: sub/bad.json, shape 1: " in told
    assert "fixed: sub/bad.json, shape 1: left out" in told
    assert main(["check", str(path)]) == 1
    assert "sub/bad.json, shape" not in capsys.readouterr().out  # it is the file that was checked


def test_of_yolo_and_voc_the_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yolo, voc = tmp_path / "yolo", tmp_path / "voc"
    for folder in (yolo / "images", yolo / "labels", voc / "Annotations", voc / "JPEGImages"):
        folder.mkdir(parents=True)
    for picture in (yolo / "images/a.png", voc / "JPEGImages/a.jpg"):
        Image.new("RGB", (20, 10)).save(picture)
    (yolo / "labels/a.txt").write_text("0 0.5 0.5 0.4 0.2\n0 0.5 0.5 0.4 nonsense\n")
    (yolo / "data.yaml").write_text("names: [cup]\n")
    size = "<size><width>20</width><height>10</height></size>"
    (voc / "Annotations/a.xml").write_text(
        f"<annotation><filename>a.jpg</filename>{size}<object><name>cup</name></object></annotation>"
    )
    assert main(["check", str(yolo)]) == 1
    assert ": labels/a.txt, line 2: " in capsys.readouterr().out
    assert main(["check", str(voc)]) == 1
    assert ": Annotations/a.xml, object 1: " in capsys.readouterr().out


def test_a_given_box_of_a_prediction_is_no_error_and_is_kept(
    tiny_set: Set, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The box was asked for, the mask was found: neither is the other's."""
    content = json.loads(tiny_set[1].read_text())
    content |= {"info": {"year": 2026}, "licenses": []}  # of the answers: no results file holds them
    content["images"][0]["license"], content["categories"][0]["supercategory"] = 3, "thing"
    tiny_set[1].write_text(json.dumps(content))
    record = content["annotations"][0]
    height, width = next((one["height"], one["width"]) for one in content["images"] if one["id"] == record["image_id"])
    start = [2 * height + 3, 4, height - 4, 4]  # 2 x 4 pixels at (2, 3)
    counts = [*start, height * width - sum(start)]
    mask = {"size": [height, width], "counts": counts}
    one = {
        "image_id": record["image_id"],
        "annotation_id": record["id"],
        "category_id": record["category_id"],
        "segmentation": mask,
        "visible_mask": mask,
        "bbox": [2, 3, 15, 15],
        "visible_bbox": [2, 3, 15, 15],
    }
    (tmp_path / "pred.json").write_text(json.dumps([one]))
    words = ["check", str(tmp_path / "pred.json"), "--answers", str(tiny_set[1]), "--fix", str(tmp_path / "fixed.json")]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "warning: modal-box: annotation 11" in told and "error: modal-box" not in told
    assert json.loads((tmp_path / "fixed.json").read_text())[0]["visible_bbox"] == [2, 3, 15, 15]


def test_what_a_mended_file_does_not_hold_is_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape = {"label": "cup", "points": [[1, 1], [6, 1], [6, 5]], "shape_type": "polygon"}
    content = {"shapes": [shape], "imagePath": "a.jpg", "imageData": "AAAA", "imageWidth": 12, "imageHeight": 10}
    (tmp_path / "set").mkdir()
    (tmp_path / "set/a.json").write_text(json.dumps(content | {"version": "5.5.0"}))
    (tmp_path / "set/a.jpg").write_bytes(b"")
    assert main(["check", str(tmp_path / "set"), "--fix", str(tmp_path / "fixed")]) == 0
    told = capsys.readouterr().out
    assert "not carried over: imageData of 1 file (a.json)\nnot carried over: 1 file (a.jpg)\n0 changes: " in told
    assert "fixed: " not in told


def test_nothing_of_another_s_is_replaced(
    tiny_set: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, report, fixed = tmp_path / "other.json", tmp_path / "report.json", tmp_path / "fixed.json"
    other.write_text('{"images": [], "annotations": [], "categories": []}')
    words = ["check", str(tiny_set[1])]
    for option, what in (("--report", "is no report of amodal check"), ("--fix", "no earlier --fix wrote")):
        assert main([*words, option, str(other)]) == 2
        assert f"other.json: a file would be replaced that {what}" in capsys.readouterr().err
    assert other.read_text() == '{"images": [], "annotations": [], "categories": []}'
    report.write_text("")  # as mktemp makes it
    for _ in range(2):  # its own it replaces
        assert main([*words, "--report", str(report), "--fix", str(fixed)]) == 0
    assert json.loads(report.read_text())["dialect"] == "coco"
