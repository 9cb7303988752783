"""What a trial asks of a scene: the main object alone, or with those laid on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.masks import Mask
from ..core.records import Prediction
from ..inference.pair import NetworkPair, takes_others
from ..inference.predictor import Predictor
from ..synthesis.canvas import tight_box
from ..synthesis.composite import Composite

LEAST_PX = 30
"""Pixels of a laid object that must be seen for it to be asked about."""


@dataclass(frozen=True, slots=True)
class Question:
    """The objects of a scene that are asked about together.

    Attributes:
        scene: the picture.
        visible: bool ``(h, w)`` each: the exact visible parts, the main object's first.
    """

    scene: Composite
    visible: tuple[NDArray[np.bool_], ...]

    @classmethod
    def of(cls, scene: Composite, place: int, networks: NetworkPair) -> Question:
        """The main object; in every second scene with the laid ones, for networks that are told of others.

        They are used both ways, so what is chosen suits both.
        """
        shown = [scene.visible]
        if place % 2 and scene.laid is not None and takes_others(networks.amodal):
            laid = (scene.laid == number for number in range(1, int(scene.laid.max()) + 1))
            shown += [mask for mask in laid if np.count_nonzero(mask) >= LEAST_PX]
        return cls(scene, tuple(shown))

    def by_box(self, predictor: Predictor) -> Prediction:
        """The main object from the exact boxes, with its heat."""
        return self._ask(predictor, boxes=[tight_box(mask) for mask in self.visible])

    def by_mask(self, predictor: Predictor) -> Prediction:
        """The main object from the exact masks, with its heat."""
        return self._ask(predictor, masks=[Mask.from_array(mask) for mask in self.visible])

    def _ask(self, predictor: Predictor, **given: Any) -> Prediction:
        # of the laid ones the category does not matter: they are not scored
        told = [self.scene.category] * len(self.visible) if predictor.networks.categories else None
        predictor.set_image(self.scene.image)
        return predictor.predict(categories=told, keep_heat=True, **given)[0]
