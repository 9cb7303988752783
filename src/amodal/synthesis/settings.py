"""Every number of paper section 3, and of our own answers where the paper is silent, as a named setting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from ..core.errors import RecipeError
from .values import check_kinds, require, within

Balance = Literal["image", "category"]

TIGHT_MIN_OVERLAP, TIGHT_MAX_RESIZE = 0.97, 0.03
"""Jitter of ``tight_boxes``: what rounding to whole pixels does to an object of about 30 pixels."""


@dataclass(frozen=True)
class SynthesisSettings:
    """How training examples are made. Lengths are shares of a side unless their name says ``px``.

    Args:
        min_patch_overlap: the sampled patch covers at least this share of the object's box in each dimension.
        patch_scale: bounds of the patch's side, in sides of the object's box; uniform, each dimension apart.
        max_occluders: 0 to this many objects are laid over the patch, each number equally likely.
        occluder_scale: bounds of an occluder's shortest side, in the patch's same side; uniform. The paper gives only
            the mean, 0.75.
        min_visible: an operation that leaves less than this share of the object to be seen is undone.
        min_hidden: an occluder hides at least this share of the object, or is placed again. 0 is the paper, where its
            box need only meet the object's: in three of five examples at most 5 % is hidden then. Ours.
        jitter_min_overlap: the jittered modal box covers at least this share of the true one in each dimension.
        jitter_max_resize: its sides differ from the true ones by at most this share.
        tight_boxes: share of examples whose boxes are off by no more than rounding (`TIGHT_MIN_OVERLAP`,
            `TIGHT_MAX_RESIZE`): annotated boxes end where what is seen of the object ends, which tells the object from
            another that fills the box. 0 is the paper. Ours.
        trim: share of the patch taken off each of its four sides; the network sees what is left.
        min_visible_in_patch: an example is rejected when less than this share of the trimmed patch shows the object.
        weight_reference_px: an example's weight is min(area of the patch in the picture / this squared, 1).
        canvas_px: longest side of the patch while objects are pasted; a larger one is shrunk to it. Ours, for speed.
        min_object_px: smaller side a main object's modal box must have. The paper does not say; ours.
        min_occluder_px: smaller side an occluder's modal box must have, so that it is not enlarged to a blur. Ours.
        balance: "image" draws a picture, then one of its objects, uniformly (the paper); "category" draws an object
            with weight 1 / sqrt(number of objects of its category), which tames a frequent category.
        whole_only: leave out main objects judged not to be whole; those nobody judged stay, and those that
            ``amodal_truth`` knows. Ours.
        partial_weight: chance of a main object judged not to be whole, relative to the others of its picture (or, with
            balance "category", of its category); 1 for those that ``amodal_truth`` knows. 1 is the paper; 0 is
            `whole_only`. Ours.
        amodal_truth: an object whose amodal mask is annotated, too, is known by that one, and what its picture hides of
            it is hidden. False: modal masks alone, the paper. Ours.
        fixed: one example an object, the same whenever it is drawn: the supplement's model without dynamic sample
            generation.
        flip: mirror half of the examples. The paper does not say; ours.
        colour_jitter: up to this share, brightness, contrast and the balance of colours vary. 0 is the paper.
        max_tries: how often one operation is tried before another main object is drawn.
        clear: share of examples with nothing laid over the object; the others get 1 to ``max_occluders``, equally
            likely. None is the paper: 0 to ``max_occluders``, equally likely.
        paired: examples 2 k and 2 k + 1 show one object in one patch, with 1 to ``max_occluders`` objects laid on it
            and with none; in a share ``clear`` of the pairs, where that is given, both are clear. Ours.
        behind: chance of an object to be laid behind the main one instead of over it; it then hides nothing of it. 0 is
            the paper. Ours.
        same_image: chance of an occluder to come from the main object's own picture, where that has another. 0 is the
            paper. Ours.
        occluder_at_edge: chance of an occluder to be placed across the patch's edge. 0 is the paper. Ours.
        border: share of examples cut by a made border of the picture, which hides part of the object like an occluder;
            what lies beyond it is known. 0 is the paper. Ours.
        feather_px: an occluder's matte is blurred by a radius of 0 to this many canvas pixels, uniform. Ours.
        occluder_colour: as ``colour_jitter``, of each occluder alone. Ours.
        occluder_blur_px: each occluder is blurred by a radius of 0 to this many canvas pixels, uniform. Ours.
        repaint: share of examples whose main object is painted in other colours before anything is laid over it. Ours.
        low_resolution: share of examples whose picture is shrunk and enlarged again after all else. Ours.
        low_resolution_px: bounds of the longer side of the object (visible or hidden, within the patch) when it is
            smallest, log-uniform; an object that is smaller is left as it is.
        mask_noise: share of examples whose told mask (see `Example`) is damaged as segmenters damage masks. Ours.
        others_told: share of examples that tell the networks where other objects are seen, most of them, in masks
            damaged like ``mask_noise``; the rest leave that open, as where one object alone is asked about. For
            networks with ``others``; 0 is the paper. Ours.
        mask_noise_size: the most a damaged mask is moved, grown or shrunk by, in sides of its box.

    Raises:
        RecipeError: a value of another kind or out of its range, or two that cannot hold together.
    """

    min_patch_overlap: float = 0.70
    patch_scale: tuple[float, float] = (0.70, 2.00)
    max_occluders: int = 2
    occluder_scale: tuple[float, float] = (0.50, 1.00)
    min_visible: float = 0.30
    min_hidden: float = 0.0
    jitter_min_overlap: float = 0.75
    jitter_max_resize: float = 0.10
    tight_boxes: float = 0.0
    trim: float = 0.10
    min_visible_in_patch: float = 0.10
    weight_reference_px: int = 224
    canvas_px: int = 320
    min_object_px: int = 24
    min_occluder_px: int = 32
    balance: Balance = "image"
    whole_only: bool = False
    partial_weight: float = 1.0
    amodal_truth: bool = True
    flip: bool = True
    fixed: bool = False
    colour_jitter: float = 0.0
    max_tries: int = 50
    clear: float | None = None
    paired: bool = False
    behind: float = 0.0
    same_image: float = 0.0
    occluder_at_edge: float = 0.0
    border: float = 0.0
    feather_px: float = 0.0
    occluder_colour: float = 0.0
    occluder_blur_px: float = 0.0
    low_resolution: float = 0.0
    low_resolution_px: tuple[int, int] = (24, 128)
    mask_noise: float = 0.0
    mask_noise_size: float = 0.06
    others_told: float = 0.0
    repaint: float = 0.0

    def __post_init__(self) -> None:
        check_kinds(self)
        within(self, 0, 1, "min_patch_overlap", "min_visible", "min_hidden", "min_visible_in_patch")
        within(self, 0, 1, "jitter_min_overlap")
        within(self, 0, 1, "partial_weight", "behind", "same_image", "occluder_at_edge", "border")
        within(self, 0, 1, "low_resolution", "mask_noise", "others_told", "tight_boxes", "repaint")
        within(self, 0, 0.9, "colour_jitter", "jitter_max_resize", "occluder_colour")
        within(self, 0, 16, "feather_px", "occluder_blur_px")
        within(self, 0, 0.25, "mask_noise_size")
        within(self, 0, 0.45, "trim")
        within(self, 1, 1_000_000, "weight_reference_px", "min_object_px", "min_occluder_px", "max_tries")
        within(self, 16, 4096, "canvas_px")
        within(self, 0, 20, "max_occluders")
        for name in ("patch_scale", "occluder_scale"):
            low, high = getattr(self, name)
            require(0 < low <= high <= 10, name, (low, high), "two numbers, 0 < low <= high <= 10")
        lowest = self.patch_scale[0]
        require(lowest >= self.min_patch_overlap, "patch_scale", self.patch_scale, "its low end >= min_patch_overlap")
        require(
            1 - self.jitter_max_resize >= self.jitter_min_overlap,
            "jitter_min_overlap",
            self.jitter_min_overlap,
            "at most 1 - jitter_max_resize",
        )
        low, high = self.low_resolution_px
        require(4 <= low <= high <= 4096, "low_resolution_px", (low, high), "two numbers, 4 <= low <= high <= 4096")
        if self.clear is not None:
            within(self, 0, 1, "clear")
            require(self.clear == 1 or self.max_occluders > 0, "clear", self.clear, "1 where max_occluders is 0")
        hiding = self.border > 0 or (self.max_occluders > 0 and self.clear != 1 and self.behind < 1)
        if hiding and self.min_hidden + self.min_visible > 1 + 1e-9:
            raise RecipeError(
                "min_hidden and min_visible together are 1 at the most: what hides so much leaves too little",
                value=(self.min_hidden, self.min_visible),
                remedy="lower one of them",
            )
        if self.border == 1 and self.min_visible == 1:  # an occluder may lie beside the object, a border hides some
            raise RecipeError(
                "min_visible is below 1 where a border always hides a part of the object (border 1)",
                value=self.min_visible,
                remedy="lower min_visible or border",
            )
        require(self.balance in ("image", "category"), "balance", self.balance, '"image" or "category"')


@dataclass(frozen=True, slots=True)
class ExampleShape:
    """Sizes of the arrays of an example.

    Args:
        patch_px: side of the patches the two networks see.
        modal_heat_px: side of the modal network's heat and label, over the jittered modal box.
        amodal_heat_px: side of the amodal network's heat and label, over the whole patch.

    Raises:
        RecipeError: a size that is no whole number of 8 to 1024.
    """

    patch_px: int = 128
    modal_heat_px: int = 64
    amodal_heat_px: int = 80

    def __post_init__(self) -> None:
        check_kinds(self)
        within(self, 8, 1024, "patch_px", "modal_heat_px", "amodal_heat_px")


def validation_settings(settings: SynthesisSettings) -> SynthesisSettings:
    """The same patches and the same amount of occlusion, without what only makes training harder or more varied.

    Runs that differ in those settings are then compared on one set of examples.
    """
    names = ("colour_jitter", "behind", "same_image", "occluder_at_edge", "border", "feather_px", "occluder_colour")
    more = ("occluder_blur_px", "low_resolution", "mask_noise", "repaint")
    off: dict[str, Any] = dict.fromkeys((*names, *more), 0.0)
    return replace(settings, **off, clear=None, paired=False, fixed=False, partial_weight=1.0)
