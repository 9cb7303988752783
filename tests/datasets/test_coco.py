from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amodal.core.errors import AmodalError
from amodal.core.masks import Mask
from amodal.core.records import Category
from amodal.datasets import read_annotations

Write = Callable[..., Path]


def rle(array: np.ndarray) -> dict[str, Any]:
    return Mask.from_array(array).to_rle()


def test_modal_records(write_file: Write, tiny_coco: dict[str, Any]) -> None:
    album = read_annotations(write_file(tiny_coco))
    assert album.categories == (Category(9, "cup"), Category(5, "dog"))
    assert [(r.id, r.file_name, r.width, r.height) for r in album] == [(7, "a.png", 40, 30), (3, "sub/b.png", 20, 24)]
    assert album.annotation_ids.tolist() == [11, 12, 13]  # the file's order, not the pictures'
    first, second = album
    assert [i.id for i in first.instances] == [12] and [i.id for i in second.instances] == [11, 13]
    cup = first.instances[0]
    assert cup.category == 0 and cup.modal_box == (10, 5, 30, 15)
    assert cup.modal_mask is not None and cup.modal_mask.area == 200 and cup.modal_mask.box == (10, 5, 30, 15)
    assert cup.amodal_mask is None and cup.amodal_box is None and cup.is_whole is None and not cup.is_crowd
    assert second.instances[1].modal_mask is None  # a box alone is enough
    assert second.instances[1].category == 1


def test_amodal_records(write_file: Write, tiny_coco: dict[str, Any]) -> None:
    whole, seen = np.zeros((24, 20), bool), np.zeros((24, 20), bool)
    whole[3:15, 2:12], seen[3:15, 2:8] = True, True
    tiny_coco["annotations"] = [
        {
            "id": 1,
            "image_id": 3,
            "category_id": 5,
            "bbox": [2, 3, 10, 12],
            "segmentation": rle(whole),
            "visible_mask": rle(seen),
            "occlude_rate": 0.4,
            "order": 2,
            "score": 0.5,
        },
        {
            "id": 2,
            "image_id": 3,
            "category_id": 5,
            "bbox": [2, 3, 10, 12],
            "visible_bbox": [2, 3, 6, 12],
            "segmentation": rle(whole),
        },
        {"id": 3, "image_id": 3, "category_id": 5, "segmentation": rle(whole), "occlude_rate": 0},
        {"id": 4, "image_id": 3, "category_id": 5, "segmentation": rle(whole), "occlude_rate": 0.4},
    ]
    hidden, boxed, clear, unknown = read_annotations(write_file(tiny_coco))[1].instances
    assert hidden.amodal_mask == Mask.from_array(whole) and hidden.modal_mask == Mask.from_array(seen)
    assert hidden.modal_box == (2, 3, 8, 15) and hidden.amodal_box == (2, 3, 12, 15)
    assert (hidden.occlude_rate, hidden.order, hidden.score) == (0.4, 2, 0.5)
    assert boxed.modal_mask is None and boxed.modal_box == (2, 3, 8, 15)
    assert clear.modal_mask == clear.amodal_mask == Mask.from_array(whole)
    assert unknown.modal_mask is None and unknown.modal_box == unknown.amodal_box == (2, 3, 12, 15)


def test_flags_and_other_writings(write_file: Write, tiny_coco: dict[str, Any]) -> None:
    tiny_coco["annotations"] = [
        {"id": 1.0, "image_id": 7, "category_id": 9, "segmentation": [2, 2, 9, 2, 9, 9], "whole": 1},  # flat polygon
        {"id": 2, "image_id": 7, "category_id": 9, "bbox": [-5, 1.5, 10, 5], "iscrowd": 1, "whole": 0},
        {"id": 3, "image_id": 7, "category_id": 9, "bbox": [1, 2, 3, 4], "segmentation": []},  # a box alone
    ]
    flat, crowd, box = read_annotations(write_file(tiny_coco))[0].instances
    assert box.modal_mask is None and box.modal_box == (1, 2, 4, 6)
    assert flat.is_whole is True and flat.modal_box == flat.modal_mask.box  # type: ignore[union-attr]
    assert crowd.is_crowd and crowd.is_whole is False and crowd.modal_box == (0, 1.5, 5, 6.5)


