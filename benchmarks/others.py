"""What it is worth to tell objects where the others of their picture are seen (`PredictionSettings.others`).

    python benchmarks/others.py [--weights DIR] [--recipe recipes/coco_compact_fifth.yaml] [--scenes 150] [--repaint 1]

On scenes of the recipe's validation photographs, with made occlusion and exact truth. Every object that was laid on the
photograph, over the main one or (a fifth of them) behind it, is asked about together with the main one, which alone is
scored; those of the photograph itself are left out. Each scene is predicted twice: told of the others, and not.

With ``--repaint`` that share of the main objects is painted in other colours, as kinds may be that no photograph shows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from validation import scene_parser, validation_material  # the file beside this one

from amodal.core.masks import Mask
from amodal.inference.predictor import Predictor
from amodal.synthesis.composite import Composite
from amodal.synthesis.material import Material
from amodal.synthesis.scenes import make_scenes, scene_settings

_SEED = 79  # not the scenes the thresholds were chosen on
_LEAST_PX = 30  # of a laid object to be asked about
_DRAWS = 2000


def main() -> None:
    """Print one table a source."""
    options = scene_parser(__doc__, 150)
    options.add_argument("--repaint", type=float, default=0.0, metavar="SHARE", help="of the main objects, 0 to 1")
    args = options.parse_args()
    validation = validation_material(args.recipe)
    told = Predictor.from_pretrained(args.weights)
    alone = Predictor(told.networks, replace(told.settings, others=False))
    settings = replace(scene_settings(validation.settings), behind=0.2, clear=0.3, repaint=args.repaint)
    for source in validation.sources:
        rows: dict[tuple[str, str], list[tuple[float, float]]] = {}
        hidden = []
        for scene in make_scenes(Material([source], settings), args.scenes, seed=_SEED):
            hidden.append(1 - scene.visible.sum() / scene.own.sum())
            for given in ("box", "mask"):
                for name, predictor in (("alone", alone), ("told", told)):
                    rows.setdefault((given, name), []).append(_scores(predictor, scene, given))
        print(f"\n{source.folder}\n\n| given | | visible | whole: all | occluded | clear | told - alone, all |")
        print("|---|---|---|---|---|---|---|")
        for given in ("box", "mask"):
            for name in ("alone", "told"):
                gain = np.array(rows[given, "told"])[:, 1] - np.array(rows[given, "alone"])[:, 1]
                print(_line(given, name, np.array(rows[given, name]), np.array(hidden) > 0.05, gain))


def _scores(predictor: Predictor, scene: Composite, given: str) -> tuple[float, float]:
    """IoU of the visible and of the whole mask of the main object."""
    laid = [] if scene.laid is None else [scene.laid == number for number in range(1, int(scene.laid.max()) + 1)]
    masks = [Mask.from_array(m) for m in (scene.visible, *laid) if m.sum() >= _LEAST_PX or m is scene.visible]
    asked: dict[str, Any] = {"masks": masks} if given == "mask" else {"boxes": [mask.box for mask in masks]}
    predictor.set_image(scene.image)
    found = predictor.predict(**asked)[0]
    return found.modal_mask.iou(masks[0]), found.amodal_mask.iou(Mask.from_array(scene.own))


def _line(
    given: str, name: str, scores: NDArray[np.float64], occluded: NDArray[np.bool_], gain: NDArray[np.float64]
) -> str:
    visible, whole = 100 * scores.T
    means = f"{whole.mean():.1f} | {whole[occluded].mean():.1f} | {whole[~occluded].mean():.1f}"
    draws = np.random.default_rng(0).integers(len(gain), size=(_DRAWS, len(gain)))
    low, high = np.percentile(100 * gain[draws].mean(axis=1), [2.5, 97.5])
    interval = f"{100 * gain.mean():+.1f} ({low:+.1f} to {high:+.1f})" if name == "told" else ""
    return f"| {given} | {name} | {visible.mean():.1f} | {means} | {interval} |"


if __name__ == "__main__":
    main()
