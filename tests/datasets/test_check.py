from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.errors import AmodalError, AnnotationError
from amodal.core.masks import Mask
from amodal.core.processors import core_count
from amodal.core.records import Category, ImageRecord, Instance
from amodal.datasets import jsonfile, read_annotations
from amodal.datasets.check import RULES, Finding, check_album, check_file, report_text
from amodal.datasets.check.order import find_cycle
from amodal.datasets.check.polygons import crosses_itself

WIDTH, HEIGHT = 60, 40
Severity = str


def block(x1: int, y1: int, x2: int, y2: int) -> Mask:
    return Mask.from_box((x1, y1, x2, y2), WIDTH, HEIGHT)


def occluded(number: int = 1, **changes: Any) -> Instance:
    """An object of 20 x 20 pixels whose right half is hidden: nothing wrong with it."""
    modal, amodal = block(10, 10, 20, 30), block(10, 10, 30, 30)
    made = Instance(number, 0, modal.box, modal, amodal.box, amodal, occlude_rate=0.5, order=2)
    return replace(made, **changes)


def occluder(number: int = 2, **changes: Any) -> Instance:
    mask = block(20, 5, 35, 35)
    return replace(Instance(number, 1, mask.box, mask, mask.box, mask, occlude_rate=0.0, order=1), **changes)


def found(instances: Iterable[Instance], **picture: Any) -> list[Finding]:
    record = ImageRecord(7, "a.png", WIDTH, HEIGHT, tuple(instances), **picture)
    return check_album(Album([record], [Category(1, "cup"), Category(2, "dog")], source="f.json"))


def told(instances: Iterable[Instance], **picture: Any) -> list[tuple[str, Severity, tuple[int, ...]]]:
    return [(one.rule, one.severity, one.instance_ids) for one in found(instances, **picture)]


def test_nothing_is_said_of_a_sound_picture() -> None:
    assert told([occluded(), occluder()], occlusions=((2, 1),)) == []


@pytest.mark.parametrize(
    ("change", "rule", "severity"),
    [
        ({"occlude_rate": 0.52}, "occlude-rate", "warning"),
        ({"occlude_rate": 0.6}, "occlude-rate", "error"),
        ({"modal_box": (10, 10, 20, 40)}, "modal-box", "error"),
        ({"modal_box": (10, 10, 20, 34)}, "modal-box", "warning"),
        ({"amodal_box": (10, 10, 40, 30)}, "amodal-box", "error"),
        ({"amodal_box": (13, 10, 30, 30)}, "amodal-box", "warning"),
        ({"extra": {"area": 300}}, "area", "warning"),
        ({"extra": {"invisible_mask": block(20, 10, 25, 30).to_rle()}}, "hidden-mask", "error"),
        ({"extra": {"invisible_mask": "nothing"}}, "hidden-mask", "error"),
    ],
)
def test_a_lie_about_one_object_is_found(change: dict[str, Any], rule: str, severity: Severity) -> None:
    assert (rule, severity, (1,)) in told([occluded(**change), occluder()])


@pytest.mark.parametrize(
    "change",
    [
        {"occlude_rate": 0.505},
        {"occlude_rate": None},
        {"modal_box": (10.4, 11.9, 21.5, 28.1)},
        {"extra": {"area": 405.5}},
        {"extra": {"invisible_mask": block(20, 10, 30, 30).to_rle()}},
    ],
)
def test_rounding_is_let_pass(change: dict[str, Any]) -> None:
    assert told([occluded(**change), occluder()]) == []


def test_a_visible_part_beyond_the_whole_is_found() -> None:
    modal = block(8, 10, 20, 30)
    rate = 1 - 200 / 400
    one = occluded(modal_mask=modal, modal_box=modal.box, occlude_rate=rate)
    assert told([one, occluder()]) == [("modal-in-amodal", "error", (1,))]
    assert found([one, occluder()])[0].value == "40 of 240 visible pixels outside"


