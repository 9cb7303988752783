"""The paper's own network: IIS's variant of the hypercolumn "O-Net" on VGG-16 (section 4.2).

What the amodal paper leaves to those it builds on is taken from Hariharan et al. (CVPR 2015; the released network) and
from Li, Hariharan, Malik (CVPR 2016).
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import RecipeError
from ..core.resample import resample_matrix
from .config import ModelConfig
from .vgg import VGG16

SCORE_INIT_STD = 0.01
"""Of the new layers' weights, Gaussian; their biases start at 0."""

FC7_RATE = 0.1
"""The branch of fc7 learns at this share of the rate."""

HEAT_OFFSET, HEAT_SCALE = 127.0, 255.0
"""Heat in [0, 1] becomes [-127, 128]."""


class ClassifierGrid(nn.Module):
    """A grid of classifiers over the map; a pixel's probability is the bilinear mix of its neighbours' (Hariharan).

    The SIGMOIDS of the neighbouring cells' scores are mixed, not the scores; at the borders the outermost cells go on.

    Args:
        grid: cells along a side.
        side: pixels along a side.
    """

    def __init__(self, grid: int, side: int) -> None:
        super().__init__()
        along = torch.from_numpy(resample_matrix(grid, side))  # (side, grid)
        share = torch.einsum("ya,xb->abyx", along, along).reshape(grid * grid, side, side)
        # cells that have no say get e^-69 of it: a logarithm that is finite
        self.register_buffer("log_share", share.clamp(min=1e-30).log(), persistent=False)

    def forward(self, scores: Tensor) -> Tensor:
        """Scores ``(b, grid * grid, side, side)``, row by row of the grid, to logits ``(b, side, side)``.

        The sigmoid of the logits is the mix; log p and log (1 - p) are summed in the log domain, so that confident
        scores keep a gradient.
        """
        scores = scores.float()
        log_share: Tensor = self.log_share  # type: ignore[assignment]
        positive = torch.logsumexp(log_share + F.logsigmoid(scores), 1)
        return positive - torch.logsumexp(log_share + F.logsigmoid(-scores), 1)


class ONet(nn.Module):
    """Heat of one object from its patch and what is already believed of it, as published.

    Score branches on pool3 (times 0.0027, 3 x 3), pool4 (times 0.063, 1 x 1) and fc7 (fully connected), each with
    categories x 5 x 5 channels, are brought to 50 x 50 half-pixel bilinearly and summed; `ClassifierGrid` mixes what
    the category's 5 x 5 classifiers say. There is no geometry in it: what area the heat covers is what it was trained
    on (``config.margin``).

    Args:
        config: "onet" in ``architecture``; ``widths`` are VGG-16's.
        backbone_weights: as in `VGG16`.
    """

    rate_factors = {"score_fc7": FC7_RATE}  # noqa: RUF012  (read by training.optimizer)

    def __init__(self, config: ModelConfig, *, backbone_weights: str | Path | None = None) -> None:
        super().__init__()
        self.config = config
        self.maps = max(config.num_categories, 1)
        self.backbone = VGG16(
            self.maps,
            patch_px=config.patch_px,
            widths=config.widths,
            dropout=config.dropout,
            weights=backbone_weights,
        )
        channels = self.maps * config.grid**2
        pool3, pool4, fc7 = config.widths[2], config.widths[3], config.widths[5]
        self.score_pool3 = nn.Conv2d(pool3, channels, 3, padding=1)
        self.score_pool4 = nn.Conv2d(pool4, channels, 1)
        self.score_fc7 = nn.Conv2d(fc7, channels, 1)
        for branch in (self.score_pool3, self.score_pool4, self.score_fc7):
            nn.init.normal_(branch.weight, std=SCORE_INIT_STD)
            nn.init.zeros_(branch.bias)  # type: ignore[arg-type]
        self.mix = ClassifierGrid(config.grid, config.heat_px)
        self.register_buffer("mean", torch.tensor(config.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor, heat: Tensor, category: Tensor | None = None) -> Tensor:
        """Logits of the heat.

        Args:
            image: ``(b, 3, p, p)`` RGB, 0..255, uint8 or float; p is ``patch_px``.
            heat: ``(b, p, p)`` in [0, 1]; constant 1/2 where nothing is believed yet.
            category: ``(b,)`` int64; needed if and only if the network has categories.

        Returns:
            ``(b, heat_px, heat_px)`` float32; the sigmoid is the heat.
        """
        colours = (image.to(self.mean.dtype) - self.mean) / self.std  # type: ignore[arg-type,operator]
        centred = (heat * HEAT_SCALE - HEAT_OFFSET).unsqueeze(1)
        if self.config.num_categories:
            if category is None:
                raise RecipeError("this network has categories: give one for each patch")
            centred = centred * F.one_hot(category, self.maps).to(centred.dtype)[:, :, None, None]
        pool3, pool4, fc7 = self.backbone(torch.cat([colours, centred], 1))
        branches = (
            self.score_pool3(pool3 * self.config.tap_scales[0]),
            self.score_pool4(pool4 * self.config.tap_scales[1]),
            self.score_fc7(fc7),
        )
        side = (self.config.heat_px, self.config.heat_px)
        chosen = (self._of_category(scores, category) for scores in branches)
        return self.mix(  # type: ignore[no-any-return]
            sum(F.interpolate(scores.float(), side, mode="bilinear", align_corners=False) for scores in chosen)
        )

    def _of_category(self, scores: Tensor, category: Tensor | None) -> Tensor:
        """``(b, categories * grid * grid, h, w)`` to the category's ``(b, grid * grid, h, w)``."""
        if not self.config.num_categories:
            return scores
        assert category is not None
        each = scores.unflatten(1, (self.maps, -1))  # type: ignore[no-untyped-call]
        index = category.view(-1, 1, 1, 1, 1).expand(-1, 1, *each.shape[2:])
        return torch.gather(each, 1, index).squeeze(1)
