"""Accuracy of the whole mask against the noise of the visible mask that is told, on validation scenes.

    python benchmarks/mask_noise.py [--weights DIR] [--recipe recipes/coco_compact_fifth.yaml] [--scenes 200] [--json]

Scenes are photographs the recipe keeps for validation, with made occlusion and exact truth (`amodal.synthesis.scenes`):
the same for every set of weights. The exact visible mask is damaged by n pixels: moved by up to n in each direction,
then its contour moved outward or inward by up to n, here more and there less. Each damaged mask is what
`Predictor.predict` is told. Beside the prediction stands the damaged mask itself as the answer: what one has without
completing.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from amodal.cli.recipe_file import check_recipe
from amodal.core.masks import Mask
from amodal.core.random import generator
from amodal.inference.predictor import Predictor
from amodal.synthesis.material import Material
from amodal.synthesis.scenes import make_scenes, scene_settings
from amodal.training.data import VALIDATION_SEED, make_streams
from amodal.training.validate import OCCLUDED

_STREAM = 11


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="", help="folder; the package's own unless given")
    parser.add_argument(
        "--recipe", default="recipes/coco_compact_fifth.yaml", help="whose validation photographs are used"
    )
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--noise", type=float, nargs="*", default=[0, 2, 4, 8], help="pixels of the scene")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = measure(args.recipe, args.weights, args.scenes, args.noise)
    if args.json:
        print(json.dumps(rows))
        return
    print("mean IoU with the whole object, hidden part 0.05 or more: occluded\n")
    print(
        "| noise, px | told mask, with the visible one | predicted, all | occluded | told mask itself, all | occluded |"
    )
    print("|---|---|---|---|---|---|")
    for row in rows:
        names = ("told_visible", "predicted", "predicted_occluded", "told", "told_occluded")
        print(f"| {row['noise_px']:g} | " + " | ".join(f"{100 * row[name]:.1f}" for name in names) + " |")
    print(f"\n{rows[0]['scenes']} scenes, {rows[0]['occluded']} occluded")


def measure(recipe: str, weights: str, count: int, noise: list[float]) -> list[dict[str, Any]]:
    """A row of means for each amount of noise."""
    validation = make_streams(check_recipe(recipe))[1]
    if validation is None:
        raise SystemExit("the recipe keeps no photograph for validation")
    material = Material(validation.material.sources, scene_settings(validation.material.settings))
    predictor = Predictor.from_pretrained(weights) if weights else Predictor.from_pretrained()
    categories = predictor.networks.categories
    found: dict[float, list[tuple[float, float, float]]] = {most: [] for most in noise}
    hidden: list[bool] = []
    for index, scene in enumerate(make_scenes(material, count, seed=VALIDATION_SEED)):
        whole, visible = Mask.from_array(scene.own), Mask.from_array(scene.visible)
        hidden.append(1 - visible.area / whole.area > OCCLUDED)
        predictor.set_image(scene.image)
        for most in noise:
            told = Mask.from_array(damaged(scene.visible, most, generator(VALIDATION_SEED, 0, index, _STREAM)))
            (answer,) = predictor.predict(masks=[told], categories=[scene.category] if categories else None)
            found[most].append((told.iou(visible), answer.amodal_mask.iou(whole), told.iou(whole)))
    occluded = np.array(hidden)
    rows = []
    for most, values in found.items():
        table = np.array(values)
        rows.append(
            {
                "noise_px": most,
                "scenes": len(table),
                "occluded": int(occluded.sum()),
                "told_visible": float(table[:, 0].mean()),
                "predicted": float(table[:, 1].mean()),
                "predicted_occluded": float(table[occluded, 1].mean()),
                "told": float(table[:, 2].mean()),
                "told_occluded": float(table[occluded, 2].mean()),
            }
        )
    return rows


def damaged(mask: NDArray[np.bool_], most: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """bool ``(h, w)``: a mask moved by up to ``most`` pixels, its contour moved by up to ``most`` more.

    The same draws for every ``most``. A mask that would vanish is damaged by half as much, and so on.
    """
    height, width = mask.shape
    shift, wobble, level = rng.uniform(-1, 1, 2), rng.normal(0, 1 / 3, (6, 6)), rng.uniform(-1, 1)
    smooth = Image.fromarray(wobble.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    offset = np.clip(np.asarray(smooth) + level, -1, 1)
    picture = Image.fromarray(mask.view(np.uint8) * np.uint8(255))
    while most > 0:
        dx, dy = (float(v) for v in shift * most)
        moved = picture.transform(
            (width, height), Image.Transform.AFFINE, (1, 0, -dx, 0, 1, -dy), Image.Resampling.BILINEAR
        )
        # a straight edge, blurred, passes through known levels at known distances (see amodal.synthesis.told)
        sigma = max(most, 0.5)
        blurred = np.asarray(moved.filter(ImageFilter.GaussianBlur(sigma)), dtype=np.float32)
        told: NDArray[np.bool_] = blurred > 255 / (1 + np.exp(1.702 * offset * most / sigma))
        if np.count_nonzero(told) >= 16:
            return told
        most = most / 2 if most > 0.25 else 0.0
    return mask


if __name__ == "__main__":
    main()
