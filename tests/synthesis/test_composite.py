from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from amodal.core import boxes as bx
from amodal.core.album import Album
from amodal.core.errors import AnnotationError
from amodal.core.images import MEAN_COLOUR, cut_patch
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.synthesis import draw
from amodal.synthesis import paste as module
from amodal.synthesis.canvas import (
    SOLID,
    cut_masks,
    cut_picture,
    cut_shares,
    mask_of,
    parts_in,
    shown_box,
    tight_box,
    union,
)
from amodal.synthesis.draw import draw_example
from amodal.synthesis.drawer import Ref
from amodal.synthesis.make import make_composite
from amodal.synthesis.material import Material, Source
from amodal.synthesis.patch import sample_patch, sample_patch_box
from amodal.synthesis.pictures import Cutout
from amodal.synthesis.scenes import make_scenes, scene_settings
from amodal.synthesis.settings import ExampleShape, SynthesisSettings


@given(
    st.tuples(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 300), st.integers(1, 300)),
    st.integers(0, 2**32),
)
def test_patch_box_keeps_its_bounds(xywh: tuple[int, int, int, int], seed: int) -> None:
    box = tuple(int(v) for v in bx.from_xywh(xywh))
    patch = sample_patch_box(box, SynthesisSettings(), np.random.default_rng(seed))  # type: ignore[arg-type]
    assert (bx.overlap_frac(patch, box) >= 0.7 - 1e-9).all()
    ratio = bx.sides(patch) / bx.sides(box)
    assert (ratio >= 0.7 - 1e-9).all() and (ratio <= 2 + 1e-9).all()


def test_patch_box_uses_the_whole_range() -> None:
    rng = np.random.default_rng(0)
    sides = np.array([bx.sides(sample_patch_box((0, 0, 100, 100), SynthesisSettings(), rng)) for _ in range(3000)])
    assert sides.min() == 70 and sides.max() == 200
    assert sides.mean() == pytest.approx(135, abs=2)
    assert abs(np.corrcoef(sides.T)[0, 1]) < 0.05  # each dimension apart


def test_masks_and_pixels_tell_the_same_story(make_material) -> None:  # type: ignore[no-untyped-def]
    material = make_material(max_occluders=0)
    for seed in range(40):
        composite = make_composite(material, Ref(0, 0, 0), np.random.default_rng(seed))
        assert composite is not None
        assert ((composite.image == (200, 0, 0)).all(-1) == composite.own).all()
        assert ((composite.image == (0, 200, 0)).all(-1) == composite.others).all()
        assert ((composite.image == MEAN_COLOUR).all(-1) == composite.outside).all()
        assert (composite.own == composite.visible).all() and composite.occluders == ()


def test_occluders_come_from_other_pictures_and_hide_what_they_cover(make_material) -> None:  # type: ignore[no-untyped-def]
    material = make_material()
    counts = []
    for seed in range(150):
        composite = make_composite(material, Ref(0, 0, 0), np.random.default_rng(seed))
        assert composite is not None
        counts.append(len(composite.occluders))
        assert all(image_id != composite.image_id for image_id, _ in composite.occluders)
        assert not (composite.visible & ~composite.own).any()
        assert (composite.image[composite.visible] == (200, 0, 0)).all(-1).mean() > 0.97  # soft edges of mattes
        hidden = composite.own & ~composite.visible
        assert not (composite.image[hidden] == (200, 0, 0)).all(-1).any()
        # what hides it shows the occluder's own pixels, not the ground around it: picture and matte have not drifted
        shown = composite.image[hidden].astype(int)
        colours = np.array([(0, 0, 200), (200, 200, 0), (0, 200, 200)])
        if len(shown) > 200:
            assert (np.abs(shown[:, None] - colours).max(-1).min(-1) <= 60).mean() > 0.85  # all but soft edges
        assert (composite.clean[composite.own] == (200, 0, 0)).all()
    assert set(counts) == {0, 1, 2}


def test_visible_share_is_of_the_whole_object_and_never_below_the_bound(make_material) -> None:  # type: ignore[no-untyped-def]
    material = make_material(canvas_px=64)
    shares = []
    for seed in range(200):
        composite = make_composite(material, Ref(0, 1, 0), np.random.default_rng(seed))
        assert composite is not None
        assert max(composite.own.shape) <= 64
        x1, y1, x2, y2 = composite.patch_box
        kept = (min(x2, 100) - max(x1, 20)) * (min(y2, 80) - max(y1, 40))
        seen = composite.visible.sum() / composite.own.sum()
        assert composite.visible_share == pytest.approx(seen * kept / (80 * 40))
        shares.append(composite.visible_share)
    assert min(shares) >= 0.30
    assert min(shares) < 0.45 and max(shares) > 0.95


