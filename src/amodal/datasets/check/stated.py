"""Rules about what a file states although it follows from its masks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...core.errors import AmodalError
from ..fields import read_mask
from .findings import Finding, Severity, shorten
from .objects import Case, Extent

_SLIGHT_FRAC = 0.01
_AREA_PX, _AREA_FRAC = 2.0, 0.05


def check_stated(case: Case) -> Iterator[Finding]:
    """A stated hidden mask or area that the masks do not bear out."""
    modal, amodal, extra = case.modal, case.amodal, case.instance.extra
    stated = extra.get("invisible_mask")
    if stated is not None and modal is not None and amodal is not None:
        yield from _check_hidden(case, stated, modal, amodal)
    of_modal = amodal is None and case.instance.amodal_box is None  # else it is of the whole, known or not
    area, extent = extra.get("area"), modal if of_modal else amodal
    if isinstance(area, int | float) and extent is not None and extent.area:
        x1, y1, x2, y2 = extent.box
        if not abs(area - extent.area) <= max(_AREA_PX, _AREA_FRAC * extent.area, x2 - x1 + y2 - y1):
            yield case.finding("area", f"{shorten(area, 30)}, the mask's is {extent.area}")


def _check_hidden(case: Case, stated: Any, modal: Extent, amodal: Extent) -> Iterator[Finding]:
    try:
        hidden = read_mask(stated, case.record, case.file, f"annotation {case.instance.id}")
    except AmodalError as problem:
        yield case.finding("hidden-mask", problem.rule)
        return
    true = amodal.mask - modal.mask
    off = hidden.area + true.area - 2 * (hidden & true).area
    if off:
        severity: Severity = "error" if off > _SLIGHT_FRAC * amodal.area else "warning"
        yield case.finding("hidden-mask", f"{off} pixels off, of {true.area} hidden ones", severity)
