from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amodal.core.album import Album
from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import ExpansionStep, ImageRecord, Instance, Prediction
from amodal.datasets import read_annotations
from amodal.datasets.check import check_file
from amodal.datasets.convert import convert, losses
from amodal.datasets.dialects import dialect_named
from amodal.datasets.jsonfile import place_of, write_json, write_text
from amodal.datasets.results import read_results, result_record, write_results

Write = Callable[..., Path]


@pytest.fixture
def album(tiny_set: tuple[Path, Path]) -> Album:
    return read_annotations(tiny_set[1])


def make_prediction(album: Album, annotation_id: int, **changes: Any) -> Prediction:
    record = next(r for r in album if any(i.id == annotation_id for i in r.instances))
    instance = next(i for i in record.instances if i.id == annotation_id)
    whole = np.zeros((record.height, record.width), bool)
    whole[3:18, 2:14] = True
    seen = whole.copy()
    seen[:, 8:] = False
    fields: dict[str, Any] = {
        "image_id": record.id,
        "annotation_id": annotation_id,
        "category": instance.category,
        "score": 0.75,
        "modal_box": (2.0, 3.0, 8.0, 18.0),
        "modal_mask": Mask.from_array(seen),
        "amodal_mask": Mask.from_array(whole),
        "amodal_box": (2.0, 3.0, 14.0, 18.0),
        "steps": 2,
        "stop_reason": "border",
    }
    return Prediction(**{**fields, **changes})


def test_what_is_written_is_read(album: Album, tmp_path: Path) -> None:
    written = [make_prediction(album, 12), make_prediction(album, 11, stop_reason="cap", steps=10)]
    write_results(tmp_path / "new" / "out.json", written, album.categories)
    assert read_results(tmp_path / "new" / "out.json", album) == written


def test_ids_of_numpy_are_written(album: Album, tmp_path: Path) -> None:
    number = np.int64
    plain = make_prediction(album, 12, occluders=(11,))
    written = replace(plain, image_id=number(plain.image_id), annotation_id=number(12), occluders=(number(11),))
    kinds = [replace(category, id=number(category.id)) for category in album.categories]
    write_results(tmp_path / "out.json", [written], kinds)
    assert read_results(tmp_path / "out.json", album) == [plain]


@pytest.mark.parametrize(
    ("changes", "categories", "text"),
    [
        ({}, (), "annotation 12: a category is a place in the 0 categories; found 0"),
        ({"category": 7}, None, r"annotation 12: a category is a place in the \d categories; found 7"),
        ({"category": -1}, None, "a category is a place"),
        ({}, ("a", "b"), r"a list of Category; found 'a'. Give Category\(id, name\)"),
        ({"image_id": "abc"}, None, "annotation 12: image_id is a whole number; found 'abc'"),
        ({"image_id": 2**70}, None, "image_id has 64 bits at the most"),
        ({"annotation_id": True}, None, "annotation_id is a whole number; found True"),
    ],
)
def test_what_no_file_can_hold_is_refused_before_it_is_begun(
    album: Album, tmp_path: Path, changes: dict[str, Any], categories: Any, text: str
) -> None:
    wrong = replace(make_prediction(album, 12, category=0), **changes)
    with pytest.raises(AnnotationError, match=text):
        write_results(tmp_path / "out.json", [wrong], album.categories if categories is None else categories)
    assert not (tmp_path / "out.json").exists()


def test_a_record_has_the_names_of_cocoa_and_the_ids_of_the_file(album: Album, tmp_path: Path) -> None:
    write_results(tmp_path / "out.json", [make_prediction(album, 12)], album.categories)
    (record,) = json.loads((tmp_path / "out.json").read_text())
    assert list(record) == [
        "image_id",
        "annotation_id",
        "category_id",
        "score",
        "segmentation",
        "bbox",
        "area",
        "visible_mask",
        "visible_bbox",
        "invisible_mask",
        "occlude_rate",
        "expansion",
    ]
    assert (record["image_id"], record["annotation_id"], record["category_id"]) == (7, 12, 9)
    assert record["bbox"] == [2, 3, 12, 15] and record["visible_bbox"] == [2, 3, 6, 15]
    assert record["area"] == 180 and record["occlude_rate"] == 0.5
    assert Mask.from_rle(record["invisible_mask"]).area == 90
    assert record["expansion"] == {"steps": 2, "stop_reason": "border"}


