"""How likely an object is occluded, fitted on photographs never trained on, through prediction itself."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from ..core.masks import Mask
from ..inference.calibration import Calibration, fit_calibration, prediction_features
from ..inference.settings import PredictionSettings
from ..synthesis.stream import OcclusionDataset
from .progress import shown
from .question import Question
from .trial import trial
from .validate import OCCLUDED

LEVELS: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
"""What `PredictionSettings.least_probability` is chosen among; 0, the paper's, always completes."""


class GivenMasks(NamedTuple):
    """What each of `LEVELS` is worth where the exact visible mask is given: mean IoU with the whole mask, 0-1.

    Attributes:
        occluded: of objects more than 5 % hidden, ``(len(LEVELS),)``.
        clear: of the others.
    """

    occluded: NDArray[np.float64]
    clear: NDArray[np.float64]

    def mean(self) -> NDArray[np.float64]:
        """Occluded and clear objects counting half each, whatever their number among the scenes."""
        return (self.occluded + self.clear) / 2

    def best(self) -> float:
        """The level with the highest mean; the lowest of those that tie.

        >>> GivenMasks(np.linspace(0.8, 0.74, 7), np.array([0.9, 0.92, 0.93, 0.96, 0.965, 0.97, 0.97])).best()
        0.3
        """
        return LEVELS[int(np.argmax(self.mean()))]


class Fit(NamedTuple):
    """What `fit_on_validation` found.

    Attributes:
        calibrations: ``{"box": ..., "mask": ...}``, each as `fit_calibration` returns it: "calibration" of a weights
            folder's config.json.
        given: what leaving given masks alone is worth, by the calibration under "mask".
    """

    calibrations: dict[str, Any]
    given: GivenMasks


def fit_on_validation(
    validation: OcclusionDataset | None,
    modal: nn.Module,
    amodal: nn.Module,
    settings: PredictionSettings | None = None,
    *,
    examples: int = 600,
) -> Fit | None:
    """Fit the probability that more than 5 % of an object is hidden, and measure what it is worth to heed it.

    Scenes with made occlusion, whose truth is exact, go through the same `Predictor` that users call: once with the
    exact box of the visible part, once with its exact mask. The features are therefore those met in prediction.

    Args:
        validation: the recipe's validation examples, as `data.make_streams` makes them.
        modal, amodal: the trained networks.
        settings: those the networks ship with; None: the paper's.
        examples: how many scenes.

    Returns:
        None where the scenes, being few, show occluded objects only, or none: there is nothing to fit then.

    Raises:
        RecipeError: no photograph is kept for validation.
    """
    predictor, scenes = trial(validation, modal, amodal, settings or PredictionSettings(), examples)
    rows: dict[str, list[NDArray[np.float64]]] = {"box": [], "mask": []}
    occluded: list[bool] = []
    ious: list[tuple[float, float]] = []
    for place, scene in enumerate(shown(scenes, "calibration", examples, "scene")):
        question = Question.of(scene, place, predictor.networks)
        rows["box"].append(prediction_features(question.by_box(predictor)))
        by_mask = question.by_mask(predictor)  # always completed: a trial has no calibration
        rows["mask"].append(prediction_features(by_mask))
        whole = Mask.from_array(scene.own)
        ious.append((by_mask.modal_mask.iou(whole), by_mask.amodal_mask.iou(whole)))
        occluded.append(bool(1 - np.count_nonzero(scene.visible) / np.count_nonzero(scene.own) > OCCLUDED))
    if len(set(occluded)) < 2:
        return None
    fits = {way: fit_calibration(np.array(features), occluded) for way, features in rows.items()}
    calibration = Calibration.from_mapping(fits["mask"])
    probability = [calibration.probability(features) for features in rows["mask"]]
    as_given, completed = np.array(ious).T
    return Fit(fits, weigh_levels(probability, as_given, completed, occluded))


def weigh_levels(probability: ArrayLike, as_given: ArrayLike, completed: ArrayLike, occluded: ArrayLike) -> GivenMasks:
    """Mean IoU where a mask is left as given below each of `LEVELS` and completed from there on.

    Args:
        probability: of occlusion, 0-1, ``(n,)``.
        as_given, completed: IoU of the given and of the completed mask with the whole, ``(n,)``.
        occluded: bool ``(n,)``, of both kinds.

    >>> found = weigh_levels([0.05, 0.55], [1.0, 0.5], [0.9, 0.8], [False, True])
    >>> found.clear.tolist(), found.occluded.tolist()
    ([0.9, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.5, 0.5, 0.5])
    """
    left = np.asarray(probability)[None, :] < np.array(LEVELS)[:, None]
    iou, hidden = np.where(left, as_given, completed), np.asarray(occluded, np.bool_)
    return GivenMasks(iou[:, hidden].mean(axis=1), iou[:, ~hidden].mean(axis=1))
