"""How well visible masks are found in boxes that really hold other objects, too; no occlusion is made here.

    python benchmarks/real_neighbours.py [--weights DIR] [--recipe recipes/coco_compact_fifth.yaml]

Every annotated object of the recipe's validation photographs is asked about by its box, all those of a photograph
together (told) and each by itself (alone). Scored is the visible mask against the annotated one, objects apart by the
share of their box that other annotated objects cover: what lies in a box and is not meant. Area is that of the mask
found in those of the true one: over 1, something else was taken for the object. Intervals hold 95 % of draws of the
photographs.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm
from validation import photograph_draws, scene_parser, validation_material  # the file beside this one

from amodal.core.album import image_path
from amodal.core.records import ImageRecord
from amodal.inference.predictor import Predictor

_LEAST_PX = 24  # of a box's shorter side
_BINS = (0.0, 0.001, 0.1, 0.25, 0.5, 1.0)


def main() -> None:
    """Print one table a source."""
    args = scene_parser(__doc__, 0).parse_args()
    told = Predictor.from_pretrained(args.weights)
    alone = Predictor(told.networks, replace(told.settings, others=False))
    for source in validation_material(args.recipe).sources:
        rows, photographs = [], []
        for record in tqdm(source.album, desc=source.folder, unit="photo", leave=False):
            path = image_path(source.folder, record.file_name)
            found = _scores(record, str(path), told, alone)
            rows += found
            photographs += [record.id] * len(found)
        print(f"\n{source.folder}\n\n{table(np.array(rows), photographs)}")


def _scores(record: ImageRecord, path: str, told: Predictor, alone: Predictor) -> list[tuple[float, ...]]:
    """Of each object: covered share of its box; IoU and area ratio of the mask found alone, then told."""
    masks = [
        o.modal_mask for o in record.instances if o.modal_mask is not None and not o.is_crowd and o.modal_mask.area
    ]
    large = [m for m in masks if min(np.subtract(m.box[2:], m.box[:2])) >= _LEAST_PX]
    if not large:
        return []
    boxes = [mask.box for mask in large]
    for predictor in (told, alone):
        predictor.set_image(path)
    answers = zip(large, alone.predict(boxes), told.predict(boxes), strict=True)
    rows = []
    for mask, *both in answers:
        covered = np.any([other.crop(mask.box) for other in masks if other is not mask] or [[False]], axis=0)
        share = float((covered & ~mask.crop(mask.box)).mean())
        rows.append((share, *(v for p in both for v in (p.modal_mask.iou(mask), p.modal_mask.area / mask.area))))
    return rows


def table(rows: NDArray[np.float64], photographs: list[int]) -> str:
    """A line for each share of the box that others cover."""
    lines = [
        "| of the box others cover | objects | visible, alone | area | visible, told | area | told - alone |",
        "|---|---|---|---|---|---|---|",
    ]
    for low, high in pairwise(_BINS):
        inside = (rows[:, 0] >= low) & (rows[:, 0] < high if high < 1 else rows[:, 0] <= 1)
        if not inside.any():
            continue
        _, alone, area_alone, told, area_told = rows[inside].T
        draws = photograph_draws([p for p, there in zip(photographs, inside, strict=True) if there])
        gain = 100 * (told - alone)
        drawn = (draws @ gain) / np.maximum(draws.sum(axis=1), 1)
        least, most = np.percentile(drawn, [2.5, 97.5])
        lines.append(
            f"| {low:.0%} to {high:.0%} | {inside.sum()} | {100 * alone.mean():.1f} | {area_alone.mean():.2f} "
            f"| {100 * told.mean():.1f} | {area_told.mean():.2f} | {gain.mean():+.1f} ({least:+.1f} to {most:+.1f}) |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
