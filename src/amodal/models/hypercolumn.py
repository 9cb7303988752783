"""The network of both tasks: image patch and heat in, heat out (paper section 4.2).

A hypercolumn sums what several layers of a backbone say about each pixel, upsampled to one grid. Ours differs from the
paper's O-Net in three ways that make it small and exact: the backbone is any timm network; the sum runs from coarse to
fine with a small convolution at each level; and feature maps are resampled straight into the frame the heat covers,
which for the amodal network is larger than the patch, so no layer has to learn that shift. It may also be told where
other objects are seen (``others``), which the paper's is not: what they cover may be hidden, and nothing else can be.
And it may look at what a detector makes of the patch (``detector``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import RecipeError
from ..core.resample import resample_matrix
from .backbones import build_backbone
from .config import ModelConfig
from .yolox import CHANNELS, YoloxNano


class FrameResize(nn.Module):
    """Resample square maps over the patch to square maps over its frame, bilinear, half-pixel; edge samples go on.

    Where the samples wanted lie on those there are, or halfway between them, there are faster ways to the same numbers
    than two matrix products, which alone take any sides: maps of other layouts are changed into theirs and back. On a
    GPU the products are fast, and their gradients do not depend on the order of threads.

    Products from ``source`` to ``target`` are prepared; others, of patches of another side, are when they are needed.
    """

    def __init__(self, source: int, target: int, margin: float) -> None:
        super().__init__()
        self.margin = margin
        rows, columns = self._matrices(source, target)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, maps: Tensor, target: int) -> Tensor:
        """``(b, c, s, s)`` to ``(b, c, target, target)``."""
        source = maps.shape[-1]
        beyond = source * self.margin
        if maps.device.type == "cpu":
            if target == source + 2 * beyond and beyond == int(beyond):
                return F.pad(maps, [int(beyond)] * 4, mode="replicate") if beyond else maps
            if target == 2 * source and not beyond:
                return F.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)
        rows, columns = self.rows, self.columns
        assert isinstance(rows, Tensor) and isinstance(columns, Tensor)
        if rows.shape != (target, source):
            rows, columns = (matrix.to(rows) for matrix in self._matrices(source, target))
        return torch.matmul(torch.matmul(rows, maps), columns)

    def _matrices(self, source: int, target: int) -> tuple[Tensor, Tensor]:
        matrix = torch.from_numpy(resample_matrix(source, target, -self.margin, 1 + self.margin, outside="edge"))
        return matrix, matrix.T.contiguous()


class _Block(nn.Module):
    """Depthwise 5 x 5, pointwise, added to its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.mix = nn.Conv2d(width, width, 1, bias=False)
        self.norm_out = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.norm_out(self.mix(F.relu(self.norm(self.spatial(x))))))


class _Level(nn.Module):
    """One level of the hypercolumn: a tap and what is believed, brought into the frame, added to the coarser sum."""

    def __init__(
        self, channels: int, detected: int, source: int, width: int, target: int, coarser: int, config: ModelConfig
    ) -> None:
        super().__init__()
        believed = 1 + config.others
        self.project = nn.Sequential(nn.Conv2d(channels + believed, width, 1, bias=False), nn.BatchNorm2d(width))
        # normalised first: a detector's maps are not of unit size, and its weights never change
        self.detected = (
            nn.Sequential(nn.BatchNorm2d(detected, affine=False), nn.Conv2d(detected, width, 1, bias=False))
            if detected
            else None
        )
        self.into_frame = FrameResize(source, target, config.margin)
        self.from_coarser = nn.Conv2d(coarser, width, 1, bias=False)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(config.blocks)))

    def forward(
        self, tap: Tensor, believed: Tensor, detected: Tensor | None, coarser: Tensor, upsample: nn.Module, target: int
    ) -> Tensor:
        here = self._learning if self.training else self._learnt
        fine = here(tap, believed, detected, target)
        return self.blocks(F.relu(fine + upsample(self.from_coarser(coarser), target)))  # type: ignore[no-any-return]

    def _learning(self, tap: Tensor, believed: Tensor, detected: Tensor | None, target: int) -> Tensor:
        """Tap and what is believed in the frame; what is normalised are the samples of the patch, each once."""
        here = self.project(torch.cat([tap, believed], 1))
        if self.detected is not None:
            here = here + self.detected(detected)
        return self.into_frame(here, target)  # type: ignore[no-any-return]

    def _learnt(self, tap: Tensor, believed: Tensor, detected: Tensor | None, target: int) -> Tensor:
        """The same where the statistics are fixed, without a copy of the tap and a resampled map as wide as the sum."""
        tap, believed = self.into_frame(tap, target), self.into_frame(believed, target)
        here = _project_apart(self.project, tap, believed)
        if self.detected is not None:
            here = here + self.into_frame(self.detected(detected), target)
        return here


