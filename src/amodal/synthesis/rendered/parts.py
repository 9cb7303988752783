"""Parts of things: a solid that is put somewhere and has a material."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .solids import Ellipsoid, Frustum, Hull, Meeting, Solid
from .space import EYE, F, Floats, at


@dataclass(frozen=True, slots=True)
class Part:
    """A solid in the frame of its thing, or of the scene once the thing is put there.

    Attributes:
        solid: its form.
        rotation: the solid's axes as columns ``(3, 3)``.
        centre: where its origin is ``(3,)``.
        material: 0, 1 or 2: which of the thing's paints it has.
    """

    solid: Solid
    rotation: NDArray[np.float32]
    centre: Floats
    material: int

    def moved(self, rotation: NDArray[np.float32], shift: NDArray[np.float32]) -> Part:
        """Turned around the origin, then shifted."""
        centre = (rotation @ self.centre + shift).astype(F)
        return replace(self, rotation=(rotation @ self.rotation).astype(F), centre=centre)

    def corners(self) -> Floats:
        """Points whose hull holds it ``(k, 3)``."""
        return self.solid.corners() @ self.rotation.T + self.centre

    def support(self, direction: Floats) -> float:
        """How far it reaches along a direction ``(3,)`` of length 1."""
        return float(self.centre @ direction) + self.solid.support(self.rotation.T @ direction)

    def meet(self, origins: Floats, rays: Floats) -> Meeting:
        """Where rays enter it, as `Solid.meet`; normals, of length 1, and places are in the frame of its solid."""
        t, normal, place = self.solid.meet((origins - self.centre) @ self.rotation, rays @ self.rotation)
        length = np.linalg.norm(normal, axis=-1, keepdims=True)
        return t, normal / np.maximum(length, 1e-9), place


def box(
    a: float, b: float, c: float, rotation: NDArray[np.float32] = EYE, centre: Floats | None = None, material: int = 0
) -> Part:
    """A box that reaches a, b and c from its middle."""
    return _part(Hull.box(a, b, c), rotation, centre, material)


def prism(
    outline: NDArray[np.float32],
    half: float,
    rotation: NDArray[np.float32] = EYE,
    centre: Floats | None = None,
    material: int = 0,
) -> Part:
    """A convex polygon ``(k, 2)``, counter-clockwise, drawn out along z."""
    return _part(Hull.prism(outline, half), rotation, centre, material)


def ellipsoid(
    a: float, b: float, c: float, rotation: NDArray[np.float32] = EYE, centre: Floats | None = None, material: int = 0
) -> Part:
    """An ellipsoid of radii a, b and c."""
    return _part(Ellipsoid((a, b, c)), rotation, centre, material)


def frustum(
    low: float,
    high: float,
    half: float,
    rotation: NDArray[np.float32] = EYE,
    centre: Floats | None = None,
    material: int = 0,
) -> Part:
    """A cut cone; radii below 0.001 become that."""
    return _part(Frustum(max(low, 1e-3), max(high, 1e-3), half), rotation, centre, material)


def rod(p: Floats, q: Floats, low: float, high: float | None = None, material: int = 0) -> list[Part]:
    """A frustum from p to q, with a ball at q; radii ``low`` at p and ``high`` at q (None: the same)."""
    way = q - p
    length = float(np.linalg.norm(way))
    z = way / max(length, 1e-6)
    x = np.cross(z, [1, 0, 0] if abs(z[0]) < 0.9 else [0, 1, 0])
    x /= np.linalg.norm(x)
    rotation = np.stack([x, np.cross(z, x), z], 1).astype(F)
    high = low if high is None else high
    return [
        frustum(low, high, length / 2, rotation, ((p + q) / 2).astype(F), material),
        ellipsoid(high, high, high, centre=q.astype(F), material=material),
    ]


def _part(solid: Solid, rotation: NDArray[np.float32], centre: Floats | None, material: int) -> Part:
    return Part(solid, rotation, at() if centre is None else centre, material)
