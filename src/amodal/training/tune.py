"""What prediction needs beside trained networks, chosen on validation photographs: thresholds and a calibration."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from ..core.errors import RecipeError
from ..inference.calibration import read_calibrations
from ..inference.folder import CONFIG_FILE, read_config, update_config
from ..inference.settings import PredictionSettings
from ..models.weights import ROLES, load_network
from ..synthesis.stream import OcclusionDataset
from .calibrate import LEVELS, fit_on_validation
from .config import Recipe
from .data import make_streams
from .first_look import check_pictures
from .progress import shown
from .thresholds import CUTOFFS, STRIPS, measure_curves
from .trial import trial

PAPER: dict[str, Any] = {
    "modal_threshold": 0.8,
    "amodal_threshold": 0.7,
    "strip_threshold": 0.1,
    "least_probability": 0.0,
}
"""Section 4.1; it completes every object."""


class Tuned(NamedTuple):
    """What is chosen on validation.

    Attributes:
        settings: of prediction.
        scores: the curves they were chosen by, JSON values; {} where none was measured.
        calibrations: of the probability of occlusion, "box" and "mask"; {} where none was fitted.
    """

    settings: PredictionSettings
    scores: dict[str, Any]
    calibrations: dict[str, Any]


def choose_settings(
    recipe: Recipe,
    validation: OcclusionDataset | None,
    modal: nn.Module,
    amodal: nn.Module,
    settings: PredictionSettings | None = None,
) -> Tuned:
    """The thresholds that are best on validation scenes; the paper's where the recipe says so or has no validation.

    Then, by the recipe's ``calibration_examples``, the probability of occlusion is fitted; and `least_probability` is
    chosen by it among `LEVELS`: the best mean IoU where the exact mask is given, occluded and clear objects counting
    half each.

    Args:
        recipe: says what is measured, and on how many scenes.
        validation: its validation examples, as `data.make_streams` makes them; None where it has none.
        modal, amodal: the trained networks.
        settings: what is kept, but for the thresholds; None: the defaults, with `mirror` and two passes of IIS where
            the networks were trained on mirror images and the thresholds are chosen here.
    """
    mirror = recipe.synthesis.flip and recipe.thresholds != "paper" and validation is not None
    # the mirror image takes the place of the third pass (docs/experiments.md)
    ours = PredictionSettings(mirror=True, iis_passes=2) if mirror else PredictionSettings()
    settings = replace(settings or ours, **PAPER)
    if validation is None:
        return Tuned(settings, {}, {})
    scores: dict[str, Any] = {}
    if recipe.thresholds != "paper":
        count = recipe.validation_examples
        predictor, scenes = trial(validation, modal, amodal, settings, count)
        curves = measure_curves(predictor, shown(scenes, "thresholds", count, "scene"))
        scores = {"scenes": recipe.validation_examples, "cutoffs": list(CUTOFFS), "strips": list(STRIPS)}
        scores |= {name: _rounded(values) for name, values in curves._asdict().items()}
        settings = replace(settings, **curves.best())
    if not recipe.calibration_examples:
        return Tuned(settings, scores, {})
    fit = fit_on_validation(validation, modal, amodal, settings, examples=recipe.calibration_examples)
    if fit is None:
        tqdm.write(
            f"no probability of occlusion is fitted: in {recipe.calibration_examples} scenes the objects are all "
            "occluded, or all clear; raise calibration_examples"
        )
        return Tuned(settings, scores, {})
    if recipe.thresholds != "paper":
        settings = replace(settings, least_probability=fit.given.best())
        given = {name: _rounded(values) for name, values in fit.given._asdict().items()}
        scores["given_masks"] = {"scenes": recipe.calibration_examples, "least_probability": list(LEVELS), **given}
    return Tuned(settings, scores, fit.calibrations)


def settings_of(folder: str | Path) -> Tuned:
    """What was chosen for a weights folder, for networks that start from it where there is nothing to choose by.

    Raises:
        WeightsError, RecipeError: config.json is missing or damaged.
    """
    folder = Path(folder)
    config = read_config(folder)
    settings = PredictionSettings.from_mapping(config.get("prediction", {}), file=folder / CONFIG_FILE)
    calibrations = config.get("calibration", {})
    read_calibrations(calibrations, file=folder / CONFIG_FILE)
    return Tuned(settings, {}, calibrations)


def choose_for(recipe: Recipe, folder: str | Path) -> Tuned:
    """Choose the thresholds and fit the calibration anew for the networks of a weights folder, which is left as it is.

    Args:
        recipe: that of the networks; its validation photographs are used.
        folder: of weights.

    Returns:
        As `choose_settings`.

    Raises:
        RecipeError: a recipe of other networks or with other categories, or without validation photographs.
        WeightsError: the folder holds no networks that can be read.
    """
    folder = Path(folder)
    config = read_config(folder)
    networks = {role: load_network(folder, role) for role in ROLES}
    for role in ROLES:
        wanted = (recipe.modal if role == "modal" else recipe.amodal).network
        if networks[role].config != wanted:
            raise RecipeError(
                f"the recipe's {role}.network is that of the weights", file=folder / CONFIG_FILE, value=wanted
            )
    if not any(source.validated for source in recipe.data):
        raise RecipeError(
            "tuning needs photographs kept for validation", remedy='give a source "validation" or "validation_share"'
        )
    torch.set_num_threads(recipe.threads or torch.get_num_threads())
    kept = PredictionSettings.from_mapping(config.get("prediction", {}), file=folder / CONFIG_FILE)
    names = config.get("categories", []) if recipe.modal.network.num_categories else None
    validation = make_streams(recipe, names)[1]  # numbered as the channels of the networks are
    if validation is not None:
        check_pictures(validation)
    return choose_settings(recipe, validation, networks["modal"], networks["amodal"], kept)


def write_tuned(folder: str | Path, tuned: Tuned) -> None:
    """Put what was chosen for the networks of a folder into its config.json.

    Raises:
        WeightsError: config.json is missing or damaged.
    """
    notes = {key: value for key, value in (read_config(Path(folder)).get("notes") or {}).items() if key != "validation"}
    notes |= {"validation": tuned.scores} if tuned.scores else {}
    # all at once, or not at all; a calibration of the former thresholds would mislead
    update_config(folder, prediction=asdict(tuned.settings), notes=notes, calibration=tuned.calibrations)


def _rounded(values: NDArray[np.float64]) -> Any:
    return values.round(4).tolist()
