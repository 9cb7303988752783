"""From a weights folder to the two networks in it, run by onnxruntime or by torch."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ..core.errors import AmodalError, WeightsError
from ..core.given import is_whole
from ..core.processors import core_count
from .calibration import read_calibrations
from .folder import CONFIG_FILE, REMEDY, check_file, default_weights, read_config
from .onnx_networks import OnnxNetwork
from .pair import Network, NetworkPair
from .settings import PredictionSettings

Backend = Literal["onnx", "torch"]
NetworkName = Literal["modal", "amodal"]


@dataclass(frozen=True)
class Geometry:
    """Sizes and inputs of one network, from config.json; the attributes are those of `Network`."""

    patch_px: int
    heat_px: int
    margin: float
    takes_others: bool


def load_networks(
    folder: str | os.PathLike[str] | None = None, backend: Backend = "onnx", *, threads: int = 0
) -> NetworkPair:
    """Both networks of a weights folder.

    Args:
        folder: holds config.json and the networks' files, ``~`` is the home folder; None: `default_weights`.
        backend: "onnx" reads ``*.onnx`` with onnxruntime on the CPU; "torch" reads ``*.safetensors``.
        threads: of the onnx backend, each with objects of its own (`NetworkPair.lanes`); 0: as many as cores.

    Raises:
        WeightsError: a folder or file missing, another format, a damaged file, a network of other sizes than the
            config says.
        RecipeError: a prediction setting unknown or out of range.
        AmodalError: ``folder`` is no path, or ``threads`` no whole number from 0 on.
    """
    if folder is not None and not isinstance(folder, str | os.PathLike):
        raise AmodalError("weights are the path of a folder", value=folder)
    if not is_whole(threads) or threads < 0:
        raise AmodalError("threads is a whole number from 0 on", value=threads, remedy="0 takes as many as cores")
    if backend not in get_args(Backend):
        raise WeightsError("a backend is onnx or torch", value=backend)
    folder = default_weights() if folder is None else Path(folder).expanduser()
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
            file = folder / f"{name}.onnx"
            check_file(file, config.get("sha256", {}).get(file.name))
            pair[name] = OnnxNetwork(
                file,
                patch_px=sizes.patch_px,
                heat_px=sizes.heat_px,
                margin=sizes.margin,
                takes_category=bool(categories),
                takes_others=sizes.takes_others,
            )
    settings = PredictionSettings.from_mapping(config.get("prediction", {}), file=path)
    calibrations = read_calibrations(config.get("calibration", {}), file=path)
    lanes = 1 if backend == "torch" else int(threads) or core_count()
    return NetworkPair(pair["modal"], pair["amodal"], settings, categories, calibrations, lanes)


def _geometry(config: Mapping[str, Any], name: str, path: Path) -> Geometry:
    entry = config.get("networks", {}).get(name)
    if not isinstance(entry, dict):
        raise WeightsError(f'"networks" has an object "{name}"', file=path, value=entry, remedy=REMEDY)
    for key in ("patch_px", "heat_px"):
        if type(entry.get(key)) is not int or not 1 <= entry[key] <= 4096:
            raise WeightsError(
                f'"{key}" is a whole number of pixels, 1 to 4096',
                file=path,
                record=f"networks.{name}",
                value=entry.get(key),
                remedy=REMEDY,
            )
    margin = entry.get("margin")
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not math.isfinite(margin) or margin < 0:
        raise WeightsError(
            '"margin" is a number from 0 on', file=path, record=f"networks.{name}", value=margin, remedy=REMEDY
        )
    others = entry.get("others", False)
    if not isinstance(others, bool):
        raise WeightsError(
            '"others" is true or false', file=path, record=f"networks.{name}", value=others, remedy=REMEDY
        )
    return Geometry(entry["patch_px"], entry["heat_px"], float(margin), others)
