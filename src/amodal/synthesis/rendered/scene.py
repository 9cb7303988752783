"""A scene: things on a table and on each other, a camera, light; and which pixels are whose. Ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .kinds.table import Kind, kinds_named
from .layers import Layer, make_layer, seen_first, whole_mask
from .paint import Paint
from .pictures import Pictures
from .shading import Surfaces, shade
from .space import F, Floats, at
from .things import Thing, make_thing
from .view import View, slices

_FINER = 2
"""Rays a pixel has along each side."""
_PLACINGS = 30


@dataclass(frozen=True, slots=True)
class Seen:
    """One object of a scene.

    Attributes:
        visible: pixels of which at least half of the rays meet it first, bool ``(H, W)``. A pixel that two objects
            share half and half is both's.
        whole: pixels of which at least half of the rays meet it, whatever is nearer; bool ``(H, W)``, so that it ends
            at the picture's border.
    """

    visible: NDArray[np.bool_]
    whole: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture and its truth.

    Attributes:
        image: uint8 ``(H, W, 3)``, RGB.
        objects: 5 to 16; some are hidden, or outside the picture.
        quality: of JPEG, 75 to 95, to write it with.
    """

    image: NDArray[np.uint8]
    objects: tuple[Seen, ...]
    quality: int


def make_scene(
    seed: int, number: int, pictures: Pictures, size: tuple[int, int], kinds: Sequence[Kind] | None = None
) -> Scene:
    """Scene ``number`` of a seed: a function of these arguments alone.

    Args:
        seed, number: >= 0.
        pictures: where textures come from.
        size: width and height of the picture, pixels.
        kinds: of things, each as often as any other, one or more; their order matters. None: all of `KINDS`.

    Raises:
        ImageError: a photograph that is drawn and cannot be used.
    """
    rng = np.random.default_rng([seed, number])
    things = _arrange(rng, pictures, kinds_named() if kinds is None else kinds)
    distance, view = _draw_view(rng, size)
    layers = [make_layer(view, thing) for thing in things]
    first, nearest = seen_first(view, layers)
    _, flat_rays = view.rays(view.all)
    rays = flat_rays.reshape(view.height, view.width, 3)
    table = _table_distance(view, rays, distance + rng.uniform(6, 14))
    seen = np.where(nearest < table, first, -1)
    depth = np.minimum(nearest, table)
    surfaces = _find_surfaces(rng, pictures, view, rays, depth, seen, list(zip(things, layers, strict=True)))
    colours = shade(rng, surfaces, things)
    picture = np.array(pictures.background(rng, view.width, view.height), F)
    picture[np.isfinite(depth)] = colours
    image = _expose(rng, picture.reshape(size[1], _FINER, size[0], _FINER, 3).mean((1, 3)))
    wholes = [whole_mask(view, layer) for layer in layers]
    objects = tuple(Seen(_by_half(seen == i), _by_half(whole)) for i, whole in enumerate(wholes))
    return Scene(image, objects, int(rng.integers(75, 96)))


def _arrange(rng: np.random.Generator, pictures: Pictures, kinds: Sequence[Kind]) -> list[Thing]:
    """5 to 16 things, on the table where a place is found for them, else on top of another."""
    things = [make_thing(rng, pictures, kinds) for _ in range(int(rng.integers(5, 17)))]
    spread = rng.uniform(0.4, 1.2)
    taken: list[tuple[NDArray[np.float64], float, float]] = []  # where, how far it reaches, how high its top is
    put = []
    for thing in things:
        z = 0.0
        for _ in range(_PLACINGS):
            xy = rng.normal(0, spread, 2)
            if all(np.hypot(*(xy - other)) > (thing.reach + reach) * 0.48 for other, reach, _ in taken):
                break
        else:
            below, _, z = taken[rng.integers(len(taken))]
            xy = below + rng.normal(0, 0.05, 2)
        put.append(thing.moved(xy[0], xy[1], z))
        taken.append((xy, thing.reach, z + thing.height))
    return put


