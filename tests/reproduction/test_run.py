from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from amodal.core.errors import AmodalError
from amodal.datasets import read_annotations
from amodal.inference.detectors import YoloxNano
from amodal.reproduction.miniature import Miniature
from amodal.reproduction.options import Options
from amodal.reproduction.predictions import Asked, detect_kept
from amodal.reproduction.run import TITLES, reproduce
from amodal.reproduction.sources import WHERE


def numbers(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "numbers.json").read_text())
    return content


def table(folder: Path, section: str, place: int = 0) -> dict[str, dict[str, Any]]:
    rows = numbers(folder)["sections"][section]["tables"][place]["rows"]
    return {row["name"]: row for row in rows}


def test_quick_has_every_section_with_the_papers_numbers_beside_ours(quick: Path) -> None:
    assert list(numbers(quick)["sections"]) == list(TITLES)
    direct = table(quick, "direct")
    assert direct["proposed method"]["accuracy at 50 %"]["paper"] == 0.8
    assert direct["IIS at the paper's 0.8"]["area under curve"]["paper"] == 0.575
    assert 0 < direct["proposed method"]["area under curve"]["ours"] < 1
    assert table(quick, "combined")["detector + proposed method"]["mAP^r at 70 %"]["paper"] == 0.226
    assert table(quick, "pascal3d")["detector + IIS"]["mAP^r at 50 %"]["paper"] == 0.374
    (whole,) = [row for name, row in table(quick, "indirect").items() if name.startswith("all (")]
    assert whole["average precision"]["paper"] == 0.7717
    assert whole["over chance"]["ours"] == pytest.approx(
        whole["average precision"]["ours"] - whole["chance"]["ours"], abs=2e-6
    )
    variants = [entry["title"] for entry in numbers(quick)["sections"]["combined"]["tables"]]
    assert [re.search(r"mAP\^r ([\w-]+)", title)[1] for title in variants] == [  # type: ignore[index]
        *("box-assigned", "sds-matlab", "sds-python"),
    ]


def test_quick_names_what_is_missing_and_says_that_its_numbers_mean_nothing(quick: Path) -> None:
    page = (quick / "index.html").read_text()
    assert "the numbers mean nothing" in page
    assert "--ablations DIR" in page
    assert numbers(quick)["sections"]["ablations"]["missing"]
    assert all(not numbers(quick)["sections"][name]["missing"] for name in TITLES if name != "ablations")


def test_quick_writes_the_figures_and_pages_it_links(quick: Path) -> None:
    page = (quick / "index.html").read_text()
    plots = re.findall(r'src="([^"]+\.png)"', page)
    assert plots == [
        *("fig8a_area_ratio.png", "fig8b_precision_recall.png"),
        *("fig9a_scatter.png", "fig9a_scatter_chosen.png", "fig9b_accuracy.png"),
    ]
    for name in plots:
        with Image.open(quick / name) as picture:
            assert picture.width > 400
    linked = re.findall(r'href="(\w+\.html)"', page)
    assert {"fig5.html", "fig7.html"} <= set(linked)
    for name in linked:
        shown = (quick / name).read_text()
        assert shown.count("<article>") >= 1
        # image, heat and mask of both, for each object
        assert shown.count("<img") == 5 * shown.count("<article>")
        assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", shown)
    assert "Interior occlusions" in "".join((quick / name).read_text() for name in linked)
    assert not list(quick.rglob("*.part"))


@pytest.mark.usefixtures("no_plots")
def test_a_second_run_predicts_nothing_again_and_says_the_same(tmp_path: Path, toy: Path) -> None:
    folder = tmp_path
    quick_options = Options(output=str(folder), quick=True, threads=1, weights=str(toy))
    reproduce(quick_options)
    before = numbers(folder)["sections"]
    shards = sorted(folder.glob("predictions/*/shard-*-of-*[0-9].jsonl"))
    assert len(shards) >= 3  # val, val_detections, pascal3d
    lost, kept = shards[0], {path: path.read_bytes() for path in shards}
    lost.unlink()  # as a kill leaves it
    told: list[str] = []
    reproduce(quick_options, lambda what, done, total: told.append(what))
    assert {path: path.read_bytes() for path in shards} == kept
    assert set(told) == {lost.parent.name}
    same = numbers(folder)["sections"]
    assert {name: s["tables"] for name, s in same.items()} == {name: s["tables"] for name, s in before.items()}


def test_other_weights_in_the_same_folder_are_refused(quick: Path, toy: Path) -> None:
    with pytest.raises(AmodalError, match="another networks"):
        reproduce(Options(output=str(quick), quick=True, threads=1, weights=str(toy)))


@pytest.mark.usefixtures("no_plots")
def test_without_data_everything_is_named_with_where_to_get_it(tmp_path: Path) -> None:
    reproduce(Options(output=str(tmp_path), threads=1))
    sections = numbers(tmp_path)["sections"]
    for name, section in sections.items():
        assert section["missing"] and not section["tables"], name
    assert WHERE["voc"] in sections["indirect"]["missing"][0]
    assert WHERE["pascal3d"] in sections["pascal3d"]["missing"][0]
    assert f'href="{WHERE["pascal3d"].split()[-1]}' in (tmp_path / "index.html").read_text()


