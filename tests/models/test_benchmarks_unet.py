from __future__ import annotations

import runpy
from pathlib import Path

import torch


def test_the_network_compared_with_has_the_size_it_is_said_to_have() -> None:
    network = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks/unet.py"))["UNet"]().eval()
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 2) == 3.35
    with torch.no_grad():
        assert network(torch.zeros(1, 2, 64, 64)).shape == (1, 2, 64, 64)
