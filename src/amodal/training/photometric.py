"""Photometric augmentation: all patches of an example changed alike, by torchvision's transforms."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from ..core.images import MEAN_COLOUR
from ..synthesis.stream import PATCHES


class Photometric:
    """Colours, sharpness and noise of ``modal_patch``, ``amodal_patch`` and ``other_patches``, the same for all.

    Where a patch shows what lies beyond the picture (exactly the mean colour), it goes on showing that: so it is in
    prediction. Mirroring is the synthesis's own (``flip``), before anything is cut, where it costs nothing.

    Args:
        strength: 0-1. At 1: brightness, contrast and saturation vary by half, hue by a tenth of the circle, one picture
            in ten is grey, one in five blurred (sigma up to 2 px), one in five noisy (sigma 0.06).
    """

    def __init__(self, strength: float) -> None:
        s = strength
        self._transform = v2.Compose(
            [
                v2.RandomApply([v2.ColorJitter(0.5 * s, 0.5 * s, 0.5 * s)], p=0.8),
                v2.RandomApply([v2.ColorJitter(hue=0.1 * s)], p=0.2),
                v2.RandomGrayscale(p=0.1 * s),
                v2.RandomApply([v2.GaussianBlur(5, sigma=(0.1, 0.1 + 1.9 * s))], p=0.2),
                v2.RandomApply([v2.GaussianNoise(sigma=0.06 * s)], p=0.2),
            ]
        )

    def __call__(self, item: dict[str, Tensor], rng: np.random.Generator) -> dict[str, Tensor]:
        """The item with changed patches; all randomness comes from ``rng``, torch's own is left as it was."""
        names = [name for name in PATCHES if item[name].numel()]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63)))
            # by planes: torchvision is slower on a patch's own layout, pixel by pixel, and draws other noise for it
            changed = self._transform(*(tv_tensors.Image(item[name].contiguous()) for name in names))
        mean = torch.tensor(MEAN_COLOUR, dtype=torch.uint8).view(3, 1, 1)
        return item | {
            name: torch.where((item[name] == mean).all(-3, keepdim=True), mean, patch.as_subclass(Tensor))
            for name, patch in zip(names, changed, strict=True)
        }
