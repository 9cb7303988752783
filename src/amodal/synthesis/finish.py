"""What is done to a composite as a whole: a border that cuts it, its colours, its sharpness, left and right."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..core.images import MEAN_COLOUR
from .canvas import tight_box
from .colour import colour_table, recolour
from .composite import Boxed, Composite
from .cut import turned
from .settings import SynthesisSettings

_SHRINK = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
_ENLARGE = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)


def cut_off(composite: Composite, settings: SynthesisSettings, rng: np.random.Generator) -> Composite | None:
    """The picture ends at a line through the visible part; None after ``max_tries`` that hid too much or too little.

    Beyond it the mean colour is seen, as beyond a true border, but the object's own pixels stay known.
    """
    x1, y1, x2, y2 = tight_box(composite.visible)
    height, width = composite.own.shape
    centres = (np.arange(width) + 0.5)[None, :], (np.arange(height) + 0.5)[:, None]
    for undone in range(settings.max_tries):
        axis, before = int(rng.integers(2)), bool(rng.integers(2))
        line = rng.uniform((x1, y1)[axis], (x2, y2)[axis])
        beyond = np.broadcast_to(centres[axis] < line if before else centres[axis] > line, (height, width))
        visible = composite.visible & ~beyond
        hidden = composite.share_of_object(int(np.count_nonzero(composite.visible & beyond)))
        if visible.any() and hidden >= settings.min_hidden:
            if composite.share_of_object(int(np.count_nonzero(visible))) < settings.min_visible:
                continue
            image, clean = composite.image.copy(), composite.clean.copy()
            image[beyond] = clean[beyond] = MEAN_COLOUR
            undone += composite.undone
            return replace(composite, image=image, clean=clean, visible=visible, cut_off=beyond.copy(), undone=undone)
    return None


def recoloured(composite: Composite, amount: float, rng: np.random.Generator) -> Composite:
    """Brightness, contrast and the balance of colours changed; what lies beyond the picture keeps the mean colour."""
    table, off = colour_table(amount, rng), composite.off_picture

    def changed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        out = recolour(image, table)
        out[off & (image == MEAN_COLOUR).all(axis=-1)] = MEAN_COLOUR
        return out

    return replace(composite, image=changed(composite.image), clean=changed(composite.clean))


def low_resolution(composite: Composite, settings: SynthesisSettings, rng: np.random.Generator) -> Composite:
    """The pictures as if the object had been small: shrunk until it is, enlarged again. Masks stay as they are."""
    x1, y1, x2, y2 = tight_box(composite.own)
    low, high = settings.low_resolution_px
    wanted = math.exp(rng.uniform(math.log(low), math.log(high)))
    filters = _SHRINK[int(rng.integers(len(_SHRINK)))], _ENLARGE[int(rng.integers(len(_ENLARGE)))]
    height, width = composite.own.shape
    scale = wanted / max(x2 - x1, y2 - y1)
    if scale >= 1:
        return composite
    small = max(round(width * scale), 1), max(round(height * scale), 1)

    def changed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        shrunk = Image.fromarray(image).resize(small, filters[0])
        return np.asarray(shrunk.resize((width, height), filters[1]))

    return replace(composite, image=changed(composite.image), clean=changed(composite.clean))


def mirrored(composite: Composite) -> Composite:
    """Left and right exchanged."""
    image, own = turned(composite.image), turned(composite.own)
    return replace(
        composite,
        image=image,
        clean=image if composite.clean is composite.image else turned(composite.clean),
        own=own,
        visible=own if composite.visible is composite.own else turned(composite.visible),
        others=turned(composite.others),
        outside=turned(composite.outside),
        neighbours=tuple(_turned(one, own.shape[1]) for one in composite.neighbours),
        laid=None if composite.laid is None else turned(composite.laid),
        cut_off=None if composite.cut_off is None else turned(composite.cut_off),
        mirrored=True,
    )


def _turned(one: Boxed, width: int) -> Boxed:
    x1, y1, x2, y2 = one.box
    return one._replace(box=(width - x2, y1, width - x1, y2))


def clear_twin(composite: Composite) -> Composite:
    """The same patch with nothing laid over it."""
    visible = composite.own if composite.cut_off is None else composite.own & ~composite.cut_off
    return replace(
        composite,
        image=composite.clean,
        visible=visible,
        laid=None,
        laid_categories=(),
        occluders=(),
        behind=(),
        occluder_scales=(),
    )
