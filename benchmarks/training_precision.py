"""Training steps of the compact model: float32 and bfloat16, both memory layouts, in turn on one thread.

    python benchmarks/training_precision.py

CPU time, best of several alternating rounds: a machine shared with others changes it little.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import nn

from amodal.models.config import ModelConfig
from amodal.models.weights import build_network
from amodal.training.config import Precision
from amodal.training.loss import masked_nll
from amodal.training.precision import autocast, place

CPU = torch.device("cpu")
BATCH, ROUNDS = 32, 5


def make_step(config: ModelConfig, precision: Precision, channels_last: bool, kept: bool) -> Callable[[], float]:
    """One optimiser step, returning the CPU seconds it took; ``kept``: depthwise convolutions stay in float32."""
    torch.manual_seed(0)
    network = build_network(config).train()
    place(network, CPU, precision=precision if kept else "fp32", channels_last=channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    side, answer = config.patch_px, config.heat_px
    image, heat = torch.randint(0, 256, (BATCH, 3, side, side), dtype=torch.uint8), torch.rand(BATCH, side, side)
    label = torch.randint(-1, 2, (BATCH, answer, answer), dtype=torch.int8)

    def step() -> float:
        start = time.process_time()
        with autocast(CPU, precision):
            loss = masked_nll(network(image, heat), label, torch.ones(BATCH))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        return time.process_time() - start

    return step


def main() -> None:
    """Print a line a setting."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)
    for name, config in (("modal", ModelConfig()), ("amodal", ModelConfig(heat_px=80, margin=0.125))):
        steps = {
            "fp32, contiguous": make_step(config, "fp32", False, True),
            "fp32, channels last": make_step(config, "fp32", True, True),
            "bf16 everywhere, channels last": make_step(config, "bf16", True, False),
            "bf16, depthwise in fp32, channels last": make_step(config, "bf16", True, True),
        }
        best = dict.fromkeys(steps, float("inf"))
        for _ in range(ROUNDS):
            for setting, step in steps.items():
                best[setting] = min(best[setting], step())
        for setting, seconds in best.items():
            print(f"{name:7} {setting:40} {BATCH / seconds:6.1f} examples/s")


if __name__ == "__main__":
    main()
