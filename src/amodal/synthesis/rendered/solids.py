"""The three convex solids all things are made of, each in its own frame, and where rays enter them. Ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from .space import F, Floats

Meeting = tuple[NDArray[np.float32], Floats, Floats]
"""Of n rays: distance to where each enters (inf: never) ``(n,)``; outward normal there, of any length ``(n, 3)``; where
that is ``(n, 3)``. Normals and places of rays that never enter mean nothing."""


class Solid(Protocol):
    """A convex body around the origin of its own frame."""

    is_round: ClassVar[bool]
    """Whether paint goes around its z axis, not onto its faces."""

    def radius(self) -> float:
        """Of a ball around the origin that holds it."""

    def corners(self) -> NDArray[np.float32]:
        """Points whose hull holds it, float32 ``(k, 3)``."""

    def support(self, direction: Floats) -> float:
        """How far it reaches along a direction ``(3,)`` of length 1."""

    def meet(self, origins: Floats, rays: Floats) -> Meeting:
        """Where rays enter it.

        Args:
            origins: where each ray starts ``(n, 3)``; outside the solid.
            rays: their directions ``(n, 3)``, of length 1.
        """


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """An ellipsoid of three radii along x, y and z."""

    is_round: ClassVar[bool] = True
    radii: tuple[float, float, float]

    def radius(self) -> float:
        return float(max(self.radii))

    def corners(self) -> NDArray[np.float32]:
        return _box_corners(*self.radii)

    def support(self, direction: Floats) -> float:
        return float(np.linalg.norm(np.array(self.radii) * direction))

    def meet(self, origins: Floats, rays: Floats) -> Meeting:
        radii = np.array(self.radii, F)
        o, r = origins / radii, rays / radii  # where it is the unit ball
        a, b, c = (r * r).sum(-1), (o * r).sum(-1), (o * o).sum(-1) - 1
        inside = b * b - a * c
        hit = inside > 0
        t = np.where(hit, (-b - np.sqrt(np.maximum(inside, 0))) / a, np.inf).astype(F)
        hit &= t > 0
        t[~hit] = np.inf
        place = _places(origins, rays, t)
        return t, place / radii**2, place


@dataclass(frozen=True, slots=True)
class Frustum:
    """A cut cone around z: radius ``low`` at z = -half, ``high`` at z = half, both above 0."""

    is_round: ClassVar[bool] = True
    low: float
    high: float
    half: float

    def radius(self) -> float:
        return float(np.hypot(max(self.low, self.high), self.half))

    def corners(self) -> NDArray[np.float32]:
        angle = np.arange(12) * np.pi / 6
        ring = np.stack([np.cos(angle), np.sin(angle)], 1) / np.cos(np.pi / 12)
        ends = ((self.low, -self.half), (self.high, self.half))
        return np.concatenate([np.c_[ring * radius, np.full(12, z)] for radius, z in ends]).astype(F)

    def support(self, direction: Floats) -> float:
        flat = float(np.hypot(direction[0], direction[1]))
        rise = direction[2] * self.half
        return max(flat * self.low - rise, flat * self.high + rise)  # type: ignore[no-any-return]

    def meet(self, origins: Floats, rays: Floats) -> Meeting:
        t, normal = np.full(len(rays), np.inf, F), np.zeros_like(rays)
        self._meet_side(origins, rays, t, normal)
        for z, radius, way in ((-self.half, self.low, -1), (self.half, self.high, 1)):
            ts = (z - origins[..., 2]) / _not_zero(rays[..., 2])
            x, y = _along(origins, rays, ts)
            good = (rays[..., 2] * way < 0) & (ts > 0) & (x * x + y * y <= radius**2) & (ts < t)
            t[good] = ts[good]
            normal[good] = (0, 0, way)
        return t, normal, _places(origins, rays, t)

    def _meet_side(self, o: Floats, r: Floats, t: Floats, normal: Floats) -> None:
        """Write into ``t`` and ``normal`` where the side is entered: where its normal faces the ray."""
        steep = (self.high - self.low) / (2 * self.half)
        middle = (self.low + self.high) / 2  # the radius at z is middle + steep * z
        s, ds = middle + steep * o[..., 2], steep * r[..., 2]
        a = _not_zero(r[..., 0] ** 2 + r[..., 1] ** 2 - ds**2)
        b = o[..., 0] * r[..., 0] + o[..., 1] * r[..., 1] - s * ds
        c = o[..., 0] ** 2 + o[..., 1] ** 2 - s**2
        inside = b * b - a * c
        root = np.sqrt(np.maximum(inside, 0))
        for sign in (-1, 1):
            ts = (-b + sign * root) / a
            z = o[..., 2] + ts * r[..., 2]
            good = (inside > 0) & (ts > 0) & (np.abs(z) <= self.half) & (middle + steep * z > 0) & (ts < t)
            x, y = _along(o, r, ts)
            n = np.stack([x, y, -steep * (middle + steep * z)], -1)
            good &= (n * r).sum(-1) < 0  # not where it is left, should rounding miss at a rim where it is entered
            t[good] = ts[good]
            normal[good] = n[good]


@dataclass(frozen=True, slots=True)
class Hull:
    """What lies below all of some planes: ``normals @ x <= offsets``.

    Attributes:
        normals: outward, of length 1, float32 ``(k, 3)``.
        offsets: their distances from the origin, float32 ``(k,)``.
        points: the corners, float32 ``(m, 3)``.
    """

    is_round: ClassVar[bool] = False
    normals: NDArray[np.float32]
    offsets: NDArray[np.float32]
    points: NDArray[np.float32]

    @classmethod
    def box(cls, a: float, b: float, c: float) -> Hull:
        """A box that reaches a, b and c from its middle along x, y and z."""
        normals = np.concatenate([np.eye(3), -np.eye(3)]).astype(F)
        return cls(normals, np.array([a, b, c, a, b, c], F), _box_corners(a, b, c))

    @classmethod
    def prism(cls, outline: NDArray[np.float32], half: float) -> Hull:
        """A convex polygon ``(k, 2)``, counter-clockwise around the origin, drawn out from z = -half to half."""
        edge = np.roll(outline, -1, 0) - outline
        sides = np.stack([edge[:, 1], -edge[:, 0]], 1)
        sides /= np.linalg.norm(sides, axis=1, keepdims=True)
        normals = np.concatenate([np.c_[sides, np.zeros(len(sides))], [[0, 0, 1], [0, 0, -1]]]).astype(F)
        offsets = np.concatenate([(sides * outline).sum(1), [half, half]]).astype(F)
        corners = np.concatenate([np.c_[outline, np.full(len(outline), z)] for z in (-half, half)]).astype(F)
        return cls(normals, offsets, corners)

    def radius(self) -> float:
        return float(np.linalg.norm(self.points, axis=1).max())

    def corners(self) -> NDArray[np.float32]:
        return self.points

    def support(self, direction: Floats) -> float:
        return float((self.points @ direction).max())

    def meet(self, origins: Floats, rays: Floats) -> Meeting:
        along, away = rays @ self.normals.T, self.offsets - origins @ self.normals.T
        with np.errstate(divide="ignore", invalid="ignore"):
            ts = away / along
        enter = np.where(along < 0, ts, -np.inf)
        leave = np.where(along > 0, ts, np.inf)
        beside = ((along == 0) & (away < 0)).any(-1)
        first = enter.argmax(-1)
        t = enter.max(-1)
        hit = (t > 0) & (t < leave.min(-1)) & ~beside
        t = np.where(hit, t, np.inf).astype(F)
        return t, self.normals[first], _places(origins, rays, t)


def _box_corners(a: float, b: float, c: float) -> NDArray[np.float32]:
    return np.array([(x, y, z) for x in (-a, a) for y in (-b, b) for z in (-c, c)], F)


def _not_zero(values: Floats) -> Floats:
    """To divide by."""
    return np.where(np.abs(values) < 1e-9, 1e-9, values)


def _along(origins: Floats, rays: Floats, t: Floats) -> tuple[Floats, Floats]:
    """x and y of the points of rays at distances."""
    return origins[..., 0] + t * rays[..., 0], origins[..., 1] + t * rays[..., 1]


def _places(origins: Floats, rays: Floats, t: Floats) -> Floats:
    return origins + np.where(np.isfinite(t), t, 0)[:, None] * rays