def test_what_was_asked_for_beside_the_masks_comes_back(album: Album, tmp_path: Path) -> None:
    step = ExpansionStep((2, 3, 14, 18), (0.1, 0.25, 0, 1 / 3), (1, 2, 15, 19))
    canvas = Mask.from_box((12, 13, 24, 28), 40, 48)
    written = make_prediction(
        album,
        12,
        trace=(step,),
        occlusion_probability=0.75,
        occluders=(11, 13),
        depth_rank=2,
        cut_sides=("left", "bottom"),
        canvas=(-10, -10, 40, 48),
        amodal_mask=canvas,
        modal_mask=canvas,
    )
    write_results(tmp_path / "out.json", [written], album.categories)
    (record,) = json.loads((tmp_path / "out.json").read_text())
    assert record["trace"] == [{"box": [2, 3, 12, 15], "strips": [0.1, 0.25, 0, 0.3333]}]
    assert record["canvas"] == [-10, -10, 40, 48] and record["segmentation"]["size"] == [48, 40]
    assert read_results(tmp_path / "out.json", album) == [replace(written, trace=())]
    inside = written.in_picture(20, 24)
    assert inside.canvas is None and inside.amodal_mask == Mask.from_box((2, 3, 14, 18), 20, 24)


def test_a_results_file_can_stand_in_for_annotations(album: Album, tmp_path: Path, tiny_coco: dict[str, Any]) -> None:
    write_results(tmp_path / "out.json", [make_prediction(album, 12)], album.categories)
    records = json.loads((tmp_path / "out.json").read_text())
    tiny_coco["annotations"] = [{"id": i, **record} for i, record in enumerate(records)]
    write_json(tmp_path / "again.json", tiny_coco)
    instance = read_annotations(tmp_path / "again.json")[0].instances[0]
    assert instance.amodal_mask is not None and instance.amodal_mask.area == 180
    assert instance.modal_box == (2, 3, 8, 18)


def canvas_results(album: Album, path: Path, **changes: Any) -> list[Prediction]:
    """Results with one prediction that leaves its picture of 20 x 24 at the left and at the top."""
    whole, seen = (Mask.from_box(box, 40, 48) for box in ((5, 6, 25, 28), (12, 13, 24, 28)))
    found = make_prediction(
        album,
        11,
        modal_mask=seen,
        modal_box=(2, 3, 14, 18),
        amodal_mask=whole,
        amodal_box=(-5, -4, 15, 18),
        canvas=(-10, -10, 40, 48),
    )
    write_results(path, [make_prediction(album, 12), found], album.categories)
    records = json.loads(path.read_text())
    records[1].update(changes)
    path.write_text(json.dumps(records))
    return [found]


def test_masks_that_leave_the_picture_are_cut_to_it(album: Album, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    (found,) = canvas_results(album, path)
    inside = found.in_picture(20, 24)
    _, record = read_annotations(path, answers=album)
    (one,) = record.instances
    assert one.modal_mask == inside.modal_mask and one.amodal_mask == inside.amodal_mask
    assert one.amodal_box == (0, 0, 15, 18) and one.modal_box == (2, 3, 14, 18)
    assert one.occlude_rate == pytest.approx(inside.occlude_rate, abs=1e-6) != found.occlude_rate
    assert "canvas" not in one.extra and "area" not in one.extra and "invisible_mask" not in one.extra


def test_they_are_checked_and_converted_like_others(album: Album, tiny_set: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    (found,) = canvas_results(album, path)
    assert check_file(path, answers=tiny_set[1]).errors == 0
    for name in ("coco-amodal", "results"):
        convert(path, tmp_path / name, name, answers=tiny_set[1], drop=True)
        again = read_annotations(tmp_path / name, answers=album)
        assert again[1].instances[0].amodal_mask == found.in_picture(20, 24).amodal_mask
    assert read_results(tmp_path / "results", album)[1].canvas is None


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"occlude_rate": 0.9}, "occlude-rate"),
        ({"area": 9}, "area"),
        ({"invisible_mask": Mask.from_box((20, 20, 25, 25), 40, 48).to_rle()}, "hidden-mask"),
        ({"canvas": [-10, -10, 40, 47]}, "bad-mask"),
        ({"canvas": [0, 0, 0, 0]}, "record"),
        ({"visible_mask": None}, "bad-mask"),
    ],
)
def test_what_is_wrong_on_a_canvas_is_found(
    album: Album, tiny_set: tuple[Path, Path], tmp_path: Path, change: dict[str, Any], rule: str
) -> None:
    path = tmp_path / "out.json"
    canvas_results(album, path, **change)
    assert rule in check_file(path, answers=tiny_set[1]).counts()


def test_a_further_field_named_canvas_is_told_as_lost(album: Album) -> None:
    mask = Mask.from_box((2, 3, 8, 18), 20, 24)
    one = Instance(1, 0, mask.box, mask, mask.box, mask, extra={"canvas": "linen"})
    made = Album([ImageRecord(3, "a.png", 20, 24, (one,))], album.categories)
    assert any(loss.what.endswith("of the target's own: canvas") for loss in losses(made, dialect_named("results")))


