"""What is asked, judged and shown is the same, and what the paper's numbers stand beside is the paper's."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amodal.core.album import Album
from amodal.core.masks import Mask
from amodal.core.records import ImageRecord, Prediction
from amodal.datasets import read_annotations
from amodal.inference.albums import predict_album
from amodal.inference.predictor import Predictor
from amodal.metrics.objects import ObjectScore
from amodal.metrics.occlusion import true_occluded
from amodal.report.qualitative import Example, Part
from amodal.reproduction import qualitative, run
from amodal.reproduction.direct import direct_section, drawn_objects
from amodal.reproduction.material import prepare
from amodal.reproduction.miniature import Miniature
from amodal.reproduction.options import Options
from amodal.reproduction.section import Section
from amodal.reproduction.sources import VOC_LIST


def crowded(folder: Path) -> tuple[Album, set[int]]:
    """An album of the miniature's pictures of which one object each has a whole mask, and the ids of those."""
    truth = read_annotations(folder)
    drawn: set[int] = set()

    def one_drawn(record: ImageRecord) -> ImageRecord:
        first, *others = record.instances
        drawn.add(first.id)
        whole = Mask.from_box(first.modal_box, record.width, record.height)
        mine = replace(first, amodal_mask=whole, amodal_box=whole.box, is_occluded=True)
        return replace(record, instances=(mine, *(replace(o, amodal_mask=None) for o in others)))

    return Album(map(one_drawn, truth), truth.categories, source=truth.source), drawn


def filled_boxes(album: Album) -> list[Prediction]:
    """Predictions that are the modal boxes, filled."""
    masks = [(r.id, o, Mask.from_box(o.modal_box, r.width, r.height)) for r in album for o in r.instances]
    return [Prediction(n, o.id, o.category, 1.0, m.box, m, m, m.box, 1, "converged") for n, o, m in masks]