# One break each: where, what is put there, and what the message must name.
ANNOTATION = ("annotations", 1)
BROKEN = [
    (("images",), None, ['"images"', "found None", "docs/formats.md"]),
    (("images",), {}, ['"images"', "found {}"]),
    (("annotations",), [3], ["annotations[0]: ", '"annotations"', "found 3", "Remove"]),
    (("categories",), "x", ['"categories"', "found 'x'"]),
    (("images", 0, "id"), "7", ["image 7", '"id" is a whole number', "found '7'"]),
    (("images", 0, "width"), 40.5, ["image 7", '"width" is a whole number', "found 40.5"]),
    (("images", 0, "height"), 0, ["image 7", "at least one pixel", "found [40, 0]"]),
    (("images", 0, "file_name"), "", ["image 7", '"file_name"', "found ''"]),
    (("images", 0, "file_name"), None, ["image 7", '"file_name"', "found None"]),
    (("images", 1, "id"), 7, ["image 7", "used once", "Renumber"]),
    (("categories", 1, "id"), 9, ["category id is used once", "found 9"]),
    ((*ANNOTATION, "id"), 11, ["annotation 11", "used once", "Renumber"]),
    ((*ANNOTATION, "id"), True, ['"id" is a whole number', "found True"]),
    ((*ANNOTATION, "id"), 2**70, ['"id" is a whole number']),
    ((*ANNOTATION, "image_id"), 99, ["annotation 12", '"images"', "found 99", "Add the picture"]),
    ((*ANNOTATION, "image_id"), None, ["annotation 12", '"image_id" is a whole number', "found None"]),
    ((*ANNOTATION, "category_id"), 1, ["annotation 12", '"categories"', "found 1", "Add the category"]),
    ((*ANNOTATION, "bbox"), [1, 2, 3], ["annotation 12", "[x, y, width, height]", "found [1, 2, 3]"]),
    ((*ANNOTATION, "bbox"), "1,2,3,4", ["annotation 12", "[x, y, width, height]", "found '1,2,3,4'"]),
    ((*ANNOTATION, "bbox"), [1, 2, 0, 4], ["annotation 12", "a width and a height above 0", "found [1, 2, 0, 4]"]),
    ((*ANNOTATION, "bbox"), [9, 2, -4, 4], ["annotation 12", "above 0", "found [9, 2, -4, 4]"]),
    ((*ANNOTATION, "bbox"), [100, 2, 4, 4], ["annotation 12", "40 x 30", "found [100, 2, 4, 4]"]),
    ((*ANNOTATION, "bbox"), [float("nan"), 2, 4, 4], ["annotation 12", "four finite numbers", "nan"]),
    ((*ANNOTATION, "order"), "front", ["annotation 12", '"order" is a whole number', "found 'front'"]),
    ((*ANNOTATION, "score"), "high", ["annotation 12", '"score" is a number from 0 to 1', "found 'high'"]),
    ((*ANNOTATION, "occlude_rate"), float("nan"), ["annotation 12", '"occlude_rate" is a number', "found nan"]),
    ((*ANNOTATION, "occlude_rate"), 40, ["annotation 12", '"occlude_rate" is a number', "found 40"]),
    ((*ANNOTATION, "segmentation"), 5, ["annotation 12", "polygons or a run-length", "found 5"]),
    ((*ANNOTATION, "segmentation"), [[1, 1, 5, 5]], ["annotation 12", "three points", "found [1, 1, 5, 5]"]),
    (
        (*ANNOTATION, "segmentation"),
        {"size": [40, 30], "counts": [1200]},
        ["annotation 12", "[height, width] = [30, 40]", "found [40, 30]", "Scale the mask"],
    ),
    ((*ANNOTATION, "segmentation"), {"size": [30, 40], "counts": [7]}, ["annotation 12", "1200 pixels", "found [7]"]),
]


@pytest.mark.parametrize(("where", "value", "named"), BROKEN)
def test_a_bad_record_is_refused_by_name(
    write_file: Write, tiny_coco: dict[str, Any], where: tuple[Any, ...], value: object, named: list[str]
) -> None:
    place: Any = tiny_coco
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = value
    path = write_file(tiny_coco)
    with pytest.raises(AmodalError) as caught:
        read_annotations(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    for part in named:
        assert part in message


def test_an_object_with_nothing_to_see_is_refused(write_file: Write, tiny_coco: dict[str, Any]) -> None:
    empty = {"size": [30, 40], "counts": [1200]}
    for entry in ({"segmentation": empty}, {"segmentation": []}, {}):
        tiny_coco["annotations"] = [{"id": 1, "image_id": 7, "category_id": 9, **entry}]
        with pytest.raises(AmodalError, match=r"annotation 1: .*bbox or a segmentation that is not empty"):
            read_annotations(write_file(tiny_coco))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not a JSON file: .* line 1, column 2"),
        (b"\xff\xfe\x00", "not a JSON file"),
        (b"[" * 100_000, "not a JSON file"),
        ([], "results name neither pictures nor categories"),
        ([{"id": 1}], "an annotation file is an object"),
        ({"images": []}, '"categories"'),
    ],
)
def test_what_is_no_annotation_file_is_refused(write_file: Write, content: object, message: str) -> None:
    with pytest.raises(AmodalError, match=message):
        read_annotations(write_file(content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AmodalError, match=r"cannot be read \(.+\)\. Check the path"):
        read_annotations(tmp_path / "gone.json")
    with pytest.raises(AmodalError, match="not a folder of a known dialect"):
        read_annotations(tmp_path)
    with pytest.raises(AmodalError, match="COCO instances is a file"):
        read_annotations(tmp_path, "coco")


@pytest.mark.parametrize(("rate", "read"), [(-2.2e-16, 0), (1 + 2.2e-16, 1), (1.0000001, 1), (0.25, 0.25), (1, 1)])
def test_a_share_a_hair_beyond_its_ends_is_rounding(
    write_file: Callable[..., Path], tiny_coco: dict[str, Any], rate: float, read: float
) -> None:
    tiny_coco["annotations"][0].update(occlude_rate=rate, score=rate)
    one = read_annotations(write_file(tiny_coco))[1].instances[0]
    assert (one.occlude_rate, one.score) == (read, read)


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"id": "12"}, "Write it without quotes."),
        ({"id": "a-b"}, "Give a number in its place."),
        ({"image_id": None}, "Add it."),
        ({"score": 1.01}, "Correct it, or take the field out."),
        ({"bbox": []}, "Write four numbers, or take the field out where there is a mask."),
    ],
)
def test_what_to_do_is_told(
    write_file: Callable[..., Path], tiny_coco: dict[str, Any], change: dict[str, Any], remedy: str
) -> None:
    tiny_coco["annotations"][1].update(change)
    with pytest.raises(AmodalError) as caught:
        read_annotations(write_file(tiny_coco))
    assert str(caught.value).endswith(remedy)
