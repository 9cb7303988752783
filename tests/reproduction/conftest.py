"""One quick run shared by the tests of this room."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from amodal.reproduction.miniature import Miniature, make_miniature
from amodal.reproduction.options import Options
from amodal.reproduction.run import reproduce


@pytest.fixture(scope="session")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    return make_miniature(tmp_path_factory.mktemp("miniature"), pictures=6)


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `amodal reproduce --quick`, of fewer pictures than the command draws."""
    folder = tmp_path_factory.mktemp("quick")
    make_miniature(folder / "miniature", pictures=4)
    assert reproduce(Options(output=str(folder), quick=True, threads=1)) == folder / "index.html"
    return folder


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder of toy networks."""
    rooms = Path(__file__).parents[1] / "inference"
    names = SimpleNamespace(**runpy.run_path(str(rooms / "tiny_networks.py")))
    return Path(names.write_weights(tmp_path_factory.mktemp("weights") / "toy"))


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that do not look at the plots, which take longer than toy networks; ``quick`` has real ones."""
    monkeypatch.setattr("amodal.report.plots._png", lambda draw: b"png")
