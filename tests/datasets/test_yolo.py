from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.errors import AmodalError, AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.datasets import read_annotations
from amodal.datasets.check import check_file, write_fixed
from amodal.datasets.convert import losses
from amodal.datasets.dialects import Reading, dialect_named, recognise

POLYGON = "1 0.1 0.1 0.9 0.1 0.9 0.8"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "set"
    for name in ("images/train/a.jpg", "images/train/none.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 10)).save(root / name)
    (root / "labels/train").mkdir(parents=True)
    (root / "labels/train/a.txt").write_text(f"{POLYGON}\n\n0 0.5 0.5 0.4 0.2\n{POLYGON} 0.25\n")
    (root / "data.yaml").write_text("path: /etc\ntrain: ../../elsewhere\nnames:\n  0: cup\n  1: dog\n")
    return root


def test_polygons_boxes_and_scores(folder: Path) -> None:
    album = dialect_named("yolo").read(folder, Reading())
    assert recognise(folder).name == "yolo" and [(c.id, c.name) for c in album.categories] == [(0, "cup"), (1, "dog")]
    record, empty = album
    assert (record.file_name, record.width, record.height) == ("train/a.jpg", 20, 10)
    assert empty.file_name == "train/none.png" and empty.instances == ()
    drawn, box, scored = record.instances
    text = folder / "labels/train/a.txt"
    text.write_text(text.read_text(), "utf-8-sig")  # as Windows may save it
    assert dialect_named("yolo").read(folder, Reading())[0] == record
    assert drawn.modal_mask is not None and drawn.modal_mask.polygons == ((2, 1, 18, 1, 18, 8),) and drawn.category == 1
    assert box.modal_box == (6, 4, 14, 6) and box.modal_mask is None and box.score is None
    assert scored.score == 0.25 and scored.modal_mask == drawn.modal_mask


def test_splits_with_their_own_folders(folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "other"
    (root / "valid").mkdir(parents=True)
    (folder / "images").rename(root / "valid/images")
    (folder / "labels").rename(root / "valid/labels")
    (root / "data.yaml").write_text("names: [cup, dog]")
    assert recognise(root).name == "yolo"
    names = [r.file_name for r in dialect_named("yolo").read(root, Reading())]
    assert names == ["valid/images/train/a.jpg", "valid/images/train/none.png"]


def test_names_in_a_text(folder: Path) -> None:
    (folder / "classes.txt").write_text("mug\n\nhound\n\n")  # an empty line is a number, too
    assert [c.name for c in dialect_named("yolo").read(folder, Reading()).categories] == ["mug", "1", "hound"]
    for encoding in ("utf-8", "utf-8-sig"):
        (folder / "classes.txt").write_text("mug\nhound\n", encoding)
        assert [c.name for c in dialect_named("yolo").read(folder, Reading()).categories] == ["mug", "hound"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 0.1 0.1 0.9", "three points or more"),
        ("dog 0.1 0.1 0.9 0.1 0.9 0.8", "category's number and a polygon"),
        ("2 0.1 0.1 0.9 0.1 0.9 0.8", "0 to 1"),
        ("0.5 0.1 0.1 0.9 0.1 0.9 0.8", "begins with a category's number"),
        ("1 10 10 90 10 90 80", "shares of the picture"),
        ("1 nan 0.1 0.9 0.1 0.9 0.8", "category's number and a polygon"),
        ("1 0.1 0.1 0.1 0.1 0.1 0.1", "has a pixel"),
        ("1 0.5 0.5 0 0.2", "x1 < x2 and y1 < y2; found '1 0.5 0.5 0 0.2'"),
        (f"{POLYGON} 7", "a score is 0 to 1"),
    ],
)
def test_broken_lines(folder: Path, line: str, message: str) -> None:
    (folder / "labels/train/a.txt").write_text(f"{POLYGON}\n{line}\n")
    with pytest.raises(AmodalError) as caught:
        dialect_named("yolo").read(folder, Reading())
    assert message in str(caught.value) and "a.txt: line 2" in str(caught.value)
    found: list[AmodalError] = []
    album = dialect_named("yolo").read(folder, Reading(on_bad=found.append))
    assert len(found) == 1 and len(album[0].instances) == 1


@pytest.mark.parametrize(
    "names", ["names: 3", "names: {1: a, 2: b}", "names: [[1]]", "- 3", "names: [", "a: !!python/x 1"]
)
def test_broken_names(folder: Path, names: str) -> None:
    (folder / "data.yaml").write_text(names)
    with pytest.raises(AnnotationError, match=r"data\.yaml"):
        dialect_named("yolo").read(folder, Reading())


def test_a_text_without_its_picture(folder: Path) -> None:
    (folder / "labels/train/lost.txt").write_text(POLYGON)
    with pytest.raises(AnnotationError, match=r"lost\.txt: each text has a picture.*--images"):
        dialect_named("yolo").read(folder, Reading())


def test_what_it_cannot_say_is_named(tmp_path: Path) -> None:
    parts = Mask.from_polygons([[1, 1, 5, 1, 5, 5, 1, 5], [10, 2, 14, 2, 14, 6, 10, 6]], 20, 10)
    beyond = Mask.from_polygons([[-3, 1, 5, 1, 5, 5]], 20, 10)
    pixels = Mask.from_array(np.ones((10, 20), bool))
    objects = tuple(Instance(i, 0, m.box, m) for i, m in enumerate((parts, beyond, pixels), 1))
    album = Album([ImageRecord(1, "a.jpg", 20, 10, objects)], [Category(0, "cup")])
    dialect = dialect_named("yolo")
    named = " ".join(loss.what for loss in losses(album, dialect))
    assert "several polygons" in named and "beyond the picture" in named and "masks of pixels" in named
    assert dialect.write is not None
    dialect.write(album, tmp_path / "out")
    Image.new("RGB", (20, 10)).save(tmp_path / "out/images/a.jpg")
    (record,) = dialect.read(tmp_path / "out", Reading())
    joined, cut = (i.modal_mask for i in record.instances)
    assert joined is not None and cut is not None
    assert joined.iou(parts) > 0.85 and joined.box == parts.box  # one outline: a line joins the two
    assert cut.polygons is not None and cut.polygons[0][:2] == (0, 1)


def test_pictures_that_differ_in_suffix_alone_cannot_share_a_text(folder: Path) -> None:
    Image.new("RGB", (40, 40)).save(folder / "images/train/a.webp")
    Image.new("RGB", (40, 40)).save(folder / "images/train/none.webp")
    with pytest.raises(AnnotationError, match=r"a\.txt: .*one picture, and train/a\.jpg has.*'train/a\.webp'"):
        dialect_named("yolo").read(folder, Reading())
    told: list[AmodalError] = []
    album = dialect_named("yolo").read(folder, Reading(on_bad=told.append))
    found = {record.file_name: (record.width, len(record.instances)) for record in album}
    assert found == {"train/a.jpg": (20, 3), "train/none.png": (20, 0), "train/none.webp": (40, 0)} and len(told) == 1


@pytest.mark.parametrize(("dialect", "shared"), [("yolo", 1), ("sbd", 1), ("voc", 0), ("labelme", 0)])
def test_losing_which_picture_of_two_suffixes_is_meant_is_named(dialect: str, shared: int) -> None:
    records = [ImageRecord(i, name, 8, 8) for i, name in enumerate(("b.jpg", "b.png", "c/b.jpg"), 1)]
    named = {loss.what: loss for loss in losses(Album(records, [Category(1, "cup")]), dialect_named(dialect))}
    loss = named.get("pictures whose names differ in their suffix alone")
    assert (loss.count if loss else 0) == shared and (loss is None or loss.examples == ["b.png"])


@pytest.fixture
def splits(tmp_path: Path) -> Path:
    """As Roboflow exports: train/images, train/labels, valid/images, valid/labels; and all pictures in one folder."""
    root = tmp_path / "ds"
    for split, stem in (("train", "a"), ("valid", "b")):
        for place in (root / split / "images" / f"{stem}.jpg", tmp_path / "all" / f"{stem}.jpg"):
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (20, 10)).save(place)
        (root / split / "labels").mkdir()
        (root / split / "labels" / f"{stem}.txt").write_text(POLYGON)
    Image.new("RGB", (20, 10)).save(tmp_path / "all/none.jpg")
    (root / "data.yaml").write_text("names: [cup, dog]\nnc: 2\ntrain: ../train/images\n")
    return root


