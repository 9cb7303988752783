"""One composite: choose the patch, lay objects over it, undo what hides too much (paper sections 3.1 and 3.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.images import MEAN_COLOUR, cut_patch
from .canvas import SOLID, canvas_size, cut_matte, cut_picture, outside, tight_box, union, window
from .material import Material, Ref
from .pictures import Cutout, Picture, WholeBox
from .settings import SynthesisSettings


@dataclass(frozen=True, slots=True)
class Composite:
    """A patch of a picture with other objects laid over it. All arrays are in canvas pixels.

    Attributes:
        image: uint8 ``(h, w, 3)`` RGB, with the occluders.
        clean: uint8 ``(h, w, 3)`` RGB, without them.
        own: bool ``(h, w)``, the main object as the picture showed it.
        visible: bool ``(h, w)``, what the occluders leave of it.
        others: bool ``(h, w)``, other annotated objects of the picture.
        outside: bool ``(h, w)``, beyond the picture.
        patch_box: the patch in the picture, whole pixels xyxy; may reach beyond the picture.
        object_area_px: pixels of the whole main object in the picture.
        category: 0..K-1, place in `Material.categories`.
        image_id, annotation_id: of the main object, as in its file.
        occluders: (image id, annotation id) of each object laid over it.
        mirrored: whether left and right were exchanged.
    """

    image: NDArray[np.uint8]
    clean: NDArray[np.uint8]
    own: NDArray[np.bool_]
    visible: NDArray[np.bool_]
    others: NDArray[np.bool_]
    outside: NDArray[np.bool_]
    patch_box: WholeBox
    object_area_px: int
    category: int
    image_id: int
    annotation_id: int
    occluders: tuple[tuple[int, int], ...] = ()
    mirrored: bool = False

    @property
    def visible_share(self) -> float:
        """Visible pixels of the object in the patch, as a share of its whole modal area, 0-1."""
        return min(self.share_of_object(self.visible), 1.0)

    def share_of_object(self, pixels: NDArray[np.bool_]) -> float:
        """Canvas pixels as a share of the object's whole modal area, the canvas's scale allowed for."""
        x1, y1, x2, y2 = self.patch_box
        source_px = (x2 - x1) * (y2 - y1) / pixels.size
        return float(np.count_nonzero(pixels)) * source_px / self.object_area_px


def make_composite(material: Material, main: Ref, rng: np.random.Generator) -> Composite | None:
    """Sample a patch around a main object and lay 0 to ``max_occluders`` objects over it.

    Returns:
        The composite; None when an operation was tried ``max_tries`` times and always hid too much of the object.

    Raises:
        ImageError: a picture that cannot be used.
    """
    settings = material.settings
    picture = material.picture(main.source, main.image)
    composite = _sample_patch(material, picture, main, rng)
    if composite is None:
        return None
    for _ in range(int(rng.integers(settings.max_occluders + 1))):
        composite = _add_occluder(material, composite, main, rng)
        if composite is None:
            return None
    if settings.colour_jitter:
        composite = _recoloured(composite, settings.colour_jitter, rng)
    return _mirrored(composite) if settings.flip and rng.random() < 0.5 else composite


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


def _sample_patch(material: Material, picture: Picture, main: Ref, rng: np.random.Generator) -> Composite | None:
    settings = material.settings
    cutout = picture.cutouts[main.instance]
    assert cutout is not None  # a main object has pixels
    for _ in range(settings.max_tries):
        box = sample_patch_box(cutout.box, settings, rng)
        seen = int(np.count_nonzero(window(cutout, box)))
        if seen >= settings.min_visible * cutout.area_px:
            break
    else:
        return None
    instance = picture.record.instances[main.instance]
    size = canvas_size(box, settings.canvas_px)
    image = cut_picture(picture.image, box, size)
    own = cut_matte(union([cutout], box), size)
    others = union([c for i, c in enumerate(picture.cutouts) if c is not None and i != main.instance], box)
    return Composite(
        image=image,
        clean=image,
        own=own,
        visible=own,
        others=cut_matte(others, size),
        outside=outside(box, picture.record.width, picture.record.height, size),
        patch_box=box,
        object_area_px=cutout.area_px,
        category=material.category(main.source, instance.category),
        image_id=picture.record.id,
        annotation_id=instance.id,
    )


def _add_occluder(material: Material, composite: Composite, main: Ref, rng: np.random.Generator) -> Composite | None:
    settings = material.settings
    for _ in range(settings.max_tries):
        ref = material.draw_occluder(rng, main)
        picture = material.picture(ref.source, ref.image)
        cutout = picture.cutouts[ref.instance]
        assert cutout is not None  # an occluder has pixels
        pasted = _lay_over(composite, picture, cutout, settings, rng)
        if pasted is not None:
            pair = (picture.record.id, picture.record.instances[ref.instance].id)
            return replace(pasted, occluders=(*composite.occluders, pair))
    return None


def _lay_over(
    composite: Composite, picture: Picture, cutout: Cutout, settings: SynthesisSettings, rng: np.random.Generator
) -> Composite | None:
    """One object laid over the patch; None where it leaves too little of the main object (the undo), or hides none."""
    canvas = composite.image.shape[1], composite.image.shape[0]
    x1, y1, x2, y2 = cutout.box
    width, height = x2 - x1, y2 - y1
    shortest = 0 if width <= height else 1
    scale = rng.uniform(*settings.occluder_scale) * canvas[shortest] / (width, height)[shortest]
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    left, top = _place(composite.visible, size, rng)
    # only what falls on the canvas is resized; picture and matte through one box, so that they cannot drift apart
    on_canvas = max(left, 0), max(top, 0), min(left + size[0], canvas[0]), min(top + size[1], canvas[1])
    part_size = on_canvas[2] - on_canvas[0], on_canvas[3] - on_canvas[1]
    in_matte = (
        (on_canvas[0] - left) * width / size[0],
        (on_canvas[1] - top) * height / size[1],
        (on_canvas[2] - left) * width / size[0],
        (on_canvas[3] - top) * height / size[1],
    )
    matte = cut_patch(cutout.matte, in_matte, part_size)
    rows, columns = slice(on_canvas[1], on_canvas[3]), slice(on_canvas[0], on_canvas[2])
    visible = composite.visible.copy()
    visible[rows, columns] &= matte < SOLID
    if composite.share_of_object(visible) < settings.min_visible or not visible.any():
        return None
    if composite.share_of_object(composite.visible & ~visible) < settings.min_hidden:
        return None
    in_picture = (in_matte[0] + x1, in_matte[1] + y1, in_matte[2] + x1, in_matte[3] + y1)
    image = composite.image.copy()
    image[rows, columns] = _blended(image[rows, columns], cut_patch(picture.image, in_picture, part_size), matte)
    return replace(composite, image=image, visible=visible)


def _place(visible: NDArray[np.bool_], size: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
    """Left and top of an occluder, uniform over the places where its box meets the object's visible box."""
    x1, y1, x2, y2 = tight_box(visible)
    left = int(rng.integers(x1 - size[0] + 1, x2))
    top = int(rng.integers(y1 - size[1] + 1, y2))
    return left, top


