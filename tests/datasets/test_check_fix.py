from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.errors import AmodalError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.datasets import read_annotations
from amodal.datasets.check import NOT_KEPT, check_file, write_fixed
from amodal.datasets.convert import convert
from amodal.datasets.dialects import dialect_named

Write = Callable[..., Path]


def amodal_file() -> dict[str, Any]:
    """Two objects of 20 x 20; the second lies in front of the first. Nothing is wrong with it."""

    def rle(x1: int, y1: int, x2: int, y2: int) -> dict[str, Any]:
        return Mask.from_box((x1, y1, x2, y2), 60, 40).to_rle()

    hidden = {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "segmentation": rle(10, 10, 30, 30),
        "bbox": [10, 10, 20, 20],
        "area": 400,
        "visible_mask": rle(10, 10, 20, 30),
        "visible_bbox": [10, 10, 10, 20],
        "invisible_mask": rle(20, 10, 30, 30),
        "occlude_rate": 0.5,
    }
    front = {
        "id": 2,
        "image_id": 1,
        "category_id": 1,
        "segmentation": rle(20, 5, 40, 35),
        "bbox": [20, 5, 20, 30],
        "area": 600,
        "visible_mask": rle(20, 5, 40, 35),
        "visible_bbox": [20, 5, 20, 30],
        "occlude_rate": 0,
    }
    return {
        "images": [{"id": 1, "file_name": "a.png", "width": 60, "height": 40}],
        "annotations": [hidden, front],
        "categories": [{"id": 1, "name": "box"}],
    }


@pytest.mark.parametrize(
    ("change", "rule", "field", "after"),
    [
        ({"occlude_rate": 0.7}, "occlude-rate", "occlude_rate", 0.5),
        ({"bbox": [10, 10, 40, 20]}, "amodal-box", "bbox", [10, 10, 20, 20]),
        ({"visible_bbox": [10, 10, 20, 20]}, "modal-box", "visible_bbox", [10, 10, 10, 20]),
        ({"area": 4000}, "area", "area", 400),
        (
            {"invisible_mask": Mask.from_box((20, 10, 25, 30), 60, 40).to_rle()},
            "hidden-mask",
            "invisible_mask",
            amodal_file()["annotations"][0]["invisible_mask"],
        ),
    ],
)
def test_what_has_one_right_answer_is_mended(
    write_file: Write, tmp_path: Path, change: dict[str, Any], rule: str, field: str, after: Any
) -> None:
    content = amodal_file()
    content["annotations"][0].update(change)
    report = check_file(write_file(content))
    assert [found.rule for found in report.findings] == [rule]
    changes, beside = write_fixed(report, tmp_path / "out" / "fixed.json")
    assert [(one.record, one.rule) for one in changes] == [("annotation 1", rule)]
    fixed = json.loads((tmp_path / "out" / "fixed.json").read_text())
    assert fixed["annotations"][0][field] == after
    assert json.loads(beside.read_text())["changes"][0]["rule"] == rule
    assert check_file(tmp_path / "out" / "fixed.json").findings == ()
    assert json.loads(write_file(content).read_text()) == content  # the file itself is not touched


def test_a_sound_file_comes_back_as_it_is(write_file: Write, tmp_path: Path) -> None:
    path = write_file(amodal_file())
    report = check_file(path)
    assert report.findings == ()
    changes, _ = write_fixed(report, tmp_path / "fixed.json")
    assert changes == []
    assert list(read_annotations(tmp_path / "fixed.json")) == list(read_annotations(path))


def test_an_object_given_twice_is_left_out_once(write_file: Write, tmp_path: Path) -> None:
    content = amodal_file()
    content["annotations"].append({**content["annotations"][1], "id": 3})
    content["images"][0]["occlusions"] = [[3, 1], [2, 1]]
    report = check_file(write_file(content))
    changes, _ = write_fixed(report, tmp_path / "fixed.json")
    assert [one.text for one in changes] == ["annotation 3: left out, the same as 2 (duplicate)"]
    (record,) = read_annotations(tmp_path / "fixed.json")
    assert [one.id for one in record.instances] == [1, 2] and record.occlusions == ((2, 1),)


