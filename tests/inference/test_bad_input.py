"""Whatever is given, prediction does what a user would expect or gives one clear error: as tables."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal.core.errors import AmodalError, AnnotationError, BoxError, ImageError
from amodal.core.masks import Mask
from amodal.inference.pair import NetworkPair
from amodal.inference.predictor import Predictor

WIDTH, HEIGHT = 96, 64
RED = (20, 16, 70, 50)
SEEN = (30.0, 20.0, 60.0, 44.0)
NAN, INF = float("nan"), float("inf")


def build(toy: SimpleNamespace, categories: tuple[str, ...] = ()) -> Predictor:
    predictor = Predictor(NetworkPair(toy.ToyNetwork(margin=0.0), toy.ToyNetwork(), categories=categories))
    predictor.set_image(toy.red_picture(WIDTH, HEIGHT, RED))
    return predictor


# ---- pictures -------------------------------------------------------------------------------------------------------


def _rotated(image: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned to the right by a quarter
    image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)


def _sixteen_bit(image: Image.Image, path: Path) -> None:
    Image.fromarray(np.asarray(image)[..., 0].astype(np.uint16) * 257).save(path)


def _transparent(image: Image.Image, path: Path) -> None:
    image.convert("RGBA").save(path)


def _animated(image: Image.Image, path: Path) -> None:
    image.save(path, save_all=True, append_images=[Image.new("RGB", image.size, "blue")] * 2)


PICTURES: list[tuple[str, Callable[[Image.Image, Path], None], str]] = [
    ("plain.png", lambda image, path: image.save(path), "red"),
    ("palette.png", lambda image, path: image.quantize(4).save(path), "red"),
    ("palette.gif", lambda image, path: image.quantize(4).save(path), "red"),
    ("grey.png", lambda image, path: image.split()[0].save(path), "red"),
    ("two_tone.png", lambda image, path: image.split()[0].convert("1").save(path), "red"),
    ("sixteen.png", _sixteen_bit, "red"),
    ("sixteen.tif", _sixteen_bit, "red"),
    ("cmyk.jpg", lambda image, path: image.convert("CMYK").save(path, quality=100, subsampling=0), "reddish"),
    ("rgba.png", _transparent, "red"),
    ("rotated.png", _rotated, "red"),
    ("animated.gif", _animated, "reddish"),  # the first picture counts
    ("animated.png", _animated, "red"),
    ("lossless.webp", lambda image, path: image.save(path, lossless=True), "red"),
]


@pytest.mark.parametrize(("name", "save", "colour"), PICTURES, ids=[row[0] for row in PICTURES])
def test_pictures_of_every_kind_give_the_same_object(
    toy: SimpleNamespace, tmp_path: Path, name: str, save: Callable[[Image.Image, Path], None], colour: str
) -> None:
    save(Image.fromarray(toy.red_picture(WIDTH, HEIGHT, RED)), tmp_path / name)
    (wanted,) = build(toy).predict([SEEN])
    predictor = build(toy)
    predictor.set_image(tmp_path / name)
    (found,) = predictor.predict([SEEN])
    assert (found.amodal_mask.width, found.amodal_mask.height) == (WIDTH, HEIGHT)
    assert found.amodal_mask.iou(wanted.amodal_mask) >= (1.0 if colour == "red" else 0.9)


def _png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + b"\0\0\1\0IDAT"


def _truncated(kind: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return write


BAD_PICTURES: list[tuple[str, Callable[[Path], Any], str]] = [
    ("truncated.jpg", _truncated("jpg"), "cannot be decoded"),
    ("truncated.png", _truncated("png"), "cannot be decoded"),
    ("text.jpg", lambda path: path.write_text("hello"), "not a picture"),
    ("empty.jpg", lambda path: path.write_bytes(b""), "not a picture"),
    ("folder.jpg", lambda path: path.mkdir(), "not a picture"),
    ("missing.jpg", lambda path: None, "does not exist"),
    ("enormous.png", lambda path: path.write_bytes(_png_header(60_000, 60_000)), "a picture has 1 to 500000000 pixels"),
    ("large.png", lambda path: path.write_bytes(_png_header(25_000, 25_000)), "a picture has 1 to 500000000 pixels"),
]


@pytest.mark.parametrize(("name", "write", "named"), BAD_PICTURES, ids=[row[0] for row in BAD_PICTURES])
def test_a_picture_that_cannot_be_used_is_one_error_and_the_last_one_stays(
    toy: SimpleNamespace, tmp_path: Path, name: str, write: Callable[[Path], Any], named: str
) -> None:
    write(tmp_path / name)
    predictor = build(toy)
    with pytest.raises(ImageError, match=named) as caught:
        predictor.set_image(tmp_path / name)
    assert name in str(caught.value)
    assert predictor.predict([SEEN]) == build(toy).predict([SEEN])


@pytest.mark.parametrize(
    "value",
    [
        np.zeros((5, 5), np.uint16),
        np.zeros((5, 0), np.uint8),
        np.zeros((5, 5, 4), np.uint8),
        np.zeros((5, 5, 3)),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((5, 5, 3), np.uint16),
        [[1]],
        None,
    ],
    ids=["deep grey", "empty grey", "four channels", "float", "empty", "sixteen bit", "list", "None"],
)
def test_arrays_that_are_no_picture(toy: SimpleNamespace, value: Any) -> None:
    with pytest.raises(ImageError, match="uint8 array"):
        build(toy).set_image(value)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 50), (50, 1), (3, 2)])
def test_the_smallest_pictures(toy: SimpleNamespace, width: int, height: int) -> None:
    predictor = build(toy)
    predictor.set_image(np.full((height, width, 3), 255, np.uint8))
    for beyond in (False, True):
        (found,) = predictor.predict([(0, 0, width, height)], beyond_border=beyond)
        assert found.amodal_mask.area > 0 and found.stop_reason != "empty"


# ---- boxes ----------------------------------------------------------------------------------------------------------

BOXES: list[tuple[Any, Any]] = [
    ((-50, -50, 500, 500), (0, 0, WIDTH, HEIGHT)),  # larger than the picture
    ((-10, 20, 40, 44), (0, 20, 40, 44)),  # over the border
    ((30, 20, 31, 21), (30, 20, 31, 21)),  # one pixel
    ((30.2, 20.2, 30.8, 20.8), (30.2, 20.2, 30.8, 20.8)),  # less than one
    ((0, 0, WIDTH, HEIGHT), (0, 0, WIDTH, HEIGHT)),
    (np.array([30, 20, 60, 44], np.int64), SEEN),
    ((30, 20, 60, 44, 0.5), BoxError),
    ((60, 20, 30, 44), BoxError),  # inverted
    ((30, 44, 60, 20), BoxError),
    ((30, 20, 30, 44), BoxError),  # zero
    ((0, 0, 0, 0), BoxError),
    ((200, 20, 260, 44), BoxError),  # outside
    ((-60, 20, -2, 44), BoxError),
    ((NAN, 20, 60, 44), BoxError),
    ((30, 20, INF, 44), BoxError),
    (("a", 20, 60, 44), BoxError),
    ((None, 20, 60, 44), BoxError),
    (5, BoxError),
    (None, BoxError),
]


@pytest.mark.parametrize(("box", "expected"), BOXES, ids=[str(row[0]) for row in BOXES])
def test_boxes(toy: SimpleNamespace, box: Any, expected: Any) -> None:
    predictor = build(toy)
    if expected is BoxError:
        with pytest.raises(BoxError, match="box 1"):
            predictor.predict([SEEN, box])
        assert not predictor.networks.modal.calls  # type: ignore[attr-defined]  # seen before any work
        return
    first, found = predictor.predict([SEEN, box])
    assert found.modal_box == pytest.approx(expected) and [first] == build(toy).predict([SEEN])
    x1, y1, x2, y2 = found.amodal_box
    assert 0 <= x1 < x2 <= WIDTH and 0 <= y1 < y2 <= HEIGHT


# ---- masks and heats ------------------------------------------------------------------------------------------------

FULL = np.ones((HEIGHT, WIDTH), bool)
ONE = np.zeros((HEIGHT, WIDTH), bool)
ONE[30, 40] = True
HEAT = np.where(ONE, np.float32(0.9), np.float32(0.1))

MASKS: list[tuple[str, Any, str | None]] = [
    ("all true", FULL, None),
    ("one pixel", ONE, None),
    ("two corners", np.eye(HEIGHT, WIDTH, dtype=bool), None),
    ("heat", HEAT, None),
    ("heat of all ones", FULL.astype(np.float64), None),
    ("a transposed view", np.asfortranarray(FULL), None),
    ("empty", ~FULL, "at least one pixel"),
    ("heat below the threshold", HEAT * 0.5, r"exceeds 0\.5 \(given_threshold\) in at least one pixel; found 0\.45"),
    ("other size", FULL[:, :-1], "size of its picture, 96 x 64"),
    ("turned", FULL.T, "size of its picture, 96 x 64"),
    ("heat of another size", HEAT[:-1], "size of its picture, 96 x 64"),
    ("an RLE of another size", Mask.from_array(FULL.T), "size of its picture, 96 x 64"),
    ("no pixels at all", np.zeros((0, 0), np.float32), "size of its picture"),
    ("heat over 1", HEAT * 2, "heat is a number from 0 to 1"),
    ("logits", HEAT - 0.5, "heat is a number from 0 to 1"),
    ("bytes as heat", HEAT * 255, "divide bytes by 255"),
    ("NaN", np.where(ONE, NAN, 0.2), "heat is a number from 0 to 1"),
    ("infinite", np.where(ONE, INF, 0.2), "heat is a number from 0 to 1"),
    ("two channels", np.ones((2, HEIGHT, WIDTH), bool), "two dimensions"),
    ("complex numbers", FULL.astype(complex), "two dimensions"),
    ("text", "mask", "two dimensions"),
    ("none", None, "two dimensions"),
]


@pytest.mark.parametrize("refine", [False, True])
@pytest.mark.parametrize(("mask", "problem"), [row[1:] for row in MASKS], ids=[row[0] for row in MASKS])
def test_masks(toy: SimpleNamespace, mask: Any, problem: str | None, refine: bool) -> None:
    predictor = build(toy)
    if problem is not None:
        with pytest.raises(AnnotationError, match=rf"mask 1: .*{problem}"):
            predictor.predict(masks=[FULL, mask], refine=refine)
        assert not predictor.networks.amodal.calls  # type: ignore[attr-defined]
        return
    _, found = predictor.predict(masks=[FULL, mask], refine=refine)
    visible = mask > 0.5 if mask.dtype.kind == "f" else mask
    assert found.modal_box == Mask.from_array(visible).box
    if not refine:
        assert found.modal_mask == Mask.from_array(visible) and (found.modal_mask - found.amodal_mask).is_empty


@pytest.mark.parametrize("masks", [3, np.array(3)], ids=["a number", "an array of one"])
def test_what_is_no_list_of_masks(toy: SimpleNamespace, masks: Any) -> None:
    with pytest.raises(AnnotationError, match="a list of masks"):
        build(toy).predict(masks=masks)


# ---- nothing, and what the networks do not know ---------------------------------------------------------------------


@pytest.mark.parametrize("scene", [False, True])
@pytest.mark.parametrize(
    "given", [{"boxes": []}, {"boxes": np.zeros((0, 4))}, {"masks": []}, {"masks": np.zeros((0, HEIGHT, WIDTH), bool)}]
)
def test_no_object_is_no_prediction(toy: SimpleNamespace, given: dict[str, Any], scene: bool) -> None:
    assert build(toy).predict(**given, scene=scene) == []
    assert build(toy, ("cat",)).predict(**given, scene=scene) == []


@pytest.mark.parametrize("category", ["cow", "Cat", "", -1, 2, True, None, 0.5])
def test_a_category_never_seen(toy: SimpleNamespace, category: Any) -> None:
    with pytest.raises(AnnotationError, match=r"box 1: .*Give one of cat, dog"):
        build(toy, ("cat", "dog")).predict([SEEN, SEEN], ["cat", category])


@pytest.mark.parametrize("name", ["scores", "ids", "categories"])
def test_lists_of_another_length(toy: SimpleNamespace, name: str) -> None:
    with pytest.raises(AmodalError, match=f"one of {name} for each of the 2 objects; found 1"):
        build(toy).predict([SEEN, SEEN], **{name: [1]})
