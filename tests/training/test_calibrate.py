from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from amodal.core.errors import RecipeError
from amodal.inference.calibration import FEATURES, read_calibrations
from amodal.inference.settings import PredictionSettings
from amodal.models.weights import build_network
from amodal.training import calibrate
from amodal.training.config import Recipe
from amodal.training.data import make_streams

Make = Callable[..., Recipe]


def test_the_fit_is_of_what_prediction_meets(make_recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = make_recipe()
    validation = make_streams(recipe)[1]
    networks = build_network(recipe.modal.network), build_network(recipe.amodal.network)
    settings = PredictionSettings(0.3, 0.3, max_steps=2)  # low enough for an untrained network to find too much
    fitted = []
    fit = calibrate.fit_calibration
    monkeypatch.setattr(calibrate, "fit_calibration", lambda x, y: (fitted.append((x, y)), fit(x, y))[1])
    found = calibrate.fit_on_validation(validation, *networks, settings, examples=12)
    fits = found.calibrations
    assert set(read_calibrations(fits)) == {"box", "mask"} and fits["box"]["examples"] == 12
    (box, occluded), (mask, same) = fitted
    assert box.shape == mask.shape == (12, len(FEATURES)) and occluded is same and 0 < sum(occluded) < 12
    assert not np.allclose(box, mask)  # IIS of an untrained network is not the mask
    again = calibrate.fit_on_validation(validation, *networks, settings, examples=12)
    assert again.calibrations == fits and [a.tolist() for a in again.given] == [a.tolist() for a in found.given]
    # level 0 completes all of them
    assert found.given.clear[0] == min(found.given.clear) < 0.99 and len(found.given.occluded) == len(calibrate.LEVELS)


def test_given_masks_are_left_below_the_level() -> None:
    rng = np.random.default_rng(0)
    probability, given, completed = rng.random((3, 40))
    occluded = rng.random(40) < 0.7
    found = calibrate.weigh_levels(probability, given, completed, occluded)
    for level, hidden, clear in zip(calibrate.LEVELS, found.occluded, found.clear, strict=True):
        rows = [(g if p < level else c, o) for p, g, c, o in zip(probability, given, completed, occluded, strict=True)]
        for want, mean in ((True, hidden), (False, clear)):
            assert mean == pytest.approx(np.mean([iou for iou, o in rows if o == want]))
    level = int(np.argmax((found.occluded + found.clear) / 2))  # not weighed by how many of each there are
    assert found.best() == calibrate.LEVELS[level]


def test_photographs_must_be_kept(make_recipe: Make) -> None:
    recipe = make_recipe()
    networks = build_network(recipe.modal.network), build_network(recipe.amodal.network)
    with pytest.raises(RecipeError, match="kept for validation"):
        calibrate.fit_on_validation(None, *networks)
