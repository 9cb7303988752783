"""Checkpoints: all that a run needs to go on as if it had never stopped."""

from __future__ import annotations

import contextlib
import errno
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import RecipeError
from .config import DataSource, Recipe, wherever_it_lies
from .start import digests

CHECKPOINT = "checkpoint.pt"
_REMEDY = "remove it and start again"
_GO_ON = "then go on with --resume"
_SHOWN = 3


class OtherRecipeError(RecipeError):
    """A checkpoint is of another recipe, or of one that starts from other weights; see `differences`."""


def write_checkpoint(folder: str | Path, state: dict[str, Any]) -> None:
    """Write ``checkpoint.pt`` beside its place and rename it: killed at any moment, the old or the new one is there.

    Raises:
        RecipeError: it cannot be written, as where the disk is full.
    """
    _save(Path(folder) / CHECKPOINT, state)


def has_checkpoint(folder: str | Path) -> bool:
    """Whether a stage was begun."""
    return (Path(folder) / CHECKPOINT).exists()


def read_checkpoint(
    folder: str | Path, fingerprint: str, material: str = "", categories: Sequence[str] = ()
) -> dict[str, Any] | None:
    """The last checkpoint of a run, None where there is none. Tensors and plain values only, nothing is unpickled.

    Args:
        folder: of the stage.
        fingerprint: of the run, by `fingerprint.fingerprint_of`; another one in the checkpoint is an error.
        material: digest of what examples are made of, where it is known yet; so is another one.
        categories: what the network's channels stand for, where it has some and they are known yet; so are others.

    Raises:
        RecipeError: the checkpoint belongs to another recipe, modal network or set of objects, or is damaged.
    """
    path = Path(folder) / CHECKPOINT
    if not path.exists():
        return None
    state = _load(path, "fingerprint", "step")
    began, now = (str(of).partition("+") for of in (state["fingerprint"], fingerprint))
    if began[0] != now[0]:
        raise OtherRecipeError(
            "a run resumes with the recipe it began with, and the weights that one starts from",
            file=path,
            remedy="give the recipe unchanged, or another --output",
        )
    if began != now:
        raise RecipeError(
            "a run resumes with the modal network it began with: modal_from holds other weights now",
            file=path,
            value=f"sha256 {now[2][:12] or 'none'} after {began[2][:12] or 'none'}",
            remedy="give the folder of those weights, or another --output",
        )
    if material and state.get("material", material) != material:
        raise RecipeError(
            "a run resumes with the photographs and masks it began with; an annotation file or a list has changed",
            file=path,
            remedy="give those of then, or another --output; --start_from goes on from finished weights",
        )
    began_with = state.get("categories", list(categories))  # older runs keep none
    if categories and began_with != list(categories):
        raise RecipeError(
            f"a run resumes with the categories it began with, in their order: {', '.join(began_with)}",
            file=path,
            value=", ".join(categories),
            remedy="give the annotation files of then, or another --output",
        )
    return state


def categories_of(folder: str | Path) -> list[str] | None:
    """What the channels of a stage's network stand for, in their order; None where its checkpoint does not tell.

    Raises:
        RecipeError: the checkpoint is damaged.
    """
    found = _load(Path(folder) / CHECKPOINT, "step").get("categories")
    return found if isinstance(found, list) else None


