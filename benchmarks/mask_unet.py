"""The baseline that sees no picture: a mask-completion U-Net of the PCNet-M kind, trained on a recipe's own occlusions.

    python benchmarks/mask_unet.py train --recipe recipes/coco_compact.yaml --output runs/mask_unet
    python benchmarks/mask_unet.py predict --weights runs/mask_unet --annotations FILE --output predictions.json

What goes in is the given visible mask over its box grown by half of its sides, 256 x 256; what comes out is the whole
mask over the same square. No picture, no order of depth, no other object: as little as our own network is given with
a mask. Predictions are an ordinary results file for `amodal evaluate`. docs/baselines.md describes it.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from unet import UNet  # the file beside this one

from amodal.cli.recipe_file import RecipeFile, build
from amodal.core import boxes as bx
from amodal.core.images import cut_patch
from amodal.core.masks import Mask
from amodal.core.random import generator
from amodal.core.records import Prediction
from amodal.datasets import read_annotations
from amodal.datasets.results import write_results
from amodal.inference.patches import paste_heat
from amodal.synthesis.canvas import tight_box
from amodal.synthesis.composite import Composite
from amodal.synthesis.draw import draw_example
from amodal.synthesis.material import Material
from amodal.synthesis.settings import ExampleShape
from amodal.training.config import Recipe
from amodal.training.data import VALIDATION_SEED, make_streams

GROWN = 0.5
"""The square reaches so far beyond the visible box on each side, in its sides."""
PHASES = ((64, 32), (128, 16), (256, 8))
"""Side and batch size, one after the other: most is learnt where it is cheap."""
CUTOFFS = tuple(round(0.3 + 0.05 * i, 2) for i in range(9))


def main() -> None:
    """Read the words and do as told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    train_words = commands.add_parser("train", help="train on a recipe's photographs")
    train_words.add_argument("--recipe", type=Path, required=True)
    train_words.add_argument("--output", type=Path, required=True)
    train_words.add_argument("--steps", type=int, nargs=3, default=(700, 150, 50), help="at 64, 128 and 256 px")
    train_words.set_defaults(do=train)
    predict_words = commands.add_parser("predict", help="complete the masks of an annotation file")
    predict_words.add_argument("--weights", type=Path, required=True)
    predict_words.add_argument("--annotations", type=Path, required=True)
    predict_words.add_argument("--output", type=Path, required=True)
    predict_words.set_defaults(do=predict)
    args = parser.parse_args()
    args.do(args)


def train(args: argparse.Namespace) -> None:
    """Train, choose the threshold on validation photographs, write weights and log."""
    recipe = read_recipe(args.recipe)
    training, validation = make_streams(recipe)
    if validation is None:
        raise SystemExit("the recipe keeps no photograph for validation")
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(recipe.threads or torch.get_num_threads())
    network = UNet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2)
    total, step, start = sum(args.steps), 0, time.process_time()
    args.output.mkdir(parents=True, exist_ok=True)
    with (args.output / "log.jsonl").open("w") as log:
        for (side, batch_size), steps in zip(PHASES, args.steps, strict=True):
            for _ in range(steps):
                network.train()
                warm = min((step + 1) / 50, 1.0)
                for group in optimizer.param_groups:
                    group["lr"] = 1e-3 * warm * 0.5 * (1 + math.cos(math.pi * step / total))
                loss = _loss(network, _batch(training.material, recipe.seed, step, batch_size, side))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                step += 1
                if step % 20 == 0:
                    log.write(json.dumps({"step": step, "side": side, "loss": round(loss.item(), 5)}) + "\n")
                    log.flush()
                    print(f"step {step} of {total}, {side} px: loss {loss.item():.4f}", flush=True)
    threshold, iou = _choose(network.eval(), validation.material, 400)
    save_file(
        {name: value.contiguous() for name, value in network.state_dict().items()}, args.output / "unet.safetensors"
    )
    facts = {
        "threshold": threshold,
        "validation_iou": round(iou, 4),
        "steps": list(args.steps),
        "cpu_seconds": round(time.process_time() - start),
        "parameters": sum(p.numel() for p in network.parameters()),
    }
    (args.output / "config.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(facts)


def predict(args: argparse.Namespace) -> None:
    """Complete every given mask of an annotation file; records without a visible mask of their own are left out."""
    network = UNet().to(memory_format=torch.channels_last)
    network.load_state_dict(load_file(args.weights / "unet.safetensors"))
    network.eval()
    threshold = json.loads((args.weights / "config.json").read_text())["threshold"]
    album = read_annotations(args.annotations)
    found: list[Prediction] = []
    for image in album:
        for instance in image.instances:
            if instance.modal_mask is None:
                continue
            visible = instance.modal_mask.to_array()
            whole = Mask.from_array(_complete(network, visible, threshold) | visible)
            found.append(
                Prediction(
                    image_id=image.id,
                    annotation_id=instance.id,
                    category=instance.category,
                    score=1.0,
                    modal_box=instance.modal_mask.box,
                    modal_mask=instance.modal_mask,
                    amodal_mask=whole,
                    amodal_box=whole.box,
                    steps=1,
                    stop_reason="converged",
                )
            )
    write_results(args.output, found, album.categories)
    print(f"{len(found)} objects: {args.output}")


def read_recipe(path: Path) -> Recipe:
    """The recipe as `amodal train` reads it."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser()
    parser.add_argument("--recipe", action=RecipeFile)
    parser.add_class_arguments(Recipe)
    return build(Recipe, parser.parse_args(["--recipe", str(path)]).as_dict())


def _batch(material: Material, seed: int, step: int, count: int, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Visible mask, whole mask and known pixels of examples, float32 ``(n, side, side)`` each."""
    shape = ExampleShape(16, 16, 16)  # the patches are not looked at
    rows = []
    for i in range(count):
        _, composite = draw_example(material, shape, seed=seed, epoch=step, index=i)
        rows.append(_squares(composite, side, generator(seed, step, i, 11)))
    visible, whole, known = (torch.from_numpy(np.stack(maps)) for maps in zip(*rows, strict=True))
    return visible, whole, known


def _squares(composite: Composite, side: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], ...]:
    box = bx.as_box(bx.grow(bx.jitter(tight_box(composite.visible), rng, min_overlap=0.85, max_resize=0.1), GROWN))
    unknown = (composite.others & ~composite.own) | composite.outside
    visible, whole, unsure = (_read(mask, box, side) for mask in (composite.visible, composite.own, unknown))
    inside = _read(np.ones_like(composite.own), box, side)  # beyond the patch nothing is known
    return visible, (whole >= 0.5).astype(np.float32), ((unsure <= 0.5) & (inside > 0.5)).astype(np.float32)


