"""Damaged masks: how far contours move, and that a told mask lies where its box says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from amodal.synthesis import told
from amodal.synthesis.canvas import tight_box
from amodal.synthesis.composite import Composite
from amodal.synthesis.draw import draw_example
from amodal.synthesis.make import make_composite
from amodal.synthesis.material import Material
from amodal.synthesis.settings import ExampleShape, SynthesisSettings
from amodal.synthesis.told import damaged_mask, regrown, told_others

NOTHING = np.zeros((120, 120), dtype=np.bool_)


def disc(radius: float, x: float = 60, y: float = 60) -> np.ndarray:
    rows, columns = np.ogrid[:120, :120]
    return np.asarray((rows + 0.5 - y) ** 2 + (columns + 0.5 - x) ** 2 <= radius**2)


@pytest.mark.parametrize("offset", [-6.0, -2.0, 0.0, 2.0, 6.0])
def test_a_contour_moves_by_its_offset(offset: float) -> None:
    grid = np.zeros((96, 96), dtype=np.uint8)
    grid[:, :48] = 255
    assert regrown(grid, offset, 6.0)[48].sum() == pytest.approx(48 + offset, abs=0.75)


def test_a_told_mask_is_near_the_true_one_and_over_its_tight_box() -> None:
    true, rng = disc(30), np.random.default_rng(0)
    ious, touching = [], 0
    for _ in range(60):
        told = damaged_mask(true, NOTHING, 64, 0.06, rng)
        assert told is not None
        heat, box = told
        assert heat.shape == (64, 64) and heat.dtype == np.float32 and heat.min() >= 0 and heat.max() <= 1
        touching += all(side.max() > 0.4 for side in (heat[0], heat[-1], heat[:, 0], heat[:, -1]))
        x = ((np.arange(120) + 0.5 - box[0]) / (box[2] - box[0]) * 64).astype(int)
        y = ((np.arange(120) + 0.5 - box[1]) / (box[3] - box[1]) * 64).astype(int)
        inside = ((x >= 0) & (x < 64))[None, :] & ((y >= 0) & (y < 64))[:, None]
        found = inside & (heat[np.clip(y, 0, 63)][:, np.clip(x, 0, 63)] > 0.5)
        ious.append((found & true).sum() / (found | true).sum())
    assert touching > 55
    assert 0.75 < np.mean(ious) < 0.97 and np.min(ious) > 0.35 and np.ptp(ious) > 0.1


def test_no_noise_size_leaves_the_contour() -> None:
    true, rng = disc(30), np.random.default_rng(1)
    areas = []
    for _ in range(40):
        told = damaged_mask(true, NOTHING, 64, 0.0, rng)
        assert told is not None
        heat, box = told
        areas.append(heat.mean() * (box[2] - box[0]) * (box[3] - box[1]) / true.sum())
    assert np.max(areas) == pytest.approx(1, abs=0.03)
    assert np.mean(np.array(areas) > 0.97) > 0.5  # 0.3 have a missing part


def test_a_gap_opens_along_the_hidden_part() -> None:
    whole = disc(40)
    visible = whole.copy()
    visible[:, 60:] = False
    gaps = []
    for seed in range(60):
        told = damaged_mask(visible, whole & ~visible, 64, 0.1, np.random.default_rng(seed))
        other = damaged_mask(visible, NOTHING, 64, 0.1, np.random.default_rng(seed))
        assert told is not None and other is not None
        gaps.append(other[1][2] - told[1][2])
    assert np.mean(np.array(gaps) > 1) > 0.15


def test_too_little_left_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amodal.synthesis.told.regrown", lambda grid, *_: np.zeros_like(grid, dtype=np.bool_))
    assert damaged_mask(disc(30), NOTHING, 16, 0.1, np.random.default_rng(0)) is None


def test_examples_are_told_true_or_damaged_masks(make_material: Callable[..., Material]) -> None:
    shape = ExampleShape(32, 16, 20)
    for share in (0.0, 0.5, 1.0):
        material = make_material(mask_noise=share)
        examples = [draw_example(material, shape, seed=0, epoch=0, index=i) for i in range(60)]
        true = np.array([(e.told_box == e.modal_box).all() for e, _ in examples])
        assert 1 - true.mean() == pytest.approx(share, abs=0.2)
        for example, composite in examples:
            if (example.told_box == example.modal_box).all():
                assert (example.told_mask == example.visible_mask).all()
            else:
                assert np.abs(example.told_box - tight_box(composite.visible)).max() < 60


def laid_composites(make_material: Callable[..., Material], count: int, **settings: float) -> list[Composite]:
    material = make_material(**settings)
    found = []
    for i in range(10 * count):
        rng = np.random.default_rng(i)
        composite = make_composite(material, material.draw_main(rng), rng)
        if composite is not None and composite.laid is not None:
            found.append(composite)
    return found[:count]


def test_what_is_laid_is_numbered_where_it_is_seen(make_material: Callable[..., Material]) -> None:
    for composite in laid_composites(make_material, 12, behind=0.4):
        assert composite.laid is not None
        covered = composite.own & ~composite.visible
        assert (composite.laid[covered] > len(composite.behind)).all()  # what hides it lies over it
        assert not (composite.laid[composite.visible] > 0).any()
        changed = (composite.image != composite.clean).any(-1)
        assert (composite.laid[changed] > 0).all()
        assert composite.laid.max() <= len(composite.occluder_scales)


def test_others_are_told_where_they_are_seen(
    make_material: Callable[..., Material], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(told, "MISSED", 0.0)
    monkeypatch.setattr(told, "FOUND_TWICE", 0.0)
    settings = SynthesisSettings(others_told=1.0)
    for i, composite in enumerate(laid_composites(make_material, 8)):
        plane = told_others(composite, settings, np.random.default_rng(i))
        assert plane is not None and composite.laid is not None
        expected = (composite.laid > 0) | (composite.others & ~composite.own)
        np.testing.assert_array_equal(plane == 255, expected & ~composite.outside)
        assert set(np.unique(plane)) <= {0, 255}
        noisy = told_others(composite, replace(settings, mask_noise=1.0), np.random.default_rng(i))
        assert noisy is not None and noisy.shape == (96, 96)
        assert noisy.mean() == pytest.approx(plane.mean(), rel=0.8, abs=12)


def test_some_are_missed_and_some_told_twice(make_material: Callable[..., Material]) -> None:
    (composite,) = laid_composites(make_material, 1)
    assert composite.laid is not None
    planes = [told_others(composite, SynthesisSettings(others_told=0.6), np.random.default_rng(i)) for i in range(600)]
    known = [plane for plane in planes if plane is not None]
    assert len(known) / 600 == pytest.approx(0.6, abs=0.07)
    first = (composite.laid == 1) & ~composite.off_picture
    assert np.mean([(plane[first] == 255).all() for plane in known]) == pytest.approx(0.85, abs=0.06)
    assert np.mean([(plane[composite.visible] == 255).all() for plane in known]) == pytest.approx(0.04, abs=0.035)


def test_examples_without_the_setting_are_as_before(make_material: Callable[..., Material]) -> None:
    plain, telling = make_material(), make_material(others_told=1.0)
    shape, some = ExampleShape(64, 32, 40), 0
    for index in range(8):
        a, _ = draw_example(plain, shape, seed=0, epoch=0, index=index)
        b, _ = draw_example(telling, shape, seed=0, epoch=0, index=index)
        assert not a.modal_others.any() and a.modal_others.shape == (32, 32)
        assert a.other_patches.shape == (0, 3, 64, 64) and a.other_boxes.shape == (0, 4)
        some += bool(b.given_others.any())
        np.testing.assert_array_equal(a.modal_patch, b.modal_patch)
    assert some >= 4
