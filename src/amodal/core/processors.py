"""The processors at hand."""

from __future__ import annotations

import os


def core_count() -> int:
    """CPU cores this process may use; where the system does not tell (macOS, Windows), those there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
