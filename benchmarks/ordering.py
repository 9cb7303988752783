"""How well pictures are ordered, on scenes whose truth is exact; and the rules of the order graph that do it best.

    python benchmarks/ordering.py --source IMAGES ANNOTATIONS IDS [--source ...] [--weights DIR] [--scenes 200] [--json]

A scene is a photograph with an annotated object, and two to four objects of other photographs laid over it one after
the other, each near an object that is there: what each one is and hides is known. Sizes and places are drawn without
regard to who lies in front, so neither size nor height in the picture tells the order here (in real photographs they
say something). Even scenes choose the rules, by the mean F1 of the two ways in; odd ones give the figures.

"accuracy": of the pairs of which one hides more than 1 % of the other, the share in the right order; an undecided pair
is wrong. "f1": of the edges (who hides whom). Baselines order every pair whose boxes overlap.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from amodal.core import boxes as bx
from amodal.core.album import image_path
from amodal.core.images import read_image
from amodal.core.masks import Mask
from amodal.core.random import generator
from amodal.core.records import Instance
from amodal.datasets import read_annotations
from amodal.datasets.idlist import only
from amodal.inference.ordering import Occlusion, OrderRules, Overlaps, find_overlaps, order_graph
from amodal.inference.predictor import Predictor

MIN_SIDE, MIN_VISIBLE, COUNTS = 40, 0.3, 0.01
GRID = {"min_share": (0.0, 0.005, 0.01, 0.02, 0.05), "min_of_hidden": (0.0, 0.05, 0.1, 0.2, 0.3)}
GRID |= {"undecided": (0.3, 0.4, 0.45, 0.5)}
Edges = set[tuple[int, int]]


@dataclass(frozen=True)
class Piece:
    """An annotated object and the file of its picture."""

    path: str
    instance: Instance


@dataclass(frozen=True)
class Scene:
    """A picture, the visible mask of each object from back to front, and who hides whom (front, behind)."""

    image: NDArray[np.uint8]
    visible: list[Mask]
    edges: Edges


def pieces_of(images: str, annotations: str, ids: str) -> list[Piece]:
    """The whole objects of a list of photographs that are large enough."""
    album = only(read_annotations(annotations), ids)
    return [
        Piece(str(image_path(images, record.file_name)), o)
        for record in album
        for o in record.instances
        if o.modal_mask is not None
        and not (o.is_crowd or o.is_stuff)
        and o.is_whole is not False
        and min(bx.sides(o.modal_box)) >= MIN_SIDE
    ]


def make_scene(sources: Sequence[Sequence[Piece]], seed: int, index: int) -> Scene:
    """Scene ``index``; drawn anew until enough of each object is seen."""
    rng = generator(seed, 0, index, 7)
    while True:
        base = sources[index % len(sources)][int(rng.integers(len(sources[index % len(sources)])))]
        image = read_image(base.path).copy()
        assert base.instance.modal_mask is not None
        wholes = [base.instance.modal_mask.to_array()]
        for _ in range(int(rng.integers(2, 5))):
            near = wholes[int(rng.integers(len(wholes)))]
            source = sources[int(rng.integers(len(sources)))]
            piece = source[int(rng.integers(len(source)))]
            wholes.append(paste(image, piece, near, rng))
        visible = [whole & ~np.any([np.zeros_like(whole), *wholes[k + 1 :]], axis=0) for k, whole in enumerate(wholes)]
        shares = [seen.sum() / max(whole.sum(), 400) for seen, whole in zip(visible, wholes, strict=True)]
        if min(shares) >= MIN_VISIBLE:
            pairs = itertools.combinations(range(len(wholes)), 2)
            edges = {(j, i) for i, j in pairs if (wholes[i] & visible[j]).sum() > COUNTS * wholes[i].sum()}
            return Scene(image, [Mask.from_array(seen) for seen in visible], edges)


def paste(image: NDArray[np.uint8], piece: Piece, near: NDArray[np.bool_], rng: np.random.Generator) -> Any:
    """Lay an object over a picture, beside or over the object ``near``; its mask."""
    height, width = near.shape
    rows, columns = np.nonzero(near)
    centre = np.array([columns.mean(), rows.mean()])
    around = np.array([np.ptp(columns) + 1, np.ptp(rows) + 1])
    mask = piece.instance.modal_mask
    assert mask is not None
    x1, y1, x2, y2 = bx.outward(mask.box).tolist()
    scale = rng.uniform(0.5, 1.5) * np.sqrt(near.sum() / mask.area)
    size = np.maximum(np.round(scale * np.array([x2 - x1, y2 - y1])), 8).astype(int)
    colours = Image.fromarray(np.ascontiguousarray(read_image(piece.path)[y1:y2, x1:x2])).resize(tuple(size.tolist()))
    shape = Image.fromarray(mask.crop((x1, y1, x2, y2)).astype(np.uint8) * 255).resize(tuple(size.tolist()))
    left, top = np.round(centre + rng.uniform(-0.5, 0.5, 2) * (around + size) * 0.8 - size / 2).astype(int).tolist()
    whole = np.zeros((height, width), np.bool_)
    a, b, c, d = max(left, 0), max(top, 0), min(left + size[0], width), min(top + size[1], height)
    if a < c and b < d:
        inside = np.s_[b - top : d - top, a - left : c - left]
        whole[b:d, a:c] = np.asarray(shape)[inside] > 127
        image[b:d, a:c][whole[b:d, a:c]] = np.asarray(colours)[inside][whole[b:d, a:c]]
    return whole


def overlaps_of(predictor: Predictor, scene: Scene, given: str) -> Overlaps:
    """What the predictions of a scene hide of each other."""
    predictor.set_image(scene.image)
    words: dict[str, Any] = {"masks": scene.visible} if given == "mask" else {"boxes": [m.box for m in scene.visible]}
    found = predictor.predict(**words)
    return find_overlaps(range(len(found)), [p.modal_mask for p in found], [p.amodal_mask for p in found])


def baseline(scene: Scene, key: Callable[[Mask], float]) -> Edges:
    """Every pair whose boxes overlap, the one with the larger key in front."""
    keys, boxes = [key(mask) for mask in scene.visible], [mask.box for mask in scene.visible]
    pairs = itertools.combinations(range(len(keys)), 2)
    near = [(i, j) for i, j in pairs if bx.area(bx.intersect(boxes[i], boxes[j])) > 0]
    return {(i, j) if keys[i] > keys[j] else (j, i) for i, j in near}


def scores(scenes: Sequence[Scene], found: Sequence[Edges]) -> dict[str, float]:
    """Accuracy of the order and F1 of the edges, over all scenes."""
    true = sum(len(scene.edges) for scene in scenes)
    hit = sum(len(scene.edges & edges) for scene, edges in zip(scenes, found, strict=True))
    right = sum(
        (a, b) in edges and (b, a) not in edges
        for scene, edges in zip(scenes, found, strict=True)
        for a, b in scene.edges
    )
    return {"accuracy": right / true, "f1": 2 * hit / (true + sum(map(len, found)))}


def edges_of(overlaps: Overlaps, rules: OrderRules) -> Edges:
    """The pairs that a graph orders."""
    edges: tuple[Occlusion, ...] = order_graph(overlaps, rules).occlusions
    return {(edge.front, edge.behind) for edge in edges}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", nargs=3, action="append", required=True, metavar=("IMAGES", "ANNOTATIONS", "IDS"))
    parser.add_argument("--weights", default=None)
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    sources = [pieces_of(*source) for source in args.source]
    scenes = [make_scene(sources, args.seed, i) for i in range(args.scenes)]
    predictor = Predictor.from_pretrained(args.weights)
    overlaps = {way: [overlaps_of(predictor, scene, way) for scene in scenes] for way in ("box", "mask")}

    def scored(rules: OrderRules, way: str, part: slice) -> dict[str, float]:
        return scores(scenes[part], [edges_of(o, rules) for o in overlaps[way][part]])

    choose, report = slice(0, None, 2), slice(1, None, 2)
    grid = [OrderRules(*values) for values in itertools.product(*GRID.values())]
    best = max(grid, key=lambda rules: sum(scored(rules, way, choose)["f1"] for way in overlaps))
    rows: dict[str, dict[str, float]] = {}
    for name, rules in (("defaults", OrderRules()), ("best", best), ("no rule", OrderRules(0.0, 0.0, 0.5))):
        rows |= {f"{name}, {way}": scored(rules, way, report) for way in overlaps}
    rows["larger in front"] = scores(scenes[report], [baseline(s, lambda m: m.area) for s in scenes[report]])
    rows["lower in front"] = scores(scenes[report], [baseline(s, lambda m: m.box[3]) for s in scenes[report]])
    pairs = sum(len(scene.edges) for scene in scenes[report])
    answer = {"scenes": len(scenes[report]), "pairs": pairs, "best": asdict(best), "scores": rows}
    if args.json:
        print(json.dumps(answer))
        return
    print(f"{answer['scenes']} scenes, {pairs} pairs; best rules: {best}")
    for name, row in rows.items():
        print(f"{name:<20} accuracy {row['accuracy']:.3f}  f1 {row['f1']:.3f}")


if __name__ == "__main__":
    main()
