"""What a composite is: a patch of a picture with objects of other pictures laid over it (paper section 3.1)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from .canvas import mask_of
from .drawing import Look
from .pictures import WholeBox


class Boxed(NamedTuple):
    """An object as a detector gives it: its box, xyxy in canvas pixels, and its place in `Material.categories`."""

    box: bx.Box
    category: int


class Composite(NamedTuple):
    """A patch of a picture with other objects laid over it. All arrays and boxes of them are in canvas pixels.

    Attributes:
        look: what is drawn of it when it is asked for: `image`, `clean`, `others`, `laid`.
        own: bool ``(h, w)``, the main object as far as it is known: its modal mask; its amodal one where the
            annotations have it.
        shown: bool ``(h, w)``, what the picture shows of it before anything is laid on it; `own` itself where only that
            is known.
        visible: bool ``(h, w)``, what the occluders, and a made border, leave of that.
        shown_box: the part of the canvas inside the picture; nobody knows what is beyond.
        patch_box: the patch in the picture, whole pixels xyxy; may reach beyond the picture.
        object_area_px: pixels of the main object in the picture, as far as it is known.
        category: 0..K-1, place in `Material.categories`.
        image_id, annotation_id: of the main object, as in its file.
        occluders: (image id, annotation id) of each object laid over it.
        mirrored: whether left and right were exchanged.
        behind: (image id, annotation id) of each object laid behind it.
        occluder_scales: shortest side of each object laid over it or behind it, in the canvas's same side, in order.
        undone: operations that hid too much or too little and were tried again.
        neighbours: the other annotated objects of the picture that the canvas shows, as the picture has them.
        laid_categories: of the objects laid over it or behind it, in order, places in `Material.categories`.
        border_box: the part of the canvas inside a made border of the picture; what is beyond is known, but not seen.
            None without one.
        pixel_area: the object's pixels that the picture shows in the patch, for each pixel of `shown`; 1 where the
            canvas is not shrunk.
    """

    look: Look
    own: NDArray[np.bool_]
    shown: NDArray[np.bool_]
    visible: NDArray[np.bool_]
    shown_box: WholeBox
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
    laid_categories: tuple[int, ...] = ()
    border_box: WholeBox | None = None
    pixel_area: float = 1.0

    @property
    def image(self) -> NDArray[np.uint8]:
        """uint8 ``(h, w, 3)`` RGB, with the occluders."""
        return self.look.image

    @property
    def clean(self) -> NDArray[np.uint8]:
        """uint8 ``(h, w, 3)`` RGB, without them."""
        return self.look.clean

    @property
    def others(self) -> NDArray[np.bool_]:
        """bool ``(h, w)``, other annotated objects of the picture."""
        return self.look.others

    @property
    def all_known(self) -> bool:
        """Whether all of the main object is known; otherwise other objects of the picture may hide more of it."""
        return self.look.all_known

    @property
    def laid(self) -> NDArray[np.uint8] | None:
        """uint8 ``(h, w)``, which object laid over the main one or behind it is seen: 1, 2, ... as they were laid.

        0 for none; None where nothing was laid.
        """
        return self.look.laid

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the canvas."""
        height, width = self.own.shape
        return width, height

    @property
    def outside(self) -> NDArray[np.bool_]:
        """bool ``(h, w)``, beyond the picture."""
        return ~mask_of(self.shown_box, self.size)

    @property
    def cut_off(self) -> NDArray[np.bool_] | None:
        """bool ``(h, w)``, beyond a made border of the picture; None without one."""
        return None if self.border_box is None else ~mask_of(self.border_box, self.size)

    @property
    def seen_box(self) -> WholeBox:
        """The part of the canvas that shows something: inside the picture and a made border."""
        x1, y1, x2, y2 = self.shown_box
        a1, b1, a2, b2 = self.border_box or self.shown_box
        return max(x1, a1), max(y1, b1), min(x2, a2), min(y2, b2)

    @property
    def off_picture(self) -> NDArray[np.bool_]:
        """bool ``(h, w)``: where the picture shows nothing, by nature or by a made border."""
        return ~mask_of(self.seen_box, self.size)

    @property
    def visible_share(self) -> float:
        """Visible pixels of the object in the patch, as a share of all of it that is known, 0-1."""
        return self.share_of_object(int(np.count_nonzero(self.visible)))

    def share_of_object(self, pixels: int) -> float:
        """A number of canvas pixels that show the object as a share of `object_area_px`."""
        return pixels * self.pixel_area / self.object_area_px
