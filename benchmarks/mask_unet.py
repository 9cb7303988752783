"""Train the baseline that sees no picture: a mask-completion U-Net of the PCNet-M kind, on a recipe's own occlusions.

    python benchmarks/mask_unet.py --recipe recipes/coco_compact_fifth.yaml --output runs/mask_unet
    amodal evaluate ... --unet runs/mask_unet

What goes in is the visible mask alone in a square around it, 256 x 256; what comes out is the whole mask over the same
square. No picture and no other object's mask (the second channel stays empty, its weights 0): as little as our own
network is told with a mask. docs/baselines.md describes it.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from unet import UNet, save_completion  # the file beside this one

from amodal.cli.recipe_file import RecipeFile, build
from amodal.core import boxes as bx
from amodal.core.masks import Mask
from amodal.core.random import generator
from amodal.inference.completion import completion_frame, mask_patch
from amodal.inference.patches import paste_heat
from amodal.synthesis.canvas import tight_box
from amodal.synthesis.composite import Composite
from amodal.synthesis.draw import draw_example
from amodal.synthesis.material import Material
from amodal.synthesis.scenes import make_scenes, scene_settings
from amodal.synthesis.settings import ExampleShape
from amodal.training.checkpoint import has_checkpoint, read_checkpoint, write_checkpoint
from amodal.training.config import Precision, Recipe
from amodal.training.data import VALIDATION_SEED, make_streams
from amodal.training.precision import autocast, warn_if_slow

CONTEXT = 2.0
"""Side of the square, in longer sides of the visible box."""
PHASES = ((64, 32), (128, 16), (256, 8))
"""Side and batch size, one after the other: most is learnt where it is cheap."""
CHECKPOINT_EVERY = 50
CUTOFFS = tuple(round(0.3 + 0.05 * i, 2) for i in range(9))


def main() -> None:
    """Read the words, train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", type=Path, default=Path("recipes/coco_compact_fifth.yaml"))
    parser.add_argument("--output", type=Path, default=Path("runs/mask_unet"))
    parser.add_argument("--steps", type=int, nargs=3, default=(700, 150, 50), help="at 64, 128 and 256 px")
    parser.add_argument(
        "--precision",
        choices=("bf16", "fp32"),
        default="bf16",
        help="fp32 where the processor has no AVX-512: bf16 takes many times as long there",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the checkpoint in --output; with other --steps, rate and sides follow those from there on",
    )
    train(parser.parse_args())