def test_an_id_used_twice_is_renumbered(write_file: Write, tmp_path: Path) -> None:
    content = amodal_file()
    content["annotations"][1]["id"] = 1
    report = check_file(write_file(content))
    assert [found.rule for found in report.findings] == ["id-clash"]
    changes, _ = write_fixed(report, tmp_path / "fixed.json")
    assert [one.text for one in changes] == ["annotation 1: id 1 -> 2 (id-clash)"]
    (record,) = read_annotations(tmp_path / "fixed.json")
    assert [one.id for one in record.instances] == [1, 2]
    assert check_file(tmp_path / "fixed.json").findings == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "annotations.json",
        "fixed.json",
        "fixed.json.changes.json",
    ]


def test_a_box_is_cut_at_the_border_and_an_unreadable_record_left_out(write_file: Write, tmp_path: Path) -> None:
    content = amodal_file()
    del content["annotations"][1]["segmentation"], content["annotations"][1]["visible_mask"]
    content["annotations"][1].update(bbox=[20, 5, 50, 30], visible_bbox=[20, 5, 20, 30])
    content["annotations"].append({**content["annotations"][0], "id": 3, "category_id": 9})
    changes, _ = write_fixed(check_file(write_file(content)), tmp_path / "fixed.json")
    assert [(one.record, one.rule) for one in changes] == [
        ("annotation 2", "box-outside"),
        ("annotation 3", "unknown-category"),
    ]
    fixed = json.loads((tmp_path / "fixed.json").read_text())
    assert fixed["annotations"][1]["bbox"] == [20, 5, 40, 30] and len(fixed["annotations"]) == 2


def test_the_file_itself_is_never_written_over(write_file: Write) -> None:
    path = write_file(amodal_file())
    with pytest.raises(AmodalError, match="nothing is written over what is read"):
        write_fixed(check_file(path), path)


def test_pictures_of_one_id_are_not_told_apart(write_file: Write, tmp_path: Path) -> None:
    for table in ("images", "categories"):
        content = amodal_file()
        content[table].append({**content[table][0], "file_name": "other.png", "name": "other"})
        with pytest.raises(AmodalError, match="each picture and category has an id of its own"):
            write_fixed(check_file(write_file(content)), tmp_path / "fixed.json")
        assert not (tmp_path / "fixed.json").exists()
    content = amodal_file()
    for table in ("images", "categories"):  # the same twice is no question
        content[table].append(dict(content[table][0]))
    write_fixed(check_file(write_file(content)), tmp_path / "fixed.json")
    assert check_file(tmp_path / "fixed.json").findings == ()


