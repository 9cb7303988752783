"""What it brings to go on from trained weights with one's own photographs: visible masks of kinds never trained on.

    python benchmarks/finetuning.py --output runs/finetuning [--base-steps 2400] [--steps 300] [--photographs 20 90]

IIS is trained as the base of `search.py` (64 px patches, from the ImageNet backbone) on all photographs of
recipes/coco_compact_fifth.yaml but those of recipes/splits/objects_unseen.txt, ten kinds of food and small things.
These are drawn into two halves: some of the one half are what somebody brings, the other half is tried on. From the
trained network on, the same number of steps goes on once with those photographs alone, once, as a control, with the
old ones.

Printed is the mean IoU of visible masks over the known cells, in percent, at the best of seven cut-offs, and the
difference from the control with the interval that holds 95 % of 2,000 draws of the photographs. One seed. A stopped run
goes on where it was.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import search  # the files beside this one
import torch
from torch import nn
from validation import photograph_draws

from amodal.training import run
from amodal.training.config import Recipe
from amodal.training.run import run_training

UNSEEN = "recipes/splits/objects_unseen.txt"


def main() -> None:
    """Train what is missing, try, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--base-steps", type=int, default=2400)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--photographs", type=int, nargs="+", default=[20, 90])
    parser.add_argument("--examples", type=int, default=512)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.output.mkdir(parents=True, exist_ok=True)
    own, tried = halves()
    (args.output / "tried.txt").write_text("\n".join(tried) + "\n")
    base = recipe_of(args, UNSEEN, args.base_steps)
    sets = search.validation_sets(recipe_of(args, str(args.output / "tried.txt"), args.steps), args.examples)
    before, _ = run_training(base, resume=True)
    state = {name: value.clone() for name, value in before.state_dict().items()}
    scores = {"before": score(base, before, sets)}
    steps = f"{args.base_steps}_{args.steps}"
    more = replace(recipe_of(args, UNSEEN, args.steps), output=str(args.output / f"control_{steps}"))
    scores["the old photographs (control)"] = score(more, go_on(more, state), sets)
    for count in args.photographs:
        listed = args.output / f"own_{count}.txt"
        listed.write_text("\n".join(own[:count]) + "\n")
        (objects,) = (source for source in base.data if "objects" in source.images)
        mine = replace(
            more,
            data=(replace(objects, only=str(listed), validation=""),),
            output=str(args.output / f"own_{count}_{steps}"),
        )
        scores[f"{count} photographs of the new kinds"] = score(mine, go_on(mine, state), sets)
    print(table(scores))


def halves() -> tuple[list[str], list[str]]:
    """The photographs to train on and those to try on, drawn once and for all."""
    names = np.array(Path(UNSEEN).read_text().split())
    names = names[np.random.default_rng(0).permutation(len(names))]
    return names[: len(names) // 2 + 1].tolist(), names[len(names) // 2 + 1 :].tolist()


def recipe_of(args: argparse.Namespace, unseen: str, steps: int) -> Recipe:
    """The base of the search; steps that go on have the rates of recipes/finetune.yaml."""
    recipe = search.make_recipe("base", 0, argparse.Namespace(output=args.output, steps=steps, unseen=unseen))
    if steps == args.base_steps:
        return recipe
    return replace(recipe, modal=replace(recipe.modal, lr=3e-4, backbone_lr=1.5e-4))


def go_on(recipe: Recipe, state: dict[str, torch.Tensor]) -> nn.Module:
    """Train on from a network's state."""

    def built(config: Any, **_: Any) -> nn.Module:
        network = search._build(config)
        network.load_state_dict(state)
        return network

    with mock.patch.object(run, "build_network", built):
        modal, _ = run_training(recipe, resume=True)
    return modal


@torch.no_grad()
def score(recipe: Recipe, modal: nn.Module, sets: dict[str, Any]) -> dict[str, Any]:
    """The IoU of each example at each cut-off."""
    return search._tried(recipe, modal.eval(), None, sets)


def table(scores: dict[str, dict[str, Any]]) -> str:
    """A line for each network."""
    control = scores["the old photographs (control)"]
    kinds = list(control["ious"])
    lines = [f"| goes on with | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    for name, found in scores.items():
        cells = [name]
        for kind in kinds:
            ours, theirs = (best(line["ious"][kind]) for line in (found, control))
            drawn = photograph_draws(control["photographs"])
            low, high = np.percentile((drawn @ (ours - theirs)) / drawn.sum(axis=1), [2.5, 97.5])
            gain = f", {(ours - theirs).mean():+.1f} ({low:+.1f} to {high:+.1f})" if found is not control else ""
            cells.append(f"{ours.mean():.1f}{gain}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def best(thousandths: list[list[int]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Percent of each example, at the cut-off with the best mean."""
    percent = np.array(thousandths) / 10
    return percent[percent.mean(axis=1).argmax()]  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