def _blended(below: NDArray[np.uint8], above: NDArray[np.uint8], matte: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = matte.astype(np.uint16)[..., None]
    mixed = above * alpha + below * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def _recoloured(composite: Composite, amount: float, rng: np.random.Generator) -> Composite:
    """Brightness, contrast and the balance of colours changed; what lies beyond the picture keeps the mean colour."""
    brightness = 255 * rng.uniform(-amount, amount) / 2
    gains = (1 + rng.uniform(-amount, amount)) * (1 + rng.uniform(-amount, amount, size=3) / 4)
    levels = np.arange(256)[:, None]
    table = np.clip((levels - 128) * gains + 128 + brightness, 0, 255).astype(np.uint8)  # (256, 3)

    def changed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        out = np.stack([table[:, c][image[..., c]] for c in range(3)], axis=-1)
        out[composite.outside & (image == MEAN_COLOUR).all(axis=-1)] = MEAN_COLOUR
        return out

    return replace(composite, image=changed(composite.image), clean=changed(composite.clean))


def _mirrored(composite: Composite) -> Composite:
    def turned(array: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(array[:, ::-1])

    return replace(
        composite,
        image=turned(composite.image),
        clean=turned(composite.clean),
        own=turned(composite.own),
        visible=turned(composite.visible),
        others=turned(composite.others),
        outside=turned(composite.outside),
        mirrored=True,
    )
