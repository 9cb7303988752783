from __future__ import annotations

import pytest

from amodal.core.album import Album
from amodal.core.errors import AmodalError
from amodal.core.records import Category, ImageRecord, Instance
from amodal.inference.bulk import Shard, make_shards, my_shards, rank_and_world


def album_of(*counts: int) -> Album:
    """Pictures with so many objects each."""
    ids = iter(range(1, 1000))
    records = [
        ImageRecord(i, f"{i}.png", 9, 9, tuple(Instance(next(ids), 0, (1, 1, 8, 8)) for _ in range(count)))
        for i, count in enumerate(counts)
    ]
    return Album(records, (Category(1, "thing"),))


@pytest.mark.parametrize(
    ("counts", "shards", "ends"),
    [
        ((1, 1, 1, 1), 2, [2, 4]),
        ((9, 1, 1, 1), 2, [1, 4]),
        ((1, 1, 1, 9), 2, [3, 4]),
        ((3,), 3, [0, 1, 1]),
        ((), 2, [0, 0]),
        ((2,) * 10, 3, [3, 7, 10]),
        ((1, 2), 1, [2]),
    ],
)
def test_shards_cover_each_picture_once_and_are_even(counts: tuple[int, ...], shards: int, ends: list[int]) -> None:
    made = make_shards(album_of(*counts), shards)
    assert [(shard.index, shard.of) for shard in made] == [(i, shards) for i in range(shards)]
    assert [shard.stop for shard in made] == ends
    assert [shard.start for shard in made] == [0, *ends[:-1]]


def test_ranks_share_the_shards() -> None:
    shards = [Shard(i, 7, i, i + 1) for i in range(7)]
    parts = [my_shards(shards, rank, 3) for rank in range(3)]
    assert sorted(shard.index for part in parts for shard in part) == list(range(7))
    assert [len(part) for part in parts] == [3, 2, 2]
    for rank, world in ((3, 3), (-1, 2), (0, 0)):
        with pytest.raises(AmodalError, match="RANK is from 0"):
            my_shards(shards, rank, world)
    with pytest.raises(AmodalError, match="1 or more"):
        make_shards(album_of(1), 0)


def test_torchruns_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert rank_and_world() == (0, 1)
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert rank_and_world() == (2, 4)
    monkeypatch.setenv("RANK", "two")
    with pytest.raises(AmodalError, match="whole numbers"):
        rank_and_world()
