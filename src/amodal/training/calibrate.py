"""How likely an object is occluded, fitted on photographs never trained on, through prediction itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ..core.masks import Mask
from ..inference.calibration import fit_calibration, prediction_features
from ..inference.predictor import Predictor
from ..inference.settings import PredictionSettings
from ..synthesis.canvas import tight_box
from ..synthesis.composite import Composite
from .config import Recipe
from .trial import trial
from .validate import OCCLUDED


def fit_on_validation(
    recipe: Recipe,
    modal: nn.Module,
    amodal: nn.Module,
    settings: PredictionSettings | None = None,
    *,
    examples: int = 600,
) -> dict[str, Any]:
    """Fit the probability that more than 5 % of an object is hidden.

    Scenes with made occlusion, whose truth is exact, go through the same `Predictor` that users call: once with the
    exact box of the visible part, once with its exact mask. The features are therefore those met in prediction.

    Args:
        recipe: its validation photographs are used.
        modal, amodal: the trained networks.
        settings: those the networks ship with; None: the paper's.
        examples: how many scenes.

    Returns:
        ``{"box": ..., "mask": ...}``, each as `fit_calibration` returns it: "calibration" of a weights folder's
        config.json.

    Raises:
        RecipeError: the recipe keeps no photograph for validation.
        AmodalError: the scenes show occluded objects only, or none.
    """
    predictor, scenes = trial(recipe, modal, amodal, settings or PredictionSettings(), examples)
    rows: dict[str, list[NDArray[np.float64]]] = {"box": [], "mask": []}
    occluded: list[bool] = []
    for scene in scenes:
        for way, features in _features(predictor, scene).items():
            rows[way].append(features)
        occluded.append(bool(1 - np.count_nonzero(scene.visible) / np.count_nonzero(scene.own) > OCCLUDED))
    return {way: fit_calibration(np.array(features), occluded) for way, features in rows.items()}


def _features(predictor: Predictor, scene: Composite) -> dict[str, NDArray[np.float64]]:
    predictor.set_image(scene.image)
    told = [scene.category] if predictor.networks.categories else None
    (by_box,) = predictor.predict([tight_box(scene.visible)], told, keep_heat=True)
    (by_mask,) = predictor.predict(masks=[Mask.from_array(scene.visible)], categories=told, keep_heat=True)
    return {"box": prediction_features(by_box), "mask": prediction_features(by_mask)}
