"""What a network looks like: everything needed to build it again beside its weights."""

from __future__ import annotations

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
        mean, std: normalisation of the RGB bytes, ``(x - mean) / std``.
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
        # a JSON file gives lists
        for name in ("widths", "mean", "std"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("patch_px", "heat_px", "blocks", "grid"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} is 1 or more", value=getattr(self, name))
        if not 0 <= self.margin < 1:
            raise RecipeError("margin is a share of the patch's side, 0 <= margin < 1", value=self.margin)
        if self.num_categories < 0:
            raise RecipeError("num_categories is 0 (category-agnostic) or more", value=self.num_categories)
