"""The patch around a main object, before anything is laid over it (paper section 3.2)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

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
    for undone in range(settings.max_tries):
        box = sample_patch_box(cutout.truth.box, settings, rng)
        if _shows(cutout, box, settings.min_visible * cutout.truth.area_px):
            size = canvas_size(box, settings.canvas_px)
            own = cut_masks([cutout.truth], box, size)
            shown = own if cutout.whole is None else cut_masks([cutout], box, size)
            if shown.any():  # what is thin may fall between the pixels of a canvas that is shrunk
                return _composite(material, picture, main, cutout, box, (own, shown), undone)
    return None


def _composite(
    material: Material,
    picture: Picture,
    main: Ref,
    cutout: Cutout,
    box: WholeBox,
    masks: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    undone: int,
) -> Composite:
    """A patch with nothing laid over it, from the masks of the whole object and of what is shown of it."""
    own, shown = masks
    size = own.shape[1], own.shape[0]
    instance = picture.record.instances[main.instance]
    others, neighbours = _neighbours(material, picture, main, box, size)
    return Composite(
        look=Drawing(picture.image, cutout, tuple(others), box, size),
        own=own,
        shown=shown,
        visible=shown,
        shown_box=shown_box(box, picture.record.width, picture.record.height, size),
        patch_box=box,
        object_area_px=cutout.truth.area_px,
        category=material.category(main.source, instance.category),
        image_id=picture.record.id,
        annotation_id=instance.id,
        undone=undone,
        neighbours=tuple(neighbours),
        pixel_area=_pixel_area(cutout, shown, box),
    )


def _shows(cutout: Cutout, box: WholeBox, least_px: float) -> bool:
    """Whether a box of the picture holds at least so many pixels of what is seen of an object, and one of them."""
    least_px = max(least_px, 1)
    for _, matte in parts_in((cutout,), box):
        beyond = cutout.matte.size - matte.size  # of its pixels, at the most: there is seldom need to count them
        return cutout.area_px - beyond >= least_px or int(np.count_nonzero(matte)) >= least_px
    return False  # the patch is drawn around the whole object, and may hold only what is hidden of it


def _pixel_area(cutout: Cutout, shown: NDArray[np.bool_], box: WholeBox) -> float:
    """An object's pixels in a patch for each canvas pixel that shows it.

    Where the canvas is shrunk they are counted: of what is thin it may show far more or less than its scale says.
    """
    if shown.shape == (box[3] - box[1], box[2] - box[0]):
        return 1.0
    return sum(int(np.count_nonzero(matte)) for _, matte in parts_in((cutout,), box)) / int(np.count_nonzero(shown))


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
