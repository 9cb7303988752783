"""No half-pixel drift: picture, matte and label of one composite, held against the same scene at eight times the size.

The scene is drawn by formula, so that it can be rendered at any size. Each array of an example is compared with the
scene rendered at 8x and averaged; then with the scene shifted by half a canvas pixel, which must fit worse.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.labels import POSITIVE
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.synthesis.composite import Composite
from amodal.synthesis.draw import draw_example
from amodal.synthesis.material import Material, Source
from amodal.synthesis.settings import ExampleShape, SynthesisSettings
from amodal.synthesis.targets import Example

WIDTH, HEIGHT = 400, 300
DISC = (200.0, 150.0, 90.0, 70.0)
"""Centre and half axes of the one object of each picture."""
PAPER, INK = 20, 220
FINE = 8


def disc(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return ((x - DISC[0]) / DISC[2]) ** 2 + ((y - DISC[1]) / DISC[3]) ** 2 <= 1


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Two pictures of a light disc on dark ground; no occluders, so that the formula is all there is."""
    folder = tmp_path_factory.mktemp("discs")
    fine = (np.arange(WIDTH * 4) + 0.5) / 4, (np.arange(HEIGHT * 4) + 0.5) / 4
    covered = disc(fine[0][None, :], fine[1][:, None]).reshape(HEIGHT, 4, WIDTH, 4).mean((1, 3))
    picture = (PAPER + (INK - PAPER) * covered).round().astype(np.uint8)
    Image.fromarray(np.repeat(picture[..., None], 3, axis=2)).save(folder / "0.png")
    mask = Mask.from_array(covered >= 0.5)
    record = ImageRecord(1, "0.png", WIDTH, HEIGHT, (Instance(1, 0, mask.box, mask),))
    settings = SynthesisSettings(max_occluders=0, patch_scale=(0.8, 2.0))
    return Material([Source(Album([record], [Category(1, "disc")]), folder)], settings)


def rendered(composite: Composite, box: np.ndarray, cells: int, shift_px: float = 0.0) -> np.ndarray:
    """Share of each of ``cells`` x ``cells`` of a box of the canvas that the disc covers, by 8 x 8 points each."""
    at = (np.arange(cells * FINE) + 0.5) / (cells * FINE)
    x, y = box[0] + at * (box[2] - box[0]) + shift_px, box[1] + at * (box[3] - box[1]) + shift_px
    height, width = composite.own.shape
    if composite.mirrored:
        x = width - x
    left, top, right, bottom = composite.patch_box
    x, y = left + x * (right - left) / width, top + y * (bottom - top) / height
    return disc(x[None, :], y[:, None]).reshape(cells, FINE, cells, FINE).mean((1, 3))


def known(composite: Composite, box: np.ndarray, cells: int) -> np.ndarray:
    """Cells whose centre lies two canvas pixels and two cells or more inside the canvas and the picture."""
    height, width = composite.own.shape
    left, top, right, bottom = composite.patch_box
    across, down = width / (right - left), height / (bottom - top)
    limits = [[-left * across, (WIDTH - left) * across], [-top * down, (HEIGHT - top) * down]]
    if composite.mirrored:
        limits[0] = [width - limits[0][1], width - limits[0][0]]
    inside = []
    for axis, size in ((0, width), (1, height)):
        side = float(box[axis + 2] - box[axis])
        centre = float(box[axis]) + (np.arange(cells) + 0.5) / cells * side
        rim = 2 + 2 * side / cells
        low, high = max(limits[axis][0], 0) + rim, min(limits[axis][1], size) - rim
        inside.append((centre > low) & (centre < high))
    return inside[1][:, None] & inside[0][None, :]


def seen(patch: np.ndarray) -> np.ndarray:
    return (patch.mean(axis=0) - PAPER) / (INK - PAPER)


@pytest.fixture(scope="module")
def examples(material: Material) -> list[tuple[Example, Composite]]:
    shape = ExampleShape(patch_px=128, modal_heat_px=64, amodal_heat_px=80)
    return [draw_example(material, shape, seed=0, epoch=0, index=i) for i in range(24)]


def test_pictures_lie_where_the_scene_is(examples: list[tuple[Example, Composite]]) -> None:
    judge([errors(c, seen(e.modal_patch), e.modal_box) for e, c in examples], 0.002)
    judge([errors(c, seen(e.amodal_patch), e.seen_box) for e, c in examples], 0.002)


def test_masks_lie_where_the_scene_is(examples: list[tuple[Example, Composite]]) -> None:
    judge([errors(c, e.visible_mask, e.modal_box) for e, c in examples], 0.002)


def test_labels_lie_where_the_scene_is(examples: list[tuple[Example, Composite]]) -> None:
    """Cells are 1 or 0: half a pixel is a tenth of one, and shows in many examples together."""
    judge([errors(c, (e.amodal_label == POSITIVE).astype(float), e.frame_box) for e, c in examples], 0.01)


def judge(found: list[dict[float, float]], most: float) -> None:
    mean = {shift: np.mean([error[shift] for error in found]) for shift in (-0.5, 0.0, 0.5)}
    assert mean[0.0] < 0.9 * min(mean[-0.5], mean[0.5])
    assert max(error[0.0] for error in found) < most


def errors(composite: Composite, found: np.ndarray, box: np.ndarray) -> dict[float, float]:
    """Mean squared difference from the scene, and from the scene shifted half a canvas pixel to either side."""
    cells = len(found)
    inside = known(composite, box, cells)
    off = {shift: found - rendered(composite, box, cells, shift) for shift in (-0.5, 0.0, 0.5)}
    return {shift: float(np.square(values[inside]).mean()) for shift, values in off.items()}


def test_picture_and_mask_are_shifted_alike(examples: list[tuple[Example, Composite]]) -> None:
    """The light part of the patch and the mask over the same box have one centre, to a fifth of a canvas pixel."""
    checked = 0
    for example, composite in examples:
        if not known(composite, example.modal_box, 64)[2:-2, 2:-2].all():
            continue
        light = np.clip(seen(example.modal_patch), 0, 1).reshape(64, 2, 64, 2).mean((1, 3))
        at = (np.arange(64) + 0.5) / 64
        sides = example.modal_box[2:] - example.modal_box[:2]
        for axis in (0, 1):
            means = [values.sum(axis=axis) / values.sum() @ at for values in (light, example.visible_mask)]
            assert abs(float(means[0] - means[1])) * sides[axis] < 0.2
            checked += 1
    assert checked >= 4
