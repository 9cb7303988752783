"""Networks that start from trained ones: to go on with other settings, or on photographs of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from ..core.errors import RecipeError
from ..inference.folder import CONFIG_FILE, read_config
from ..models.config import ModelConfig
from ..models.weights import Role, check_digest, load_network, read_model_config, sha256_of


def start_from(network: nn.Module, folder: str | Path, role: Role) -> None:
    """Give a network the weights of a weights folder.

    A network that is told of other objects (``others``) may start from one that is not, one that looks at a
    ``detector`` from one that does not, and one with more channels in its decoder (``widths``) from one with fewer:
    what is new has no weight at first in what was there, so both answer the same.

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
    grown = {name: _grown(value, state[name]) for name, value in trained.state_dict().items()}
    silent = {name: torch.zeros_like(state[name]) for name in state if name.endswith(".detected.1.weight")}
    network.load_state_dict(state | silent | grown)


def check_start(own: ModelConfig, folder: str | Path, role: Role) -> None:
    """See that a network of this shape can start from those weights.

    Raises:
        WeightsError: config.json or the network's file is missing or damaged.
        RecipeError: a network of another shape.
    """
    check_digest(folder, role)
    theirs = read_model_config(folder, role)
    differs = _misfits(theirs, own)
    if differs:
        given = asdict(theirs)
        raise RecipeError(
            f"the {role} network is that of the weights it starts from; {', '.join(differs)} is not",
            file=folder,
            value={key: given[key] for key in differs},
            remedy=f"give {role}.network these values, or start from other weights",
        )


def check_categories(own: Sequence[str], folder: str | Path) -> None:
    """See that networks with a channel a category can start from those weights: the same names in the same order.

    Raises:
        WeightsError: config.json is missing or damaged.
        RecipeError: other categories, or in another order.
    """
    path = Path(folder)
    same_categories(own, read_config(path).get("categories", []), "the weights start_from names", path / CONFIG_FILE)


def same_categories(own: Sequence[str], theirs: Sequence[str], whose: str, file: Path) -> None:
    """Raises RecipeError unless two lists of categories are the same, in order; ``whose`` is the second one's."""
    if list(own) != list(theirs):
        raise RecipeError(
            f"the categories of the data are those of {whose}, in their order: {', '.join(theirs) or 'none'}",
            file=file,
            value=", ".join(own),
            remedy="give annotation files that list them so, or other weights",
        )


def digests(folder: str | Path) -> list[str]:
    """What tells the networks of a weights folder from others: the sha256 of both.

    Raises:
        RecipeError: a file is missing.
    """
    try:
        return [sha256_of(Path(folder) / f"{role}.safetensors") for role in ("modal", "amodal")]
    except OSError as problem:
        inside = Path(folder) / "weights"  # where the folder is a run's
        found = f"{inside}, " if (inside / CONFIG_FILE).is_file() else ""
        raise RecipeError(
            f"start_from is a folder of weights ({problem.strerror})",
            file=folder,
            remedy=f"give {found}a folder that amodal train wrote or, to amodal train, the word shipped",
        ) from None


def _misfits(smaller: ModelConfig, larger: ModelConfig) -> list[str]:
    """The settings that keep a network from being another one with more: told of others, a detector, more channels."""
    given, wanted = asdict(smaller), asdict(larger)
    differs = {key for key in wanted if given[key] != wanted[key]}
    if larger.architecture == "onet":
        return sorted(differs)
    fits = {
        "others": larger.others,
        "detector": not smaller.detector,
        "widths": len(smaller.widths) == len(larger.widths)
        and all(few <= many for few, many in zip(smaller.widths, larger.widths, strict=True)),
    }
    return sorted(key for key in differs if not fits.get(key))


def _grown(value: Tensor, fresh: Tensor) -> Tensor:
    """A weight with the channels of a larger one: outputs it lacks are fresh, its own ones ignore inputs it lacks."""
    if value.shape == fresh.shape:
        return value
    grown = fresh.clone()
    grown[: len(value)] = 0
    grown[tuple(slice(size) for size in value.shape)] = value
    return grown
