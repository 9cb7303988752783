"""The settings beyond the paper: each does what its name says, and nothing when it is off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from amodal.core.album import Album
from amodal.core.errors import RecipeError
from amodal.core.images import MEAN_COLOUR
from amodal.core.labels import POSITIVE, UNKNOWN
from amodal.core.masks import Mask
from amodal.core.records import Instance
from amodal.synthesis.canvas import tight_box
from amodal.synthesis.composite import Composite
from amodal.synthesis.draw import draw_example
from amodal.synthesis.drawer import Ref
from amodal.synthesis.make import make_composite
from amodal.synthesis.material import Material, Source
from amodal.synthesis.repaint import Paint, shaded
from amodal.synthesis.settings import ExampleShape, SynthesisSettings, validation_settings

Make = Callable[..., Material]
SHAPE = ExampleShape(32, 16, 20)
MAIN = Ref(0, 0, 0)  # red, with a green neighbour in its picture


def several(material: Material, main: Ref = MAIN, count: int = 60) -> list[Composite]:
    found = [make_composite(material, main, np.random.default_rng(seed)) for seed in range(count)]
    return [composite for composite in found if composite is not None]


def test_all_are_off_by_default() -> None:
    default = SynthesisSettings()
    off = ("behind", "same_image", "occluder_at_edge", "border", "feather_px", "occluder_colour", "occluder_blur_px")
    for name in (*off, "low_resolution", "mask_noise", "tight_boxes", "repaint"):
        assert getattr(default, name) == 0
    assert default.clear is None and default.paired is False and default.partial_weight == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"behind": 1.1},
        {"clear": -0.1},
        {"clear": 0.5, "max_occluders": 0},
        {"low_resolution_px": (3, 10)},
        {"low_resolution_px": (30, 10)},
        {"mask_noise_size": 0.5},
        {"tight_boxes": 1.5},
        {"repaint": -0.5},
        {"feather_px": 99.0},
        {"min_hidden": 0.75},
        {"min_hidden": 0.75, "max_occluders": 0, "border": 0.1},
    ],
)
def test_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match=next(iter(wrong))):
        SynthesisSettings(**wrong)  # type: ignore[arg-type]


def test_what_is_hidden_and_what_stays_visible_make_up_the_object() -> None:
    with pytest.raises(RecipeError, match=r"min_hidden and min_visible together are 1 .*found \(0.75, 0.3\)"):
        SynthesisSettings(min_hidden=0.75)
    SynthesisSettings(min_hidden=0.7)
    SynthesisSettings(min_hidden=0.75, max_occluders=0)  # nothing is to be hidden
    SynthesisSettings(min_hidden=0.75, clear=1.0)
    SynthesisSettings(min_hidden=0.75, behind=1.0)


def test_a_border_always_hides_and_nothing_may_be_hidden() -> None:
    with pytest.raises(RecipeError, match=r"min_visible is below 1 where a border always hides .*Lower min_visible"):
        SynthesisSettings(min_visible=1, border=1.0)
    SynthesisSettings(min_visible=0.99, border=1.0)
    SynthesisSettings(min_visible=1, border=0.9)


@pytest.mark.parametrize("changes", [{}, {"clear": 0.0}, {"paired": True}, {"clear": 0.0, "behind": 0.5}])
def test_where_nothing_may_be_hidden_occluders_lie_beside_the_object(
    album: Album, folder: Path, changes: dict[str, Any]
) -> None:
    """Objects are thin diagonals here: boxes meet where masks do not."""

    def thinned(instance: Instance) -> Instance:
        assert instance.modal_mask is not None
        seen = instance.modal_mask.to_array() & (np.abs(np.subtract.outer(*[np.arange(120)] * 2)) < 12)
        return replace(instance, modal_mask=Mask.from_array(seen)) if seen.any() else instance

    thin = album.filter(lambda record: replace(record, instances=tuple(map(thinned, record.instances))))
    material = Material([Source(thin, folder)], SynthesisSettings(min_visible=1, patch_scale=(1.5, 2), **changes))
    made = several(material, count=12)
    assert all(composite.visible_share == 1 for composite in made)
    assert any(composite.occluders or composite.behind for composite in made)


def test_a_made_border_hides_something(make_material: Make) -> None:
    made = several(make_material(border=1.0, max_occluders=0))
    assert len(made) > 40 and all((c.shown & ~c.visible).any() for c in made)


def test_repainted_objects_alone_change_colour(make_material: Make) -> None:
    plain = several(make_material(max_occluders=0))
    painted = several(make_material(max_occluders=0, repaint=1.0))
    mirrored = several(make_material(max_occluders=0, repaint=1.0, flip=True))
    colours = set()
    for before, after, turned in zip(plain, painted, mirrored, strict=True):
        # the paint is drawn after the patch's box, before all else
        assert after.patch_box == before.patch_box
        whole, inner = ImageFilter.MaxFilter(9), ImageFilter.MinFilter(9)
        own = Image.fromarray(before.own.view(np.uint8) * np.uint8(255))
        near, well_inside = np.asarray(own.filter(whole)) > 0, np.asarray(own.filter(inner)) > 0
        assert (after.own == before.own).all() and (after.visible == before.visible).all()
        assert (after.image == before.image)[~near].all()
        assert (after.image != before.image).any(-1)[well_inside].all()
        assert (turned.image == (after.image[:, ::-1] if turned.mirrored else after.image)).all()
        colours.update(map(tuple, after.image[after.own][:1].tolist()))
    assert len(colours) > 20 and {c.mirrored for c in mirrored} == {False, True}


def test_paint_stays_under_what_is_laid_over_it(make_material: Make) -> None:
    alone = {seed: make_composite(make_material(max_occluders=0, repaint=1.0), MAIN, rng) for seed, rng in seeded(40)}
    hidden = 0
    for seed, rng in seeded(40):
        after = make_composite(make_material(clear=0.0, repaint=1.0), MAIN, rng)
        if after is None:
            continue
        painted = alone[seed]
        assert painted is not None and after.occluders
        assert (after.clean == painted.image).all()  # the object is so, with and without what is laid over it
        assert (after.look.cleared().image == after.clean).all()
        assert (after.image == after.clean).all(-1)[after.visible].all()
        hidden += bool((after.image != after.clean).any())
    assert hidden > 20


def test_nothing_is_painted_beyond_the_picture() -> None:
    image = np.full((8, 10, 3), 90, np.uint8)
    matte = np.zeros((8, 10), np.uint8)
    matte[2:6, :5] = 255  # the object ends where the picture ends
    painted = Paint(matte, (0, 0, 5, 8), 1.0, lambda picture: np.full_like(picture, 200))(image.copy())
    assert (painted[:, 5:] == 90).all() and (painted[3:5, 4] > 90).all()


def seeded(count: int) -> list[tuple[int, np.random.Generator]]:
    return [(seed, np.random.default_rng(seed)) for seed in range(count)]


def test_one_colour_keeps_its_shading() -> None:
    image = np.full((4, 6, 3), 100, np.uint8)
    image[:, 3:] = 150
    mask = np.ones((4, 6), np.bool_)
    flat = shaded(image, mask, np.array([250.0, 50, 10]), 0.0)
    assert (flat == (250, 50, 10)).all()
    full = shaded(image, mask, np.array([200.0, 50, 0]), 1.0)
    assert (full[:, :3] == (160, 40, 0)).all() and (full[:, 3:] == (240, 60, 0)).all()
    left = mask & (np.arange(6) < 3)
    part = shaded(image, left, np.array([100.0, 50, 0]), 1.0)  # the object's own mean is its colour
    assert (part[:, :3] == (100, 50, 0)).all() and (part[:, 3:] == (150, 75, 0)).all()
    black = np.zeros_like(image)
    assert (shaded(black, mask, np.array([9.0, 9, 9]), 1.0) == 0).all()  # no division by 0
    nothing = shaded(image, ~mask, np.array([200.0, 50, 0]), 1.0)  # nor by the mean of no pixel
    assert (nothing == full).all()


def test_behind_hides_nothing_and_shows_beside_the_object(make_material: Make) -> None:
    beside = 0
    for composite in several(make_material(behind=1.0)):
        assert composite.occluders == () and (composite.visible == composite.own).all()
        assert (composite.image[composite.own] == (200, 0, 0)).all()
        changed = (composite.image != composite.clean).any(-1)
        assert not (changed & composite.own).any()
        beside += bool(changed.any()) and len(composite.behind) > 0
    assert beside > 20


def test_objects_behind_come_before_those_in_front(make_material: Make) -> None:
    both = [c for c in several(make_material(behind=0.5, max_occluders=2), count=200) if c.behind and c.occluders]
    assert len(both) > 20
    for composite in both:
        hidden = composite.own & ~composite.visible
        assert not (composite.image[hidden] == (200, 0, 0)).all(-1).any()


@pytest.mark.parametrize(("clear", "low", "high"), [(0.0, 0.0, 0.0), (0.7, 0.55, 0.85), (1.0, 1.0, 1.0)])
def test_share_of_clear_examples(make_material: Make, clear: float, low: float, high: float) -> None:
    counts = np.array([len(c.occluders) for c in several(make_material(clear=clear), count=150)])
    assert low <= (counts == 0).mean() <= high


def test_pairs_show_one_patch_occluded_and_clear(make_material: Make) -> None:
    material, hidden = make_material(paired=True, clear=0.0, flip=True), 0
    for k in range(20):
        (_, occluded), (example, clear) = (
            draw_example(material, SHAPE, seed=0, epoch=0, index=2 * k + odd) for odd in (0, 1)
        )
        assert occluded.patch_box == clear.patch_box and (occluded.own == clear.own).all()
        assert (clear.visible == clear.own).all() and clear.occluders == () and example.hidden_share == 0
        assert (clear.image == occluded.clean).all()
        hidden += bool(occluded.occluders)
    assert hidden == 20


def test_the_first_of_a_pair_has_something_laid_on_it(make_material: Make) -> None:
    counts = [len(c.occluders) for c in several(make_material(paired=True))]
    assert set(counts) == {1, 2}
    assert {len(c.occluders) for c in several(make_material(paired=True, clear=0.5))} == {0, 1, 2}
    assert {len(c.occluders) for c in several(make_material(paired=True, max_occluders=0), count=5)} == {0}


def test_occluders_of_the_same_picture(make_material: Make) -> None:
    laid = [pair for c in several(make_material(same_image=1.0, min_occluder_px=20)) for pair in c.occluders]
    assert laid and set(laid) == {(100, 1)}  # the neighbour, never the object itself
    alone = [pair for c in several(make_material(same_image=1.0), Ref(0, 1, 0)) for pair in c.occluders]
    assert alone and all(image != 101 for image, _ in alone)


def test_occluders_across_the_edge(make_material: Make) -> None:
    """With small occluders the chance of one at the edge differs plainly."""

    def at_edge(chance: float) -> float:
        material = make_material(occluder_at_edge=chance, clear=0.0, max_occluders=1, occluder_scale=(0.2, 0.2))
        found = [(c.image != c.clean).any(-1) for c in several(material, count=120)]
        return float(
            np.mean([bool((m[0].any(), m[-1].any(), m[:, 0].any(), m[:, -1].any()).count(True)) for m in found])
        )

    assert at_edge(1.0) > at_edge(0.0) + 0.3


def test_a_made_border_hides_what_stays_known(make_material: Make) -> None:
    material = make_material(border=1.0, max_occluders=0, min_hidden=0.1)
    for seed in range(40):
        example, composite = draw_example(material, SHAPE, seed=seed, epoch=0, index=0)
        assert composite.cut_off is not None and composite.cut_off.any()
        assert (composite.image[composite.cut_off] == MEAN_COLOUR).all()
        assert (composite.visible == composite.own & ~composite.cut_off).all()
        assert composite.visible_share >= 0.3 and example.hidden_share > 0
        known = example.amodal_label[example.amodal_label != UNKNOWN]
        assert (example.amodal_label == POSITIVE).mean() == pytest.approx(composite.own.mean(), abs=0.1)
        assert len(known)


def test_feather_changes_seams_not_masks(make_material: Make) -> None:
    hard, soft = several(make_material(clear=0.0)), several(make_material(clear=0.0, feather_px=3.0))
    levels = [np.mean([len(np.unique(c.image[..., 0])) for c in found]) for found in (hard, soft)]
    assert levels[1] > levels[0] + 5  # between the colours lie ramps
    for composite in soft:
        assert not (composite.visible & ~composite.own).any()
        hidden = composite.own & ~composite.visible
        if hidden.sum() > 400:
            # the network may see through a seam, not through an occluder
            assert (composite.image[hidden] == (200, 0, 0)).all(-1).mean() < 0.1


def test_occluder_colour_and_blur_leave_the_rest(make_material: Make) -> None:
    plain = several(make_material(clear=0.0, max_occluders=1))
    for changes in ({"occluder_colour": 0.5}, {"occluder_blur_px": 3.0}):
        changed = several(make_material(clear=0.0, max_occluders=1, **changes))
        assert any((c.image[c.own & ~c.visible] != (0, 0, 200)).any() for c in changed if len(c.occluders))
        for composite in changed:
            assert (composite.clean[composite.own] == (200, 0, 0)).all()
    assert len(plain) > 40


@pytest.mark.parametrize("px", [8, 16])
def test_low_resolution_loses_detail_and_keeps_masks(make_material: Make, px: int) -> None:
    sharp = several(make_material(max_occluders=0))
    coarse = several(make_material(max_occluders=0, low_resolution=1.0, low_resolution_px=(px, px)))
    for a, b in zip(sharp, coarse, strict=True):
        assert a.image.shape == b.image.shape and (a.own == b.own).all()
        x1, y1, x2, y2 = tight_box(b.own)
        cell = max(x2 - x1, y2 - y1) / px
        # an edge takes about a cell: further inside and outside the colours are as they were
        edge = np.abs(b.image.astype(int) - a.image).max(-1) > 40
        assert edge.any()
        inner = np.zeros_like(edge)
        rim = int(np.ceil(2 * cell))
        inner[y1 + rim : y2 - rim, x1 + rim : x2 - rim] = True
        assert not (edge & inner & b.own).any()
        # half-pixel alignment: the edges have not moved (the red share of a row is kept)
        red = [np.clip((c.image[..., 0].astype(float) - 10) / 190, 0, 1)[b.own | ~b.outside].sum() for c in (a, b)]
        assert red[1] == pytest.approx(red[0], rel=0.15)


def test_partial_objects_are_drawn_less_often(make_material: Make, album, folder) -> None:  # type: ignore[no-untyped-def]
    from dataclasses import replace

    from amodal.core.album import Album
    from amodal.synthesis.material import Source

    def judged(record):  # type: ignore[no-untyped-def]
        whole = (True, False)
        return replace(
            record, instances=tuple(replace(i, is_whole=w) for i, w in zip(record.instances, whole, strict=False))
        )

    marked = Album([judged(record) for record in album], album.categories, source="made-up")

    def share(**changes: object) -> float:
        material = Material([Source(marked, folder)], SynthesisSettings(**changes))  # type: ignore[arg-type]
        rng = np.random.default_rng(0)
        drawn = [material.draw_main(rng) for _ in range(1500)]
        return float(np.mean([ref.instance == 1 for ref in drawn]))

    assert share() == pytest.approx(1 / 3, abs=0.04)  # two of three pictures hold a partial one, half each
    assert share(partial_weight=0.25) == pytest.approx(2 / 3 * 0.2, abs=0.03)
    assert share(partial_weight=0.0) == share(whole_only=True) == 0
    assert share(partial_weight=0.25, balance="category") < share(balance="category")


def test_validation_has_none_of_it() -> None:
    changed = SynthesisSettings(
        clear=0.3, paired=True, behind=0.2, same_image=0.1, occluder_at_edge=0.1, border=0.1, feather_px=1.0,
        occluder_colour=0.1, occluder_blur_px=1.0, low_resolution=0.5, mask_noise=0.5, colour_jitter=0.2, repaint=0.5,
        min_hidden=0.1,
    )  # fmt: skip
    plain = validation_settings(changed)
    assert plain == SynthesisSettings(min_hidden=0.1)
    assert {f.name for f in fields(plain)} == {f.name for f in fields(changed)}
