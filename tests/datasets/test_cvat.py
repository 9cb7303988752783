from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.errors import AmodalError, AnnotationError
from amodal.core.records import Category, ImageRecord, Instance
from amodal.datasets.check import check_file, write_fixed
from amodal.datasets.convert import convert, losses
from amodal.datasets.dialects import Reading, dialect_named, recognise

HEAD = """<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task><id>1</id><labels>
<label><name>car</name><color>#fa3253</color><attributes><attribute><name>parked</name></attribute></attributes></label>
<label><name>bus</name></label></labels></task></meta>"""
SHAPES = """
<polygon label="bus" source="manual" occluded="1" points="1.00,1.00;6.00,1.00;6.00,5.00" z_order="2">
  <attribute name="parked">true</attribute><attribute name="truncated"></attribute></polygon>
<box label="car" occluded="0" xtl="3.00" ytl="2.00" xbr="8.50" ybr="7.00" z_order="0"></box>
<mask label="car" occluded="0" rle="1, 3, 1, 1" left="4" top="5" width="3" height="2" z_order="1"></mask>
<ellipse label="car" occluded="0" cx="6" cy="5" rx="4" ry="2" z_order="1"></ellipse>
<box label="car" occluded="0" xtl="2" ytl="2" xbr="6" ybr="4" rotation="90" z_order="0"></box>
<polygon label="car" occluded="0" points="0,0;2,0;2,2;0,2" z_order="0" group_id="1"></polygon>
<polygon label="car" occluded="0" points="4,4;6,4;6,6;4,6" z_order="0" group_id="1"></polygon>
"""


def text_of(shapes: str, image: str = 'id="7" name="sub/a.jpg" subset="train" width="12" height="10"') -> str:
    return f"{HEAD}<image {image}>{shapes}</image></annotations>"


def read(folder: Path, text: str, **how: Any) -> Any:
    path = folder / "annotations.xml"
    path.write_text(text)
    return dialect_named("cvat").read(path, Reading(**how))


def test_shapes_of_each_kind(tmp_path: Path) -> None:
    album = read(tmp_path, text_of(SHAPES))
    assert recognise(tmp_path / "annotations.xml").name == "cvat"
    assert [(c.id, c.name) for c in album.categories] == [(1, "car"), (2, "bus")]
    (record,) = album
    assert (record.id, record.file_name, record.width, record.height) == (7, "sub/a.jpg", 12, 10)
    drawn, box, pixels, ellipse, turned, two = record.instances
    assert drawn.modal_mask.polygons == ((1, 1, 6, 1, 6, 5),) and drawn.is_occluded is True and drawn.category == 1
    assert drawn.extra == {"source": "manual", "attributes": {"parked": "true"}} and drawn.is_truncated is None
    assert box.modal_box == (3, 2, 8.5, 7) and box.modal_mask is None and box.is_occluded is False
    assert pixels.modal_mask.crop((4, 5, 7, 7)).astype(int).tolist() == [[0, 1, 1], [1, 0, 1]]
    assert ellipse.modal_box == (2, 3, 10, 7)
    assert np.allclose(turned.modal_box, (3, 1, 5, 5)) and turned.modal_mask.area == 8
    assert two.modal_mask.area == 8
    assert [i.order for i in record.instances] == [1, 3, 2, 2, 3, 3]  # z_order 2 is the front


def test_boxes_of_one_group_are_one_box_around_them(tmp_path: Path) -> None:
    box = '<box label="car" occluded="{}" xtl="{}" ytl="1" xbr="{}" ybr="{}" z_order="0" group_id="3"></box>'
    (record,) = read(tmp_path, text_of(box.format(0, 1, 3, 4) + box.format(1, 6, 8, 9)))
    (one,) = record.instances
    assert one.modal_box == (1, 1, 8, 9) and one.is_occluded is True


