"""Objects laid over the main one or behind it, and the undo of those that hide too much (paper section 3.2)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .canvas import SOLID, tight_box
from .colour import colour_table
from .composite import Composite
from .cut import cut_mask
from .drawer import Ref
from .drawing import Drawing, Layer
from .material import Material
from .pictures import Cutout, Picture
from .settings import SynthesisSettings

_PLACES = 50
"""Places tried for one that lies across the patch's edge."""


def add_object(
    material: Material, composite: Composite, main: Ref, rng: np.random.Generator, *, behind: bool = False
) -> Composite | None:
    """One object more, over the main one or behind it; None after ``max_tries`` that hid too much or too little."""
    settings = material.settings
    for undone in range(settings.max_tries):
        ref = None
        if settings.same_image and rng.random() < settings.same_image:
            ref = material.draw_sibling(rng, main)
        ref = material.draw_occluder(rng, main) if ref is None else ref
        picture = material.picture(ref.source, ref.image)
        cutout = picture.cutouts[ref.instance]
        assert cutout is not None  # an occluder has pixels
        laid = _lay(composite, picture, cutout, settings, rng, behind)
        if laid is not None:
            record = picture.record.instances[ref.instance]
            category = material.category(ref.source, record.category)
            laid["laid_categories"] = (*composite.laid_categories, category)
            laid["behind" if behind else "occluders"] = (
                *(composite.behind if behind else composite.occluders),
                (picture.record.id, record.id),
            )
            return composite._replace(**laid, undone=composite.undone + undone)
    return None


def _lay(
    composite: Composite,
    picture: Picture,
    cutout: Cutout,
    settings: SynthesisSettings,
    rng: np.random.Generator,
    behind: bool,
) -> dict[str, Any] | None:
    """What one object laid on the patch changes of it.

    None where it leaves too little of the main object (the undo), or hides too little.
    """
    canvas = composite.size
    x1, y1, x2, y2 = cutout.box
    width, height = x2 - x1, y2 - y1
    shortest = 0 if width <= height else 1
    low, high = settings.occluder_scale
    scale = (low + (high - low) * rng.random()) * canvas[shortest] / (width, height)[shortest]
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    left, top = _place(composite.visible, size, canvas, settings, rng)
    feather = rng.uniform(0, settings.feather_px) if settings.feather_px else 0.0
    blur = rng.uniform(0, settings.occluder_blur_px) if settings.occluder_blur_px else 0.0
    # only what falls on the canvas is resized; picture and matte through one box: together to 1/32 of their pixels
    rim = math.ceil(2 * feather)
    part = _on_canvas((left - rim, top - rim, left + size[0] + rim, top + size[1] + rim), canvas)
    part_size = part[2] - part[0], part[3] - part[1]
    in_matte = (
        (part[0] - left) * width / size[0],
        (part[1] - top) * height / size[1],
        (part[2] - left) * width / size[0],
        (part[3] - top) * height / size[1],
    )
    matte = cut_mask(cutout.matte, in_matte, part_size)
    here = slice(part[1], part[3]), slice(part[0], part[2])
    seen = matte >= SOLID
    visible, spared = composite.visible, None
    if behind:
        spared = composite.own[here]
        seen &= ~spared
    else:
        covered = visible[here] & seen
        before, hidden = int(np.count_nonzero(visible)), int(np.count_nonzero(covered))
        if composite.share_of_object(before - hidden) < settings.min_visible or before == hidden:
            return None
        if composite.share_of_object(hidden) < settings.min_hidden:
            return None
        visible = visible.copy()
        visible[here] ^= covered
    in_picture = (in_matte[0] + x1, in_matte[1] + y1, in_matte[2] + x1, in_matte[3] + y1)
    colours = colour_table(settings.occluder_colour, rng) if settings.occluder_colour else None
    layer = Layer(picture.image, in_picture, part, matte, seen, spared, feather, blur, colours)
    assert isinstance(composite.look, Drawing)
    scales = (*composite.occluder_scales, size[shortest] / canvas[shortest])
    look = replace(composite.look, layers=(*composite.look.layers, layer))
    return {"look": look, "visible": visible, "occluder_scales": scales}


def _place(
    visible: NDArray[np.bool_],
    size: tuple[int, int],
    canvas: tuple[int, int],
    settings: SynthesisSettings,
    rng: np.random.Generator,
) -> tuple[int, int]:
    """Left and top of an occluder, uniform over the places where its box meets the object's visible box.

    Over those across the patch's edge, where the settings ask for it and there is one.
    """
    x1, y1, x2, y2 = tight_box(visible)
    at_edge = bool(settings.occluder_at_edge) and rng.random() < settings.occluder_at_edge
    for _ in range(_PLACES if at_edge else 1):
        left = int(rng.integers(x1 - size[0] + 1, x2))
        top = int(rng.integers(y1 - size[1] + 1, y2))
        if left < 0 or top < 0 or left + size[0] > canvas[0] or top + size[1] > canvas[1]:
            break
    return left, top


def _on_canvas(box: tuple[int, int, int, int], canvas: tuple[int, int]) -> tuple[int, int, int, int]:
    return max(box[0], 0), max(box[1], 0), min(box[2], canvas[0]), min(box[3], canvas[1])
