"""What a network looks like: everything needed to build it again beside its weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..core.errors import RecipeError


@dataclass(frozen=True)
class ModelConfig:
    """Settings of one hypercolumn network.

    Attributes:
        backbone: name of a timm model that supports ``features_only``.
        patch_px: side of the square patch it sees, pixels.
        heat_px: side of the heat map it returns, samples.
        margin: how far the heat reaches beyond the patch on every side, as a share of the patch's side: 0 for the
            modal network; 0.125 for the amodal one, what trimming 10 % off each side of a patch leaves (section 4.2).
        widths: channels of the decoder at the backbone's taps, finest first; one number a tap.
        blocks: convolution blocks at each level of the decoder.
        grid: side of the fully connected branch's output, the counterpart of O-Net's 5 x 5 grid of classifiers.
        num_categories: 0 = one heat channel whatever the category; K = a heat channel and an output map for each.
        mean: subtracted from the RGB bytes.
        std: what they are divided by then.

    Raises:
        RecipeError: a value of the wrong kind or out of range.
    """

    backbone: str = "mobilenetv2_100"
    patch_px: int = 128
    heat_px: int = 64
    margin: float = 0.0
    widths: tuple[int, ...] = (24, 48, 96, 128, 160)
    blocks: int = 1
    grid: int = 5
    num_categories: int = 0
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    std: tuple[float, float, float] = (127.5, 127.5, 127.5)

    def __post_init__(self) -> None:
        if not isinstance(self.backbone, str) or not self.backbone:
            raise RecipeError("backbone is the name of a timm model", value=self.backbone)
        for name, least in (("patch_px", 8), ("heat_px", 8), ("blocks", 1), ("grid", 1), ("num_categories", 0)):
            if not _is_whole(getattr(self, name), least):
                raise RecipeError(f"{name} is a whole number, {least} or more", value=getattr(self, name))
        if not _is_number(self.margin) or not 0 <= self.margin < 1:
            raise RecipeError("margin is a share of the patch's side, 0 <= margin < 1", value=self.margin)
        for name in ("widths", "mean", "std"):
            value = getattr(self, name)
            if not isinstance(value, list | tuple):
                raise RecipeError(f"{name} is a list", value=value)
            object.__setattr__(self, name, tuple(value))  # a JSON file gives lists
        if not self.widths or not all(_is_whole(width, 1) for width in self.widths):
            raise RecipeError("widths are whole numbers, 1 or more, one a tap of the backbone", value=self.widths)
        for name in ("mean", "std"):
            value = getattr(self, name)
            if len(value) != 3 or not all(_is_number(v) for v in value) or (name == "std" and min(value) <= 0):
                raise RecipeError(f"{name} is three numbers{', each over 0' * (name == 'std')}", value=value)


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
