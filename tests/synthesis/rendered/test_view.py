"""Cameras: rays and points agree; what a view says of things, against every ray and every part of all of them."""

from __future__ import annotations

import numpy as np
import pytest

from amodal.synthesis.rendered.kinds.table import KINDS, kinds_named
from amodal.synthesis.rendered.layers import make_layer, nearest_distance, seen_first, whole_mask
from amodal.synthesis.rendered.parts import box, rod
from amodal.synthesis.rendered.pictures import MadePictures
from amodal.synthesis.rendered.space import EYE, at
from amodal.synthesis.rendered.things import Thing, make_thing
from amodal.synthesis.rendered.view import View

CAMERA = View(at(3, 1, 2), at(0, 0, 0.2), 64, 48, 60.0)
LAMP = View(at(3, 1, 9), at(), 40, 40, 12.0, parallel=True)
BESIDE = View(at(0.3, 0.2, 0.3), at(2, 0, 0.2), 32, 24, 30.0)  # among the things: parts of them lie behind it


def things() -> list[Thing]:
    """Nine of the first kinds, then four of later ones."""
    rng = np.random.default_rng(0)
    first, others = kinds_named(list(KINDS)[:11]), kinds_named(list(KINDS)[11:27])
    placed = []
    for kinds, count in ((first, 9), (others, 4)):
        made = [make_thing(rng, MadePictures(), kinds) for _ in range(count)]
        placed += [thing.moved(*rng.normal(0, 0.5, 2), 0.0) for thing in made]
    return placed


@pytest.mark.parametrize("view", [CAMERA, LAMP])
def test_points_of_a_ray_fall_on_its_pixel(view: View) -> None:
    origins, rays = view.rays((3, 5, 13, 9))
    assert np.allclose(np.linalg.norm(rays, axis=1), 1, atol=1e-6)
    places, depth = view.project(origins + 2.5 * rays)
    x, y = np.meshgrid(np.arange(3, 13) + 0.5, np.arange(5, 9) + 0.5)
    assert np.allclose(places, np.stack([x.ravel(), y.ravel()], 1), atol=1e-3) and (depth > 1).all()


def test_up_is_up() -> None:
    places, _ = CAMERA.project(np.array([at(0, 0, 0.2), at(0, 0, 0.7)]))
    assert np.allclose(places[0], (32, 24), atol=1e-3) and places[1, 1] < 20


@pytest.mark.parametrize("view", [CAMERA, LAMP, BESIDE])
def test_layers_are_what_every_ray_meets_of_every_part(view: View) -> None:
    scene = things()
    origins, rays = view.rays(view.all)
    alone = np.array([np.min([part.meet(origins, rays)[0] for part in thing.parts], 0) for thing in scene])
    alone = alone.reshape(len(scene), view.height, view.width)
    layers = [make_layer(view, thing) for thing in scene]
    for layer, distance in zip(layers, alone, strict=True):
        assert np.array_equal(whole_mask(view, layer), np.isfinite(distance))
    first, nearest = seen_first(view, layers)
    assert np.array_equal(nearest, alone.min(0)) and np.array_equal(nearest_distance(view, scene), nearest)
    assert np.array_equal(first, np.where(np.isfinite(nearest), alone.argmin(0), -1))
    assert len(np.unique(first)) > 3


def test_what_passes_beside_the_camera_is_seen_to_the_border() -> None:
    view = View(at(0, 0, 0.3), at(1, 0, 0.3), 64, 48, 40.0)
    beam = Thing((rod(at(3, -1, 0.3), at(-3, 0.5, 0.3), 0.05)[0],), things()[0].paints, 3.0, 0.4)
    mask = whole_mask(view, make_layer(view, beam))
    t, _, _ = beam.parts[0].meet(*view.rays(view.all))
    assert np.array_equal(mask, np.isfinite(t).reshape(48, 64)) and mask[:, -1].any()


def test_normals_of_layers_face_the_camera() -> None:
    _, rays = CAMERA.rays(CAMERA.all)
    for thing in things():
        layer = make_layer(CAMERA, thing)
        x1, y1, x2, y2 = layer.region
        here = rays.reshape(CAMERA.height, CAMERA.width, 3)[y1:y2, x1:x2]
        hit = np.isfinite(layer.distance)
        assert ((layer.normal * here).sum(-1)[hit] < 0).all()


def test_a_thing_beside_the_picture_has_no_pixels() -> None:
    thing = things()[0].moved(-30, 30, 0)
    layer = make_layer(CAMERA, thing)
    assert layer.distance.size == 0 and not whole_mask(CAMERA, layer).any()
    assert (seen_first(CAMERA, [layer])[0] == -1).all()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_is_about_one_in_size_and_painted_with_three_materials_at_the_most(kind) -> None:  # type: ignore[no-untyped-def]
    for seed in range(20):
        parts = kind(np.random.default_rng(seed))
        width = max(part.support(at(1, 0, 0)) + part.support(at(-1, 0, 0)) for part in parts)
        assert 0.02 < width < 2 and {part.material for part in parts} <= {0, 1, 2}


def test_things_stand_on_the_ground() -> None:
    for seed in range(10):
        thing = make_thing(np.random.default_rng(seed), MadePictures(), kinds_named())
        below = View(at(0, 0, -5), at(), 80, 80, 20.0, parallel=True)
        assert 5 - 1e-3 < nearest_distance(below, [thing]).min() < 5.05  # the lowest point may lie between rays
        assert nearest_distance(View(at(0, 0, 5), at(), 80, 80, 20.0, parallel=True), [thing]).min() > (
            5 - thing.height - 1e-3
        )


def test_a_box_is_as_large_as_it_looks() -> None:
    view = View(at(0, 0, 5), at(), 100, 100, 20.0, parallel=True)
    thing = things()[0]
    flat = Thing((box(0.5, 1.0, 0.1, EYE, at()),), thing.paints, 1.0, 0.2)
    assert whole_mask(view, make_layer(view, flat)).sum() == 20 * 40