def test_boxes_of_yolo_are_not_lost_in_mending(tmp_path: Path) -> None:
    for folder in ("images", "labels"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    Image.new("RGB", (100, 80)).save(tmp_path / "set/images/x.png")
    (tmp_path / "set/data.yaml").write_text("names: [a, b]")
    box, outline = "0 0.5 0.5 0.2 0.2\n", "1 0.1 0.1 0.3 0.1 0.3 0.3\n"
    (tmp_path / "set/labels/x.txt").write_text(box * 2 + outline)
    with pytest.raises(AmodalError, match=r"all of it can be written again.*without"):
        write_fixed(check_file(tmp_path / "set"), tmp_path / "fixed")
    assert not (tmp_path / "fixed").exists()
    (tmp_path / "set/labels/x.txt").write_text(outline * 2)
    changes, _ = write_fixed(check_file(tmp_path / "set"), tmp_path / "fixed")
    assert [change.rule for change in changes] == ["duplicate", NOT_KEPT] and (
        tmp_path / "fixed/labels/x.txt"
    ).read_text().split()[0] == "1"


def test_the_area_of_an_unknown_whole_is_left(write_file: Write) -> None:
    content = amodal_file()
    del content["annotations"][0]["segmentation"], content["annotations"][0]["invisible_mask"]
    content["annotations"][0]["area"] = 320  # of the whole, which fills less than its box; the visible mask has 200
    assert check_file(write_file(content)).findings == ()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_json_has_not_is_listed_as_text(write_file: Write, tmp_path: Path, number: float) -> None:
    content = amodal_file()
    content["annotations"][0]["area"] = number
    report = check_file(write_file(content))
    changes, beside = write_fixed(report, tmp_path / "fixed.json")
    json.dumps(report.to_json(), allow_nan=False)
    assert [one.field for one in changes] == ["area"]
    assert json.loads(beside.read_text())["changes"][0]["before"] == str(number)
    assert json.loads((tmp_path / "fixed.json").read_text())["annotations"][0]["area"] == 400


def test_an_id_used_twice_beside_a_number_json_has_not(write_file: Write, tmp_path: Path) -> None:
    content = amodal_file()
    content["annotations"][1]["id"] = 1
    content["annotations"].append({**content["annotations"][0], "id": 7, "bbox": [2, 2, 9, float("nan")]})
    content["info"] = {"by": ["é", None]}
    changes, _ = write_fixed(check_file(write_file(content)), tmp_path / "fixed.json")
    assert [(one.record, one.rule) for one in changes] == [("annotation 1", "id-clash"), ("annotation 7", "bad-box")]
    fixed = json.loads((tmp_path / "fixed.json").read_text())
    assert [one["id"] for one in fixed["annotations"]] == [1, 8] and fixed["info"] == content["info"]


def test_a_further_field_json_cannot_hold_ends_in_one_error(write_file: Write, tmp_path: Path) -> None:
    content = amodal_file()
    content["annotations"][1].update(id=1, weight=float("nan"))
    with pytest.raises(AmodalError, match="JSON holds no NaN"):
        write_fixed(check_file(write_file(content)), tmp_path / "fixed.json")
    assert [path.name for path in tmp_path.iterdir()] == ["annotations.json"]


def test_nothing_is_written_where_the_changes_cannot_be(write_file: Write, tmp_path: Path) -> None:
    (tmp_path / "fixed.json.changes.json").mkdir()
    with pytest.raises(AmodalError, match="a folder, a device or a pipe"):
        write_fixed(check_file(write_file(amodal_file())), tmp_path / "fixed.json")
    assert not (tmp_path / "fixed.json").exists()


def test_names_made_up_at_reading_do_not_stand_in_the_way(tmp_path: Path) -> None:
    """Of files that know names only VOC's twenty are listed where all names are VOC's: eighteen without an object."""
    mask = Mask.from_box((1, 1, 4, 4), 9, 9)
    objects = tuple(Instance(i, i - 1, mask.box, mask) for i in (1, 2))
    records = [ImageRecord(i, f"{i}.jpg", 9, 9, (replace(objects[i - 1], id=i),)) for i in (1, 2)]
    album = Album(records, [Category(1, "dog"), Category(2, "cat")])
    for name in ("voc", "labelme", "sbd"):
        write = dialect_named(name).write
        assert write is not None
        write(album, tmp_path / name)
        report = check_file(tmp_path / name)
        assert len(report.album.categories) == 20
        changes, _ = write_fixed(report, tmp_path / f"{name}-fixed")
        assert [change.text for change in changes if change.rule != NOT_KEPT] == []
        told: list[str] = []
        convert(tmp_path / name, tmp_path / f"{name}.json", "coco-amodal", tell=told.append)
        convert(tmp_path / name, tmp_path / f"{name}-labelme", "labelme", tell=told.append)
        assert told == []


def test_lists_and_pictures_of_voc_are_told_to_stay_behind(tmp_path: Path) -> None:
    write = dialect_named("voc").write
    assert write is not None
    write(Album([ImageRecord(1, "a.jpg", 9, 9)], []), tmp_path / "set")
    for name in ("ImageSets/Main/train.txt", "ImageSets/Main/val.txt", "JPEGImages/a.jpg"):
        (tmp_path / "set" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "set" / name).write_text("a")
    told = ["2 files of ImageSets/Main (train.txt, val.txt)", "1 file of JPEGImages (a.jpg)"]
    changes, _ = write_fixed(check_file(tmp_path / "set"), tmp_path / "fixed")
    assert [change.after for change in changes] == told  # its other list the new folder has, too
    (tmp_path / "set/ImageSets/Segmentation/trainval.txt").write_text("another")
    changes, _ = write_fixed(check_file(tmp_path / "set"), tmp_path / "fixed-too")
    assert [change.after for change in changes] == [
        *told[:1],
        "1 file of ImageSets/Segmentation (trainval.txt)",
        told[1],
    ]


def test_a_record_given_twice_under_one_id_is_one_finding_and_one_change(write_file: Write, tmp_path: Path) -> None:
    content = amodal_file()
    twice, other = dict(content["annotations"][1]), {**content["annotations"][0], "id": 2}
    content["annotations"] += [{**twice, "id": 3}, twice, dict(twice), other]
    report = check_file(write_file(content))
    assert report.counts() == {"id-clash": (3, 0), "duplicate": (1, 0)}
    changes, _ = write_fixed(report, tmp_path / "fixed.json")
    same = "annotation 2: left out, the same record stands before it (id-clash)"
    assert [one.text for one in changes] == [
        *(same, same, "annotation 2: id 2 -> 4 (id-clash)"),
        *("annotation 3: left out, the same as 2 (duplicate)", "annotation 4: left out, the same as 1 (duplicate)"),
    ]
    assert check_file(tmp_path / "fixed.json").findings == ()


def test_the_file_that_was_given_is_named_where_ids_clash(write_file: Write, tmp_path: Path) -> None:
    content = amodal_file()
    content["annotations"][1].update(id=1, weight=float("nan"))
    path = write_file(content)
    with pytest.raises(AmodalError, match=r"JSON holds no NaN.*found \{'weight': nan\}") as caught:
        write_fixed(check_file(path), tmp_path / "fixed.json")
    assert caught.value.file == str(path) and caught.value.record == "annotation 2"


OUTLINE = "0 0.1 0.1 0.3 0.1 0.3 0.3\n"


@pytest.mark.parametrize(
    ("text", "others", "left"),
    [
        ("a.txt", {"classes.txt": "cup\n", "notes.txt": "as agreed"}, "2 files (a.png, notes.txt)"),
        ("train/labels/a.txt", {"other.yaml": "names: [cup]", "b.txt": "x"}, "1 file (b.txt)"),
        ("labels/a.txt", {"classes.txt": "cup\n", "c.txt": "1 2"}, "1 file (c.txt)"),
    ],
)
def test_what_of_yolo_is_left_behind(tmp_path: Path, text: str, others: dict[str, str], left: str) -> None:
    root = tmp_path / "set"
    for name, content in {text: OUTLINE * 2, **others}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    picture = root / text.replace("labels", "images").replace(".txt", ".png")
    picture.parent.mkdir(exist_ok=True)
    Image.new("RGB", (100, 80)).save(picture)
    changes, _ = write_fixed(check_file(root), tmp_path / "fixed")
    told = [one.after for one in changes if one.rule == NOT_KEPT]
    assert left in told and "a.txt" not in str(told) and "classes" not in str(told)


def test_a_stray_text_beside_the_folders_of_voc_is_told(tmp_path: Path) -> None:
    mask = Mask.from_box((1, 1, 4, 4), 9, 9)
    album = Album([ImageRecord(1, "1.jpg", 9, 9, (Instance(1, 0, mask.box, mask),))], [Category(1, "dog")])
    write = dialect_named("voc").write
    assert write is not None
    write(album, tmp_path / "voc")
    (tmp_path / "voc/stray.xml").write_text("<annotation/>")
    changes, _ = write_fixed(check_file(tmp_path / "voc"), tmp_path / "fixed")
    assert "1 file (stray.xml)" in [one.after for one in changes if one.rule == NOT_KEPT]