def test_an_operation_that_hides_too_much_is_undone(make_material, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    """The first occluder covers everything, the second lies aside: the first leaves no trace."""
    material = make_material(max_occluders=1, patch_scale=(1.0, 1.0), min_patch_overlap=1.0)
    places = iter([(0, 0), (-(10**6), 0)])
    tried = []

    def place(visible: object, size: tuple[int, int], *_: object) -> tuple[int, int]:
        spot = next(places)
        tried.append(spot)
        return spot if spot == (0, 0) else (1 - size[0], 0)  # one column of it reaches the canvas

    monkeypatch.setattr(module, "_place", place)
    material = make_material(max_occluders=1, occluder_scale=(3.0, 3.0))
    rng = np.random.default_rng(next(s for s in range(99) if _asks_for_one_occluder(make_material, s)))
    composite = make_composite(material, Ref(0, 0, 0), rng)
    assert composite is not None and tried == [(0, 0), (-(10**6), 0)]
    changed = (composite.image != composite.clean).any(-1)
    assert len(composite.occluders) == 1 and not changed[:, 2:].any()


def _asks_for_one_occluder(make_material, seed: int) -> bool:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    material = make_material(max_occluders=1)
    picture = material.picture(0, 0)
    sample_patch(material, picture, Ref(0, 0, 0), rng)
    return int(rng.integers(2)) == 1


def test_giving_up_is_none_not_a_loop(make_material, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "_place", lambda *_: (0, 0))
    material = make_material(max_occluders=20, occluder_scale=(5.0, 5.0), max_tries=3)
    found = [make_composite(material, Ref(0, 0, 0), np.random.default_rng(seed)) for seed in range(20)]
    assert any(c is None for c in found)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"min_visible": 1.0, "patch_scale": (0.7, 0.7), "max_tries": 1},
            "'9 never within min_visible and min_hidden, 0 below min_visible_in_patch'. Lower min_visible or",
        ),
        (
            {"patch_scale": (9.0, 9.0), "max_occluders": 0},
            "'0 never within min_visible and min_hidden, 9 below min_visible_in_patch'. Lower min_visible_in_patch or",
        ),
    ],
)
def test_what_no_example_came_of_is_told(
    make_material: Callable[..., Material], monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], told: str
) -> None:
    monkeypatch.setattr(draw, "_MAX_DRAWS", 9)
    with pytest.raises(AnnotationError) as refused:
        draw.draw_example(make_material(**changes), ExampleShape(16, 8, 10), seed=0, epoch=0, index=0)
    begins = "made-up: 9 main objects in a row gave no example that shows enough of its object; found "
    assert str(refused.value).startswith(f"{begins}{told}")


def test_no_patch_shows_enough(make_material) -> None:  # type: ignore[no-untyped-def]
    material = make_material(min_visible=1.0, patch_scale=(0.7, 0.7), max_tries=5)
    assert make_composite(material, Ref(0, 0, 0), np.random.default_rng(0)) is None


