"""One loop for both networks: examples in, best weights out."""

from __future__ import annotations

import copy
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from ..core.errors import RecipeError
from ..core.random import generator
from ..synthesis.stream import OcclusionDataset
from .checkpoint import read_checkpoint, write_checkpoint
from .config import Recipe, StageSettings
from .data import Batch, staged_batches
from .log import Log
from .loss import masked_nll
from .optimizer import build_optimizer, learning_rate_factor
from .precision import autocast
from .stages import Stage
from .validate import validate

_RANDOM_STREAM = 7  # sets the loop's own draws apart from those of the examples


@dataclass
class _State:
    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = 0
    best_step: int = -1
    best_score: float = -math.inf
    best: dict[str, Tensor] | None = None


def train_network(
    name: str,
    network: nn.Module,
    stage: Stage,
    settings: StageSettings,
    recipe: Recipe,
    training: OcclusionDataset,
    validation: OcclusionDataset | None,
    fingerprint: str,
) -> nn.Module:
    """Train one network to the end of its stage, going on from a checkpoint where there is one.

    Args:
        name: of the stage; its folder is ``<recipe.output>/<name>``.
        network: changed in place.
        stage: what the network is told and asked.
        settings: of the stage.
        recipe: of the run.
        training, validation: streams of examples.
        fingerprint: of the recipe, kept in checkpoints.

    Returns:
        The network with the best weights by validation (the last where nothing is validated), in evaluation mode.

    Raises:
        RecipeError: the loss is no longer a finite number, or the checkpoint is another recipe's.
    """
    folder = Path(recipe.output) / name
    folder.mkdir(parents=True, exist_ok=True)
    device = next(network.parameters()).device
    state = _State(network, copy.deepcopy(network).requires_grad_(False), build_optimizer(network, settings))
    _restore(state, read_checkpoint(folder, fingerprint))
    checks = _validation_batches(validation, settings, device)
    log = Log(folder, state.step)
    batches = staged_batches(training, settings, state.step, recipe.workers)
    start, done = time.perf_counter(), 0
    network.train()
    with _progress(name, state.step, settings.steps) as progress:
        for batch in batches:
            batch = {key: value.to(device) for key, value in batch.items()}
            loss = _step(state, stage, settings, recipe, batch)
            done += len(batch["weight"])
            progress.update()
            if state.step % 20 == 0 or state.step == settings.steps:
                rate = done / (time.perf_counter() - start)
                log.write(state.step, loss=loss, examples_per_second=round(rate, 1))
                progress.set_postfix_str(refresh=False, s=f"loss {loss:.4f}, {rate:.0f} examples/s")
            if state.step % recipe.validate_every == 0 or state.step == settings.steps:
                _judge(state, stage, checks, log)
            if state.step % recipe.checkpoint_every == 0 or state.step == settings.steps:
                write_checkpoint(folder, _captured(state, fingerprint))
    network.load_state_dict(state.best if state.best is not None else state.average.state_dict())
    return network.eval()


def _progress(name: str, first_step: int, steps: int) -> tqdm[None]:
    interval = 0.2 if sys.stderr.isatty() else 60  # a log file needs no line a step
    return tqdm(total=steps, initial=first_step, desc=name, unit="step", dynamic_ncols=True, mininterval=interval)


def _step(state: _State, stage: Stage, settings: StageSettings, recipe: Recipe, batch: Batch) -> float:
    rng = generator(recipe.seed, 0, state.step, _RANDOM_STREAM)
    factor = learning_rate_factor(state.step, settings)
    for group in state.optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
    with autocast(batch["weight"].device, recipe.precision):
        logits, label = stage(state.network, batch, rng)
    loss = masked_nll(logits, label, batch["weight"], reduction=settings.loss)
    value = float(loss.detach())
    if not math.isfinite(value):
        raise RecipeError(
            f"training diverged: the loss of step {state.step} is not finite",
            value=value,
            remedy="lower lr and backbone_lr, or raise warmup_steps; the last checkpoint is kept",
        )
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if settings.clip_norm:
        nn.utils.clip_grad_norm_(state.network.parameters(), settings.clip_norm)
    state.optimizer.step()
    state.step += 1
    _update_average(state, settings.ema_decay)
    return value


@torch.no_grad()
def _update_average(state: _State, decay: float) -> None:
    # young averages follow faster, or the first thousand steps would be spent forgetting the start
    decay = min(decay, (1 + state.step) / (10 + state.step)) if decay else 0.0
    pairs = list(zip(state.average.state_dict().values(), state.network.state_dict().values(), strict=True))
    means, values = zip(*(pair for pair in pairs if pair[0].is_floating_point()), strict=True)
    torch._foreach_lerp_(means, values, 1 - decay)
    for count, now in pairs:
        if not count.is_floating_point():
            count.copy_(now)


def _judge(state: _State, stage: Stage, batches: list[Batch], log: Log) -> None:
    if not batches:
        return
    scores = validate(stage, state.average, batches)
    log.write(state.step, **{f"val_{key}": value for key, value in scores.items()})
    if scores["iou"] > state.best_score and math.isfinite(scores["loss"]):
        state.best_step, state.best_score = state.step, scores["iou"]
        state.best = {key: value.detach().clone() for key, value in state.average.state_dict().items()}
    shown = ", ".join(f"{key} {value:.4f}" for key, value in scores.items())
    tqdm.write(f"step {state.step}: validation {shown}{' (best)' if state.best_step == state.step else ''}")


def _validation_batches(dataset: OcclusionDataset | None, settings: StageSettings, device: torch.device) -> list[Batch]:
    if dataset is None:
        return []
    loader = DataLoader(dataset, batch_size=settings.batch_size)
    return [{key: value.to(device) for key, value in batch.items()} for batch in loader]


def _captured(state: _State, fingerprint: str) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint,
        "step": state.step,
        "best_step": state.best_step,
        "best_score": state.best_score,
        "best": state.best,
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
    }


def _restore(state: _State, saved: dict[str, Any] | None) -> None:
    if saved is None:
        return
    state.network.load_state_dict(saved["network"])
    state.average.load_state_dict(saved["average"])
    state.optimizer.load_state_dict(saved["optimizer"])
    state.step, state.best_step = saved["step"], saved["best_step"]
    state.best_score, state.best = saved["best_score"], saved["best"]
