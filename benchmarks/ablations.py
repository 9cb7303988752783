"""The supplement's ablations (its Table 1) with the compact model: full, and each of two ingredients left out.

    python benchmarks/ablations.py --output runs/ablations [--seeds 0 1 2] [--modal-steps N] [--amodal-steps N]

Trains recipes/compact_ablation_*.yaml for each seed and tries all networks on the same scenes: photographs kept for
validation with made occlusion, whose whole masks are known; the exact box of the visible part is given, with one
threshold for all. A run that was stopped goes on where it was. Prints the table after each seed; every line of
``results.jsonl`` is one trained variant.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from amodal.cli.recipe_file import check_recipe
from amodal.inference.settings import PredictionSettings
from amodal.synthesis.canvas import tight_box
from amodal.training.config import Recipe
from amodal.training.data import make_streams
from amodal.training.run import begin, train
from amodal.training.trial import trial

PAPER = {"without_modal": (35.2, 18.4), "without_dynamic": (39.8, 22.7), "full": (45.2, 22.6)}
"""mAP^r at 50 % and 70 % IoU, supplementary Table 1."""
TITLES = {
    "without_modal": "Without Modal Segmentation Prediction",
    "without_dynamic": "Without Dynamic Sample Generation",
    "full": "With Both",
}
ORDER = ("full", "without_dynamic", "without_modal")  # the second takes the modal network of the first
OCCLUDED = 0.05


def main() -> None:
    """Train what is missing, score, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--modal-steps", type=int, default=None, help="instead of the recipe's")
    parser.add_argument("--amodal-steps", type=int, default=None, help="instead of the recipe's")
    parser.add_argument("--scenes", type=int, default=300)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.output.mkdir(parents=True, exist_ok=True)
    asked = {"modal_steps": args.modal_steps, "amodal_steps": args.amodal_steps, "scenes": args.scenes}
    results = args.output / "results.jsonl"
    lines = results.read_text().splitlines() if results.exists() else []
    known = [{"modal_steps": None, "amodal_steps": None, "scenes": 300} | line for line in map(json.loads, lines)]
    done = {(line["variant"], line["seed"]): line for line in known if asked.items() <= line.items()}
    for seed in args.seeds:
        for variant in ORDER:
            if (variant, seed) not in done:
                recipe = make_recipe(variant, seed, args)
                line = {"variant": variant, "seed": seed} | asked | score(recipe, args.scenes)
                done[variant, seed] = line
                with results.open("a") as file:
                    file.write(json.dumps(line) + "\n")
        print(table(list(done.values())), flush=True)


def make_recipe(variant: str, seed: int, args: argparse.Namespace) -> Recipe:
    """A variant's recipe with this run's folder, seed and steps."""
    recipe = check_recipe(f"recipes/compact_ablation_{variant}.yaml")
    changes = {"output": str(args.output / f"{variant}_{seed}"), "seed": seed}
    if recipe.modal_from:
        changes["modal_from"] = str(args.output / f"full_{seed}")
    for role, steps in (("modal", args.modal_steps), ("amodal", args.amodal_steps)):
        if steps is not None:
            stage = getattr(recipe, role)
            changes[role] = replace(stage, steps=steps, warmup_steps=min(stage.warmup_steps, steps // 4))
    return replace(recipe, **changes)


def score(recipe: Recipe, count: int) -> dict[str, float]:
    """Train, then the shares of occluded scenes' objects with IoU over 0.5 and 0.7, and the mean IoU; percent."""
    fingerprint, streams = begin(recipe, resume=True), make_streams(recipe)
    modal, amodal = train(recipe, streams, fingerprint)
    assert amodal is not None
    settings = replace(PredictionSettings(), modal_threshold=0.5, amodal_threshold=0.5)
    predictor, scenes = trial(streams[1], modal, amodal, settings, count)
    ious, modal_ious = [], []
    for scene in scenes:
        if 1 - scene.visible.sum() / scene.own.sum() <= OCCLUDED:
            continue
        predictor.set_image(scene.image)
        (found,) = predictor.predict([tight_box(scene.visible)])
        for mask, into in ((found.amodal_mask, ious), (found.modal_mask, modal_ious)):
            pixels = mask.to_array()
            into.append((pixels & scene.own).sum() / (pixels | scene.own).sum())
    values = np.array(ious)
    return {
        "objects": len(values),
        "at50": 100 * float((values > 0.5).mean()),
        "at70": 100 * float((values > 0.7).mean()),
        "mean": 100 * float(values.mean()),
        "first_network_mean": 100 * float(np.mean(modal_ious)),
    }


def table(lines: list[dict[str, float]]) -> str:
    """Markdown, laid out like the supplement's Table 1: mean and standard deviation over the seeds."""
    rows = [
        "| Method | at 50% IoU | at 70% IoU | mean IoU | paper: mAP^r at 50% | at 70% |",
        "|---|---|---|---|---|---|",
    ]
    for variant, title in TITLES.items():
        own = [line for line in lines if line["variant"] == variant]
        if not own:
            continue
        cells = []
        for key in ("at50", "at70", "mean"):
            values = np.array([line[key] for line in own])
            spread = f" ± {values.std(ddof=1):.1f}" if len(values) > 1 else ""
            cells.append(f"{values.mean():.1f}{spread}")
        rows.append(f"| {title} | {' | '.join(cells)} | {PAPER[variant][0]} | {PAPER[variant][1]} |")
    seeds = sorted({int(line["seed"]) for line in lines})
    return "\n".join([*rows, f"seeds {seeds}, {lines[0]['objects']} occluded objects"])


if __name__ == "__main__":
    main()