def test_no_order_where_all_lie_alike(tmp_path: Path) -> None:
    (record,) = read(
        tmp_path, text_of(SHAPES.replace('z_order="1"', 'z_order="0"').replace('z_order="2"', 'z_order="0"'))
    )
    assert {i.order for i in record.instances} == {None}


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ('<polygon points="1,1;2,2;3,1"/>', "has a label"),
        ('<polygon label="car" points="1,1;2,2"/>', "three points"),
        ('<polygon label="car" points="1,1;2;3,1"/>', "x,y;x,y"),
        ('<polygon label="car" points=""/>', "numbers have commas"),
        ('<polygon label="car" points="nan,1;2,2;3,1"/>', "all finite"),
        ('<polygon label="car" points="1,1;9,2;3,9" z_order="1.5"/>', '"z_order" is a whole number'),
        ('<polygon label="car" points="1,1;9,2;3,9" occluded="maybe"/>', '"occluded" is 0, 1'),
        ('<polyline label="car" points="1,1;2,2"/>', "polygon, mask, box or ellipse"),
        ('<box label="car" xtl="5" ytl="1" xbr="5" ybr="4"/>', "x1 < x2"),
        ('<box label="car" xtl="5" ytl="1" ybr="4"/>', '"xbr" is a number'),
        ('<mask label="car" rle="3, 4" left="1" top="1" width="3" height="2"/>', "runs fill its box"),
        ('<mask label="car" rle="-3, 9" left="1" top="1" width="3" height="2"/>', "runs fill its box"),
        ('<mask label="car" rle="0, 6" left="10" top="1" width="3" height="2"/>', "lies in its picture"),
        (
            '<mask label="car" rle="0, 9000000000000" left="0" top="0" width="3000000" height="3000000"/>',
            "in its picture",
        ),
        ('<mask label="car" rle="6" left="1" top="1" width="3" height="2"/>', "has a pixel"),
        ('<ellipse label="car" cx="1" cy="1" rx="0" ry="2"/>', "radii above 0"),
        ('<box label="car" xtl="1" ytl="1" xbr="3" ybr="4"><attribute name="order">x</attribute></box>', '"order" is'),
        ('<box label="car" xtl="1" ytl="1" xbr="3" ybr="4"><attribute name="extra">x</attribute></box>', "JSON object"),
    ],
)
def test_broken_shapes(tmp_path: Path, shape: str, message: str) -> None:
    text = text_of(SHAPES + shape)
    with pytest.raises(AmodalError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value) and "image 7, object 7" in str(caught.value)
    found: list[AmodalError] = []
    (record,) = read(tmp_path, text, on_bad=found.append)
    assert len(found) == 1 and len(record.instances) == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + '<track id="0" label="car"></track></annotations>', "the pictures of their frames"),
        ("<annotation></annotation>", "<image> elements in <annotations>"),
        (text_of("", 'id="x" name="a.jpg" width="2" height="2"'), '"id" is a number'),
        (text_of("", 'id="1" name="../a.jpg" width="2" height="2"'), "inside the folder"),
        (text_of("", 'id="1" name="a.jpg" width="0" height="2"'), "at least one pixel"),
        (
            text_of("").replace("</annotations>", '<image id="7" name="b.jpg" width="2" height="2"/></annotations>'),
            "once",
        ),
        (text_of("")[:-5], "not an XML file"),
        ('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><annotations>&e;</annotations>', "no document type"),
    ],
)
def test_broken_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)


TAGS = """<tag label="bus" source="manual"><attribute name="seen">far</attribute></tag><tag label="night"></tag>"""


def written(album: Album, folder: Path) -> Album:
    dialect = dialect_named("cvat")
    assert dialect.write is not None
    dialect.write(album, folder / "out.xml")
    return dialect.read(folder / "out.xml", Reading())


