from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Category
from amodal.datasets import read_annotations

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