BROKEN: list[tuple[dict[str, Any], list[str]]] = [
    ({"image_id": 99}, ["record 1", "image_id is one of the annotation file's", "found 99"]),
    ({"category_id": 99}, ["record 1", "category_id is one of the annotation file's", "found 99"]),
    ({"annotation_id": 77}, ["record 1", "answers one annotation", "found 77"]),
    ({"annotation_id": 12}, ["record 1", "answers one annotation", "found 12"]),  # of another picture
    ({"annotation_id": None}, ["record 1", '"annotation_id" is a whole number']),
    ({"segmentation": None}, ["record 1", "polygons or a run-length"]),
    ({"visible_mask": None}, ["record 1", 'has a "visible_mask"', "amodal evaluate --baseline NAME=FILE"]),
    ({"visible_mask": {"size": [2, 2], "counts": [4]}}, ["record 1", "size of its picture"]),
    ({"visible_bbox": [1, 2]}, ["record 1", '"visible_bbox"', "found [1, 2]"]),
    ({"score": "high"}, ["record 1", '"score" is a number', "found 'high'"]),
    ({"canvas": [0, 0, 20]}, ["record 1", '"canvas" is [x offset']),
    ({"canvas": [0, 0, 0, 0]}, ["record 1", '"canvas" is [x offset']),
    ({"canvas": [0, 0, 10**5, 10**5]}, ["record 1", "at the most 500000000 pixels"]),
    ({"canvas": [-(10**30), 0, 20, 24]}, ["record 1", '"canvas" is [x offset']),
    ({"canvas": "all"}, ["record 1", '"canvas" is a list of whole numbers']),
    ({"occluders": [1.5]}, ["record 1", '"occluders" is a list of whole numbers']),
    ({"cut_sides": ["above"]}, ["record 1", '"cut_sides"', "found ['above']"]),
    ({"occlusion_probability": 2}, ["record 1", '"occlusion_probability" is a number from 0 to 1']),
    ({"expansion": [1]}, ["record 1", '"expansion" is an object', "found [1]"]),
    ({"expansion": {"steps": "two"}}, ["record 1", '"steps" is a whole number', "found 'two'"]),
    ({"expansion": {"stop_reason": "bored"}}, ["record 1", "stop_reason", "found 'bored'"]),
]


@pytest.mark.parametrize(("change", "named"), BROKEN)
def test_a_bad_record_is_refused_by_name(
    album: Album, tmp_path: Path, change: dict[str, Any], named: list[str]
) -> None:
    path = tmp_path / "out.json"
    write_results(path, [make_prediction(album, 12), make_prediction(album, 11)], album.categories)
    records = json.loads(path.read_text())
    records[1].update(change)
    path.write_text(json.dumps(records))
    with pytest.raises(AnnotationError) as caught:
        read_results(path, album)
    message = str(caught.value)
    assert message.startswith(str(path))
    for part in named:
        assert part in message


def test_an_annotation_is_answered_once(album: Album, tmp_path: Path) -> None:
    write_results(tmp_path / "out.json", [make_prediction(album, 12)] * 2, album.categories)
    with pytest.raises(AnnotationError, match=r"record 1: .* once"):
        read_results(tmp_path / "out.json", album)


@pytest.mark.parametrize("content", [{}, [3], "x"])
def test_what_is_no_results_file_is_refused(album: Album, write_file: Write, content: object) -> None:
    with pytest.raises(AnnotationError, match="a results file is a list"):
        read_results(write_file(content), album)


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, float("nan"))
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert json.loads(path.read_text()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_and_devices_are_no_place_for_a_file(album: Album, tmp_path: Path) -> None:
    """Also where /dev/stdout, as root, is a link to a file that could be replaced."""
    (tmp_path / "link.json").symlink_to(tmp_path / "far.json")
    write_results(tmp_path / "link.json", [], album.categories)
    write_results(tmp_path / "link.json", [], album.categories)
    assert (tmp_path / "link.json").is_symlink() and json.loads((tmp_path / "far.json").read_text()) == []
    with pytest.raises(AnnotationError, match="a device or a pipe"):
        write_results("/dev/stdout", [], album.categories)
    assert place_of("/dev/shm/out.json") == Path("/dev/shm/out.json")


def test_an_empty_mask_on_a_canvas_has_an_empty_box(album: Album, tmp_path: Path) -> None:
    written = make_prediction(album, 12, canvas=(-10, -10, 40, 48), amodal_mask=Mask.from_box((12, 13, 24, 28), 40, 48))
    record = result_record(replace(written, modal_mask=Mask.from_box((0, 0, 0, 0), 40, 48)), album.categories)
    path = tmp_path / "out.json"
    path.write_text(json.dumps([{k: v for k, v in record.items() if k not in ("bbox", "visible_bbox")}]))
    (found,) = read_results(path, album)
    assert found.modal_box == (0, 0, 0, 0) and found.amodal_box == (2, 3, 14, 18)
