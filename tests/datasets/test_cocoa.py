from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amodal.core.album import Album
from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.datasets import read_annotations
from amodal.datasets.convert import convert, losses
from amodal.datasets.dialects import dialect_named, recognise
from amodal.datasets.reduce import LEFT_OUT

Write = Callable[..., Path]
SEEN = np.zeros((20, 30), bool)
SEEN[5:15, 10:16] = True


def small_cocoa() -> dict[str, Any]:
    """One picture, three regions: a clear dog, a cup half behind it, grass."""
    seen = Mask.from_array(SEEN).to_rle()
    return {
        "images": [
            {"id": 4, "file_name": "a.jpg", "width": 30, "height": 20},
            {"id": 5, "file_name": "b.jpg", "width": 8, "height": 8},
        ],
        "annotations": [
            {
                "id": 1,
                "image_id": 4,
                "size": 3,
                "regions": [
                    {"name": "Dog ", "order": 1, "segmentation": [2, 2, 10, 2, 10, 18, 2, 18], "isStuff": 0},
                    {
                        "name": "cup",
                        "order": 2,
                        "segmentation": [4.0, 5.0, 16.0, 5.0, 16.0, 15.0, 4.0, 15.0],
                        "occlude_rate": 0.5,
                        "visible_mask": seen,
                        "invisible_mask": seen,
                        "isStuff": 0,
                    },
                    {"name": "dog", "order": 3, "segmentation": [0, 0, 30, 0, 30, 20, 0, 20], "isStuff": 1},
                ],
            }
        ],
    }


def test_regions_become_instances(write_file: Write) -> None:
    album = read_annotations(write_file(small_cocoa()))
    assert album.categories == (Category(1, "dog"), Category(2, "cup"))  # names are trimmed, small letters, once each
    assert album.annotation_ids.tolist() == [1, 2, 3]
    assert [len(record.instances) for record in album] == [3, 0]
    dog, cup, grass = album[0].instances
    assert (dog.id, dog.category, dog.order, dog.occlude_rate) == (1, 0, 1, None)
    assert dog.modal_mask == dog.amodal_mask and dog.amodal_mask is not None and dog.amodal_mask.area == 8 * 16
    assert cup.modal_mask == Mask.from_array(SEEN) and cup.modal_box == (10, 5, 16, 15)
    assert cup.amodal_box == (4, 5, 16, 15) and cup.occlude_rate == 0.5 and cup.category == 1
    assert grass.is_stuff and not dog.is_stuff and grass.category == 0


BROKEN = [
    ("image", ["annotation 1", '"images"', "found 44"]),
    ("regions", ["annotation 1: region 1", "polygon", "three points"]),
    ("mask", ["annotation 1: region 1", "[height, width] = [20, 30]", "found [30, 20]"]),
    ("empty", ["annotation 1: region 1", "at least one pixel"]),
    ("order", ["annotation 1: region 1", '"order" is a whole number', "found 'front'"]),
    ("list", ['"regions"', "found 3"]),
]


@pytest.mark.parametrize(("what", "named"), BROKEN)
def test_a_bad_region_is_refused_by_name(write_file: Write, what: str, named: list[str]) -> None:
    content = small_cocoa()
    picture = content["annotations"][0]
    cup = picture["regions"][1]
    if what == "image":
        picture["image_id"] = 44
    elif what == "regions":
        cup["segmentation"] = [1, 1, 2, 2]
    elif what == "mask":
        cup["visible_mask"] = {"size": [30, 20], "counts": [600]}
    elif what == "empty":
        cup["visible_mask"] = {"size": [20, 30], "counts": [600]}
    elif what == "order":
        cup["order"] = "front"
    else:
        picture["regions"] = 3
    path = write_file(content)
    with pytest.raises(AnnotationError) as caught:
        read_annotations(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    for part in named:
        assert part in message


def test_a_crowd_without_a_whole_is_left_out_by_name() -> None:
    seen = Mask.from_array(SEEN)
    crowd = Instance(1, 0, seen.box, seen, is_crowd=True)
    known = replace(crowd, id=2, amodal_mask=seen, amodal_box=seen.box)
    album = Album([ImageRecord(4, "a.jpg", 30, 20, (crowd, known))], [Category(1, "dog")])
    (loss,) = [loss for loss in losses(album, dialect_named("cocoa")) if loss.what in LEFT_OUT]
    assert loss.count == 1 and loss.examples == ["annotation 1"]


def test_what_is_left_out_is_counted_and_a_crowd_with_a_whole_stays(write_file: Write, tmp_path: Path) -> None:
    box = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 3, 3], "iscrowd": 1}
    mask = Mask.from_box((1, 1, 4, 4), 8, 8).to_rle()
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 8, "height": 8}],
        "annotations": [{**box, "id": 1, "segmentation": mask}, {**box, "id": 2, "segmentation": mask}],
        "categories": [{"id": 1, "name": "dog"}],
    }
    content["annotations"][1]["visible_mask"] = mask  # type: ignore[index]
    done = convert(write_file(content), tmp_path / "out.json", "cocoa", drop=True)
    ((one,),) = (record.instances for record in read_annotations(tmp_path / "out.json"))
    assert done.left_out == 1 and one.is_crowd


def test_a_file_of_pictures_without_regions_is_recognised(write_file: Write, tmp_path: Path) -> None:
    empty = {"images": [{"id": 1, "file_name": "a.jpg", "width": 8, "height": 8}], "annotations": [], "categories": []}
    convert(write_file(empty), tmp_path / "e.json", "cocoa", drop=True)
    assert recognise(tmp_path / "e.json").name == "cocoa" and len(read_annotations(tmp_path / "e.json")) == 1
