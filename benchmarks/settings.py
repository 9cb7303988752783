"""What each setting of the synthesis does alone: short runs that differ in one of them, on validation examples.

    python benchmarks/settings.py --output runs/settings [--seeds 0] [--settings none behind ...] [--steps 300] [--json]

Trains the compact pair on 64 px patches, on the photographs of recipes/coco_compact_first.yaml, with none of the
settings which that recipe switches on; then the second network anew, on the same first one, with each of them alone,
with all of them, and with some that the recipe leaves off. All are tried
on the same examples, of photographs kept for validation, none of the settings on: told the first network's heat in the
jittered box of the visible part; the exact visible mask; that mask damaged as `mask_noise` damages it; and the heat
again in a picture shrunk until the object is 24 px long (as 48 px where patches are 128 px, the shipped size).

Printed is the mean IoU over the known cells, and the difference from the run with none of the settings, with the
interval that holds 95 % of 2,000 draws of the photographs (all examples of a photograph together), seeds averaged.
It tells what another choice of photographs may do, not what another seed of training would: the spread of "none" over
several seeds tells that. A stopped run goes on where it was; every line of ``results_*.jsonl`` is one trained variant.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader
from tqdm import tqdm
from validation import photograph_draws  # the file beside this one

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from amodal.cli.recipe_file import check_recipe
from amodal.core.labels import POSITIVE, UNKNOWN
from amodal.synthesis.material import Material
from amodal.synthesis.stream import OcclusionDataset, collate
from amodal.training.config import Recipe
from amodal.training.data import VALIDATION_SEED, Batch, make_streams
from amodal.training.run import run_training
from amodal.training.stages import AmodalStage
from amodal.training.validate import OCCLUDED

SHIPPED, SHAPE = "recipes/coco_compact_first.yaml", "recipes/compact_ablation_full.yaml"
ALONE = ("behind", "same_image", "occluder_at_edge", "feather_px", "occluder_colour", "occluder_blur_px")
ALONE += ("low_resolution", "mask_noise")
"""Settings the shipped recipe switches on, each of which is a number that is 0 where it is off."""
OTHERWISE: dict[str, Any] = {"whole_only": False, "paired": True, "border": 0.2, "clear": 0.25}
"""What the shipped recipe does not do."""
NAMES = ("none", *ALONE, "photometric", "all", *OTHERWISE)
SMALL_PX = 24
CONDITIONS: dict[str, tuple[dict[str, Any], bool]] = {
    "box": ({}, False),
    "mask": ({}, True),
    "damaged mask": ({"mask_noise": 1.0}, True),
    f"box, {SMALL_PX} px long": ({"low_resolution": 1.0, "low_resolution_px": (SMALL_PX, SMALL_PX)}, False),
}
"""For each the settings its examples are made with, and whether the second network is told a mask."""


def main() -> None:
    """Train what is missing, score, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--settings", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--steps", type=int, default=300, help="of each network")
    parser.add_argument("--examples", type=int, default=512)
    parser.add_argument("--json", action="store_true", help="print the figures of the table as JSON")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.output.mkdir(parents=True, exist_ok=True)
    results = args.output / f"results_{args.steps}_{args.examples}.jsonl"
    lines = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    done = {(line["seed"], line["setting"]) for line in lines}
    wanted = [(seed, name) for seed in args.seeds for name in dict.fromkeys(("none", *args.settings))]
    missing = [pair for pair in wanted if pair not in done]
    sets = validation_sets(args) if missing else {}
    for seed, name in tqdm(missing, desc="variants", unit="variant"):
        lines.append({"setting": name, "seed": seed} | score(make_recipe(name, seed, args), sets))
        with results.open("a") as file:
            file.write(json.dumps(lines[-1]) + "\n")
        print(table(summary(lines)), flush=True, file=sys.stderr)
    rows = summary(lines)
    print(json.dumps(rows) if args.json else table(rows))


