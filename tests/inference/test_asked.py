"""What is given to a predictor in other forms than the usual ones, and what it keeps of it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import amodal
from amodal.core.errors import AmodalError, AnnotationError, ImageError
from amodal.core.images import read_image
from amodal.core.masks import MAX_PIXELS, Mask
from amodal.inference.ordering import order_scene
from amodal.inference.outcome import canvas_of
from amodal.inference.pair import NetworkPair
from amodal.inference.predictor import Predictor
from amodal.inference.settings import PredictionSettings

WIDTH, HEIGHT = 96, 64
RED = (20, 16, 70, 50)
SEEN = (30.0, 20.0, 60.0, 44.0)
MASK = np.zeros((HEIGHT, WIDTH), bool)
MASK[20:44, 30:60] = True


@pytest.fixture
def picture(toy: SimpleNamespace) -> np.ndarray:
    return toy.red_picture(WIDTH, HEIGHT, RED)  # type: ignore[no-any-return]


@pytest.fixture
def predictor(toy: SimpleNamespace, picture: np.ndarray) -> Predictor:
    predictor = Predictor(NetworkPair(toy.ToyNetwork(margin=0.0), toy.ToyNetwork()))
    predictor.set_image(picture)
    return predictor


class Given:
    """What numpy can make an array of, and nothing else."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self._values, dtype=dtype)


