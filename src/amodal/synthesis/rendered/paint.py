"""The colours of surfaces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .colours import colour, mixed, smooth_noise
from .pictures import Pictures
from .space import F, Floats

_KINDS = ("plain", "noise", "photo", "stripes", "checks", "band")
_SHARES = np.array([0.25, 0.3, 0.15, 0.05, 0.25])
"""How often each kind but plain is drawn, among these."""


class Paint:
    """The colours and the shine of one material, drawn.

    Args:
        rng: what it is drawn with.
        pictures: where textures come from.
        plain: chance that it has one colour.

    Attributes:
        shine: how much of a light's mirror image it shows, 0 to 0.9.
        power: how small that image is: 6 (soft) to 80.
    """

    def __init__(self, rng: np.random.Generator, pictures: Pictures, plain: float = 0.45) -> None:
        self._kind = str(rng.choice(_KINDS, p=[plain, *(_SHARES * (1 - plain))]))
        # the third has no use; without it all that follows would change
        self._colours = [colour(rng) for _ in range(3)]
        self._scale = rng.uniform(3, 16)
        self._seed = int(rng.integers(2**31))
        self._angle = rng.uniform(0, np.pi)
        self.shine = rng.uniform(0.0, 0.15) if rng.random() < 0.6 else rng.uniform(0.2, 0.9)
        self.power = rng.uniform(6, 80)
        self._picture = pictures.part(rng) if self._kind in ("photo", "band") else None
        self._band = rng.uniform(0.1, 0.9)

    def colours(self, uv: Floats, place: Floats) -> Floats:
        """The colours of places of a surface, ``(n, 3)``, RGB in 0 to 1.

        Args:
            uv: their coordinates on it, `surface`, ``(n, 2)``.
            place: the places in the frame of their solid ``(n, 3)``; bands follow its z.
        """
        first, second = self._colours[:2]
        base: Floats = np.broadcast_to(first, (len(uv), 3)).copy()
        if self._kind == "noise":
            base = mixed(first, second, smooth_noise(np.random.default_rng(self._seed), uv * self._scale))
        elif self._kind == "stripes":
            along = uv @ np.array([np.cos(self._angle), np.sin(self._angle)])
            base[(along * self._scale) % 1 < 0.4] = second
        elif self._kind == "checks":
            base[np.floor(uv * self._scale).sum(-1) % 2 < 1] = second
        elif self._picture is not None and self._kind == "photo":
            base = _spread(self._picture, uv)
        elif self._picture is not None:
            height = np.abs(place[:, 2])
            inside = height < self._band * max(float(height.max(initial=0)), 1e-3)
            base[inside] = _spread(self._picture, uv[inside])
        return base


def surface(normal: Floats, place: Floats, *, is_round: bool) -> Floats:
    """Coordinates of places on a solid's surface, as lengths: around its axis where it is round, else on its faces.

    Args:
        normal, place: in the frame of the solid ``(n, 3)``.
        is_round: as `Solid.is_round`; its flat ends (normals along z) are faces.

    Returns:
        ``(n, 2)``.
    """
    if is_round:
        around = np.arctan2(place[:, 1], place[:, 0]) / np.pi * 0.5
        side = np.stack([around * 1.5, place[:, 2]], 1)
        return np.where(np.abs(normal[:, 2:]) > 0.95, place[:, :2], side)
    axis = np.abs(normal).argmax(-1)[:, None]
    return np.where(axis == 0, place[:, [1, 2]], np.where(axis == 1, place[:, [0, 2]], place[:, [0, 1]]))


def _spread(picture: NDArray[np.uint8], uv: Floats) -> Floats:
    """The colours of a picture that is laid over a surface again and again, mirrored, so that no seam shows."""
    h, w = picture.shape[:2]
    p = (uv * 1.2 + 0.5) % 2
    p = np.where(p > 1, 2 - p, p)
    x, y = (p[:, 0] * (w - 1)).astype(int), (p[:, 1] * (h - 1)).astype(int)
    colours: Floats = picture[y, x].astype(F) / 255
    return colours