def test_pictures_of_splits_lie_in_the_folder_given(splits: Path) -> None:
    beside = [(r.file_name, len(r.instances)) for r in read_annotations(splits)]
    assert beside == [("train/images/a.jpg", 1), ("valid/images/b.jpg", 1)]
    assert [(r.file_name, len(r.instances)) for r in read_annotations(splits, images=splits)] == beside
    every = [(r.file_name, len(r.instances)) for r in read_annotations(splits, images=splits.parent / "all")]
    assert every == [("a.jpg", 1), ("b.jpg", 1)]  # each once, and none of those that belong to no split
    with pytest.raises(AnnotationError, match=r"b\.txt: each text has a picture"):
        read_annotations(splits, images=splits / "train/images")


def test_a_list_of_names_among_the_texts(folder: Path) -> None:
    names = folder / "labels/train/classes.txt"
    names.write_text("mug\nhound\n")
    assert [c.name for c in read_annotations(folder).categories] == ["cup", "dog"]  # data.yaml says it
    (folder / "data.yaml").unlink()
    assert recognise(folder).name == "yolo"
    album = read_annotations(folder)
    assert [c.name for c in album.categories] == ["mug", "hound"] and len(album) == 2
    names.rename(folder / "labels/classes.txt")
    assert [c.name for c in read_annotations(folder).categories] == ["mug", "hound"]
    names.write_text("hound\nmug\n")
    with pytest.raises(AnnotationError, match="lists of names among the texts are alike"):
        read_annotations(folder)
    (folder / "classes.txt").write_text("cup\ndog")
    Image.new("RGB", (20, 10)).save(folder / "images/train/classes.jpg")
    names.write_text(POLYGON)  # a picture may be called so
    assert [len(record.instances) for record in read_annotations(folder)] == [3, 1, 0]


