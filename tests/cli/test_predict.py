from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal.cli.main import main
from amodal.core.boxes import from_xywh, iou
from amodal.core.masks import Mask
from amodal.datasets import read_annotations
from amodal.datasets.results import read_results

KEYS = {
    "image_id",
    "annotation_id",
    "category_id",
    "score",
    "segmentation",
    "bbox",
    "visible_mask",
    "visible_bbox",
    "invisible_mask",
    "occlude_rate",
    "expansion",
}


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What is said of a command line that ends with 2, and that it is one line."""
    capsys.readouterr()
    assert main(["predict", *words]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("amodal: error:")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("given", ["box", "mask"])
def test_annotations(
    tiny_set: tuple[Path, Path], tiny_coco: dict[str, Any], weights: str, tmp_path: Path, given: str
) -> None:
    images, annotations = tiny_set
    for entry in tiny_coco["annotations"]:
        x, y, w, h = entry["bbox"]
        entry["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    annotations.write_text(json.dumps(tiny_coco))
    output = tmp_path / "out" / "results.json"
    words = ["--images", str(images), "--annotations", str(annotations), "--weights", weights, "--output", str(output)]
    assert main(["predict", *words, "--given", given]) == 0
    records = json.loads(output.read_text())
    assert [r["annotation_id"] for r in records] == [11, 12, 13] and [r["category_id"] for r in records] == [5, 9, 5]
    assert all(r.keys() >= KEYS and r["expansion"].keys() == {"steps", "stop_reason"} for r in records)
    assert len(read_results(output, read_annotations(annotations))) == 3
    assert sorted(p.name for p in output.parent.iterdir()) == ["results.json"]


def test_page(tiny_set: tuple[Path, Path], weights: str, tmp_path: Path) -> None:
    images, annotations = tiny_set
    words = ["--images", str(images), "--annotations", str(annotations), "--weights", weights]
    for page, path in (("page", "page/index.html"), ("other.html", "other.html")):
        assert main(["predict", *words, "--output", str(tmp_path / "r.json"), "--page", str(tmp_path / page)]) == 0
        text = (tmp_path / path).read_text()
        assert "amodal heat" in text and "step 1" in text


def test_photo_with_boxes(photo: Path, weights: str, tmp_path: Path) -> None:
    output = tmp_path / "out"
    boxes = ["--box", "40,30,80,60:dog", "--box=2,2,12,12"]
    assert main(["predict", str(photo), "--output", str(output), "--weights", weights, *boxes]) == 0
    assert sorted(p.name for p in output.iterdir()) == ["annotations.json", "photo_amodal.png", "predictions.json"]
    dog, nothing = json.loads((output / "predictions.json").read_text())
    truth = Mask.from_box((30, 20, 90, 70), 120, 90)
    assert Mask.from_rle(dog["segmentation"]).iou(truth) > 0.9 and dog["category_id"] == 18
    assert iou(from_xywh(dog["bbox"]), (30, 20, 90, 70)) > 0.9 and dog["visible_bbox"] == [40, 30, 40, 30]
    assert dog["occlude_rate"] > 0.4 and nothing["expansion"]["stop_reason"] == "empty"
    drawn = np.asarray(Image.open(output / "photo_amodal.png"))
    assert drawn.shape == (90, 120, 3) and (drawn != np.asarray(Image.open(photo))).any()
    album = read_annotations(output / "annotations.json")
    assert len(read_results(output / "predictions.json", album)) == 2 and album[0].file_name == "photo.png"


def test_cutouts(photo: Path, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out"
    words = [str(photo), "--output", str(output), "--weights", weights, "--box", "40,30,80,60", "--cutouts"]
    for more in (["--box", "5,5,30,30"], []):  # its own are replaced, those of objects that are gone too
        assert main(["predict", *words, "--beyond-border", *more]) == 0
        assert len(list((output / "cutouts").iterdir())) == (4 if more else 2)
    names = ["photo_1_visible.png", "photo_1_whole.png"]
    assert sorted(p.name for p in (output / "cutouts").iterdir()) == names
    album = read_annotations(output / "annotations.json")
    (found,) = (p.in_picture(120, 90) for p in read_results(output / "predictions.json", album))
    visible, whole = (np.asarray(Image.open(output / "cutouts" / name)) for name in names)
    seen = found.modal_mask.to_array()
    assert (visible[..., :3] == np.asarray(Image.open(photo).convert("RGB")) * seen[..., None]).all()
    assert (visible[..., 3] == 255 * seen).all() and seen.any()
    assert (whole == 255 * found.amodal_mask.to_array()).all() and (whole > visible[..., 3]).any()
    (tmp_path / "other" / "cutouts").mkdir(parents=True)
    words[2] = str(tmp_path / "other")
    mine = tmp_path / "other" / "cutouts" / "photo_3_whole.png"
    mine.write_text("mine")
    assert main(["predict", *words[:-1]]) == 0 and mine.exists()
    shutil.rmtree(tmp_path / "other")
    mine.parent.mkdir(parents=True)
    assert "cutouts: a file would be replaced" in refused(capsys, *words)
    read = shutil.copy(photo, output / "cutouts" / "photo_9_visible.png")
    told = refused(capsys, str(read), "--output", str(output), "--weights", weights, "--cutouts")
    assert "nothing is written over what is read" in told
    shutil.rmtree(output / "cutouts")
    (output / "cutouts").write_text("mine")
    words[2] = str(output)
    assert "cutouts: --cutouts makes a folder" in refused(capsys, *words)
    assert "--cutouts goes with photographs" in refused(
        capsys, "--images", "i", "--annotations", "a", "--output", "o", "--cutouts"
    )


def test_photos_alone(photo: Path, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "sub" / "photo.png"
    other.parent.mkdir()
    Image.new("RGB", (64, 48), "gray").save(other)
    output = tmp_path / "out"
    output.mkdir()
    (output / "mine.txt").write_text("kept")
    words = ["predict", str(photo), str(other), "--output", str(output), "--weights", weights]
    assert main([*words, "--min-score", "1"]) == 0
    names = sorted(p.name for p in output.iterdir())
    assert names == ["annotations.json", "mine.txt", "photo_amodal.png", "photo_amodal_2.png", "predictions.json"]
    assert json.loads((output / "predictions.json").read_text()) == []
    assert f"amodal: warning: {other}: no object found" in capsys.readouterr().err


def test_photos_of_which_some_cannot_be_decoded(
    photo: Path, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torn, other = tmp_path / "torn.jpg", tmp_path / "torn2.jpg"
    Image.open(photo).convert("RGB").save(torn)
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size // 2])  # its head is whole
    other.write_bytes(torn.read_bytes())
    output = tmp_path / "out"
    words = ["--output", str(output), "--weights", weights]
    told = refused(capsys, str(torn), str(photo), str(other), *words)
    assert "torn.jpg, torn2.jpg: 2 of 3 photographs cannot be read, the others are predicted and written" in told
    album = read_annotations(output / "annotations.json")
    assert [record.file_name for record in album] == ["photo.png"] and album[0].id == 2
    assert len(read_results(output / "predictions.json", album)) == len(album[0].instances)
    assert [path.name for path in output.glob("*.png")] == ["photo_amodal.png"]
    shutil.rmtree(output)
    for bad in ([str(torn)], [str(torn), str(other)], [str(torn), "--box", "1,2,30,40"]):
        assert "torn.jpg: the picture cannot be decoded" in refused(capsys, *bad, *words) and not output.exists()


def test_words_that_do_not_go_together(
    photo: Path, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--output", str(tmp_path / "out"), "--weights", weights]
    some, box = str(photo), ["--box", "1,2,30,40"]
    assert "one or more photographs" in refused(capsys, *out)
    assert "one or more photographs" in refused(capsys, *out, "--images", str(tmp_path))
    assert "not both" in refused(capsys, *out, some, "--images", str(tmp_path), "--annotations", "x.json")
    assert "single photograph" in refused(capsys, *out, *box, "--images", str(tmp_path), "--annotations", "x.json")
    assert "one photograph" in refused(capsys, *out, *box, some, str(tmp_path / "b.png"))
    assert "0 to 1" in refused(capsys, *out, some, "--min-score", "3")
    assert "threads" in refused(capsys, *out, some, "--threads", "-1")
    assert "is a folder" in refused(capsys, "--output", some, some)
    assert "results file" in refused(capsys, "--output", str(tmp_path), "--images", "i", "--annotations", "x.json")
    assert "have no score" in refused(capsys, *out, some, *box, "--min-score", "0.5")
    assert "have no score" in refused(capsys, *out, "--images", "i", "--annotations", "x.json", "--min-score", "0.5")
    for mask in (["--refine"], ["--given", "mask"]):
        assert "finds visible masks" in refused(capsys, *out, some, *mask)
        assert "finds visible masks" in refused(capsys, *out, some, *box, *mask)
        assert "faster" in refused(capsys, *out, some, "--detector", "torchvision:faster", *mask)
    assert "--box" in refused(capsys, *out, some, "--detections", "x.json")
    assert not (tmp_path / "out").exists()


def test_no_picture_of_an_album_is_written_over(
    tiny_set: tuple[Path, Path], weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    images, annotations = tiny_set
    picture = images / read_annotations(annotations)[0].file_name
    content = json.loads(annotations.read_text())
    named = picture.with_suffix(".html")  # a picture by its content
    content["images"][0]["file_name"] = named.relative_to(images).as_posix()
    annotations.write_text(json.dumps(content))
    picture.rename(named)
    words = ["--weights", weights, "--images", str(images), "--annotations", str(annotations)]
    before = named.read_bytes()
    told = refused(capsys, *words, "--output", str(images / "o.json"), "--page", str(named))
    assert "nothing is written over what is read" in told and named.read_bytes() == before


def test_nothing_is_written_over_what_is_read_or_is_another_s(
    tiny_set: tuple[Path, Path], photo: Path, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, annotations = tiny_set
    found = tmp_path / "found.json"
    found.write_text("[]")
    album = ["--weights", weights, "--images", str(images), "--annotations", str(annotations)]
    drawn = photo.rename(photo.with_name("a_amodal.png"))
    plain = Path(shutil.copy(drawn, photo.with_name("a.png")))
    own = tmp_path / "own"
    own.mkdir()
    (own / "annotations.json").write_text('{"images": []}')
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "predictions.json").write_text("[]")
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "a_amodal.png").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "setup.cfg").write_text("[metadata]\nname = x\n")
    (tmp_path / "boxes.json").write_text(json.dumps([{"image_id": 7, "category_id": 9, "bbox": [1, 2, 3, 4]}]))
    files = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    over = "nothing is written over what is read"
    assert over in refused(capsys, *album, "--output", str(annotations))
    assert over in refused(capsys, *album, "--detections", str(found), "--output", str(found))
    assert over in refused(capsys, str(plain), str(drawn), "--weights", weights, "--output", str(photo.parent))
    assert "did not write" in refused(capsys, str(plain), "--weights", weights, "--output", str(own))
    for folder in ("results", "drawn"):
        assert "did not write" in refused(capsys, str(plain), "--weights", weights, "--output", str(tmp_path / folder))
    for name in ("notes.txt", "setup.cfg", "boxes.json"):
        assert "no predictions" in refused(capsys, *album, "--output", str(tmp_path / name))
    page = str(tmp_path / "x.html")
    assert "two files" in refused(capsys, *album, "--output", page, "--page", page)
    # before the work, not after it
    assert "cannot be written" in refused(capsys, *album, "--output", str(found / "x.json"))
    assert "cannot be written" in refused(capsys, *album, "--output", str(own / "x.json"), "--page", str(found))
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == files
    for _ in range(2):  # its own are replaced, empty or not
        assert main(["predict", *album, "--output", str(found)]) == 0
    again = [str(plain), "--box", "5,5,60,60", "--weights", weights, "--output", str(tmp_path / "new")]
    assert main(["predict", *again]) == main(["predict", *again]) == 0  # its own are replaced


def test_a_box_that_begins_left_of_the_picture(photo: Path, weights: str, tmp_path: Path) -> None:
    for number, words in enumerate((["--box", "-12.5,20,90,70:dog"], ["--box=-12.5,20,90,70:dog"])):
        out = tmp_path / str(number)
        assert main(["predict", str(photo), *words, "--weights", weights, "--output", str(out)]) == 0
        (found,) = json.loads((out / "predictions.json").read_text())
        assert found["visible_bbox"] == [0, 20, 90, 50]


@pytest.mark.parametrize("box", ["200,2,300,40", "nan,2,30,40", "30,2,3,40", "1,2,3", "5,5,5,5", "a,b,c,d"])
def test_bad_box(photo: Path, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], box: str) -> None:
    words = [str(photo), "--output", str(tmp_path / "out"), "--weights", weights, "--box", "1,2,30,40", f"--box={box}"]
    assert "--box 2" in refused(capsys, *words)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photo.png", "weights"]  # nothing half-written


def test_bad_files(
    photo: Path, weights: str, tmp_path: Path, tiny_set: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    images, annotations = tiny_set
    out = ["--output", str(tmp_path / "out.json"), "--weights", weights]
    album = ["--images", str(images), "--annotations", str(annotations)]
    photos = ["--output", str(tmp_path / "o"), "--weights", weights]
    assert "gone.png" in refused(capsys, *photos, str(photo), str(tmp_path / "gone.png"))
    (tmp_path / "text.png").write_text("no picture")
    assert "text.png" in refused(capsys, *photos, str(tmp_path / "text.png"))
    assert "nowhere" in refused(
        capsys, *album, "--output", str(tmp_path / "o.json"), "--weights", str(tmp_path / "nowhere")
    )
    assert "annotation 13" in refused(capsys, *album, *out, "--given", "mask")
    (images / "a.png").write_bytes((images / "a.png").read_bytes()[:200])
    assert "a.png: the picture cannot be decoded" in refused(capsys, *album, *out)
    (images / "a.png").unlink()
    assert "a.png: the picture does not exist" in refused(capsys, *album, *out)
    assert not (tmp_path / "out.json").exists() and not (tmp_path / "o").exists()


def test_detections_take_the_place_of_the_records(
    tiny_set: tuple[Path, Path], weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, annotations = tiny_set
    detections, output = tmp_path / "detections.json", tmp_path / "r.json"
    entries = [
        {"image_id": 7, "category_id": 9, "bbox": [2, 2, 20, 20], "score": 0.9},
        {"image_id": 3, "category_id": 5, "bbox": [2, 3, 10, 12], "score": 0.2},
    ]
    detections.write_text(json.dumps(entries))
    words = ["--images", str(images), "--annotations", str(annotations), "--detections", str(detections)]
    words += ["--weights", weights, "--output", str(output)]
    assert main(["predict", *words]) == 0
    found = json.loads(output.read_text())
    assert [(r["annotation_id"], r["image_id"], r["category_id"]) for r in found] == [(1, 7, 9), (2, 3, 5)]
    assert main(["predict", *words, "--min-score", "0.5"]) == 0
    assert [r["annotation_id"] for r in json.loads(output.read_text())] == [1]
    entries[1]["bbox"] = [90, 3, 10, 12]
    detections.write_text(json.dumps(entries))
    assert "detections.json: detection 1: a box must overlap" in refused(capsys, *words)


def test_shards(tiny_set: tuple[Path, Path], weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, annotations = tiny_set
    output = tmp_path / "shards"
    words = ["--images", str(images), "--annotations", str(annotations), "--weights", weights, "--shards", "2"]
    words += ["--output", str(output)]
    whole = (images / "a.png").read_bytes()
    (images / "a.png").write_bytes(whole[:200])
    assert main(["predict", *words]) == 0
    told = capsys.readouterr()
    assert f"2 objects in 2 shards: {output}" in told.out and "1 pictures could not be predicted" in told.err
    (error,) = (json.loads(line) for line in (output / "errors.jsonl").read_text().splitlines())
    assert error["file_name"] == "a.png" and error["annotation_ids"] == [12] and "cannot be decoded" in error["error"]
    assert main(["predict", *words]) == 0
    told = capsys.readouterr()
    assert "0 objects in 0 shards, 2 were there" in told.out and "1 pictures could not be predicted" in told.err
    (images / "a.png").write_bytes(whole)
    assert main(["predict", *words, "--retry-failed"]) == 0
    assert "1 objects in 1 shards, 1 were there" in capsys.readouterr().out
    lines = [json.loads(line) for path in sorted(output.glob("shard-*-of-*2.jsonl")) for line in path.open()]
    assert sorted(record["annotation_id"] for record in lines) == [11, 12, 13]
    assert (output / "errors.jsonl").read_text() == ""
    single = tmp_path / "r.json"
    assert main(["predict", *words[:-4], "--output", str(single)]) == 0
    assert sorted(json.loads(single.read_text()), key=str) == sorted(lines, key=str)
    assert "another settings" not in refused(capsys, *words[:-2], "--output", str(single))
    assert "another given" in refused(capsys, *words, "--scene", "--given", "mask").replace("album, ", "")


def test_a_run_in_which_nothing_works_is_an_error(
    tiny_set: tuple[Path, Path], weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, annotations = tiny_set
    for path in (images / "a.png", images / "sub" / "b.png"):
        path.unlink()
    words = ["--images", str(images), "--annotations", str(annotations), "--weights", weights, "--shards", "1"]
    for _ in range(2):  # repeated, it has not become a success
        assert "no picture of this run" in refused(capsys, *words, "--output", str(tmp_path / "o"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["p.png", "--detections", "d.json"], "--detections goes with --annotations"),
        (["p.png", "--shards", "2"], "--shards goes with --images"),
        (["p.png", "--box", "1,2,3,4", "--detector", "yolox"], "boxes or a detector"),
        (["p.png", "--detector", "magic"], "a detector is yolox"),
        (["p.png", "--segmenter", "magic"], "a segmenter is sam2:NAME"),
        (["--images", "i", "--annotations", "a", "--detector", "yolox"], "--detector goes with photographs"),
        (["--images", "i", "--annotations", "a", "--retry-failed"], "go with --shards"),
        (["--images", "i", "--annotations", "a", "--refine"], "--refine improves given masks"),
        (["--images", "i", "--annotations", "a", "--detector-weights", "w"], "goes with photographs"),
    ],
)
def test_more_words_that_do_not_go_together(
    words: list[str], told: str, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in refused(capsys, *words, "--output", str(tmp_path / "o"), "--weights", weights)
    assert not (tmp_path / "o").exists()
