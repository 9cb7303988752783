"""Objects of several sources as arrays, and the ways of drawing one."""

from __future__ import annotations

from bisect import bisect
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Ref(NamedTuple):
    """One object: number of its source, of its picture in the album, of its record in the picture."""

    source: int
    image: int
    instance: int


class Drawer:
    """Objects of several sources as arrays, and one way of drawing from them.

    Args:
        objects: for each source int64 ``(n, 2 or more)``: picture, record; pictures ascending.
        source_weights: float64 ``(sources,)``.
        object_weights: for each source float64 ``(n,)``, > 0; None: all alike.
        by_image: draw a picture uniformly, then one of its objects by weight; else one of all objects by weight.
    """

    def __init__(
        self,
        objects: list[NDArray[np.int64]],
        source_weights: NDArray[np.float64],
        object_weights: list[NDArray[np.float64]] | None,
        *,
        by_image: bool = True,
    ) -> None:
        self.by_image = by_image
        total = source_weights.sum()
        self._source_ends: list[float] = np.cumsum(source_weights / (total or 1)).tolist()
        self._objects = objects
        self._starts = [np.flatnonzero(np.diff(o[:, 0], prepend=-1)) for o in objects]
        self._ends = None if object_weights is None else [np.cumsum(w) for w in object_weights]
        self.count = sum(len(o) for o in objects)

    def images(self) -> list[tuple[int, int]]:
        """Source and number of every picture that can be drawn from."""
        return [
            (source, int(image))
            for source, (objects, starts) in enumerate(zip(self._objects, self._starts, strict=True))
            for image in objects[starts, 0]
        ]

    def draw(self, rng: np.random.Generator) -> Ref:
        source = bisect(self._source_ends, rng.random() * self._source_ends[-1], hi=len(self._source_ends) - 1)
        starts, count = self._starts[source], len(self._objects[source])
        first, stop = 0, count
        if self.by_image:
            group = int(rng.integers(len(starts)))
            first, stop = int(starts[group]), int(starts[group + 1]) if group + 1 < len(starts) else count
        place = int(rng.integers(first, stop)) if self._ends is None else _pick(self._ends[source], rng, first, stop)
        return self._ref(source, place)

    def of_image(self, source: int, image: int) -> list[Ref]:
        """All objects of one picture."""
        first, stop = np.searchsorted(self._objects[source][:, 0], (image, image + 1))
        return [self._ref(source, place) for place in range(first, stop)]

    def _ref(self, source: int, place: int) -> Ref:
        image, instance = self._objects[source][place, :2].tolist()
        return Ref(source, image, instance)


def _pick(ends: NDArray[np.float64], rng: np.random.Generator, first: int, stop: int) -> int:
    """A place of ``first`` to ``stop - 1``, by weight; ``ends`` are the running sums of the weights."""
    low = float(ends[first - 1]) if first else 0.0
    sought = low + rng.random() * (float(ends[stop - 1]) - low)
    return first + min(int(np.searchsorted(ends[first:stop], sought, side="right")), stop - first - 1)