def test_a_visible_box_beyond_the_whole_one_is_found() -> None:
    one = Instance(1, 0, (5, 10, 20, 30), amodal_box=(10, 10, 30, 30))
    assert told([one, occluder()]) == [("box-in-box", "error", (1,))]


@pytest.mark.parametrize(
    ("mask", "rule"),
    [
        (block(0, 0, 0, 0), "empty-mask"),
        (block(3, 3, 4, 30), "degenerate-mask"),
        (block(3, 3, 4, 5), "degenerate-mask"),
    ],
)
def test_masks_of_nearly_nothing_are_found(mask: Mask, rule: str) -> None:
    one = Instance(1, 0, (3, 3, 4, 30) if mask.is_empty else mask.box, mask)
    assert told([one, occluder()]) == [(rule, RULES[rule].severity, (1,))]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        (((2, 1), (1, 2)), {"order-cycle", "order-rank", "order-mask"}),
        (((1, 2),), {"order-rank", "order-mask"}),
        (((2, 9),), {"order-unknown"}),
        (((2, 2),), {"order-unknown"}),
    ],
)
def test_a_wrong_order_is_found(pairs: tuple[tuple[int, int], ...], expected: set[str]) -> None:
    assert {rule for rule, _, _ in told([occluded(), occluder()], occlusions=pairs)} == expected


def test_ranks_that_the_masks_contradict_are_found() -> None:
    instances = [occluded(order=1), occluder(order=2)]
    (one,) = found(instances)
    assert (one.rule, one.instance_ids) == ("order-mask", (1, 2))
    assert one.value == "2 covers 200 of 200 hidden pixels of 1, but is told to lie behind it, ranks 2 and 1"
    assert told([occluded(order=1), occluder(order=1)]) == []  # a tie says nothing


def test_a_pair_without_contact_is_a_warning() -> None:
    away = Instance(3, 1, (50, 0, 58, 8), block(50, 0, 58, 8), None, None)
    assert ("order-idle", "warning", (3, 1)) in told([occluded(), occluder(), away], occlusions=((3, 1),))


@pytest.mark.parametrize(
    ("pairs", "cycle"),
    [([], []), ([(1, 2), (2, 3), (1, 3)], []), ([(1, 2), (2, 3), (3, 1)], [1, 2, 3]), ([(5, 5)], [5])],
)
def test_find_cycle(pairs: list[tuple[int, int]], cycle: list[int]) -> None:
    assert find_cycle(pairs) == cycle


def test_find_cycle_is_not_stopped_by_depth_or_width() -> None:
    chain = [(i, i + 1) for i in range(20_000)]
    assert find_cycle(chain) == []
    assert len(find_cycle([*chain, (20_000, 0)])) == 20_001


@pytest.mark.parametrize(
    ("polygon", "rules"),
    [
        ([5, 5, 30, 5, 30, 30, 5, 30], []),
        ([5, 5, 30, 30, 30, 5, 5, 30], ["polygon-crossed"]),
        ([5, 5, 64, 5, 64, 30, 5, 30], ["polygon-outside"]),
        ([5, 5, 5, 5, 30, 30, 30, 30], ["polygon-flat"]),
    ],
)
def test_outlines(polygon: list[float], rules: list[str]) -> None:
    mask = Mask.from_polygons([polygon], WIDTH, HEIGHT)
    names = [rule for rule, _, _ in told([Instance(1, 0, mask.box, mask), occluder()])]
    assert [name for name in names if name.startswith("polygon")] == rules


def test_sides_that_only_touch_do_not_cross() -> None:
    eight = np.array([(0, 0), (4, 4), (8, 0), (8, 8), (4, 4), (0, 8)], float)  # two corners in one place
    assert not crosses_itself(eight)
    assert crosses_itself(np.array([(0, 0), (8, 0), (8, 8), (3, -2)], float))


