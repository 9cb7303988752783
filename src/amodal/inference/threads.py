"""The CPU cores, and one pool of threads for all that uses them in turn."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache


def core_count() -> int:
    """CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def thread_pool(threads: int) -> ThreadPoolExecutor:
    """The pool of so many threads; what is given to it must not wait for it."""
    return ThreadPoolExecutor(threads, thread_name_prefix="amodal")


# a forked child has the pool without its threads: it makes its own
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=thread_pool.cache_clear)
