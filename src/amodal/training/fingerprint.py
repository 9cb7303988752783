"""What tells a run from another: a checkpoint keeps it, and a resumed run must have the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from .config import Recipe, wherever_it_lies
from .start import digests
from .taken import modal_digest

_ADDED_LATER = {"precision", "channels_last", "accumulate", "phases", "target", "stages", "only", "bad_records"}
_ADDED_LATER |= {"architecture", "tap_scales", "dropout", "fixed", "photometric", "start_px", "start_steps"}
_ADDED_LATER |= {"partial_weight", "clear", "paired", "behind", "same_image", "occluder_at_edge", "border"}
_ADDED_LATER |= {"feather_px", "occluder_colour", "occluder_blur_px", "low_resolution", "low_resolution_px"}
_ADDED_LATER |= {
    "mask_noise",
    "mask_noise_size",
    "others",
    "others_told",
    "tight_boxes",
    "start_from",
    "weight_by",
    "detector",
    "keep",
    "repaint",
    "amodal_truth",
}
FREE = {"output", "workers", "threads", "device", "checkpoint_every", "thresholds", "calibration_examples"}
FREE |= {"tensorboard", "store", "store_gb"}
"""Settings a run may be resumed with others of."""


def fingerprint_of(recipe: Recipe) -> str:
    """Of all that decides the result; where the run lies and how often it is written do not.

    Settings that came after the first runs do not count at their defaults, so that a run goes on under newer versions.
    Networks of other runs count by their content, wherever they lie.

    Returns:
        A SHA-256 in hexadecimal; with ``modal_from``, ``+`` and the `modal_digest` after it.

    Raises:
        RecipeError: the networks the recipe takes from elsewhere are not there.
    """
    own, defaults = (json.loads(json.dumps(asdict(r))) for r in (recipe, Recipe(data=recipe.data)))
    settings = _without(own, defaults)
    if recipe.start_from:
        settings["start_from"] = digests(recipe.start_from)
    data: list[dict[str, Any]] = settings["data"]
    settings["data"] = [
        {key: value for key, value in source.items() if value or key not in ("only", "validation_share")}
        for source in (wherever_it_lies(source, recipe.output) for source in data)
    ]
    for name in FREE | {"modal_from"}:
        del settings[name]
    of_recipe = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return f"{of_recipe}+{modal_digest(recipe.modal_from)}" if recipe.modal_from else of_recipe


def _without(settings: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The settings, at any depth, but for `_ADDED_LATER` at their defaults."""
    return {
        name: _without(value, defaults[name]) if isinstance(value, dict) else value
        for name, value in settings.items()
        if name not in _ADDED_LATER or value != defaults[name]
    }
