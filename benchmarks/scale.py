"""COCO's size: what an annotation file of 118,000 pictures and 860,000 objects costs to open, and what workers add.

    python benchmarks/scale.py [--images 118000] [--instances 860000] [--workers 4] [--examples 200] [--json]

The file is made by benchmarks/make_coco.py in a temporary folder, the pictures are links to five JPEGs. "open" is
reading the file and building the index objects are drawn from; "peak_mb" the process's peak resident size until then.
Then the store takes pictures up to --store-mb, and each worker makes --examples examples by a torch DataLoader; what a
worker adds is its unique set size (USS: private pages, /proc/PID/smaps_rollup) at the end. Linux alone.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from make_coco import SIZES, write_coco
from torch.utils.data import DataLoader

from amodal.datasets import read_annotations
from amodal.synthesis.material import Material, Source
from amodal.synthesis.store_build import open_store
from amodal.synthesis.stream import OcclusionDataset

CACHE_BESIDE_STORE = 16_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", type=Path, help="a file made by make_coco.py before; made anew unless given")
    parser.add_argument("--images", type=int, default=118_000)
    parser.add_argument("--instances", type=int, default=860_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--examples", type=int, default=200, help="each worker")
    parser.add_argument("--store-mb", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), args)
    figures["load"] = [round(v, 1) for v in os.getloadavg()]
    print(json.dumps(figures) if args.json else "\n".join(f"{k:<24}{v}" for k, v in figures.items()))


def measure(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Make the file, open it, start the workers; the keys of the printed figures."""
    annotations = args.annotations or folder / "annotations.json"
    if args.annotations is None:
        # in a process of its own: what writing takes is no part of what opening takes
        if (child := os.fork()) == 0:
            write_coco(annotations, args.images, args.instances, seed=0)
            os._exit(0)
        os.waitpid(child, 0)
    before, began, cpu = peak_mb(), time.perf_counter(), time.process_time()
    album = read_annotations(annotations)
    read = time.perf_counter() - began
    source = Source(album, folder / "images")
    Material([source])
    figures: dict[str, Any] = {
        "pictures": len(album),
        "objects": len(album.annotation_ids),
        "file_mb": round(annotations.stat().st_size / 1e6),
        "open_seconds": round(time.perf_counter() - began, 1),
        "open_cpu_seconds": round(time.process_time() - cpu, 1),
        "of_them_reading": round(read, 1),
        "peak_mb": round(peak_mb()),
        "before_mb": round(before),
    }
    link_pictures(folder / "images", album)
    began = time.perf_counter()
    store = open_store(album, folder / "images", folder / "stores", most_bytes=args.store_mb * 1_000_000)
    figures["store_seconds"], figures["store_pictures"] = round(time.perf_counter() - began, 1), len(store)
    began = time.perf_counter()
    open_store(album, folder / "images", folder / "stores", most_bytes=args.store_mb * 1_000_000)
    figures["store_again_seconds"] = round(time.perf_counter() - began, 1)
    material = Material([Source(album, folder / "images", store=store)], cache_bytes=CACHE_BESIDE_STORE)
    dataset = OcclusionDataset.from_material(material, length=args.workers * args.examples)
    loader = iter(DataLoader(dataset, batch_size=8, num_workers=args.workers))
    for _ in range(len(dataset) // 8 - args.workers):  # the last batches keep the workers alive
        next(loader)
    pids = [worker.pid for worker in loader._workers]  # type: ignore[attr-defined]
    figures["worker_uss_mb"] = [round(uss_mb(pid)) for pid in pids]
    return figures


def link_pictures(folder: Path, album: Any) -> None:
    """A file for each record, all of one size being one file."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for width, height in SIZES:
        small = rng.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
        Image.fromarray(small).resize((width, height)).save(folder / f"{width}x{height}.jpg")
    for record in album:
        os.symlink(f"{record.width}x{record.height}.jpg", folder / record.file_name)


def peak_mb() -> float:
    """Peak resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def uss_mb(pid: int) -> float:
    """Memory that would be free if the process ended."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private")) * 1024 / 1e6


if __name__ == "__main__":
    main()
