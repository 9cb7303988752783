from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.errors import AmodalError, ImageError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance, Prediction
from amodal.datasets.check import Finding, check_album
from amodal.report.browse import write_browser
from amodal.report.cases import Photos, write_cases
from amodal.report.instances import draw_instances

WIDTH, HEIGHT = 60, 40


def block(x1: int, y1: int, x2: int, y2: int) -> Mask:
    return Mask.from_box((x1, y1, x2, y2), WIDTH, HEIGHT)


def album(name: str = "</script><b>.png") -> Album:
    modal, amodal = block(10, 10, 20, 30), block(10, 10, 30, 30)
    hidden = Instance(5, 1, modal.box, modal, amodal.box, amodal, occlude_rate=0.9)
    crowd = Instance(6, 0, (40, 0, 60, 20), block(40, 0, 60, 20), is_crowd=True)
    pictures = [
        ImageRecord(1, "a.png", WIDTH, HEIGHT, (hidden, crowd)),
        ImageRecord(2, name, WIDTH, HEIGHT, (Instance(7, 1, (0, 0, 5, 5)),)),
    ]
    return Album(pictures, [Category(1, "cup"), Category(2, "dog & <cat>")], source="set/f.json")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("RGB", (WIDTH, HEIGHT), (10, 20, 30)).save(folder / "a.png")
    return folder


def page_data(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    content = json.loads(found.group(1))
    assert isinstance(content, dict)
    return content


def test_the_page_holds_what_is_filtered_by(tmp_path: Path, images: Path) -> None:
    made, done = album(), []
    page = write_browser(tmp_path / "out", made, images, findings=check_album(made), progress=done.append)
    data = page_data(page)
    assert page == tmp_path / "out" / "index.html" and done == [1, 1]
    assert data["categories"] == ["cup", "dog & <cat>"] and data["compared"] is False
    first, second = data["pictures"]
    ((place, value),) = first["objects"][0]["found"]
    assert data["rules"][place] | {"holds": ""} == {"name": "occlude-rate", "error": True, "holds": ""}
    assert value.startswith("0.9") and "occlusion rate" in data["rules"][place]["holds"]
    assert first["size"] == [WIDTH, HEIGHT] and first["objects"][0]["box"] == [10, 10, 20, 20]
    assert [(o["id"], o["kind"], o["hidden"], o["iou"]) for o in first["objects"]] == [
        (5, 1, 0.9, None),
        (6, 0, None, None),
    ]
    assert second["name"] == "</script><b>.png" and second["objects"][0]["found"] == []


def test_findings_about_no_picture_are_listed(tmp_path: Path, images: Path) -> None:
    findings = [
        Finding("record", "f.json", "annotation 9", message="it is <bad>"),
        Finding("category-gap", "f.json", "categories", value="no 2"),
    ]
    text = write_browser(tmp_path / "out", album(), images, findings=findings).read_text()
    assert "2 findings about records left out or the file as a whole" in text
    assert "annotation 9: it is &lt;bad&gt;" in text and "without a gap; found no 2" in text


def test_it_asks_for_nothing_but_the_pictures_beside_it(tmp_path: Path, images: Path) -> None:
    page = write_browser(tmp_path / "out", album(), images)
    text = page.read_text()
    assert "http" not in text and "//" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    for entry in page_data(page)["pictures"]:
        with Image.open(page.parent / entry["src"]) as picture:
            assert picture.size == (WIDTH, HEIGHT)
    assert "</script><b>" not in text


def test_predictions_are_compared_with_the_truth(tmp_path: Path, images: Path) -> None:
    modal = block(10, 10, 20, 30)
    good = Prediction(1, 5, 1, 0.5, modal.box, modal, block(10, 10, 25, 30), (10, 10, 25, 30), 1, "converged")
    data = page_data(write_browser(tmp_path / "out", album(), images, predictions=[good]))
    (hidden, crowd), (alone,) = (entry["objects"] for entry in data["pictures"])
    assert data["compared"] is True
    assert (hidden["iou"], crowd["iou"], alone["iou"]) == (0.75, None, None)
    found, given = (np.asarray(Image.open(tmp_path / "out" / data["pictures"][0][key])) for key in ("src", "given"))
    assert (found != given).any()
    missed = page_data(write_browser(tmp_path / "out", album(), images, predictions=[]))
    assert missed["pictures"][0]["objects"][0]["iou"] == 0.0


def test_photographs_that_are_not_there_are_told_once(tmp_path: Path, images: Path) -> None:
    with pytest.warns(UserWarning, match=r"^1 picture drawn on grey; the first: .*\.png: the picture does") as told:
        write_browser(tmp_path / "out", album(), images)
    assert len(told) == 1
    (tmp_path / "other").mkdir()
    with pytest.raises(ImageError, match=r"other: the pictures .* lie here; none does, a\.png is the first"):
        write_browser(tmp_path / "wrong", album(), tmp_path / "other")
    assert not (tmp_path / "wrong").exists()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, images: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AmodalError, match="cannot be written to"):
        write_browser(tmp_path / "file", album(), images)


