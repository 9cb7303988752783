from __future__ import annotations

import json
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.errors import AmodalError, AnnotationError, ImageError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.datasets import read_annotations
from amodal.inference import albums as module
from amodal.inference.albums import TruthLeakWarning, iter_album, predict_album
from amodal.inference.pair import NetworkPair
from amodal.inference.predictor import Predictor


def build(toy: SimpleNamespace, categories: tuple[str, ...] = ()) -> Predictor:
    return Predictor(NetworkPair(toy.ToyNetwork(margin=0.0), toy.ToyNetwork(), categories=categories))


def test_one_prediction_a_record_in_the_order_of_the_file(
    toy: SimpleNamespace, tiny_set: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    images, annotations = tiny_set
    album = read_annotations(annotations)
    decoded: list[Path] = []
    read = module.read_image
    monkeypatch.setattr(module, "read_image", lambda path: (decoded.append(path), read(path))[1])
    done: list[int] = []
    found = predict_album(build(toy), album, images, progress=done.append)
    assert [p.annotation_id for p in found] == [11, 12, 13] and [p.image_id for p in found] == [3, 7, 3]
    assert [album.categories[p.category].name for p in found] == ["dog", "cup", "dog"]
    assert [p.modal_box for p in found] == [(2, 3, 12, 15), (10, 5, 30, 15), (8, 8, 19, 22)]
    assert len(decoded) == 2 and sorted(done) == [1, 2]
    assert all(
        (p.amodal_mask.width, p.amodal_mask.height) == ((40, 30) if p.image_id == 7 else (20, 24)) for p in found
    )


def test_categories_go_by_name(toy: SimpleNamespace, tiny_set: tuple[Path, Path]) -> None:
    images, annotations = tiny_set
    predictor = build(toy, ("dog", "cow", "cup"))
    found = predict_album(predictor, read_annotations(annotations), images)
    assert [p.category for p in found] == [1, 0, 1]  # the album's numbers
    told = [call[2].tolist() for call in predictor.networks.modal.calls[::3]]  # type: ignore[attr-defined]
    assert told == [[2, 0, 0]]  # the networks' numbers; both pictures in one batch
    with pytest.raises(AnnotationError, match=r"annotation 12.*cat"):
        predict_album(build(toy, ("dog", "cat")), read_annotations(annotations), images)


def _amodal(tiny_coco: dict[str, Any], *, visible: bool) -> dict[str, Any]:
    for entry in tiny_coco["annotations"]:
        x, y, w, h = entry["bbox"]
        entry["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
        entry["occlude_rate"] = 0.3
        entry["visible_bbox"] = [x, y, w / 2, h]
        if visible:
            size = (20, 24) if entry["image_id"] == 3 else (40, 30)
            entry["visible_mask"] = Mask.from_box((x, y, x + w / 2, y + h), *size).to_rle()
    return tiny_coco


def test_given_masks(toy: SimpleNamespace, tiny_set: tuple[Path, Path], tiny_coco: dict[str, Any]) -> None:
    images, path = tiny_set
    path.write_text(json.dumps(_amodal(tiny_coco, visible=True)))
    album = read_annotations(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", TruthLeakWarning)
        found = predict_album(build(toy), album, images, "mask")
    truth = {o.id: o for record in album for o in record.instances}
    assert [p.modal_mask for p in found] == [truth[p.annotation_id].modal_mask for p in found]


def test_a_whole_mask_given_is_counted(
    toy: SimpleNamespace, tiny_set: tuple[Path, Path], tiny_coco: dict[str, Any]
) -> None:
    images, path = tiny_set
    path.write_text(json.dumps(_amodal(tiny_coco, visible=False)))
    with pytest.warns(TruthLeakWarning, match="3 of 3 records .* the whole mask is given"):
        predict_album(build(toy), read_annotations(path), images, "mask")


def test_a_whole_box_given_is_counted(
    toy: SimpleNamespace, tiny_set: tuple[Path, Path], tiny_coco: dict[str, Any]
) -> None:
    images, path = tiny_set
    content = _amodal(tiny_coco, visible=False)
    path.write_text(json.dumps(content))
    with warnings.catch_warnings():
        warnings.simplefilter("error", TruthLeakWarning)
        predict_album(build(toy), read_annotations(path), images)  # each has a visible_bbox
    for entry, rate in zip(content["annotations"], (0.3, 0, 0.3), strict=True):
        del entry["visible_bbox"]
        entry["occlude_rate"] = rate  # one is known to be whole
    content["annotations"][2]["occluded"] = 0
    path.write_text(json.dumps(content))
    with pytest.warns(TruthLeakWarning, match="1 of 3 records"):
        predict_album(build(toy), read_annotations(path), images)
    del content["annotations"][2]["occluded"]
    path.write_text(json.dumps(content))
    with pytest.warns(TruthLeakWarning, match="2 of 3 records .* the whole box is given"):
        predict_album(build(toy), read_annotations(path), images)


def test_a_box_is_all_that_is_used_of_a_box(
    toy: SimpleNamespace, tiny_set: tuple[Path, Path], tiny_coco: dict[str, Any]
) -> None:
    images, path = tiny_set
    path.write_text(json.dumps(_amodal(tiny_coco, visible=True)))
    rich = predict_album(build(toy), read_annotations(path), images)
    for entry in tiny_coco["annotations"]:
        entry["bbox"] = entry.pop("visible_bbox")
        for key in ("segmentation", "visible_mask", "occlude_rate"):
            entry.pop(key)
    path.write_text(json.dumps(tiny_coco))
    assert predict_album(build(toy), read_annotations(path), images) == rich


def test_bad_input(toy: SimpleNamespace, tiny_set: tuple[Path, Path], tiny_coco: dict[str, Any]) -> None:
    images, path = tiny_set
    album = read_annotations(path)
    with pytest.raises(AnnotationError, match=r"annotations\.json: annotation 13: with masks given.*no mask"):
        predict_album(build(toy), album, images, "mask")
    tiny_coco["annotations"][1]["segmentation"] = {"size": [30, 40], "counts": [1200]}
    path.write_text(json.dumps(tiny_coco))
    with pytest.raises(AnnotationError, match=r"annotation 12: with masks given.*an empty mask"):
        predict_album(build(toy), read_annotations(path), images, "mask")
    with pytest.raises(AmodalError, match="box or a mask"):
        predict_album(build(toy), album, images, "truth")  # type: ignore[arg-type]
    Image.fromarray(np.zeros((30, 41, 3), np.uint8)).save(images / "a.png")
    with pytest.raises(ImageError, match=r"a\.png: a picture has the size its record gives, 40 x 30 .*found '41 x 30'"):
        predict_album(build(toy), album, images)
    (images / "a.png").unlink()
    predictor = build(toy)
    with pytest.raises(ImageError, match=r"a\.png: the picture does not exist"):
        predict_album(predictor, album, images)
    assert not predictor.networks.modal.calls  # type: ignore[attr-defined]  # found out before the first was predicted


def test_given_masks_are_a_scene(toy: SimpleNamespace, tiny_set: tuple[Path, Path], tiny_coco: dict[str, Any]) -> None:
    images, path = tiny_set
    path.write_text(json.dumps(_amodal(tiny_coco, visible=True)))
    album = read_annotations(path)
    found = predict_album(build(toy), album, images, "mask")
    assert all(p.occluders is not None and p.depth_rank is not None for p in found)
    known = {p.image_id: {q.annotation_id for q in found if q.image_id == p.image_id} for p in found}
    assert all(set(p.occluders or ()) <= known[p.image_id] for p in found)  # never of another picture
    for options in ({"given": "mask", "scene": False}, {"given": "box"}):
        assert all(p.occluders is None for p in predict_album(build(toy), album, images, **options))
    asked = predict_album(build(toy), album, images, "box", scene=True)
    assert [p.depth_rank for p in asked] == [1, 1, 1] or any(p.occluders for p in asked)


def test_a_picture_at_a_time_in_the_albums_order(
    toy: SimpleNamespace, tiny_set: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    images, annotations = tiny_set
    album = read_annotations(annotations)
    whole = predict_album(build(toy), album, images)
    for window in (1, module.WINDOW_PX):  # each picture alone; all together
        monkeypatch.setattr(module, "WINDOW_PX", window)
        parts = list(iter_album(build(toy), album, images))
        assert [[p.image_id for p in part] for part in parts] == [[r.id] * len(r.instances) for r in album]
        assert {p.annotation_id: p for part in parts for p in part} == {p.annotation_id: p for p in whole}


def test_an_album_without_objects(toy: SimpleNamespace, tmp_path: Path) -> None:
    assert predict_album(build(toy), Album([], []), tmp_path) == []


def test_records_of_one_id_are_refused_where_they_would_be_mixed_up(toy: SimpleNamespace, tmp_path: Path) -> None:
    Image.fromarray(toy.red_picture(20, 24, (2, 3, 12, 15))).save(tmp_path / "a.png")
    one = Instance(1, 0, (2.0, 3.0, 12.0, 15.0))
    album = Album([ImageRecord(i, "a.png", 20, 24, (one,)) for i in (1, 2)], [Category(1, "dog")])
    with pytest.raises(AnnotationError, match="annotation 1: each record of an album has an id of its own; found '2"):
        predict_album(build(toy), album, tmp_path)
    assert [[p.image_id for p in found] for found in iter_album(build(toy), album, tmp_path)] == [[1], [2]]
