"""A network small enough to be built in every test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("torch")

from amodal.models.config import ModelConfig

TINY = ModelConfig(backbone="test_efficientnet", patch_px=32, heat_px=16, widths=(4, 6, 8, 8, 12), grid=3)


@pytest.fixture(scope="session")
def tiny_config():  # type: ignore[no-untyped-def]
    """The tiny config, changed as asked."""

    def make(**changes: Any) -> ModelConfig:
        return replace(TINY, **changes)

    return make