@pytest.mark.usefixtures("no_plots")
def test_drawn_masks_do_not_change_whose_flag_says_occluded(
    tmp_path: Path, miniature: Miniature, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Section 5.2 goes by VOC's flags; the masks drawn for section 5.3 would say it by another rule, of some alone."""
    content = json.loads(miniature.drawn.read_text())
    for one in content["annotations"]:  # drawn as if nothing were hidden
        one |= {"segmentation": one["visible_mask"], "occlude_rate": 0.0}
        one.pop("invisible_mask", None)
    (tmp_path / "drawn.json").write_text(json.dumps(content))
    options = Options(output=str(tmp_path / "out"), voc=str(miniature.voc), weights=str(toy))
    (_, plain), (_, merged) = (prepare(options), prepare(replace(options, truth=str(tmp_path / "drawn.json"))))
    assert plain.flagged is not None and merged.flagged is not None and merged.drawn is not None
    drawn = set(merged.drawn.annotation_ids.tolist())
    flags = [
        {one.id: true_occluded(one) for record in album for one in record.instances}
        for album in (plain.flagged, merged.flagged, merged.drawn)
    ]
    assert flags[0] == flags[1] and drawn
    assert all(flags[1][number] and not flags[2][number] for number in drawn)
    shown: list[Album] = []

    def qualitative_section(*given: Any, flags: Album) -> Section:
        shown.append(flags)
        return Section("qualitative", "")

    monkeypatch.setattr(run, "predict_kept", lambda asked, name, show: filled_boxes(asked.album))
    monkeypatch.setattr(run, "qualitative_section", qualitative_section)
    runs = [run._Run(options, material, lambda what, done, total: None) for material in (plain, merged)]
    indirect = [one.section("indirect").to_json() for one in runs]
    assert indirect[0] == indirect[1] and indirect[0]["tables"]
    for one in runs:
        one.section("qualitative")
    assert shown == [plain.flagged, merged.flagged]


@pytest.mark.parametrize(
    ("told", "compares"),
    [("VOC2012", True), ("VOC2010", False), (" VOC2007\n", False), ("JPEGImages", True), ("VOC2012_small", True)],
)
def test_another_year_s_val_set_does_not_compare(
    miniature: Miniature, tmp_path: Path, told: str, compares: bool
) -> None:
    shutil.copytree(miniature.voc, tmp_path / "voc")
    xml = min((tmp_path / "voc/Annotations").iterdir())
    xml.write_text(xml.read_text().replace("<annotation>", f"<annotation><folder>{told}</folder>", 1))
    found = prepare(Options(output=str(tmp_path / "out"), voc=str(tmp_path / "voc")))[1]
    assert found.val is not None and found.val.album[0].extra["folder"].strip() == told.strip()
    assert found.is_voc is compares


def test_only_vocs_val_set_compares(miniature: Miniature, tmp_path: Path) -> None:
    lists = tmp_path / "VOC2012"
    shutil.copytree(miniature.voc, lists)
    shutil.copyfile(lists / VOC_LIST, lists / "ImageSets/Segmentation/train.txt")
    options = Options(output=str(tmp_path / "out"), voc=str(lists))
    assert prepare(options)[1].is_voc
    assert not prepare(replace(options, voc_list="ImageSets/Segmentation/train.txt"))[1].is_voc
    assert not prepare(replace(options, quick=True, voc=None))[1].is_voc


def test_masks_at_another_threshold_know_of_all_objects_of_the_pictures(
    miniature: Miniature, monkeypatch: pytest.MonkeyPatch
) -> None:
    album, drawn_ids = crowded(miniature.voc)
    drawn = drawn_objects(album, occluded_only=True)
    found = filled_boxes(album)
    asked: list[int] = []
    scattered: list[dict[str, float]] = []

    def modal_at(records: Album, predictions: list[Prediction]) -> dict[int, Prediction]:
        assert set(records.annotation_ids.tolist()) == drawn_ids
        asked.extend(one.annotation_id for one in predictions)
        return {one.annotation_id: replace(one, amodal_mask=one.amodal_mask - one.modal_mask) for one in predictions}

    def draw(objects: list[ObjectScore], what: str) -> dict[str, bytes]:
        scattered.append({answer: objects[0].fits[answer].iou for answer in ("ours", "modal")})
        return dict.fromkeys(("modal_amodal_iou.png", "accuracy.png"), what.encode())

    monkeypatch.setattr("amodal.reproduction.direct.draw_direct", draw)
    assert len(found) > len(drawn_ids) == len(album)
    section = direct_section(drawn, found, modal_at, is_voc=False, thresholds=(0.5, 0.5))
    assert sorted(asked) == sorted(album.annotation_ids.tolist()) and section.tables
    # Fig. 9a of the threshold chosen, and of the paper's
    assert scattered == [{"ours": 1.0, "modal": 1.0}, {"ours": 1.0, "modal": 0.0}]
    assert section.pictures["fig9a_scatter.png"].endswith(b"modal mask at 0.8")


def test_what_is_shown_is_what_was_judged(miniature: Miniature, toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = miniature.voc / "JPEGImages"
    album, drawn_ids = crowded(miniature.voc)
    predictor = Predictor.from_pretrained(toy, threads=1)
    judged = {one.annotation_id: one for one in predict_album(predictor, album, images)}
    asked: list[list[int]] = []
    shown: list[Example] = []

    def watch(predictor: Predictor, part: Album, *args: Any, **how: Any) -> list[Prediction]:
        asked.append(part.annotation_ids.tolist())
        return predict_album(predictor, part, *args, **how)

    def page(title: str, note: str, parts: list[Part]) -> str:
        shown.extend(example for part in parts for example in part.examples)
        return ""

    monkeypatch.setattr(qualitative, "predict_album", watch)
    monkeypatch.setattr(qualitative, "qualitative_page", page)
    qualitative.qualitative_section(album, images, list(judged.values()), predictor, flags=album)
    whole_pictures = [[o.id for o in record.instances] for record in album]
    assert asked and all(ids in whole_pictures and len(ids) > 1 for ids in asked)
    assert len(asked) == len({tuple(ids) for ids in asked})  # a picture is predicted once, however many are shown of it
    assert {example.prediction.annotation_id for example in shown} >= drawn_ids
    for example in shown:
        assert example.prediction == replace(judged[example.prediction.annotation_id], trace=example.prediction.trace)
        assert example.prediction.modal_heat is not None


def test_pascal3d_is_told_of_objects_without_a_model_and_named_by_its_folder(quick: Path) -> None:
    """As in Table 1 each object is told of the others of its picture, those that are not scored among them."""
    target = prepare(Options(output=str(quick), quick=True))[1].pascal3d
    assert target is not None
    drawn = drawn_objects(target.album, occluded_only=False)
    pictures = {record.id for record in drawn}
    whole = {one.id for record in target.album if record.id in pictures for one in record.instances}
    asked = {one["id"] for one in json.loads((quick / "data" / "pascal3d.json").read_text())["annotations"]}
    assert asked == whole > set(drawn.annotation_ids.tolist())
    told = json.loads((quick / "numbers.json").read_text())["protocol"]["PASCAL 3D+"]
    count = (
        f"{len(drawn.annotation_ids)} objects with an aligned model, in {len(drawn)} of {len(target.album)} pictures"
    )
    assert told == f"{quick / 'miniature' / 'PASCAL3D'}: {count}"
