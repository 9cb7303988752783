"""What `least_probability` is worth: given masks completed only where the object is likely to be occluded.

    python benchmarks/least_probability.py [--weights DIR] [--recipe recipes/coco_compact_fifth.yaml] [--scenes 150]

On scenes of the recipe's validation photographs, with made occlusion and exact truth; the exact visible mask is given.
`amodal train` and `amodal export --tune` choose the value by the same measure, "half and half": the mean of occluded
and clear objects, whatever their number. This table is a check of it on other scenes, source by source.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from validation import arguments, validation_material  # the file beside this one

from amodal.core.masks import Mask
from amodal.inference.predictor import Predictor
from amodal.synthesis.material import Material
from amodal.synthesis.scenes import make_scenes, scene_settings
from amodal.training.calibrate import LEVELS

_SEED = 78  # not the scenes the thresholds and the level were chosen on


def main() -> None:
    """Print one table a source."""
    args = arguments(__doc__, 150)
    validation = validation_material(args.recipe)
    predictor = Predictor.from_pretrained(args.weights)
    predictor.settings = replace(predictor.settings, least_probability=0.0)
    for source in validation.sources:
        material = Material([source], scene_settings(validation.settings))
        rows = []
        for scene in make_scenes(material, args.scenes, seed=_SEED):
            predictor.set_image(scene.image)
            (found,) = predictor.predict(masks=[scene.visible])
            true = Mask.from_array(scene.own)
            hidden = 1 - scene.visible.sum() / scene.own.sum()
            rows.append((found.occlusion_probability, found.modal_mask.iou(true), found.amodal_mask.iou(true), hidden))
        probability, modal, amodal, hidden = np.array(rows, dtype=np.float64).T
        occluded = hidden > 0.05
        print(f"\n{source.folder}\n\n| least_probability | half and half | occluded | clear | left as given |")
        print("|---|---|---|---|---|")
        for level in LEVELS:
            kept = probability < level
            iou = 100 * np.where(kept, modal, amodal)
            means = iou[occluded].mean(), iou[~occluded].mean()
            print(f"| {level:g} | {sum(means) / 2:.1f} | {means[0]:.1f} | {means[1]:.1f} | {100 * kept.mean():.0f} % |")


if __name__ == "__main__":
    main()
