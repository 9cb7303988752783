"""Write a made-up COCO instances file of any size: by default that of COCO's train2017.

    python benchmarks/make_coco.py out/coco_size.json [--images 118000] [--instances 860000] [--seed 0]

Outlines are wavy circles of 8 to 40 points with two decimals, one object in a hundred is a crowd of uncompressed runs,
one in eight has two parts; annotations are not sorted by picture, as COCO's own are not. The file is about as long as
COCO's (430 MB) and is written as it is made.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

SIZES = ((640, 480), (480, 640), (640, 427), (500, 375), (640, 640))
CATEGORIES = 80


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--images", type=int, default=118_000)
    parser.add_argument("--instances", type=int, default=860_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    write_coco(args.output, args.images, args.instances, args.seed)
    print(f"{args.output}: {args.images} pictures, {args.instances} objects, {args.output.stat().st_size / 1e6:.0f} MB")


def write_coco(path: Path, images: int, instances: int, seed: int) -> None:
    """Write the file; the same bytes for the same arguments."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    sizes = [SIZES[i] for i in rng.integers(0, len(SIZES), images)]
    owners = rng.integers(0, images, instances) if images else np.empty(0, dtype=int)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"info": {"description": "made up"}, "images": ')
        _write_list(file, (_image(i, *size) for i, size in enumerate(sizes)))
        file.write(', "annotations": ')
        _write_list(file, (_annotation(number, int(i), *sizes[i], rng) for number, i in enumerate(owners)))
        file.write(', "categories": ')
        _write_list(file, ({"id": k + 1, "name": f"kind {k + 1}", "supercategory": "thing"} for k in range(CATEGORIES)))
        file.write("}\n")


def _write_list(file: TextIO, entries: Iterator[dict[str, Any]]) -> None:
    for number, entry in enumerate(entries):
        file.write(("," if number else "[") + json.dumps(entry))
    file.write("]")


def _image(number: int, width: int, height: int) -> dict[str, Any]:
    return {"id": number + 1, "file_name": f"{number + 1:012d}.jpg", "width": width, "height": height, "license": 4}


def _annotation(number: int, image: int, width: int, height: int, rng: np.random.Generator) -> dict[str, Any]:
    crowd = number % 100 == 99
    if crowd:
        segmentation: Any = {"size": [height, width], "counts": _runs(width, height, rng)}
        box, area = [0, 0, width, height], sum(segmentation["counts"][1::2])
    else:
        parts = [_outline(width, height, rng) for _ in range(2 if number % 8 == 0 else 1)]
        points = np.concatenate(parts)
        low, high = points.min(axis=0), points.max(axis=0)
        box = [round(float(v), 2) for v in (*low, *(high - low))]
        area = round(sum(_area(part) for part in parts), 4)
        segmentation = [part.ravel().tolist() for part in parts]
    return {
        "segmentation": segmentation,
        "area": area,
        "iscrowd": int(crowd),
        "image_id": image + 1,
        "bbox": box,
        "category_id": int(rng.integers(1, CATEGORIES + 1)),
        "id": number + 1,
    }


def _outline(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    count = int(rng.integers(8, 41))
    angle = np.sort(rng.uniform(0, 2 * np.pi, count))
    radius = rng.uniform(4, min(width, height) / 4) * rng.uniform(0.75, 1, count)
    centre = rng.uniform(0.15, 0.85, 2) * (width, height)
    points = centre + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.round(np.clip(points, 0, (width, height)), 2)


def _area(points: np.ndarray) -> float:
    x, y = points.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _runs(width: int, height: int, rng: np.random.Generator) -> list[int]:
    cuts = np.sort(rng.choice(width * height - 1, 2 * int(rng.integers(100, 300)), replace=False) + 1)
    return np.diff(cuts, prepend=0, append=width * height).tolist()


if __name__ == "__main__":
    main()
