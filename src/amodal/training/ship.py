"""Train, choose the thresholds and calibrate on validation, export: a recipe in, a weights folder out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from ..inference.calibration import write_calibrations
from ..inference.export import export_weights
from ..inference.settings import PredictionSettings
from .calibrate import fit_on_validation
from .config import Recipe
from .data import make_streams
from .run import run_training
from .thresholds import CUTOFFS, best_cutoff, iou_by_cutoff
from .trial import trial


def train_and_ship(recipe: Recipe, *, resume: bool = False) -> Path:
    """Train both networks and write ``<recipe.output>/weights``.

    Raises:
        RecipeError, AnnotationError, ImageError: as `run_training`.
        WeightsError: as `export_weights`.
    """
    modal, amodal = run_training(recipe, resume=resume)
    settings, scores = choose_settings(recipe, modal, amodal)
    notes: dict[str, Any] = {"recipe": asdict(recipe), "validation": scores}
    categories: tuple[str, ...] = ()
    if recipe.modal.network.num_categories:
        categories = make_streams(recipe)[0].material.categories
    folder = export_weights(
        Path(recipe.output) / "weights",
        {"modal": modal, "amodal": amodal},
        settings,
        categories=categories,
        notes=notes,
    )
    if scores and recipe.calibration_examples:
        fit = fit_on_validation(recipe, modal, amodal, settings, examples=recipe.calibration_examples)
        write_calibrations(folder, fit)
    return folder


def choose_settings(recipe: Recipe, modal: nn.Module, amodal: nn.Module) -> tuple[PredictionSettings, dict[str, Any]]:
    """The paper's settings, with the thresholds that are best on validation scenes where the recipe has any.

    Returns:
        The settings, and the mean IoU of each network's heat at each cut-off.
    """
    if recipe.thresholds == "paper" or not any(source.validation for source in recipe.data):
        return PredictionSettings(), {}
    curves = iou_by_cutoff(*trial(recipe, modal, amodal, PredictionSettings(), recipe.validation_examples))
    settings = PredictionSettings(
        modal_threshold=best_cutoff(curves["modal"]), amodal_threshold=best_cutoff(curves["amodal"])
    )
    scores = {"scenes": recipe.validation_examples, "cutoffs": list(CUTOFFS)}
    return settings, scores | {name: [round(v, 4) for v in curve.tolist()] for name, curve in curves.items()}
