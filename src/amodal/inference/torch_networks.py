"""The torch back end: the same networks from their safetensors, on a GPU where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..models.weights import load_network
from .folder import check_file, read_config


class TorchNetwork:
    """A trained torch module behind the `Network` interface.

    Args:
        module: in evaluation mode, with a ``config``.
        device: where it runs.

    Attributes:
        patch_px, heat_px, margin, takes_others: as in `Network`.
    """

    def __init__(self, module: nn.Module, device: str = "cpu") -> None:
        config = module.config
        self.patch_px: int = config.patch_px  # type: ignore[union-attr,assignment]
        self.heat_px: int = config.heat_px  # type: ignore[union-attr,assignment]
        self.margin: float = config.margin  # type: ignore[union-attr,assignment]
        self.takes_others: bool = config.others  # type: ignore[union-attr,assignment]
        self.device = torch.device(device)
        self.module = module.to(self.device).eval()

    @torch.inference_mode()
    def __call__(
        self,
        patches: NDArray[np.uint8],
        heat: NDArray[np.float32],
        category: NDArray[np.int64] | None = None,
        others: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Heat in [0, 1], float32 ``(n, heat_px, heat_px)``, over the frame of each patch."""
        if len(patches) == 0:
            return np.zeros((0, self.heat_px, self.heat_px), np.float32)
        image, belief = (torch.from_numpy(np.ascontiguousarray(a)).to(self.device) for a in (patches, heat))
        kind = None if category is None else torch.from_numpy(category).to(self.device)
        told = () if others is None else (torch.from_numpy(np.ascontiguousarray(others)).to(self.device),)
        return torch.sigmoid(self.module(image, belief, kind, *told)).float().cpu().numpy()


def load_torch_network(folder: Path, name: Literal["modal", "amodal"], device: str | None = None) -> TorchNetwork:
    """The network of a weights folder, from its safetensors.

    Args:
        folder: of weights.
        name: which of the two.
        device: where it runs; None: the GPU of CUDA where there is one, else the CPU.

    Raises:
        WeightsError: the file is not the one config.json was written for; and as `models.weights.load_network`.
    """
    file = folder / f"{name}.safetensors"
    check_file(file, read_config(folder).get("sha256", {}).get(file.name))
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return TorchNetwork(load_network(folder, name), device)