class OnGpu:
    """An array that numpy may not read, as cupy's."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError("not implicitly")


# ---- pictures -------------------------------------------------------------------------------------------------------


def test_a_picture_is_the_predictors_own(predictor: Predictor, picture: np.ndarray) -> None:
    wanted = predictor.predict([SEEN])
    picture[:] = 0  # the camera's next one
    assert predictor.predict([SEEN]) == wanted


def test_pictures_of_other_kinds(predictor: Predictor, picture: np.ndarray, tmp_path: Path) -> None:
    wanted = predictor.predict([SEEN])
    Image.fromarray(picture).save(tmp_path / "a.png")

    class Entry(os.PathLike[str]):
        def __fspath__(self) -> str:
            return str(tmp_path / "a.png")

    for given in (Image.fromarray(picture), Image.fromarray(picture).convert("RGBA"), Given(picture), Entry()):
        predictor.set_image(np.zeros_like(picture))
        predictor.set_image(given)
        assert predictor.predict([SEEN]) == wanted


def test_grey_is_what_its_file_is(predictor: Predictor, picture: np.ndarray, tmp_path: Path) -> None:
    grey = np.ascontiguousarray(picture[..., 0])
    Image.fromarray(grey).save(tmp_path / "a.png")
    answers = []
    for given in (grey, Image.fromarray(grey), read_image(tmp_path / "a.png")):
        predictor.set_image(given)
        answers.append(predictor.predict([SEEN]))
    assert answers[0] == answers[1] == answers[2]


def test_a_tensor_is_a_picture(predictor: Predictor, picture: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    wanted = predictor.predict([SEEN])
    tensor = torch.from_numpy(picture.copy())
    predictor.set_image(tensor)
    tensor.zero_()
    assert predictor.predict([SEEN]) == wanted


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        (lambda p: p.transpose(2, 0, 1), r"Put the channels last: image.transpose\(1, 2, 0\)"),
        (lambda p: p / np.float32(255), r"Make bytes of numbers from 0 to 1: \(image \* 255\)"),
        (lambda p: p.transpose(2, 0, 1) / 255, r"channels last: .*; make bytes"),
        (lambda p: np.dstack([p, p[..., :1]]), r"Leave its transparency out: image\[\.\.\., :3\]"),
        (lambda p: p[None], r"Take it out of its batch: image\[0\]"),
        (lambda p: p[..., :1], r"Give its one channel as grey: image\[\.\.\., 0\]"),
        (lambda p: p.astype(np.int64), r"found \('int64', .*Make bytes of it: image\.astype"),
        (lambda p: p.astype(np.float32), r"Make bytes of it: image\.astype"),
        (lambda p: p.astype(np.uint16) * 257, r"its highest number is \d+: scale it to 255"),
        (lambda p: np.broadcast_to(p[:1, :1], (30_000, 30_000, 3)), f"1 to {MAX_PIXELS} pixels"),
    ],
    ids=[
        *("channels first", "float", "float, channels first", "transparent", "batch", "one channel"),
        *("whole numbers", "floats to 255", "16 bits", "too large"),
    ],
)
def test_an_array_that_is_nearly_one_is_told_how(
    predictor: Predictor, picture: np.ndarray, change: Any, remedy: str
) -> None:
    with pytest.raises(ImageError, match=remedy):
        predictor.set_image(change(picture))


@pytest.mark.parametrize("number", [np.int64(3), np.uint8(3), np.array(3)])
def test_an_image_id_is_a_whole_number(predictor: Predictor, picture: np.ndarray, number: Any) -> None:
    predictor.set_image(picture, image_id=number)
    (found,) = predictor.predict([SEEN])
    assert found.image_id == 3 and type(found.image_id) is int


@pytest.mark.parametrize("wrong", ["abc", None, True, 3.0, 2**70])
def test_what_is_no_image_id(predictor: Predictor, picture: np.ndarray, wrong: Any) -> None:
    with pytest.raises(AnnotationError, match=r"image_id (is a whole number|has 64 bits)"):
        predictor.set_image(picture, image_id=wrong)


# ---- boxes, masks and what goes with them ---------------------------------------------------------------------------


@pytest.mark.parametrize("box", [SEEN, list(SEEN), np.array(SEEN), Given(SEEN), [np.array(v) for v in SEEN]])
def test_one_box_is_a_list_of_one(predictor: Predictor, box: Any) -> None:
    assert predictor.predict(box) == predictor.predict([SEEN])


RUNS = Mask.from_array(MASK).to_rle()


@pytest.mark.parametrize(
    "masks",
    [
        *(MASK, Mask.from_array(MASK), RUNS, [RUNS], Given(MASK), Given(MASK[None]), [Given(MASK)], [MASK.tolist()]),
        *(Image.fromarray(MASK), [Image.fromarray(MASK * np.uint8(255))]),
    ],
    ids=[
        *("array", "Mask", "runs", "list of runs", "as an array", "as arrays", "list of such", "list of lists"),
        *("Pillow's", "list of Pillow's"),
    ],
)
def test_one_mask_is_a_list_of_one(predictor: Predictor, masks: Any) -> None:
    assert predictor.predict(masks=masks) == predictor.predict(masks=[MASK])


def test_lists_that_numpy_takes_as_arrays(predictor: Predictor) -> None:
    wanted = predictor.predict([SEEN, SEEN], [3, 1], scores=[0.5, 1.0], ids=[7, 8])
    words: dict[str, Any] = {"categories": Given([3, 1]), "scores": Given([0.5, 1.0]), "ids": Given([7, 8])}
    assert predictor.predict(Given([SEEN, SEEN]), **words) == wanted
    assert [type(p.annotation_id) for p in predictor.predict([SEEN, SEEN], ids=np.array([7, 8]))] == [int, int]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"masks": [[[1, 2], [3]]]}, "mask 0: a mask has two dimensions"),
        ({"masks": {"mask": MASK}}, r'mask 0: a run-length mask needs "size": \[height, width\]'),
        ({"masks": [Mask.from_array(MASK.T).to_rle()]}, "mask 0: a mask has the size of its picture"),
        ({"masks": [Mask.from_array(~MASK & MASK).to_rle()]}, "mask 0: a given mask has at least one pixel"),
        ({"boxes": {SEEN}}, r"boxes are a list of x1, y1, x2, y2; found \{\("),
        ({"boxes": {0: SEEN}}, r"boxes are a list of x1, y1, x2, y2; found \{0: "),
        ({"boxes": [SEEN], "scores": {0: 0.9}}, r"one of scores for each of the 1 objects; found \{0: 0\.9\}"),
        ({"boxes": [SEEN, SEEN], "ids": {8, 7}}, "one of ids for each of the 2 objects"),
        ({"masks": {Mask.from_array(MASK)}}, "masks are a list of masks"),
        ({"boxes": [(30, 20, 30.2, 44)]}, "box 0: a box must overlap its picture .* by half a pixel or more each way"),
        ({"boxes": [OnGpu()]}, r"numpy can read an array \(not implicitly\); found 'OnGpu'. Copy it to the memory"),
        ({"boxes": [SEEN], "scores": OnGpu()}, "numpy can read an array"),
        ({"boxes": [1, 2, 3]}, r"boxes are a list of x1, y1, x2, y2; found \[1, 2, 3\]"),
        ({"boxes": [SEEN], "ids": [2**70]}, "an id has 64 bits at the most"),
        ({"boxes": [SEEN], "categories": [2**70]}, "box 0: a category has 64 bits at the most"),
    ],
)
def test_what_is_refused(predictor: Predictor, given: dict[str, Any], text: str) -> None:
    with pytest.raises(AmodalError, match=text) as caught:
        predictor.predict(**given)
    assert "\n" not in str(caught.value)


# ---- beyond the border ----------------------------------------------------------------------------------------------


def test_a_canvas_larger_than_a_mask_is_refused_before_any_work(predictor: Predictor) -> None:
    assert canvas_of(11_000, 11_000, 0.5) == (-5500, -5500, 22_000, 22_000)
    with pytest.raises(AmodalError, match=r"beyond_border 0\.5, masks of .* 11500 x 11500 cover 23000 x 23000 pixels"):
        canvas_of(11_500, 11_500, 0.5)
    predictor.settings = replace(predictor.settings, beyond_border=10)
    large = np.broadcast_to(np.zeros(3, np.uint8), (4320, 7680, 3))
    with pytest.raises(
        AmodalError, match=r"Lower beyond_border in the settings, shrink the picture, or predict without"
    ):
        predictor.make_jobs(large, 0, boxes=[SEEN], beyond_border=True)
    assert len(predictor.make_jobs(large, 0, boxes=[SEEN])) == 1


# ---- the predictor and what it returns ------------------------------------------------------------------------------


def test_a_predictor_is_made_of_networks_and_settings(predictor: Predictor) -> None:
    with pytest.raises(AmodalError, match=r"found 'weights'. Of a folder of weights: Predictor.from_pretrained"):
        Predictor("weights")  # type: ignore[arg-type]
    with pytest.raises(AmodalError, match=r"settings are PredictionSettings; found {'mirror': False}"):
        Predictor(predictor.networks, {"mirror": False})  # type: ignore[arg-type]
    with pytest.raises(AmodalError, match=r"a whole number of them; found 1\.5"):
        replace(predictor.networks, lanes=1.5)  # type: ignore[type-var]
    assert Predictor(predictor.networks, PredictionSettings(max_steps=1)).settings.max_steps == 1


def test_a_scene_of_what_comes_one_by_one(predictor: Predictor) -> None:
    found = predictor.predict([SEEN, RED])
    assert order_scene(p for p in found) == order_scene(found)


def test_the_public_names() -> None:
    wanted = {"AmodalError", "Category", "PredictionSettings", "iter_album", "read_results", "write_results"}
    assert wanted <= set(amodal.__all__) and wanted <= set(dir(amodal))
    assert amodal.AmodalError is AmodalError and amodal.PredictionSettings is PredictionSettings
    assert all(getattr(amodal, name).__module__.startswith("amodal.") for name in wanted)
