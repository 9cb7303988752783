"""Commands that are ended from outside leave nothing half-written behind."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def tidy_when_ended() -> Iterator[None]:
    """SIGTERM (a shutdown, `timeout`) and SIGHUP (its terminal is closed) end a command as Ctrl-C does.

    Its workers end, and half a folder goes. A signal that is ignored, as SIGHUP under ``nohup``, stays so.
    """

    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = {}
    if threading.current_thread() is threading.main_thread():  # no other may say what a signal does
        numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        before = {n: signal.signal(n, end) for n in numbers if signal.getsignal(n) != signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