def test_tags_and_further_attributes_come_back(tmp_path: Path) -> None:
    (record,) = read(tmp_path, text_of(TAGS + SHAPES, 'id="7" name="a.jpg" subset="train" width="12" height="10"'))
    tags = [{"label": "bus", "source": "manual", "attributes": {"seen": "far"}}, {"label": "night"}]
    assert record.extra == {"subset": "train", "tags": tags} and len(record.instances) == 6
    assert list(written(Album([record], [Category(1, "car"), Category(2, "bus")]), tmp_path)) == [record]
    odd = {"id": 3, "extra": "x", "a b": "c", "n": 5, "edge": " x", "tags": [{"label": 3}], "license": "CC"}
    album = Album([replace(record, extra=odd, instances=())], [Category(1, "car")])
    assert written(album, tmp_path)[0].extra == odd
    assert losses(album, dialect_named("cvat"), source=dialect_named("cvat")) == []
    named = {
        loss.what for loss in losses(Album([record], [Category(1, "car"), Category(2, "bus")]), dialect_named("sbd"))
    }
    assert "further fields of pictures: subset, tags" in named


def test_groups_that_say_more_than_one_object_are_kept(tmp_path: Path) -> None:
    box = '<box label="{}" occluded="0" xtl="1" ytl="1" xbr="{}" ybr="4" z_order="0" group_id="{}"></box>'
    two = '<polygon label="car" occluded="0" points="{0},0;{1},0;{1},2" z_order="0" group_id="{2}"></polygon>'
    parts = [two.format(0, 2, 1), two.format(4, 6, 1), two.format(0, 3, 9), two.format(5, 8, 9)]
    shapes = box.format("bus", 5, 3) + box.format("bus", 6, 4) + box.format("car", 7, 4) + "".join(parts)
    album = read(tmp_path, text_of(shapes + box.format("bus", 8, 9)))
    groups = [one.extra.get("group_id") for one in album[0].instances]
    assert groups == ["3", "4", "4", None, "9", "9"]
    assert list(written(album, tmp_path)) == list(album)
    # of one label and number they would be one object: the number goes elsewhere, and comes back all the same
    record = album[0]
    alike = tuple(replace(one, extra={"group_id": "4"}) for one in record.instances)
    again = written(Album([replace(record, instances=alike)], album.categories), tmp_path)
    assert [one.extra for one in again[0].instances] == [{"group_id": "4"}] * 6


@pytest.mark.parametrize("orders", [(10**16, None), (2**63 - 1, 1 - 2**63), (-(2**62), 2**62)])
def test_any_whole_number_is_an_order(tmp_path: Path, orders: tuple[int | None, ...]) -> None:
    objects = tuple(Instance(i, 0, (1, 1, 4, 4), is_occluded=False, order=order) for i, order in enumerate(orders, 1))
    album = Album([ImageRecord(1, "a.jpg", 12, 10, objects)], [Category(1, "car")])
    assert [one.order for one in written(album, tmp_path)[0].instances] == list(orders)


def test_a_box_and_an_outline_of_one_group_have_a_box_around_both(tmp_path: Path) -> None:
    box = '<box label="car" xtl="1" ytl="1" xbr="3" ybr="4" group_id="3"></box>'
    (record,) = read(tmp_path, text_of(box + '<polygon label="car" points="2,2;9,2;9,8;2,8" group_id="3"></polygon>'))
    (one,) = record.instances
    assert one.modal_box == (1, 1, 9, 8)


def test_what_mending_does_not_keep_is_listed(tmp_path: Path) -> None:
    first, last = (f'points="{where}" z_order="0" group_id="1">' for where in ("0,0;2,0;2,2;0,2", "4,4;6,4;6,6;4,6"))
    said = '<attribute name="parked">{}</attribute>'
    assert first in SHAPES and last in SHAPES
    shapes = SHAPES.replace(first, first + said.format("true")).replace(last, last + said.format("false"))
    (tmp_path / "a.xml").write_text(text_of(TAGS + shapes))
    changes, beside = write_fixed(check_file(tmp_path / "a.xml"), tmp_path / "fixed.xml")
    told = [change.after for change in changes]
    assert told == [
        "<meta>, but for the names of labels",
        "that 1 shape is an ellipse: it is read as a mask of pixels",
        "that 1 shape is a turned box: it is read as a polygon",
        "attributes of 1 shape behind the first of an object",
    ]
    assert [one["after"] for one in json.loads(beside.read_text())["changes"]] == told
    changes, _ = write_fixed(check_file(tmp_path / "fixed.xml"), tmp_path / "again.xml")
    assert changes == [] and (tmp_path / "again.xml").read_text() == (tmp_path / "fixed.xml").read_text()
    lines: list[str] = []
    convert(tmp_path / "a.xml", tmp_path / "out.json", "coco", tell=lines.append)
    assert lines == [f"not read: {what}" for what in told]
    assert json.loads((tmp_path / "out.json").read_text())["images"][0]["tags"][1] == {"label": "night"}


