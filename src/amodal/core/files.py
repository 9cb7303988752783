"""A file that appears whole."""

from __future__ import annotations

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
