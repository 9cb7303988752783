"""Networks that start from trained ones: to go on with other settings, or on photographs of one's own."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ..core.errors import RecipeError
from ..models.config import ModelConfig
from ..models.weights import Role, load_network, read_model_config, sha256_of


def start_from(network: nn.Module, folder: str | Path, role: Role) -> None:
    """Give a network the weights of a weights folder.

    A network that is told of other objects (``others``) may start from one that is not: what it is told has no weight
    at first, so both answer the same.

    Args:
        network: changed in place.
        folder: as `amodal train` and `amodal export` write it.
        role: which of its networks.

    Raises:
        WeightsError: the folder holds no networks that can be read.
        RecipeError: a network of another shape.
    """
    check_start(network.config, folder, role)  # type: ignore[arg-type]
    trained, state = load_network(folder, role), network.state_dict()
    network.load_state_dict({name: _widened(value, state[name]) for name, value in trained.state_dict().items()})


def check_start(own: ModelConfig, folder: str | Path, role: Role) -> None:
    """See that a network of this shape can start from those weights.

    Raises:
        WeightsError: config.json is missing or damaged.
        RecipeError: a network of another shape.
    """
    theirs = read_model_config(folder, role)
    if theirs not in (own, replace(own, others=False)):
        given, wanted = asdict(theirs), asdict(own)
        differs = sorted(key for key in wanted if given[key] != wanted[key])
        raise RecipeError(
            f"the {role} network is that of the weights it starts from; {', '.join(differs)} is not",
            file=folder,
            value={key: given[key] for key in differs},
            remedy=f"give {role}.network these values, or start from other weights",
        )


def digests(folder: str | Path) -> list[str]:
    """What tells the networks of a weights folder from others: the sha256 of both.

    Raises:
        RecipeError: a file is missing.
    """
    try:
        return [sha256_of(Path(folder) / f"{role}.safetensors") for role in ("modal", "amodal")]
    except OSError as problem:
        raise RecipeError(
            f"start_from is a folder of weights ({problem.strerror})",
            file=folder,
            remedy="give a folder that amodal train wrote, or the weights/ of the package",
        ) from None


def _widened(value: Tensor, like: Tensor) -> Tensor:
    """A weight with the input channels of another one; those it lacks, the last, are zero."""
    if value.shape == like.shape:
        return value
    return torch.cat([value, value.new_zeros(len(value), like.shape[1] - value.shape[1], *value.shape[2:])], 1)