def test_an_object_given_twice_is_found() -> None:
    twin, near = occluder(3), occluder(4, modal_mask=block(20, 5, 35, 34))
    assert ("duplicate", "error", (2, 3)) in told([occluded(), occluder(), twin])
    assert ("near-duplicate", "warning", (2, 4)) in told([occluded(), occluder(), near])
    other = replace(twin, category=0)
    assert [rule for rule, *_ in told([occluded(), occluder(), other]) if "duplicate" in rule] == []


def test_boxes_alone_are_compared_too() -> None:
    boxes = [Instance(1, 0, (5, 5, 25, 25)), Instance(2, 0, (5, 5, 25.3, 25)), Instance(3, 1, (5, 5, 25, 25))]
    assert told(boxes) == [("near-duplicate", "warning", (1, 2))]


def test_boxes_are_told_in_the_numbers_of_the_file() -> None:
    one = Instance(1, 0, (5.0, 5.0, 40.0, 25.0), block(5, 5, 25, 25))
    album = Album([ImageRecord(1, "a.png", WIDTH, HEIGHT, (one,))], [Category(1, "cup")])
    edges, xywh, pixels = (check_album(album, boxes=style)[0].value for style in ("edges", "xywh", "pixels"))
    assert edges == "[5, 5, 40, 25], the mask's is [5, 5, 25, 25], 15.0 px off (x1, y1, x2, y2)"
    assert str(xywh).startswith("[5, 5, 35, 20], the mask's is [5, 5, 20, 20]")
    assert str(pixels).startswith("[6, 6, 40, 25], the mask's is [6, 6, 25, 25]")


def test_a_box_that_leaves_its_picture_is_told_as_it_stands_in_the_file(
    write_file: Callable[..., Path], tiny_coco: dict[str, Any]
) -> None:
    first = tiny_coco["annotations"][0]  # of a picture of 20 x 24
    first.update(bbox=[2, 3, 30.5, 12], segmentation=[[2, 3, 12, 3, 12, 15, 2, 15]])
    findings = {one.rule: one for one in check_file(write_file(tiny_coco)).findings if one.record == "annotation 11"}
    assert str(findings["modal-box"].value).startswith("[2, 3, 30.5, 12], cut at the border, the mask's is [2, 3, 10,")
    assert "8.0 px off" in str(findings["modal-box"].value)
    assert "[2, 3, 30.5, 12], 12.5 px beyond" in str(findings["box-outside"].value)
    first["bbox"] = [2, 3, 18.001, 12]  # less than the digits shown
    findings = {one.rule: one for one in check_file(write_file(tiny_coco)).findings if one.record == "annotation 11"}
    assert str(findings["modal-box"].value).startswith("[2, 3, 18, 12], the mask's")


def test_a_file_is_parsed_once(
    write_file: Callable[..., Path], tiny_coco: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[object] = []
    parse = jsonfile.parse
    monkeypatch.setattr(jsonfile, "parse", lambda path, scratch: (parsed.append(path), parse(path, scratch))[1])
    check_file(write_file(tiny_coco))
    assert len(parsed) == 1 and not jsonfile._last  # and not kept when it is done


def test_of_a_record_left_out_the_reason_alone_is_told(
    write_file: Callable[..., Path], tiny_coco: dict[str, Any]
) -> None:
    tiny_coco["annotations"][0]["bbox"] = [1e9, 1e9, 5, 5]
    findings = check_file(write_file(tiny_coco)).findings
    assert [one.rule for one in findings if one.record == "annotation 11"] == ["bad-box"]


def test_names_and_categories() -> None:
    pictures = [ImageRecord(i, "same.png", 4, 4, (Instance(i, 0, (0, 0, 4, 4)),)) for i in (1, 2)]
    kinds = [Category(1, "cup"), Category(4, "dog"), Category(5, "Cup ")]
    every = check_album(Album(pictures, kinds))
    assert [(one.rule, one.record, one.value) for one in every] == [
        ("picture-name-clash", "image 2", "same.png, as image 1"),
        ("category-name-clash", "category 5", "'Cup ', as category 1"),
        ("category-gap", "categories", "no 2-3"),
        ("category-unused", "categories", "dog, Cup "),
    ]


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda path: path.unlink(), "picture-missing"),
        (lambda path: path.write_bytes(b"\x89PNG no"), "picture-broken"),
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "picture-broken"),
        (lambda path: Image.new("RGB", (30, 40)).save(path), "picture-size"),
    ],
)
def test_pictures_are_looked_at(tiny_set: tuple[Path, Path], spoil: Callable[[Path], object], rule: str) -> None:
    images, annotations = tiny_set
    assert not [one for one in check_file(annotations, images).findings if one.rule.startswith("picture")]
    spoil(images / "a.png")
    mine = [one for one in check_file(annotations, images).findings if one.rule.startswith("picture")]
    assert [(one.rule, one.record, one.file_name) for one in mine] == [(rule, "image 7", "a.png")]


