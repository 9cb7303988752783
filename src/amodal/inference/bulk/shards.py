"""How an album is cut into shards, and which of them a process makes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...core.album import Album
from ...core.errors import AmodalError


@dataclass(frozen=True, slots=True)
class Shard:
    """Pictures ``start`` to ``stop`` of the album, and where their records go."""

    index: int
    of: int
    start: int
    stop: int

    @property
    def name(self) -> str:
        """File name of its records.

        >>> Shard(2, 10, 0, 5).name
        'shard-00002-of-00010.jsonl'
        """
        return f"shard-{self.index:05d}-of-{self.of:05d}.jsonl"

    @property
    def errors_name(self) -> str:
        """File name of what could not be predicted in it."""
        return f"shard-{self.index:05d}-of-{self.of:05d}.errors.jsonl"


def make_shards(album: Album, count: int) -> list[Shard]:
    """Cut an album into runs of pictures with about as many objects each.

    Args:
        album: the records.
        count: how many, >= 1; some are empty where there are fewer pictures.

    Raises:
        AmodalError: ``count`` is below 1.
    """
    if count < 1:
        raise AmodalError("--shards is 1 or more", value=count)
    weights = np.array([len(record.instances) + 1 for record in album], np.int64)  # a picture costs its decoding, too
    ends = np.cumsum(weights)
    # the shard in whose share of the work the middle of a picture lies
    shard_of = (2 * ends - weights) * count // (2 * max(int(weights.sum()), 1))
    bounds = [0, *np.searchsorted(shard_of, np.arange(count), side="right").tolist()]
    return [Shard(i, count, start, stop) for i, (start, stop) in enumerate(pairwise(bounds))]


def my_shards(shards: Sequence[Shard], rank: int, world: int) -> list[Shard]:
    """Those of one of ``world`` processes: every ``world``-th.

    Raises:
        AmodalError: the rank is not from 0 to ``world`` - 1.
    """
    if world < 1 or not 0 <= rank < world:
        raise AmodalError("RANK is from 0 to WORLD_SIZE - 1", value=f"RANK={rank} WORLD_SIZE={world}")
    return list(shards[rank::world])


def rank_and_world() -> tuple[int, int]:
    """This process's number and their count, as `torchrun` gives them in the environment; 0 and 1 without it.

    Raises:
        AmodalError: the environment holds something else than numbers.
    """
    try:
        return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    except ValueError:
        value = {key: os.environ.get(key) for key in ("RANK", "WORLD_SIZE")}
        raise AmodalError("RANK and WORLD_SIZE are whole numbers", value=value) from None
