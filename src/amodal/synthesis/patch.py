"""The patch around a main object, before anything is laid over it (paper section 3.2)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from .canvas import canvas_size, cut_masks, parts_in, shown_box
from .composite import Boxed, Composite
from .drawer import Ref
from .drawing import Drawing
from .material import Material
from .pictures import Cutout, Picture, WholeBox
from .settings import SynthesisSettings


def sample_patch_box(box: WholeBox, settings: SynthesisSettings, rng: np.random.Generator) -> WholeBox:
    """A random box over an object's box, both of whole pixels.

    Each dimension apart: its length uniform within ``patch_scale`` of the object's, its place uniform among those that
    cover at least ``min_patch_overlap`` of the object's (section 3.2).
    """
    lows, highs = [], []
    for low, high in ((box[0], box[2]), (box[1], box[3])):
        length = high - low
        need = max(math.ceil(settings.min_patch_overlap * length - 1e-9), 1)
        shortest = max(math.ceil(settings.patch_scale[0] * length - 1e-9), need)
        longest = max(math.floor(settings.patch_scale[1] * length + 1e-9), shortest)
        new = int(rng.integers(shortest, longest + 1))
        start = int(rng.integers(low + need - new, high - need + 1))
        lows.append(start)
        highs.append(start + new)
    return (lows[0], lows[1], highs[0], highs[1])


def sample_patch(material: Material, picture: Picture, main: Ref, rng: np.random.Generator) -> Composite | None:
    """A patch that shows enough of a main object; None after ``max_tries`` that did not."""
    settings = material.settings
    cutout = picture.cutouts[main.instance]
    assert cutout is not None  # a main object has pixels
    if not settings.amodal_truth:
        cutout = replace(cutout, whole=None)
    truth, undone = cutout.truth, 0
    for _ in range(settings.max_tries):
        box = sample_patch_box(truth.box, settings, rng)
        if _shows(cutout, box, settings.min_visible * truth.area_px):
            break
        undone += 1
    else:
        return None
    instance = picture.record.instances[main.instance]
    size = canvas_size(box, settings.canvas_px)
    own = cut_masks([truth], box, size)
    shown = own if cutout.whole is None else cut_masks([cutout], box, size)
    others, neighbours = _neighbours(material, picture, main, box, size)
    return Composite(
        look=Drawing(picture.image, cutout, tuple(others), box, size),
        own=own,
        shown=shown,
        visible=shown,
        shown_box=shown_box(box, picture.record.width, picture.record.height, size),
        patch_box=box,
        object_area_px=truth.area_px,
        category=material.category(main.source, instance.category),
        image_id=picture.record.id,
        annotation_id=instance.id,
        undone=undone,
        neighbours=tuple(neighbours),
    )


def _shows(cutout: Cutout, box: WholeBox, least_px: float) -> bool:
    """Whether a box of the picture holds at least so many pixels of what is seen of an object, and one of them."""
    least_px = max(least_px, 1)
    for _, matte in parts_in((cutout,), box):
        beyond = cutout.matte.size - matte.size  # of its pixels, at the most: there is seldom need to count them
        return cutout.area_px - beyond >= least_px or int(np.count_nonzero(matte)) >= least_px
    return False  # the patch is drawn around the whole object, and may hold only what is hidden of it


def _neighbours(
    material: Material, picture: Picture, main: Ref, patch: WholeBox, size: tuple[int, int]
) -> tuple[list[Cutout], list[Boxed]]:
    """The other objects of a picture that its patch shows; the same as boxes on the patch's canvas."""
    left, top, right, bottom = patch
    across, down = size[0] / (right - left), size[1] / (bottom - top)
    cutouts, boxes = [], []
    for i, cutout in enumerate(picture.cutouts):
        if cutout is None or i == main.instance:
            continue
        x1, y1, x2, y2 = cutout.box
        if x1 < right and left < x2 and y1 < bottom and top < y2:
            cutouts.append(cutout)
            instance = picture.record.instances[i]
            if instance.is_crowd or instance.is_stuff:
                continue  # no object that a box tells of
            x1, y1, x2, y2 = max(x1, left) - left, max(y1, top) - top, min(x2, right) - left, min(y2, bottom) - top
            category = material.category(main.source, instance.category)
            boxes.append(Boxed((x1 * across, y1 * down, x2 * across, y2 * down), category))
    return cutouts, boxes
