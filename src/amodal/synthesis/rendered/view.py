"""A camera, or a light that is looked along: its rays, and where points fall in its picture."""

from __future__ import annotations

import numpy as np

from .parts import Part
from .space import F, Floats, at

Region = tuple[int, int, int, int]
"""Pixels of a picture: x1, y1, x2, y2, the last two exclusive."""
_NEAREST = 0.05


class View:
    """A pinhole, or parallel rays.

    Args:
        eye: where the pinhole is ``(3,)``, or the middle of the plane at which parallel rays start.
        look: a point that falls on the middle of the picture ``(3,)``.
        width, height: of the picture, pixels.
        focal: pixels a length of 1 has at distance 1 or, of parallel rays, at any distance.
        parallel: whether rays are parallel.
    """

    def __init__(
        self, eye: Floats, look: Floats, width: int, height: int, focal: float, *, parallel: bool = False
    ) -> None:
        self.eye, self.width, self.height = eye.astype(F), width, height
        self._focal, self._parallel = focal, parallel
        z = look - eye
        z = z / np.linalg.norm(z)
        x = np.cross(z, at(0, 0, 1) if abs(z[2]) < 0.99 else at(0, 1, 0))
        x /= np.linalg.norm(x)
        self._axes = np.stack([x, np.cross(z, x), z], 1).astype(F)  # y points down

    @property
    def all(self) -> Region:
        """The whole picture."""
        return 0, 0, self.width, self.height

    def rays(self, region: Region) -> tuple[Floats, Floats]:
        """Of the rays through the middles of pixels, row by row: origins, directions of length 1; ``(n, 3)`` both."""
        x1, y1, x2, y2 = region
        xs = (np.arange(x1, x2) + 0.5 - self.width / 2) / self._focal
        ys = (np.arange(y1, y2) + 0.5 - self.height / 2) / self._focal
        gx, gy = (grid.ravel() for grid in np.meshgrid(xs.astype(F), ys.astype(F)))
        if self._parallel:
            origins = self.eye + gx[:, None] * self._axes[:, 0] + gy[:, None] * self._axes[:, 1]
            return origins.astype(F), np.broadcast_to(self._axes[:, 2], origins.shape)
        rays = np.stack([gx, gy, np.ones_like(gx)], 1)
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        return np.broadcast_to(self.eye, rays.shape), (rays @ self._axes.T).astype(F)

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Where points ``(n, 3)`` fall, x and y ``(n, 2)`` in pixels, edges at whole numbers; their depths ``(n,)``."""
        p = (points - self.eye) @ self._axes
        scale = self._focal if self._parallel else self._focal / np.maximum(p[:, 2], _NEAREST)
        return np.stack([p[:, 0] * scale + self.width / 2, p[:, 1] * scale + self.height / 2], 1), p[:, 2]

    def bounds(self, part: Part) -> Region:
        """Pixels outside of which no ray meets a part; x1 >= x2 or y1 >= y2 where none does."""
        places, depth = self.project(part.corners())
        if (depth < _NEAREST).any() and not self._parallel:
            return self.all
        x1, y1 = np.floor(places.min(0)).astype(int) - 1
        x2, y2 = np.ceil(places.max(0)).astype(int) + 1
        return max(int(x1), 0), max(int(y1), 0), min(int(x2), self.width), min(int(y2), self.height)


def slices(region: Region, corner: tuple[int, int] = (0, 0)) -> tuple[slice, slice]:
    """A region of an array whose first pixel is at a corner (x, y): rows, columns."""
    x1, y1, x2, y2 = region
    left, top = corner
    return slice(y1 - top, y2 - top), slice(x1 - left, x2 - left)