def _read(mask: NDArray[np.bool_], box: bx.Box, side: int) -> NDArray[np.float32]:
    if not mask.any():
        return np.zeros((side, side), np.float32)
    height, width = mask.shape
    values = cut_patch(mask.view(np.uint8) * np.uint8(255), box, side).astype(np.float32) / 255
    # what lies beyond the canvas is filled with a grey by the cutter: nothing is there
    x = box[0] + (np.arange(side) + 0.5) * (box[2] - box[0]) / side
    y = box[1] + (np.arange(side) + 0.5) * (box[3] - box[1]) / side
    within = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))[None, :]
    return np.where(within, values, 0).astype(np.float32)


def _logits(network: nn.Module, visible: Tensor) -> Tensor:
    x = torch.stack([visible, torch.zeros_like(visible)], 1).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = network(x)
    both = scores.float()
    difference: Tensor = both[:, 1] - both[:, 0]  # softmax over two is a sigmoid of the difference
    return difference


def _loss(network: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    visible, whole, known = batch
    nll = nn.functional.binary_cross_entropy_with_logits(_logits(network, visible), whole, reduction="none")
    return (nll * known).mean()


@torch.no_grad()
def _heat(network: nn.Module, visible: NDArray[np.bool_], box: bx.Box) -> NDArray[np.float32]:
    heat: NDArray[np.float32] = torch.sigmoid(_logits(network, torch.from_numpy(_read(visible, box, 256))[None]))[
        0
    ].numpy()
    return heat


def _complete(network: nn.Module, visible: NDArray[np.bool_], threshold: float) -> NDArray[np.bool_]:
    box = bx.as_box(bx.grow(tight_box(visible), GROWN))
    part = paste_heat(_heat(network, visible, box), box, visible.shape[1], visible.shape[0])
    whole = np.zeros_like(visible)
    rows, columns = part.heat.shape
    whole[part.top : part.top + rows, part.left : part.left + columns] = part.heat > threshold
    return whole


def _choose(network: nn.Module, material: Material, count: int) -> tuple[float, float]:
    """The cut-off with the best mean IoU over validation examples, and that IoU."""
    from amodal.synthesis.scenes import make_scenes, scene_settings

    scenes = make_scenes(Material(material.sources, scene_settings(material.settings)), count, seed=VALIDATION_SEED)
    rows: list[Any] = []
    for scene in scenes:
        heat = _heat(network, scene.visible, box := bx.as_box(bx.grow(tight_box(scene.visible), GROWN)))
        part = paste_heat(heat, box, scene.own.shape[1], scene.own.shape[0])
        h, w = part.heat.shape
        visible = scene.visible[part.top : part.top + h, part.left : part.left + w]
        own = scene.own[part.top : part.top + h, part.left : part.left + w]
        found = (part.heat > np.array(CUTOFFS, np.float32)[:, None, None]) | visible
        common = (found & own).sum((1, 2))
        rows.append(common / np.maximum(found.sum((1, 2)) + scene.own.sum() - common, 1))
    means = np.mean(rows, axis=0)
    return CUTOFFS[int(means.argmax())], float(means.max())


if __name__ == "__main__":
    main()
