from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import jsonargparse
import numpy as np
import pytest
from PIL import Image

from amodal.cli import evaluate
from amodal.core.errors import AmodalError
from amodal.core.masks import Mask
from amodal.datasets import read_annotations
from amodal.inference.bulk import start_run

W, H = 30, 20


INDIRECT = ("area_ratio.png", "precision_recall.png")


@pytest.fixture
def real_plots() -> None:
    """For a test that wants plots drawn."""


@pytest.fixture(autouse=True)
def quick_plots(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing plots takes most of an evaluation's time; tests/report looks at them."""
    if "real_plots" not in request.fixturenames:
        direct = ("accuracy.png", "modal_amodal_iou.png", *INDIRECT)
        monkeypatch.setattr("amodal.report.scores.draw_plots", lambda report: dict.fromkeys(direct, b""))
        monkeypatch.setattr("amodal.report.scores.draw_indirect", lambda found: dict.fromkeys(INDIRECT, b""))


def columns(start: int, stop: int) -> dict[str, Any]:
    return Mask.from_box((start, 0, stop, H), W, H).to_rle()


def truth() -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "a.png", "width": W, "height": H}],
        "categories": [{"id": 7, "name": "cup"}],
        "annotations": [
            {
                "id": 4,
                "image_id": 1,
                "category_id": 7,
                "iscrowd": 0,
                "segmentation": columns(0, 20),
                "bbox": [0, 0, 20, H],
                "visible_mask": columns(0, 10),
                "visible_bbox": [0, 0, 10, H],
            }
        ],
    }


def results() -> list[dict[str, Any]]:
    return [
        {
            "image_id": 1,
            "annotation_id": 4,
            "category_id": 7,
            "score": 1.0,
            "segmentation": columns(0, 16),
            "bbox": [0, 0, 16, H],
            "visible_mask": columns(0, 10),
            "visible_bbox": [0, 0, 10, H],
            "expansion": {"steps": 2, "stop_reason": "converged"},
        }
    ]


