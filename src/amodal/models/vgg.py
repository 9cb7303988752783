"""VGG-16 with its fully connected layers as convolutions: the trunk of the paper's O-Net (Simonyan & Zisserman)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import timm
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import VGG16_Weights
from torchvision.models.vgg import make_layers

from ..core.errors import RecipeError, WeightsError
from .backbones import HEAT_INIT_STD

VGG16_WIDTHS = (64, 128, 256, 512, 512, 4096)
"""Channels of the five stages of convolutions, and of fc6 and fc7."""

IMAGENET_STD = (0.229, 0.224, 0.225)
"""What torchvision's VGG-16 divides colours in [0, 1] by."""

LEVELS = 255 * sum(IMAGENET_STD) / 3
"""Colour levels in one unit of torchvision's normalised input."""

_CONVOLUTIONS = (2, 2, 3, 3, 3)
_NAMES = {"classifier.0": "fc6", "classifier.3": "fc7", "pre_logits.fc1": "fc6", "pre_logits.fc2": "fc7"}


class VGG16(nn.Module):
    """Colour levels minus the mean pixel, and heat, to pool3, pool4 and fc7.

    Published weights expect normalised colours; O-Net sees colour levels. Biases of the convolutions are multiplied by
    `LEVELS` and fc6 is divided by it, which leaves the function of the network as it was (a ReLU of c times x is c
    times that of x) and gives the convolutions' outputs the size the released network's branch scales were chosen for,
    those of a network trained on colour levels. The papers do not say how weights of another origin are to be brought
    in; this is ours.

    Args:
        extra_channels: heat channels of the first convolution; their weights start Gaussian, std 0.01.
        patch_px: side of the patches, a multiple of 32; fc6 is as large as what five poolings leave of it.
        widths: as `VGG16_WIDTHS`.
        dropout: after fc6 and fc7.
        weights: None for random ones; "torchvision" or "timm" for their downloads (trained on ImageNet); else a file,
            safetensors or torch's, with the names of either.

    Raises:
        RecipeError: a side that is no multiple of 32, or another number of widths.
        WeightsError: no file, a damaged one, or one of another network.
    """

    def __init__(
        self,
        extra_channels: int,
        *,
        patch_px: int = 224,
        widths: Sequence[int] = VGG16_WIDTHS,
        dropout: float = 0.5,
        weights: str | Path | None = None,
    ) -> None:
        super().__init__()
        if patch_px % 32:
            raise RecipeError("patch_px of onet is a multiple of 32", value=patch_px)
        if len(widths) != 6:
            raise RecipeError("widths of onet are those of VGG-16's five stages and of fc6, fc7", value=list(widths))
        layers: list[str | int] = []
        for width, count in zip(widths, _CONVOLUTIONS, strict=False):
            layers += [width] * count + ["M"]
        self.features = make_layers(layers)
        self.fc6 = nn.Conv2d(widths[4], widths[5], patch_px // 32)
        self.fc7 = nn.Conv2d(widths[5], widths[5], 1)
        self.dropout = dropout
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        if weights is not None:
            self._load(weights)
        self._take_levels()
        self._widen(extra_channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``(b, 3 + extra, p, p)`` to pool3 ``(b, c, p / 8, p / 8)``, pool4 ``(b, c, p / 16, p / 16)`` and fc7
        ``(b, c, 1, 1)``."""
        pools = []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.MaxPool2d):
                pools.append(x)
        for layer in (self.fc6, self.fc7):
            x = F.dropout(F.relu(layer(x)), self.dropout, self.training)
        return pools[2], pools[3], x

    def _load(self, weights: str | Path) -> None:
        own = self.state_dict()
        state = {}
        for name, tensor in _read(weights).items():
            layer, _, kind = name.rpartition(".")
            place = f"{_NAMES.get(layer, layer)}.{kind}"
            if place in own:
                reshaped = tensor.view(own[place].shape) if tensor.numel() == own[place].numel() else tensor
                state[place] = reshaped.float()
        for name, tensor in own.items():
            found = tuple(state[name].shape) if name in state else None
            if found != tuple(tensor.shape):
                raise WeightsError(
                    f"VGG-16 has {name} of shape {tuple(tensor.shape)}",
                    file=weights,
                    value=found,
                    remedy="give the weights of torchvision's or timm's vgg16, fc6 and fc7 included",
                )
        self.load_state_dict(state)

    @torch.no_grad()
    def _take_levels(self) -> None:
        first = self.features[0].weight
        assert isinstance(first, Tensor)
        first.div_(torch.tensor(IMAGENET_STD).view(1, 3, 1, 1) * 255 / LEVELS)
        for layer in self.features:
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                layer.bias.mul_(LEVELS)
        self.fc6.weight.div_(LEVELS)

    def _widen(self, extra: int) -> None:
        old = self.features[0]
        assert isinstance(old, nn.Conv2d) and old.bias is not None
        new = nn.Conv2d(3 + extra, old.out_channels, 3, padding=1)
        with torch.no_grad():
            nn.init.normal_(new.weight, std=HEAT_INIT_STD)
            new.weight[:, :3] = old.weight
            new.bias = nn.Parameter(old.bias.clone())
        self.features[0] = new


def _read(weights: str | Path) -> dict[str, Tensor]:
    if str(weights) in ("torchvision", "timm"):
        try:
            if weights == "timm":
                return dict(timm.create_model("vgg16", pretrained=True).state_dict())
            return dict(VGG16_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True))
        except Exception as problem:  # whatever the libraries on the way raise
            cause = " ".join(str(problem).split())[:200]
            raise WeightsError(
                f"{weights} downloads the weights of vgg16 ({cause})",
                remedy="check the connection, or give backbone_weights a file",
            ) from problem
    file = Path(weights)
    if not file.is_file():
        raise WeightsError("the backbone's weights are a file", file=file, remedy="check the path")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        return dict(torch.load(file, map_location="cpu", weights_only=True))
    except (SafetensorError, RuntimeError, ValueError, EOFError, OSError, TypeError) as problem:
        raise WeightsError(f"the weights cannot be read ({problem})", file=file, remedy="copy them again") from problem
    except Exception as problem:  # torch's unpickler raises classes of its own
        raise WeightsError(f"no file of plain tensors ({problem})", file=file, remedy="save a state dict") from problem
