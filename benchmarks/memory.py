"""Peak memory of prediction by the number of objects in a picture and of pictures in a run.

    python benchmarks/memory.py [--objects 100 1000 10000] [--pictures 50 500 5000] [--weights DIR] [--json]

Each case runs in a process of its own, which tells its peak resident size (ru_maxrss). "kept" is what a caller holds
who keeps every prediction; "streamed" predictions are dropped as they come, so that batch and picture are left; "told"
is the same with networks that are told where the other objects are seen; "ordered" is a scene of masks of 6 to 24
pixels, kept, with the order graph. Without --weights the networks are stand-ins that cost no time: an object is found a
little larger than its box.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from amodal.core.album import Album
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.inference.albums import iter_album
from amodal.inference.pair import NetworkPair
from amodal.inference.predictor import Predictor

WIDTH, HEIGHT = 640, 480
OBJECTS_A_PICTURE = 3
FILES = 8
CASES = ("kept", "streamed", "told", "ordered", "pictures")


class Standin:
    """A network that answers with a disc, whatever it sees."""

    def __init__(self, patch_px: int, heat_px: int, margin: float, takes_others: bool) -> None:
        self.takes_others = takes_others
        self.patch_px, self.heat_px, self.margin = patch_px, heat_px, margin
        y, x = np.mgrid[:heat_px, :heat_px] / heat_px - 0.48
        self.heat = np.clip(4 - 8 * np.hypot(x, y), 0, 1).astype(np.float32)

    def __call__(
        self,
        patches: NDArray[np.uint8],
        heat: NDArray[np.float32],
        category: NDArray[np.int64] | None,
        others: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        return np.broadcast_to(self.heat, (len(patches), self.heat_px, self.heat_px))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, nargs="*", default=[100, 1000, 10_000])
    parser.add_argument("--pictures", type=int, nargs="*", default=[50, 500, 5000])
    parser.add_argument("--weights", default="")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        count = (args.pictures if args.case == "pictures" else args.objects)[0]
        print(json.dumps(measure(args.case, count, args.weights)))
        return
    wanted = [(case, n) for case in CASES for n in (args.pictures if case == "pictures" else args.objects)]
    rows = [_in_a_process(case, n, args.weights) for case, n in wanted]
    if args.json:
        print(json.dumps(rows))
        return
    print(f"{'case':<10}{'pictures':>9}{'objects':>9}{'peak MB':>9}{'before MB':>11}{'seconds':>9}")
    for row in rows:
        print(
            f"{row['case']:<10}{row['pictures']:>9}{row['objects']:>9}{row['peak_mb']:>9.0f}"
            f"{row['before_mb']:>11.0f}{row['seconds']:>9.1f}"
        )


def measure(case: str, count: int, weights: str) -> dict[str, Any]:
    """Run one case in this process."""
    told = case == "told"
    predictor = (
        Predictor.from_pretrained(weights)
        if weights
        else Predictor(NetworkPair(Standin(128, 64, 0.0, told), Standin(128, 80, 0.125, told)))
    )
    with tempfile.TemporaryDirectory() as folder:
        album = make_album(Path(folder), 1 if case != "pictures" else count, 0 if case != "pictures" else 3)
        image = np.asarray(Image.open(Path(folder) / "0.jpg"))
        boxes = make_boxes(count if case != "pictures" else 0, seed=1)
        before, began, objects = peak_mb(), time.perf_counter(), 0
        if case == "kept":
            predictor.set_image(image)
            objects = len(predictor.predict(boxes))
        elif case == "ordered":
            predictor.set_image(image)
            objects = len(predictor.predict_scene(make_masks(count)).predictions)
        elif case in ("streamed", "told"):
            for _ in predictor.run_jobs(predictor.make_jobs(image, 0, boxes=boxes)):
                objects += 1
        else:
            for predictions in iter_album(predictor, album, folder):
                objects += len(predictions)
        seconds = time.perf_counter() - began
    pictures = count if case == "pictures" else 1
    figures = {"peak_mb": peak_mb(), "before_mb": before, "seconds": seconds}
    return {"case": case, "pictures": pictures, "objects": objects, **{k: round(v, 1) for k, v in figures.items()}}


def make_album(folder: Path, pictures: int, objects: int) -> Album:
    """Records of many pictures over a few files."""
    rng = np.random.default_rng(0)
    for i in range(FILES):
        small = rng.integers(0, 256, (HEIGHT // 16, WIDTH // 16, 3), dtype=np.uint8)
        Image.fromarray(small).resize((WIDTH, HEIGHT)).save(folder / f"{i}.jpg")
    boxes = make_boxes(pictures * objects, seed=0)
    records = (
        ImageRecord(
            i,
            f"{i % FILES}.jpg",
            WIDTH,
            HEIGHT,
            tuple(Instance(i * objects + j, 0, tuple(boxes[i * objects + j].tolist())) for j in range(objects)),
        )
        for i in range(pictures)
    )
    return Album(records, [Category(1, "thing")])


def make_masks(count: int) -> list[Mask]:
    """Small boxes as masks."""
    return [Mask.from_box(tuple(box), WIDTH, HEIGHT) for box in make_boxes(count, 2, (6, 24)).round().tolist()]


def make_boxes(count: int, seed: int, side: tuple[float, float] = (20, 200)) -> NDArray[np.float64]:
    """Boxes of so many pixels anywhere in the picture."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(*side, (count, 2))
    low = rng.random((count, 2)) * (np.array([WIDTH, HEIGHT]) - size)
    return np.concatenate([low, low + size], axis=1)


def peak_mb() -> float:
    """Peak resident size of this process so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _in_a_process(case: str, count: int, weights: str) -> dict[str, Any]:
    words = ["--case", case, "--pictures" if case == "pictures" else "--objects", str(count)]
    command = [sys.executable, __file__, *words, *(["--weights", weights] if weights else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
