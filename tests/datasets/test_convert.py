from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.datasets import read_annotations
from amodal.datasets.check import check_album
from amodal.datasets.convert import convert, losses, traced
from amodal.datasets.dialects import Holds, dialect_named, dialects

Write = Callable[..., Path]
RING = np.ones((6, 6), bool)
RING[2:4, 2:4] = False


def ring_album() -> Album:
    ring, box = Mask.from_array(RING), Mask.from_box((1, 1, 3, 4), 6, 6)
    objects = (Instance(1, 0, ring.box, ring), Instance(2, 0, box.box, box), Instance(3, 0, (0.5, 0, 3, 3)))
    return Album([ImageRecord(1, "a.png", 6, 6, objects)], [Category(1, "ring")], source="f.json")


def amodal(tiny_coco: dict[str, Any]) -> dict[str, Any]:
    whole = Mask.from_box((2, 3, 12, 15), 20, 24)
    seen = Mask.from_box((2, 3, 8, 15), 20, 24)
    record = tiny_coco["annotations"][0]
    record.update(segmentation=whole.to_rle(), visible_mask=seen.to_rle(), occlude_rate=0.4)
    tiny_coco["info"] = {"year": 2017}
    return tiny_coco


def test_each_kind_of_loss_is_counted_with_examples(write_file: Write, tiny_coco: dict[str, Any]) -> None:
    album = read_annotations(write_file(amodal(tiny_coco)))
    found = {loss.what: (loss.count, loss.examples) for loss in losses(album, dialect_named("coco"))}
    assert found == {
        "mask of the whole object": (1, ["annotation 11"]),
        "occlusion rate": (1, ["annotation 11"]),
    }
    assert losses(album, dialect_named("coco-amodal")) == []
    named = {loss.what: loss.count for loss in losses(album, dialect_named("cocoa"))}
    assert named["ids of objects"] == 3 and named["ids of categories"] == 2
    assert named["objects whose whole mask is not known, or that have an empty mask"] == 2


def test_ids_made_up_at_reading_are_not_missed() -> None:
    album, cocoa = ring_album(), dialect_named("cocoa")
    assert "ids of objects" in {loss.what for loss in losses(album, cocoa)}
    assert "ids of objects" not in {loss.what for loss in losses(album, cocoa, source=cocoa)}


def test_a_long_list_of_examples_is_cut() -> None:
    masks = [Mask.from_box((i, 0, i + 1, 1), 9, 9) for i in range(5)]
    objects = tuple(Instance(i, 0, mask.box, mask, is_crowd=True) for i, mask in enumerate(masks))
    album = Album([ImageRecord(1, "a.png", 9, 9, objects)], [Category(1, "cup")])
    (loss,) = losses(album, dialect_named("lvis"))
    assert str(loss) == "crowd regions (5: annotation 0, annotation 1, annotation 2, ...)"


def test_what_would_be_lost_is_told_and_refused_without_drop(
    write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path
) -> None:
    source, target, told = write_file(amodal(tiny_coco)), tmp_path / "out.json", list[str]()
    with pytest.raises(AnnotationError, match=r"cannot hold all of it: 2 kinds .*--drop"):
        convert(source, target, "coco", tell=told.append)
    assert not target.exists()
    assert "COCO instances cannot hold: mask of the whole object (1: annotation 11)" in told
    done = convert(source, target, "coco", drop=True)
    assert (done.images, done.objects, len(done.losses)) == (2, 3, 2)
    content = json.loads(target.read_text())
    assert content["info"] == {"year": 2017} and [a["id"] for a in content["annotations"]] == [11, 12, 13]
    written = content["annotations"][0]
    assert written["bbox"] == [2, 3, 6, 12] and written["area"] == 72 and "occlude_rate" not in written
    assert content["annotations"][1]["segmentation"] == [[10, 5, 30, 5, 30, 15, 10, 15]]
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_source_is_never_written_over(write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path) -> None:
    source = write_file(tiny_coco)
    before = source.read_bytes()
    link = tmp_path / "link.json"
    link.symlink_to(source)
    for target in (source, tmp_path / "sub" / ".." / source.name, link, tmp_path):
        with pytest.raises(AnnotationError, match="nothing is written over what is read"):
            convert(source, target, "lvis")
    assert source.read_bytes() == before


