"""Every number of paper section 3, and of our own answers where the paper is silent, as a named setting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..core.errors import RecipeError

Balance = Literal["image", "category"]


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
        trim: share of the patch taken off each of its four sides; the network sees what is left.
        min_visible_in_patch: an example is rejected when less than this share of the trimmed patch shows the object.
        weight_reference_px: an example's weight is min(area of the patch in the picture / this squared, 1).
        canvas_px: longest side of the patch while objects are pasted; a larger one is shrunk to it. Ours, for speed.
        min_object_px: smaller side a main object's modal box must have. The paper does not say; ours.
        min_occluder_px: smaller side an occluder's modal box must have, so that it is not enlarged to a blur. Ours.
        balance: "image" draws a picture, then one of its objects, uniformly (the paper); "category" draws an object
            with weight 1 / sqrt(number of objects of its category), which tames a frequent category.
        whole_only: leave out main objects judged not to be whole; those nobody judged stay. Ours.
        flip: mirror half of the examples. The paper does not say; ours.
        colour_jitter: up to this share, brightness, contrast and the balance of colours vary. 0 is the paper.
        max_tries: how often one operation is tried before another main object is drawn.

    Raises:
        RecipeError: a value out of its range.
    """

    min_patch_overlap: float = 0.70
    patch_scale: tuple[float, float] = (0.70, 2.00)
    max_occluders: int = 2
    occluder_scale: tuple[float, float] = (0.50, 1.00)
    min_visible: float = 0.30
    min_hidden: float = 0.0
    jitter_min_overlap: float = 0.75
    jitter_max_resize: float = 0.10
    trim: float = 0.10
    min_visible_in_patch: float = 0.10
    weight_reference_px: int = 224
    canvas_px: int = 320
    min_object_px: int = 24
    min_occluder_px: int = 32
    balance: Balance = "image"
    whole_only: bool = False
    flip: bool = True
    colour_jitter: float = 0.0
    max_tries: int = 50

    def __post_init__(self) -> None:
        _within(self, 0, 1, "min_patch_overlap", "min_visible", "min_hidden", "min_visible_in_patch")
        _within(self, 0, 1, "jitter_min_overlap")
        _within(self, 0, 0.9, "colour_jitter", "jitter_max_resize")
        _within(self, 0, 0.45, "trim")
        _within(self, 1, 1_000_000, "weight_reference_px", "min_object_px", "min_occluder_px", "max_tries")
        _within(self, 16, 4096, "canvas_px")
        _within(self, 0, 20, "max_occluders")
        for name in ("patch_scale", "occluder_scale"):
            low, high = getattr(self, name)
            _require(0 < low <= high <= 10, name, (low, high), "two numbers, 0 < low <= high <= 10")
        lowest = self.patch_scale[0]
        _require(lowest >= self.min_patch_overlap, "patch_scale", self.patch_scale, "its low end >= min_patch_overlap")
        _require(
            1 - self.jitter_max_resize >= self.jitter_min_overlap,
            "jitter_min_overlap",
            self.jitter_min_overlap,
            "at most 1 - jitter_max_resize",
        )
        _require(self.balance in ("image", "category"), "balance", self.balance, '"image" or "category"')


@dataclass(frozen=True, slots=True)
class ExampleShape:
    """Sizes of the arrays of an example.

    Args:
        patch_px: side of the patches the two networks see.
        modal_heat_px: side of the modal network's heat and label, over the jittered modal box.
        amodal_heat_px: side of the amodal network's heat and label, over the whole patch.

    Raises:
        RecipeError: a size that is not 8 to 1024.
    """

    patch_px: int = 128
    modal_heat_px: int = 64
    amodal_heat_px: int = 80

    def __post_init__(self) -> None:
        _within(self, 8, 1024, "patch_px", "modal_heat_px", "amodal_heat_px")


def _within(owner: Any, low: float, high: float, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        _require(low <= value <= high, name, value, f"{low} to {high}")


def _require(holds: bool, name: str, value: object, rule: str) -> None:
    if not holds:
        raise RecipeError(f"{name} is {rule}", value=value, remedy="correct the setting")
