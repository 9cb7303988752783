"""Rendered scenes: the sheet docs/images/rendered.jpg, and the time a scene takes.

    python benchmarks/rendered.py [--scenes 40] [--sheet docs/images/rendered.jpg]

Scenes 0, 1, 2, ... of seed 0 as `amodal render` makes them, without photographs, in one process. The first eight are
drawn: above the picture, below the visible parts in colours and what is hidden of them striped. The time is CPU time,
without writing.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

from amodal.core.masks import Mask
from amodal.report.colours import object_colour
from amodal.report.overlay import Picture, paint_outline, paint_stripes, paint_tint
from amodal.synthesis.rendered.pictures import MadePictures
from amodal.synthesis.rendered.scene import Scene, make_scene
from amodal.synthesis.rendered.write import Plan

COLUMNS, ROWS, TILE, GAP_PX = 4, 2, (320, 240), 8
MOST_BYTES = 150_000


def main() -> None:
    """Render, time, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=40, help="how many are timed, 8 or more")
    parser.add_argument("--sheet", type=Path, default=Path("docs/images/rendered.jpg"), help="JPEG to write")
    args = parser.parse_args()
    plan = Plan(max(args.scenes, COLUMNS * ROWS))
    start = time.process_time()
    scenes = [make_scene(plan.seed, number, MadePictures(), plan.size) for number in range(plan.count)]
    print(f"{(time.process_time() - start) / plan.count:.2f} s of CPU time a scene ({plan.count} scenes)")
    write_sheet(args.sheet, scenes[: COLUMNS * ROWS])


def write_sheet(path: Path, scenes: list[Scene]) -> None:
    """Pairs of tiles, row by row, at the highest quality that takes no more than `MOST_BYTES`."""
    width, height = TILE[0] + GAP_PX, 2 * TILE[1] + 3 * GAP_PX
    sheet = Image.new("RGB", (COLUMNS * width - GAP_PX, ROWS * height - 2 * GAP_PX), "white")
    for number, scene in enumerate(scenes):
        row, column = divmod(number, COLUMNS)
        for place, picture in enumerate((scene.image, draw_masks(scene))):
            tile = Image.fromarray(picture).resize(TILE, Image.Resampling.LANCZOS)
            sheet.paste(tile, (column * width, row * height + place * (TILE[1] + GAP_PX // 2)))
    for quality in range(90, 20, -2):
        sheet.save(path, quality=quality, progressive=True, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            print(f"{path}: {path.stat().st_size} bytes")
            return


def draw_masks(scene: Scene) -> Picture:
    """All masks of a scene over its faded picture."""
    grey = scene.image.mean(2, keepdims=True) * 0.35 + 255 * 0.6
    canvas = np.repeat(grey.astype(np.uint8), 3, 2)
    masks = [(Mask.from_array(seen.whole), Mask.from_array(seen.visible)) for seen in scene.objects]
    shown = sorted((i for i, (_, visible) in enumerate(masks) if not visible.is_empty), key=lambda i: -masks[i][0].area)
    for i in shown:
        whole, visible = masks[i]
        paint_stripes(canvas, whole - visible, object_colour(i), 1)
        paint_tint(canvas, visible, object_colour(i), alpha=0.55)
    for i in shown:
        paint_outline(canvas, masks[i][0], object_colour(i), 1)
    return canvas


if __name__ == "__main__":
    main()
