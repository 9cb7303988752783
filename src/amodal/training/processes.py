"""Several processes that train one network, as torchrun starts them: who this one is, and what it shares.

Step s of a run has examples ``s * batch_size`` and on, however many processes there are: each takes a part of them, and
computes it in ``accumulate`` parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from timm.layers.norm_act import convert_sync_batchnorm
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from ..core.errors import RecipeError
from ..inference.bulk.shards import rank_and_world


@dataclass(frozen=True)
class Share:
    """This process's part of every batch.

    Attributes:
        rank: number of the process, 0 up.
        world: how many there are.
        parts: a process's share of a batch is computed in this many parts, gradients summed.
    """

    rank: int = 0
    world: int = 1
    parts: int = 1

    def spans(self, batch_size: int) -> list[range]:
        """Places within a batch of this process's parts, in order.

        >>> Share(1, 2, 2).spans(8)
        [range(4, 6), range(6, 8)]
        """
        size = batch_size // (self.world * self.parts)
        first = self.rank * self.parts
        return [range((first + part) * size, (first + part + 1) * size) for part in range(self.parts)]

    def check(self, batch_size: int) -> None:
        """Raises RecipeError unless a batch has as many examples for each process and part."""
        if batch_size % (self.world * self.parts):
            raise RecipeError(
                f"batch_size is a multiple of processes x accumulate ({self.world} x {self.parts})", value=batch_size
            )


def this_process() -> tuple[int, int]:
    """Rank of this process and number of processes, as torchrun tells them; (0, 1) without it."""
    return rank_and_world()


def is_first() -> bool:
    """Whether this process writes what a run leaves."""
    return this_process()[0] == 0


@contextmanager
def together(device: torch.device) -> Iterator[None]:
    """The processes of a run, connected: nccl between GPUs, gloo between CPUs. Nothing where there is one process."""
    if this_process()[1] == 1:
        yield
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def distributed(network: nn.Module, device: torch.device) -> nn.Module:
    """The network as the training step calls it: gradients are averaged over the processes.

    Batch normalisation is over the whole batch on GPUs; on CPUs, which torch has none for, over each process's part
    (`average_statistics` then makes one of what the parts leave behind).
    """
    if this_process()[1] == 1:
        return network
    if device.type == "cuda":
        network = convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    return DistributedDataParallel(
        network, device_ids=[device.index] if device.type == "cuda" else None, broadcast_buffers=False
    )


def inner(network: nn.Module) -> nn.Module:
    """The network itself, without what `distributed` wrapped it in."""
    return network.module if isinstance(network, DistributedDataParallel) else network


def summed(value: float, device: torch.device) -> float:
    """A number summed over the processes."""
    if this_process()[1] == 1:
        return value
    total = torch.tensor(value, dtype=torch.float64, device=device)
    dist.all_reduce(total)
    return float(total)


@torch.no_grad()
def average_statistics(network: nn.Module) -> None:
    """Give all processes the mean of their running statistics, in place: one network, whichever process keeps it."""
    world = this_process()[1]
    layers = [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]
    statistics = [part for layer in layers for part in (layer.running_mean, layer.running_var) if part is not None]
    if world == 1 or not statistics:
        return
    packed = torch.cat(statistics)  # one message, not one a layer
    dist.all_reduce(packed)
    for part, mean in zip(statistics, torch.split(packed / world, [len(part) for part in statistics]), strict=True):
        part.copy_(mean)


def wait() -> None:
    """Go on when all processes are here."""
    if this_process()[1] > 1:
        dist.barrier()


def same_everywhere(tensors: list[Tensor]) -> None:
    """Give all processes the values of the first one, in place."""
    if this_process()[1] > 1:
        for tensor in tensors:
            dist.broadcast(tensor, 0)
