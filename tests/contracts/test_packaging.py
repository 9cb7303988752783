"""What pyproject.toml says of the package: versions that agree, pins within their bounds, a command that is there."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import amodal

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
INSTALLED = [*PROJECT["dependencies"], *EXTRAS["train"], *EXTRAS["annotate"], *EXTRAS["dev"]]  # by `make setup`


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pins.items()}


@pytest.mark.parametrize("needed", INSTALLED)
def test_a_dependency_is_pinned_within_its_bounds(needed: str) -> None:
    requirement = Requirement(needed)
    assert pinned()[canonicalize_name(requirement.name)] in requirement.specifier


def test_the_two_versions_agree() -> None:
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), flags=re.M)
    assert cited and cited[1] == amodal.__version__


def test_the_command_is_there_and_the_package_is_typed() -> None:
    module, _, name = PROJECT["scripts"]["amodal"].partition(":")
    assert callable(getattr(import_module(module), name))
    assert (ROOT / "src" / "amodal" / "py.typed").exists()
