"""A whole run: the modal network, the amodal network on its predictions, and the weights folder of both."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.errors import RecipeError
from ..datasets.jsonfile import write_json
from ..models.weights import build_network
from ..synthesis.stream import OcclusionDataset
from .checkpoint import finished_weights, has_checkpoint, read_checkpoint
from .config import Recipe
from .data import make_streams
from .loop import train_network
from .precision import place
from .processes import Share, is_first, this_process, together, wait
from .stages import AmodalStage, ModalStage
from .start import digests, start_from

STAGES = ("modal", "amodal")
_ADDED_LATER = {"precision", "channels_last", "accumulate", "phases", "target", "modal_from", "stages", "only"}
_ADDED_LATER |= {"architecture", "tap_scales", "dropout", "fixed", "photometric", "start_px", "start_steps"}
_ADDED_LATER |= {"partial_weight", "clear", "paired", "behind", "same_image", "occluder_at_edge", "border"}
_ADDED_LATER |= {"feather_px", "occluder_colour", "occluder_blur_px", "low_resolution", "low_resolution_px"}
_ADDED_LATER |= {"mask_noise", "mask_noise_size", "others", "others_told", "start_from"}
_FREE = (
    *("output", "workers", "threads", "device", "checkpoint_every", "thresholds", "calibration_examples"),
    *("tensorboard", "store", "store_gb", "bad_records"),
)
"""Settings a run may be resumed with others of."""


def run_training(recipe: Recipe, *, resume: bool = False) -> tuple[nn.Module, nn.Module | None]:
    """Train the networks of a recipe, in this process or, under torchrun, in several at once.

    Args:
        recipe: everything the run depends on.
        resume: go on from the run's checkpoints; a finished stage is not trained again.

    Returns:
        The modal and the amodal network, in evaluation mode, on the CPU; None for the latter where the recipe has no
        such stage.

    Raises:
        RecipeError: the output folder holds a run already (and ``resume`` is False), or the run diverged.
        AnnotationError, ImageError: from the data.
    """
    output = Path(recipe.output)
    if not resume and any(has_checkpoint(output / name) for name in STAGES):
        raise RecipeError(
            "a new run needs a folder of its own", file=output, remedy="give --resume, or another --output"
        )
    torch.set_num_threads(recipe.threads or torch.get_num_threads())
    device = _device(recipe.device)
    for settings in (recipe.modal, recipe.amodal):
        Share(*this_process(), settings.accumulate).check(settings.batch_size)
    fingerprint = fingerprint_of(recipe)
    for name in STAGES:  # refuse another recipe before anything of the run is touched
        read_checkpoint(output / name, fingerprint)
    training, validation = make_streams(recipe)
    training.material.warm()
    if is_first():
        write_json(output / "recipe.json", asdict(recipe), indent=2)
    with together(device):
        wait()  # all have looked for a run in the folder before the first writes into it
        return _train(recipe, training, validation, fingerprint)


def _train(
    recipe: Recipe, training: OcclusionDataset, validation: OcclusionDataset | None, fingerprint: str
) -> tuple[nn.Module, nn.Module | None]:
    torch.manual_seed(recipe.seed)
    if recipe.modal_from:
        modal = _placed(_finished_modal(recipe), recipe)
    else:
        modal = _placed(_first_modal(recipe), recipe)
        modal = train_network(
            "modal", modal, ModalStage(recipe.modal), recipe.modal, recipe, training, validation, fingerprint
        )
    if "amodal" not in recipe.stages:
        return modal.cpu(), None
    amodal = _placed(build_network(recipe.amodal.network), recipe)
    if recipe.start_from:
        start_from(amodal, recipe.start_from, "amodal")
    else:
        _start_from_modal(amodal, modal)
    stage = AmodalStage(recipe.amodal, modal.requires_grad_(False))
    amodal = train_network("amodal", amodal, stage, recipe.amodal, recipe, training, validation, fingerprint)
    return modal.cpu(), amodal.cpu()


def _finished_modal(recipe: Recipe) -> nn.Module:
    """The modal network of the run ``modal_from``, which must be of the same shape."""
    path = Path(recipe.modal_from) / "recipe.json"
    try:
        other = json.loads(path.read_text())["modal"]
    except (OSError, ValueError, KeyError) as problem:
        raise RecipeError(
            f"modal_from is the folder of a run, with its recipe.json ({problem})",
            file=path,
            remedy="train the modal network first, or give another folder",
        ) from None
    own = json.loads(json.dumps(asdict(recipe.modal.network)))
    differs = sorted(key for key in own if other["network"].get(key) != own[key])
    if differs:
        raise RecipeError(
            f"modal.network is that of the run modal_from names; {', '.join(differs)} is not",
            file=path,
            value={key: other["network"].get(key) for key in differs},
            remedy="give modal.network the values of that recipe",
        )
    network = build_network(recipe.modal.network)
    network.load_state_dict(finished_weights(path.parent / "modal", other["steps"]))
    return network.eval()


def _first_modal(recipe: Recipe) -> nn.Module:
    """The modal network before its first step."""
    if not recipe.start_from:
        return build_network(recipe.modal.network, backbone_weights=recipe.backbone_weights or None)
    network = build_network(recipe.modal.network)
    start_from(network, recipe.start_from, "modal")
    return network


def _start_from_modal(amodal: nn.Module, modal: nn.Module) -> None:
    """The amodal network starts from the weights of IIS (section 4.2); both have the same layers."""
    try:
        amodal.load_state_dict(modal.state_dict())
    except RuntimeError as problem:
        raise RecipeError(
            "the amodal network starts from the modal one, so both have the same layers",
            remedy="give both the same backbone, widths, blocks, grid, patch_px and num_categories",
        ) from problem


def _placed(network: nn.Module, recipe: Recipe) -> nn.Module:
    device = _device(recipe.device)
    return place(network, device, precision=recipe.precision, channels_last=recipe.channels_last)


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise RecipeError("device is cpu, cuda, cuda:1, ... or auto", value=name) from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise RecipeError("this torch finds no GPU", value=name, remedy='give device "cpu"')
    if device.type == "cuda" and this_process()[1] > 1:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    return device


def fingerprint_of(recipe: Recipe) -> str:
    """Of all that decides the result; where the run lies and how often it is written do not.

    Settings that came after the first runs do not count at their defaults, so that a run goes on under newer versions.
    """
    own, defaults = (json.loads(json.dumps(asdict(r))) for r in (recipe, Recipe(data=recipe.data)))
    settings = _without(own, defaults)
    if recipe.start_from:
        settings["start_from"] = digests(recipe.start_from)
    data: list[dict[str, Any]] = settings["data"]
    settings["data"] = [{key: value for key, value in source.items() if key != "only" or value} for source in data]
    for name in _FREE:
        del settings[name]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _without(settings: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The settings, at any depth, but for `_ADDED_LATER` at their defaults."""
    return {
        name: _without(value, defaults[name]) if isinstance(value, dict) else value
        for name, value in settings.items()
        if name not in _ADDED_LATER or value != defaults[name]
    }