@pytest.mark.parametrize("name", ["a\x85b", "a\u2028b", "a\u2029 b", "a\nb", "a: 'é", "\u00e9t\u00e9"])
def test_any_name_comes_back(tmp_path: Path, name: str) -> None:
    dialect = dialect_named("yolo")
    assert dialect.write is not None
    dialect.write(Album([], [Category(0, name)]), tmp_path / "out")
    (tmp_path / "out/labels").mkdir()
    assert [c.name for c in dialect.read(tmp_path / "out", Reading()).categories] == [name]
    escaped = any(end in name for end in "\x85\u2028\u2029")
    assert ("\\" in (tmp_path / "out/data.yaml").read_text()) == escaped  # others stay as people write them


def test_a_number_makes_no_name_that_another_picture_has(tmp_path: Path) -> None:
    masks = [Mask.from_box((i, 1, i + 4, 6), 20, 10) for i in range(3)]
    drawn = [Mask.from_polygons([[x, 1, x + 4, 1, x + 4, 6, x, 6]], 20, 10) for x in range(3)]
    records = [
        ImageRecord(i, name, 20, 10, (Instance(i, 0, masks[i].box, drawn[i]),))
        for i, name in enumerate(("b.jpg", "b.png", "b_2.jpg"))
    ]
    dialect = dialect_named("yolo")
    assert dialect.write is not None
    dialect.write(Album(records, [Category(0, "cup")]), tmp_path / "out")
    Image.new("RGB", (20, 10)).save(tmp_path / "out/images/b_2.jpg")
    found = [r for r in dialect.read(tmp_path / "out", Reading(on_bad=lambda problem: None)) if r.instances]
    assert [r.instances[0].modal_box for r in found] == [masks[2].box]


def test_what_mending_does_not_carry_over_is_listed(splits: Path, tmp_path: Path) -> None:
    (splits / "notes.md").write_text("mine")
    names = splits / "data.yaml"
    names.write_text(names.read_text() + "val: images\n")  # as it is written, too
    changes, _ = write_fixed(check_file(splits), tmp_path / "fixed")
    assert [change.after for change in changes] == [
        "nc, train of data.yaml",
        "1 file (notes.md)",
        "1 file of train/images (a.jpg)",
        "1 file of valid/images (b.jpg)",
    ]


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """As labelImg leaves it: texts, pictures and the list of names in one folder."""
    root = tmp_path / "flat"
    root.mkdir()
    for name in ("a.jpg", "none.png"):
        Image.new("RGB", (20, 10)).save(root / name)
    (root / "a.txt").write_text(f"{POLYGON}\n0 0.5 0.5 0.4 0.2\n")
    (root / "classes.txt").write_text("cup\ndog\n")
    (root / "train.txt").write_text("a.jpg\nnone.png\n")
    (root / "notes.txt").write_text("2 cups are chipped\n")
    return root


