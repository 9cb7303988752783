"""The server as a process: its address, and how it ends."""

from __future__ import annotations

import logging
import secrets
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from ..core.errors import AmodalError
from .server import build_app
from .session import Session

USUAL_PORT = 8765
_LOOPBACK, _EVERYWHERE = ("127.0.0.1", "localhost", "::1"), ("0.0.0.0", "::")
_PATIENCE_S = 3


def serve(session: Session, *, host: str, port: int | None, browse: bool, tell: Callable[[str], object]) -> None:
    """Serve the page until the process is interrupted; the output is left to the caller to be written.

    Args:
        session: what is drawn on.
        host: address to listen at.
        port: 0: any; None: `USUAL_PORT`, or any where that is taken.
        browse: open the page in the user's browser.
        tell: called with the address.

    Raises:
        AmodalError: the address cannot be listened at.
    """
    with _listen(host, port) as listening:
        number = listening.getsockname()[1]
        token, once = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        name = socket.gethostname() if host in _EVERYWHERE else f"[{host}]" if ":" in host else host
        address = f"http://{name}:{number}/?"
        config = uvicorn.Config(
            build_app(session, token, cookie=f"amodal-{number}", once=once),
            log_level="warning",
            timeout_graceful_shutdown=_PATIENCE_S,
            server_header=False,
        )
        server = _Server(config, session)
        with _ended_by_signals(server):  # before the address is told: whoever interrupts us then finds us ready
            tell(f"open {address}token={token}")
            if host not in _LOOPBACK:
                tell("whoever has this address can draw; it is sent unencrypted")
            if browse:  # beside us: some browsers are programs of the terminal, and are waited for
                shown = f"{address}once={once}"  # the list of processes shows it to all: it serves once
                threading.Thread(target=webbrowser.open, args=(shown,), daemon=True).start()
            server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """Gives up the drafts that are being made as soon as it is told to end, and what is asked for without a word."""

    def __init__(self, config: uvicorn.Config, session: Session) -> None:
        super().__init__(config)
        self._session = session

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._session.stop()
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # requests it breaks off are no errors
        super().handle_exit(sig, frame)


@contextmanager
def _ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Ctrl+C, being told to end, a closed terminal: the server ends in good order, whatever it is doing just then.

    Nothing is raised: an exception that a signal raises is lost where it meets a callback of the interpreter, and the
    server would go on. Uvicorn does the same, but only once it runs.
    """
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, server.handle_exit) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, USUAL_PORT if port is None else port), family=family)
    except (OSError, OverflowError) as problem:
        if port is None:
            return _listen(host, 0)
        told = getattr(problem, "strerror", None) or problem
        raise AmodalError(
            f"the page is served at a free address of this machine ({told})",
            record="--host, --port",
            value=f"{host}:{port}",
            remedy="name another port, or leave it out",
        ) from None