def make_recipe(name: str, seed: int, args: argparse.Namespace) -> Recipe:
    """The shape and the stages of the ablations' recipe on the photographs of the shipped one."""
    shipped, small = check_recipe(SHIPPED), check_recipe(SHAPE)
    half = small.modal.network.patch_px / shipped.modal.network.patch_px
    low, high = shipped.synthesis.low_resolution_px
    changes: dict[str, Any] = {} if name == "all" else dict.fromkeys(ALONE, 0.0)
    if name in ALONE:
        changes[name] = getattr(shipped.synthesis, name)
    elif name in OTHERWISE:
        changes[name] = OTHERWISE[name]
    if name in ("low_resolution", "all"):
        changes["low_resolution_px"] = round(low * half), round(high * half)
    length = {"steps": args.steps, "warmup_steps": min(small.modal.warmup_steps, args.steps // 4)}
    return replace(
        small,
        output=str(args.output / f"{name}_{seed}_{args.steps}"),
        seed=seed,
        data=tuple(source for source in shipped.data if source.validated),
        synthesis=replace(shipped.synthesis, **changes),
        photometric=shipped.photometric if name in ("photometric", "all") else 0.0,
        modal=replace(small.modal, **length),
        modal_from="" if name == "none" else str(args.output / f"none_{seed}_{args.steps}"),
        amodal=replace(small.amodal, **length, true_mask_share=shipped.amodal.true_mask_share),
        store=str(args.output / "stores"),
        workers=0,
        validate_every=args.steps,  # once, at the end: the last weights are kept
        validation_examples=64,
    )


def validation_sets(args: argparse.Namespace) -> dict[str, list[Batch]]:
    """Batches of examples for each of `CONDITIONS`: the same objects in the same patches."""
    validation = make_streams(make_recipe("none", 0, args))[1]
    assert validation is not None
    sources = [replace(source, weight=1.0) for source in validation.material.sources]
    sets = {}
    for name, (changes, _) in CONDITIONS.items():
        material = Material(sources, replace(validation.material.settings, **changes))
        dataset = OcclusionDataset.from_material(
            material, shape=validation.shape, seed=VALIDATION_SEED, length=args.examples
        )
        sets[name] = list(
            tqdm(DataLoader(dataset, batch_size=32, collate_fn=collate), desc=f"examples: {name}", leave=False)
        )
    return sets


def score(recipe: Recipe, sets: dict[str, list[Batch]]) -> dict[str, Any]:
    """Train, then for each condition the IoU of each example."""
    began = time.process_time()
    modal, amodal = run_training(recipe, resume=True)
    assert amodal is not None
    line: dict[str, Any] = {"training_cpu_seconds": round(time.process_time() - began), "ious": {}}
    stage = AmodalStage(recipe.amodal, modal)
    for name, batches in sets.items():
        told = CONDITIONS[name][1]
        line["ious"][name] = []
        for batch in batches:
            draws = {"told": torch.ones(len(batch["category"]), dtype=torch.bool)} if told else None
            with torch.no_grad():
                logits, label = stage(amodal, batch, draws)
            found, true, known = logits > 0, label == POSITIVE, label != UNKNOWN
            common, union = (found & true).sum((1, 2)), ((found | true) & known).sum((1, 2))
            line["ious"][name] += [round(v, 4) for v in (common / union.clamp(min=1)).tolist()]
    plain = sets["box"]
    line["hidden"] = [round(v, 4) for batch in plain for v in batch["hidden_share"].tolist()]
    line["photographs"] = [v for batch in plain for v in batch["image_id"].tolist()]
    return line


def summary(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each setting and condition: mean IoU and its difference from "none" with the same seeds, with intervals."""
    runs: dict[str, dict[int, NDArray[np.float64]]] = {}
    for line in lines:
        runs.setdefault(line["setting"], {})[line["seed"]] = 100 * np.array(list(line["ious"].values()))
    occluded = np.array(lines[0]["hidden"]) > OCCLUDED
    weights = photograph_draws(lines[0]["photographs"])
    rows = []
    for setting, found in runs.items():
        row: dict[str, Any] = {"setting": setting, "seeds": sorted(found), "conditions": {}}
        row |= {
            "examples": len(occluded),
            "occluded": int(occluded.sum()),
            "photographs": len(set(lines[0]["photographs"])),
        }
        for place, condition in enumerate(lines[0]["ious"]):
            values = np.mean([run[place] for run in found.values()], axis=0)
            cell = {"iou": values.mean(), "iou_occluded": values[occluded].mean()}
            if len(found) > 1:
                cell["seeds_std"] = np.std([run[place].mean() for run in found.values()], ddof=1)
            common = found.keys() & runs["none"].keys()
            if setting != "none" and common:
                gain = np.mean([found[seed][place] - runs["none"][seed][place] for seed in common], axis=0)
                low, high = np.percentile(weights @ gain / weights.sum(axis=1), (2.5, 97.5))
                cell |= {"gain": gain.mean(), "gain_low": low, "gain_high": high}
                cell["gain_occluded"] = gain[occluded].mean()
            row["conditions"][condition] = {key: round(float(value), 2) for key, value in cell.items()}
        rows.append(row)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: the row of "none" in means, the others in differences from it."""
    conditions = list(rows[0]["conditions"])
    lines = ["| setting | " + " | ".join(conditions) + " | seeds |", "|---|" + "---|" * (len(conditions) + 1)]
    for row in rows:
        cells = []
        for cell in row["conditions"].values():
            if "gain" in cell:
                cells.append(f"{cell['gain']:+.1f} ({cell['gain_low']:+.1f} to {cell['gain_high']:+.1f})")
            else:
                cells.append(f"{cell['iou']:.1f}" + (f" ± {cell['seeds_std']:.1f}" if "seeds_std" in cell else ""))
        lines.append(f"| {row['setting']} | {' | '.join(cells)} | {len(row['seeds'])} |")
    last = "\n{examples} examples of {photographs} photographs, {occluded} of them with more than 5 % hidden"
    return "\n".join([*lines, last.format(**rows[0])])


if __name__ == "__main__":
    main()
