"""From a composite to what the networks are trained on: boxes, patches, labels, weight (sections 3.1, 3.2 and 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.labels import Label, make_label
from .canvas import tight_box
from .cells import Cells, box_cells, mask_cells, share_inside
from .composite import Boxed, Composite
from .cut import cut_mask, cut_planes
from .neighbours import OTHERS_BOXED, box_jitter, boxed_others
from .pictures import WholeBox
from .settings import ExampleShape, SynthesisSettings
from .told import damaged_mask, told_others


@dataclass(frozen=True, slots=True)
class Example:
    """One training example. Boxes are float32 ``(4,)`` xyxy in canvas pixels; p, m, a are `ExampleShape`'s sizes.

    Patches are views of pictures ``(p, p, 3)``: in memory, a pixel's colours lie side by side, as convolutions like it.

    Attributes:
        modal_patch: uint8 ``(3, p, p)`` RGB, the composite inside `modal_box`.
        modal_label: int8 ``(m, m)`` over `modal_box`: the object's visible pixels positive, all others negative,
            beyond the patch or the picture unknown.
        visible_mask: float32 ``(m, m)`` over `modal_box`: visible share of each cell, 0-1.
        told_mask: float32 ``(m, m)`` over `told_box`: the visible mask as the amodal network may be told it, 0-1;
            `visible_mask` unless ``mask_noise`` damages it.
        told_box: `modal_box`, or the tight box of a damaged mask.
        modal_others, given_others: uint8 ``(m, m)`` over `modal_box` and over `seen_box`: 255 where the networks are
            told that another object is seen, see `told_others`.
        other_patches: uint8 ``(k, 3, p, p)`` RGB, the composite inside `other_boxes`; k is 0 where the settings tell
            nothing of other objects.
        other_boxes: float32 ``(k, 4)``, boxes of other objects, see `boxed_others`; empty, all 0, where there are
            fewer.
        other_categories: int64 ``(k,)``, places in `Material.categories`.
        amodal_patch: uint8 ``(3, p, p)`` RGB, the composite inside `seen_box`.
        amodal_label: int8 ``(a, a)`` over `frame_box`: the whole object positive, background negative, beyond the
            picture unknown, and so are other objects unless the annotations have the amodal mask of this one.
        modal_box: jittered box of the visible part.
        seen_box: the patch without its trimmed rim.
        frame_box: the whole patch.
        weight: float32, instance weight, in (0, 1].
        category: int64, 0..K-1, place in `Material.categories`.
        hidden_share: float32, hidden share of the object's pixels in the patch, 0-1.
        n_occluders: int64.
        image_id, annotation_id: int64, of the main object, as in its file.
    """

    modal_patch: NDArray[np.uint8]
    modal_label: Label
    visible_mask: NDArray[np.float32]
    told_mask: NDArray[np.float32]
    told_box: NDArray[np.float32]
    modal_others: NDArray[np.uint8]
    given_others: NDArray[np.uint8]
    other_patches: NDArray[np.uint8]
    other_boxes: NDArray[np.float32]
    other_categories: NDArray[np.int64]
    amodal_patch: NDArray[np.uint8]
    amodal_label: Label
    modal_box: NDArray[np.float32]
    seen_box: NDArray[np.float32]
    frame_box: NDArray[np.float32]
    weight: np.float32
    category: np.int64
    hidden_share: np.float32
    n_occluders: np.int64
    image_id: np.int64
    annotation_id: np.int64


def make_example(
    composite: Composite, settings: SynthesisSettings, shape: ExampleShape, rng: np.random.Generator
) -> Example | None:
    """Targets of one composite.

    Returns:
        The example; None when less than ``min_visible_in_patch`` of the trimmed patch shows the object (section 4.2:
        "we reject the current sample").
    """
    width, height = composite.size
    frame = (0.0, 0.0, float(width), float(height))
    off = width * settings.trim, height * settings.trim
    seen = (off[0], off[1], width - off[0], height - off[1])
    least = settings.min_visible_in_patch
    if share_inside(composite.visible, seen, enough=least) < least:
        return None
    jittered = box_jitter(settings, rng)
    modal_box = jittered(tight_box(composite.visible))
    cells = mask_cells(composite.visible, modal_box, shape.modal_heat_px)
    visible = cells * np.float32(1 / 255)
    known = box_cells(composite.seen_box, modal_box, shape.modal_heat_px)
    told = None
    if settings.mask_noise and rng.random() < settings.mask_noise:
        hidden = composite.own & ~composite.visible
        told = damaged_mask(composite.visible, hidden, shape.modal_heat_px, settings.mask_noise_size, rng)
    told_mask, told_box = told or (visible, modal_box)
    others = told_others(composite, settings, rng) if settings.others_told else None
    boxed = [] if others is None else boxed_others(composite, jittered, rng)
    amodal_label = label_cells(*composite.look.cells(shape.amodal_heat_px))
    # one after the other: the second finds torch's code in the processor's caches
    modal_patch, amodal_patch = (cut_planes(composite.image, box, shape.patch_px) for box in (modal_box, seen))
    return Example(
        modal_patch=modal_patch,
        modal_label=label_cells(cells, None if known is None else ~known),
        visible_mask=visible,
        told_mask=told_mask,
        told_box=np.array(told_box, dtype=np.float32),
        modal_others=_told(others, modal_box, composite, shape.modal_heat_px),
        given_others=_told(others, seen, composite, shape.modal_heat_px),
        **_others(boxed, composite, OTHERS_BOXED if settings.others_told else 0, shape.patch_px),
        amodal_patch=amodal_patch,
        amodal_label=amodal_label,
        modal_box=np.array(modal_box, dtype=np.float32),
        seen_box=np.array(seen, dtype=np.float32),
        frame_box=np.array(frame, dtype=np.float32),
        weight=np.float32(instance_weight(composite.patch_box, settings.weight_reference_px)),
        category=np.int64(composite.category),
        hidden_share=np.float32(1 - np.count_nonzero(composite.visible) / np.count_nonzero(composite.own)),
        n_occluders=np.int64(len(composite.occluders)),
        image_id=np.int64(composite.image_id),
        annotation_id=np.int64(composite.annotation_id),
    )


def pixel_label(composite: Composite) -> Label:
    """The target at the canvas's own pixels: int8 ``(h, w)``."""
    unknown = composite.outside if composite.all_known else composite.others | composite.outside
    return make_label(composite.own, unknown)