@pytest.mark.parametrize("seed", range(20))
def test_occluder_scale_and_place(make_material, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:  # type: ignore[no-untyped-def]
    seen = []
    original = module._place

    def place(visible, size, *others):  # type: ignore[no-untyped-def]
        spot = original(visible, size, *others)
        seen.append((visible, size, spot))
        return spot

    monkeypatch.setattr(module, "_place", place)
    make_composite(make_material(), Ref(0, 0, 0), np.random.default_rng(seed))
    for visible, size, (left, top) in seen:
        canvas = np.array(visible.shape[::-1])
        shortest = int(size[1] < size[0])
        assert 0.5 - 1 / canvas[shortest] <= size[shortest] / canvas[shortest] <= 1 + 1 / canvas[shortest]
        common = bx.intersect((left, top, left + size[0], top + size[1]), tight_box(visible))
        assert (bx.sides(common) >= 1).all()


def test_mirrored_examples_are_mirrored_whole(make_material) -> None:  # type: ignore[no-untyped-def]
    plain, flipped = make_material(), make_material(flip=True)
    turned = 0
    for seed in range(20):
        a = make_composite(plain, Ref(0, 2, 0), np.random.default_rng(seed))
        b = make_composite(flipped, Ref(0, 2, 0), np.random.default_rng(seed))
        assert a is not None and b is not None
        turned += b.mirrored
        step = -1 if b.mirrored else 1
        for name in ("image", "clean", "own", "visible", "others", "outside"):
            assert (getattr(a, name)[:, ::step] == getattr(b, name)).all(), name
    assert 3 < turned < 17


def test_colour_jitter_changes_colours_and_nothing_else(make_material) -> None:  # type: ignore[no-untyped-def]
    a = make_composite(make_material(), Ref(0, 0, 0), np.random.default_rng(4))
    b = make_composite(make_material(colour_jitter=0.4), Ref(0, 0, 0), np.random.default_rng(4))
    assert a is not None and b is not None
    assert (a.image != b.image).any() and (a.visible == b.visible).all()
    untouched = b.outside & (a.image == MEAN_COLOUR).all(-1)
    assert (b.image[untouched] == MEAN_COLOUR).all()


def test_canvas_of_a_patch_beyond_the_picture() -> None:
    image = np.full((10, 10, 3), 50, dtype=np.uint8)
    patch = (-5, 2, 5, 12)
    for size in ((10, 10), (5, 5)):
        canvas, beyond = cut_picture(image, patch, size), ~mask_of(shown_box(patch, 10, 10, size), size)
        assert ((canvas == MEAN_COLOUR).all(-1) == beyond)[1:-2, 1:-2].mean() > 0.7
    assert shown_box(patch, 10, 10, (10, 10)) == (5, 0, 10, 8)


@pytest.mark.parametrize("finer", [False, True])
def test_masks_and_shares_of_a_patch_of_another_size(finer: bool) -> None:
    """A canvas pixel is an object's where its centre lies on it; a cell's share is that of the whole patch resampled.

    Both look at no more than where the objects are.
    """
    rng = np.random.default_rng(int(finer))
    checked = 0
    for _ in range(60):
        x1, y1, x2, y2 = patch = -20, 5, 180 + int(rng.integers(40)), 140
        cutouts = []
        for _ in range(int(rng.integers(3))):
            width, height = rng.integers(1, 90, 2).tolist()
            left, top = int(rng.integers(-60, 200)), int(rng.integers(-60, 150))
            matte = Image.fromarray(rng.integers(0, 256, (5, 5), dtype=np.uint8)).resize((width, height))
            solid = (np.asarray(matte) > 100) * np.uint8(255)
            cutouts.append(Cutout(solid, (left, top, left + width, top + height), int((solid > 0).sum())))
        size = int(rng.integers(50, 120)), int(rng.integers(40, 90))
        if finer:
            size = 5 * size[0], 5 * size[1]
        area = (0, 0, x2 - x1, y2 - y1)
        whole, found = union(parts_in(cutouts, patch), area), cut_masks(cutouts, patch, size)
        assert found.dtype == np.bool_ and found.view(np.uint8).max() <= 1  # true bytes: ~ and * depend on it
        columns = ((np.arange(size[0]) + 0.5) * (x2 - x1) / size[0]).astype(int)
        rows = ((np.arange(size[1]) + 0.5) * (y2 - y1) / size[1]).astype(int)
        assert (found == (whole >= SOLID)[np.ix_(rows, columns)]).all()
        shares = cut_shares(cutouts, patch, size)
        assert np.abs(shares.astype(int) - cut_patch(whole, area, size)).max() <= 1
        if cutouts:
            rest = whole & ~union(parts_in(cutouts[:1], patch), area)
            shares = cut_shares(cutouts, patch, size, without=cutouts[0])
            assert np.abs(shares.astype(int) - cut_patch(rest, area, size)).max() <= 1
        checked += int(found.sum())
        assert (cut_masks(cutouts, patch, (x2 - x1, y2 - y1)) == (whole >= SOLID)).all()
    assert checked > 1000


def _alone(tmp_path: Path, mask: NDArray[np.bool_], **changes: object) -> Material:
    """Material of one object alone, in a picture of its mask's size."""
    height, width = mask.shape
    Image.new("RGB", (width, height), (90, 90, 90)).save(tmp_path / "0.png")
    whole = Mask.from_array(mask)
    record = ImageRecord(1, "0.png", width, height, (Instance(1, 0, whole.box, whole),))
    settings = SynthesisSettings(max_occluders=0, flip=False, **changes)  # type: ignore[arg-type]
    return Material([Source(Album([record], [Category(1, "thing")], source="made-up"), tmp_path)], settings)


def test_what_falls_between_the_pixels_of_a_shrunk_canvas_is_tried_again(tmp_path: Path) -> None:
    mask = np.zeros((1500, 1500), np.bool_)
    mask[100, 100] = mask[1400, 1400] = True
    material = _alone(tmp_path, mask, min_visible_in_patch=0.0)
    made = [make_composite(material, Ref(0, 0, 0), np.random.default_rng(seed)) for seed in range(30)]
    assert all(composite is None or composite.shown.any() for composite in made)
    assert any(composite is not None and composite.undone for composite in made)
    for scene in make_scenes(Material(material.sources, scene_settings(material.settings)), 3):
        assert scene.visible.any() and 0 < scene.visible_share <= 1
    for index in range(5):
        example, composite = draw_example(material, ExampleShape(16, 8, 10), seed=0, epoch=0, index=index)
        assert example.hidden_share == 0 and composite.visible.any()


def test_the_share_of_a_thin_object_is_that_of_its_pixels(tmp_path: Path) -> None:
    """A rod of 3 x 2000 pixels is one column of the canvas wide, or none: the canvas's scale says nothing of it."""
    mask = np.zeros((2040, 43), np.bool_)
    mask[20:2020, 20:23] = mask[20:60, 5:38] = True
    material, shares = _alone(tmp_path, mask, canvas_px=100), []
    for seed in range(60):
        composite = make_composite(material, Ref(0, 0, 0), np.random.default_rng(seed))
        if composite is not None:
            x1, y1, x2, y2 = composite.patch_box
            shares.append(mask[max(y1, 0) : y2, max(x1, 0) : x2].sum() / mask.sum())
            assert composite.visible_share == pytest.approx(shares[-1])
    assert len(shares) > 30 and 0.3 <= min(shares) < 0.8
