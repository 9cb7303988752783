from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amodal.core.errors import AmodalError, WeightsError
from amodal.core.masks import Mask
from amodal.core.records import Prediction
from amodal.inference.calibration import (
    FEATURES,
    Calibration,
    fit_calibration,
    heat_features,
    prediction_features,
    read_calibrations,
)
from amodal.inference.folder import update_config
from amodal.inference.networks import load_networks

BOX, FRAME = (10.0, 10.0, 50.0, 50.0), (5.0, 5.0, 55.0, 55.0)
ONES = np.ones((64, 64), np.float32)


def whole(right: float) -> np.ndarray:
    """Heat over the frame: 1 from x = 10 to ``right``, y = 10 to 50."""
    heat = np.zeros((80, 80), np.float32)
    heat[8:72, 8 : round((right - 5) * 80 / 50)] = 1
    return heat


def test_features_of_an_object_that_is_all_seen_are_zero() -> None:
    np.testing.assert_allclose(heat_features(ONES, BOX, whole(50), FRAME, (0, 0, 0, 0)), 0, atol=1e-6)


def test_features_of_a_half_hidden_object() -> None:
    modal = ONES.copy()
    modal[:, 32:] = 0.05
    found = heat_features(modal, BOX, whole(55), FRAME, (0, 0.1, 0.8, 0.2))
    # 45 pixels wide, 20 of them seen, 5 beyond the box
    np.testing.assert_allclose(
        found,
        [(20 * 0.95 + 5) / 45, math.sqrt(25 / 45), math.sqrt(25 / 45), 5 / 45, 0.8],
        atol=0.02,
    )
    assert len(found) == len(FEATURES)
    none = heat_features(modal, BOX, np.zeros((80, 80), np.float32), FRAME, (0, 0, 0, 0))
    assert np.isfinite(none).all() and (none == 0).all()


def test_features_of_a_prediction_need_its_heat() -> None:
    mask = Mask.from_box(BOX, 60, 60)
    with pytest.raises(AmodalError, match="keep_heat"):
        prediction_features(Prediction(1, 1, 0, 1.0, BOX, mask, mask, BOX, 1, "converged"))


def examples(count: int, weights: list[float], bias: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.random((count, len(FEATURES)))
    return x, rng.random(count) < 1 / (1 + np.exp(-(x @ weights + bias)))


def test_the_fit_finds_what_made_the_examples() -> None:
    fit = fit_calibration(*examples(40_000, [3.0, 0.0, 1.0, 5.0, 2.0], -5.0))
    np.testing.assert_allclose(fit["weights"], [3, 0, 1, 5, 2], atol=0.25)
    assert (
        fit["bias"] == pytest.approx(-5, abs=0.25) and fit["examples"] == 40_000 and fit["features"] == list(FEATURES)
    )


def test_probabilities_are_calibrated() -> None:
    x, y = examples(40_000, [3.0, 0.0, 1.0, 5.0, 2.0], -5.0)
    calibration = Calibration.from_mapping(fit_calibration(x[:20_000], y[:20_000]))
    said = np.array([calibration.probability(row) for row in x[20_000:]])
    for low in np.arange(0.0, 1.0, 0.1):
        bin_ = (said >= low) & (said < low + 0.1)
        if bin_.sum() > 300:
            assert y[20_000:][bin_].mean() == pytest.approx(said[bin_].mean(), abs=0.05)


def test_no_weight_falls_below_zero() -> None:
    x, y = examples(5000, [4.0, -6.0, 2.0, -1.0, 0.5], 0.0)
    fit = fit_calibration(x, y)
    weights = np.array(fit["weights"])
    assert weights.min() == 0 and weights[1] == weights[3] == 0 and weights[0] > 2
    calibration = Calibration.from_mapping(fit)
    base = np.full(len(FEATURES), 0.3)
    for i in range(len(FEATURES)):
        more = base.copy()
        more[i] += 0.4
        assert calibration.probability(more) >= calibration.probability(base)


def test_examples_told_apart_perfectly_stay_finite() -> None:
    x = np.zeros((20, len(FEATURES)))
    x[10:, 1] = 1
    fit = fit_calibration(x, x[:, 1] > 0)
    assert all(math.isfinite(v) for v in [*fit["weights"], fit["bias"]]) and fit["log_loss"] < 0.01
    calibration = Calibration.from_mapping(fit)
    assert calibration.probability(x[-1]) > 0.99 and calibration.probability(x[0]) < 0.01


@pytest.mark.parametrize(
    ("features", "occluded", "named"),
    [
        (np.zeros((4, 2)), [0, 1, 0, 1], "finite numbers"),
        (np.zeros((4, 5)), [0, 1], "finite numbers"),
        (np.full((2, 5), np.nan), [0, 1], "finite numbers"),
        (np.zeros((4, 5)), [1, 1, 1, 1], "objects that are not"),
        (np.zeros((0, 5)), [], "objects that are not"),
    ],
)
def test_what_cannot_be_fitted(features: Any, occluded: Any, named: str) -> None:
    with pytest.raises(AmodalError, match=named):
        fit_calibration(features, occluded)


GOOD = {"features": list(FEATURES), "weights": [1, 0, 0, 2.5, 0], "bias": -1}


def test_read() -> None:
    assert read_calibrations({}) == {}
    assert read_calibrations({"box": GOOD})["box"] == Calibration((1, 0, 0, 2.5, 0), -1)


def test_fits_are_read_from_a_weights_folder(toy: SimpleNamespace, tmp_path: Path) -> None:
    folder = toy.write_weights(tmp_path / "w")
    assert load_networks(folder, threads=1).calibrations == {}
    update_config(folder, calibration={"box": GOOD})
    assert load_networks(folder, threads=1).calibrations == {"box": Calibration((1, 0, 0, 2.5, 0), -1)}
    update_config(folder, calibration={"box": 3})
    with pytest.raises(WeightsError, match="calibration"):
        load_networks(folder, threads=1)


@pytest.mark.parametrize(
    "values",
    [
        [],
        {"heat": GOOD},
        {"box": 3},
        {"box": {**GOOD, "features": ["strip"]}},
        {"box": {**GOOD, "weights": [1, 2]}},
        {"box": {**GOOD, "weights": [-1, 0, 0, 0, 0]}},
        {"box": {**GOOD, "bias": None}},
        {"mask": {**GOOD, "bias": float("nan")}},
        {"mask": {**GOOD, "weights": "many"}},
    ],
)
def test_a_broken_calibration_is_named(values: Any) -> None:
    with pytest.raises(WeightsError, match=r"config\.json.*calibration"):
        read_calibrations(values, file="config.json")
