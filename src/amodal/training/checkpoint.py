"""Checkpoints: all that a run needs to go on as if it had never stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import RecipeError

CHECKPOINT = "checkpoint.pt"
_REMEDY = "remove it and start again"


def write_checkpoint(folder: str | Path, state: dict[str, Any]) -> None:
    """Write ``checkpoint.pt`` beside its place and rename it: killed at any moment, the old or the new one is there."""
    _save(Path(folder) / CHECKPOINT, state)


def has_checkpoint(folder: str | Path) -> bool:
    """Whether a stage was begun."""
    return (Path(folder) / CHECKPOINT).exists()


def read_checkpoint(folder: str | Path, fingerprint: str, material: str = "") -> dict[str, Any] | None:
    """The last checkpoint of a run, None where there is none. Tensors and plain values only, nothing is unpickled.

    Args:
        folder: of the stage.
        fingerprint: of the run, by `fingerprint.fingerprint_of`; another one in the checkpoint is an error.
        material: digest of what examples are made of, where it is known yet; so is another one.

    Raises:
        RecipeError: the checkpoint belongs to another recipe, modal network or set of objects, or is damaged.
    """
    path = Path(folder) / CHECKPOINT
    if not path.exists():
        return None
    state = _load(path, "fingerprint", "step")
    began, now = (str(of).partition("+") for of in (state["fingerprint"], fingerprint))
    if began[0] != now[0]:
        raise RecipeError(
            "a run resumes with the recipe it began with, and the weights that one starts from",
            file=path,
            remedy="give the recipe unchanged, or another --output",
        )
    if began != now:
        raise RecipeError(
            "a run resumes with the modal network it began with: modal_from holds other weights now",
            file=path,
            value=f"sha256 {now[2][:12] or 'none'} after {began[2][:12] or 'none'}",
            remedy="give the folder of those weights, or another --output",
        )
    if material and state.get("material", material) != material:
        raise RecipeError(
            "a run resumes with the photographs and masks it began with; an annotation file or a list has changed",
            file=path,
            remedy="give those of then, or another --output; --start_from goes on from finished weights",
        )
    return state


def finished_weights(folder: str | Path, steps: int) -> dict[str, Tensor]:
    """The weights a finished stage kept: the best by validation, else the last average.

    Raises:
        RecipeError: no checkpoint, a damaged one, or one of a stage that is not at its end.
    """
    path = Path(folder) / CHECKPOINT
    state: dict[str, Any] = _load(path, "step", "best", "average") if path.exists() else {"step": 0}
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


def _load(path: Path, *keys: str) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # torch raises whatever the damage leads to
        raise RecipeError(f"the checkpoint cannot be read ({problem})", file=path, remedy=_REMEDY) from problem
    if not isinstance(state, dict) or not state.keys() >= set(keys):
        raise RecipeError("a checkpoint is what training wrote", file=path, value=type(state), remedy=_REMEDY)
    return state
