"""Trained networks tried as users will use them: on scenes of photographs kept for validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from torch import nn

from ..core.errors import RecipeError
from ..inference.pair import NetworkPair
from ..inference.predictor import Predictor
from ..inference.settings import PredictionSettings
from ..inference.torch_networks import TorchNetwork
from ..synthesis.composite import Composite
from ..synthesis.material import Material
from ..synthesis.scenes import make_scenes, scene_settings
from ..synthesis.stream import OcclusionDataset
from .data import VALIDATION_SEED

BEHIND = 0.25
"""Chance of an object to lie behind the main one, in scenes for networks that are told of it: not all of them hide."""


def trial(
    validation: OcclusionDataset | None,
    modal: nn.Module,
    amodal: nn.Module,
    settings: PredictionSettings,
    count: int,
) -> tuple[Predictor, Iterator[Composite]]:
    """A predictor over two networks, and the scenes to try it on: the same whatever the seed of the run.

    Scenes come from all sources alike, whatever their weight in training: what is chosen on them is meant for
    photographs of any kind.

    Args:
        validation: the recipe's validation examples, as `data.make_streams` makes them.
        modal, amodal: the trained networks.
        settings: of the predictor.
        count: how many scenes.

    Raises:
        RecipeError: no photograph is kept for validation.
    """
    if validation is None:
        raise RecipeError("a trial needs photographs kept for validation", remedy='give a source "validation"')
    alike = [replace(source, weight=1.0) for source in validation.material.sources]
    scenes = scene_settings(validation.material.settings)
    if modal.config.others:  # type: ignore[union-attr]
        scenes = replace(scenes, behind=BEHIND)
    material = Material(alike, scenes, categories=validation.material.categories)  # numbered as in training
    categories = material.categories if modal.config.num_categories else ()  # type: ignore[union-attr]
    networks = NetworkPair(TorchNetwork(modal), TorchNetwork(amodal), settings, categories)
    return Predictor(networks), make_scenes(material, count, seed=VALIDATION_SEED)
