"""Training examples a second on one core, against the plain way of making them, and where the time goes.

    python benchmarks/synthesis.py --images DIR --annotations FILE [--examples 1000] [--rounds 5] [--json]

An example is two 224 x 224 RGB patches with their labels (`amodal.synthesis`, default settings, warm store). The plain
way, `Plain` below, makes the same with Pillow, pycocotools and numpy as one would write it first: open three JPEGs,
decode full-size masks of all their objects, paste, crop, resize. Both sides run in this process, pinned to one core, in
turns; the best round of each counts, in CPU time, which other work on the machine disturbs least. The default settings
lay 0 to 2 objects over a patch; "ratio_as_many_occluders" is against a plain way that opens no picture in vain.

"colours" holds the patches against those that Pillow cuts where torch is not installed: the mean difference in levels
of 255, the share of pixels with more than 8 in one colour, and the number of examples of which anything else differs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image
from pycocotools import mask as codec

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from amodal.core.album import Album
from amodal.datasets import read_annotations
from amodal.synthesis import cut, draw, make, targets
from amodal.synthesis.draw import draw_example
from amodal.synthesis.drawing import Drawing
from amodal.synthesis.material import Material, Source
from amodal.synthesis.settings import ExampleShape
from amodal.synthesis.store_build import open_store

COMPARED = 200
"""Examples whose colours are compared, at the most."""
PATCH_PX, MODAL_PX, AMODAL_PX = 224, 64, 80
STEPS = (
    (Material, "picture", "store"),
    (make, "sample_patch", "patch_masks"),
    (make, "add_object", "occluder_masks"),
    (Drawing, "draw", "composite"),
    (Drawing, "cells", "label_cells"),
    (targets, "cut_planes", "patches"),
    (draw, "make_example", "targets"),
)
"""Functions timed for the split: where they are looked up, their name, what they do."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--examples", type=int, default=1000, help="a round; the plain way makes a twentieth of them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core", type=int, default=-1, help="which core; the last one unless given")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    core = args.core if args.core >= 0 else max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    figures = measure(args.images, args.annotations, args.examples, args.rounds)
    figures["load"] = [round(v, 1) for v in os.getloadavg()]
    print(json.dumps(figures) if args.json else "\n".join(f"{k:<28}{v}" for k, v in figures.items()))


