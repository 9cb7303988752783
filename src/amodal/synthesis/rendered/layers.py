"""Where each thing is met, as if it were alone: its whole mask, and what is seen of it where nothing is nearer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .paint import surface
from .parts import Part
from .solids import Meeting
from .space import F
from .things import Thing
from .view import Region, View, slices


@dataclass(frozen=True, slots=True)
class Layer:
    """One thing in a view, within the region around it; ``(h, w)`` is the region's size.

    Attributes:
        region: of the view's picture.
        distance: along each ray to where it enters the thing, inf where it does not; float32 ``(h, w)``.
        normal: of the surface there, outward, in the frame of the scene; float32 ``(h, w, 3)``.
        uv: `paint.surface` there; float32 ``(h, w, 2)``.
        place: where that is in the frame of the solid; float32 ``(h, w, 3)``.
        material: 0, 1 or 2; int8 ``(h, w)``.
    """

    region: Region
    distance: NDArray[np.float32]
    normal: NDArray[np.float32]
    uv: NDArray[np.float32]
    place: NDArray[np.float32]
    material: NDArray[np.int8]


def make_layer(view: View, thing: Thing) -> Layer:
    """A thing as a view shows it alone."""
    regions = [region for region in map(view.bounds, thing.parts) if _holds_pixels(region)]
    x1, y1 = (min((region[i] for region in regions), default=0) for i in (0, 1))
    x2, y2 = (max((region[i] for region in regions), default=0) for i in (2, 3))
    size = (y2 - y1, x2 - x1)
    layer = Layer(
        (x1, y1, x2, y2),
        np.full(size, np.inf, F),
        np.zeros((*size, 3), F),
        np.zeros((*size, 2), F),
        np.zeros((*size, 3), F),
        np.zeros(size, np.int8),
    )
    for part, region, (t, normal, place) in _meetings(view, thing):
        inside = slices(region, (x1, y1))
        closer = t < layer.distance[inside]
        flat = closer.ravel()
        layer.distance[inside][closer] = t[closer]
        layer.normal[inside][closer] = normal[flat] @ part.rotation.T
        layer.uv[inside][closer] = surface(normal[flat], place[flat], is_round=part.solid.is_round)
        layer.place[inside][closer] = place[flat]
        layer.material[inside][closer] = part.material
    return layer


def nearest_distance(view: View, things: Sequence[Thing]) -> NDArray[np.float32]:
    """Along each ray of a view to the first thing it meets, inf where it meets none; float32 ``(height, width)``."""
    nearest = np.full((view.height, view.width), np.inf, F)
    for thing in things:
        for _, region, (t, _, _) in _meetings(view, thing):
            inside = slices(region)
            nearest[inside] = np.minimum(nearest[inside], t)
    return nearest


def _meetings(view: View, thing: Thing) -> Iterator[tuple[Part, Region, Meeting]]:
    """Each part, the region around it, and where the region's rays meet it: distances ``(h, w)``, the others flat."""
    for part in thing.parts:
        region = view.bounds(part)
        if _holds_pixels(region):
            t, normal, place = part.meet(*view.rays(region))
            yield part, region, (t.reshape(region[3] - region[1], -1), normal, place)


def _holds_pixels(region: Region) -> bool:
    return region[0] < region[2] and region[1] < region[3]


def seen_first(view: View, layers: Sequence[Layer]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The nearest layer at each pixel (-1: none), int64 ``(H, W)``, and how far it is (inf), float32 ``(H, W)``."""
    first = np.full((view.height, view.width), -1)
    nearest = np.full((view.height, view.width), np.inf, F)
    for number, layer in enumerate(layers):
        inside = slices(layer.region)
        closer = layer.distance < nearest[inside]
        first[inside][closer] = number
        nearest[inside][closer] = layer.distance[closer]
    return first, nearest


def whole_mask(view: View, layer: Layer) -> NDArray[np.bool_]:
    """All pixels whose rays meet a thing, bool ``(H, W)``."""
    mask = np.zeros((view.height, view.width), dtype=np.bool_)
    mask[slices(layer.region)] = np.isfinite(layer.distance)
    return mask
