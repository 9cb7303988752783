"""A whole run: the modal network, the amodal network on its predictions, and the weights folder of both."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from ..core.errors import RecipeError
from ..core.locks import take_lock
from ..datasets.jsonfile import write_json
from ..inference.detectors.base import package_folder
from ..inference.folder import clear_unfinished
from ..models.config import ModelConfig
from ..models.hypercolumn import Hypercolumn
from ..models.weights import ROLES, build_network
from ..models.yolox import load_yolox
from ..synthesis.stream import OcclusionDataset
from .checkpoint import has_checkpoint, read_checkpoint
from .config import Recipe
from .data import digest_of, make_streams
from .fingerprint import fingerprint_of
from .first_look import check_pictures, described
from .loop import train_network
from .optimizer import warn_if_never_full
from .precision import place, warn_if_slow
from .processes import Share, is_first, this_process, together, wait
from .stages import AmodalStage, ModalStage
from .start import check_categories, check_start, start_from
from .taken import check_modal_categories, finished_modal

STAGES = ("modal", "amodal")
_PATIENCE_S = 20.0
"""The workers of a training that was killed hold its folder until they notice: torch looks every five seconds."""


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
    fingerprint = begin(recipe, resume=resume)
    return train(recipe, make_streams(recipe), fingerprint)


def begin(recipe: Recipe, *, resume: bool) -> str:
    """Check what can be checked before any photograph is read, as `run_training` does first.

    Returns:
        The fingerprint of the run.
    """
    output = Path(recipe.output)
    if not resume and any(has_checkpoint(output / name) for name in STAGES):
        raise RecipeError(
            "a new run needs a folder of its own", file=output, remedy="give --resume, or another --output"
        )
    device = _device(recipe.device)
    if is_first():
        warn_if_slow(device, recipe.precision)
    for settings in (recipe.modal, recipe.amodal):
        Share(*this_process(), settings.accumulate).check(settings.batch_size)
    fingerprint = fingerprint_of(recipe)
    if recipe.start_from:  # not only when the turn of the amodal network comes, hours later
        for role in ROLES[bool(recipe.modal_from) : len(recipe.stages)]:
            check_start(getattr(recipe, role).network, recipe.start_from, role)
    for name in STAGES:  # refuse another recipe before anything of the run is touched
        read_checkpoint(output / name, fingerprint)
    return fingerprint


def train(
    recipe: Recipe, streams: tuple[OcclusionDataset, OcclusionDataset | None], fingerprint: str
) -> tuple[nn.Module, nn.Module | None]:
    """`run_training` after `begin`, on examples that are made already; arguments as of `at_work`."""
    with at_work(recipe, streams, fingerprint) as networks:
        return networks


@contextlib.contextmanager
def at_work(
    recipe: Recipe, streams: tuple[OcclusionDataset, OcclusionDataset | None], fingerprint: str
) -> Iterator[tuple[nn.Module, nn.Module | None]]:
    """The trained networks, in a folder that no other training writes into until the context is left.

    Args:
        recipe: of the run.
        streams: its training and validation examples, as `make_streams` makes them.
        fingerprint: what `begin` returned.
    """
    torch.set_num_threads(recipe.threads or torch.get_num_threads())
    training, validation = streams
    categories = training.material.categories if recipe.modal.network.num_categories else ()
    for name in STAGES:  # as before: refused before anything of the run is touched
        read_checkpoint(Path(recipe.output) / name, fingerprint, digest_of(training, validation), categories)
    if categories and recipe.start_from:
        check_categories(categories, recipe.start_from)
    if categories and recipe.modal_from:
        check_modal_categories(categories, recipe.modal_from)
    for stream in filter(None, streams):
        check_pictures(stream)
    training.material.warm()
    with _alone(Path(recipe.output)):
        with together(_device(recipe.device)):
            if is_first():
                write_json(Path(recipe.output) / "recipe.json", asdict(recipe), indent=2)
                clear_unfinished(Path(recipe.output) / "weights")
                tqdm.write(described(training, validation))
                for name in recipe.stages[bool(recipe.modal_from) :]:
                    warn_if_never_full(name, getattr(recipe, name))
            wait()  # all have looked for a run in the folder before the first writes into it
            networks = _train(recipe, training, validation, fingerprint)
        yield networks


@contextlib.contextmanager
def _alone(output: Path) -> Iterator[None]:
    """Refuse a folder that another training writes into, of which this one's processes count as one."""
    if not is_first():
        yield
        return
    output.mkdir(parents=True, exist_ok=True)
    with (output / ".lock").open("ab") as file:
        until = time.monotonic() + _PATIENCE_S
        try:
            while not (is_ours := take_lock(file, wait=False)) and time.monotonic() < until:
                time.sleep(0.2)
        except OSError:  # a network's folder where nothing can be locked
            is_ours = True
        if not is_ours:
            raise RecipeError(
                "one training at a time writes into a folder",
                file=output,
                remedy="wait for the one that runs, end it, or name another --output",
            )
        yield


def _train(
    recipe: Recipe, training: OcclusionDataset, validation: OcclusionDataset | None, fingerprint: str
) -> tuple[nn.Module, nn.Module | None]:
    torch.manual_seed(recipe.seed)
    if recipe.modal_from:
        modal = _placed(finished_modal(recipe), recipe)
    else:
        modal = _placed(_first_modal(recipe), recipe)
        modal = train_network(
            "modal", modal, ModalStage(recipe.modal), recipe.modal, recipe, training, validation, fingerprint
        )
    if "amodal" not in recipe.stages:
        return modal.cpu(), None
    torch.manual_seed(recipe.seed)  # again: the modal network may have been trained in another process
    amodal = _placed(_built(recipe.amodal.network), recipe)
    if recipe.start_from:
        start_from(amodal, recipe.start_from, "amodal")
    else:
        _start_from_modal(amodal, modal)
    stage = AmodalStage(recipe.amodal, modal.requires_grad_(False))
    amodal = train_network("amodal", amodal, stage, recipe.amodal, recipe, training, validation, fingerprint)
    return modal.cpu(), amodal.cpu()


def _first_modal(recipe: Recipe) -> nn.Module:
    """The modal network before its first step."""
    if not recipe.start_from:
        return _built(recipe.modal.network, backbone_weights=recipe.backbone_weights or None)
    network = _built(recipe.modal.network)
    start_from(network, recipe.start_from, "modal")
    return network


def _built(config: ModelConfig, **options: Any) -> nn.Module:
    """A new network; its detector, where it has one, is the one that ships."""
    network = build_network(config, **options)
    if isinstance(network, Hypercolumn) and network.detector is not None:
        load_yolox(network.detector, package_folder() / "yolox" / "yolox_nano.onnx")
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
        device: torch.device | None = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise RecipeError("device is cpu, cuda, cuda:1, ... or auto", value=name, remedy='give "cpu" or "auto"')
    if device.type == "cuda" and not torch.cuda.is_available():
        raise RecipeError("this torch finds no GPU", value=name, remedy='give device "cpu"')
    if device.type == "cuda" and this_process()[1] > 1:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    return device
