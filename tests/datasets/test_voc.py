from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.errors import AmodalError, AnnotationError, ImageError
from amodal.core.masks import Mask
from amodal.datasets import read_annotations
from amodal.datasets.check import check_file, write_fixed
from amodal.datasets.convert import convert
from amodal.datasets.dialects import Reading, dialect_named, recognise
from amodal.datasets.folders import read_index_png, write_index_png
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


def test_the_folder_annotations_without_those_beside_it(folder: Path) -> None:
    flat = folder / "Annotations"
    with pytest.raises(AnnotationError, match=r"is read with the folders beside it. Give the folder above"):
        recognise(flat)
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
    Image.new("RGB", (8, 6), "white").save(folder / "SegmentationObject/2008_1.png")
    with pytest.raises(AnnotationError, match=r"object numbers \(mode P or L\).*found .\(255, 255, 255\) at x 0, y 0."):
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


def test_a_folder_of_xml_files_alone_is_read_as_labelimg_leaves_it(folder: Path, tmp_path: Path) -> None:
    flat = tmp_path / "photographs"
    flat.mkdir()
    (flat / "2008_1.xml").write_text(XML.replace("<width>8</width><height>6</height>", ""))
    with pytest.raises(AmodalError, match=r"is a number of pixels"):
        read_annotations(flat)
    (flat / "2008_1.xml").write_text(XML.replace("<size><width>8</width><height>6</height><depth>3</depth></size>", ""))
    Image.new("RGB", (8, 6)).save(flat / "2008_1.jpg")
    assert recognise(flat).name == "voc"
    (record,) = read_annotations(flat)
    assert (record.file_name, record.width, record.height) == ("2008_1.jpg", 8, 6)
    (whole,) = read_annotations(folder)
    assert [one.modal_box for one in record.instances] == [one.modal_box for one in whole.instances]
    changes, _ = write_fixed(check_file(flat), tmp_path / "fixed")
    assert [change.after for change in changes] == ["1 file (2008_1.jpg)"]
    assert [one.modal_box for one in read_annotations(tmp_path / "fixed")[0].instances] == [
        (0, 1, 3, 4),
        (3.5, 0, 8, 6),
    ]
    with pytest.raises(AnnotationError, match=r"VOC is a folder of XML files.*the folder the file lies in"):
        recognise(flat / "2008_1.xml")


def test_a_size_of_zero_is_one_that_a_tool_did_not_know(folder: Path) -> None:
    file, png = folder / "Annotations/2008_1.xml", folder / "SegmentationObject/2008_1.png"
    file.write_text(XML.replace("<width>8</width><height>6</height>", "<width>0</width><height>0</height>"))
    assert (read_annotations(folder)[0].width, read_annotations(folder)[0].height) == (8, 6)  # of the mask
    png.unlink()
    with pytest.raises(ImageError, match="does not exist"):
        read_annotations(folder)
    (folder / "JPEGImages").mkdir()
    Image.new("RGB", (9, 7)).save(folder / "JPEGImages/2008_1.jpg")
    assert (read_annotations(folder)[0].width, read_annotations(folder)[0].height) == (9, 7)
    file.write_text(XML.replace("<width>8</width>", "<width>0</width>"))
    with pytest.raises(AnnotationError, match=r"at least one pixel wide and high"):
        read_annotations(folder)


def test_names_that_were_made_up_at_reading_are_not_called_unused(folder: Path) -> None:
    report = check_file(folder)
    assert len(report.album.categories) == 20 and "category-unused" not in report.counts()


def test_masks_in_the_colours_of_vocs_map_are_read_as_their_numbers(folder: Path) -> None:
    png = folder / "SegmentationObject/2008_1.png"
    before = read_annotations(folder)
    numbers = np.asarray(Image.open(png))
    write_index_png(png, numbers)
    Image.open(png).convert("RGB").save(png)  # as CVAT exports it
    assert Image.open(png).getpixel((0, 0)) == (224, 224, 192) and Image.open(png).getpixel((1, 2)) == (128, 0, 0)
    assert list(read_annotations(folder)) == list(before)
    table = np.arange(256, dtype=np.uint8).reshape(16, 16)
    write_index_png(folder / "all.png", table)
    Image.open(folder / "all.png").convert("RGB").save(folder / "all.png")
    assert (read_index_png(folder / "all.png") == table).all()
    colours = np.asarray(Image.open(png)).copy()
    colours[4, 7] = (128, 1, 0)
    Image.fromarray(colours).save(png)
    with pytest.raises(AnnotationError, match=r"colours in VOC's colour map.*found '\(128, 1, 0\) at x 7, y 4'"):
        read_annotations(folder)
    Image.fromarray(colours).convert("RGBA").save(png)
    with pytest.raises(AnnotationError, match=r"object numbers \(mode P or L\).*found 'RGBA'.*palette"):
        read_annotations(folder)


def test_every_xml_file_of_a_folder_may_make_it_voc(folder: Path) -> None:
    for place in (folder / "Annotations", folder):
        for name in ("0.xml", "z.xml"):
            (place / name).write_text("<settings/>")
        assert recognise(folder).name == "voc"
        if place != folder:
            (place / "2008_1.xml").rename(folder / "2008_1.xml")
            shutil.rmtree(place)


def test_an_empty_folder_annotations_beside_the_xml_files(folder: Path) -> None:
    (folder / "Annotations/2008_1.xml").rename(folder / "2008_1.xml")
    assert recognise(folder).name == "voc" and len(read_annotations(folder)) == 1
    (folder / "ImageSets/Main").mkdir(parents=True)
    (folder / "ImageSets/Main/some.txt").write_text("2008_1\n")
    assert len(read_annotations(folder / "ImageSets/Main/some.txt")) == 1


def test_xml_files_in_folders_of_a_flat_folder_are_told(tmp_path: Path) -> None:
    (tmp_path / "flat/more").mkdir(parents=True)
    for name in ("2008_1.xml", "more/2008_2.xml"):
        (tmp_path / "flat" / name).write_text(XML)
    told: list[str] = []
    convert(tmp_path / "flat", tmp_path / "out.json", "coco", tell=told.append)
    assert told[0] == "not read: 1 XML file in folders inside (more/2008_2.xml)"
    changes, _ = write_fixed(check_file(tmp_path / "flat"), tmp_path / "fixed")
    assert [change.after for change in changes] == ["1 XML file in folders inside (more/2008_2.xml)"]
