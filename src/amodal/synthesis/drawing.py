"""How a composite looks: kept as what to draw, and drawn when it is asked for, once.

Which patch, which objects and where they hide too much is decided on masks alone; colours are drawn of what is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ..core import boxes as bx
from .canvas import cut_masks, cut_picture, cut_shares, mask_of
from .cells import Cells, box_cells, mask_cells
from .colour import recolour
from .cut import cut_pixels, turned
from .pictures import Cutout, WholeBox
from .pixels import blend

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels], Pixels]
"""Of a picture ``(h, w, 3)``, which may be written to."""


class Look(Protocol):
    """What a composite shows, in canvas pixels; see `Composite` for each of them."""

    @property
    def image(self) -> Pixels: ...
    @property
    def clean(self) -> Pixels: ...
    @property
    def others(self) -> NDArray[np.bool_]: ...
    @property
    def laid(self) -> NDArray[np.uint8] | None: ...
    @property
    def all_known(self) -> bool: ...
    def cells(self, size_px: int) -> tuple[Cells, Cells | None]:
        """Of each cell of the whole canvas: the object's share, uint8 ``(size, size)``, and that of what nobody knows.

        The latter may be one row or one column, for all rows or columns alike; None: none of any.
        """

    def cleared(self) -> Look:
        """The same with nothing laid on the patch."""


class Layer(NamedTuple):
    """One object laid on the patch.

    Attributes:
        picture: uint8 ``(H, W, 3)`` it comes from.
        inside: the part of that picture that is laid, xyxy.
        box: the part of the canvas it is laid on.
        matte: uint8 over ``box``: 255 the object, 0 not.
        seen: bool over ``box``: the pixels that show it.
        spared: bool over ``box``: pixels it lies behind of; None: none.
        feather_px, blur_px: radius its matte and its colours are blurred by.
        colours: uint8 ``(256, 3)``, what becomes of its levels; None: they stay.
    """

    picture: Pixels
    inside: bx.Box
    box: WholeBox
    matte: NDArray[np.uint8]
    seen: NDArray[np.bool_]
    spared: NDArray[np.bool_] | None = None
    feather_px: float = 0.0
    blur_px: float = 0.0
    colours: NDArray[np.uint8] | None = None

    def draw(self, canvas: Pixels) -> None:
        """Lay it on the canvas."""
        x1, y1, x2, y2 = self.box
        pixels = blurred(cut_pixels(self.picture, self.inside, (x2 - x1, y2 - y1)), self.blur_px)
        if self.colours is not None:
            pixels = recolour(pixels, self.colours)
        matte = blurred(self.matte, self.feather_px)
        if self.spared is not None:
            matte = np.minimum(matte, 255 - blurred(self.spared.view(np.uint8) * np.uint8(255), self.feather_px))
        blend(canvas[y1:y2, x1:x2], pixels, matte)


@dataclass(frozen=True)
class Drawing:
    """The look of a patch of a picture.

    Attributes:
        picture: uint8 ``(H, W, 3)``, the main object's.
        main: the object.
        neighbours: the other objects of the picture that the patch shows.
        box: the patch in the picture.
        size: of the canvas, ``(width, height)``.
        paint: what is done to the picture before anything is laid on it; None: nothing.
        layers: what is laid on it, in this order.
        changes: what is then done to its colours, in this order.
        mirrored: whether left and right are exchanged at last.
    """

    picture: Pixels
    main: Cutout
    neighbours: tuple[Cutout, ...]
    box: WholeBox
    size: tuple[int, int]
    paint: Change | None = None
    layers: tuple[Layer, ...] = ()
    changes: tuple[Change, ...] = ()
    mirrored: bool = False

    @cached_property
    def image(self) -> Pixels:
        return self.draw()

    def draw(self) -> Pixels:
        """The picture, drawn anew."""
        image = cut_picture(self.picture, self.box, self.size)
        if self.paint is not None:
            image = self.paint(image)
        for layer in self.layers:
            layer.draw(image)
        for change in self.changes:
            image = change(image)
        return turned(image) if self.mirrored else image

    @cached_property
    def clean(self) -> Pixels:
        return self.cleared().draw() if self.layers else self.image

    @cached_property
    def others(self) -> NDArray[np.bool_]:
        others = cut_masks(self.neighbours, self.box, self.size)
        return turned(others) if self.mirrored else others

    @cached_property
    def laid(self) -> NDArray[np.uint8] | None:
        if not self.layers:
            return None
        numbers = np.zeros(self.size[::-1], dtype=np.uint8)
        for number, layer in enumerate(self.layers, start=1):
            x1, y1, x2, y2 = layer.box
            np.copyto(numbers[y1:y2, x1:x2], number, where=layer.seen)
        return turned(numbers) if self.mirrored else numbers

    @property
    def all_known(self) -> bool:
        return self.main.whole is not None

    def cells(self, size_px: int) -> tuple[Cells, Cells | None]:
        # from the masks of the picture, not from those of the canvas: one resampling
        size = size_px, size_px
        positive = cut_shares((self.main.truth,), self.box, size)
        hiding = () if self.all_known else self.neighbours
        unknown = cut_shares(hiding, self.box, size, without=self.main) if hiding else None
        x1, y1, x2, y2 = self.box
        height, width = self.picture.shape[:2]
        inside = box_cells((-x1, -y1, width - x1, height - y1), (0.0, 0.0, float(x2 - x1), float(y2 - y1)), size_px)
        if inside is not None:
            beyond = ~inside
            unknown = beyond if unknown is None else beyond + np.minimum(unknown, inside)
        if self.mirrored:
            positive, unknown = turned(positive), None if unknown is None else turned(unknown)
        return positive, unknown

    def cleared(self) -> Drawing:
        return replace(self, layers=())


@dataclass(frozen=True)
class Drawn:
    """A look whose arrays are there: a part of another one, or made up."""

    image: Pixels
    clean: Pixels
    own: NDArray[np.bool_]
    others: NDArray[np.bool_]
    shown_box: WholeBox
    laid: NDArray[np.uint8] | None = None
    all_known: bool = False

    def cells(self, size_px: int) -> tuple[Cells, Cells | None]:
        height, width = self.own.shape
        frame = (0.0, 0.0, float(width), float(height))
        unknown = ~mask_of(self.shown_box, (width, height))
        if not self.all_known:
            unknown |= self.others & ~self.own
        return mask_cells(self.own, frame, size_px), mask_cells(unknown, frame, size_px)

    def cleared(self) -> Drawn:
        return replace(self, image=self.clean, laid=None)


def blurred(array: NDArray[np.uint8], radius: float) -> NDArray[np.uint8]:
    """A picture or a mask through a Gaussian filter of so many pixels; itself where that is 0."""
    return np.asarray(Image.fromarray(array).filter(ImageFilter.GaussianBlur(radius))) if radius else array
