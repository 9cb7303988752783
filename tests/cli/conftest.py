"""Toy networks and a picture they see something in."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image


@pytest.fixture(scope="module")
def toy() -> SimpleNamespace:
    beside = Path(__file__).parents[1] / "inference" / "tiny_networks.py"
    return SimpleNamespace(**runpy.run_path(str(beside)))


@pytest.fixture
def weights(toy: SimpleNamespace, tmp_path: Path) -> str:
    return str(toy.write_weights(tmp_path / "weights"))


@pytest.fixture
def photo(toy: SimpleNamespace, tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(toy.red_picture(120, 90, (30, 20, 90, 70))).save(path)
    return path
