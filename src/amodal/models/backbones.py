"""Backbones: any timm network that gives feature maps, with extra input channels for the heat."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from torch import nn

from ..core.errors import RecipeError, WeightsError

HEAT_INIT_STD = 0.01
"""The paper does not say how the extra input channels start; Gaussian with the std of O-Net's other new layers."""

_REMEDY = "give the file of this timm model"


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
        WeightsError: the file is missing, damaged, or does not fit the model.
    """
    if weights is None:
        backbone = _create(name)
    elif weights == "timm":
        backbone = _download(name)
    else:
        backbone = _create_from(name, Path(weights))
    _widen_stem(backbone, extra_channels)
    return backbone


def _create(name: str, **options: Any) -> nn.Module:
    try:
        return timm.create_model(name, features_only=True, **options)
    except (RuntimeError, AttributeError) as problem:
        raise RecipeError(
            f"backbone is a timm model that gives feature maps ({problem})",
            value=name,
            remedy="choose one of timm.list_models()",
        ) from problem


def _download(name: str) -> nn.Module:
    try:
        return _create(name, pretrained=True)
    except RecipeError:
        raise
    except Exception as problem:  # whatever the libraries on the way to the hub raise
        cause = " ".join(str(problem).split())[:200]
        raise WeightsError(
            f"timm downloads the weights of {name} ({cause})",
            remedy="check the connection, or give backbone_weights a safetensors file",
        ) from problem


def _create_from(name: str, file: Path) -> nn.Module:
    if not file.is_file():
        raise WeightsError("the backbone's weights are a safetensors file", file=file, remedy="check the path")
    with torch.random.fork_rng(devices=[]):
        fresh = _create(name)
    try:
        backbone = _create(name, pretrained=True, pretrained_cfg_overlay={"file": str(file)})
    except (RecipeError, SafetensorError, UnpicklingError) as problem:
        cause = " ".join(str(problem.__cause__ or problem).split())[:200]
        raise WeightsError(f"the weights are those of {name} ({cause})", file=file, remedy=_REMEDY) from problem
    # timm loads what has the right name and skips the rest in silence; what it skipped is as random as in `fresh`
    for (tensor, loaded), random in zip(backbone.named_parameters(), fresh.parameters(), strict=True):
        if loaded.ndim > 1 and torch.equal(loaded, random):
            raise WeightsError(f"the weights are those of {name}", file=file, record=tensor, remedy=_REMEDY)
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