def train(args: argparse.Namespace) -> None:
    """Train, choose the threshold on validation photographs, write weights and log."""
    recipe = read_recipe(args.recipe)
    training, validation = make_streams(recipe)
    if validation is None:
        raise SystemExit("the recipe keeps no photograph for validation")
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(recipe.threads or torch.get_num_threads())
    network = UNet().to(memory_format=torch.channels_last)
    with torch.no_grad():
        network.first[0].weight[:, 1] = 0  # type: ignore[index,operator]
    warn_if_slow(torch.device("cpu"), args.precision)
    run = Run(network, args.output, args.recipe.name, args.precision, resume=args.resume)
    total = sum(args.steps)
    with (args.output / "log.jsonl").open("a" if run.step else "w") as log:
        while run.step < total:
            side, batch_size = _phase(args.steps, run.step)
            loss = run.take(_batch(training.material, recipe.seed, run.step, batch_size, side), total)
            if run.step % 20 == 0 or run.step == total:
                facts = {"step": run.step, "side": side, "loss": round(loss, 5), "cpu_seconds": round(run.cpu_seconds)}
                log.write(json.dumps(facts) + "\n")
                log.flush()
                print(f"step {run.step} of {total}, {side} px: loss {loss:.4f}, {run.cpu_seconds:.0f} s", flush=True)
            if run.step % CHECKPOINT_EVERY == 0 or run.step == total:
                run.keep()
    threshold, iou = _choose(network.eval(), validation.material, 400, args.precision)
    facts = {
        "threshold": threshold,
        "validation_iou": round(iou, 4),
        "steps": list(args.steps),
        "precision": args.precision,
        "cpu_seconds": round(run.cpu_seconds),
        "parameters": sum(p.numel() for p in network.parameters()),
    }
    save_completion(network, args.output, context=CONTEXT, threshold=threshold)
    (args.output / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(facts)


class Run:
    """The network, its optimizer and how far they are; goes on from a checkpoint of the same recipe."""

    def __init__(
        self, network: nn.Module, folder: Path, fingerprint: str, precision: Precision, *, resume: bool
    ) -> None:
        self.network, self.folder, self.fingerprint, self.precision = network, folder, fingerprint, precision
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2)
        self.step, self._before, self._start = 0, 0.0, time.process_time()
        folder.mkdir(parents=True, exist_ok=True)
        if has_checkpoint(folder) and not resume:
            raise SystemExit(f"{folder} holds a run: give --resume, or another --output")
        kept = read_checkpoint(folder, fingerprint)
        if kept is not None:
            self.step, self._before = kept["step"], kept["cpu_seconds"]
            network.load_state_dict(kept["network"])
            self.optimizer.load_state_dict(kept["optimizer"])

    @property
    def cpu_seconds(self) -> float:
        """Spent on the run so far, in all processes that had a part in it."""
        return self._before + time.process_time() - self._start

    def take(self, batch: tuple[Tensor, Tensor, Tensor], total: int) -> float:
        """One step of ``total``; returns its loss."""
        self.network.train()
        warm = min((self.step + 1) / 50, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = 1e-3 * warm * 0.5 * (1 + math.cos(math.pi * self.step / total))
        loss = _loss(self.network, batch, self.precision)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.step += 1
        return loss.item()

    def keep(self) -> None:
        """Write the checkpoint."""
        state = {"step": self.step, "cpu_seconds": self.cpu_seconds, "fingerprint": self.fingerprint}
        state |= {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        write_checkpoint(self.folder, state)


def _phase(steps: Sequence[int], step: int) -> tuple[int, int]:
    """Side and batch size of a step."""
    ends = np.cumsum(steps)
    return PHASES[int(np.searchsorted(ends, step, side="right"))]


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
    box = bx.jitter(tight_box(composite.visible), rng, min_overlap=0.85, max_resize=0.1)
    frame = completion_frame(bx.as_box(box), CONTEXT)
    unknown = (composite.others & ~composite.own) | composite.outside
    inside = ~unknown  # beyond the canvas nothing is known either
    visible, whole, known = (
        mask_patch(Mask.from_array(mask), frame, side) for mask in (composite.visible, composite.own, inside)
    )
    return visible, whole, known


def _logits(network: nn.Module, visible: Tensor, precision: Precision) -> Tensor:
    x = torch.stack([visible, torch.zeros_like(visible)], 1).contiguous(memory_format=torch.channels_last)
    with autocast(x.device, precision):
        scores = network(x)
    both = scores.float()
    difference: Tensor = both[:, 1] - both[:, 0]  # softmax over two is a sigmoid of the difference
    return difference


def _loss(network: nn.Module, batch: tuple[Tensor, Tensor, Tensor], precision: Precision) -> Tensor:
    visible, whole, known = batch
    scores = _logits(network, visible, precision)
    nll = nn.functional.binary_cross_entropy_with_logits(scores, whole, reduction="none")
    return (nll * known).mean()


@torch.no_grad()
def _choose(network: nn.Module, material: Material, count: int, precision: Precision) -> tuple[float, float]:
    """The cut-off with the best mean IoU over validation examples, and that IoU."""
    scenes = make_scenes(Material(material.sources, scene_settings(material.settings)), count, seed=VALIDATION_SEED)
    rows: list[Any] = []
    for scene in scenes:
        frame = completion_frame(bx.as_box(tight_box(scene.visible)), CONTEXT)
        masks = torch.from_numpy(mask_patch(Mask.from_array(scene.visible), frame, 256))[None]
        heat = torch.sigmoid(_logits(network, masks, precision))[0].numpy()
        part = paste_heat(heat, frame, scene.own.shape[1], scene.own.shape[0])
        here = (slice(part.top, part.top + part.heat.shape[0]), slice(part.left, part.left + part.heat.shape[1]))
        found = (part.heat > np.array(CUTOFFS, np.float32)[:, None, None]) | scene.visible[here]
        common = (found & scene.own[here]).sum((1, 2))
        rows.append(common / np.maximum(found.sum((1, 2)) + scene.own.sum() - common, 1))
    means = np.mean(rows, axis=0)
    return CUTOFFS[int(means.argmax())], float(means.max())


if __name__ == "__main__":
    main()