def test_headers_alone_miss_what_only_decoding_shows(tiny_set: tuple[Path, Path]) -> None:
    images, annotations = tiny_set
    path = images / "a.png"
    Image.open(path).convert("RGB").save(path, format="JPEG", quality=95)
    path.write_bytes(path.read_bytes()[:-600])
    assert check_file(annotations, images, decode=False).errors == 0
    assert check_file(annotations, images).counts()["picture-broken"] == (1, 0)


@pytest.mark.parametrize("name", ["../a.png", "/etc/passwd", "C:\\a.png", "sub/../../a.png"])
def test_a_name_that_leaves_the_folder_is_found_and_not_opened(
    tiny_coco: dict[str, Any], write_file: Callable[..., Path], name: str
) -> None:
    tiny_coco["images"][0]["file_name"] = name
    path = write_file(tiny_coco)
    report = check_file(path, path.parent)
    assert ("picture-path", "image 7", name) in [(one.rule, one.record, one.value) for one in report.findings]


@pytest.mark.parametrize(
    ("place", "change", "rule", "record"),
    [
        (("annotations", 0), {"id": 12}, "id-clash", "annotation 12"),
        (("images", 0), {"id": 3}, "id-clash", "image 3"),
        (("annotations", 0), {"image_id": 99}, "unknown-image", "annotation 11"),
        (("annotations", 0), {"category_id": 99}, "unknown-category", "annotation 11"),
        (("annotations", 0), {"bbox": [2, 3, -10, 12]}, "bad-box", "annotation 11"),
        (("annotations", 0), {"bbox": [2, 3, "10", 12]}, "bad-box", "annotation 11"),
        (("annotations", 0), {"segmentation": [[1, 2, 3]]}, "bad-mask", "annotation 11"),
        (("annotations", 0), {"segmentation": {"size": [9, 9], "counts": [81]}}, "bad-mask", "annotation 11"),
        (("annotations", 0), {"score": 7}, "record", "annotation 11"),
        (("annotations", 0), {"bbox": [2, 3, 20, 12]}, "box-outside", "annotation 11"),
    ],
)
def test_what_reading_refuses_is_a_finding_and_the_rest_is_checked(
    tiny_coco: dict[str, Any],
    write_file: Callable[..., Path],
    place: tuple[str, int],
    change: dict[str, Any],
    rule: str,
    record: str,
) -> None:
    tiny_coco[place[0]][place[1]].update(change)
    report = check_file(write_file(tiny_coco))
    assert (rule, record) in [(one.rule, one.record) for one in report.findings]
    assert len(report.album) >= 1


def test_a_file_that_is_none_is_refused(write_file: Callable[..., Path]) -> None:
    for content in (b"{", b"", [1, 2], {"images": 3, "annotations": [], "categories": []}):
        with pytest.raises(AmodalError):
            check_file(write_file(content))
    with pytest.raises(AnnotationError, match="a dialect is one of"):
        check_file(write_file({}), dialect="nonsense")