def differences(folder: str | Path, recipe: Recipe, free: Iterable[str]) -> str:
    """What tells a recipe from the one a stage began with, which lies beside its checkpoint.

    By what counts for `fingerprint.fingerprint_of`; a setting the old recipe does not name came later.

    Args:
        folder: of the stage.
        recipe: of now.
        free: the settings that do not count.

    Returns:
        "modal.lr: 0.003 then, 0.01 now", three of them and a count; "" where that file does not tell.
    """
    try:
        then = json.loads((Path(folder) / "recipe.json").read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    now, default = (json.loads(json.dumps(asdict(r))) for r in (recipe, Recipe(data=recipe.data)))
    default["data"] = [asdict(DataSource("", ""))] * len(recipe.data)
    for one in (then, now):
        if isinstance(one, dict) and isinstance(one.get("data"), list) and isinstance(one.get("output"), str):
            one["data"] = [wherever_it_lies(source, one["output"]) for source in one["data"]]
    for name in {*free, "modal_from"}:
        del now[name]
    if isinstance(then, dict) and _same_weights(str(then.get("start_from", "")), recipe.start_from):
        del now["start_from"]
    found = list(_different(then, now, default))
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return "; ".join([*found[:_SHOWN], *more])


def finished_weights(folder: str | Path, steps: int) -> dict[str, Tensor]:
    """The weights a finished stage kept: the best by validation, the mean of start and end, or else the last average.

    Raises:
        RecipeError: no checkpoint, a damaged one, or one of a stage that is not at its end.
    """
    path = Path(folder) / CHECKPOINT
    state: dict[str, Any] = _load(path, "step", "best", "average") if path.exists() else {"step": 0}
    if state["step"] != steps:
        raise RecipeError(
            f"a network is taken from a stage that was trained to its end, {steps} steps",
            file=path,
            value=state["step"],
            remedy="train it first, or go on with --resume",
        )
    return kept_weights(state)


def kept_weights(state: dict[str, Any]) -> dict[str, Tensor]:
    """The weights that a checkpoint's stage keeps, were it to end there."""
    kept: dict[str, Tensor] = state["average"] if state["best"] is None else state["best"]
    return kept


def write_network(folder: str | Path, name: str, network: nn.Module) -> None:
    """Write a network's weights as ``<name>.pt``, beside its place first."""
    _save(Path(folder) / f"{name}.pt", network.state_dict())


def read_network(folder: str | Path, name: str, network: nn.Module) -> nn.Module:
    """Load what `write_network` wrote into a network of the same shape.

    Raises:
        RecipeError: the file is missing or damaged.
    """
    network.load_state_dict(_load(Path(folder) / f"{name}.pt"))
    return network


def _different(then: Any, now: Any, default: Any, place: str = "") -> Iterator[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        for name, value in now.items():
            inside = f"{place}.{name}".lstrip(".")
            yield from _different(then.get(name, default[name]), value, default[name], inside)
    elif place == "data" and isinstance(then, list) and len(then) == len(now):
        for i, value in enumerate(now):
            yield from _different(then[i], value, default[i], f"{place}[{i}]")
    elif then != now and place:
        yield f"{place}: {_short(then)} then, {_short(now)} now"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _same_weights(then: str, now: str) -> bool:
    """Whether two folders, wherever they lie, hold the same networks."""
    try:
        return bool(then and now) and digests(then) == digests(now)
    except RecipeError:
        return False


def _save(path: Path, state: dict[str, Any]) -> None:
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("wb") as file:  # given a path, torch does not say why it could not write
            torch.save(state, file)
        beside.replace(path)
    except BaseException as problem:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        cause = _of_the_disk(problem)
        if cause is None:
            raise
        raise RecipeError(
            f"the file cannot be written ({cause.strerror})", file=path, remedy=f"{_way_out(cause)}, {_GO_ON}"
        ) from problem


def _of_the_disk(problem: BaseException) -> OSError | None:
    """What the system said; torch tells of the writing that failed in its own words, and that alone."""
    found: BaseException | None = problem
    while found is not None and not isinstance(found, OSError):
        if not isinstance(found, RuntimeError):  # an interruption, a bug
            return None
        found = found.__context__
    return found


def _way_out(cause: OSError) -> str:
    return "make room" if cause.errno in (errno.ENOSPC, errno.EDQUOT) else "mend that"


def _load(path: Path, *keys: str) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # torch raises whatever the damage leads to
        raise RecipeError(f"the checkpoint cannot be read ({problem})", file=path, remedy=_REMEDY) from problem
    if not isinstance(state, dict) or not state.keys() >= set(keys):
        raise RecipeError("a checkpoint is what training wrote", file=path, value=type(state), remedy=_REMEDY)
    return state
