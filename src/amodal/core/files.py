"""A file that appears whole, and where a path leads."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Write a file beside its place and rename it there; what fails leaves nothing.

    Returns:
        The path.

    Raises:
        OSError: the folder is missing or cannot be written to, or there is no room.
    """
    place = Path(path)
    beside = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(data)
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)
    return place


def real_path(path: str | Path) -> Path:
    """Where a path leads, as `Path.resolve`, which fails in some Pythons where links lead round in a circle."""
    return Path(os.path.realpath(path))


def leads_round(path: str | Path) -> bool:
    """Whether a path leads by a link that comes back to itself: nothing can be there."""
    try:
        os.stat(path)
    except OSError as problem:
        return problem.errno == errno.ELOOP
    return False
