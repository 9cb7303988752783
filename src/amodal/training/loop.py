"""One loop for both networks: examples in, best weights out."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from ..core.errors import RecipeError
from ..core.random import generator
from ..datasets.jsonfile import write_json
from ..synthesis.stream import OcclusionDataset
from .checkpoint import read_checkpoint, write_checkpoint
from .config import Recipe, StageSettings
from .data import Batch, digest_of, staged_batches, validation_batches
from .log import Log
from .loss import masked_nll, seen_weight
from .optimizer import build_optimizer, learning_rate_factor
from .precision import autocast
from .processes import Share, average_statistics, distributed, is_first, same_everywhere, summed, this_process, wait
from .progress import progress
from .stages import Stage
from .validate import validate

_RANDOM_STREAM = 7  # sets the loop's own draws apart from those of the examples


_CALMER = "lower lr and backbone_lr, or raise warmup_steps; the last checkpoint is kept"


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
        The network with the weights that ``recipe.keep`` names, in evaluation mode; where nothing is validated, the
        last are the best.

    Raises:
        RecipeError: the loss or a weight is no longer a finite number, or the checkpoint is another recipe's.
    """
    folder = Path(recipe.output) / name
    folder.mkdir(parents=True, exist_ok=True)
    device = next(network.parameters()).device
    share = Share(*this_process(), settings.accumulate)
    share.check(settings.batch_size)
    state = _State(network, copy.deepcopy(network).requires_grad_(False), build_optimizer(network, settings))
    material = digest_of(training, validation)
    # what the channels stand for; not of networks without, whose checkpoints stay what they were
    channels = {"categories": list(training.material.categories)} if settings.network.num_categories else {}
    start = copy.deepcopy(network.state_dict()) if recipe.keep == "mean" else None
    _restore(state, read_checkpoint(folder, fingerprint, material))
    if state.step and is_first():
        tqdm.write(f"{name}: {'goes on from' if state.step < settings.steps else 'was trained to'} step {state.step}")
    stage.restore(state.step, state.average, folder)
    wait()  # all have read the checkpoint before the first writes another
    checks = []
    if validation is not None and is_first():
        size = settings.batch_size // settings.accumulate
        examples = validation_batches(validation, size, channels_last=recipe.channels_last)
        checks = [_to(device, batch) for batch in examples]
    write = _writer(folder, state, recipe)
    called = distributed(network, device)
    batches = staged_batches(training, settings, state.step, recipe.workers, share, channels_last=recipe.channels_last)
    if recipe.start_from and state.step == 0:  # it may be better than all that follows
        _judge(state, stage, checks, write, keep=recipe.keep == "best")
    began, first_step = time.perf_counter(), state.step
    network.train()
    with progress(name, settings.steps, "step", initial=state.step) as bar:
        while state.step < settings.steps:
            parts = [_to(device, next(batches)) for _ in range(settings.accumulate)]
            loss = _step(state, called, stage, settings, recipe, parts, share)
            stage.after(state.step, state.average, folder, write=is_first())
            ends = state.step == settings.steps
            due = state.step % recipe.checkpoint_every == 0 or ends
            if due:
                _check_finite(name, folder, state)
            bar.update()
            if state.step % 20 == 0 or ends:
                rate = (state.step - first_step) * settings.batch_size / (time.perf_counter() - began)
                write(loss=loss, examples_per_second=round(rate, 1))
                bar.set_postfix_str(refresh=False, s=f"loss {loss:.4f}, {rate:.0f} examples/s")
            if state.step % recipe.validate_every == 0 or ends:
                _judge(state, stage, checks, write, keep=recipe.keep == "best")
            if ends and start is not None:
                _take_mean(state, start, stage, checks, write)
            if is_first() and due:
                write_checkpoint(folder, _captured(state, fingerprint, material) | channels)
    if state.best_step >= 0 and is_first():
        tqdm.write(f"{name}: {_kept_in_words(state, recipe)}")
    network.load_state_dict(state.best if state.best is not None else state.average.state_dict())
    same_everywhere(list(network.state_dict().values()))  # the first process alone validates
    return network.eval()


def _to(device: torch.device, batch: Batch) -> Batch:
    return {key: value.to(device) for key, value in batch.items()}


def _writer(folder: Path, state: _State, recipe: Recipe) -> Callable[..., None]:
    """What writes a line of the log; in one process alone."""
    if not is_first():
        return lambda **values: None
    write_json(folder / "recipe.json", asdict(recipe), indent=2)
    log = Log(folder, state.step, tensorboard=recipe.tensorboard)
    return lambda **values: log.write(state.step, **values)


