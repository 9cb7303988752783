"""Training steps of the compact model with and without huge pages, as `amodal train` asks torch for them.

    python benchmarks/huge_pages.py [--threads 1 2] [--rounds 3]

Each round is a process of its own, with and without in turns: torch reads the setting once. Printed is the median time
of a bf16 step of 32 patches of 128 px by the clock, which waiting for memory costs too, and how many times as long the
step without takes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

SETTING = "THP_MEM_ALLOC_ENABLE"
STEPS = 6


def main() -> None:
    """Time both in turns, print a line for each number of threads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(median_step(args.child))
        return
    for threads in args.threads:
        found: dict[str, list[float]] = {"0": [], "1": []}
        for _ in range(args.rounds):
            for setting, seconds in found.items():
                command = [sys.executable, __file__, "--child", str(threads)]
                answer = subprocess.run(
                    command, env=os.environ | {SETTING: setting}, check=True, capture_output=True, text=True
                )
                seconds.append(float(answer.stdout))
        plain, huge = (statistics.median(seconds) for seconds in found.values())
        print(f"{threads} threads: {plain:.3f} s without, {huge:.3f} s with huge pages, ratio {plain / huge:.2f}")


def median_step(threads: int) -> float:
    """Seconds of a step, forward and backward."""
    import torch  # in the child alone

    from amodal.models.config import ModelConfig
    from amodal.models.weights import build_network
    from amodal.training.loss import masked_nll
    from amodal.training.precision import autocast, place

    torch.set_num_threads(threads)
    device, config = torch.device("cpu"), ModelConfig(others=True)
    network = place(build_network(config).train(), device, precision="bf16", channels_last=True)
    image = torch.randint(0, 256, (32, 3, config.patch_px, config.patch_px), dtype=torch.uint8)
    heat = torch.rand(32, config.patch_px, config.patch_px)
    label = torch.randint(-1, 2, (32, config.heat_px, config.heat_px), dtype=torch.int8)
    times = []
    for _ in range(STEPS):
        start = time.perf_counter()
        with autocast(device, "bf16"):
            loss = masked_nll(network(image, heat), label, torch.ones(32))
        loss.backward()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])  # the first step sets up what the others use


if __name__ == "__main__":
    main()
