"""Backbones: any timm network that gives feature maps, with extra input channels for the heat."""

from __future__ import annotations

from pathlib import Path

import timm
import torch
from torch import nn

from ..core.errors import RecipeError, WeightsError

HEAT_INIT_STD = 0.01
"""The paper does not say how the extra input channels start; Gaussian with the std of O-Net's other new layers."""


def build_backbone(name: str, extra_channels: int, *, weights: str | Path | None = None) -> nn.Module:
    """A feature extractor over RGB and ``extra_channels`` maps of heat.

    Args:
        name: a timm model that supports ``features_only``.
        extra_channels: heat channels added to the first convolution.
        weights: None for random weights; "timm" for timm's own download; else a local safetensors file.

    Returns:
        A module from ``(b, 3 + extra, h, w)`` to a list of feature maps, finest first, with timm's ``feature_info``.

    Raises:
        RecipeError: timm knows no such model, or it gives no feature maps.
        WeightsError: the file is missing or does not fit the model.
    """
    overlay: dict[str, str] | None = None
    if weights is not None and weights != "timm":
        if not Path(weights).is_file():
            raise WeightsError("the backbone's weights are a safetensors file", file=weights, remedy="check the path")
        overlay = {"file": str(weights)}
    try:
        backbone: nn.Module = timm.create_model(
            name, features_only=True, pretrained=weights is not None, pretrained_cfg_overlay=overlay
        )
    except (RuntimeError, AttributeError) as problem:
        if overlay is not None and "size mismatch" in str(problem):
            raise WeightsError(f"the weights do not fit {name}", file=weights) from problem
        raise RecipeError(f"no timm backbone with feature maps has this name ({problem})", value=name) from problem
    _widen_stem(backbone, extra_channels)
    return backbone


def _widen_stem(backbone: nn.Module, extra: int) -> None:
    """Give the first convolution ``extra`` more input channels, its RGB weights unchanged."""
    for path, module in backbone.named_modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == 3:
            parent_path, _, attribute = path.rpartition(".")
            old = module.weight.detach()
            wider = torch.empty(old.shape[0], 3 + extra, *old.shape[2:])
            wider[:, :3] = old
            nn.init.normal_(wider[:, 3:], std=HEAT_INIT_STD)
            module.weight = nn.Parameter(wider)
            module.in_channels = 3 + extra
            setattr(backbone.get_submodule(parent_path), attribute, module)
            return
    raise RecipeError("a backbone starts with a convolution over three colours", value=type(backbone).__name__)
