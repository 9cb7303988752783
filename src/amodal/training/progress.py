"""Progress bars of a training: drawn by the first process alone, a line a minute where they go to a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from .processes import is_first

T = TypeVar("T")
_IN_A_FILE_S = 60.0


def progress(name: str, total: int, unit: str, *, initial: int = 0) -> tqdm[None]:
    """A bar to be moved by hand, from ``initial`` to ``total``."""
    return tqdm(
        total=total,
        initial=initial,
        desc=name,
        unit=unit,
        dynamic_ncols=True,
        mininterval=0.2 if sys.stderr.isatty() else _IN_A_FILE_S,
        disable=not is_first(),
    )


def shown(items: Iterable[T], name: str, total: int, unit: str) -> Iterator[T]:
    """The same items, under a bar that moves with them."""
    with progress(name, total, unit) as bar:
        for item in items:
            yield item
            bar.update()
