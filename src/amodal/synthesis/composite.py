"""What a composite is: a patch of a picture with objects of other pictures laid over it (paper section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from .pictures import WholeBox


class Boxed(NamedTuple):
    """An object as a detector gives it: its box, xyxy in canvas pixels, and its place in `Material.categories`."""

    box: bx.Box
    category: int


@dataclass(frozen=True, slots=True)
class Composite:
    """A patch of a picture with other objects laid over it. All arrays are in canvas pixels.

    Attributes:
        image: uint8 ``(h, w, 3)`` RGB, with the occluders.
        clean: uint8 ``(h, w, 3)`` RGB, without them.
        own: bool ``(h, w)``, the main object as the picture showed it.
        visible: bool ``(h, w)``, what the occluders, and a made border, leave of it.
        others: bool ``(h, w)``, other annotated objects of the picture.
        outside: bool ``(h, w)``, beyond the picture: nobody knows what is there.
        patch_box: the patch in the picture, whole pixels xyxy; may reach beyond the picture.
        object_area_px: pixels of the whole main object in the picture.
        category: 0..K-1, place in `Material.categories`.
        image_id, annotation_id: of the main object, as in its file.
        occluders: (image id, annotation id) of each object laid over it.
        mirrored: whether left and right were exchanged.
        behind: (image id, annotation id) of each object laid behind it.
        occluder_scales: shortest side of each object laid over it or behind it, in the canvas's same side, in order.
        undone: operations that hid too much or too little and were tried again.
        neighbours: the other annotated objects of the picture that the canvas shows, as the picture has them.
        laid: uint8 ``(h, w)``, which object laid over the main one or behind it is seen: 1, 2, ... as they were laid, 0
            for none; None where nothing was laid.
        laid_categories: of those objects, places in `Material.categories`.
        cut_off: bool ``(h, w)``, beyond a made border of the picture (what is there is known); None without one.
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
    behind: tuple[tuple[int, int], ...] = ()
    occluder_scales: tuple[float, ...] = ()
    undone: int = 0
    neighbours: tuple[Boxed, ...] = ()
    laid: NDArray[np.uint8] | None = None
    laid_categories: tuple[int, ...] = ()
    cut_off: NDArray[np.bool_] | None = None

    @property
    def visible_share(self) -> float:
        """Visible pixels of the object in the patch, as a share of its whole modal area, 0-1."""
        return min(self.share_of_object(int(np.count_nonzero(self.visible))), 1.0)

    @property
    def off_picture(self) -> NDArray[np.bool_]:
        """bool ``(h, w)``: where the picture shows nothing, by nature or by a made border."""
        return self.outside if self.cut_off is None else self.outside | self.cut_off

    def share_of_object(self, pixels: int) -> float:
        """A number of canvas pixels as a share of the object's whole modal area, the canvas's scale allowed for."""
        x1, y1, x2, y2 = self.patch_box
        return pixels * ((x2 - x1) * (y2 - y1) / self.own.size) / self.object_area_px
