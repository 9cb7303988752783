"""Checkpoints: all that a run needs to go on as if it had never stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import RecipeError

_NAME = "checkpoint.pt"


def write_checkpoint(folder: str | Path, state: dict[str, Any]) -> None:
    """Write ``checkpoint.pt`` beside its place and rename it: killed at any moment, the old or the new one is there."""
    _save(Path(folder) / _NAME, state)


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
    state = _load(path)
    if state.get("fingerprint") != fingerprint:
        raise RecipeError(
            "a run resumes with the recipe it began with",
            file=path,
            remedy="give the recipe unchanged, or another --output",
        )
    return state


def finished_weights(folder: str | Path, steps: int) -> dict[str, Tensor]:
    """The weights a finished stage kept: the best by validation, else the last average.

    Raises:
        RecipeError: no checkpoint, a damaged one, or one of a stage that is not at its end.
    """
    path = Path(folder) / _NAME
    state: dict[str, Any] = _load(path) if path.exists() else {"step": 0}
    if state["step"] != steps:
        raise RecipeError(
            f"a network is taken from a stage that was trained to its end, {steps} steps",
            file=path,
            value=state["step"],
            remedy="train it first, or go on with --resume",
        )
    kept: dict[str, Tensor] = state["average"] if state["best"] is None else state["best"]
    return kept


def write_network(folder: str | Path, name: str, network: nn.Module) -> None:
    """Write a network's weights as ``<name>.pt``, beside its place first."""
    _save(Path(folder) / f"{name}.pt", network.state_dict())


def read_network(folder: str | Path, name: str, network: nn.Module) -> nn.Module:
    """Load what `write_network` wrote into a network of the same shape.

    Raises:
        RecipeError: the file is missing or damaged.
    """
    network.load_state_dict(_load(Path(folder) / f"{name}.pt"))
    return network


def _save(path: Path, state: dict[str, Any]) -> None:
    beside = path.with_name(f".{path.name}.part")
    torch.save(state, beside)
    beside.replace(path)


def _load(path: Path) -> dict[str, Any]:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)  # type: ignore[no-any-return]
    except Exception as problem:  # torch raises whatever the damage leads to
        raise RecipeError(
            f"the checkpoint cannot be read ({problem})", file=path, remedy="remove it and start again"
        ) from problem
