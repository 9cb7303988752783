"""The mirror image in the last answer, with everything a network can be told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amodal.core.masks import Mask
from amodal.inference.pair import NetworkPair, ask, ask_mirrored
from amodal.inference.predictor import Predictor
from amodal.inference.settings import PredictionSettings

WIDTH, HEIGHT = 90, 60
BOXES = [(8.0, 12.0, 40.0, 44.0), (30.0, 20.0, 70.0, 52.0)]


def leaning(toy: SimpleNamespace, margin: float) -> Any:
    """A network that sees more on the left, less where others are seen there, and more of category 1."""

    class Leaning(toy.ToyNetwork):  # type: ignore[misc,name-defined]
        takes_others = True

        def __init__(self) -> None:
            super().__init__(margin=margin)
            self.asked: list[tuple[Any, ...]] = []

        def __call__(self, patches: Any, heat: Any, category: Any, others: Any) -> Any:
            self.asked.append((patches, heat.copy(), category, others.copy()))
            found = super().__call__(patches, heat * (1 - others), category)
            return found * np.linspace(1, 0.5, self.heat_px, dtype=np.float32) * (1 + category[:, None, None]) / 2

    return Leaning()


def picture() -> np.ndarray:
    image = np.random.default_rng(0).integers(0, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    image[10:50, 6:76, 0] = 255
    return image


def turned(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    return (WIDTH - box[2], box[1], WIDTH - box[0], box[3])


def predict(toy: SimpleNamespace, image: np.ndarray, boxes: list[Any], **settings: Any) -> tuple[Any, Any]:
    networks = NetworkPair(leaning(toy, 0.0), leaning(toy, 0.125), categories=("a", "b"))
    predictor = Predictor(networks, PredictionSettings(strip_threshold=0.3, **settings))
    predictor.set_image(image)
    return predictor.predict(boxes, [0, 1], keep_heat=True), networks


def test_everything_a_network_is_told_is_mirrored_but_the_category(toy: SimpleNamespace) -> None:
    network, rng = leaning(toy, 0.125), np.random.default_rng(0)
    patches = rng.integers(0, 256, (2, 3, 32, 32), dtype=np.uint8)
    heat, others = rng.random((2, 2, 32, 32), dtype=np.float32)
    category = np.array([0, 1])
    answer = ask_mirrored(network, patches, heat, category, others)
    maps = (np.ascontiguousarray(one[..., ::-1]) for one in (patches, heat, others))
    first, second, third = maps
    np.testing.assert_array_equal(answer[..., ::-1], ask(network, first, second, category, third))
    assert np.abs(answer - ask(network, patches, heat, category, others)).max() > 0.1


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_objects_of_the_mirrored_picture_have_mirrored_answers(toy: SimpleNamespace, passes: int) -> None:
    """Told of each other, whatever the network prefers; boxes that grow follow the patch alone, so they may not."""
    for mirror in (True, False):
        settings: dict[str, Any] = {"mirror": mirror, "iis_passes": passes, "max_steps": 1}
        found, _ = predict(toy, picture(), BOXES, **settings)
        other, _ = predict(toy, np.ascontiguousarray(picture()[:, ::-1]), [turned(box) for box in BOXES], **settings)
        for a, b in zip(found, other, strict=True):
            modal = np.abs(a.modal_heat - b.modal_heat[:, ::-1]).max()
            whole = np.abs(a.trace[-1].heat - b.trace[-1].heat[:, ::-1]).max()
            if mirror and passes == 1:
                assert max(modal, whole) < 0.02
            elif mirror:  # a pass before the last leans, and what it finds is what the last one is told
                assert max(modal, whole) < 0.15
            else:
                assert modal > 0.15 and whole > 0.15


def test_the_mirror_image_is_of_the_last_step(toy: SimpleNamespace) -> None:
    found, networks = predict(toy, picture(), BOXES, mirror=True, batch_size=1, iis_passes=2)
    calls, place = networks.amodal.asked, 0
    assert max(one.steps for one in found) > 1
    for one in found:
        place += one.steps
        (patches, heat, category, others), last = calls[place], calls[place - 1]
        np.testing.assert_array_equal(patches, last[0][..., ::-1])
        np.testing.assert_array_equal(heat, last[1][..., ::-1])
        np.testing.assert_array_equal(category, last[2])
        np.testing.assert_array_equal(others, last[3][..., ::-1])
        place += 1
    assert place == len(calls)


def test_a_given_mask_is_asked_about_once_more_alone(toy: SimpleNamespace) -> None:
    networks = NetworkPair(leaning(toy, 0.0), leaning(toy, 0.125), categories=("a", "b"))
    predictor = Predictor(networks, PredictionSettings(mirror=True, max_steps=1))
    predictor.set_image(picture())
    predictor.predict(masks=[Mask.from_box((10, 12, 40, 40), WIDTH, HEIGHT)], categories=[1])
    assert len(networks.modal.asked) == 0 and len(networks.amodal.asked) == 2  # type: ignore[attr-defined]
