from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.errors import AnnotationError, ImageError
from amodal.core.masks import Mask
from amodal.core.records import Category, ExpansionStep, ImageRecord, Instance, Prediction
from amodal.report.page import write_page
from amodal.report.panels import PANEL_PX, View

W, H = 100, 80
NASTY = '<script>alert("x")</script>&'
HEAT = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
STEPS = (
    ExpansionStep((10, 10, 40, 60), (0.01, 0.02, 0.43, 0.04), (6, 4, 44, 66), HEAT),
    ExpansionStep((10, 10, 50, 60), (0.0, 0.0, 0.0, 0.0), (5, 4, 55, 66), HEAT),
)
SMALL = Prediction(
    image_id=1,
    annotation_id=1,
    category=0,
    score=0.75,
    modal_box=(10, 10, 40, 60),
    modal_mask=Mask.from_box((10, 10, 40, 60), W, H),
    amodal_mask=Mask.from_box((10, 10, 50, 60), W, H),
    amodal_box=(10, 10, 50, 60),
    steps=2,
    stop_reason="border",
    modal_heat=HEAT,
    trace=STEPS,
)
LARGE = replace(SMALL, annotation_id=2, amodal_mask=Mask.from_box((10, 10, 90, 60), W, H), trace=(), modal_heat=None)


def make_album(name: str = "a.png") -> Album:
    instances = tuple(Instance(i, 0, (10, 10, 40, 60)) for i in (1, 2))
    return Album([ImageRecord(1, name, W, H, instances)], [Category(3, NASTY)], source="truth.json")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (H, W, 3), dtype=np.uint8)
    for name in ("a.png", "b&amp.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    return tmp_path


def test_page_is_self_contained_escaped_and_whole(images: Path, tmp_path: Path) -> None:
    page = tmp_path / "out" / "index.html"
    write_page(page, make_album("b&amp.png"), images, [SMALL, LARGE], title=f"T {NASTY}")
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "b&amp;amp.png" in text
    assert not re.search(r"https?:|//[a-z]", re.sub(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+", "", text))
    sources = re.findall(r'src="([^"]*)', text)
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert sorted(p.name for p in page.parent.iterdir()) == ["index.html"]


def test_page_shows_panels_steps_and_figures(images: Path, tmp_path: Path) -> None:
    write_page(tmp_path / "p.html", make_album(), images, [SMALL, LARGE], title="t")
    text = (tmp_path / "p.html").read_text(encoding="utf-8")
    # one picture of the whole; 5 panels and 2 steps; 3 panels where no heat was kept
    assert text.count("<img ") == 1 + 5 + 2 + 3
    for wanted in (
        "25% hidden",
        "62% hidden",
        "step 1",
        "step 2",
        "<td>right</td><td>0.43</td>",
        "border",
        "2 objects",
    ):
        assert wanted in text
    assert text.index('id="object-2"') < text.index('id="object-1"')  # the most occluded first
    assert text.count('<a href="#photo-') == 1


def test_photographs_without_objects_are_counted(images: Path, tmp_path: Path) -> None:
    write_page(tmp_path / "p.html", make_album(), images, [], title="t")
    assert "1 photograph without objects not shown" in (tmp_path / "p.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("album", "predictions", "error", "message"),
    [
        (make_album("missing.png"), [SMALL], ImageError, r"missing\.png: the picture does not exist"),
        (make_album("../a.png"), [SMALL], AnnotationError, "inside the folder"),
        (make_album(), [replace(SMALL, image_id=9)], AnnotationError, "image 9"),
        (
            Album([ImageRecord(1, "a.png", W + 1, H)], [], source="truth.json"),
            [SMALL],
            ImageError,
            r"a\.png.*truth\.json.*101 x 80.*\(100, 80\)",
        ),
    ],
)
def test_bad_input_leaves_no_page(
    images: Path, tmp_path: Path, album: Album, predictions: list[Prediction], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        write_page(tmp_path / "out" / "p.html", album, images, predictions, title="t")
    assert not (tmp_path / "out").exists()


def test_view_holds_all_boxes_and_keeps_the_shape() -> None:
    image = np.zeros((H, W, 3), dtype=np.uint8)
    view = View.of(SMALL, image)
    assert view.box[0] <= 5
    assert view.box[2] >= 55
    assert max(view.width, view.height) == PANEL_PX
    x1, y1, x2, y2 = view.box
    assert view.width / view.height == pytest.approx((x2 - x1) / (y2 - y1), rel=0.02)
    assert view.to_panel(view.box) == pytest.approx((0, 0, view.width, view.height))


def test_view_stops_at_the_border_unless_the_network_looked_beyond() -> None:
    image = np.zeros((H, W, 3), dtype=np.uint8)
    at_border = replace(SMALL, amodal_box=(0, 0, 50, 60), trace=())
    assert View.of(at_border, image).box[:2] == (0, 0)
    assert View.of(replace(SMALL, amodal_box=(-20, 0, 50, 60)), image).box[0] < -20


def test_view_reads_heat_and_masks_where_they_lie() -> None:
    view = View((0, 0, 20, 10), 20, 10)
    heat = np.array([[0.25, 0.25], [0.25, 0.25]], dtype=np.float32)
    shown = view.heat(heat, (4, 2, 12, 8))
    expected = np.zeros((10, 20), dtype=np.float32)
    expected[2:8, 4:12] = 0.25
    assert shown == pytest.approx(expected)
    mask = Mask.from_box((4, 2, 12, 8), 20, 10)
    assert (view.mask(mask) == (expected > 0)).all()


def test_a_name_that_is_no_text_is_spelt_out(images: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.png")
    (images / "a.png").rename(images / name)
    write_page(tmp_path / "page.html", make_album(name), images, [SMALL], title="T")
    assert "\\udcff.png" in (tmp_path / "page.html").read_text(encoding="utf-8")
