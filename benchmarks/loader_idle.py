"""How long a training step of the compact model waits for its examples.

    python benchmarks/loader_idle.py [--recipe recipes/coco_compact_fifth.yaml] [--steps 20] [--json]

The modal stage of a recipe, its own loader and batch size, on one torch thread beside one worker. "idle" is the time
spent in asking for the next batch, as a share of all time, after the first four steps.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from amodal.cli.recipe_file import check_recipe
from amodal.models.weights import build_network
from amodal.training.data import make_streams, training_batches
from amodal.training.loss import masked_nll
from amodal.training.optimizer import build_optimizer
from amodal.training.stages import ModalStage

_FIRST = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="recipes/coco_compact_fifth.yaml")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as stores:
        recipe = replace(check_recipe(args.recipe), store=stores)
        settings = recipe.modal
        training, _ = make_streams(recipe)
        network = build_network(settings.network).train()
        optimizer, stage = build_optimizer(network, settings), ModalStage(settings)
        batches = training_batches(training, settings.batch_size, 0, args.steps + _FIRST, 1)
        idle = busy = cpu = 0.0
        for number in range(args.steps + _FIRST):
            began = time.perf_counter()
            batch = next(batches)
            got, spent = time.perf_counter(), time.process_time()
            logits, label = stage(network, batch, None)
            masked_nll(logits, label, batch["weight"]).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if number >= _FIRST:
                idle, busy = idle + got - began, busy + time.perf_counter() - got
                cpu += time.process_time() - spent
    figures = {
        "idle": round(idle / (idle + busy), 4),
        "wait_ms": round(1e3 * idle / args.steps, 1),
        "step_ms": round(1e3 * busy / args.steps, 1),
        "step_cpu_ms": round(1e3 * cpu / args.steps, 1),
        "batch_size": settings.batch_size,
        "load": [round(v, 1) for v in os.getloadavg()],
    }
    print(json.dumps(figures) if args.json else "\n".join(f"{k:<16}{v}" for k, v in figures.items()))


if __name__ == "__main__":
    main()
