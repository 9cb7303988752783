"""What the choices of prediction are worth: on validation scenes with exact truth, with any weights.

    python benchmarks/choices.py [--weights DIR] [--recipe recipes/coco_compact_fifth.yaml] [--scenes 100]

Each row changes one thing of the weights' own settings. The exact box of the visible part is given, in the last
columns its exact mask. Scenes are made of the recipe's validation photographs, others than the thresholds were chosen
on; mean IoU, percent. The table is in docs/experiments.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from validation import arguments, validation_material  # the file beside this one

from amodal.core import boxes as bx
from amodal.core.masks import Mask
from amodal.inference.networks import load_networks
from amodal.inference.pair import Network, NetworkPair, takes_others
from amodal.inference.predictor import Predictor
from amodal.synthesis.canvas import tight_box
from amodal.synthesis.composite import Composite
from amodal.synthesis.material import Material
from amodal.synthesis.scenes import make_scenes, scene_settings

OCCLUDED = 0.05
_SEED = 77  # not the scenes the thresholds were chosen on
Answer = tuple[float, float, float]
"""IoU of the visible mask and of the whole one, box given; of the whole one, mask given."""


@dataclass(frozen=True)
class Choice:
    """One row.

    Attributes:
        name: what is changed.
        settings: fields of `PredictionSettings`.
        wrap: made of each network.
        shrunk_px: the picture is shrunk until the longer side of the given box has so many pixels, and enlarged again.
        union: the whole mask is what was found of it and the visible mask, instead of the latter cut to it.
    """

    name: str
    settings: dict[str, Any]
    wrap: Callable[[Network], Network] | None = None
    shrunk_px: int = 0
    union: bool = False


class Mirrored:
    """A network asked twice, of the patch and of its mirror image; the mean of both answers."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.patch_px, self.heat_px, self.margin = network.patch_px, network.heat_px, network.margin
        self.takes_others = takes_others(network)

    def __call__(self, *inputs: Any) -> NDArray[np.float32]:
        """As the network; every map is mirrored, the category is not."""
        turned = [np.ascontiguousarray(x[..., ::-1]) if getattr(x, "ndim", 0) >= 3 else x for x in inputs]
        return (self.network(*inputs) + self.network(*turned)[..., ::-1]) / 2


CHOICES = (
    Choice("as they ship", {}),
    Choice("IIS: 1 pass", {"iis_passes": 1}),
    Choice("IIS: 2 passes", {"iis_passes": 2}),
    Choice("IIS: 3 passes", {"iis_passes": 3}),
    Choice("the visible mask not cut to the whole one", {"nested": False}),
    Choice("the whole mask grown by the visible one instead", {"nested": False}, union=True),
    Choice("no expansion of the box", {"max_steps": 1}),
    Choice("the paper's thresholds", {"modal_threshold": 0.8, "amodal_threshold": 0.7, "strip_threshold": 0.1}),
    Choice("given masks always completed", {"least_probability": 0.0}),
    Choice("without the mirror image", {"mirror": False}),
    Choice("with the mirror image at every answer", {"mirror": False}, wrap=Mirrored),
    Choice("picture shrunk: box of 48 px", {}, shrunk_px=48),
    Choice("picture shrunk: box of 32 px", {}, shrunk_px=32),
)


def main() -> None:
    """Print one table a source."""
    args = arguments(__doc__, 100)
    validation = validation_material(args.recipe)
    networks = load_networks(args.weights, threads=1)
    for source in validation.sources:
        material = Material([source], scene_settings(validation.settings))
        scenes = list(make_scenes(material, args.scenes, seed=_SEED))
        hidden = np.array([1 - scene.visible.sum() / scene.own.sum() > OCCLUDED for scene in scenes])
        print(f"\n{source.folder}: {hidden.sum()} occluded, {(~hidden).sum()} clear\n")
        heads = ["changed", "visible", "whole", "occluded", "clear", "occluded, mask given", "clear, mask given"]
        print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}", flush=True)
        for choice in CHOICES:
            print(row(choice, networks, scenes, hidden), flush=True)


def row(choice: Choice, networks: NetworkPair, scenes: Sequence[Composite], hidden: NDArray[np.bool_]) -> str:
    """One line of the table."""
    pair = networks
    if choice.wrap is not None:
        pair = replace(pair, modal=choice.wrap(pair.modal), amodal=choice.wrap(pair.amodal))
    predictor = Predictor(pair, replace(networks.settings, **choice.settings))
    visible, whole, by_mask = 100 * np.array([answer(choice, predictor, scene) for scene in scenes]).T
    means = [visible.mean(), whole.mean(), whole[hidden].mean(), whole[~hidden].mean()]
    means += [by_mask[hidden].mean(), by_mask[~hidden].mean()]
    return f"| {choice.name} | {' | '.join(f'{mean:.1f}' for mean in means)} |"


def answer(choice: Choice, predictor: Predictor, scene: Composite) -> Answer:
    """The three IoUs of one scene."""
    box = tight_box(scene.visible)
    told = [scene.category] if predictor.networks.categories else None
    predictor.set_image(shrunk(scene.image, max(bx.sides(box)), choice.shrunk_px))
    (by_box,) = predictor.predict([box], told)
    (by_mask,) = predictor.predict(masks=[scene.visible], categories=told)
    visible, whole = Mask.from_array(scene.visible), Mask.from_array(scene.own)
    found = by_box.amodal_mask | by_box.modal_mask if choice.union else by_box.amodal_mask
    return by_box.modal_mask.iou(visible), found.iou(whole), by_mask.amodal_mask.iou(whole)


def shrunk(image: NDArray[np.uint8], longest: float, wanted: int) -> NDArray[np.uint8]:
    """The picture with the detail it has at ``wanted / longest`` of its size; as it is where that is no less."""
    if not wanted or wanted >= longest:
        return image
    height, width = image.shape[:2]
    small = (max(round(width * wanted / longest), 1), max(round(height * wanted / longest), 1))
    picture = Image.fromarray(image).resize(small, Image.Resampling.BOX)
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))


if __name__ == "__main__":
    main()
