"""The page itself: its modules by node, and once in a browser. Skipped where there is none."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
from importlib.resources import files
from pathlib import Path

import pytest
import uvicorn

from amodal.annotate.server import build_app
from amodal.annotate.session import Session
from amodal.datasets.check import objects

NODE = shutil.which("node")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


@pytest.mark.skipif(NODE is None, reason="needs node")
@pytest.mark.parametrize("name", ["page", "page_desk", "page_edit", "page_steps", "page_tabs"])
def test_what_needs_no_browser(name: str) -> None:
    assert NODE is not None
    script = Path(__file__).with_name(f"{name}.test.mjs")
    ran = subprocess.run([NODE, "--test", str(script)], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.skipif(BROWSER is None, reason="needs a browser")
@pytest.mark.parametrize(
    ("hash", "told"), [("", ('id="category">cup', "from the visible part")), ("#13", ('id="id">13', "from nothing"))]
)
def test_it_opens_in_a_browser(session: Session, tmp_path: Path, hash: str, told: tuple[str, ...]) -> None:
    """Its modules load, under its own security policy, and show the first object to do, or the one asked for."""
    assert BROWSER is not None
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(build_app(session, "secret"), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/?token=secret{hash}"
        words = [
            *flags,
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=10000",
            "--dump-dom",
            address,
        ]
        ran = subprocess.run([BROWSER, *words], capture_output=True, text=True, timeout=120)
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()
    assert "0 of 3" in ran.stdout and "truth.json" in ran.stdout, ran.stdout[-2000:] + ran.stderr[-2000:]
    assert all(text in ran.stdout for text in told), ran.stdout[-2000:]


def test_what_is_borne_of_a_box_is_what_the_check_bears() -> None:
    text = files("amodal.annotate").joinpath("page", "reach.js").read_text()
    told = [float(value) for value in re.findall(r"const ROOM_\w+ = ([\d.]+);", text)]
    assert told == [objects._BOX_PX, objects._BOX_WARNING_FRAC]
