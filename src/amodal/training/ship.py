"""Train, choose the thresholds and calibrate on validation, export: a recipe in, a weights folder out."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..core.errors import WeightsError
from ..inference.export import export_weights
from ..inference.folder import CONFIG_FILE, read_config
from ..models.weights import packed
from .checkpoint import kept_weights, read_checkpoint
from .config import Recipe
from .data import make_streams
from .fingerprint import fingerprint_of
from .processes import is_first
from .run import at_work, begin
from .tune import choose_settings, settings_of


def is_trained(recipe: Recipe) -> bool:
    """Whether `train_and_ship` has come to its end in the recipe's output folder, with this recipe.

    The weights there may be older than the run, or the run may have been killed before it wrote its own: config.json,
    which is written last, has the digests of what the run's checkpoints keep.
    """
    output = Path(recipe.output)
    weights = output / "weights"
    if not (weights / CONFIG_FILE).is_file():
        return False
    fingerprint = fingerprint_of(recipe)
    try:
        digests = read_config(weights).get("sha256", {})
    except WeightsError:  # damaged: written anew
        return False
    for name in recipe.stages if not recipe.modal_from else ("amodal",):
        state, file = read_checkpoint(output / name, fingerprint), f"{name}.safetensors"
        if state is None or state["step"] != getattr(recipe, name).steps:
            return False
        try:
            content = packed(kept_weights(state), weights / file)
        except WeightsError:  # `train_and_ship` says so
            return False
        if digests.get(file) != hashlib.sha256(content).hexdigest():
            return False
    return True


def train_and_ship(recipe: Recipe, *, resume: bool = False) -> Path:
    """Train the networks and write ``<recipe.output>/weights``.

    Under torchrun the first process alone does what comes after training.

    Returns:
        The weights folder; the run's own where it trains the modal network alone, whose checkpoint other runs take by
        ``modal_from``.

    Raises:
        RecipeError, AnnotationError, ImageError: as `run_training`.
        WeightsError: as `export_weights`.
    """
    fingerprint = begin(recipe, resume=resume)
    kept = None
    if recipe.start_from and recipe.thresholds != "paper" and not any(source.validated for source in recipe.data):
        kept = settings_of(recipe.start_from)  # now: what cannot be read is told before hours of training
    streams = make_streams(recipe)  # once: reading and looking through photographs takes minutes where there are many
    training, validation = streams
    with at_work(recipe, streams, fingerprint) as (modal, amodal):
        if amodal is None or not is_first():
            return Path(recipe.output) if amodal is None else Path(recipe.output) / "weights"
        tuned = kept or choose_settings(recipe, validation, modal, amodal)
        notes: dict[str, Any] = {"recipe": asdict(recipe), "validation": tuned.scores}
        tqdm.write("exporting both networks to ONNX")  # half a minute in which nothing else is told
        return export_weights(
            Path(recipe.output) / "weights",
            {"modal": modal, "amodal": amodal},
            tuned.settings,
            categories=training.material.categories if recipe.modal.network.num_categories else (),
            notes=notes,
            calibrations=tuned.calibrations,
        )
