"""How long an object takes: everything from the decoded picture to run-length masks, beside what it is made of.

    python benchmarks/predict.py --images DIR --annotations FILE --json [--weights DIR] [--objects 200]

Each round times every case once, one after the other, and the figures are the best of the rounds: another process on
the machine can only add. Where another takes a core all the time the clock says little: see the CPU figures, with
--threads 1 --no-torch. Without --weights the package's own are taken; where there are none, networks of the compact
recipe's size with random weights, made for the run (needs the extra `train`). A random network's heat lies near 1/2, so
every strip is hot: its expansions go on to the border or the cap, which is more steps than a trained one needs. With
--steps N the expansion is cut at N, to see the cost at a given number.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from amodal.core.album import Album, image_path
from amodal.core.errors import WeightsError
from amodal.core.images import read_image
from amodal.core.processors import core_count
from amodal.datasets import read_annotations
from amodal.inference.folder import default_weights
from amodal.inference.lanes import in_lanes
from amodal.inference.networks import load_networks
from amodal.inference.pair import takes_others
from amodal.inference.predictor import Predictor

UNET_SIDE = 256


Calls = dict[str, list[tuple[str, tuple[Any, ...]]]]
"""By thread: which network was asked, and what."""


class Counted:
    """A network that keeps what each thread asked, so that the bare forwards can be timed on the very same patches."""

    def __init__(self, network: Any, name: str, calls: Calls) -> None:
        self.network, self.name, self.calls = network, name, calls
        self.patch_px, self.heat_px, self.margin = network.patch_px, network.heat_px, network.margin
        self.takes_others = takes_others(network)

    def __call__(self, *asked: Any) -> Any:
        self.calls.setdefault(threading.current_thread().name, []).append((self.name, asked))
        return self.network(*asked)


Pictures = list[tuple[np.ndarray, dict[str, list[Any]]]]
"""Decoded pictures, and the ``boxes`` or ``masks`` of each."""


def objects_of(album: Album, images: str, given: str, most: int, repeat: int) -> tuple[Pictures, int]:
    """Pictures with ``most`` objects at the most, all of it ``repeat`` times; how many objects that are."""
    found: Pictures = []
    count = 0
    for record in album:
        objects = [o for o in record.instances if not o.is_crowd][: most - count]
        if objects:
            parts = {
                "boxes": [o.modal_box for o in objects],
                "masks": [o.amodal_mask if o.modal_mask is None else o.modal_mask for o in objects],
            }
            found.append((read_image(image_path(images, record.file_name)), {given: parts[given]}))
            count += len(objects)
    return found * repeat, count * repeat


def predict_all(predictor: Predictor, pictures: Pictures) -> int:
    """Everything from the decoded picture to the codes of the masks; objects of several pictures together."""

    def work() -> Any:
        for number, (image, given) in enumerate(pictures):
            yield from predictor.make_jobs(image, number, **given)

    codes = [(p.amodal_mask.to_rle(), p.modal_mask.to_rle()) for _, p in predictor.run_jobs(work())]
    return len(codes)


def predict_one_by_one(predictor: Predictor, pictures: Pictures) -> int:
    """The plain loop: one object, then the next."""
    done = 0
    for image, given in pictures:
        predictor.set_image(image)
        ((name, parts),) = given.items()
        for part in parts:
            for p in predictor.predict(**{name: [part]}):
                done += bool(p.amodal_mask.to_rle() and p.modal_mask.to_rle())
    return done


def forwards(calls: Calls, networks: dict[str, Any], lanes: int) -> Callable[[], Any]:
    """The same batches through the networks, nothing else: each thread asks what it asked, or one thread all of it."""
    lists = list(calls.values()) if lanes > 1 else [[call for asked in calls.values() for call in asked]]

    def ask(items: Iterator[tuple[int, list[tuple[str, tuple[Any, ...]]]]]) -> Iterator[None]:
        for _, asked in items:
            for name, words in asked:
                networks[name](*words)
            yield None

    return lambda: list(in_lanes(lists, len(lists), 1, ask))


def unet_session(folder: Path, threads: int) -> tuple[Any, int]:
    """A U-Net of 3.35 million parameters on 256 x 256, as mask-completion networks (PCNet-M) have; random weights."""
    import torch
    from unet import UNet

    from amodal.inference.onnx_networks import open_session

    torch.manual_seed(0)
    path = folder / "unet.onnx"
    net = UNet().eval()
    program = torch.onnx.export(
        net, (torch.zeros(1, 2, UNET_SIDE, UNET_SIDE),), dynamo=True, input_names=["x"], verbose=False
    )
    assert program is not None
    program.save(str(path), external_data=False)
    return open_session(path, threads), sum(p.numel() for p in net.parameters())


def random_weights(folder: Path) -> Path:
    """Both networks at the sizes of the compact recipe, untrained."""
    import torch

    from amodal.inference.export import export_weights
    from amodal.inference.settings import PredictionSettings
    from amodal.models.config import ModelConfig
    from amodal.models.weights import build_network

    torch.manual_seed(0)
    networks = {
        "modal": build_network(ModelConfig()),
        "amodal": build_network(ModelConfig(heat_px=80, margin=0.125)),
    }
    return export_weights(folder, networks, PredictionSettings())  # type: ignore[arg-type]


def best_of(cases: dict[str, Callable[[], Any]], rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of each case by the clock and of CPU, the best of the rounds; one round of warming up before."""
    seconds, cpu = dict.fromkeys(cases, float("inf")), dict.fromkeys(cases, float("inf"))
    for number in range(rounds + 1):
        for name, case in cases.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            case()
            if number:
                seconds[name] = min(seconds[name], time.perf_counter() - start)
                cpu[name] = min(cpu[name], time.process_time() - start_cpu)
    return seconds, cpu


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures, milliseconds an object."""
    weights, kind = args.weights, "given"
    if weights is None:
        try:
            weights, kind = default_weights(), "the package's"
        except WeightsError:
            weights, kind = random_weights(folder / "weights"), "random"
    threads = args.threads or core_count()
    album = read_annotations(args.annotations)
    pictures, count = objects_of(album, args.images, args.given, args.objects, args.repeat)
    onnx = load_networks(weights, threads=threads)
    settings = onnx.settings if args.steps is None else replace(onnx.settings, max_steps=args.steps)
    calls: Calls = {}
    pair = replace(onnx, modal=Counted(onnx.modal, "modal", calls), amodal=Counted(onnx.amodal, "amodal", calls))
    predict_all(Predictor(pair, settings), pictures)
    predictor = Predictor(onnx, settings)
    image = np.zeros((1, 2, UNET_SIDE, UNET_SIDE), np.float32)
    cases: dict[str, Callable[[], Any]] = {
        "all": lambda: predict_all(predictor, pictures),
        "bare": forwards(calls, {"modal": onnx.modal, "amodal": onnx.amodal}, onnx.lanes),
        "loop": lambda: predict_one_by_one(predictor, pictures),
    }
    parameters = None
    if not args.no_torch:
        import torch

        torch.set_num_threads(threads)
        eager = load_networks(weights, "torch")
        cases["eager"] = forwards(calls, {"modal": eager.modal, "amodal": eager.amodal}, 1)
        unet, parameters = unet_session(folder, threads)
        cases["unet"] = lambda: [unet.run(None, {"x": image}) for _ in range(20)]
    seconds, cpu = best_of(cases, args.rounds)
    each = {name: 1000 * value / (20 if name == "unet" else count) for name, value in seconds.items()}
    bare = each["bare"]
    asked = [(name, len(words[0])) for each_thread in calls.values() for name, words in each_thread]
    figures: dict[str, Any] = {
        "ms_per_object": each["all"],
        "network_ms_per_object": bare,
        "overhead": each["all"] / bare,
        "loop_ms_per_object": each["loop"],
        "unet_ms_per_object": each.get("unet"),
        "onnx_ms_per_object": bare,
        "torch_ms_per_object": each.get("eager"),
        "cpu_ms_per_object": 1000 * cpu["all"] / count,
        "cpu_overhead": cpu["all"] / cpu["bare"],
        "patches_per_object": {
            role: sum(n for name, n in asked if name == role) / count for role in ("modal", "amodal")
        },
        "given": args.given,
        "objects": count,
        "pictures": len(pictures),
        "threads": threads,
        "batch_size": settings.batch_size,
        "weights": kind,
        "unet_parameters": parameters,
    }
    if figures["torch_ms_per_object"] is not None:
        figures["torch_over_onnx"] = figures["torch_ms_per_object"] / bare
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, help="folder of the pictures")
    parser.add_argument("--annotations", required=True, help="annotation file: what is given of objects")
    parser.add_argument("--weights", default=None, help="folder of the networks; default: the package's own, or random")
    parser.add_argument("--given", default="boxes", choices=("boxes", "masks"), help="of each object")
    parser.add_argument("--objects", type=int, default=200, help="most objects")
    parser.add_argument("--repeat", type=int, default=1, help="take the objects so many times")
    parser.add_argument("--rounds", type=int, default=3, help="timed rounds, of which the best counts")
    parser.add_argument("--steps", type=int, default=None, help="most iterations of the expansion")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all cores")
    parser.add_argument("--no-torch", action="store_true", help="leave out what needs torch: eager and the U-Net")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(args, Path(folder))
    figures["load_before"] = before
    if args.json:
        print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in figures.items()}, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:24} {value:.3f}" if isinstance(value, float) else f"{name:24} {value}")


if __name__ == "__main__":
    main()
