"""What is known of one picture and of each object in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .boxes import Box
from .errors import AnnotationError
from .masks import Mask


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of object. Inside the package its number is its place in `Album.categories`; ``id`` is the file's own."""

    id: int
    name: str
    supercategory: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def category_at(place: int, categories: Sequence[Category], record: str) -> Category:
    """The category of one object.

    Args:
        place: `Instance.category` or `Prediction.category`.
        categories: all of them, in order.
        record: named in errors.

    Raises:
        AnnotationError: there is none at this place, or it is no `Category`.
    """
    if isinstance(place, bool) or not 0 <= place < len(categories):
        raise AnnotationError(
            f"a category is a place in the {len(categories)} categories",
            record=record,
            value=place,
            remedy="give those that the objects were numbered by, such as the ones of their Album",
        )
    found = categories[place]
    if not isinstance(found, Category):
        raise AnnotationError("categories are a list of Category", value=found, remedy="give Category(id, name)")
    return found


@dataclass(frozen=True, slots=True)
class Instance:
    """One object of one picture.

    Attributes:
        id: the record's id in its file, unique there.
        category: 0..K-1, place in `Album.categories`.
        modal_box: box of the visible part, xyxy.
        modal_mask: the visible pixels, where known.
        amodal_box: box of the whole object, xyxy, where known.
        amodal_mask: the pixels of the whole object, where known.
        occlude_rate: hidden share of the whole object, 0-1, where known.
        order: depth rank within the picture, 1 = front, where known.
        is_crowd: the region shows many objects; neither an object to learn nor background.
        is_stuff: a region without extent of its own (grass, wall): predicted like any other, not scored.
        is_whole: judged to be hidden by nothing and cut by no border; None where nobody has judged.
        is_occluded, is_truncated, is_difficult: flags of VOC and CVAT; None where the file has none.
        score: a detector's confidence, 0-1, where it comes from one.
        extra: fields of the file that mean nothing here, kept so that they can be written back.
    """

    id: int
    category: int
    modal_box: Box
    modal_mask: Mask | None = None
    amodal_box: Box | None = None
    amodal_mask: Mask | None = None
    occlude_rate: float | None = None
    order: int | None = None
    is_crowd: bool = False
    is_stuff: bool = False
    is_whole: bool | None = None
    is_occluded: bool | None = None
    is_truncated: bool | None = None
    is_difficult: bool | None = None
    score: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One picture and its objects.

    Attributes:
        id: the picture's id in its file.
        file_name: relative to the folder of the pictures, with ``/``.
        width, height: pixels.
        instances: its objects, in file order.
        occlusions: (id of the one in front, id of the one behind) for each pair the file orders.
        extra: fields of the file that mean nothing here, kept so that they can be written back.
    """

    id: int
    file_name: str
    width: int
    height: int
    instances: tuple[Instance, ...] = ()
    occlusions: tuple[tuple[int, int], ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


StopReason = Literal["converged", "border", "cap", "empty"]
"""Why expansion stopped: no strip hot; every hot strip beyond the picture; the iteration cap; no heat at all."""

Side = Literal["left", "top", "right", "bottom"]
SIDES: tuple[Side, ...] = ("left", "top", "right", "bottom")
"""The sides of a box in the order of its own numbers."""


@dataclass(frozen=True, slots=True)
class ExpansionStep:
    """One iteration of Iterative Bounding Box Expansion (paper section 4.1, Fig. 4).

    Two are equal whether or not their heat was kept: it is no part of `==` and of the hash.

    Attributes:
        box: the box whose patch the network saw, xyxy.
        strips: mean heat beside the box: left, top, right, bottom (the order of the box's own numbers).
        heat: float32 ``(s, s)`` over `frame`; None where it was not kept. In the last step the mean with that of the
            mirror image, where it was asked for; ``strips`` is of the patch alone.
        frame: the larger box the heat covers, xyxy.
    """

    box: Box
    strips: Box
    frame: Box
    heat: NDArray[np.float32] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was found out about one object.

    Two are equal whether or not their heat was kept: it is no part of `==` and of the hash.

    Attributes:
        image_id, annotation_id: ids of the picture and of the record asked about, as in their file.
        category: 0..K-1, place in `Album.categories`. `Predictor.predict` keeps the number it is given; of a name it is
            the place in the networks' categories, or, where they have none, among the names of that one call.
        score: confidence, 0-1.
        modal_box: the visible part's box, given (or the given mask's), xyxy.
        modal_mask: visible pixels, predicted or given.
        amodal_mask: pixels of the whole object.
        amodal_box: the whole object's box, xyxy.
        steps: iterations of the expansion, the last one included.
        stop_reason: why it stopped.
        modal_heat: float32 ``(s, s)`` over `modal_box`; None where it was not kept.
        trace: the iterations, their heat only where it was kept; empty for a prediction read from a file.
        occlusion_probability: how likely more than 5 % of the object is hidden, 0-1; None from networks without a
            calibration.
        occluders: annotation ids of the objects that hide a part of this one; None where nobody asked.
        depth_rank: 1 = nothing asked about lies in front; None where nobody asked.
        cut_sides: sides on which the whole object reaches the picture's border or goes beyond it.
        canvas: where masks may leave the picture, what they cover: x offset, y offset (0 or below), width, height in
            the picture's pixels. None: the masks cover the picture.
    """

    image_id: int
    annotation_id: int
    category: int
    score: float
    modal_box: Box
    modal_mask: Mask
    amodal_mask: Mask
    amodal_box: Box
    steps: int
    stop_reason: StopReason
    modal_heat: NDArray[np.float32] | None = field(default=None, compare=False)
    trace: tuple[ExpansionStep, ...] = ()
    occlusion_probability: float | None = None
    occluders: tuple[int, ...] | None = None
    depth_rank: int | None = None
    cut_sides: tuple[Side, ...] = ()
    canvas: tuple[int, int, int, int] | None = None

    @property
    def hidden_mask(self) -> Mask:
        """Amodal minus modal."""
        return self.amodal_mask - self.modal_mask

    def in_picture(self, width: int, height: int) -> Prediction:
        """The same with masks of the picture's size: what lies on a larger canvas is cut. Boxes stay as they are."""
        if self.canvas is None:
            return self
        x, y = self.canvas[:2]
        modal, amodal = (mask.moved(x, y, width, height) for mask in (self.modal_mask, self.amodal_mask))
        return replace(self, modal_mask=modal, amodal_mask=amodal, canvas=None)

    @property
    def occlude_rate(self) -> float:
        """Hidden share of the whole object, 0-1: 1 minus the paper's area ratio (section 5.2); 0 where it is empty."""
        whole = self.amodal_mask.area
        return 1 - (self.modal_mask & self.amodal_mask).area / whole if whole else 0.0
