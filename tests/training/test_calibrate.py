from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from amodal.core.errors import RecipeError
from amodal.inference.calibration import FEATURES, read_calibrations
from amodal.models.weights import build_network
from amodal.training import calibrate
from amodal.training.config import Recipe

Make = Callable[..., Recipe]


def test_the_fit_is_of_what_prediction_meets(make_recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = make_recipe()
    networks = build_network(recipe.modal.network), build_network(recipe.amodal.network)
    fitted = []
    fit = calibrate.fit_calibration
    monkeypatch.setattr(calibrate, "fit_calibration", lambda x, y: (fitted.append((x, y)), fit(x, y))[1])
    found = calibrate.fit_on_validation(recipe, *networks, examples=12)
    assert set(read_calibrations(found)) == {"box", "mask"} and found["box"]["examples"] == 12
    (box, occluded), (mask, same) = fitted
    assert box.shape == mask.shape == (12, len(FEATURES)) and occluded is same and 0 < sum(occluded) < 12
    assert not np.allclose(box, mask)  # IIS of an untrained network is not the mask
    assert calibrate.fit_on_validation(recipe, *networks, examples=12) == found


def test_photographs_must_be_kept(make_recipe: Make) -> None:
    recipe = make_recipe()
    recipe = replace(recipe, data=tuple(replace(source, validation="") for source in recipe.data))
    networks = build_network(recipe.modal.network), build_network(recipe.amodal.network)
    with pytest.raises(RecipeError, match="kept for validation"):
        calibrate.fit_on_validation(recipe, *networks)