def _step(
    state: _State,
    called: nn.Module,
    stage: Stage,
    settings: StageSettings,
    recipe: Recipe,
    parts: list[Batch],
    share: Share,
) -> float:
    """One optimiser step: forward and backward for each part of this process's share; the loss of the whole batch."""
    rng = generator(recipe.seed, 0, state.step, _RANDOM_STREAM)
    torch.manual_seed(int(rng.spawn(1)[0].integers(2**62)) + share.rank)  # dropout: a function of the step, too
    factor = learning_rate_factor(state.step, settings)
    for group in state.optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
    draws = stage.draw(rng, state.step, settings.batch_size)
    state.optimizer.zero_grad(set_to_none=True)
    value, device = 0.0, parts[0]["weight"].device
    for batch, span in zip(parts, share.spans(settings.batch_size), strict=True):
        own = {key: drawn[span.start : span.stop] for key, drawn in draws.items()}
        with _gradients_together(called, batch is parts[-1]):
            with autocast(device, recipe.precision):
                logits, label = stage(called, batch, own)
            weight = batch["weight"]
            if settings.weight_by == "seen":
                weight = seen_weight(batch[stage.sees], recipe.synthesis.weight_reference_px)
            loss = masked_nll(logits, label, weight, reduction=settings.loss)
            value += float(loss.detach())
            # the processes' gradients are averaged, the parts' summed
            scale = share.world if settings.loss == "sum" else 1 / share.parts
            (loss * scale if scale != 1 else loss).backward()  # type: ignore[no-untyped-call]
    value = summed(value, device) / (1 if settings.loss == "sum" else share.world * share.parts)
    if not math.isfinite(value):
        raise RecipeError(
            f"training diverged: the loss of step {state.step} is not finite",
            value=value,
            remedy=_CALMER,
        )
    if settings.clip_norm:
        nn.utils.clip_grad_norm_(state.network.parameters(), settings.clip_norm)
    state.optimizer.step()
    average_statistics(state.network)
    state.step += 1
    _update_average(state, settings.ema_decay)
    return value


def _check_finite(name: str, folder: Path, state: _State) -> None:
    """Refuse to keep weights that are not finite: a loss tells of them a step later, and after the last one never."""
    for network in (state.network, state.average):
        for key, value in network.state_dict().items():
            if value.is_floating_point() and not torch.isfinite(value).all():
                raise RecipeError(
                    f"training diverged: the weights of the {name} network are not finite after step {state.step}",
                    file=folder,
                    record=key,
                    remedy=_CALMER,
                )


def _gradients_together(called: nn.Module, last: bool) -> AbstractContextManager[object]:
    """Gradients go between the processes once a step, with the last part."""
    return called.no_sync() if isinstance(called, DistributedDataParallel) and not last else nullcontext()


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


def _take_mean(
    state: _State, start: dict[str, Tensor], stage: Stage, batches: list[Batch], write: Callable[..., None]
) -> None:
    """What is kept is half way from the start to the end, number by number; counts are the end's."""
    pairs = ((name, start[name], end) for name, end in state.average.state_dict().items())
    state.best = {name: torch.lerp(a, b, 0.5) if b.is_floating_point() else b.clone() for name, a, b in pairs}
    if batches:
        network = copy.deepcopy(state.average)
        network.load_state_dict(state.best)
        scores = validate(stage, network, batches)
        write(**{f"mean_{key}": value for key, value in scores.items()})
        tqdm.write(f"mean of the start and the end: validation {_in_words(scores)}")


def _judge(state: _State, stage: Stage, batches: list[Batch], write: Callable[..., None], *, keep: bool) -> None:
    if not batches:
        return
    scores = validate(stage, state.average, batches)
    write(**{f"val_{key}": value for key, value in scores.items()})
    if keep and scores["iou"] > state.best_score and math.isfinite(scores["loss"]):
        state.best_step, state.best_score = state.step, scores["iou"]
        state.best = {key: value.detach().clone() for key, value in state.average.state_dict().items()}
    tqdm.write(f"step {state.step}: validation {_in_words(scores)}{' (best)' if state.best_step == state.step else ''}")


def _kept_in_words(state: _State, recipe: Recipe) -> str:
    if recipe.start_from and state.best_step == 0:
        return "nothing was better on validation than the weights it started from, which are kept"
    return f"the weights of step {state.best_step} are kept, validation iou {state.best_score:.4f}"


def _in_words(scores: dict[str, float]) -> str:
    return ", ".join(f"{key} {value:.4f}" for key, value in scores.items())


def _captured(state: _State, fingerprint: str, material: str) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint,
        "material": material,
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
