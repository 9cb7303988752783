"""What prediction needs beside trained networks, chosen on validation photographs: thresholds and a calibration."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.errors import RecipeError
from ..inference.folder import CONFIG_FILE, read_config, update_config
from ..inference.settings import PredictionSettings
from ..models.weights import ROLES, load_network
from .calibrate import fit_on_validation
from .config import Recipe
from .thresholds import CUTOFFS, STRIPS, measure_curves
from .trial import trial

PAPER: dict[str, Any] = {"modal_threshold": 0.8, "amodal_threshold": 0.7, "strip_threshold": 0.1}
"""Section 4.1."""


def choose_settings(
    recipe: Recipe, modal: nn.Module, amodal: nn.Module, settings: PredictionSettings | None = None
) -> tuple[PredictionSettings, dict[str, Any]]:
    """The thresholds that are best on validation scenes; the paper's where the recipe says so or has no validation.

    Args:
        recipe: its validation photographs are used.
        modal, amodal: the trained networks.
        settings: what is kept, but for the thresholds; None: the defaults.

    Returns:
        The settings, and the mean IoU of each network's heat at each threshold ({} where none was measured).
    """
    settings = replace(settings or PredictionSettings(), **PAPER)
    if recipe.thresholds == "paper" or not any(source.validation for source in recipe.data):
        return settings, {}
    curves = measure_curves(*trial(recipe, modal, amodal, settings, recipe.validation_examples))
    scores = {"scenes": recipe.validation_examples, "cutoffs": list(CUTOFFS), "strips": list(STRIPS)}
    means = {name: values.round(4).tolist() for name, values in curves._asdict().items()}
    return replace(settings, **curves.best()), scores | means


def tune_weights(recipe: Recipe, folder: str | Path) -> tuple[PredictionSettings, dict[str, Any]]:
    """Choose the thresholds and fit the calibration of a weights folder anew; its networks stay as they are.

    Args:
        recipe: that of the networks; its validation photographs are used.
        folder: of weights; config.json is replaced.

    Returns:
        As `choose_settings`.

    Raises:
        RecipeError: a recipe of other networks, or without validation photographs.
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
    if not any(source.validation for source in recipe.data):
        raise RecipeError("tuning needs photographs kept for validation", remedy='give a source "validation"')
    torch.set_num_threads(recipe.threads or torch.get_num_threads())
    kept = PredictionSettings.from_mapping(config.get("prediction", {}), file=folder / CONFIG_FILE)
    settings, scores = choose_settings(recipe, networks["modal"], networks["amodal"], kept)
    fits: dict[str, Any] = {}  # one of the former thresholds would mislead
    if recipe.calibration_examples:
        fits = fit_on_validation(
            recipe, networks["modal"], networks["amodal"], settings, examples=recipe.calibration_examples
        )
    notes = {key: value for key, value in config.get("notes", {}).items() if key != "validation"}
    notes |= {"validation": scores} if scores else {}
    update_config(folder, prediction=asdict(settings), notes=notes, calibration=fits)  # at once, or not at all
    return settings, scores
