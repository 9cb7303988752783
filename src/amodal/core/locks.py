"""Locks on files: one process at a time; the system lets go of them when it, and all that it forked, are gone."""

from __future__ import annotations

from typing import IO, Any

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

HAS_LOCKS = fcntl is not None
"""False on Windows, where two processes are not noticed."""


def take_lock(file: IO[Any], *, wait: bool) -> bool:
    """Lock an open file for this process until it is closed.

    Args:
        file: open for writing.
        wait: until another process that holds it lets go.

    Returns:
        False where another process holds it, and this one was not to wait.

    Raises:
        OSError: the file lies where nothing can be locked.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
