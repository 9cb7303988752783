from __future__ import annotations

import base64
import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

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


def png(array: np.ndarray) -> str:
    file = BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def shape(**changes: Any) -> dict[str, Any]:
    base = {"label": "cup", "points": [[1, 1], [6, 1], [6, 5]], "group_id": None, "shape_type": "polygon", "flags": {}}
    return base | changes


def file_of(*shapes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    size = {"imageHeight": 10, "imageWidth": 12}
    return (
        {"version": "5.4.1", "flags": {}, "shapes": list(shapes), "imagePath": "a.jpg", "imageData": None}
        | size
        | changes
    )


def read(path: Path, content: dict[str, Any], **how: Any) -> Any:
    (path / "a.json").write_text(json.dumps(content))
    return dialect_named("labelme").read(path, Reading(**how))


def test_shapes_of_each_kind(tmp_path: Path) -> None:
    mask = np.array([[1, 0, 1], [1, 1, 1]], np.uint8)
    album = read(
        tmp_path,
        file_of(
            shape(flags={"occluded": True, "mine": False}, description="chipped", other=[1]),
            shape(label="dog", shape_type="rectangle", points=[[8, 2], [3, 7]]),
            shape(shape_type="mask", points=[[4, 5], [6, 6]], mask=png(mask)),
            shape(shape_type="circle", points=[[6, 5], [8, 5]]),
            shape(group_id=3, points=[[0, 0], [2, 0], [2, 2], [0, 2]]),
            shape(group_id=3, points=[[4, 4], [6, 4], [6, 6], [4, 6]]),
            flags={"seen": True},
            otherData=5,
        ),
    )
    assert recognise(tmp_path).name == "labelme" and recognise(tmp_path / "a.json").name == "labelme-file"
    assert [c.name for c in album.categories] == ["cup", "dog"]
    (record,) = album
    assert record.extra == {"otherData": 5, "flags": {"seen": True}}
    drawn, box, pixels, circle, two = record.instances
    assert drawn.modal_mask.polygons == ((1, 1, 6, 1, 6, 5),) and drawn.is_occluded is True
    assert drawn.extra == {"other": [1], "description": "chipped", "flags": {"mine": False}}
    assert box.modal_box == (3, 2, 8, 7) and box.modal_mask is None and box.category == 1
    assert pixels.modal_mask.area == 5 and pixels.modal_box == (4, 5, 7, 7)
    assert circle.modal_mask.area == 12 and circle.modal_box == (4, 3, 8, 7)
    assert two.modal_mask.area == 8 and len(record.instances) == 5  # one object of two parts


def test_rectangles_of_one_group_are_one_box_around_them(tmp_path: Path) -> None:
    shapes = [shape(group_id=1, shape_type="rectangle", points=[[x, 1], [x + 2, 4]]) for x in (1, 6)]
    ((one,),) = (record.instances for record in read(tmp_path, file_of(*shapes)))
    assert one.modal_box == (1, 1, 8, 4)


def test_the_name_of_the_picture(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (record,) = read(tmp_path / "sub", file_of(imagePath="..\\images\\a.jpg"))
    assert record.file_name == "a.jpg"  # labelme's way to say "elsewhere": looked for in --images
    (record,) = dialect_named("labelme").read(tmp_path, Reading())
    assert record.file_name == "sub/a.jpg"
    for name in ("/etc/passwd", "b/../../a.jpg", "C:\\a.jpg", ""):
        with pytest.raises(AnnotationError, match="inside the folder"):
            read(tmp_path / "sub", file_of(imagePath=name))


def test_a_size_that_is_not_given_comes_from_the_picture(tmp_path: Path) -> None:
    content = file_of(imageHeight=None, imageWidth=None)
    Image.new("RGB", (9, 4)).save(tmp_path / "a.jpg")
    (record,) = read(tmp_path, content)
    assert (record.width, record.height) == (9, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": ""}, "name of the kind"),
        ({"points": [[1, 2, 3]]}, "list of [x, y]"),
        ({"points": [[1, float("inf")], [1, 2], [3, 4]]}, "list of [x, y]"),
        ({"points": [[1, 2], [3, 4]]}, "three points"),
        ({"shape_type": "line"}, "rectangle (turned or not), circle or mask"),
        ({"shape_type": "rectangle", "points": [[1, 2]]}, "two points"),
        ({"shape_type": "rectangle", "points": [[1, 2], [1, 8]]}, "x1 < x2"),
        ({"shape_type": "circle", "points": [[1, 2], [1, 2]]}, "radii above 0"),
        ({"shape_type": "mask", "points": [[1, 1], [2, 2]], "mask": "no"}, "base64"),
        ({"shape_type": "mask", "points": [[1, 1], [2, 2]], "mask": "AAAA"}, "cannot be read"),
        ({"shape_type": "mask", "points": [[1, 1], [3, 2]], "mask": png(np.eye(2, dtype=np.uint8))}, "3 x 2 pixels"),
        ({"shape_type": "mask", "points": [[1, 1], [2, 2]], "mask": png(np.zeros((2, 2), np.uint8))}, "has a pixel"),
        ({"flags": [1]}, "flags"),
        ({"box": [1, 2, 1, 2]}, "x1 < x2"),
    ],
)
def test_broken_shapes(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    content = file_of(shape(), shape(**changes))
    with pytest.raises(AmodalError) as caught:
        read(tmp_path, content)
    assert message in str(caught.value) and "a.json: shape 2" in str(caught.value)
    found: list[AmodalError] = []
    (record,) = read(tmp_path, content, on_bad=found.append)
    assert len(found) == 1 and len(record.instances) == 1


@pytest.mark.parametrize(
    "changes", [{"shapes": 3}, {"shapes": [3]}, {"imagePath": 7}, {"imageWidth": -1}, {"imageWidth": "8"}]
)
def test_broken_files(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(AnnotationError, match=r"a\.json"):
        read(tmp_path, file_of() | changes)


def test_a_drawn_mask_is_written_as_it_was_drawn(tmp_path: Path) -> None:
    album = read(
        tmp_path, file_of(shape(), shape(shape_type="mask", points=[[1, 1], [2, 2]], mask=png(np.eye(2, dtype=bool))))
    )
    dialect = dialect_named("labelme")
    assert dialect.write is not None
    dialect.write(album, tmp_path / "out")
    first, second = json.loads((tmp_path / "out/a.json").read_text())["shapes"]
    assert (
        first["shape_type"] == "polygon" and first["points"] == [[1, 1], [6, 1], [6, 5]] and first["group_id"] is None
    )
    assert second["shape_type"] == "mask" and second["points"] == [[1, 1], [2, 2]]
    assert (
        second["mask"] and Mask.from_array(np.asarray(Image.open(BytesIO(base64.b64decode(second["mask"]))))).area == 2
    )


def test_one_flagged_part_flags_the_object(tmp_path: Path) -> None:
    first = shape(group_id=3, flags={"occluded": False, "mine": False}, points=[[0, 0], [2, 0], [2, 2], [0, 2]])
    last = shape(group_id=3, flags={"occluded": True, "truncated": True}, points=[[4, 4], [6, 4], [6, 6], [4, 6]])
    for parts in ((first, last), (last, first)):
        (record,) = read(tmp_path, file_of(*parts))
        (one,) = record.instances
        assert (one.is_occluded, one.is_truncated, one.is_difficult) == (True, True, None)
        assert one.extra["flags"] == {"mine": False}
    with pytest.raises(AnnotationError, match=r"shape 2.*is an object"):
        read(tmp_path, file_of(first, last | {"flags": [1]}))


def written(album: Album, folder: Path) -> Album:
    dialect = dialect_named("labelme")
    assert dialect.write is not None
    dialect.write(album, folder)
    return dialect.read(folder, Reading())


def test_a_name_with_backslashes_lies_in_its_folder_once(tmp_path: Path) -> None:
    album = Album([ImageRecord(1, "sub\\a.jpg", 12, 10)], [])
    assert [record.file_name for record in written(album, tmp_path / "out")] == ["sub/a.jpg"]


def test_where_labelme_looks_for_the_picture_is_kept(tmp_path: Path) -> None:
    for part in ("1", "2"):
        content = file_of(shape(), imagePath=f"..\\d{part}\\a.jpg", imageData="AAAA")
        (tmp_path / "set").mkdir(exist_ok=True)
        (tmp_path / "set" / f"x{part}.json").write_text(json.dumps(content))
    changes, _ = write_fixed(check_file(tmp_path / "set"), tmp_path / "fixed")
    places = [json.loads(file.read_text())["imagePath"] for file in sorted((tmp_path / "fixed").iterdir())]
    assert places == ["..\\d1\\a.jpg", "..\\d2\\a.jpg"]
    assert [change.after for change in changes] == [
        "imageData of 2 files (x1.json, x2.json)",
        "version of 2 files (x1.json, x2.json)",
        "names of 2 files that are not their pictures' (x1.json, x2.json)",
    ]
    album = read_annotations(tmp_path / "set")
    named = [loss.what for loss in losses(album, dialect_named("yolo"), source=dialect_named("labelme"))]
    assert named == ["pictures whose names differ in their suffix alone"]  # the place is no loss: see --images


def test_what_lies_beside_is_listed_when_a_folder_is_mended(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    parts = [shape(group_id=1), shape(group_id=1, description="chipped")]
    read(tmp_path / "set", file_of(*parts, version="5.5.0"))
    for name in "abcd":
        (tmp_path / "set" / f"{name}.jpg").write_bytes(b"")
    changes, _ = write_fixed(check_file(tmp_path / "set"), tmp_path / "fixed")
    assert [change.after for change in changes] == [
        "fields of shapes behind the first of an object, in 1 file (a.json)",
        "4 files (a.jpg, b.jpg, c.jpg, ...)",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("label", ["cup", "annotations"])
@pytest.mark.parametrize("pixels", ["", "A" * 70000])
def test_it_is_recognised_by_its_members(tmp_path: Path, encoding: str, label: str, pixels: str) -> None:
    content = {"version": "5.4.1", "imageData": pixels, "imagePath": "a.jpg"} | file_of(shape(label=label))
    content["imageData"] = pixels
    (tmp_path / "a.json").write_text(json.dumps(content), encoding)
    assert recognise(tmp_path / "a.json").name == "labelme-file" and recognise(tmp_path).name == "labelme"
    assert read_annotations(tmp_path)[0].file_name == "a.jpg"


@pytest.mark.parametrize(
    "text", ['{"imagePath": "a.jpg"}', '{"a": {"shapes": [], "b": "annotations"}}', '{"imageData": "']
)
def test_what_only_looks_like_it_is_not_recognised(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(AnnotationError, match=r"known dialect|annotation file is|not a JSON file"):
        recognise(tmp_path / "a.json")


def test_a_rectangle_and_an_outline_of_one_group_have_a_box_around_both(tmp_path: Path) -> None:
    parts = [shape(group_id=3, shape_type="rectangle", points=[[1, 1], [3, 4]])]
    parts += [shape(group_id=3, points=[[2, 2], [9, 2], [9, 8], [2, 8]])]
    (record,) = read(tmp_path, file_of(*parts))
    assert record.instances[0].modal_box == (1, 1, 9, 8)
    parts[0]["box"] = [2, 2, 7, 7]
    assert read(tmp_path, file_of(*parts))[0].instances[0].modal_box == (2, 2, 7, 7)  # stated
    assert list(written(Album([record], [Category(1, "cup")]), tmp_path / "out")) == [record]


def test_a_further_flag_does_not_take_the_place_of_ours(tmp_path: Path) -> None:
    one = Instance(1, 0, (1, 1, 4, 4), is_occluded=True, extra={"flags": {"occluded": 1, "mine": True}})
    other = replace(one, id=2, is_occluded=None)
    album = Album([ImageRecord(1, "a.jpg", 12, 10, (one, other))], [Category(1, "cup")])
    assert list(written(album, tmp_path / "out")) == list(album)


@pytest.mark.parametrize("kind", ["oriented_rectangle", "rotation"])
def test_a_turned_rectangle_is_a_polygon(tmp_path: Path, kind: str) -> None:
    corners = [[5, 1], [9, 5], [5, 9], [1, 5]]
    (record,) = read(tmp_path, file_of(shape(shape_type=kind, points=corners, direction=0.8)))
    (drawn,) = read(tmp_path, file_of(shape(points=corners)))[0].instances
    assert record.instances[0].modal_mask == drawn.modal_mask and record.instances[0].extra == {"direction": 0.8}


def test_shapes_that_come_back_as_others_are_told(tmp_path: Path) -> None:
    round_ = shape(shape_type="circle", points=[[5, 5], [5, 8]])
    turned = shape(shape_type="rotation", points=[[5, 1], [9, 5], [5, 9], [1, 5]])
    read(tmp_path, file_of(round_, turned, version="5.5.0"))
    passed_over = dialect_named("labelme").passed_over
    assert passed_over is not None and list(passed_over(tmp_path)) == [
        "that shapes are circles (they are read as masks of pixels), in 1 file (a.json)",
        "that shapes are turned rectangles (they are read as polygons), in 1 file (a.json)",
    ]
