"""A U-Net with the shape of the mask-completion networks in use (PCNet-M: image-sized masks in, completed mask out)."""

from __future__ import annotations

import copy
import hashlib
import json
from itertools import pairwise
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from amodal.inference.export import halved, without_traces


class _Double(nn.Sequential):
    def __init__(self, into: int, out: int) -> None:
        layers: list[nn.Module] = []
        for source in (into, out):
            layers += [nn.Conv2d(source, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
        super().__init__(*layers)


class UNet(nn.Module):
    """Two channels in (the object's mask, the others'), two out (hidden or not), 3.35 million parameters.

    Four times halved and doubled again by bilinear upsampling, with skip connections; channels 32, 64, 128, 256, 256.
    """

    def __init__(self) -> None:
        super().__init__()
        sizes = (32, 64, 128, 256, 256)
        self.first = _Double(2, sizes[0])
        self.down = nn.ModuleList(_Double(a, b) for a, b in pairwise(sizes))
        # what was kept on the way down beside what comes from below, as many channels each
        self.up = nn.ModuleList(_Double(2 * size, max(size // 2, sizes[0])) for size in reversed(sizes[:-1]))
        self.last = nn.Conv2d(sizes[0], 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(n, 2, 256, 256)`` -> ``(n, 2, 256, 256)``."""
        kept = [self.first(x)]
        for down in self.down:
            kept.append(down(nn.functional.max_pool2d(kept[-1], 2)))
        x = kept.pop()
        for up in self.up:
            x = nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = up(torch.cat([kept.pop(), x], dim=1))
        out: Tensor = self.last(x)
        return out


class _Heat(nn.Module):
    """The graph of docs/metrics.md: ``masks`` -> ``heat_out``, the probability of the second class."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, masks: Tensor) -> Tensor:
        return self.network(masks).softmax(dim=1)[:, 1]


def save_completion(
    network: nn.Module, folder: Path, *, context: float, threshold: float, size_px: int = 256, others: bool = False
) -> None:
    """Write the folder that `amodal evaluate --unet` reads (`amodal.inference.completion`).

    Args:
        network: ``(n, 2, s, s)`` masks -> ``(n, 2, s, s)`` logits, the second class the whole object; written rounded
            to float16, computed in float32.
        folder: made where it does not exist.
        context, size_px: how training cut its patches, see `completion_frame` and `mask_patch`.
        threshold: chosen on validation.
        others: whether its second channel held the other objects' masks in training; otherwise it held zeros.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "completion.onnx"
    rounded = copy.deepcopy(network).half().float()  # so that the file can hold its weights as float16
    program = torch.onnx.export(
        _Heat(rounded).eval(),
        (torch.zeros(2, 2, size_px, size_px),),
        input_names=["masks"],
        output_names=["heat_out"],
        dynamic_shapes={"masks": {0: torch.export.Dim("n")}},
        dynamo=True,
        optimize=False,  # it would fold normalisation into weights, which float16 then no longer holds
    )
    assert program is not None
    onnx.save(halved(without_traces(program.model_proto)), str(path))
    config = {"format": 1, "kind": "completion", "size_px": size_px, "context": context, "threshold": threshold}
    config["others"] = others
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "config.json").write_text(json.dumps({**config, "sha256": {path.name: sha}}, indent=1) + "\n")
