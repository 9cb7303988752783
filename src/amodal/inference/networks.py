"""A network is a callable: patches, heat, category -> heat. And the folder that two of them are kept in."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from ..core.errors import WeightsError
from .calibration import Calibration, read_calibrations
from .settings import PredictionSettings

Backend = Literal["onnx", "torch"]
NetworkName = Literal["modal", "amodal"]

CONFIG_FILE = "config.json"
FORMAT = 1
"""The layout of a weights folder this version reads."""

_REMEDY = "take a folder that `amodal train` or `amodal export` wrote, or the weights/ of the package"


class Network(Protocol):
    """What inference needs of a network.

    Attributes:
        patch_px: side of the square patch it sees.
        heat_px: side of the square heat it returns.
        margin: the frame of the heat is the patch's box grown by this share of its side, on each side.
    """

    @property
    def patch_px(self) -> int: ...
    @property
    def heat_px(self) -> int: ...
    @property
    def margin(self) -> float: ...

    def __call__(
        self, patches: NDArray[np.uint8], heat: NDArray[np.float32], category: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        """Heat of ``n`` objects.

        Args:
            patches: uint8 ``(n, 3, patch_px, patch_px)``, RGB.
            heat: float32 ``(n, patch_px, patch_px)`` in [0, 1] over the patch.
            category: int64 ``(n,)``; None for a network that takes none.

        Returns:
            float32 ``(n, heat_px, heat_px)`` in [0, 1] over the frame.
        """
        ...


@dataclass(frozen=True)
class NetworkPair:
    """The two networks of the paper and how they are used.

    Attributes:
        modal: IIS (section 4.1): image and hypothesis -> heat of the visible part over the same box.
        amodal: image and modal heat -> heat of the whole object over a larger frame.
        settings: thresholds and caps the pair was tuned with.
        categories: names the networks tell apart, in their order; empty: they take no category.
        calibrations: how likely an object is occluded, by what is given of it: "box", "mask"; either may be missing.

    Raises:
        WeightsError: a modal network with a margin, or an amodal one without: expansion needs strips beside the box.
    """

    modal: Network
    amodal: Network
    settings: PredictionSettings = field(default_factory=PredictionSettings)
    categories: tuple[str, ...] = ()
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.modal.margin != 0:
            raise WeightsError("the modal network's margin is 0", value=self.modal.margin, remedy=_REMEDY)
        if not self.amodal.margin > 0:
            raise WeightsError("the amodal network's margin is above 0", value=self.amodal.margin, remedy=_REMEDY)


@dataclass(frozen=True)
class Geometry:
    """Sizes of one network, from config.json; the attributes are those of `Network`."""

    patch_px: int
    heat_px: int
    margin: float


def default_weights() -> Path:
    """The folder of the weights that come with the package, or with a checkout of its source.

    Raises:
        WeightsError: neither is there.
    """
    packaged = Path(str(resources.files("amodal"))) / "weights"
    for folder in (packaged, packaged.parents[2] / "weights"):
        if (folder / CONFIG_FILE).is_file():
            return folder
    raise WeightsError("this installation holds no weights", file=packaged, remedy="name a folder with --weights")


def load_networks(folder: str | Path | None = None, backend: Backend = "onnx", *, threads: int = 0) -> NetworkPair:
    """Both networks of a weights folder.

    Args:
        folder: holds config.json and the networks' files; None: `default_weights`.
        backend: "onnx" reads ``*.onnx`` with onnxruntime on the CPU; "torch" reads ``*.safetensors``.
        threads: CPU threads of onnxruntime; 0 takes all cores.

    Raises:
        WeightsError: a folder or file missing, another format, a damaged file, a network of other sizes than the
            config says.
        RecipeError: a prediction setting unknown or out of range.
    """
    if backend not in get_args(Backend):
        raise WeightsError("a backend is onnx or torch", value=backend)
    folder = default_weights() if folder is None else Path(folder)
    path = folder / CONFIG_FILE
    config = read_config(folder)
    categories = tuple(config.get("categories", []))
    pair: dict[str, Network] = {}
    for name in get_args(NetworkName):
        sizes = _geometry(config, name, path)
        if backend == "torch":
            try:
                from .torch_networks import load_torch_network
            except ModuleNotFoundError as problem:
                raise WeightsError(
                    f"the torch backend needs {problem.name}",
                    remedy="pip install 'amodal[train]', or take --backend onnx",
                ) from problem
            pair[name] = load_torch_network(folder, name)
        else:
            from .onnx_networks import OnnxNetwork

            file = folder / f"{name}.onnx"
            check_file(file, config.get("sha256", {}).get(file.name))
            pair[name] = OnnxNetwork(
                file,
                patch_px=sizes.patch_px,
                heat_px=sizes.heat_px,
                margin=sizes.margin,
                takes_category=bool(categories),
                threads=threads,
            )
    settings = PredictionSettings.from_mapping(config.get("prediction", {}), file=path)
    calibrations = read_calibrations(config.get("calibration", {}), file=path)
    return NetworkPair(pair["modal"], pair["amodal"], settings, categories, calibrations)


def read_config(folder: Path) -> dict[str, Any]:
    """A folder's config.json, its layout checked.

    Raises:
        WeightsError: folder or file missing, not JSON, another format, a field of the wrong type.
    """
    path = folder / CONFIG_FILE
    if not folder.is_dir():
        raise WeightsError("the folder of weights does not exist", file=folder, remedy=_REMEDY)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError("a folder of weights has a config.json", file=path, remedy=_REMEDY) from None
    except (OSError, ValueError) as problem:
        raise WeightsError(f"config.json cannot be read ({problem})", file=path, remedy=_REMEDY) from None
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        found = config.get("format") if isinstance(config, dict) else type(config).__name__
        raise WeightsError(
            f'this version reads "format": {FORMAT}',
            file=path,
            value=found,
            remedy="write the weights again, or take the version of amodal that wrote them",
        )
    for key in ("networks", "prediction", "sha256"):
        if not isinstance(config.get(key, {}), dict):
            raise WeightsError(f'"{key}" is an object', file=path, value=config[key], remedy=_REMEDY)
    names = config.get("categories", [])
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names) or len(set(names)) != len(names):
        raise WeightsError('"categories" is a list of different names', file=path, value=names, remedy=_REMEDY)
    return config


def check_file(path: Path, sha256: str | None) -> None:
    """Refuse a file that is missing, or is not the one its config was written for.

    Raises:
        WeightsError: as said.
    """
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as problem:
        raise WeightsError(f"a network's file cannot be read ({problem.strerror})", file=path, remedy=_REMEDY) from None
    if sha256 is not None and found != sha256:
        raise WeightsError(
            f"the file has the sha256 its config.json gives, {sha256}",
            file=path,
            value=found,
            remedy="copy the folder again: the file is damaged or from another training",
        )


def _geometry(config: Mapping[str, Any], name: str, path: Path) -> Geometry:
    entry = config.get("networks", {}).get(name)
    if not isinstance(entry, dict):
        raise WeightsError(f'"networks" has an object "{name}"', file=path, value=entry, remedy=_REMEDY)
    for key in ("patch_px", "heat_px"):
        if type(entry.get(key)) is not int or not 1 <= entry[key] <= 4096:
            raise WeightsError(
                f'"{key}" is a whole number of pixels, 1 to 4096',
                file=path,
                record=f"networks.{name}",
                value=entry.get(key),
                remedy=_REMEDY,
            )
    margin = entry.get("margin")
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not math.isfinite(margin) or margin < 0:
        raise WeightsError(
            '"margin" is a number from 0 on', file=path, record=f"networks.{name}", value=margin, remedy=_REMEDY
        )
    return Geometry(entry["patch_px"], entry["heat_px"], float(margin))