@pytest.mark.usefixtures("no_plots")
def test_voc_alone_gives_the_indirect_part_and_names_the_rest(tmp_path: Path, miniature: Miniature, toy: Path) -> None:
    reproduce(Options(output=str(tmp_path), voc=str(miniature.voc), weights=str(toy), threads=1))
    sections = numbers(tmp_path)["sections"]
    assert sections["indirect"]["tables"] and "amodal select" in sections["direct"]["missing"][0]
    assert (tmp_path / "not_judged.html").exists()  # nobody drew the occluded objects whole
    assert "do not compare" not in json.dumps(sections["indirect"])


@pytest.mark.usefixtures("no_plots")
def test_a_detector_can_be_run_and_is_not_run_twice(
    tmp_path: Path, miniature: Miniature, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(
        output=str(tmp_path),
        voc=str(miniature.voc),
        truth=str(miniature.drawn),
        detector="yolox",
        weights=str(toy),
        threads=1,
    )
    reproduce(options)
    assert "mAP^r" in json.dumps(numbers(tmp_path)["sections"]["combined"]["tables"])
    monkeypatch.setattr("amodal.inference.detectors.yolox.YoloxNano.detect", None)  # would fail
    reproduce(options)
    weights = tmp_path / "other.onnx"
    shutil.copyfile(Path(str(files("amodal"))) / "inference/yolox/yolox_nano.onnx", weights)
    with pytest.raises(AmodalError, match=r"val-yolox: a run is taken up with .* found 'another weights'"):
        reproduce(replace(options, detector_weights=str(weights)))


def test_detections_of_another_detector_or_of_other_pictures_are_not_taken(
    tmp_path: Path, miniature: Miniature
) -> None:
    def show(what: str, done: int, total: int) -> None:
        told.append(done)

    told: list[int] = []
    album, weights = read_annotations(miniature.drawn), tmp_path / "w.onnx"
    images, detector = miniature.voc / "JPEGImages", YoloxNano(threads=1)
    asked = Asked(album, images, tmp_path)
    weights.write_bytes(b"one")
    words: dict[str, Any] = {"word": "yolox", "weights": str(weights)}
    first = detect_kept(asked, "val", detector, show, **words).read_bytes()
    assert told == list(range(1, len(album) + 1))
    # masks that were drawn meanwhile change nothing a detector sees
    bare = album.filter(lambda record: replace(record, instances=()))
    assert detect_kept(replace(asked, album=bare), "val", detector, show, **words).read_bytes() == first
    assert len(told) == len(album)
    few = album.filter(lambda record: record if record.id != album[0].id else None)
    shutil.copytree(images, tmp_path / "other")
    for changed, more, named in (
        (replace(asked, album=few), {}, "album"),
        (replace(asked, images=tmp_path / "other"), {}, "images"),
        (asked, {"word": "torchvision"}, "detector"),
        (asked, {"weights": None}, "weights"),
    ):
        with pytest.raises(AmodalError, match=f"a run is taken up with the inputs.*'another {named}'"):
            detect_kept(changed, "val", detector, show, **words | more)
    weights.write_bytes(b"two")
    with pytest.raises(AmodalError, match="'another weights'"):
        detect_kept(asked, "val", detector, show, **words)
    (tmp_path / "detections/val/manifest.json").unlink()
    with pytest.raises(AmodalError, match="has their manifest"):
        detect_kept(asked, "val", detector, show, **words)
    assert len(told) == len(album)


@pytest.mark.usefixtures("no_plots")
def test_ablations_of_several_runs_are_laid_out_like_the_supplements(
    tmp_path: Path, miniature: Miniature, toy: Path
) -> None:
    for place in ("without_modal_prediction/seed-0", "without_modal_prediction/seed-1", "without_dynamic_samples"):
        shutil.copytree(toy, tmp_path / "ablations" / place)
    options = Options(
        output=str(tmp_path / "out"),
        voc=str(miniature.voc),
        truth=str(miniature.drawn),
        detections=str(miniature.detections),
        weights=str(toy),
        ablations=str(tmp_path / "ablations"),
        threads=1,
    )
    reproduce(options)
    supplement = table(tmp_path / "out", "ablations")
    assert [(name, row["mAP^r at 50 %"]["paper"]) for name, row in supplement.items()] == [
        ("without modal segmentation prediction (2 runs)", 0.352),
        ("without dynamic sample generation", 0.398),
        ("with both", 0.452),
    ]
    # the same weights under three names: the same numbers
    assert len({row["mAP^r at 50 %"]["ours"] for row in supplement.values()}) == 1
    assert supplement["without modal segmentation prediction (2 runs)"]["mAP^r at 50 %"]["ours_95"] is not None
    # they are asked about all objects of the pictures that have a drawn one
    known = json.loads((tmp_path / "out" / "data" / "val.json").read_text())["annotations"]
    asked = json.loads((tmp_path / "out" / "data" / "ablation_both_1.json").read_text())["annotations"]
    pictures = {one["image_id"] for one in asked}
    assert {one["id"] for one in asked} == {one["id"] for one in known if one["image_id"] in pictures}
    assert len(asked) > len(json.loads(miniature.drawn.read_text())["annotations"])
    shutil.rmtree(tmp_path / "ablations" / "without_dynamic_samples")
    with pytest.raises(AmodalError, match="without_dynamic_samples"):
        reproduce(replace(options, output=str(tmp_path / "other")))


@pytest.mark.usefixtures("no_plots")
def test_any_amodal_data_set_gives_figs_8_and_9(tmp_path: Path, miniature: Miniature, toy: Path) -> None:
    images = miniature.voc / "JPEGImages"
    reproduce(
        Options(output=str(tmp_path), truth=str(miniature.drawn), images=str(images), weights=str(toy), threads=1)
    )
    sections = numbers(tmp_path)["sections"]
    assert sections["direct"]["tables"] and sections["indirect"]["tables"]
    assert "do not compare" in json.dumps(sections["direct"]["notes"])
    assert "--detections" in sections["combined"]["missing"][0]


@pytest.mark.usefixtures("no_plots")
def test_pascal3d_alone_takes_a_detector_s_boxes(tmp_path: Path, miniature: Miniature, toy: Path) -> None:
    options = Options(output=str(tmp_path / "a"), pascal3d=str(miniature.pascal3d), weights=str(toy), threads=1)
    reproduce(options)
    assert "data/pascal3d.json" in numbers(tmp_path / "a")["sections"]["pascal3d"]["missing"][0]
    known = json.loads((tmp_path / "a" / "data" / "pascal3d.json").read_text())["annotations"]
    keys = ("image_id", "category_id", "bbox")
    found = [{key: one[key] for key in keys} | {"score": 0.9} for one in known]
    (tmp_path / "found.json").write_text(json.dumps(found))
    reproduce(replace(options, output=str(tmp_path / "b"), detections=str(tmp_path / "found.json")))
    section = numbers(tmp_path / "b")["sections"]["pascal3d"]
    assert not section["missing"] and len(section["tables"]) > 1


@pytest.mark.usefixtures("no_plots")
def test_annotations_without_flags_or_whole_masks_are_named_and_nothing_fails(
    tmp_path: Path, miniature: Miniature, toy: Path
) -> None:
    content = json.loads(miniature.drawn.read_text())
    for one in content["annotations"]:
        for key in ("occluded", "occlude_rate", "visible_mask", "invisible_mask", "visible_bbox"):
            one.pop(key, None)
    (tmp_path / "modal.json").write_text(json.dumps(content))
    images = str(miniature.voc / "JPEGImages")
    truth = str(tmp_path / "modal.json")
    reproduce(Options(output=str(tmp_path / "out"), truth=truth, images=images, weights=str(toy), threads=1))
    sections = numbers(tmp_path / "out")["sections"]
    assert "VOC has flags from 2008 on" in sections["indirect"]["missing"][0]
    assert "amodal select" in sections["direct"]["missing"][0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(output="", voc="nowhere"), r"nowhere: a VOC folder has .*Get PASCAL VOC 2012"),
        (Options(output="", pascal3d="nowhere"), r"nowhere: a PASCAL 3D\+ folder.*cvgl\.stanford\.edu"),
        (Options(output="", truth="x.json"), "--images DIR"),
        (Options(output="", truth="x.json", images="nowhere"), r"nowhere: --images is the folder"),
        (Options(output="", sbd="nowhere"), r"nowhere: an SBD folder has inst.*Get Semantic Boundaries"),
        (Options(output="", detections="x.json"), r"x\.json: --detections are boxes of pictures.*--pascal3d"),
        (Options(output="", detector="nothing"), "a detector is yolox"),
    ],
)
def test_folders_that_are_not_there_are_one_error(tmp_path: Path, options: Options, message: str) -> None:
    with pytest.raises(AmodalError, match=message):
        reproduce(replace(options, output=str(tmp_path)))
    assert not list(tmp_path.iterdir())


def test_what_is_given_is_opened_before_anything_is_predicted(tmp_path: Path, miniature: Miniature) -> None:
    (tmp_path / "boxes.json").write_text('[{"image_id": 999, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 0.5}]')
    options = Options(output=str(tmp_path / "out"), voc=str(miniature.voc), truth=str(miniature.drawn))
    with pytest.raises(AmodalError, match=r"boxes\.json: detection 0: a detection's image_id"):
        reproduce(replace(options, detections=str(tmp_path / "boxes.json")))
    (tmp_path / "voc/ImageSets/Segmentation").mkdir(parents=True)
    (tmp_path / "voc/ImageSets/Segmentation/val.txt").write_text("")
    with pytest.raises(AmodalError, match=r"Give one of its lists, --voc-list ImageSets/Segmentation/val\.txt, or get"):
        reproduce(replace(options, voc=str(tmp_path / "voc"), voc_list="ImageSets/Main/val.txt"))
    assert not (tmp_path / "out").exists()
