"""Predictions as commands are given them: a results file, or the folder of a run in shards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import AmodalError

if TYPE_CHECKING:
    from ..core.album import Album
    from ..core.masks import Mask
    from ..core.records import Prediction


def read_predictions(path: str, album: Album, *, visible: Mapping[int, Mask] | None = None) -> list[Prediction]:
    """Read what `amodal predict` wrote: a file, or with ``--shards`` a folder; else as `datasets.results.read_results`.

    Raises:
        AmodalError: a folder that holds no finished run, or one shard alone; as `read_results`.
    """
    from ..datasets.results import read_results, results_of

    if Path(path).suffix == ".jsonl":
        raise AmodalError(
            "predictions are a results file, or the folder of a run in shards", file=path, remedy="give the folder"
        )
    if not Path(path).is_dir():
        return read_results(path, album, visible=visible)
    from ..inference.bulk import read_shards

    return results_of(list(read_shards(path)), path, album, visible=visible)
