"""What of the process can be seen without one; the rest is in tests/cli/test_annotate.py."""

from __future__ import annotations

import signal
from unittest.mock import Mock

import uvicorn

from amodal.annotate.run import _ended_by_signals, _Server
from amodal.annotate.session import Session


def test_told_to_end_it_gives_up_the_drafts() -> None:
    session = Mock(Session)
    server = _Server(uvicorn.Config(lambda: None), session)
    assert not server.should_exit
    server.handle_exit(signal.SIGINT, None)
    session.stop.assert_called_once_with()
    assert server.should_exit


def test_signals_end_it_before_it_runs_and_raise_nothing() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    for number in (signal.SIGINT, signal.SIGTERM):
        server = _Server(uvicorn.Config(lambda: None), Mock(Session))
        with _ended_by_signals(server):
            signal.raise_signal(number)
        assert server.should_exit
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
