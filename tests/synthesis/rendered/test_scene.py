"""Rendered scenes: masks, light, paint, and that a scene is a function of seed, number and pictures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from amodal.core.errors import RecipeError
from amodal.core.masks import Mask
from amodal.synthesis.rendered.kinds.table import KINDS, kinds_named
from amodal.synthesis.rendered.layers import make_layer, whole_mask
from amodal.synthesis.rendered.order import find_occlusions
from amodal.synthesis.rendered.paint import Paint, surface
from amodal.synthesis.rendered.parts import box
from amodal.synthesis.rendered.pictures import MadePictures
from amodal.synthesis.rendered.scene import Scene, make_scene
from amodal.synthesis.rendered.shading import Surfaces, shade
from amodal.synthesis.rendered.space import EYE, at
from amodal.synthesis.rendered.things import Thing
from amodal.synthesis.rendered.view import View

SIZE = (64, 48)
FIRST_KINDS = ["carton", "can", "lathe", "mug", "animal", "slab", "tool", "rack", "fruit", "curved", "assembly"]
"""Those that the sixth training was given."""


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [make_scene(0, number, MadePictures(), SIZE, kinds_named(FIRST_KINDS)) for number in range(6)]


def test_what_is_seen_is_a_part_of_the_whole_and_nobody_elses(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert scene.image.shape == (48, 64, 3) and scene.image.dtype == np.uint8 and 75 <= scene.quality <= 95
        assert 5 <= len(scene.objects) <= 16
        visible = np.array([seen.visible for seen in scene.objects])
        whole = np.array([seen.whole for seen in scene.objects])
        assert visible.shape[1:] == (48, 64) and visible.dtype == whole.dtype == np.bool_
        assert not (visible & ~whole).any()
        claims = visible.sum(0)
        assert claims.max() <= 2 and (claims == 2).mean() < 0.04  # two rays of four each
        assert (whole.any(0) & ~visible.any(0)).mean() < 0.02  # where something is, something is seen


def test_some_are_hidden_and_some_are_not(scenes: list[Scene]) -> None:
    pairs = [(seen.visible.sum(), seen.whole.sum()) for scene in scenes for seen in scene.objects if seen.whole.any()]
    hidden = np.array([1 - visible / whole for visible, whole in pairs])
    assert (hidden == 0).mean() > 0.1 and (hidden > 0.2).mean() > 0.1


def test_a_scene_is_a_function_of_seed_and_number(scenes: list[Scene]) -> None:
    again = make_scene(0, 2, MadePictures(), SIZE, kinds_named(FIRST_KINDS))
    assert np.array_equal(again.image, scenes[2].image) and again.quality == scenes[2].quality
    assert all(np.array_equal(a.whole, b.whole) for a, b in zip(again.objects, scenes[2].objects, strict=True))
    for other in (
        make_scene(1, 2, MadePictures(), SIZE, kinds_named(FIRST_KINDS)),
        make_scene(0, 2, MadePictures(), SIZE),
    ):
        assert not np.array_equal(other.image, again.image)


@pytest.mark.parametrize("kinds", [FIRST_KINDS, []])
def test_scenes_stay_what_they_are(kinds: list[str]) -> None:
    """A draw more or less, or in another order, changes all of them: networks were trained on them."""
    known, means, qualities = PINNED[not kinds]
    scenes = [make_scene(0, number, MadePictures(), SIZE, kinds_named(kinds)) for number in range(6)]
    found = [(len(scene.objects), sum(int(seen.whole.sum()) for seen in scene.objects)) for scene in scenes]
    assert np.allclose(found, known, rtol=0, atol=[0, 4])
    assert [scene.image.mean() for scene in scenes] == pytest.approx(means, abs=0.5)
    assert [scene.quality for scene in scenes] == qualities


def test_kinds_by_name() -> None:
    assert list(KINDS)[: len(FIRST_KINDS)] == FIRST_KINDS  # later ones are put at the end
    assert kinds_named() == tuple(KINDS.values()) and kinds_named(["wheel", "can"]) == (KINDS["can"], KINDS["wheel"])
    assert all(kind.__name__ == name for name, kind in KINDS.items())
    with pytest.raises(RecipeError, match=r"no such kind of thing; found 'house'\. Name some of carton, can, "):
        kinds_named(["mug", "house"])


@pytest.mark.parametrize("name", ["ring", "wheel", "grille", "crate"])
def test_what_has_gaps_shows_what_is_behind(name: str) -> None:
    """Some ground within its outline is not joined to the rest of it; a can has none."""
    paint = Paint(np.random.default_rng(0), MadePictures(), 1.0)
    view = View(at(0, 0, 5), at(), 120, 120, 100.0, parallel=True)
    holes = {}
    for kind in (name, "can"):
        things = [Thing(tuple(KINDS[kind](np.random.default_rng(k))), (paint,) * 3, 1.0, 1.0) for k in range(6)]
        ground = [ndimage.label(~whole_mask(view, make_layer(view, thing)))[1] for thing in things]
        holes[kind] = max(ground) - 1
    assert holes[name] > 0 and holes["can"] == 0


PINNED = (
    (
        [(15, 960), (11, 617), (16, 3745), (11, 2079), (10, 729), (13, 725)],
        [65.19, 130.15, 101.99, 137.8, 62.29, 123.86],
        [89, 83, 86, 83, 78, 76],
    ),
    (
        [(15, 942), (11, 1360), (16, 1579), (11, 1132), (10, 1198), (13, 2001)],
        [143.63, 74.87, 79.72, 119.96, 105.38, 33.49],
        [82, 87, 83, 95, 90, 91],
    ),
)
"""Of the first kinds, and of all: objects and the pixels of their whole masks, mean colour, quality."""


def test_a_thing_throws_a_shadow_and_what_faces_away_is_dark() -> None:
    paint = Paint(np.random.default_rng(0), MadePictures(), 1.0)
    lid = Thing((box(1.0, 1.0, 0.05, EYE, at(0, 0, 0.4)),), (paint, paint, paint), 1.0, 0.1)
    points = np.array([at(), at(0, 0, 0.45), at(3.2, 3.2, 0), at()])
    normal = np.array([at(0, 0, 1), at(0, 0, 1), at(0, 0, 1), at(0, 0, -1)])
    plain = np.ones(4, np.float32)
    surfaces = Surfaces(
        np.tile(at(0, 0, -1), (4, 1)), points, normal, np.full((4, 3), 0.5, np.float32), 0 * plain, plain
    )
    drawn = [shade(np.random.default_rng(seed), surfaces, [lid]).mean(1) for seed in range(30)]
    under, top, beside, ceiling = np.transpose(drawn)
    assert (ceiling < under).all() and (under <= top).all() and (top <= beside + 1e-6).all()
    assert np.median(under) < 0.8 * np.median(top) and np.median(top) > 0.95 * np.median(beside)


def test_paint_has_colours_and_each_kind_another_look() -> None:
    rng = np.random.default_rng(0)
    uv = rng.uniform(-1, 1, (500, 2)).astype(np.float32)
    place = rng.uniform(-0.5, 0.5, (500, 3)).astype(np.float32)
    tones = set()
    for _ in range(60):
        colours = Paint(rng, MadePictures(), 0.2).colours(uv, place)
        assert colours.shape == (500, 3) and colours.min() >= 0 and colours.max() <= 1
        tones.add(min(len(np.unique(colours, axis=0)), 3))
    assert tones == {1, 2, 3}
    assert {len(np.unique(Paint(rng, MadePictures(), 1.0).colours(uv, place), axis=0)) for _ in range(5)} == {1}


def test_paint_goes_around_what_is_round_and_onto_faces() -> None:
    place = np.array([at(0.5, 0, 0.2), at(0, 0.5, 0.2), at(0.1, 0.2, 0.4)])
    normal = np.array([at(1, 0, 0), at(0, 1, 0), at(0, 0, 1)])
    assert np.allclose(surface(normal, place, is_round=True), [(0, 0.2), (0.375, 0.2), (0.1, 0.2)])
    assert np.allclose(surface(normal, place, is_round=False), [(0, 0.2), (0, 0.2), (0.1, 0.2)])


def masks(whole: tuple[int, int], visible: tuple[int, int]) -> tuple[Mask, Mask]:
    """Of an object that spans some columns of a picture of one row."""
    return tuple(Mask.from_box((*(span[0], 0), *(span[1], 1)), 20, 1) for span in (whole, visible))  # type: ignore[return-value]


def test_who_hides_whom() -> None:
    assert find_occlusions({1: masks((0, 6), (0, 6)), 2: masks((4, 10), (6, 10)), 3: masks((12, 15), (12, 15))}) == [
        (1, 2)
    ]
    assert find_occlusions({2: masks((4, 10), (6, 10)), 1: masks((0, 6), (0, 6))}) == [(1, 2)]


def test_a_circle_loses_its_weakest_pair() -> None:
    def mask(*columns: int) -> Mask:
        row = np.zeros((1, 20), dtype=bool)
        row[0, list(columns)] = True
        return Mask.from_array(row)

    circle = {
        1: (mask(0, 1, 2, 3, 9), mask(0, 1, 2, 3)),  # 1 hides 2 in 0 to 2, 2 hides 3 in 5 and 6, 3 hides 1 in 9
        2: (mask(0, 1, 2, 5, 6), mask(5, 6)),
        3: (mask(5, 6, 9, 10), mask(9, 10)),
    }
    assert find_occlusions(circle) == [(1, 2), (2, 3)]
