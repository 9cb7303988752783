"""What a network looks like: everything needed to build it again beside its weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ..core.errors import RecipeError


@dataclass(frozen=True)
class ModelConfig:
    """Settings of one hypercolumn network.

    Attributes:
        architecture: "compact", our own small one (`Hypercolumn`), or "onet", the paper's (`ONet`).
        backbone: name of a timm model that supports ``features_only``; "vgg16" for onet.
        patch_px: side of the square patch it sees, pixels.
        heat_px: side of the heat map it returns, samples.
        margin: how far the heat reaches beyond the patch on every side, as a share of the patch's side: 0 for the
            modal network; 0.125 for the amodal one, what trimming 10 % off each side of a patch leaves (section 4.2).
        widths: channels of the decoder at the backbone's taps, finest first; one number a tap. Onet: of VGG-16's five
            stages, and of fc6 and fc7 (64, 128, 256, 512, 512, 4096).
        blocks: convolution blocks at each level of the decoder; not in onet.
        grid: side of the grid of classifiers of onet, 5 as published; of compact: of the fully connected branch's
            output, its counterpart.
        num_categories: 0 = one heat channel whatever the category; K = a heat channel and an output map for each.
        others: whether it is also told where other objects are seen (a map more beside the heat); not in onet.
        detector: "yolox_nano": the feature maps and answers of that detector, as it was trained, are taps beside the
            backbone's own (`YoloxNano`); "" for none. Not in onet.
        mean: subtracted from the RGB bytes.
        std: what they are divided by then.
        tap_scales: onet: what pool3 and pool4 are multiplied by before their branches.
        dropout: onet: after fc6 and fc7; 1/2 is VGG-16's own, the papers name no other.

    Raises:
        RecipeError: a value of the wrong kind or out of range.
    """

    architecture: Literal["compact", "onet"] = "compact"
    backbone: str = "mobilenetv2_100"
    patch_px: int = 128
    heat_px: int = 64
    margin: float = 0.0
    widths: tuple[int, ...] = (24, 48, 96, 128, 160)
    blocks: int = 1
    grid: int = 5
    num_categories: int = 0
    others: bool = False
    detector: Literal["", "yolox_nano"] = ""
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    std: tuple[float, float, float] = (127.5, 127.5, 127.5)
    tap_scales: tuple[float, float] = (0.0027, 0.063)
    dropout: float = 0.5

    def __post_init__(self) -> None:
        if self.architecture not in ("compact", "onet"):
            raise RecipeError("architecture is compact or onet", value=self.architecture)
        if self.architecture == "onet" and self.backbone != "vgg16":
            raise RecipeError("the backbone of onet is vgg16", value=self.backbone)
        if not isinstance(self.backbone, str) or not self.backbone:
            raise RecipeError("backbone is the name of a timm model", value=self.backbone)
        if not isinstance(self.others, bool):
            raise RecipeError("others is true or false", value=self.others)
        if self.others and self.architecture == "onet":
            raise RecipeError("others is false for onet, which is as published", value=self.others)
        if self.detector not in ("", "yolox_nano") or (self.detector and self.architecture == "onet"):
            raise RecipeError('detector is "yolox_nano" or "", "" for onet', value=self.detector)
        if self.detector and isinstance(self.patch_px, int) and self.patch_px % 32:
            raise RecipeError("patch_px is a multiple of 32 for a detector", value=self.patch_px)
        for name, least in (("patch_px", 8), ("heat_px", 8), ("blocks", 1), ("grid", 1), ("num_categories", 0)):
            if not _is_whole(getattr(self, name), least):
                raise RecipeError(f"{name} is a whole number, {least} or more", value=getattr(self, name))
        if not _is_number(self.margin) or not 0 <= self.margin < 1:
            raise RecipeError("margin is a share of the patch's side, 0 <= margin < 1", value=self.margin)
        if not _is_number(self.dropout) or not 0 <= self.dropout < 1:
            raise RecipeError("dropout lies in [0, 1)", value=self.dropout)
        for name in ("widths", "mean", "std", "tap_scales"):
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
        if len(self.tap_scales) != 2 or not all(_is_number(v) and v > 0 for v in self.tap_scales):
            raise RecipeError("tap_scales are two numbers over 0", value=self.tap_scales)


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
