from __future__ import annotations

from typing import Any

import pytest

from amodal.core.errors import RecipeError
from amodal.models.config import ModelConfig


def test_lists_of_a_json_file_become_tuples() -> None:
    config = ModelConfig(widths=[4, 8], mean=[0, 1, 2], std=[1, 1, 1])  # type: ignore[arg-type]
    assert (config.widths, config.mean, config.std) == ((4, 8), (0, 1, 2), (1, 1, 1))
    assert config == ModelConfig(widths=(4, 8), mean=(0, 1, 2), std=(1, 1, 1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("backbone", ""),
        ("backbone", None),
        ("patch_px", 7),
        ("patch_px", "64"),
        ("patch_px", 64.0),
        ("heat_px", 0),
        ("heat_px", True),
        ("blocks", 0),
        ("grid", 0),
        ("num_categories", -1),
        ("num_categories", None),
        ("margin", -0.01),
        ("margin", 1),
        ("margin", float("nan")),
        ("margin", "0"),
        ("widths", ()),
        ("widths", 24),
        ("widths", "24"),
        ("widths", (8, 0)),
        ("widths", (8, 2.5)),
        ("mean", (0.0, 0.0)),
        ("mean", (0.0, 0.0, float("inf"))),
        ("mean", (0.0, 0.0, "0")),
        ("std", (1.0, 1.0, 0.0)),
    ],
)
def test_what_no_network_can_have(name: str, value: Any) -> None:
    with pytest.raises(RecipeError, match=name) as caught:
        ModelConfig(**{name: value})
    assert repr(value)[:20] in str(caught.value)
