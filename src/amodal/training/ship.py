"""Train, choose the thresholds and calibrate on validation, export: a recipe in, a weights folder out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn
from torch.utils.data import DataLoader

from ..inference.calibration import write_calibrations
from ..inference.export import export_weights
from ..inference.settings import PredictionSettings
from .calibrate import fit_on_validation
from .config import Recipe
from .data import Batch, make_streams
from .run import run_training
from .stages import AmodalStage, ModalStage
from .thresholds import CUTOFFS, best_cutoff, iou_by_cutoff


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
    """The paper's settings, with the thresholds that are best on the validation examples where there are any.

    Returns:
        The settings, and the mean IoU of each network at each cut-off.
    """
    validation = make_streams(recipe)[1]
    if recipe.thresholds == "paper" or validation is None:
        return PredictionSettings(), {}
    batches: list[Batch] = list(DataLoader(validation, batch_size=recipe.amodal.batch_size))
    curves = {
        "modal": iou_by_cutoff(ModalStage(recipe.modal), modal, batches),
        "amodal": iou_by_cutoff(AmodalStage(recipe.amodal, modal), amodal, batches),
    }
    settings = PredictionSettings(
        modal_threshold=best_cutoff(curves["modal"]), amodal_threshold=best_cutoff(curves["amodal"])
    )
    scores = {"examples": len(validation), "cutoffs": list(CUTOFFS)}
    return settings, scores | {name: [round(v, 4) for v in curve.tolist()] for name, curve in curves.items()}
