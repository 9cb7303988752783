"""A contact sheet of single objects as one picture, for worst.py: what was given, what was found, what is true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from amodal.core.masks import Mask
from amodal.core.records import Prediction
from amodal.report.colours import FOUND, GIVEN
from amodal.report.overlay import font
from amodal.report.panels import PANEL_PX, Picture, View, mask_panel, photo_panel

_GAP_PX, _TEXT_PX, _LINE_PX = 8, 17, 24
_PAPER, _INK, _SOFT, _RULE = (255, 255, 255), (27, 31, 39), (102, 112, 133), (226, 229, 234)


@dataclass(frozen=True, slots=True)
class Case:
    """One object of a sheet.

    Attributes:
        image: its photograph, uint8 ``(H, W, 3)``.
        prediction: what was found.
        true: the true amodal mask; true_modal: what is visible of it, None where the truth does not tell.
        title, note: plain text above it, the note in grey behind the title.
    """

    image: Picture
    prediction: Prediction
    true: Mask
    true_modal: Mask | None
    title: str
    note: str = ""


def draw_sheet(cases: Sequence[Case], *, columns: int = 2) -> Picture:
    """Objects side by side, row by row: the photograph's part with both boxes, the found mask, the true one.

    What a mask has beyond the visible part (found or true) is striped.

    Args:
        cases: one or more, in reading order.
        columns: objects beside each other.

    Returns:
        uint8 ``(h, w, 3)``, ``columns`` times 632 pixels wide and some more.

    Raises:
        ValueError: no case.
    """
    if not cases:
        raise ValueError("a sheet shows one object or more")
    columns = min(columns, len(cases))
    blocks = [_block(case) for case in cases]
    rows = [blocks[i : i + columns] for i in range(0, len(blocks), columns)]
    width = blocks[0].width
    heights = [max(block.height for block in row) for row in rows]
    across = columns * width + (columns - 1) * 3 * _GAP_PX + 2 * _GAP_PX
    top = _LINE_PX + _GAP_PX
    sheet = Image.new("RGB", (across, top + sum(heights) + 2 * _GAP_PX * len(rows)), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for column in range(columns):
        _draw_headings(pen, _GAP_PX + column * (width + 3 * _GAP_PX))
    for row, height in zip(rows, heights, strict=True):
        pen.line((_GAP_PX, top, across - _GAP_PX, top), fill=_RULE)
        for column, block in enumerate(row):
            sheet.paste(block, (_GAP_PX + column * (width + 3 * _GAP_PX), top + _GAP_PX))
        top += height + 2 * _GAP_PX
    return np.asarray(sheet)


def _draw_headings(pen: ImageDraw.ImageDraw, left: float) -> None:
    place = left
    for text, colour in (("given box", GIVEN), ("found box", FOUND)):  # in the colours of the boxes
        pen.text((place, _GAP_PX), text, fill=colour, font=font(_TEXT_PX))
        place += pen.textlength(f"{text}   ", font=font(_TEXT_PX))
    for k, text in enumerate(("found, hidden striped", "true, hidden striped"), start=1):
        pen.text((left + k * (PANEL_PX + _GAP_PX), _GAP_PX), text, fill=_SOFT, font=font(_TEXT_PX))


def _block(case: Case) -> Image.Image:
    view = View.of(case.prediction, case.image, also=(case.true.box,))
    found = case.prediction
    panels = (
        photo_panel(view, case.image, found),
        mask_panel(view, case.image, found.amodal_mask, modal=found.modal_mask),
        mask_panel(view, case.image, case.true, modal=case.true_modal),
    )
    block = Image.new("RGB", (3 * PANEL_PX + 2 * _GAP_PX, _LINE_PX + view.height), _PAPER)
    pen = ImageDraw.Draw(block)
    pen.text((0, 0), case.title, fill=_INK, font=font(_TEXT_PX))
    pen.text((pen.textlength(f"{case.title}  ", font=font(_TEXT_PX)), 0), case.note, fill=_SOFT, font=font(_TEXT_PX))
    for k, panel in enumerate(panels):
        left = k * (PANEL_PX + _GAP_PX) + (PANEL_PX - view.width) // 2
        block.paste(Image.fromarray(panel), (left, _LINE_PX))
    return block
