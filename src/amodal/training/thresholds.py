"""Where heat becomes a mask and where a box grows: what gives the best mean IoU on validation photographs.

Measured through prediction itself, on scenes whose truth is exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..inference.pair import Network, ask, takes_others
from ..inference.patches import paste_heat
from ..inference.predictor import Predictor
from ..synthesis.composite import Composite
from .question import Question

CUTOFFS: tuple[float, ...] = tuple(round(0.20 + 0.05 * i, 2) for i in range(15))
"""0.20 to 0.90."""


STRIPS: tuple[float, ...] = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
"""Mean heat beside a box over which its side moves outward; the paper's 0.1 first."""


class Curves(NamedTuple):
    """Mean IoU, 0-1.

    Attributes:
        modal: of the modal heat with the visible mask, for each of `CUTOFFS`.
        amodal: of the last heat of the expansion with the whole mask, ``(len(STRIPS), len(CUTOFFS))``.
    """

    modal: NDArray[np.float64]
    amodal: NDArray[np.float64]

    def best(self) -> dict[str, Any]:
        """The settings of prediction where the means are highest; the amodal two are chosen together.

        >>> heat = np.zeros((len(STRIPS), len(CUTOFFS)))
        >>> heat[2, 7] = 0.9
        >>> Curves(heat[2], heat).best()
        {'modal_threshold': 0.55, 'amodal_threshold': 0.55, 'strip_threshold': 0.2}
        """
        strip, cutoff = np.unravel_index(int(np.argmax(self.amodal)), self.amodal.shape)
        return {
            "modal_threshold": CUTOFFS[int(np.argmax(self.modal))],
            "amodal_threshold": CUTOFFS[int(cutoff)],
            "strip_threshold": STRIPS[int(strip)],
        }


def measure_curves(predictor: Predictor, scenes: Iterable[Composite]) -> Curves:
    """Mean IoU of both networks' heat with the exact truth, the exact visible box given.

    Args:
        predictor: with the settings the networks ship with, but for the thresholds.
        scenes: photographs with made occlusion.
    """
    modal, amodal = [], []
    for place, scene in enumerate(scenes):
        pair = predictor.networks
        question = Question.of(scene, place, pair)
        once = replace(pair, modal=_Remembered(pair.modal), amodal=_Remembered(pair.amodal))
        rows = []
        for strip in STRIPS:
            found = question.by_box(Predictor(once, replace(predictor.settings, strip_threshold=strip)))
            last = found.trace[-1]
            rows.append(_ious(last.heat, last.frame, scene.own))
        amodal.append(rows)
        modal.append(_ious(found.modal_heat, found.modal_box, scene.visible))
    return Curves(np.mean(modal, axis=0), np.mean(amodal, axis=0))


class _Remembered:
    """A network that is asked once: whatever the strip threshold, IIS is the same and so are the first steps."""

    def __init__(self, network: Network) -> None:
        self.network, self.answers = network, dict[bytes, NDArray[np.float32]]()
        self.patch_px, self.heat_px, self.margin = network.patch_px, network.heat_px, network.margin
        self.takes_others = takes_others(network)

    def __call__(
        self,
        patches: NDArray[np.uint8],
        heat: NDArray[np.float32],
        category: NDArray[np.int64] | None,
        others: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        # the category is one for the scene
        key = patches.tobytes() + heat.tobytes() + (b"" if others is None else others.tobytes())
        if key not in self.answers:
            self.answers[key] = ask(self.network, patches, heat, category, others)
        return self.answers[key]


def _ious(heat: Any, frame: ArrayLike, true: NDArray[np.bool_]) -> NDArray[np.float64]:
    """IoU at every cut-off, ``(len(CUTOFFS),)``."""
    height, width = true.shape
    part = paste_heat(heat, frame, width, height)
    rows, columns = part.heat.shape
    inside = true[part.top : part.top + rows, part.left : part.left + columns]
    found = part.heat > np.array(CUTOFFS, dtype=np.float32)[:, None, None]
    common = (found & inside).sum((1, 2))
    union = found.sum((1, 2)) + true.sum() - common
    return np.asarray(common / np.maximum(union, 1), dtype=np.float64)
