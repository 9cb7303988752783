"""What YOLOX-nano (Ge et al., 2021) makes of a picture: a detector trained on the boxes of COCO's 118,000 photographs.

What it has learnt of where objects end, 3,000 photographs with masks cannot teach (docs/experiments.md). Batch
normalisation is folded into the convolutions, as in the ONNX file that ships.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import WeightsError

_PYRAMID = {8: 64, 16: 128, 32: 256}
_KINDS, _SIDES = 80, 4
CHANNELS = {4: 32} | {stride: width + _SIDES + 1 + _KINDS for stride, width in _PYRAMID.items()}
"""Of the maps, by stride."""


class YoloxNano(nn.Module):
    """A picture in, four feature maps out: that of stride 4 from the backbone, the others from the pyramid.

    After each of the pyramid stands what the head answers there, before its sigmoid: a box, whether there is an object,
    and of which of COCO's 80 kinds.

    It has random weights until `load_yolox` gives it those of the file.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Conv(12, 16, 3)
        self.dark2 = nn.Sequential(_apart(16, 32, 2), _Stage(32, 32, 1, add=True))
        self.dark3 = nn.Sequential(_apart(32, 64, 2), _Stage(64, 64, 3, add=True))
        self.dark4 = nn.Sequential(_apart(64, 128, 2), _Stage(128, 128, 3, add=True))
        self.dark5 = nn.Sequential(_apart(128, 256, 2), _Pools(256), _Stage(256, 256, 1, add=False))
        self.lateral5 = _Conv(256, 128, 1)
        self.down4 = _Stage(256, 128, 1, add=False)
        self.lateral4 = _Conv(128, 64, 1)
        self.down3 = _Stage(128, 64, 1, add=False)
        self.up3 = _apart(64, 64, 2)
        self.up4_stage = _Stage(128, 128, 1, add=False)
        self.up4 = _apart(128, 128, 2)
        self.up5_stage = _Stage(256, 256, 1, add=False)
        self.heads = nn.ModuleList(_Head(width) for width in _PYRAMID.values())

    def forward(self, image: Tensor) -> dict[int, Tensor]:
        """Maps of `CHANNELS` by stride.

        Args:
            image: ``(b, 3, h, w)``, RGB, 0..255; h and w are multiples of 32.
        """
        rows = image[:, :, ::2], image[:, :, 1::2]
        quarters = [row[..., first::2] for first in (0, 1) for row in rows]
        two = self.dark2(self.stem(torch.cat(quarters, 1)))
        three = self.dark3(two)
        four = self.dark4(three)
        five = self.lateral5(self.dark5(four))
        middle = self.lateral4(self.down4(torch.cat([_doubled(five), four], 1)))
        fine = self.down3(torch.cat([_doubled(middle), three], 1))
        medium = self.up4_stage(torch.cat([self.up3(fine), middle], 1))
        coarse = self.up5_stage(torch.cat([self.up4(medium), five], 1))
        pyramid = zip(_PYRAMID, self.heads, (fine, medium, coarse), strict=True)
        return {4: two} | {stride: torch.cat([level, head(level)], 1) for stride, head, level in pyramid}


class _Conv(nn.Module):
    def __init__(self, channels: int, width: int, size: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, size, stride, size // 2, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.conv(x))


def _apart(channels: int, width: int, stride: int = 1) -> nn.Sequential:
    """A convolution in two: depthwise 3 x 3, pointwise."""
    return nn.Sequential(_Conv(channels, channels, 3, stride, groups=channels), _Conv(channels, width, 1))


class _Bottleneck(nn.Module):
    def __init__(self, width: int, *, add: bool) -> None:
        super().__init__()
        self.conv1, self.conv2, self.add = _Conv(width, width, 1), _apart(width, width), add

    def forward(self, x: Tensor) -> Tensor:
        found = self.conv2(self.conv1(x))
        return found + x if self.add else found  # type: ignore[no-any-return]


class _Stage(nn.Module):
    """A cross-stage partial block."""

    def __init__(self, channels: int, width: int, count: int, *, add: bool) -> None:
        super().__init__()
        self.conv1, self.conv2 = _Conv(channels, width // 2, 1), _Conv(channels, width // 2, 1)
        self.blocks = nn.Sequential(*(_Bottleneck(width // 2, add=add) for _ in range(count)))
        self.conv3 = _Conv(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv3(torch.cat([self.blocks(self.conv1(x)), self.conv2(x)], 1))  # type: ignore[no-any-return]


class _Pools(nn.Module):
    """Spatial pyramid pooling."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = _Conv(width, width // 2, 1), _Conv(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        pooled = [F.max_pool2d(x, size, 1, size // 2) for size in (5, 9, 13)]
        return self.conv2(torch.cat([x, *pooled], 1))  # type: ignore[no-any-return]


class _Head(nn.Module):
    """What is found at each place of a map: ``(b, 85, h, w)``."""

    def __init__(self, channels: int, width: int = 64) -> None:
        super().__init__()
        self.stem = _Conv(channels, width, 1)
        self.to_kinds = nn.Sequential(_apart(width, width), _apart(width, width))
        self.kinds = nn.Conv2d(width, _KINDS, 1)
        self.to_box = nn.Sequential(_apart(width, width), _apart(width, width))
        self.box, self.object = nn.Conv2d(width, _SIDES, 1), nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        placed = self.to_box(x)
        return torch.cat([self.box(placed), self.object(placed), self.kinds(self.to_kinds(x))], 1)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def load_yolox(network: YoloxNano, path: str | Path) -> None:
    """Give it the weights of YOLOX-nano's ONNX file, whose convolutions stand in the order in which they are applied.

    Raises:
        WeightsError: the file cannot be read, or is of another network.
    """
    import onnx
    from onnx import numpy_helper

    try:
        graph = onnx.load(str(path)).graph
    except Exception as problem:  # protobuf has errors of its own
        raise WeightsError(f"an ONNX file that can be read ({problem})", file=path, remedy="install it again") from None
    values = {value.name: value for value in graph.initializer}
    names = [list(node.input)[1:3] for node in graph.node if node.op_type == "Conv"]
    own: list[Any] = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    given = [
        [torch.from_numpy(numpy_helper.to_array(values[name]).copy()) for name in pair if name in values]
        for pair in names[: len(own)]
    ]
    wanted = [[conv.weight.shape, conv.bias.shape] for conv in own]
    if [[tensor.shape for tensor in pair] for pair in given] != wanted:
        raise WeightsError("the convolutions of YOLOX-nano", file=path, remedy="give the file that ships")
    given[0][0] = given[0][0].reshape(16, 4, 3, 3, 3).flip(2).flatten(1, 2)  # it was trained on BGR
    with torch.no_grad():
        for conv, (weight, bias) in zip(own, given, strict=True):
            conv.weight.copy_(weight)
            conv.bias.copy_(bias)
