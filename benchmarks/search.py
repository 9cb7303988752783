"""What each choice of a training is worth: short trainings of IIS that differ in one of them, on validation examples.

    python benchmarks/search.py --output runs/search [--seeds 0] [--variants base "lr x 3" ...] [--steps 500] [--json]
    python benchmarks/search.py --output runs/unseen --unseen recipes/splits/objects_unseen.txt [...]

Trains the modal network on 64 px patches, from the ImageNet backbone, on the photographs of
recipes/coco_compact_fifth.yaml, with the plain settings of recipes/compact_ablation_full.yaml; then again with each
of `VARIANTS`. Those of `AMODAL` train the second network on the first one of "base". All are tried on the same
examples, of photographs kept for validation.

Printed is the mean IoU over the known cells, in percent, at the best of seven cut-offs; of visible masks in jittered
and in tight boxes after three passes of IIS, of whole ones told the heat of IIS and told the exact visible mask. Then
the difference from "base", with the interval that holds 95 % of 2,000 draws of the photographs. It says what another
choice of photographs may do, not what another seed of training would: the spread of "base" over several seeds says
that. A short training prefers what learns fast. A stopped run goes on where it was; every line of ``results_*.jsonl``
is one trained variant.

With ``--unseen`` the listed photographs of `objects` are tried, alone, and all others of both sets trained on: where
the list has all photographs of some kinds, it says what a choice is worth for kinds that training has not seen.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm
from validation import photograph_draws  # the file beside this one

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from amodal.cli.recipe_file import check_recipe
from amodal.core.labels import POSITIVE, UNKNOWN
from amodal.models import backbones, hypercolumn, weights
from amodal.models.hypercolumn import Hypercolumn
from amodal.synthesis.material import Material
from amodal.synthesis.stream import OcclusionDataset, collate
from amodal.training import loop, run
from amodal.training.config import Recipe, StageSettings
from amodal.training.data import VALIDATION_SEED, Batch, make_streams
from amodal.training.evidence import asked, refine
from amodal.training.loss import masked_nll
from amodal.training.run import run_training
from amodal.training.stages import AmodalStage

SHIPPED, SHAPE = "recipes/coco_compact_fifth.yaml", "recipes/compact_ablation_full.yaml"
CUTS = tuple(round(0.3 + 0.05 * i, 2) for i in range(7))
TIGHT = {"jitter_min_overlap": 1.0, "jitter_max_resize": 0.0}


def soft_iou(logits: Tensor, label: Tensor, weight: Tensor, *, reduction: str = "mean") -> Tensor:
    """The likelihood, and 1 - IoU of the heat and the label over the known cells."""
    known = label != UNKNOWN
    heat, true = torch.sigmoid(logits.float()) * known, (label == POSITIVE).float()
    common = (heat * true).sum((1, 2))
    lost = 1 - common / ((heat + true).sum((1, 2)) - common).clamp(min=1)
    return masked_nll(logits, label, weight, reduction=reduction) + 0.5 * (lost * weight).mean()


def boundary(logits: Tensor, label: Tensor, weight: Tensor, *, reduction: str = "mean") -> Tensor:
    """The likelihood, three times as much at cells whose neighbours within two cells are labelled otherwise."""
    known, true = label != UNKNOWN, (label == POSITIVE).float().unsqueeze(1)
    edge = F.max_pool2d(true, 5, 1, 2) + F.max_pool2d(-true, 5, 1, 2) > 0
    nll = F.binary_cross_entropy_with_logits(logits.float(), true[:, 0], reduction="none")
    return (nll * (1 + 2 * edge[:, 0]) * known * weight.view(-1, 1, 1)).sum() / label.numel()


def still_statistics(config: Any, **options: Any) -> nn.Module:
    """A network whose backbone normalises with the statistics it came with."""
    network = _build(config, **options)
    for module in network.backbone.modules():  # type: ignore[union-attr]
        if isinstance(module, nn.BatchNorm2d):
            module.__class__ = type("_Still", (_Still, type(module)), {})
    return network.train()


class _Still(nn.Module):
    def train(self, mode: bool = True) -> _Still:
        return super().train(False)


_build = weights.build_network


@contextmanager
def enlarged_twice() -> Iterator[None]:
    """A detector sees the patch enlarged, 128 px of 64: as much as it sees in the shipped networks."""

    def detected(self: Hypercolumn, image: Tensor) -> dict[int, Tensor]:
        if self.detector is None:
            return {}
        with torch.no_grad():
            maps = self.detector(F.interpolate(image.to(self.mean.dtype), scale_factor=2, mode="bilinear"))
        return {stride // 2: level for stride, level in maps.items()}

    channels = {stride // 2: count for stride, count in hypercolumn.CHANNELS.items()}
    with mock.patch.object(hypercolumn, "CHANNELS", channels), mock.patch.object(Hypercolumn, "_detected", detected):
        yield


def _modal(**changes: Any) -> Callable[[Recipe], Recipe]:
    return lambda recipe: replace(recipe, modal=replace(recipe.modal, **changes))


def _amodal(**changes: Any) -> Callable[[Recipe], Recipe]:
    return lambda recipe: replace(recipe, amodal=replace(recipe.amodal, **changes))


def _synthesis(**changes: Any) -> Callable[[Recipe], Recipe]:
    return lambda recipe: replace(recipe, synthesis=replace(recipe.synthesis, **changes))


def _network(**changes: Any) -> Callable[[Recipe], Recipe]:
    def changed(stage: StageSettings) -> StageSettings:
        return replace(stage, network=replace(stage.network, **changes))

    return lambda recipe: replace(recipe, modal=changed(recipe.modal), amodal=changed(recipe.amodal))


def _modal_heat(side: int) -> Callable[[Recipe], Recipe]:
    return lambda recipe: _modal(network=replace(recipe.modal.network, heat_px=side))(recipe)


def _loss(function: Callable[..., Tensor]) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: mock.patch.object(loop, "masked_nll", function)


def _taps(*kept: int) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: mock.patch.object(backbones, "_create", partial(backbones._create, out_indices=kept))


def _still() -> AbstractContextManager[Any]:
    return mock.patch.object(run, "build_network", still_statistics)


PLAIN: Callable[[Recipe], Recipe] = lambda recipe: recipe  # noqa: E731
Patch = Callable[[], AbstractContextManager[Any]]
VARIANTS: dict[str, tuple[Callable[[Recipe], Recipe], Patch | None]] = {
    "base": (PLAIN, None),
    "lr x 3": (_modal(lr=3e-3, backbone_lr=1.5e-3), None),
    "lr / 3": (_modal(lr=3.3e-4, backbone_lr=1.7e-4), None),
    "sgd, 0.1 and 0.05": (_modal(optimizer="sgd", lr=0.1, backbone_lr=0.05), None),
    "constant rate": (_modal(schedule="constant"), None),
    "no average of weights": (_modal(ema_decay=0.0), None),
    "backbone frozen": (_modal(backbone_lr=0.0), _still),
    "backbone's statistics frozen": (PLAIN, _still),
    "no tap of stride 2": (_network(widths=(48, 96, 128, 160)), _taps(1, 2, 3, 4)),
    "no tap of stride 32": (_network(widths=(24, 48, 96, 128)), _taps(0, 1, 2, 3)),
    "decoder twice as wide": (_network(widths=(48, 96, 192, 256, 320)), None),
    "two blocks a level": (_network(blocks=2), None),
    "heat of a quarter of the patch's side": (_modal_heat(16), None),
    "heat of the patch's side": (_modal_heat(64), None),
    "soft IoU beside the likelihood": (PLAIN, _loss(soft_iou)),
    "likelihood x 3 at boundaries": (PLAIN, _loss(boundary)),
    "first pass alone": (_modal(hypothesis_passes=(1.0,)), None),
    "mostly later passes": (_modal(hypothesis_passes=(0.2, 0.4, 0.4)), None),
    "tight boxes": (_synthesis(tight_boxes=1.0), None),
    "tight boxes, half of them": (_synthesis(tight_boxes=0.5), None),
    "a detector's maps and answers": (_network(detector="yolox_nano"), enlarged_twice),
    "a detector's, half of the objects repainted": (
        lambda recipe: _synthesis(repaint=0.5)(_network(detector="yolox_nano")(recipe)),
        enlarged_twice,
    ),
    "photographs changed, seams, low resolution": (
        lambda recipe: replace(
            _synthesis(low_resolution=0.35, feather_px=1.0, occluder_colour=0.2, occluder_blur_px=1.0)(recipe),
            photometric=0.5,
        ),
        None,
    ),
}
"""Trainings of the modal network: what is changed in the recipe, and what is patched while it is trained
and tried."""

AMODAL: dict[str, tuple[Callable[[Recipe], Recipe], Patch | None]] = {
    "predicted heat alone": (_amodal(true_mask_share=0.0), None),
    "a third true masks": (_amodal(true_mask_share=0.35), None),
    "a third noisy true masks": (
        lambda recipe: _synthesis(mask_noise=0.5)(_amodal(true_mask_share=0.35)(recipe)),
        None,
    ),
    "true masks alone": (_amodal(true_mask_share=1.0), None),
    "amodal, soft IoU beside the likelihood": (_amodal(true_mask_share=0.35), _loss(soft_iou)),
    "amodal, not begun with IIS": (_amodal(true_mask_share=0.35), lambda: mock.patch.object(run, "_start_from_modal")),
}
"""Trainings of the amodal network on the modal one of "base"."""
CATEGORIES: dict[str, tuple[Callable[[Recipe], Recipe], Patch | None]] = {
    "objects alone": (PLAIN, None),
    "objects alone, a channel for each category": (_network(num_categories=19), None),
}
"""Trainings of the modal network on `objects` alone: the ids of `coco` name two things each."""
EVERYTHING = VARIANTS | AMODAL | CATEGORIES


def main() -> None:
    """Train what is missing, score, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--variants", nargs="+", choices=EVERYTHING, default=list(EVERYTHING), metavar="NAME")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--examples", type=int, default=512)
    parser.add_argument("--unseen", default="", metavar="LIST", help="photographs of objects to try, and no others")
    parser.add_argument("--json", action="store_true", help="print the figures of the table as JSON")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.output.mkdir(parents=True, exist_ok=True)
    tried = f"_{Path(args.unseen).stem}" if args.unseen else ""
    results = args.output / f"results_{args.steps}_{args.examples}{tried}.jsonl"
    lines = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    done = {(line["seed"], line["variant"]) for line in lines}
    wanted = [(seed, name) for seed in args.seeds for name in dict.fromkeys(("base", *args.variants))]
    sets: dict[bool, dict[str, list[Batch]]] = {}
    for seed, name in tqdm([pair for pair in wanted if pair not in done], desc="variants", unit="variant"):
        few = name in CATEGORIES
        if few not in sets:
            sets[few] = validation_sets(make_recipe("objects alone" if few else "base", 0, args), args.examples)
        lines.append({"variant": name, "seed": seed} | score(name, make_recipe(name, seed, args), sets[few]))
        with results.open("a") as file:
            file.write(json.dumps(lines[-1]) + "\n")
        print(table(summary(lines)), flush=True, file=sys.stderr)
    rows = summary(lines)
    print(json.dumps(rows) if args.json else table(rows))


