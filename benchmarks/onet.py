"""The paper's O-Net on real photographs: that it can overfit a handful of objects, and what one step of training takes.

    python benchmarks/onet.py overfit [--steps 120] [--shrink 4] [--objects 6]
    python benchmarks/onet.py step [--precision bf16] [--accumulate 8]

"overfit" learns the visible masks of a few objects of examples/ from the constant 1/2, with random weights and all
widths divided by ``--shrink``; "step" is one SGD step of the published network on 32 patches (CPU time of one thread).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from amodal.datasets import read_annotations
from amodal.models.config import ModelConfig
from amodal.models.onet import ONet
from amodal.models.vgg import VGG16_WIDTHS
from amodal.synthesis.settings import ExampleShape
from amodal.synthesis.stream import OcclusionDataset, collate
from amodal.training.config import StageSettings
from amodal.training.loss import masked_nll
from amodal.training.optimizer import build_optimizer
from amodal.training.precision import autocast, place

CPU = torch.device("cpu")
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def batch_of(count: int) -> dict[str, torch.Tensor]:
    """Examples 0 to count - 1 of the photographs in examples/, at the published sizes."""
    album = read_annotations(EXAMPLES / "annotations.json")
    dataset = OcclusionDataset(album, EXAMPLES / "images", shape=ExampleShape(224, 50, 50), length=count)
    batch: dict[str, torch.Tensor] = next(iter(DataLoader(dataset, batch_size=count, collate_fn=collate)))
    return batch


def network_of(shrink: int, categories: int, dropout: float) -> ONet:
    """The published network, or one with its widths divided."""
    torch.manual_seed(0)
    config = ModelConfig(
        architecture="onet",
        backbone="vgg16",
        patch_px=224,
        heat_px=50,
        widths=tuple(width // shrink for width in VGG16_WIDTHS),
        num_categories=categories,
        mean=(122.7717, 115.9465, 102.9801),
        std=(1.0, 1.0, 1.0),
        dropout=dropout,
    )
    return ONet(config).train()


def overfit(steps: int, shrink: int, objects: int) -> None:
    """Print loss and mean IoU over known pixels at 1/2 as they go."""
    batch, network = batch_of(objects), network_of(shrink, 0, 0.0)
    label, heat = batch["modal_label"], torch.full((objects, 224, 224), 0.5)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    start = time.process_time()
    for step in range(steps + 1):
        logits = network(batch["modal_patch"], heat)
        loss = masked_nll(logits, label, torch.ones(objects))
        if step % 20 == 0:
            found, true, known = logits > 0, label == 1, label != -1
            iou = (found & true & known).sum((1, 2)) / ((found | true) & known).sum((1, 2)).clamp(min=1)
            spent = time.process_time() - start
            print(f"step {step:4d}: loss {loss:.4f}, IoU {iou.mean():.3f}, {spent:.0f} s of CPU time", flush=True)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()


def time_step(precision: str, accumulate: int) -> None:
    """Print what one step of the paper's training takes: forward, backward, SGD; the batch in parts."""
    batch, network = batch_of(32), network_of(1, 20, 0.5)
    place(network, CPU, precision=precision, channels_last=True)  # type: ignore[arg-type]
    settings = StageSettings(optimizer="sgd", lr=1e-5, backbone_lr=1e-5, weight_decay=1e-3, loss="sum")
    optimizer = build_optimizer(network, settings)
    size, start = 32 // accumulate, time.process_time()
    for first in range(0, 32, size):
        part = {key: value[first : first + size] for key, value in batch.items()}
        with autocast(CPU, precision):  # type: ignore[arg-type]
            logits = network(part["amodal_patch"], torch.full((size, 224, 224), 0.5), part["category"] % 20)
        masked_nll(logits, part["amodal_label"], part["weight"], reduction="sum").backward()
    optimizer.step()
    print(f"one step of 32 in {accumulate} parts, {precision}: {time.process_time() - start:.1f} s of CPU time")


def main() -> None:
    """Read the words and do it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("overfit", "step"))
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--shrink", type=int, default=4)
    parser.add_argument("--objects", type=int, default=6)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--accumulate", type=int, default=8)
    args = parser.parse_args()
    if args.accumulate not in (1, 2, 4, 8, 16, 32):
        parser.error("--accumulate divides 32")
    torch.set_num_threads(1)
    if args.what == "overfit":
        overfit(args.steps, args.shrink, args.objects)
    else:
        time_step(args.precision, args.accumulate)


if __name__ == "__main__":
    main()
