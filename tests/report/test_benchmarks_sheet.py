"""The contact sheet of single objects of benchmarks/worst.py."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amodal.core.masks import Mask
from amodal.core.records import Prediction
from amodal.report.colours import FOUND, GIVEN, object_colour
from amodal.report.panels import PANEL_PX

W, H = 120, 60
SHEET = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks/sheet.py"))
draw_sheet = SHEET["draw_sheet"]


def case(found: tuple[int, int, int, int], true: tuple[int, int, int, int], *, modal: bool = True) -> Any:
    visible, whole = Mask.from_box((10, 10, 40, 50), W, H), Mask.from_box(found, W, H)
    prediction = Prediction(1, 1, 0, 1.0, (10, 10, 40, 50), visible, whole, found, 1, "converged")
    image = np.full((H, W, 3), 120, np.uint8)
    return SHEET["Case"](
        image, prediction, Mask.from_box(true, W, H), visible if modal else None, "cat, IoU 40", "50% hidden"
    )


def coloured(panel: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(panel.astype(int) - colour).sum(axis=2) < 12).sum())


def test_boxes_found_and_true_stand_beside_each_other() -> None:
    sheet = draw_sheet([case((10, 10, 90, 50), (10, 10, 60, 50))])
    assert sheet.dtype == np.uint8 and sheet.shape[1] == 3 * PANEL_PX + 4 * 8
    body = sheet[62:]  # below headings and title
    boxes, found, true = (body[:, 8 + k * (PANEL_PX + 8) :][:, :PANEL_PX] for k in range(3))
    orange = object_colour(0)
    assert coloured(boxes, GIVEN) > 100 and coloured(boxes, FOUND) > 100
    assert coloured(boxes, orange) == 0 and coloured(found, GIVEN) == coloured(true, FOUND) == 0

    def reach(panel: np.ndarray) -> int:
        """The last column with the object's colour."""
        return int(np.flatnonzero((np.abs(panel.astype(int) - orange).sum(axis=2) < 12).any(axis=0))[-1])

    scale = PANEL_PX / 90  # the view: from 10 to 90, and 6 % of that on each side
    assert reach(found) - reach(true) == pytest.approx(30 * scale, abs=4)


def test_rows_and_columns_fill_in_reading_order() -> None:
    cases = [case((10, 10, 60, 50), (10, 10, 60, 50), modal=i % 2 == 0) for i in range(3)]
    two, one = draw_sheet(cases), draw_sheet(cases, columns=1)
    assert two.shape[1] == 2 * (3 * PANEL_PX + 16) + 5 * 8 and one.shape[1] == 3 * PANEL_PX + 32
    assert one.shape[0] > 1.4 * two.shape[0]
    assert (two[-60:, -PANEL_PX:] == 255).all()  # nothing in the last place
    with pytest.raises(ValueError, match="one object or more"):
        draw_sheet([])
