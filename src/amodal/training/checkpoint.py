"""Checkpoints: all that a run needs to go on as if it had never stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..core.errors import RecipeError

_NAME = "checkpoint.pt"


def write_checkpoint(folder: str | Path, state: dict[str, Any]) -> None:
    """Write ``checkpoint.pt`` beside its place and rename it: killed at any moment, the old or the new one is there."""
    path = Path(folder) / _NAME
    beside = path.with_name(f".{_NAME}.part")
    torch.save(state, beside)
    beside.replace(path)


def has_checkpoint(folder: str | Path) -> bool:
    """Whether a stage was begun."""
    return (Path(folder) / _NAME).exists()


def read_checkpoint(folder: str | Path, fingerprint: str) -> dict[str, Any] | None:
    """The last checkpoint of a run, None where there is none. Tensors and plain values only, nothing is unpickled.

    Args:
        folder: of the stage.
        fingerprint: the recipe's; another one in the checkpoint is an error.

    Raises:
        RecipeError: the checkpoint belongs to another recipe, or is damaged.
    """
    path = Path(folder) / _NAME
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # torch raises whatever the damage leads to
        raise RecipeError(
            f"the checkpoint cannot be read ({problem})", file=path, remedy="remove it and start again"
        ) from problem
    if state.get("fingerprint") != fingerprint:
        raise RecipeError(
            "a run resumes with the recipe it began with",
            file=path,
            remedy="give the recipe unchanged, or another --output",
        )
    return state