def test_texts_beside_their_pictures(flat: Path, tmp_path: Path) -> None:
    assert recognise(flat).name == "yolo"
    record, empty = read_annotations(flat)
    assert (record.file_name, empty.file_name, empty.instances) == ("a.jpg", "none.png", ())
    assert [one.modal_box for one in record.instances] == [(3, 1, 18, 8), (6, 4, 14, 6)]
    pictures = tmp_path / "elsewhere"
    pictures.mkdir()
    for name in ("a.jpg", "none.png"):
        (flat / name).rename(pictures / name)
    assert list(read_annotations(flat, images=pictures)) == [record, empty]
    with pytest.raises(AmodalError, match=r"a\.txt: each text has a picture"):
        read_annotations(flat)


def test_without_names_it_is_told_what_is_missing(flat: Path) -> None:
    (flat / "classes.txt").unlink()
    with pytest.raises(
        AnnotationError, match=r"If these are YOLO's texts, write the names of the categories to classes\.txt"
    ):
        recognise(flat)


@pytest.mark.parametrize(("settings", "is_known"), [("names: [cup, dog]", True), ("lr: 0.1", False), ("[", False)])
def test_texts_beside_pictures_are_known_by_their_names(flat: Path, settings: str, is_known: bool) -> None:
    (flat / "classes.txt").unlink()
    (flat / "config.yaml").write_text(settings)
    if is_known:
        assert recognise(flat).name == "yolo"
    else:
        with pytest.raises(AnnotationError, match="not a folder of a known dialect"):
            recognise(flat)


def test_a_text_that_is_none_of_yolos_gives_no_advice(tmp_path: Path) -> None:
    (tmp_path / "code/deep").mkdir(parents=True)
    (tmp_path / "code/LICENSE.txt").write_text("Apache License\n")
    (tmp_path / "code/deep/a.txt").write_text(POLYGON)
    with pytest.raises(AnnotationError, match=r"known dialect\. See docs/formats\.md"):
        recognise(tmp_path)
    (tmp_path / "code/a.txt").write_text(POLYGON)
    with pytest.raises(AnnotationError, match="If these are YOLO's texts"):
        recognise(tmp_path)


def test_an_xml_file_of_voc_does_not_take_over_a_folder_with_labels(folder: Path) -> None:
    (folder / "stray.xml").write_text("<annotation/>")
    assert recognise(folder).name == "yolo"


@pytest.mark.parametrize("has_names", [True, False])
def test_texts_among_xml_files_are_not_dropped_in_silence(flat: Path, has_names: bool) -> None:
    (flat / "b.xml").write_text("<annotation><filename>none.png</filename></annotation>")
    if not has_names:
        (flat / "classes.txt").unlink()
    with pytest.raises(AnnotationError, match="--from voc or --from yolo"):
        recognise(flat)
    assert [record.file_name for record in read_annotations(flat, "voc")] == ["none.png"]
    (flat / "a.txt").unlink()
    (flat / "notes.txt").unlink()
    assert recognise(flat).name == "voc"


@pytest.mark.parametrize(
    ("shape", "points"),
    [("[2, 3]", "0.4 0.4 2 0.9 0.6 1"), ("[2, 2]", "0.4 0.4 0.9 0.6"), ("[1, 3]", "0 0 0")],
)
@pytest.mark.parametrize("score", [None, 0.75])
def test_keypoints_are_passed_over(folder: Path, shape: str, points: str, score: float | None) -> None:
    (folder / "data.yaml").write_text(f"kpt_shape: {shape}\nnames: [cup, dog]\n")
    end = "" if score is None else f" {score}"
    (folder / "labels/train/a.txt").write_text(f"0 0.5 0.5 0.4 0.2 {points}{end}\n0 0.5 0.5 0.4 0.2\n")
    (posed, plain) = read_annotations(folder)[0].instances
    assert posed.modal_mask is None and posed.modal_box == plain.modal_box == (6, 4, 14, 6) and posed.score == score
    passed_over = dialect_named("yolo").passed_over
    assert passed_over is not None and list(passed_over(folder)) == ["kpt_shape of data.yaml"]
