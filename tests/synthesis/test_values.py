"""Settings are of the kind their fields say: else one error that names them, not a traceback from deep inside."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from amodal.core.errors import RecipeError
from amodal.synthesis.settings import ExampleShape, SynthesisSettings


@pytest.mark.parametrize(
    ("kind", "name", "value", "rule"),
    [
        (SynthesisSettings, "max_occluders", 1.5, "a whole number; found 1.5"),
        (SynthesisSettings, "max_occluders", True, "a whole number; found True"),
        (SynthesisSettings, "max_tries", "50", "a whole number; found '50'"),
        (SynthesisSettings, "min_visible", "0.3", "a number; found '0.3'"),
        (SynthesisSettings, "trim", None, "a number; found None"),
        (SynthesisSettings, "behind", True, "a number; found True"),
        (SynthesisSettings, "behind", [0.1], "a number; found"),
        (SynthesisSettings, "clear", "x", "a number, or none; found 'x'"),
        (SynthesisSettings, "flip", "no", "true or false; found 'no'"),
        (SynthesisSettings, "fixed", 2, "true or false; found 2"),
        (SynthesisSettings, "patch_scale", 0.7, "two numbers; found 0.7"),
        (SynthesisSettings, "patch_scale", (0.7,), "two numbers; found"),
        (SynthesisSettings, "occluder_scale", ("a", "b"), "two numbers; found"),
        (SynthesisSettings, "low_resolution_px", (24.5, 100), "two whole numbers; found"),
        (ExampleShape, "patch_px", 16.5, "a whole number; found 16.5"),
        (ExampleShape, "patch_px", "64", "a whole number; found '64'"),
    ],
)
def test_another_kind_is_refused(kind: type, name: str, value: Any, rule: str) -> None:
    with pytest.raises(RecipeError, match=rf"^{name} is {rule}.*Correct the setting"):
        kind(**{name: value})


def test_numpys_values_become_pythons() -> None:
    given = {
        "max_occluders": np.int64(1),
        "trim": np.float32(0.25),
        "flip": np.bool_(False),
        "paired": 0,
        "patch_scale": np.array([0.75, 1.5]),
        "occluder_scale": [0.5, np.float64(1.0)],
        "clear": np.float64(0.5),
    }
    settings = SynthesisSettings(**given)  # type: ignore[arg-type]
    plain = SynthesisSettings(
        max_occluders=1, trim=0.25, flip=False, patch_scale=(0.75, 1.5), occluder_scale=(0.5, 1.0), clear=0.5
    )
    assert settings == plain and hash(settings) == hash(plain) and repr(settings) == repr(plain)
    assert repr(ExampleShape(*np.array([16, 8, 10]))) == "ExampleShape(patch_px=16, modal_heat_px=8, amodal_heat_px=10)"


def test_what_is_right_stays_as_it_is() -> None:
    """Runs are known by their settings as text: a whole number where a field takes any stays whole."""
    assert repr(asdict(SynthesisSettings(behind=0, canvas_px=64))["behind"]) == "0"
    assert SynthesisSettings().clear is None
