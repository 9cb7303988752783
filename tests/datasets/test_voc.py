from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.errors import AmodalError, AnnotationError
from amodal.core.masks import Mask
from amodal.datasets import read_annotations
from amodal.datasets.dialects import Reading, dialect_named, recognise
from amodal.datasets.xmlfile import is_text, read_xml

XML = """<annotation><folder>VOC2012</folder><filename>2008_1.jpg</filename>
<source><database>The VOC2008 Database</database></source>
<size><width>8</width><height>6</height><depth>3</depth></size><segmented>1</segmented>
<object><name>dog</name><pose>Left</pose><truncated>1</truncated><occluded>0</occluded><difficult>0</difficult>
  <bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>
  <part><name>head</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>2</xmax><ymax>3</ymax></bndbox></part>
  <part><name>foot</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>2</xmax><ymax>3</ymax></bndbox></part></object>
<object><name>cat</name><bndbox><xmin>4.5</xmin><ymin>1</ymin><xmax>8</xmax><ymax>6</ymax></bndbox></object>
</annotation>"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "VOC2012"
    for room in ("Annotations", "SegmentationObject", "ImageSets/Segmentation"):
        (root / room).mkdir(parents=True)
    (root / "Annotations/2008_1.xml").write_text(XML)
    numbers = np.zeros((6, 8), np.uint8)
    numbers[1:4, 0:3], numbers[0, :] = 1, 255
    image = Image.fromarray(numbers)
    image.putpalette([v for i in range(256) for v in (i, 0, 0)])
    image.save(root / "SegmentationObject/2008_1.png")
    return root


def test_the_devkits_own_form(folder: Path) -> None:
    album = dialect_named("voc").read(folder, Reading())
    assert recognise(folder).name == "voc"
    assert len(album.categories) == 20 and album.categories[11].name == "dog" and album.categories[11].id == 12
    (record,) = album
    assert (record.file_name, record.width, record.height) == ("2008_1.jpg", 8, 6)
    dog, cat = record.instances
    assert dog.modal_box == (0, 1, 3, 4) and cat.modal_box == (3.5, 0, 8, 6)  # pixels from 1, both ends included
    assert dog.modal_mask == Mask.from_box((0, 1, 3, 4), 8, 6) and cat.modal_mask is None
    assert (dog.is_truncated, dog.is_occluded, dog.is_difficult) == (True, False, False)
    assert (cat.is_truncated, cat.is_occluded, cat.is_difficult) == (None, None, None)
    assert dog.extra["pose"] == "Left" and [p["name"] for p in dog.extra["part"]] == ["head", "foot"]
    assert Mask.from_rle(record.extra["void"]) == Mask.from_box((0, 0, 8, 1), 8, 6)
    assert record.extra["source"] == {"database": "The VOC2008 Database"}


def test_written_again_it_is_the_same(folder: Path, tmp_path: Path) -> None:
    dialect = dialect_named("voc")
    album = dialect.read(folder, Reading())
    assert dialect.write is not None
    dialect.write(album, tmp_path / "again")
    assert list(dialect.read(tmp_path / "again", Reading())) == list(album)
    with Image.open(tmp_path / "again/SegmentationClass/2008_1.png") as image:
        assert np.unique(np.asarray(image)).tolist() == [0, 12, 255]
        assert image.getpalette()[:12] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]  # the devkit's colours
        assert image.getpalette()[-3:] == [224, 224, 192]
    assert (tmp_path / "again/ImageSets/Segmentation/trainval.txt").read_text() == "2008_1\n"


def test_a_name_with_dots_has_its_own_mask(folder: Path) -> None:
    for place, ending in (("Annotations", "xml"), ("SegmentationObject", "png")):
        (folder / place / f"2008_1.{ending}").rename(folder / place / f"2008_1.rf.5.{ending}")
    ((dog, _),) = (record.instances for record in dialect_named("voc").read(folder, Reading()))
    assert dog.modal_mask == Mask.from_box((0, 1, 3, 4), 8, 6)


def test_xml_files_without_a_folder_annotations(folder: Path) -> None:
    flat = folder / "Annotations"
    for path in (flat, flat / "2008_1.xml"):
        with pytest.raises(AnnotationError, match="VOC is a folder with its XML files in Annotations/"):
            recognise(path)
    for name in ("voc", "labelme", "sbd"):
        with pytest.raises(AnnotationError, match="none is there"):
            read_annotations(flat, name)


def test_a_list_of_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "ImageSets/Segmentation/val.txt"
    path.write_text("2008_1\n")
    (folder / "Annotations/other.xml").write_text(XML)
    assert recognise(path).name == "voc-list"
    assert [r.file_name for r in dialect_named("voc-list").read(path, Reading())] == ["2008_1.jpg"]
    monkeypatch.chdir(path.parent)
    assert recognise(Path("val.txt")).name == "voc-list"
    assert len(dialect_named("voc-list").read(Path("val.txt"), Reading())) == 1
    path.write_text("../../secret\n")
    with pytest.raises(AnnotationError, match="inside the folder"):
        dialect_named("voc-list").read(path, Reading())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<width>8", "<width>9", "9 x 6 pixels"),
        ("<width>8", "<width>eight", "<width> is a number"),
        ("<name>dog</name>", "", "object 1: an <object> has a <name>"),
        ("<xmax>3<", "<xmax>nan<", "<xmax> is a number"),
        ("<xmax>3<", "<xmax>0<", "object 1: a box needs x1 < x2"),
        ("<truncated>1", "<truncated>yes", "<truncated> is 0 or 1"),
        ("2008_1.jpg", "../../etc/passwd", "inside the folder"),
        ("</annotation>", "", "not an XML file"),
        ("<annotation>", '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotation>', "no document type"),
        ("<annotation>", "<annotation>" + "<a>" * 100, "nested at the most"),
        ("<object><name>cat", "<extra>[</extra><object><name>cat", "<extra> is a JSON object"),
    ],
)
def test_broken(folder: Path, old: str, new: str, message: str) -> None:
    (folder / "Annotations/2008_1.xml").write_text(XML.replace(old, new, 1))
    with pytest.raises(AmodalError) as caught:
        dialect_named("voc").read(folder, Reading())
    assert message in str(caught.value) and "2008_1" in str(caught.value)
    found: list[AmodalError] = []
    dialect_named("voc").read(folder, Reading(on_bad=found.append))
    assert len(found) == 1 and message in str(found[0])


def test_pixels_of_an_object_that_is_not_listed(folder: Path) -> None:
    text = XML[: XML.index("<object>")] + "</annotation>"
    (folder / "Annotations/2008_1.xml").write_text(text)
    with pytest.raises(AnnotationError, match="value 1: pixel value i is the i-th <object>"):
        dialect_named("voc").read(folder, Reading())


def test_a_picture_where_a_palette_is_due(folder: Path) -> None:
    Image.new("RGB", (8, 6)).save(folder / "SegmentationObject/2008_1.png")
    with pytest.raises(AnnotationError, match="has a palette"):
        dialect_named("voc").read(folder, Reading())


def test_entities_are_never_expanded(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    path = tmp_path / "a.xml"
    path.write_text(f'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY l0 "ha">{laughs}]><annotation>&l9;</annotation>')
    with pytest.raises(AnnotationError, match="no document type"):
        read_xml(path)


@pytest.mark.parametrize(
    ("value", "good"), [("a b", True), ("ä\n文", True), (" a", False), ("a\0", False), ("\ud800", False), ("", True)]
)
def test_what_xml_can_say(value: str, good: bool) -> None:
    assert is_text(value) is good


@pytest.mark.parametrize("depth", ["1", "4", "3", "colours", ""])
def test_the_depth_of_a_picture_stays(folder: Path, tmp_path: Path, depth: str) -> None:
    file = folder / "Annotations/2008_1.xml"
    file.write_text(XML.replace("<depth>3<", f"<depth>{depth}<"))
    dialect = dialect_named("voc")
    album = dialect.read(folder, Reading())
    assert album[0].extra.get("depth") == (depth if depth in ("1", "4") else None)
    assert dialect.write is not None
    dialect.write(album, tmp_path / "again")
    written = read_xml(tmp_path / "again/Annotations/2008_1.xml").findtext("size/depth")
    assert written == (depth if depth in ("1", "4") else "3")
    assert dialect.read(tmp_path / "again", Reading())[0] == album[0]


def test_a_further_field_of_that_name_is_not_taken_for_it(folder: Path, tmp_path: Path) -> None:
    dialect = dialect_named("voc")
    assert dialect.write is not None
    for depth in ("3", 1, "far"):
        album = dialect.read(folder, Reading())
        record = replace(album[0], extra={"depth": depth})
        dialect.write(Album([record], album.categories), tmp_path / f"again-{depth}")
        assert dialect.read(tmp_path / f"again-{depth}", Reading())[0].extra["depth"] == depth
