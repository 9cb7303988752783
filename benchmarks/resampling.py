"""What it is worth that maps are resampled without matrix products, in onnxruntime and in training.

    python benchmarks/resampling.py [--weights DIR] [--rounds 40]

Each network of the weights is exported twice: as it is, and with every map resampled by products of matrices, taps and
what is believed joined before they are projected, and what is believed averaged from its own pixels at every level
(`models.hypercolumn`). Both run in turns on one thread, four patches at once; then a training step of 32 patches, in
bfloat16. CPU time, the best round of each.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from training_precision import make_step  # the file beside this one

import amodal
from amodal.inference.export import export_onnx
from amodal.inference.onnx_networks import CHUNK, open_session
from amodal.models import hypercolumn
from amodal.models.hypercolumn import FrameResize
from amodal.models.weights import ROLES, load_network

STEPS = 4
"""Training steps timed, of each."""


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=Path(amodal.__file__).parents[2] / "weights")
    parser.add_argument("--rounds", type=int, default=40)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("| | products, ms a patch | ours | ratio | largest difference of heat |\n|---|---|---|---|---|")
    for role in ROLES:
        plain, ours, off = forwards(args.weights, role, args.rounds)
        print(f"| {role} | {plain:.2f} | {ours:.2f} | {plain / ours:.2f} | {off:.1e} |", flush=True)
    print("\n| | products, s a training step | ours | ratio |\n|---|---|---|---|")
    for role in ROLES:
        plain, ours = steps(args.weights, role)
        print(f"| {role} | {plain:.2f} | {ours:.2f} | {plain / ours:.2f} |", flush=True)


def forwards(weights: Path, role: Any, rounds: int) -> tuple[float, float, float]:
    """CPU milliseconds a patch of a network's graph by products and as it is; how far their heats differ."""
    with tempfile.TemporaryDirectory() as folder:
        sessions = []
        for name, way in (("plain", by_products), ("ours", as_it_is)):
            with way():
                export_onnx(load_network(weights, role), Path(folder, f"{name}.onnx"))
            sessions.append(open_session(Path(folder, f"{name}.onnx"), 1))
    rng = np.random.default_rng(0)
    fits = {entry.name: [CHUNK, *entry.shape[1:]] for entry in sessions[0].get_inputs()}
    feed = {name: rng.random(shape, np.float32) for name, shape in fits.items()}
    feed["image"] = rng.integers(0, 256, fits["image"]).astype(np.uint8)
    heats = [session.run(None, feed)[0] for session in sessions]
    plain, ours = in_turns([lambda s=session: s.run(None, feed) for session in sessions], rounds)
    return 1e3 * plain / CHUNK, 1e3 * ours / CHUNK, float(np.abs(heats[0] - heats[1]).max())


def steps(weights: Path, role: Any) -> tuple[float, float]:
    """CPU seconds of a training step of a network of that shape, without a detector and told nothing of others."""
    config = replace(load_network(weights, role).config, detector="", others=False)
    step = make_step(config, "bf16", True, True)

    def plain() -> None:
        with by_products():
            step()

    first, second = in_turns([plain, step], STEPS)
    return first, second


def in_turns(ways: list[Callable[[], Any]], rounds: int) -> list[float]:
    """Least CPU seconds of each."""
    best = [float("inf")] * len(ways)
    for _ in range(rounds):
        for place, way in enumerate(ways):
            began = time.process_time()
            way()
            best[place] = min(best[place], time.process_time() - began)
    return best


@contextmanager
def as_it_is() -> Iterator[None]:
    """Nothing is changed."""
    yield


@contextmanager
def by_products() -> Iterator[None]:
    """Networks resample by products alone, in the order in which they learn."""

    def products(self: FrameResize, maps: Tensor, target: int) -> Tensor:
        rows, columns = self.rows, self.columns
        return torch.matmul(torch.matmul(rows, maps), columns)  # type: ignore[arg-type]

    with ExitStack() as changes:
        changes.enter_context(mock.patch.object(FrameResize, "forward", products))
        changes.enter_context(mock.patch.object(hypercolumn._Level, "_learnt", hypercolumn._Level._learning))
        changes.enter_context(mock.patch.object(hypercolumn, "_pooled", pooled_alone))
        yield


def pooled_alone(maps: Tensor, sides: list[int]) -> list[Tensor]:
    """Each from the maps' own pixels."""
    return [F.adaptive_avg_pool2d(maps, side) for side in sides]


if __name__ == "__main__":
    main()