def make_recipe(name: str, seed: int, args: argparse.Namespace) -> Recipe:
    """The shape and the stages of the ablations' recipe on the photographs of the shipped one, with one change."""
    shipped, small = check_recipe(SHIPPED), check_recipe(SHAPE)
    length = {"steps": args.steps, "warmup_steps": min(small.modal.warmup_steps, args.steps // 4)}
    data = tuple(source for source in shipped.data if source.validated)
    if args.unseen:
        data = tuple(replace(s, validation=args.unseen if "objects" in s.images else "") for s in data)
    recipe = replace(
        small,
        output=str(_run_folder(args, name, seed)),
        seed=seed,
        data=data[-1:] if name in CATEGORIES else data,
        synthesis=replace(
            small.synthesis, balance="category", whole_only=True, jitter_min_overlap=0.85, weight_reference_px=48
        ),
        modal=replace(small.modal, **length),
        modal_from=str(_run_folder(args, "base", seed)) if name in AMODAL else "",
        stages=("modal", "amodal") if name in AMODAL else ("modal",),
        amodal=replace(small.amodal, **length),
        store=str(args.output / "stores"),
        workers=0,
        keep="last",
        validate_every=args.steps,
        validation_examples=32,
    )
    return EVERYTHING[name][0](recipe)


def _run_folder(args: argparse.Namespace, name: str, seed: int) -> Path:
    unseen = f"_{Path(args.unseen).stem}" if args.unseen else ""
    return Path(args.output) / f"{name.replace(' ', '_').replace('/', 'by')}_{seed}_{args.steps}{unseen}"


def validation_sets(recipe: Recipe, count: int) -> dict[str, list[Batch]]:
    """Batches of the same examples with jittered and with tight boxes."""
    validation = make_streams(recipe)[1]
    assert validation is not None
    sources = [replace(source, weight=1.0) for source in validation.material.sources]
    sets = {}
    boxes: dict[str, dict[str, Any]] = {"jittered": {}, "tight": TIGHT}
    for name, changes in boxes.items():
        dataset = OcclusionDataset.from_material(
            Material(sources, replace(validation.material.settings, **changes)),
            shape=validation.shape,
            seed=VALIDATION_SEED,
            length=count,
        )
        sets[name] = list(
            tqdm(DataLoader(dataset, batch_size=32, collate_fn=collate), desc=f"examples: {name}", leave=False)
        )
    return sets


@torch.no_grad()
def score(name: str, recipe: Recipe, sets: dict[str, list[Batch]]) -> dict[str, Any]:
    """Train, then for each condition the IoU of each example at each of `CUTS`, thousandths."""
    patch = EVERYTHING[name][1]
    with patch() if patch else nullcontext():
        with torch.enable_grad():
            modal, amodal = run_training(recipe, resume=True)
        return _tried(recipe, modal, amodal, sets)


def _tried(recipe: Recipe, modal: nn.Module, amodal: nn.Module | None, sets: dict[str, list[Batch]]) -> dict[str, Any]:
    ious: dict[str, list[Tensor]] = {}
    for kind, batches in sets.items():
        for batch in batches:
            if amodal is None:
                ious.setdefault(f"visible, {kind} box", []).append(_visible(modal, batch))
            elif kind == "jittered":
                stage = AmodalStage(recipe.amodal, modal)
                for told in (False, True):
                    draws = {"told": torch.full((len(batch["category"]),), told)}
                    logits, label = stage(amodal, batch, draws)
                    condition = "whole, mask told" if told else "whole, heat told"
                    ious.setdefault(condition, []).append(_ious(torch.sigmoid(logits), label))
    line: dict[str, Any] = {
        "ious": {key: (1000 * torch.cat(value)).round().int().T.tolist() for key, value in ious.items()}
    }
    line["photographs"] = [v for batch in sets["tight"] for v in batch["image_id"].tolist()]
    return line


def _visible(modal: nn.Module, batch: Batch) -> Tensor:
    category = batch["category"] if modal.config.num_categories else None  # type: ignore[union-attr]
    heat = refine(modal, batch["modal_patch"], category, 2)
    heat = torch.sigmoid(asked(modal, batch["modal_patch"], heat, category, None))
    side = batch["modal_label"].shape[-1]
    heat = F.interpolate(heat.unsqueeze(1), (side, side), mode="bilinear", antialias=True)[:, 0]
    return _ious(heat, batch["modal_label"])


def _ious(heat: Tensor, label: Tensor) -> Tensor:
    """``(b, cuts)``."""
    known, true = label != UNKNOWN, label == POSITIVE
    found = [(heat > cut) & known for cut in CUTS]
    pairs = [((one & true).sum((1, 2)), (one | true).sum((1, 2))) for one in found]
    return torch.stack([common / union.clamp(min=1) for common, union in pairs], 1)


def summary(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each variant and condition: mean IoU at its best cut-off, and the difference from what it is held against."""
    runs: dict[str, dict[int, dict[str, Any]]] = {}
    for line in lines:
        best = {key: max(np.array(cuts) / 10, key=np.mean) for key, cuts in line["ious"].items()}
        runs.setdefault(line["variant"], {})[line["seed"]] = best | {"photographs": line["photographs"]}
    rows = []
    for variant, found in runs.items():
        against = "base" if variant in VARIANTS else next(iter(AMODAL if variant in AMODAL else CATEGORIES))
        row: dict[str, Any] = {"variant": variant, "seeds": sorted(found), "conditions": {}}
        for condition in [key for key in next(iter(found.values())) if key != "photographs"]:
            means = [run[condition].mean() for run in found.values()]
            cell = {"iou": float(np.mean(means))}
            if len(means) > 1:
                cell["seeds_std"] = float(np.std(means, ddof=1))
            common = found.keys() & runs.get(against, {}).keys()
            if variant != against and common:
                pairs = [(found[seed][condition], runs[against][seed][condition]) for seed in common]
                gain = np.mean([one - other for one, other in pairs], axis=0)
                cell |= _interval(gain, next(iter(found.values()))["photographs"])
            row["conditions"][condition] = {key: round(value, 2) for key, value in cell.items()}
        rows.append(row)
    return rows


def _interval(gain: Any, photographs: list[int]) -> dict[str, float]:
    weights = photograph_draws(photographs)
    low, high = np.percentile(weights @ gain / weights.sum(axis=1), (2.5, 97.5))
    return {"gain": float(gain.mean()), "gain_low": float(low), "gain_high": float(high)}


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: one table for each set of conditions."""
    lines: list[str] = []
    shown: list[str] = []
    for row in sorted(rows, key=lambda row: list(EVERYTHING).index(row["variant"])):
        if list(row["conditions"]) != shown or row["variant"] == next(iter(CATEGORIES)):
            shown = list(row["conditions"])
            lines += ["", "| variant | " + " | ".join(shown) + " | seeds |", "|---|" + "---|" * (len(shown) + 1)]
        cells = []
        for cell in row["conditions"].values():
            text = f"{cell['iou']:.1f}" + (f" ± {cell['seeds_std']:.1f}" if "seeds_std" in cell else "")
            if "gain" in cell:
                text += f", {cell['gain']:+.1f} ({cell['gain_low']:+.1f} to {cell['gain_high']:+.1f})"
            cells.append(text)
        lines.append(f"| {row['variant']} | {' | '.join(cells)} | {len(row['seeds'])} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
