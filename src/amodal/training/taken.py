"""The modal network of another run, which ``modal_from`` names: taken, not trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from torch import nn

from ..core.errors import RecipeError
from ..models.config import ModelConfig
from ..models.weights import build_network
from .checkpoint import CHECKPOINT, categories_of, finished_weights
from .config import Recipe
from .start import same_categories

_REMEDY = "train the modal network first, or give another folder"


def finished_modal(recipe: Recipe) -> nn.Module:
    """The modal network of the run ``recipe.modal_from``, in evaluation mode.

    Raises:
        RecipeError: the folder holds no run, one of another network, or one that is not at its end.
    """
    path = Path(recipe.modal_from) / "recipe.json"
    given, steps = _told(path)
    own = json.loads(json.dumps(asdict(recipe.modal.network)))
    theirs = json.loads(json.dumps(asdict(ModelConfig()))) | given  # settings that came later than that run
    differs = sorted(key for key in own if theirs[key] != own[key])
    if differs:
        raise RecipeError(
            f"modal.network is that of the run modal_from names; {', '.join(differs)} is not",
            file=path,
            value={key: theirs[key] for key in differs},
            remedy="give modal.network the values of that recipe",
        )
    network = build_network(recipe.modal.network)
    folder = path.parent / "modal"
    try:
        network.load_state_dict(finished_weights(folder, steps))
    except RuntimeError as problem:  # torch lists what does not fit
        raise RecipeError(
            f"a checkpoint holds the network of its run's recipe.json ({' '.join(str(problem).split())[:200]})",
            file=folder / CHECKPOINT,
            remedy=_REMEDY,
        ) from None
    return network.eval()


def check_modal_categories(own: Sequence[str], folder: str) -> None:
    """See that the modal network of a finished run has the categories of the data; older runs do not tell.

    Raises:
        RecipeError: other categories, or in another order; or its checkpoint is damaged.
    """
    stage = Path(folder) / "modal"
    theirs = categories_of(stage)
    if theirs is not None:
        same_categories(own, theirs, "the run modal_from names", stage / CHECKPOINT)


def modal_digest(folder: str) -> str:
    """What tells the modal network of a finished run from any other: the SHA-256 of its checkpoint, in hexadecimal.

    Raises:
        RecipeError: there is none.
    """
    path = Path(folder) / "modal" / CHECKPOINT
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise RecipeError(
            f"modal_from is the folder of a run, with the checkpoint of its modal network ({problem.strerror})",
            file=path,
            remedy=_REMEDY,
        ) from None


def _told(path: Path) -> tuple[dict[str, object], int]:
    """The shape and the steps of the modal network, as a run's recipe.json tells them."""
    try:
        modal = json.loads(path.read_text("utf-8"))["modal"]
        network, steps = modal["network"], modal["steps"]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        rule = f"modal_from is the folder of a run, with its recipe.json ({type(problem).__name__}: {problem})"
        raise RecipeError(rule, file=path, remedy=_REMEDY) from None
    if not isinstance(network, dict) or type(steps) is not int:
        rule = "a run's recipe.json has modal.network, an object, and modal.steps, a whole number"
        raise RecipeError(rule, file=path, value=(network, steps), remedy=_REMEDY)
    return network, steps