def _project_apart(project: nn.Sequential, tap: Tensor, believed: Tensor) -> Tensor:
    """A convolution of 1 x 1 and its normalisation, on two maps that were one: the sum of what each adds."""
    conv: Any = project[0]
    norm: Any = project[1]
    of_tap, of_believed = conv.weight[:, : tap.shape[1]], conv.weight[:, tap.shape[1] :]
    zero = torch.zeros_like(norm.running_mean)
    scale = {"weight": norm.weight, "training": False, "eps": norm.eps}
    first = F.batch_norm(F.conv2d(tap, of_tap), norm.running_mean, norm.running_var, bias=norm.bias, **scale)
    return first + F.batch_norm(F.conv2d(believed, of_believed), zero, norm.running_var, bias=zero, **scale)


class Hypercolumn(nn.Module):
    """Heat of one object from its patch and what is already believed of it.

    Args:
        config: its shape.
        backbone_weights: as in `build_backbone`.
    """

    def __init__(self, config: ModelConfig, *, backbone_weights: str | Path | None = None) -> None:
        super().__init__()
        self.config = config
        maps = max(config.num_categories, 1)
        self.backbone = build_backbone(config.backbone, maps + config.others, weights=backbone_weights)
        self.detector = YoloxNano().requires_grad_(False) if config.detector else None
        info: Any = self.backbone.feature_info
        channels: list[int] = info.channels()
        strides: list[int] = info.reduction()
        if len(config.widths) != len(channels):
            raise RecipeError(
                f"widths has one number for each of the {len(channels)} taps of {config.backbone}",
                value=list(config.widths),
            )
        if config.patch_px % strides[-1]:
            raise RecipeError(
                f"patch_px is a multiple of {strides[-1]}, the coarsest stride of {config.backbone}",
                value=config.patch_px,
            )
        self.strides = strides
        sources = [config.patch_px // stride for stride in strides]
        targets = self._level_sizes(config.heat_px)
        coarsest = channels[-1]
        self.register_buffer("mean", torch.tensor(config.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(1, 3, 1, 1), persistent=False)
        self.squeeze = nn.Conv2d(coarsest, 32, 1)
        self.coarsest_px = sources[-1]
        self.into_dense = FrameResize(sources[-1], sources[-1], 0.0)
        self.dense = nn.Linear(32 * sources[-1] ** 2, 16 * config.grid**2)
        levels, upsamples = [], []
        coarser_width, coarser_size = 16, config.grid
        for tap in reversed(range(len(channels))):
            width = config.widths[tap]
            detected = CHANNELS.get(strides[tap], 0) if config.detector else 0
            levels.append(_Level(channels[tap], detected, sources[tap], width, targets[tap], coarser_width, config))
            upsamples.append(FrameResize(coarser_size, targets[tap], 0.0))
            coarser_width, coarser_size = width, targets[tap]
        self.levels, self.upsamples = nn.ModuleList(levels), nn.ModuleList(upsamples)
        self.score = nn.Conv2d(coarser_width, maps, 1)

    def forward(
        self, image: Tensor, heat: Tensor, category: Tensor | None = None, others: Tensor | None = None
    ) -> Tensor:
        """Logits of the heat over the frame.

        The weights fit patches of any side: a network of 128 px patches and 64 x 64 heat turns 96 px into 48 x 48, at
        half the cost, which the start of a training is happy with.

        Args:
            image: ``(b, 3, p, p)`` RGB, 0..255, uint8 or float; p is ``patch_px``, or another multiple of the coarsest
                stride.
            heat: ``(b, p, p)`` in [0, 1]; constant 1/2 where nothing is believed yet.
            category: ``(b,)`` int64; needed if and only if the network has categories.
            others: ``(b, p, p)`` in [0, 1]: 1 where another object is known to be seen, 0 where none is known to be.
                For a network with ``others`` alone; None: of no other object anything is known.

        Returns:
            ``(b, heat_px, heat_px)``; the sigmoid is the heat. Its side changes with that of the patch.
        """
        colours = (image.to(self.mean.dtype) - self.mean) / self.std  # type: ignore[arg-type,operator]
        centred = (heat * 2 - 1).unsqueeze(1)  # the paper's [-127, 128] in units of the colours
        believed = centred
        if self.config.num_categories:
            if category is None:
                raise RecipeError("this network has categories: give one for each patch")
            chosen = F.one_hot(category, self.config.num_categories).to(centred.dtype)
            believed = centred * chosen[:, :, None, None]
        inputs, pooled = [colours, believed], centred
        if self.config.others:
            seen_others = torch.zeros_like(centred) if others is None else others.unsqueeze(1).to(centred.dtype)
            inputs.append(seen_others)
            pooled = torch.cat([centred, seen_others], 1)
        taps = self.backbone(torch.cat(inputs, 1))
        grid = self.config.grid
        seen = F.relu(self.squeeze(taps[-1]))
        if seen.shape[-1] != self.coarsest_px:
            seen = self.into_dense(seen, self.coarsest_px)
        x = self.dense(seen.flatten(1)).unflatten(1, (16, grid, grid))
        sizes = self._level_sizes(self.config.heat_px * image.shape[-1] // self.config.patch_px)
        detected = self._detected(image)
        pyramid = _pooled(pooled, [tap.shape[-1] for tap in taps])
        for level, upsample, tap, at_tap, size, stride in zip(
            self.levels,
            self.upsamples,
            reversed(taps),
            reversed(pyramid),
            reversed(sizes),
            reversed(self.strides),
            strict=True,
        ):
            x = level(tap, at_tap, detected.get(stride), x, upsample, size)
        scores = self.score(x)
        if self.config.num_categories:
            assert category is not None
            return torch.gather(scores, 1, category.view(-1, 1, 1, 1).expand(-1, 1, *scores.shape[2:])).squeeze(1)
        return scores.squeeze(1)  # type: ignore[no-any-return]

    def _detected(self, image: Tensor) -> dict[int, Tensor]:
        if self.detector is None:
            return {}
        with torch.no_grad():  # as it was trained
            return self.detector(image.to(self.mean.dtype))  # type: ignore[arg-type,no-any-return]

    def _level_sizes(self, heat_px: int) -> list[int]:
        """Sides of the sums, finest first: the finest has the answer's own size, the others keep their distance."""
        return [-(-heat_px * self.strides[0] // stride) for stride in self.strides]


def _pooled(maps: Tensor, sides: list[int]) -> list[Tensor]:
    """Maps averaged to each of some sides, the largest first; from the one before where its cells are whole there."""
    found = [maps]
    for side in sides:
        last = found[-1].shape[-1]
        nested = maps.shape[-1] % last == 0 and last % side == 0
        found.append(F.adaptive_avg_pool2d(found[-1] if nested else maps, side))
    return found[1:]