TRACKS = """<track id="4" label="bus" source="manual">
<box frame="0" keyframe="1" outside="0" occluded="0" xtl="1" ytl="1" xbr="5" ybr="4" z_order="0"></box>
<box frame="2" keyframe="1" outside="0" occluded="1" xtl="2" ytl="1" xbr="6" ybr="4" z_order="0">
  <attribute name="parked">true</attribute></box>
<box frame="3" keyframe="1" outside="1" occluded="0" xtl="2" ytl="1" xbr="6" ybr="4" z_order="0"></box></track>
<track id="9" label="car" source="manual">
<polygon frame="2" keyframe="1" outside="0" occluded="0" points="1,1;6,1;6,5" z_order="1"></polygon></track>"""


@pytest.mark.parametrize(("ending", "given"), [("PNG", False), ("jpg", True)])
def test_tracks_are_read_as_the_pictures_of_their_frames(tmp_path: Path, ending: str, given: bool) -> None:
    folder = tmp_path / ("frames" if given else "images")
    folder.mkdir()
    for frame in (0, 1, 2, 3):
        Image.new("RGB", (12, 10)).save(folder / f"frame_{frame:06d}.{ending}")
    (folder / "cover.png").write_bytes(b"no frame")
    album = read(tmp_path, HEAD + TRACKS + "</annotations>", images=folder if given else None)
    assert [(r.id, r.file_name, len(r.instances)) for r in album] == [
        (frame, f"frame_{frame:06d}.{ending}", count) for frame, count in enumerate((1, 0, 2, 0))
    ]
    bus, car = album[2].instances
    assert (bus.modal_box, bus.is_occluded, bus.modal_mask, bus.order) == ((2, 1, 6, 4), True, None, 2)
    assert bus.extra == {"source": "manual", "track_id": "4", "attributes": {"parked": "true"}}
    assert car.modal_mask is not None and car.extra["track_id"] == "9" and car.order == 1
    assert [album.categories[i.category].name for i in (bus, car)] == ["bus", "car"]
    assert "track_id" in written(album, tmp_path)[2].instances[0].extra


def test_errors_in_a_track_name_it_and_outside_may_be_a_word(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for frame in (0, 2, 3):
        Image.new("RGB", (12, 10)).save(tmp_path / f"images/frame_{frame:06d}.PNG")
    tracks = TRACKS.replace('outside="1"', 'outside="true"').replace('xtl="1"', 'xtl="x"')
    found: list[AmodalError] = []
    album = read(tmp_path, HEAD + tracks + "</annotations>", on_bad=found.append)
    assert [len(record.instances) for record in album] == [0, 2, 0]
    assert [problem.record for problem in found] == ["image 0, object 1 <box> of track 4"]


def test_a_shape_of_a_frame_without_its_picture_is_told(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (12, 10)).save(tmp_path / "images/frame_000002.PNG")
    (tmp_path / "images/frame_000003.PNG").write_bytes(b"cut short")
    broken = TRACKS.replace('frame="2" keyframe="1" outside="0" occluded="1"', 'frame="x"')
    found: list[AmodalError] = []
    (record,) = read(tmp_path, HEAD + broken + "</annotations>", on_bad=found.append)
    assert len(record.instances) == 1 and [str(problem).partition(": ")[2][:40] for problem in found] == [
        "not a picture that can be read: damaged,",
        "track 4: the frame of a shape has its pi",
        "track 4: \"frame\" is a number; found 'x'.",
    ]
