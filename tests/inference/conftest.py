"""Gives the tests of this room the toy networks beside it."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def toy() -> SimpleNamespace:
    """The names of tiny_networks.py."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_networks.py"))))