def measure(images: Path, annotations: Path, examples: int, rounds: int) -> dict[str, Any]:
    """Both ways in turns; the keys of the printed figures."""
    album = read_annotations(annotations)
    with tempfile.TemporaryDirectory() as stores:
        began = time.perf_counter()
        store = open_store(album, images, stores)
        store_seconds = time.perf_counter() - began
        material = Material([Source(album, images, store=store)])
        shape = ExampleShape(PATCH_PX, MODAL_PX, AMODAL_PX)

        def ours(count: int) -> None:
            for index in range(count):
                draw_example(material, shape, seed=0, epoch=0, index=index)

        plain = Plain(album, images)
        few = max(examples // 20, 1)
        ours(examples)  # every page of the store has been touched
        plain.make(2, three=True)
        best = {"ours": np.inf, "three": np.inf, "same": np.inf}
        for _ in range(rounds):
            best["ours"] = min(best["ours"], _seconds(lambda: ours(examples)) / examples)
            best["three"] = min(best["three"], _seconds(lambda: plain.make(few, three=True)) / few)
            best["same"] = min(best["same"], _seconds(lambda: plain.make(few, three=False)) / few)
        colours = colour_difference(material, shape, min(examples, COMPARED))
        with _timed() as spent:
            total = _seconds(lambda: ours(examples)) / examples
    split = {name: round(1e3 * seconds / examples, 3) for name, seconds in spent.items()}
    split["other"] = round(1e3 * total - sum(split.values()), 3)
    return {
        "examples_per_second": round(1 / best["ours"], 1),
        "plain_examples_per_second": round(1 / best["three"], 1),
        "ratio": round(best["three"] / best["ours"], 2),
        "ratio_as_many_occluders": round(best["same"] / best["ours"], 2),
        "split_ms": split,
        "colours": colours,
        "store_seconds": round(store_seconds, 2),
        "store_mb": round(store.nbytes / 1e6),
        "photographs": len(album),
    }


def colour_difference(material: Material, shape: ExampleShape, count: int) -> dict[str, float]:
    """How far examples are from those made without torch."""
    off, others = [], 0
    for index in range(count):
        ours = asdict(draw_example(material, shape, seed=0, epoch=0, index=index)[0])
        with mock.patch.object(cut, "_by_torch", lambda: None):
            theirs = asdict(draw_example(material, shape, seed=0, epoch=0, index=index)[0])
        for name in ("modal_patch", "amodal_patch"):
            off.append(np.abs(ours.pop(name).astype(np.int16) - theirs.pop(name)))
        others += any((ours[name] != theirs[name]).any() for name in ours)
    levels = np.stack(off)
    over = float((levels > 8).any(axis=1).mean())
    return {
        "mean_levels": round(float(levels.mean()), 3),
        "over_8_levels": round(over, 6),
        "other_arrays_differ": others,
    }


def _seconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
    """Time spent in each of `STEPS`, without what one of them spends in another."""
    spent = {name: 0.0 for _, _, name in STEPS}
    running: list[str] = []

    def wrapped(function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.process_time()
            running.append(name)
            try:
                return function(*args, **kwargs)
            finally:
                running.pop()
                took = time.process_time() - began
                spent[name] += took
                if running:
                    spent[running[-1]] -= took

        return timed

    originals = [(owner, attribute, getattr(owner, attribute)) for owner, attribute, _ in STEPS]
    for (owner, attribute, function), (_, _, name) in zip(originals, STEPS, strict=True):
        setattr(owner, attribute, wrapped(function, name))
    try:
        yield spent
    finally:
        for owner, attribute, function in originals:
            setattr(owner, attribute, function)


class Plain:
    """The plain way, on the records as COCO's own tools keep them."""

    def __init__(self, album: Album, folder: Path) -> None:
        self.folder = folder
        self.pictures = [
            (record.file_name, record.height, record.width, [i for i in record.instances if i.modal_mask])
            for record in album
        ]
        self.usable = [
            (p, k)
            for p, (_, _, _, instances) in enumerate(self.pictures)
            for k, instance in enumerate(instances)
            if not instance.is_crowd
            and min(np.subtract(instance.modal_mask.box[2:], instance.modal_mask.box[:2])) >= 32
        ]

    def make(self, count: int, *, three: bool) -> None:
        """So many examples; each with two occluders, or with 0 to 2."""
        rng = np.random.default_rng(0)
        for _ in range(count):
            self.plain_example(rng, 2 if three else int(rng.integers(3)))

    def plain_example(self, rng: np.random.Generator, occluders: int) -> tuple[np.ndarray, ...]:
        """Open the JPEGs, decode full-size masks, paste, crop, resize."""
        while True:
            picture, masks, main = self._open(rng)
            whole = masks[main]
            rows, columns = np.flatnonzero(whole.any(1)), np.flatnonzero(whole.any(0))
            top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
            width, height = right - left, bottom - top
            w, h = (int(side * rng.uniform(0.7, 2.0)) for side in (width, height))
            x = int(rng.integers(left + int(0.7 * width) - w, right - int(0.7 * width) + 1))
            y = int(rng.integers(top + int(0.7 * height) - h, bottom - int(0.7 * height) + 1))
            visible = whole.copy()
            canvas = Image.fromarray(picture)
            for _ in range(occluders):
                other, other_masks, k = self._open(rng)
                rows, columns = np.flatnonzero(other_masks[k].any(1)), np.flatnonzero(other_masks[k].any(0))
                box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
                scale = rng.uniform(0.5, 1.0) * min(w, h) / min(box[2] - box[0], box[3] - box[1])
                size = max(int((box[2] - box[0]) * scale), 1), max(int((box[3] - box[1]) * scale), 1)
                pixels = Image.fromarray(other).crop(box).resize(size, Image.Resampling.BILINEAR)
                matte = (
                    Image.fromarray(other_masks[k] * np.uint8(255)).crop(box).resize(size, Image.Resampling.BILINEAR)
                )
                place = int(rng.integers(left - size[0] + 1, right)), int(rng.integers(top - size[1] + 1, bottom))
                canvas.paste(pixels, place, matte)
                cover = Image.new("L", canvas.size)
                cover.paste(matte, place, matte)
                visible &= np.asarray(cover) < 128
            inside = np.zeros_like(visible)
            inside[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = True
            visible &= inside
            if visible.sum() >= 0.3 * whole.sum():
                break
        rest = np.zeros(whole.shape, dtype=np.uint8)
        for k, mask in enumerate(masks):
            if k != main:
                rest |= mask
        rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
        modal = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        seen = (x + w // 10, y + h // 10, x + w - w // 10, y + h - h // 10)
        return (
            _cut(canvas, modal, PATCH_PX).transpose(2, 0, 1),  # a view, as ours
            _cut(canvas, seen, PATCH_PX).transpose(2, 0, 1),
            _cut(Image.fromarray(visible.astype(np.uint8) * 255), modal, MODAL_PX),
            _cut(Image.fromarray(whole * np.uint8(255)), (x, y, x + w, y + h), AMODAL_PX),
            _cut(Image.fromarray(rest * np.uint8(255)), (x, y, x + w, y + h), AMODAL_PX),
        )

    def _open(self, rng: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray], int]:
        p, k = self.usable[int(rng.integers(len(self.usable)))]
        name, height, width, instances = self.pictures[p]
        picture = np.asarray(Image.open(self.folder / name).convert("RGB"))
        masks = []
        for instance in instances:
            polygons = instance.modal_mask.polygons
            code = (
                codec.merge(codec.frPyObjects([list(polygon) for polygon in polygons], height, width))
                if polygons
                else {"size": [height, width], "counts": instance.modal_mask.counts}
            )
            masks.append(codec.decode(code))
        return picture, masks, k


def _cut(image: Image.Image, box: tuple[int, ...], side: int) -> np.ndarray:
    return np.asarray(image.crop(box).resize((side, side), Image.Resampling.BILINEAR))


if __name__ == "__main__":
    main()
