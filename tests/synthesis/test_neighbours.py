"""Other objects as boxes, for what IIS finds there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amodal.core import boxes as bx
from amodal.core.album import Album
from amodal.synthesis import neighbours
from amodal.synthesis.canvas import tight_box
from amodal.synthesis.composite import Boxed, Composite
from amodal.synthesis.draw import draw_example
from amodal.synthesis.finish import clear_twin, mirrored
from amodal.synthesis.make import make_composite
from amodal.synthesis.material import Material, Source
from amodal.synthesis.neighbours import OTHERS_BOXED, box_jitter, boxed_others
from amodal.synthesis.settings import ExampleShape, SynthesisSettings

EXACT = box_jitter(SynthesisSettings(jitter_min_overlap=1.0, jitter_max_resize=0.0), np.random.default_rng(0))


def composites(make_material: Callable[..., Material], count: int) -> list[Composite]:
    material = make_material(behind=0.4)
    made = (make_composite(material, material.draw_main(rng), rng) for rng in map(np.random.default_rng, range(count)))
    return [_crowded(composite) for composite in made if composite is not None]


def _crowded(composite: Composite) -> Composite:
    """The made-up objects of a picture lie apart: their boxes are grown until they meet."""
    grown = (one._replace(box=bx.as_box(bx.grow(one.box, 0.4))) for one in composite.neighbours)
    return composite._replace(neighbours=tuple(grown))


@pytest.fixture
def sure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MISSED", 0.0)
    monkeypatch.setattr(neighbours, "FOUND_TWICE", 0.0)


def _is_neighbour(one: Boxed, composite: Composite) -> bool:
    return any(np.allclose(one.box, other.box) for other in composite.neighbours)


def meets(box: bx.Box, composite: Composite) -> bool:
    return bool(bx.area(bx.intersect(box, tight_box(composite.visible))) > 0)


@pytest.mark.usefixtures("sure")
def test_boxes_are_those_of_what_is_laid_and_of_the_pictures_own_objects(
    make_material: Callable[..., Material],
) -> None:
    laid_ones = own_ones = 0
    for composite in composites(make_material, 40):
        expected = {one.box for one in composite.neighbours}
        for number in range(1, len(composite.occluder_scales) + 1):
            assert composite.laid is not None
            seen = (composite.laid == number) & ~composite.off_picture
            if seen.any():
                expected.add(bx.as_box(tight_box(seen)))
        expected = {box for box in expected if meets(box, composite)}
        found = boxed_others(composite, EXACT, np.random.default_rng(0))
        assert len(found) == min(len(expected), OTHERS_BOXED)
        for one in found:
            assert any(np.allclose(one.box, box) for box in expected)
        own_ones += any(_is_neighbour(one, composite) for one in found)
        laid_ones += any(not _is_neighbour(one, composite) for one in found)
    assert laid_ones > 10 and own_ones > 3


@pytest.mark.usefixtures("sure")
def test_those_with_most_in_the_main_box_come_first(make_material: Callable[..., Material]) -> None:
    (composite, *_) = composites(make_material, 3)
    x1, y1, x2, y2 = tight_box(composite.visible)
    width = x2 - x1
    near = [Boxed((x2 - share * width, y1, x2 + 9.0, y2), place) for place, share in enumerate((0.1, 0.5, 0.3, -0.1))]
    composite = composite._replace(neighbours=tuple(near), look=composite.look.cleared(), laid_categories=())
    assert [one.category for one in boxed_others(composite, EXACT, np.random.default_rng(0))] == [1, 2]


def test_some_are_missed_some_are_the_object_itself(make_material: Callable[..., Material]) -> None:
    composite = next(c for c in composites(make_material, 60) if any(meets(n.box, c) for n in c.neighbours))
    look = composite.look.cleared()
    composite = composite._replace(neighbours=composite.neighbours[:1], look=look, laid_categories=())
    main = Boxed(bx.as_box(tight_box(composite.visible)), composite.category)
    drawn = [boxed_others(composite, EXACT, np.random.default_rng(i)) for i in range(800)]
    assert np.mean([composite.neighbours[0] in found for found in drawn]) == pytest.approx(0.85, abs=0.05)
    assert np.mean([found[:1] == [main] for found in drawn]) == pytest.approx(0.04, abs=0.025)


def test_neighbours_are_where_the_picture_shows_them(make_material: Callable[..., Material]) -> None:
    seen = 0
    for composite in composites(make_material, 40):
        turned = mirrored(composite)
        for one, other in zip(composite.neighbours, turned.neighbours, strict=True):
            x1, y1, x2, y2 = one.box
            centre = int((y1 + y2) / 2), int((x1 + x2) / 2)
            assert composite.others[centre] and turned.others[centre[0], turned.own.shape[1] - 1 - centre[1]]
            assert other.box == (turned.own.shape[1] - x2, y1, turned.own.shape[1] - x1, y2)
            seen += 1
        assert len(composite.laid_categories) == len(composite.occluder_scales)
        twin = clear_twin(composite)
        assert twin.laid_categories == () and twin.neighbours == composite.neighbours
    assert seen > 3


@pytest.mark.parametrize("kind", ["is_crowd", "is_stuff"])
def test_crowds_and_stuff_are_no_neighbours(album: Album, folder: Path, kind: str) -> None:
    records = [
        replace(r, instances=(*r.instances[:1], *(replace(o, **{kind: True}) for o in r.instances[1:]))) for r in album
    ]
    material = Material([Source(Album(records, album.categories, source="made-up"), folder)])
    made = (make_composite(material, material.draw_main(rng), rng) for rng in map(np.random.default_rng, range(30)))
    shown = [composite for composite in made if composite is not None and composite.others.any()]
    assert len(shown) > 3 and not any(composite.neighbours for composite in shown)


def test_examples_hold_a_patch_for_each_box(make_material: Callable[..., Material]) -> None:
    material, shape, filled = make_material(others_told=1.0), ExampleShape(32, 16, 20), 0
    for index in range(12):
        example, composite = draw_example(material, shape, seed=0, epoch=0, index=index)
        assert example.other_patches.shape == (OTHERS_BOXED, 3, 32, 32)
        there = example.other_boxes[:, 2] > example.other_boxes[:, 0]
        assert not example.other_boxes[~there].any() and not example.other_patches[~there].any()
        for patch, box in zip(example.other_patches[there], example.other_boxes[there], strict=True):
            y, x = int((box[1] + box[3]) / 2), int((box[0] + box[2]) / 2)
            around = composite.image[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].reshape(-1, 3).astype(float)
            middle = patch[:, 15:17, 15:17].mean((1, 2))
            assert (middle >= around.min(0) - 25).all() and (middle <= around.max(0) + 25).all()
            filled += 1
    assert filled > 6


@pytest.mark.parametrize(("share", "tight"), [(0.0, 0), (0.5, 150), (1.0, 300)])
def test_a_share_of_examples_has_tight_boxes(share: float, tight: int) -> None:
    settings = SynthesisSettings(tight_boxes=share)
    box = np.array((10.0, 20.0, 110.0, 60.0))
    found = 0
    for seed in range(300):
        jittered = box_jitter(settings, np.random.default_rng(seed))
        several = [np.asarray(jittered(box)) for _ in range(4)]
        moved = [np.abs(one - box) / np.tile(bx.sides(box), 2) for one in several]
        assert not any(np.allclose(one, box) for one in several)
        # the worst a tight box does: it covers 97 % and is 3 % longer
        near = max(float(one.max()) for one in moved) <= 0.06
        found += near
        for one in several if near else []:
            assert (bx.overlap_frac(one, box) >= 0.97 - 1e-9).all()
    assert found == pytest.approx(tight, abs=30)


def test_tight_boxes_never_loosen_tighter_ones() -> None:
    settings = SynthesisSettings(jitter_min_overlap=1.0, jitter_max_resize=0.0, tight_boxes=1.0)
    box = (10.0, 20.0, 110.0, 60.0)
    assert box_jitter(settings, np.random.default_rng(0))(box) == pytest.approx(box)


@pytest.mark.usefixtures("sure")
def test_boxes_end_at_a_made_border(make_material: Callable[..., Material]) -> None:
    composite = next(c for c in composites(make_material, 20) if tight_box(c.visible)[2] < c.size[0] - 5)
    x1, y1, x2, y2 = tight_box(composite.visible)
    width, height = composite.size
    across, beyond = (x1, y1, width, y2), (x2, y1, width, y2)
    boxed = tuple(Boxed(bx.as_box(box), place) for place, box in enumerate((beyond, across)))
    look = composite.look.cleared()
    bordered = composite._replace(neighbours=boxed, look=look, laid_categories=(), border_box=(0, 0, x2, height))
    found = boxed_others(bordered, EXACT, np.random.default_rng(0))
    assert [(one.category, one.box) for one in found] == [(1, (x1, y1, x2, y2))]
    (whole,) = boxed_others(bordered._replace(border_box=None), EXACT, np.random.default_rng(0))
    assert whole.box == pytest.approx((x1, y1, width, y2))