def test_objects_are_drawn_in_their_colours() -> None:
    grey = np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8)
    drawn = draw_instances(grey, list(album()[0].instances), boxes=False)
    assert (grey == 90).all()
    changed = (drawn != 90).any(axis=2)
    assert changed[10:30, 20:30].all() and not changed[12:28, 12:18].any()  # stripes: hidden
    crowd = drawn[2:18, 42:58]
    assert (crowd == crowd[..., :1]).all() and (crowd != 90).any()
    assert np.array_equal(draw_instances(grey, []), grey)
    alone = draw_instances(grey, [Instance(1, 0, (10, 10, 30, 30), block(10, 10, 30, 30))], boxes=False)
    inside = alone[12:28, 12:28].reshape(-1, 3)
    assert (inside == inside[0]).all() and (inside[0] != 90).any()  # a tint: stripes say that a part is hidden


def test_each_finding_about_a_picture_gets_its_case(tmp_path: Path, images: Path) -> None:
    made = album()
    findings = [*check_album(made), Finding("record", "f.json", "annotation 9", message="no")]
    files = write_cases(tmp_path / "cases", made, findings, images)
    about = [one for one in findings if one.image_id is not None]
    assert len(files) == len(about) >= 1 and {path.suffix for path in files} == {".png"}
    assert files[0].name == "occlude-rate-image_1-annotation_5.png"
    assert np.asarray(Image.open(files[0])).shape[1] >= 360


def test_photographs_that_do_not_fit_are_counted(images: Path) -> None:
    Image.new("RGB", (WIDTH, HEIGHT + 1)).save(images / "b.png")
    made = album("b.png")
    photos = Photos(made, images)
    photo, grey = map(photos.read, made)
    assert photo[0, 0].tolist() == [10, 20, 30] and grey.shape == photo.shape and (grey == grey[0, 0, 0]).all()
    assert photos.missed == 1
    with pytest.warns(UserWarning, match=r"^1 picture drawn on grey; the first: .*b\.png: a picture has") as told:
        photos.warn()
    assert len(told) == 1


@pytest.mark.parametrize("name", ["a.png", "../images/a.png", "a" * 5000 + ".png"], ids=["plain", "up", "long"])
def test_a_folder_with_none_of_the_photographs_is_refused(tmp_path: Path, images: Path, name: str) -> None:
    made = Album([ImageRecord(1, name, WIDTH, HEIGHT)], [], source="f.json")
    (tmp_path / "other").mkdir()
    with pytest.raises(
        ImageError, match=r"other: the pictures of f\.json lie here; none does, .*a\.png is the first\. Give"
    ):
        Photos(made, tmp_path / "other")
    for album, folder in ((made, None), (Album([], []), tmp_path / "other")):  # nothing is asked for, nothing is missed
        photos = Photos(album, folder)
        assert [photos.read(record).shape for record in album] == [(HEIGHT, WIDTH, 3)] * len(album)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            photos.warn()


def test_cases_are_at_the_most_fifty_a_rule(tmp_path: Path) -> None:
    made = album()
    many = [Finding("modal-box", "f.json", "annotation 5", image_id=1, instance_ids=(5,)) for _ in range(53)]
    assert len(write_cases(tmp_path, made, many, None)) == len(set(tmp_path.iterdir())) == 50