def test_a_number_that_json_cannot_hold_is_refused(
    write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path
) -> None:
    tiny_coco["annotations"][0]["weight"] = float("nan")
    with pytest.raises(AnnotationError, match="no NaN"):
        convert(write_file(tiny_coco), tmp_path / "out.json", "coco")
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("to", [one.name for one in dialects() if one.write and one.name not in ("results", "cocoa")])
def test_regions_that_cannot_be_held_are_left_out_and_so_are_areas_of_what_is_not(
    write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path, to: str
) -> None:
    amodal(tiny_coco)["annotations"][0]["area"] = 120  # of the whole
    for entry, field in zip(tiny_coco["annotations"][1:], ("iscrowd", "isStuff"), strict=True):
        entry.update({field: 1, "segmentation": [[12, 16, 19, 16, 19, 22]], "bbox": [12, 16, 7, 6]})
    (tmp_path / "images/sub").mkdir(parents=True)
    for name, size in (("a.png", (40, 30)), ("sub/b.png", (20, 24))):
        Image.new("RGB", size).save(tmp_path / "images" / name)
    done = convert(write_file(tiny_coco), tmp_path / "out", to, drop=True, polygons=True)
    album = read_annotations(tmp_path / "out", to, images=tmp_path / "images")
    objects = [one for record in album for one in record.instances]
    holds = dialect_named(to).holds
    assert len(objects) == 1 + (Holds.CROWD in holds) + (Holds.STUFF in holds) == done.objects - done.left_out
    assert not [one for one in check_album(album) if one.rule == "area"]


def test_traced_masks_are_exact_but_for_holes() -> None:
    album, told = traced(ring_album())
    ring, box, alone = album[0].instances
    assert ring.modal_mask is not None and ring.modal_mask.polygons == ((0, 0, 6, 0, 6, 6, 0, 6),)
    assert box.modal_mask is not None and box.modal_mask.area == 6 and alone.modal_mask is None
    assert (told.masks, told.holes, told.min_iou) == (2, 1, 32 / 36)
    assert told.mean_iou == pytest.approx((32 / 36 + 1) / 2)


def test_polygons_stay_as_they_were_drawn_when_pixels_are_traced(write_file: Write, tiny_coco: dict[str, Any]) -> None:
    tiny_coco["annotations"][0]["segmentation"] = [[2.25, 3.5, 12.125, 3, 12, 15]]
    album, told = traced(read_annotations(write_file(tiny_coco)))
    mask = album[1].instances[0].modal_mask
    assert mask is not None and mask.polygons == ((2.25, 3.5, 12.125, 3, 12, 15),) and told.masks == 0


def test_a_dialect_that_cannot_be_written_is_refused(write_file: Write, tiny_coco: dict[str, Any]) -> None:
    with pytest.raises(AnnotationError, match="a dialect is one of"):
        convert(write_file(tiny_coco), "out.json", "koko")


def test_bare_boxes_and_all_digits_survive(write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path) -> None:
    tiny_coco["annotations"][2].update(bbox=[0.1, 0.7, 11.45, 14.03], note={"by": ["x", None]})
    source = write_file(tiny_coco)
    convert(source, tmp_path / "k.json", "kins-2020")
    convert(tmp_path / "k.json", tmp_path / "back.json", "coco")
    assert list(read_annotations(tmp_path / "back.json")) == list(read_annotations(source))
    written = json.loads((tmp_path / "back.json").read_text())["annotations"][2]
    assert written["bbox"] == [0.1, 0.7, 11.45, 14.03] and written["note"] == {"by": ["x", None]}
