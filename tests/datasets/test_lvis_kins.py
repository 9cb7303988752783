from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amodal.core.errors import AmodalError, AnnotationError
from amodal.core.masks import Mask
from amodal.datasets import read_annotations
from amodal.datasets.check import check_file
from amodal.datasets.convert import convert

Write = Callable[..., Path]
WHOLE, SEEN = Mask.from_box((2, 3, 12, 15), 20, 24), Mask.from_box((2, 3, 8, 15), 20, 24)


def lvis() -> dict[str, Any]:
    url = "http://images.cocodataset.org/train2017/000000391895.jpg"
    images = {"id": 1, "width": 20, "height": 24, "coco_url": url}
    looked = {"neg_category_ids": [3], "not_exhaustive_category_ids": []}
    category = {"id": 3, "name": "cup", "synset": "cup.n.01", "frequency": "f", "def": "a small vessel"}
    polygon = [2.0, 3.0, 12.0, 3.0, 12.0, 15.0]
    record = {"id": 5, "image_id": 1, "category_id": 3, "bbox": [2, 3, 10, 12], "segmentation": [polygon], "area": 60.0}
    return {"images": [{**images, **looked}], "annotations": [record], "categories": [category]}


def test_lvis_names_its_pictures_by_address_and_keeps_what_was_looked_for(write_file: Write, tmp_path: Path) -> None:
    source = write_file(lvis())
    album = read_annotations(source)
    assert album[0].file_name == "train2017/000000391895.jpg"
    assert album[0].extra["neg_category_ids"] == [3] and album.categories[0].extra["frequency"] == "f"
    convert(source, tmp_path / "coco.json", "coco")
    convert(tmp_path / "coco.json", tmp_path / "back.json", "lvis")
    back = json.loads((tmp_path / "back.json").read_text())
    given = lvis()
    given["annotations"][0]["iscrowd"] = 0
    assert back == given


@pytest.mark.parametrize("url", [None, "", "http://[", "http://images.cocodataset.org", 7])
def test_a_picture_without_name_and_address_is_refused(write_file: Write, url: object) -> None:
    content = lvis()
    content["images"][0]["coco_url"] = url
    with pytest.raises(AnnotationError, match=r"image 1: .*(file_name|coco_url)"):
        read_annotations(write_file(content))


def kins(year: int, tiny_coco: dict[str, Any]) -> dict[str, Any]:
    names = (
        ("a_segm", "a_bbox", "i_segm", "i_bbox")
        if year == 2020
        else ("segmentation", "bbox", "inmodal_seg", "inmodal_bbox")
    )
    values = (WHOLE.to_rle(), [2, 3, 10, 12], SEEN.to_rle(), [2, 3, 6, 12])
    ids = {"id": 4, "image_id": 3, "category_id": 5, "oco_id": 2, "ico_id": 1, "area": 120, "iscrowd": 0}
    tiny_coco["annotations"] = [{**ids, **dict(zip(names, values, strict=True))}]
    return tiny_coco


@pytest.mark.parametrize("year", [2019, 2020])
def test_kins_tells_whole_and_visible(write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path, year: int) -> None:
    source = write_file(kins(year, tiny_coco))
    (instance,) = read_annotations(source)[1].instances
    assert instance.amodal_mask == WHOLE and instance.modal_mask == SEEN
    assert instance.amodal_box == (2, 3, 12, 15) and instance.modal_box == (2, 3, 8, 15)
    assert instance.extra == {"oco_id": 2, "ico_id": 1}
    convert(source, tmp_path / "flat.json", "coco-amodal")
    flat = json.loads((tmp_path / "flat.json").read_text())["annotations"][0]
    assert flat["visible_mask"] == SEEN.to_rle() and flat["invisible_mask"] == (WHOLE - SEEN).to_rle()
    convert(tmp_path / "flat.json", tmp_path / "back.json", f"kins-{year}")
    assert json.loads((tmp_path / "back.json").read_text()) == json.loads(source.read_text())


def test_a_kins_file_of_both_years_keeps_what_disagrees(write_file: Write, tiny_coco: dict[str, Any]) -> None:
    content = kins(2020, tiny_coco)
    other = Mask.from_box((0, 0, 5, 5), 20, 24).to_rle()
    content["annotations"][0].update(segmentation=other, bbox=[2, 3, 10, 12])
    (instance,) = read_annotations(write_file(content))[1].instances
    assert instance.amodal_mask == WHOLE and instance.extra["segmentation"] == other and "bbox" not in instance.extra
    content["annotations"][0]["bbox"] = [-9, 3, 10, 12]  # beyond the border, and not read
    assert "box-outside" not in [one.rule for one in check_file(write_file(content)).findings]
    content["annotations"][0]["a_bbox"] = [-9, 3, 21, 12]
    assert "box-outside" in [one.rule for one in check_file(write_file(content)).findings]


@pytest.mark.parametrize(
    "change", [{"i_segm": 7}, {"a_bbox": [1, 2, 3]}, {"i_bbox": [900, 1, 2, 2]}, {"a_segm": [[1, 2]]}]
)
def test_a_bad_kins_record_is_refused_by_name(
    write_file: Write, tiny_coco: dict[str, Any], change: dict[str, Any]
) -> None:
    content = kins(2020, tiny_coco)
    content["annotations"][0].update(change)
    with pytest.raises(AmodalError, match="annotation 4: "):
        read_annotations(write_file(content))
