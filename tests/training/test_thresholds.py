"""Cut-offs: on heat that is known, the curve says what it must."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amodal.training.thresholds import CUTOFFS, best_cutoff, iou_by_cutoff


class Knows:
    """Answers with 0.72 on the left half of the box it is given, and with 0.48 on all of twice its width."""

    networks = SimpleNamespace(categories=())

    def set_image(self, image: np.ndarray) -> None:
        self.shape = image.shape

    def predict(self, boxes: list[Any], categories: None, *, keep_heat: bool) -> list[SimpleNamespace]:
        assert keep_heat and categories is None
        x1, y1, x2, y2 = boxes[0]
        modal = np.zeros((4, 4), np.float32)
        modal[:, :2] = 0.72
        step = SimpleNamespace(heat=np.full((4, 4), 0.48, np.float32), frame=(x1, y1, 2 * x2 - x1, y2))
        return [SimpleNamespace(modal_heat=modal, modal_box=boxes[0], trace=[step])]


def test_the_curve_of_known_heat() -> None:
    visible, own = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    visible[10:30, 10:26] = True
    own[10:30, 10:42] = True
    scene = SimpleNamespace(image=np.zeros((40, 60, 3), np.uint8), visible=visible, own=own, category=0)
    curves = iou_by_cutoff(Knows(), [scene, scene])  # type: ignore[arg-type, list-item]
    for cutoff, modal, amodal in zip(CUTOFFS, curves["modal"], curves["amodal"], strict=True):
        assert amodal == (1.0 if cutoff < 0.48 else 0.0)
        if 0.35 < cutoff < 0.37:
            assert modal == pytest.approx(0.5)
        if cutoff > 0.72:
            assert modal == 0.0
    assert best_cutoff(curves["amodal"]) == CUTOFFS[0]
