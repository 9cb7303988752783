"""Shares of cells, of masks and of boxes, and pictures laid over one another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from amodal.core import boxes as bx
from amodal.core.images import MEAN_COLOUR
from amodal.synthesis.canvas import mask_of
from amodal.synthesis.cells import box_cells, mask_cells, share_inside
from amodal.synthesis.drawing import Drawing, Drawn
from amodal.synthesis.make import make_composite
from amodal.synthesis.material import Material
from amodal.synthesis.pixels import blend, fill_around


def test_a_box_covers_what_its_mask_covers() -> None:
    rng, whole = np.random.default_rng(0), 0
    for _ in range(200):
        x1, y1 = rng.integers(0, 40, 2).tolist()
        inner = (x1, y1, x1 + int(rng.integers(20, 60)), y1 + int(rng.integers(20, 60)))
        low = rng.uniform(-10, 50, 2)
        box = bx.as_box([*low, *(low + rng.uniform(15, 60, 2))])
        mask = np.pad(mask_of(inner, (100, 100)), 40)  # so wide that no cell lies beyond the mask's canvas
        expected = mask_cells(mask, bx.as_box(np.array(box) + 40), 24).astype(int)
        found = box_cells(inner, box, 24)
        whole += found is None
        off = np.abs(expected - (255 if found is None else found))
        assert off[1:-1, 1:-1].max() <= 1 and off.max() <= 128  # the outermost take a little from beyond the box
        if found is None:
            assert inner[0] <= box[0] and inner[1] <= box[1] and box[2] <= inner[2] and box[3] <= inner[3]
    assert 0 < whole < 200


def test_less_than_enough_is_told_exactly() -> None:
    rng, inexact = np.random.default_rng(0), 0
    for _ in range(300):
        mask = rng.random((12, 15)) < rng.uniform(0, 1)
        low = rng.uniform(-1, 6, 2)
        box = bx.as_box([*low, *(low + rng.uniform(0.3, 9, 2))])
        exact = share_inside(mask, box)
        least = float(rng.uniform(0, 1)) if rng.random() < 0.7 else exact
        found = share_inside(mask, box, enough=least)
        assert least <= found <= exact + 1e-12 if exact >= least else found == exact
        inexact += found < exact
    assert 30 < inexact < 250


def test_labels_from_the_picture_are_those_from_the_canvas(make_material: Callable[..., Material]) -> None:
    """Where the canvas is the patch itself, both ways are one; mirrored ones too."""
    material, beyond, turned = make_material(flip=True), 0, 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        composite = make_composite(material, material.draw_main(rng), rng)
        assert composite is not None and isinstance(composite.look, Drawing)
        c = composite
        positive, unknown = c.look.cells(20)
        drawn = Drawn(c.image, c.clean, c.own, c.others, c.shown_box)
        for ours, theirs in zip((positive, unknown), drawn.cells(20), strict=True):
            ours, theirs = (np.zeros((20, 20), np.uint8) if a is None else a for a in (ours, theirs))
            assert np.abs(ours.astype(int) - theirs).max() <= 1
        beyond += bool(c.outside.any())
        turned += c.mirrored
    assert beyond > 5 and 15 < turned < 45


def test_one_picture_over_another_is_pillows_composite() -> None:
    rng = np.random.default_rng(0)
    below, above = (rng.integers(0, 256, (50, 60, 3), dtype=np.uint8) for _ in range(2))
    for matte in (
        rng.integers(0, 256, (40, 30), dtype=np.uint8),
        np.where(rng.random((40, 30)) < 0.5, 0, 255).astype(np.uint8),
    ):
        laid, part = below.copy(), np.ascontiguousarray(above[:40, :30])
        blend(laid[5:45, 7:37], part, matte)
        under = Image.fromarray(np.ascontiguousarray(below[5:45, 7:37]))
        expected = below.copy()
        expected[5:45, 7:37] = Image.composite(Image.fromarray(part), under, Image.fromarray(matte))
        np.testing.assert_array_equal(laid, expected)


def test_around_a_part_lies_the_mean_colour() -> None:
    image = np.zeros((9, 8, 3), dtype=np.uint8)
    fill_around(image, (2, 0, 8, 5))
    assert (~image[:5, 2:].any(-1)).all()
    assert ((image == MEAN_COLOUR).all(-1) == ~mask_of((2, 0, 8, 5), (8, 9))).all()
