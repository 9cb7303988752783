"""A thing: parts, painted, standing or lying on the ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .kinds.table import Kind
from .paint import Paint
from .parts import Part
from .pictures import Pictures
from .space import EYE, any_turn, at, turn


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of a scene.

    Attributes:
        parts: what it is made of, in the frame of the scene.
        paints: those of materials 0, 1 and 2.
        reach: about how far it reaches from its middle, sideways.
        height: how high its top is above its lowest point.
    """

    parts: tuple[Part, ...]
    paints: tuple[Paint, Paint, Paint]
    reach: float
    height: float

    def moved(self, x: float, y: float, z: float) -> Thing:
        """The same one elsewhere."""
        return replace(self, parts=tuple(part.moved(EYE, at(x, y, z)) for part in self.parts))


def make_thing(rng: np.random.Generator, pictures: Pictures, kinds: Sequence[Kind]) -> Thing:
    """A thing of one of these kinds, its lowest point at z = 0, its parts' mean at x = y = 0; two of three are upright.

    Two draws have no use; without them all scenes would change.
    """
    kind = kinds[int(rng.integers(len(kinds)))]
    parts = kind(rng)
    rng.uniform(0.6, 1.4)  # no use
    upright = rng.random() < 0.65
    rotation = turn(2, rng.uniform(0, 2 * np.pi)) @ (EYE if upright else any_turn(rng))
    parts = [part.moved(rotation, at()) for part in parts]
    low = -max(part.support(at(0, 0, -1)) for part in parts)
    parts = [part.moved(EYE, at(0, 0, -low)) for part in parts]
    middle = np.mean([part.centre for part in parts], 0)
    parts = [part.moved(EYE, at(-middle[0], -middle[1], 0)) for part in parts]
    reach = max(float(np.hypot(part.centre[0], part.centre[1])) + part.solid.radius() for part in parts) * 0.8
    height = max(part.support(at(0, 0, 1)) for part in parts)
    paint = Paint(rng, pictures)
    others = [paint if rng.random() < 0.4 else Paint(rng, pictures, 0.7) for _ in range(2)]
    rng.random()  # no use
    return Thing(tuple(parts), (paint, others[0], others[1]), reach, height)