def run(folder: Path, truth: object, results: object, *more: str) -> Path:
    for name, content in (("truth.json", truth), ("out.json", results)):
        if content is not None:
            (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    parser = jsonargparse.ArgumentParser()
    evaluate.add_arguments(parser)
    out = folder / "scores"
    words = ["--truth", str(folder / "truth.json"), "--predictions", str(folder / "out.json"), "--output", str(out)]
    evaluate.run(parser.parse_args([*words, *more]))
    return out


@pytest.mark.usefixtures("real_plots")
def test_writes_the_report_and_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.zeros((H, W, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    out = run(tmp_path, truth(), results(), "--images", str(tmp_path), "--given", "true modal boxes")
    report = json.loads((out / "report.json").read_text())
    assert report["groups"][1]["rows"][0]["mean_iou_macro"] == 0.8
    assert report["protocol"]["given to the predictor"] == "true modal boxes"
    assert report["protocol"]["predictions"] == str(tmp_path / "out.json")
    printed = capsys.readouterr().out
    assert "| ours" in printed
    assert "80.0" in printed
    assert {path.name for path in out.iterdir()} >= {"report.json", "report.md", "accuracy.png", "objects.html"}


def test_what_is_missing_is_told_and_nothing_of_an_earlier_evaluation_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.zeros((H, W, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "objects.html").write_text("of somebody else")
    assert (run(tmp_path, truth(), results()) / "objects.html").read_text() == "of somebody else"
    out = run(tmp_path, truth(), results(), "--images", str(tmp_path))
    (out / "mine.txt").write_text("kept")
    assert "without a prediction" not in capsys.readouterr().err
    run(tmp_path, truth(), [])
    assert "warning: 1 object of the truth without a prediction, scored as 0" in capsys.readouterr().err
    assert not (out / "objects.html").exists() and (out / "mine.txt").exists() and (out / "accuracy.png").exists()


def test_boxes_left_out_are_those_of_the_masks(tmp_path: Path) -> None:
    whole = run(tmp_path, truth(), results()) / "report.json"
    before = json.loads(whole.read_text())["groups"]
    after = json.loads((run(tmp_path, truth(), without("bbox", "visible_bbox")) / "report.json").read_text())["groups"]
    assert after == before


def changed(content: Any, path: list[Any], value: object) -> Any:
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return content


def without(*keys: str) -> list[dict[str, Any]]:
    """Results without some of their fields."""
    return [{key: value for key, value in one.items() if key not in keys} for one in results()]


def modal_truth() -> dict[str, Any]:
    content = truth()
    for key in ("visible_mask", "visible_bbox"):
        del content["annotations"][0][key]
    return content


@pytest.mark.parametrize(
    ("truth", "results", "named"),
    [
        (None, results(), "truth.json"),
        (truth(), None, "out.json"),
        ("{", results(), "truth.json"),
        (truth(), "[", "out.json"),
        ([], results(), "truth.json"),
        (truth(), {"annotations": []}, "out.json"),
        (truth(), ["x"], "out.json"),
        (truth(), results() * 2, "record 1"),
        (truth(), changed(results(), [0, "annotation_id"], 5), "record 0"),
        (truth(), changed(results(), [0, "image_id"], 2), "record 0"),
        (truth(), changed(results(), [0, "category_id"], 1), "record 0"),
        (truth(), changed(results(), [0, "segmentation", "size"], [H, W + 1]), "record 0"),
        (truth(), changed(results(), [0, "segmentation"], [[1, 2, 3, 4]]), "record 0"),
        (truth(), changed(results(), [0, "bbox"], "x"), "record 0"),
        (truth(), changed(results(), [0, "bbox"], [0, 0, -5, 5]), "no side below 0"),
        (truth(), without("visible_mask"), "amodal evaluate --baseline NAME=FILE"),
        (truth(), without("annotation_id"), "amodal evaluate --detections NAME=FILE"),
        (truth(), changed(results(), [0, "expansion", "stop_reason"], "tired"), "record 0"),
        (modal_truth(), results(), "amodal masks"),
    ],
)
def test_bad_input_is_one_error_and_no_output(tmp_path: Path, truth: object, results: object, named: str) -> None:
    with pytest.raises(AmodalError, match=named):
        run(tmp_path, truth, results)
    assert not (tmp_path / "scores").exists()


def test_a_missing_photograph_is_an_error_and_no_output(tmp_path: Path) -> None:
    with pytest.raises(AmodalError, match=r"a\.png"):
        run(tmp_path, truth(), results(), "--images", str(tmp_path))
    assert not (tmp_path / "scores").exists()


def flag_truth() -> dict[str, Any]:
    content = modal_truth()
    content["annotations"][0]["occluded"] = 0
    return content


@pytest.mark.usefixtures("real_plots")
def test_flags_alone_give_the_indirect_evaluation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(tmp_path, flag_truth(), results())
    report = json.loads((out / "report.json").read_text())
    # under the names of a report on whole masks, so that one program reads both
    assert report["unoccluded"]["average_precision"] == 1.0 and report["unoccluded_by_truncation"] == {}
    assert {path.name for path in out.iterdir()} == {
        "report.json",
        "report.md",
        "area_ratio.png",
        "precision_recall.png",
    }
    assert "average precision of 'unoccluded'" in capsys.readouterr().out


def test_what_flags_alone_cannot_score_and_what_has_no_prediction_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = flag_truth()
    more = [{"iscrowd": 1}, {"occluded": None}, {"occluded": 1}]
    content["annotations"] += [content["annotations"][0] | {"id": 5 + i} | change for i, change in enumerate(more)]
    out = run(tmp_path, content, results())
    report = json.loads((out / "report.json").read_text())
    assert report["counts"] == {
        "in truth": 4,
        "scored": 2,
        "crowd, left out": 1,
        "stuff, left out": 0,
        "unknown, left out": 1,
        "without a prediction, ratio 0": 1,
    }
    assert report["missing_annotation_ids"] == [7]
    text = (out / "report.md").read_text()
    assert "- scored: 2\n" in text and "- annotations without a prediction: 7\n" in text
    assert "warning: 1 object of the truth without a prediction, area ratio 0" in capsys.readouterr().err


def test_a_baseline_with_gaps_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "none.json").write_text("[]")
    (tmp_path / "same.json").write_text(json.dumps(results()))
    words = ["--baseline", f"none={tmp_path}/none.json", "--baseline", f"same={tmp_path}/same.json"]
    out = run(tmp_path, truth(), results(), *words)
    told = capsys.readouterr().err
    assert told == "amodal: warning: 1 object of the truth without one of none, scored as 0: report.md\n"
    assert "- without an answer of none, scored as 0: 1\n" in (out / "report.md").read_text()


def test_a_detectors_results_are_matched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = without("annotation_id", "visible_mask", "visible_bbox", "expansion")[0] | {"segmentation": columns(0, 20)}
    entries = [one | {"score": 0.4, "segmentation": columns(0, 16)}, one | {"score": 0.9}, one | {"image_id": 1}]
    (tmp_path / "coco.json").write_text(json.dumps(entries))
    out = run(tmp_path, truth(), results(), "--detections", f"theirs={tmp_path}/coco.json")
    report = json.loads((out / "report.json").read_text())
    (row,) = (row for row in report["groups"][0]["rows"] if row["answer"] == "theirs")
    assert (row["mean_iou_macro"], row["hidden_part_iou"]) == (1.0, 1.0)  # its hidden part beyond our visible mask
    assert report["protocol"]["theirs, detections"].startswith("1 of 3 detections matched")
    assert "without one of theirs" not in capsys.readouterr().err
    (tmp_path / "coco.json").write_text("[]")
    run(tmp_path, truth(), results(), "--detections", f"theirs={tmp_path}/coco.json")
    assert "1 object of the truth without one of theirs, scored as 0" in capsys.readouterr().err


def hidden_of_a_baseline(folder: Path, theirs: dict[str, Any], ours: list[dict[str, Any]]) -> float:
    """The IoU of its hidden part."""
    (folder / "theirs.json").write_text(json.dumps([theirs]))
    out = run(folder, truth(), ours, "--baseline", f"theirs={folder}/theirs.json")
    rows = json.loads((out / "report.json").read_text())["groups"][0]["rows"]
    (found,) = (row["hidden_part_iou"] for row in rows if row["answer"] == "theirs")
    return float(found)


def test_the_hidden_part_of_a_baseline_without_visible_masks(tmp_path: Path) -> None:
    plain = {**without("visible_mask", "visible_bbox")[0], "segmentation": columns(0, 20)}
    shifted = Mask.from_box((6, 3, 26, 3 + H), W + 8, H + 9).to_rle()
    on_canvas = {**plain, "segmentation": shifted, "canvas": [-6, -3, W + 8, H + 9]}
    for theirs in (plain, plain | {"annotation_id": 4.0}, plain | {"visible_mask": None}, on_canvas):
        assert hidden_of_a_baseline(tmp_path, theirs, results()) == 1.0
        assert hidden_of_a_baseline(tmp_path, theirs, []) == 1.0  # counted from the true one where we have none


def test_the_modal_heat_completes_nothing(tmp_path: Path) -> None:
    picture = np.zeros((H, W, 3), dtype=np.uint8)
    picture[:, :16] = (255, 0, 0)
    Image.fromarray(picture).save(tmp_path / "a.png")
    rooms = Path(__file__).parents[1] / "inference"
    runpy.run_path(str(rooms / "tiny_networks.py"))["write_weights"](tmp_path / "weights")
    ours = changed(results(), [0, "visible_bbox"], [0, 0, 16, H])
    words = ["--modal-at", "0.1", "--images", str(tmp_path), "--weights", str(tmp_path / "weights")]
    rows = json.loads((run(tmp_path, truth(), ours, *words) / "report.json").read_text())["groups"][0]["rows"]
    (heat,) = (row for row in rows if row["answer"] == "modal mask at 0.1")
    # red reaches beyond our visible mask into what is truly hidden: no completion, though
    assert heat["mean_iou_macro"] > 0.7 and heat["hidden_part_iou"] == 0.0
    empty = changed(without("visible_bbox"), [0, "visible_mask"], columns(0, 0))
    rows = json.loads((run(tmp_path, truth(), empty, *words) / "report.json").read_text())["groups"][0]["rows"]
    assert [row["mean_iou_macro"] for row in rows if row["answer"] == "modal mask at 0.1"] == [0.0]


def test_baselines_from_a_file_a_network_and_the_modal_heat(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((H, W, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    other = changed(without("visible_mask", "visible_bbox", "bbox", "score"), [0, "segmentation"], columns(0, 20))
    (tmp_path / "other.json").write_text(json.dumps(other))
    rooms = Path(__file__).parents[1] / "inference"
    runpy.run_path(str(rooms / "tiny_completion.py"))["write_completion"](tmp_path / "unet")
    runpy.run_path(str(rooms / "tiny_networks.py"))["write_weights"](tmp_path / "weights")
    words = ["--baseline", f"theirs={tmp_path}/other.json", "--unet", str(tmp_path / "unet")]
    words += ["--modal-at", "0.8", "0.9", "--images", str(tmp_path), "--weights", str(tmp_path / "weights")]
    out = run(tmp_path, truth(), results(), *words)
    rows = json.loads((out / "report.json").read_text())["groups"][0]["rows"]
    by_name = {row["answer"]: row["mean_iou_macro"] for row in rows}
    assert by_name["theirs"] == 1.0
    assert by_name["mask-only U-Net"] == 0.5  # this one returns the visible mask
    assert by_name["modal mask at 0.8"] == by_name["modal mask at 0.9"] == 0.0  # nothing red in a black picture


def test_the_same_file_as_a_baseline_scores_the_same(tmp_path: Path) -> None:
    answers = changed(changed(results(), [0, "bbox"], [0, 0, 19.4, H]), [0, "visible_mask"], columns(0, 12))
    (tmp_path / "same.json").write_text(json.dumps(answers))
    half = changed(without("visible_mask", "visible_bbox"), [0, "bbox"], [0, 0, 19.4, H])  # it starts from ours
    (tmp_path / "half.json").write_text(json.dumps(half))
    words = ["--baseline", f"same={tmp_path}/same.json", "--baseline", f"half={tmp_path}/half.json"]
    rows = json.loads((run(tmp_path, truth(), answers, *words) / "report.json").read_text())["groups"][0]["rows"]
    ours, same, half = ({k: v for k, v in row.items() if k in FIGURES} for row in rows if row["answer"] in NAMES)
    assert ours == same == half and len(ours) == len(FIGURES)
    assert ours["amodal_box_iou"] == pytest.approx(0.97) and 0 < ours["hidden_part_iou"] < 1


FIGURES = ("mean_iou_macro", "amodal_box_iou", "hidden_part_iou")
NAMES = ("ours", "same", "half")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--modal-at", "0.8"], "ive --images"),
        (["--modal-at", "1.5", "--images", "."], "below 1"),
        (["--baseline", "x"], "NAME=FILE"),
        (["--baseline", "ours=FILE"], "a name of its own"),
        (["--baseline", "predicted modal mask=FILE"], "a name of its own"),
        (["--baseline", "modal_hull=FILE"], "a name of its own"),
        (["--baseline", " ours =FILE"], "a name of its own"),
        (["--baseline", "a\nb=FILE"], "NAME=FILE"),
        (["--baseline", " =FILE"], "NAME=FILE"),
        (["--detections", "x"], "--detections is NAME=FILE"),
        (["--baseline", "a=FILE", "--detections", "a=FILE"], "each --detections has a name of its own"),
        (["--unet", "nowhere", "--baseline", "mask-only U-Net=FILE"], "a name of its own"),
        (["--unet", "nowhere", "--baseline", "a=none.json"], "none.json"),  # before a network is loaded
        (["--unet", "nowhere"], "does not exist"),
        (["--weights", "w"], "--weights goes with --modal-at"),
        (["--baseline", "a=FILE", "--baseline", "a=other.json"], "each --baseline has a name of its own"),
    ],
)
def test_bad_words_are_one_error(tmp_path: Path, words: list[str], named: str) -> None:
    words = [word.replace("FILE", str(tmp_path / "out.json")) for word in words]
    with pytest.raises(AmodalError, match=named):
        run(tmp_path, truth(), results(), *words)


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "scores").write_text("x")
    with pytest.raises(AmodalError, match=r"scores/report\.json: the place cannot be written"):
        run(tmp_path, None, None)
    assert (tmp_path / "scores").read_text() == "x"


@pytest.mark.parametrize(
    "words", [["--modal-at", "0.8", "--images", "."], ["--unet", "u"], ["--baseline", "a=b"], ["--detections", "a=b"]]
)
def test_baselines_need_whole_masks(tmp_path: Path, words: list[str]) -> None:
    with pytest.raises(AmodalError, match=rf"truth\.json: {words[0]} is scored against amodal masks"):
        run(tmp_path, flag_truth(), results(), *words)
    assert not (tmp_path / "scores").exists()


def test_a_folder_of_shards_is_taken_as_a_file_is(tmp_path: Path) -> None:
    whole = json.loads((run(tmp_path, truth(), results()) / "report.json").read_text())
    shards = tmp_path / "shards"
    shards.mkdir()
    album = read_annotations(tmp_path / "truth.json")
    (shard,) = start_run(shards, album, 1, {"networks": "n"})
    with pytest.raises(AmodalError, match="all 1 shards of the run are there"):
        run(tmp_path, truth(), results(), "--predictions", str(shards))
    (shards / shard.name).write_text(json.dumps(results()[0]) + "\n")
    words = ["--predictions", str(shards), "--baseline", f"same={shards}"]
    found = json.loads((run(tmp_path, truth(), results(), *words) / "report.json").read_text())
    assert (
        found["objects"][0]["iou"]["ours"] == whole["objects"][0]["iou"]["ours"] == found["objects"][0]["iou"]["same"]
    )
    with pytest.raises(AmodalError, match=r"or the folder of a run in shards\. Give the folder"):
        run(tmp_path, truth(), results(), "--predictions", str(shards / shard.name))