def _draw_view(rng: np.random.Generator, size: tuple[int, int]) -> tuple[float, View]:
    """A camera that looks down on the table by 12 to 75 degrees, and how far it is from what it looks at."""
    up, around = np.deg2rad(rng.uniform(12, 75)), rng.uniform(0, 2 * np.pi)
    distance = rng.uniform(2.4, 5.5)
    x, y = rng.normal(0, 0.25, 2)
    look = at(x, y, rng.uniform(0.1, 0.4))
    eye = look + distance * at(np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up))
    width, height = size[0] * _FINER, size[1] * _FINER
    return distance, View(eye, look, width, height, width * rng.uniform(0.9, 1.6))


def _table_distance(view: View, rays: Floats, end: float) -> NDArray[np.float32]:
    """Along each ray to the table (z = 0), which ends at a distance; inf beyond, float32 ``(H, W)``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        table = np.where(rays[..., 2] < -1e-4, -view.eye[2] / rays[..., 2], np.inf).astype(F)
    table[table > end] = np.inf
    return table


def _find_surfaces(
    rng: np.random.Generator,
    pictures: Pictures,
    view: View,
    rays: Floats,
    depth: NDArray[np.float32],
    seen: NDArray[np.int64],
    layers: Sequence[tuple[Thing, Layer]],
) -> Surfaces:
    """What is met first, painted; the table's paint is drawn.

    Args:
        depth: how far each ray goes until it meets something, inf: for ever ``(H, W)``.
        seen: which thing it meets, -1: none ``(H, W)``.
    """
    lit = np.flatnonzero(np.isfinite(depth))
    directions = rays.reshape(-1, 3).take(lit, 0)
    points = view.eye + directions * depth.take(lit)[:, None]
    whose = seen.take(lit)
    order = np.full(seen.size, -1, np.int32)  # of each pixel among those
    order[lit] = np.arange(len(lit), dtype=np.int32)
    normal, albedo = np.zeros((len(lit), 3), F), np.zeros((len(lit), 3), F)
    shine, power = np.zeros(len(lit), F), np.full(len(lit), 10, F)
    for number, (thing, layer) in enumerate(layers):
        inside = slices(layer.region)
        mine = np.flatnonzero(seen[inside] == number)
        there = order.reshape(seen.shape)[inside].take(mine)
        normal[there] = layer.normal.reshape(-1, 3).take(mine, 0)
        uv, place = layer.uv.reshape(-1, 2).take(mine, 0), layer.place.reshape(-1, 3).take(mine, 0)
        materials = layer.material.take(mine)
        for material, paint in enumerate(thing.paints):
            here = np.flatnonzero(materials == material)
            if len(here):
                painted = there.take(here)
                albedo[painted] = paint.colours(uv.take(here, 0), place.take(here, 0))
                shine[painted], power[painted] = paint.shine, paint.power
    ground = np.flatnonzero(whose == -1)
    top = Paint(rng, pictures, 0.5)
    places = points.take(ground, 0)
    albedo[ground] = top.colours(places[:, :2] * rng.uniform(0.15, 0.6), places)
    shine[ground] = top.shine * 0.3
    normal[ground] = (0, 0, 1)
    return Surfaces(directions, points, normal, albedo, shine, power)


def _expose(rng: np.random.Generator, picture: Floats) -> NDArray[np.uint8]:
    """What a camera makes of it: exposure, contrast, noise and, in half of the cases, blur."""
    picture = np.clip(picture * rng.uniform(0.75, 1.3), 0, 1) ** rng.uniform(0.7, 1.2)
    picture += rng.normal(0, rng.uniform(0, 0.03), picture.shape)
    image = Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8))
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.0)))
    return np.asarray(image)


def _by_half(rays: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels of which at least half of the rays are True."""
    counted = rays.view(np.uint8)
    total = sum(counted[i::_FINER, j::_FINER] for i in range(_FINER) for j in range(_FINER))
    return np.asarray(total) * 2 >= _FINER * _FINER