def label_cells(positive: Cells, unknown: Cells | None) -> Label:
    """Label of cells from the share of each that is positive and that is unknown.

    A cell is unknown where more than half of it is; else positive where at least half of its known part is.

    Args:
        positive, unknown: uint8 ``(n, n)``, 0 none to 255 all of a cell; a pixel counts in one of them at the most.
            ``unknown`` may be one row or one column; None: nothing is unknown.

    Returns:
        int8 ``(n, n)``.

    >>> label_cells(np.array([[128, 76, 76]], np.uint8), np.array([[0, 0, 153]], np.uint8)).tolist()
    [[1, 0, -1]]
    """
    if unknown is None:
        return _as_label(positive >= 128)
    # 2 positive + unknown >= 255, in bytes; where unknown is 255 that is wrong, and overwritten
    label = _as_label(positive > (np.uint8(254) - unknown) // 2)
    label |= unknown.view(np.int8) >> 7  # -1, `UNKNOWN`, all ones in bits, from 128 on
    return label


def _as_label(positive: NDArray[np.bool_]) -> Label:
    label: Label = positive.view(np.int8)  # POSITIVE is 1, NEGATIVE is 0
    return label


def instance_weight(patch_box: WholeBox, reference_px: int) -> float:
    """min(area of the patch in the picture / reference_px squared, 1).

    The paper weighs "inversely proportional to the factor by which each patch is upsampled" (section 4.2).

    >>> instance_weight((0, 0, 112, 112), 224)
    0.25
    """
    x1, y1, x2, y2 = patch_box
    return min((x2 - x1) * (y2 - y1) / reference_px**2, 1.0)


def _told(plane: NDArray[np.uint8] | None, box: bx.Box, composite: Composite, size_px: int) -> NDArray[np.uint8]:
    """uint8 ``(size, size)``: a plane over the canvas, of any resolution, read over a box in canvas pixels."""
    if plane is None:
        return np.zeros((size_px, size_px), np.uint8)
    (rows, columns), (height, width) = plane.shape, composite.own.shape
    scale = columns / width, rows / height
    inside = box[0] * scale[0], box[1] * scale[1], box[2] * scale[0], box[3] * scale[1]
    return cut_mask(plane, inside, size_px).copy()  # Pillow's bytes cannot be written to, which torch wants


def _others(boxed: list[Boxed], composite: Composite, count: int, patch_px: int) -> dict[str, Any]:
    patches = np.zeros((count, patch_px, patch_px, 3), np.uint8).transpose(0, 3, 1, 2)
    boxes = np.zeros((count, 4), np.float32)
    categories = np.zeros(count, np.int64)
    for place, (box, category) in enumerate(boxed):
        patches[place], boxes[place], categories[place] = cut_planes(composite.image, box, patch_px), box, category
    return {"other_patches": patches, "other_boxes": boxes, "other_categories": categories}
