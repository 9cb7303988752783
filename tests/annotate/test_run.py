"""What of the process can be seen without one; the rest is in tests/cli/test_annotate.py."""

from __future__ import annotations

import logging
import signal
import threading
from unittest.mock import Mock

import pytest
import uvicorn

from amodal.annotate import run
from amodal.annotate.run import _ended_by_signals, _Server
from amodal.annotate.session import Session


def test_told_to_end_it_gives_up_the_drafts() -> None:
    session = Mock(Session)
    server = _Server(uvicorn.Config(lambda: None), session)
    assert not server.should_exit
    server.handle_exit(signal.SIGINT, None)
    session.stop.assert_called_once_with()
    assert server.should_exit


def test_what_it_breaks_off_is_no_error() -> None:
    server = _Server(uvicorn.Config(lambda: None, log_level="warning"), Mock(Session))
    told = logging.getLogger("uvicorn.error")
    assert told.isEnabledFor(logging.ERROR)
    server.handle_exit(signal.SIGINT, None)
    assert not told.isEnabledFor(logging.ERROR)
    uvicorn.Config(lambda: None, log_level="warning")
    assert told.isEnabledFor(logging.ERROR)  # of another server


def test_the_browser_is_given_another_secret(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    told: list[str] = []
    there = threading.Event()
    monkeypatch.setattr(run.webbrowser, "open", lambda address: (opened.append(address), there.set()))
    monkeypatch.setattr(run._Server, "run", lambda *_, **__: there.wait(30))
    run.serve(session, host="127.0.0.1", port=0, browse=True, tell=lambda text: told.append(str(text)))
    token = told[0].partition("?token=")[2]
    assert token and "?once=" in opened[0] and token not in opened[0]


def test_signals_end_it_before_it_runs_and_raise_nothing() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    for number in (signal.SIGINT, signal.SIGTERM):
        server = _Server(uvicorn.Config(lambda: None), Mock(Session))
        with _ended_by_signals(server):
            signal.raise_signal(number)
        assert server.should_exit
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
