"""Whole pictures with made occlusion and exact truth: a validation set in an ordinary annotation file.

An example of the training stream is cut to what a network sees; a scene keeps the surroundings, so that the whole path
of prediction (box in, iterative expansion, thresholds) can be scored where nobody has amodal labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..core import boxes as bx
from ..core.errors import AnnotationError
from ..core.masks import Mask
from ..core.random import generator
from ..datasets.folders import new_folder
from ..datasets.jsonfile import write_json
from .composite import Composite
from .drawing import Drawn
from .make import make_composite
from .material import Material
from .settings import SynthesisSettings

T = TypeVar("T", bound=np.generic)

_MAX_DRAWS = 1000
_STREAM = 1  # apart from the draws of the training examples
_OF_EXAMPLES = frozenset(
    {
        *("jitter_min_overlap", "jitter_max_resize", "tight_boxes", "trim", "min_visible_in_patch"),
        *("weight_reference_px", "fixed", "mask_noise", "mask_noise_size", "others_told"),
    }
)
"""Settings of what is cut from a patch: a scene is all of it."""


def scene_settings(settings: SynthesisSettings) -> SynthesisSettings:
    """The settings of scenes: the patch holds the whole object, 1.5 to 2.5 times its sides, without jitter."""
    return replace(
        settings,
        patch_scale=(1.5, 2.5),
        min_patch_overlap=1.0,
        canvas_px=max(settings.canvas_px, 480),
        colour_jitter=0.0,
        border=0.0,
        flip=False,
        paired=False,
    )


def without_effect(settings: SynthesisSettings) -> list[str]:
    """Names of the settings that are not the defaults and change no scene, or are others there."""
    default, scenes = SynthesisSettings(), scene_settings(settings)
    changed = [f.name for f in fields(settings) if getattr(settings, f.name) != getattr(default, f.name)]
    return [name for name in changed if name in _OF_EXAMPLES or getattr(settings, name) != getattr(scenes, name)]


def make_scenes(material: Material, count: int, *, seed: int = 0) -> Iterator[Composite]:
    """Scenes 0 to ``count - 1``, each a function of its number and the seed; cut to what lies inside the picture.

    Args:
        material: its settings as `scene_settings` makes them.
        count: how many.
        seed: >= 0.

    Raises:
        AnnotationError: 1000 main objects in a row gave no scene.
        ImageError: a picture that cannot be used.
    """
    for index in range(count):
        rng = generator(seed, 0, index, _STREAM)
        for _ in range(_MAX_DRAWS):
            composite = make_composite(material, material.draw_main(rng), rng)
            if composite is not None:
                yield _inside(composite)
                break
        else:
            raise AnnotationError(
                f"{_MAX_DRAWS} main objects in a row gave no scene",
                file=material.sources[0].album.source,
                remedy="lower min_visible or min_hidden, or add larger objects",
            )


def write_scenes(folder: str | Path, scenes: Iterator[Composite], categories: tuple[str, ...]) -> Path:
    """Write ``images/`` and ``annotations.json``: COCO whose ``segmentation`` is amodal, with ``visible_mask``.

    The folder appears when all of it is written.

    Raises:
        AnnotationError: the folder exists and is not empty, is a mount point, or cannot be written.
    """
    folder = Path(folder)
    with new_folder(folder) as beside:
        (beside / "images").mkdir()
        images, annotations = [], []
        for number, scene in enumerate(scenes, start=1):
            name = f"{number:06d}.jpg"
            Image.fromarray(scene.image).save(beside / "images" / name, quality=95, subsampling=0)
            height, width = scene.own.shape
            images.append({"id": number, "file_name": name, "width": width, "height": height})
            annotations.append(_annotation(scene, number))
        content = {
            "info": {"description": "photographs with synthetic occlusion; the whole masks are those before it"},
            "images": images,
            "annotations": annotations,
            "categories": [{"id": i + 1, "name": name} for i, name in enumerate(categories)],
        }
        write_json(beside / "annotations.json", content)
    return folder


def _annotation(scene: Composite, number: int) -> dict[str, Any]:
    whole, visible = Mask.from_array(scene.own), Mask.from_array(scene.visible)
    source = {"image_id": scene.image_id, "annotation_id": scene.annotation_id}
    return exact_record(number, number, scene.category + 1, whole, visible) | {"source": source}


def exact_record(number: int, image: int, category: int, whole: Mask, visible: Mask) -> dict[str, Any]:
    """An object both masks of which are known, as COCO's flat amodal dialect has it.

    Args:
        number: id of the record.
        image, category: ids in the file.
        whole, visible: its masks; neither is empty.
    """
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "iscrowd": 0,
        "segmentation": whole.to_rle(),
        "bbox": bx.to_xywh(whole.box).tolist(),
        "area": whole.area,
        "visible_mask": visible.to_rle(),
        "visible_bbox": bx.to_xywh(visible.box).tolist(),
        "occlude_rate": round((whole.area - visible.area) / whole.area, 6),
    }


def _inside(scene: Composite) -> Composite:
    """The part of a scene inside its picture; that part is a rectangle."""
    x1, y1, x2, y2 = scene.shown_box

    def part(array: NDArray[T]) -> NDArray[T]:
        return np.ascontiguousarray(array[y1:y2, x1:x2])

    own, inside = part(scene.own), (0, 0, x2 - x1, y2 - y1)
    laid = None if scene.laid is None else part(scene.laid)
    look = Drawn(part(scene.image), part(scene.clean), own, part(scene.others), inside, laid, scene.all_known)
    width, height = scene.size
    left, top, right, bottom = scene.patch_box
    across, down = (right - left) / width, (bottom - top) / height
    box = (left + round(x1 * across), top + round(y1 * down), left + round(x2 * across), top + round(y2 * down))
    shown, visible = part(scene.shown), part(scene.visible)
    return scene._replace(look=look, own=own, shown=shown, visible=visible, shown_box=inside, patch_box=box)
