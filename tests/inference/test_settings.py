from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from amodal.core.errors import RecipeError
from amodal.inference.settings import PredictionSettings


def test_defaults_are_the_papers() -> None:
    s = PredictionSettings()
    assert (s.modal_threshold, s.amodal_threshold, s.strip_threshold) == (0.8, 0.7, 0.1)
    assert (s.iis_passes, s.max_steps, s.stop_at_border, s.batch_size) == (3, 10, True, 8)


@pytest.mark.parametrize(
    "values",
    [
        {"modal_threshold": 1.0},
        {"amodal_threshold": -0.1},
        {"strip_threshold": float("nan")},
        {"strip_threshold": "0.1"},
        {"max_steps": 0},
        {"iis_passes": 1.5},
        {"batch_size": True},
        {"stop_at_border": 1},
        {"beyond_border": -1},
        {"amodal_treshold": 0.5},
    ],
)
def test_bad_value_names_file_and_setting(values: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match=next(iter(values))) as caught:
        PredictionSettings.from_mapping(values, file="config.json")
    assert str(caught.value).startswith("config.json: ")


def test_from_mapping_keeps_defaults() -> None:
    assert PredictionSettings.from_mapping({"max_steps": 4}) == PredictionSettings(max_steps=4)


def test_numbers_of_numpy_become_those_of_python() -> None:
    values = {"max_steps": np.int64(5), "amodal_threshold": np.float32(0.5), "others": np.bool_(False)}
    settings = PredictionSettings(**values)
    assert settings == PredictionSettings(max_steps=5, amodal_threshold=0.5, others=False)
    assert [type(getattr(settings, name)) for name in values] == [int, float, bool]
    with pytest.raises(RecipeError, match="max_steps"):
        PredictionSettings(max_steps=np.float32(5))  # type: ignore[arg-type]
