"""Rules about one object: its masks, its boxes, and the numbers that follow from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...core.boxes import Box, as_box, clip, from_xywh
from ...core.masks import Mask
from ...core.records import ImageRecord, Instance
from ..dialects import BoxStyle
from .findings import Finding, Severity, finding

_LEAST_SIDE_PX, _LEAST_AREA_PX = 2, 4
_SLIGHT_FRAC = 0.01
"""Share of a mask up to which a break is put down to rounding in the tool that wrote it."""
_RATE_WARNING, _RATE_ERROR = 0.01, 0.05
_BOX_PX, _BOX_WARNING_FRAC, _BOX_ERROR_FRAC = 2.0, 0.05, 0.25


@dataclass(frozen=True, slots=True)
class Extent:
    """A mask with what is asked of it again and again.

    Attributes:
        mask: the mask.
        area: its pixels.
        box: around them, xyxy; zeros where there are none.
    """

    mask: Mask
    area: int
    box: Box


@dataclass(frozen=True, slots=True)
class Case:
    """One object of one picture, with the extents of its masks.

    Attributes:
        boxes: how its file gives boxes.
        outside: those of its boxes, ``[x, y, width, height]``, that reading has cut at the border.
    """

    record: ImageRecord
    instance: Instance
    modal: Extent | None
    amodal: Extent | None
    file: str
    boxes: BoxStyle = "edges"
    outside: Sequence[list[float]] = ()

    @classmethod
    def of(
        cls,
        record: ImageRecord,
        instance: Instance,
        file: str,
        *,
        boxes: BoxStyle = "edges",
        outside: Sequence[list[float]] = (),
    ) -> Case:
        """Measure the masks."""
        modal = _extent(instance.modal_mask)
        same = instance.amodal_mask is instance.modal_mask
        return cls(record, instance, modal, modal if same else _extent(instance.amodal_mask), file, boxes, outside)

    def shown(self, box: Box) -> str:
        """A box as its file has it: in the file's numbers, and before reading cut it at the border."""
        for stated in self.outside:
            if as_box(clip(from_xywh(stated), self.record.width, self.record.height)) == box:
                return f"{shown_box(as_box(from_xywh(stated)), self.boxes)}, cut at the border"
        return shown_box(box, self.boxes)

    def finding(self, rule: str, value: object, severity: Severity | None = None) -> Finding:
        """A finding about the object."""
        return finding(rule, self.file, self.record, self.instance.id, value=value, severity=severity)


def check_masks(case: Case) -> Iterator[Finding]:
    """Masks that are empty or next to nothing, a visible part beyond the whole, a rate the masks do not bear out."""
    modal, amodal = case.modal, case.amodal
    for name, extent in (("modal", modal), ("amodal", amodal)):
        if extent is None or (name == "amodal" and extent is modal):
            continue
        if extent.area == 0:
            yield case.finding("empty-mask", f"{name} mask of 0 pixels")
            continue
        x1, y1, x2, y2 = extent.box
        if extent.area < _LEAST_AREA_PX or min(x2 - x1, y2 - y1) < _LEAST_SIDE_PX:
            value = f"{name} mask of {extent.area} pixels, {x2 - x1:.0f} x {y2 - y1:.0f}"
            yield case.finding("degenerate-mask", value)
    if modal is None or amodal is None or not modal.area or not amodal.area:
        return
    common = modal.area if modal is amodal else (modal.mask & amodal.mask).area
    if common < modal.area:
        value = f"{modal.area - common} of {modal.area} visible pixels outside"
        yield case.finding("modal-in-amodal", value, _graded(1 - common / modal.area, _SLIGHT_FRAC))
    rate = case.instance.occlude_rate
    if rate is not None:
        hidden = 1 - common / amodal.area
        if abs(rate - hidden) > _RATE_WARNING:
            severity = _graded(abs(rate - hidden), _RATE_ERROR)
            yield case.finding("occlude-rate", f"{rate:.4g}, by the masks {hidden:.4f}", severity)


def check_boxes(case: Case) -> Iterator[Finding]:
    """Boxes that are not their masks', or a visible part's box that leaves the whole's."""
    inner, outer = case.instance.modal_box, case.instance.amodal_box
    for name, box, extent in (("modal-box", inner, case.modal), ("amodal-box", outer, case.amodal)):
        told = None if box is None or extent is None or not extent.area else box_break(box, extent.box)
        if told is not None and box is not None and extent is not None:
            severity, off = told
            stated, true = case.shown(box), shown_box(extent.box, case.boxes)
            yield case.finding(
                name, f"{stated}, the mask's is {true}, {off:.1f} px off ({_ORDER[case.boxes]})", severity
            )
    if outer is not None:
        room = [max(_BOX_PX, _BOX_WARNING_FRAC * (outer[k + 2] - outer[k])) for k in (0, 1)]
        beyond = [max(outer[k] - inner[k], inner[k + 2] - outer[k + 2]) - room[k] for k in (0, 1)]
        if max(beyond) > 0:
            stated = f"{case.shown(inner)} in {case.shown(outer)} ({_ORDER[case.boxes]})"
            yield case.finding("box-in-box", stated)


def box_break(box: Box, true: Box) -> tuple[Severity, float] | None:
    """How far a box xyxy is from its mask's: None where it agrees, else the severity and the largest gap in pixels."""
    worst, share = 0.0, 0.0
    for k in range(4):
        off = abs(box[k] - true[k])
        if off > _BOX_PX:
            worst, share = max(worst, off), max(share, off / (true[k % 2 + 2] - true[k % 2]))
    if share <= _BOX_WARNING_FRAC:
        return None
    return ("error" if share > _BOX_ERROR_FRAC else "warning"), worst


def _extent(mask: Mask | None) -> Extent | None:
    return None if mask is None else Extent(mask, mask.area, mask.box)


def _graded(value: float, limit: float) -> Severity:
    return "error" if value > limit else "warning"


def as_stated(box: Box, boxes: BoxStyle) -> list[float]:
    """A box xyxy in the numbers of its file."""
    x1, y1, x2, y2 = map(float, box)
    if boxes == "xywh":
        return [x1, y1, x2 - x1, y2 - y1]
    return [x1 + 1, y1 + 1, x2, y2] if boxes == "pixels" else [x1, y1, x2, y2]


def shown_box(box: Box, boxes: BoxStyle) -> str:
    """`as_stated`, as text.

    >>> [shown_box((1.0, 2.0, 4.5, 6.0), style) for style in ("edges", "xywh", "pixels")]
    ['[1, 2, 4.5, 6]', '[1, 2, 3.5, 4]', '[2, 3, 4.5, 6]']
    """
    return "[" + ", ".join(f"{v:.6g}" for v in as_stated(box, boxes)) + "]"


_ORDER: dict[BoxStyle, str] = {
    "edges": "x1, y1, x2, y2",
    "xywh": "x, y, width, height",
    "pixels": "xmin, ymin, xmax, ymax from 1",
}
