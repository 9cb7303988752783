"""Places to write to."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..core.errors import AmodalError
from ..datasets.jsonfile import place_of


def check_writable(path: Path) -> None:
    """See, before long work, that a file can be written; raises AmodalError."""
    folder = place_of(path).absolute().parent
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        raise AmodalError(
            f"the place cannot be written to ({problem.strerror})", file=path, remedy="name another"
        ) from None