def test_processes_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    from amodal.datasets.check import run

    monkeypatch.setattr(run, "_WORTH_PROCESSES", 1)
    monkeypatch.setattr(run, "_BLOCK", 3)
    records = [ImageRecord(i, f"{i}.png", WIDTH, HEIGHT, (occluded(i, occlude_rate=i / 10),)) for i in range(1, 11)]
    album = Album(records, [Category(1, "cup")])
    done: list[int] = []
    alone, two = (check_album(album, processes=n, progress=done.append) for n in (1, 2))
    assert alone == two and [one.instance_ids for one in two] == [(i,) for i in range(1, 11) if i != 5]
    assert done == [3, 3, 3, 1] * 2


def test_a_process_ended_from_outside_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from amodal.datasets.check import run

    monkeypatch.setattr(run, "_WORTH_PROCESSES", 1)
    monkeypatch.setattr(run, "_check_block", lambda work, start: os.kill(os.getpid(), signal.SIGKILL))
    album = Album([ImageRecord(i, f"{i}.png", 9, 9) for i in range(1, 600)], [Category(1, "cup")], source="f.json")
    with pytest.raises(AmodalError, match=r"f\.json: a process that checked was ended from outside.*--processes"):
        check_album(album, processes=2)


def test_where_cores_are_not_told(monkeypatch: pytest.MonkeyPatch, write_file: Callable[..., Path]) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    assert core_count() == os.cpu_count()
    assert not check_file(write_file({"images": [], "annotations": [], "categories": []})).findings


@pytest.mark.parametrize("side", [2**52, 40_000])
def test_a_picture_beyond_all_sizes_is_refused_in_every_dialect(tmp_path: Path, side: int) -> None:
    cvat = f'<annotations><image id="1" name="a.jpg" width="{side}" height="{side}">'
    cvat += '<polygon label="a" points="1,1;5,1;5,5" z_order="0"/><ellipse label="a" cx="5" cy="5" rx="2" ry="2"/>'
    (tmp_path / "cvat.xml").write_text(cvat + "</image></annotations>")
    shape = {"label": "a", "points": [[5, 5], [7, 5]], "shape_type": "circle"}
    labelme = {"imagePath": "a.jpg", "imageData": None, "imageHeight": side, "imageWidth": side, "shapes": [shape]}
    (tmp_path / "labelme.json").write_text(json.dumps(labelme))
    voc = tmp_path / "voc" / "Annotations"
    voc.mkdir(parents=True)
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax><ymax>3</ymax></bndbox>"
    size = f"<size><width>{side}</width><height>{side}</height></size>"
    (voc / "a.xml").write_text(f"<annotation>{size}<object><name>a</name>{box}</object></annotation>")
    for path in ("cvat.xml", "labelme.json", "voc"):
        with pytest.raises(AnnotationError, match=r"at the most 500000000 pixels|is a number of pixels"):
            read_annotations(tmp_path / path)


def test_the_report_reads_and_is_json(tiny_coco: dict[str, Any], write_file: Callable[..., Path]) -> None:
    tiny_coco["annotations"][0]["image_id"] = 99
    path = write_file(tiny_coco)
    report = check_file(path)
    content = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert content["errors"] == report.errors == 1 and content["rules"]["unknown-image"] == {"errors": 1, "warnings": 0}
    (one,) = [entry for entry in content["findings"] if entry["rule"] == "unknown-image"]
    assert (one["record"], one["file"], one["value"]) == ("annotation 11", str(path), "99")
    text = report_text(report)
    assert "error: unknown-image: annotation 11: " in text and "Add the picture or remove the annotation." in text
    assert text.splitlines()[-1].split() == ["total", "1", str(len(report.findings) - 1)]


def test_every_rule_tells_what_to_do() -> None:
    for name, rule in RULES.items():
        assert name == rule.name and rule.holds and rule.remedy and not rule.holds.endswith(".")


def test_a_text_that_is_refused_stands_in_quotes(write_file: Callable[..., Path], tiny_coco: dict[str, Any]) -> None:
    tiny_coco["annotations"][0]["score"] = "0.9"
    (found,) = [one for one in check_file(write_file(tiny_coco)).findings if one.rule == "record"]
    assert found.message == "\"score\" is a number from 0 to 1; found '0.9'"
