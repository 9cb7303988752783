"""The server as a process: its address, and how it ends."""

from __future__ import annotations

import secrets
import socket
import webbrowser
from collections.abc import Callable

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
    listening = _listen(host, port)
    number = listening.getsockname()[1]
    token = secrets.token_urlsafe(24)
    app = build_app(session, token, cookie=f"amodal-{number}")
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_PATIENCE_S, server_header=False)
    name = socket.gethostname() if host in _EVERYWHERE else f"[{host}]" if ":" in host else host
    address = f"http://{name}:{number}/?token={token}"
    tell(f"open {address}")
    if host not in _LOOPBACK:
        tell("whoever has this address can draw; it is sent unencrypted")
    if browse:
        webbrowser.open(address)
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:  # uvicorn has ended in good order, and passes it on
        pass
    finally:
        listening.close()


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
