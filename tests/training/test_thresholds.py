"""Thresholds: on heat that is known, the curves say what they must."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from amodal.inference.pair import NetworkPair
from amodal.inference.predictor import Predictor
from amodal.inference.settings import PredictionSettings
from amodal.training.thresholds import CUTOFFS, STRIPS, measure_curves


class Disc:
    """A network that answers with one heat whatever it sees."""

    def __init__(self, heat: np.ndarray, margin: float) -> None:
        self.heat, self.patch_px, self.heat_px, self.margin, self.asked = heat, 8, len(heat), margin, 0

    def __call__(self, patches: np.ndarray, heat: np.ndarray, category: None) -> np.ndarray:
        self.asked += 1
        return np.broadcast_to(self.heat, (len(patches), *self.heat.shape))


def test_the_curves_of_known_heat() -> None:
    modal, amodal = np.zeros((8, 8), np.float32), np.full((10, 10), 0.48, np.float32)
    modal[:, :4] = 0.72  # the left half of the box
    amodal[:, -1] = 0.27  # hot beside the right side, above some of the strip thresholds
    amodal[0], amodal[-1], amodal[:, 0] = 0, 0, 0
    settings = PredictionSettings(max_steps=2, iis_passes=1)
    iis, whole = Disc(modal, 0.0), Disc(amodal, 0.125)
    predictor = Predictor(NetworkPair(iis, whole, settings))
    visible, own = np.zeros((2, 40, 80), bool)
    visible[10:26, 10:42] = True
    own[10:26, 10:46] = True  # the frame of the first step, 4 pixels more on the right
    scene = SimpleNamespace(image=np.zeros((40, 80, 3), np.uint8), visible=visible, own=own, category=0, laid=None)
    curves = measure_curves(predictor, [scene, scene])  # type: ignore[list-item]
    # what all strip thresholds share is asked once a scene: IIS, the first step, and the second of those that grow
    assert (iis.asked, whole.asked) == (2, 4)
    assert curves.amodal.shape == (len(STRIPS), len(CUTOFFS))
    assert curves.modal[CUTOFFS.index(0.6)] == pytest.approx(0.5, abs=0.05)  # blurred by a sample
    assert curves.modal[CUTOFFS.index(0.75)] == 0
    stays, grows = STRIPS.index(0.3), STRIPS.index(0.2)
    assert (curves.amodal[: grows + 1] == curves.amodal[grows]).all()
    assert (curves.amodal[stays:] == curves.amodal[stays]).all()
    assert curves.amodal[stays, 0] > curves.amodal[grows, 0] + 0.05  # one step too many
    assert curves.best()["strip_threshold"] == 0.3
