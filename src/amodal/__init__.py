"""amodal: whole objects from visible ones.

The public names below are loaded when they are first asked for: importing the package loads nothing else, and torch
comes only with `OcclusionDataset`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .core.album import Album
    from .core.errors import AmodalError
    from .core.masks import Mask
    from .core.records import Category, ImageRecord, Instance, Prediction
    from .datasets.read import read_annotations
    from .datasets.results import read_results, write_results
    from .inference.albums import iter_album
    from .inference.predictor import Predictor
    from .inference.settings import PredictionSettings
    from .metrics.evaluate import evaluate
    from .synthesis.stream import OcclusionDataset as OcclusionDataset

__all__ = [
    "Album",
    "AmodalError",
    "Category",
    "ImageRecord",
    "Instance",
    "Mask",
    "Prediction",
    "PredictionSettings",
    "Predictor",
    "__version__",
    "evaluate",
    "iter_album",
    "read_annotations",
    "read_results",
    "write_results",
]
"""What `from amodal import *` takes: all that the base install has."""

_HOMES = {
    "Album": "core.album",
    "AmodalError": "core.errors",
    "Category": "core.records",
    "ImageRecord": "core.records",
    "Instance": "core.records",
    "Mask": "core.masks",
    "OcclusionDataset": "synthesis.stream",
    "Prediction": "core.records",
    "PredictionSettings": "inference.settings",
    "Predictor": "inference.predictor",
    "evaluate": "metrics.evaluate",
    "iter_album": "inference.albums",
    "read_annotations": "datasets.read",
    "read_results": "datasets.results",
    "write_results": "datasets.results",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    except ModuleNotFoundError as problem:
        if problem.name != "torch":
            raise
        remedy = f"amodal.{name} needs torch, which the base install leaves out; run: pip install 'amodal[train]'"
        raise ModuleNotFoundError(remedy, name="torch") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_HOMES})
