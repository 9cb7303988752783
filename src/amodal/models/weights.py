"""Networks in a weights folder: half-precision safetensors beside one config.json."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from ..core.errors import RecipeError, WeightsError
from ..core.files import write_bytes
from .config import ModelConfig
from .hypercolumn import Hypercolumn
from .onet import ONet

Role = Literal["modal", "amodal"]
ROLES: tuple[Role, ...] = ("modal", "amodal")
_CONFIG = "config.json"
_COPY = "copy the folder again: the file is damaged or from another training"


def build_network(config: ModelConfig, *, backbone_weights: str | Path | None = None) -> nn.Module:
    """The network a config describes, new or on a pretrained backbone; a detector in it has random weights."""
    kind = ONet if config.architecture == "onet" else Hypercolumn
    return kind(config, backbone_weights=backbone_weights)


def save_network(folder: str | Path, role: Role, state: dict[str, Tensor]) -> None:
    """Write ``<role>.safetensors``, as `packed`; beside its place first, then renamed.

    Raises:
        WeightsError: a weight is not finite, or too large for half precision.
    """
    path = Path(folder) / f"{role}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, packed(state, path))  # save_file would make a file that only its owner reads


def packed(state: dict[str, Tensor], path: str | Path) -> bytes:
    """A network's weights as a safetensors file: float16, batch norm statistics float32.

    Args:
        state: of the network.
        path: named in errors.

    Raises:
        WeightsError: a weight is not finite, or too large for half precision.
    """
    kept: dict[str, Tensor] = {}
    for name, tensor in state.items():
        half = tensor.is_floating_point() and "running_" not in name
        value = tensor.detach().cpu().to(torch.float16 if half else tensor.dtype).contiguous()
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise WeightsError("weights are finite in half precision", file=path, record=name, remedy="train again")
        kept[name] = value
    return save(kept)


def load_network(folder: str | Path, role: Role) -> nn.Module:
    """Build a network from a weights folder and load it, in float32 and evaluation mode.

    Raises:
        WeightsError: a file is missing, is no safetensors file or not the one config.json gives the digest of, or holds
            other names or shapes than the config says.
    """
    config = read_model_config(folder, role)
    path = Path(folder) / f"{role}.safetensors"
    try:
        network = build_network(config)
    except RecipeError as problem:
        raise _unfit(folder, role, problem) from None
    try:
        state = load(_checked(folder, role))
    except SafetensorError as problem:
        raise WeightsError(f"not a safetensors file ({problem})", file=path, remedy="copy it again") from None
    load_state(network, {name: t.float() if t.is_floating_point() else t for name, t in state.items()}, path)
    return network.eval()


def check_digest(folder: str | Path, role: Role) -> None:
    """Refuse a network's safetensors that are missing, or are not those their config.json was written for.

    A folder that is still being written gives no digests.

    Raises:
        WeightsError: as said, or config.json is missing or damaged.
    """
    _checked(folder, role)


def _checked(folder: str | Path, role: Role) -> bytes:
    path = Path(folder) / f"{role}.safetensors"
    digests = _read_config(folder, role).get("sha256", {})
    if not isinstance(digests, dict):
        raise WeightsError('"sha256" is an object', file=path.with_name(_CONFIG), value=digests, remedy=_COPY)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise WeightsError("the weights folder holds this file", file=path, remedy="export it again") from None
    except OSError as problem:
        raise WeightsError(f"a network's file cannot be read ({problem.strerror})", file=path, remedy=_COPY) from None
    wanted, found = digests.get(path.name), hashlib.sha256(content).hexdigest()
    if wanted is not None and found != wanted:
        raise WeightsError(
            f"the file has the sha256 its {_CONFIG} gives, {wanted}", file=path, value=found, remedy=_COPY
        )
    return content


def load_state(network: nn.Module, state: dict[str, Tensor], path: str | Path) -> None:
    """Load a state that must fit exactly; raises WeightsError naming the first tensor that does not."""
    own = network.state_dict()
    for name in sorted(own.keys() | state.keys()):
        have = tuple(state[name].shape) if name in state else None
        want = tuple(own[name].shape) if name in own else None
        if have != want:
            raise WeightsError(
                f"this network has {name} of shape {want}",
                file=path,
                value=have,
                remedy="use the config they were made with",
            )
    network.load_state_dict(state)


def read_model_config(folder: str | Path, role: Role) -> ModelConfig:
    """The `ModelConfig` of one network in a weights folder's config.json.

    Raises:
        WeightsError: no such file, no such network in it, or a setting that is unknown or of the wrong kind.
    """
    path, config = Path(folder) / _CONFIG, _read_config(folder, role)
    try:
        settings = config["networks"][role]
    except (KeyError, TypeError) as problem:
        raise WeightsError(f'config.json describes "networks" / "{role}" ({problem})', file=path) from None
    if not isinstance(settings, dict):
        raise WeightsError("a network's settings are an object", file=path, record=f"networks.{role}", value=settings)
    unknown = settings.keys() - {field.name for field in fields(ModelConfig)}
    if unknown:
        raise WeightsError(
            "config.json names only settings this version knows",
            file=path,
            record=f"networks.{role}",
            value=sorted(unknown),
            remedy="take the version of amodal that wrote it",
        )
    try:
        return ModelConfig(**settings)
    except RecipeError as problem:
        raise _unfit(folder, role, problem) from None


def _read_config(folder: str | Path, role: Role) -> dict[str, Any]:
    path = Path(folder) / _CONFIG
    try:
        config = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise WeightsError("a weights folder holds config.json", file=path, remedy="check the folder") from None
    except (OSError, ValueError) as problem:
        raise WeightsError(f"config.json cannot be read ({problem})", file=path, remedy=_COPY) from None
    if not isinstance(config, dict):
        raise WeightsError(f'config.json describes "networks" / "{role}"', file=path, value=config, remedy=_COPY)
    return config


def _unfit(folder: str | Path, role: Role, problem: RecipeError) -> WeightsError:
    return WeightsError(str(problem), file=Path(folder) / _CONFIG, record=f"networks.{role}")


def config_dict(config: ModelConfig) -> dict[str, Any]:
    """A config as JSON values."""
    return json.loads(json.dumps(asdict(config)))  # type: ignore[no-any-return]


def sha256_of(path: str | Path) -> str:
    """Hex digest of a file's bytes."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
