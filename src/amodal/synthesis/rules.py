"""Every rule of section 3.2 held against examples as they are drawn: a histogram per rule, and what breaks one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core import boxes as bx
from .canvas import tight_box
from .cells import share_inside
from .composite import Composite
from .draw import Attempt, attempts
from .material import Material
from .settings import ExampleShape, SynthesisSettings
from .targets import Example

_BINS = 20
_BAR = 40
_EPSILON = 1e-5


@dataclass
class Rule:
    """One quantity of the examples.

    Attributes:
        name: of the quantity.
        low, high: its bounds, both allowed; None: the rules bound it on one side or not at all.
        values: one or several an example.
    """

    name: str
    low: float | None = None
    high: float | None = None
    values: list[float] = field(default_factory=list)

    @property
    def broken(self) -> int:
        """Number of values out of the bounds."""
        found = np.asarray(self.values)
        low = -np.inf if self.low is None else self.low - _EPSILON
        high = np.inf if self.high is None else self.high + _EPSILON
        return int(np.count_nonzero((found < low) | (found > high)))

    def to_json(self) -> dict[str, Any]:
        """Bounds, number, mean, extremes, values out of bounds, and the histogram: counts between edges."""
        found = np.asarray(self.values, dtype=np.float64)
        if not len(found):
            return {"low": self.low, "high": self.high, "count": 0, "broken": 0}
        whole = bool((found == found.round()).all()) and np.ptp(found) < 2 * _BINS
        edges = np.arange(found.min(), found.max() + 2) if whole else np.linspace(found.min(), found.max(), _BINS + 1)
        counts = np.histogram(found, edges)[0] if np.ptp(found) else np.array([len(found)])
        return {
            "low": self.low,
            "high": self.high,
            "count": len(found),
            "broken": self.broken,
            "mean": round(float(found.mean()), 5),
            "least": round(float(found.min()), 5),
            "most": round(float(found.max()), 5),
            "edges": np.round(edges, 5).tolist(),
            "counts": counts.tolist(),
        }


def report_rules(
    material: Material,
    shape: ExampleShape,
    count: int,
    *,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> dict[str, dict[str, Any]]:
    """Draw examples 0 to ``count - 1`` of epoch 0 and measure each of them.

    Args:
        material, shape, seed: as `draw_example`'s.
        count: how many.
        progress: called with 1 for each.

    Returns:
        For each quantity what `Rule.to_json` says of it.

    Raises:
        ImageError: a picture that cannot be used.
    """
    rules = {rule.name: rule for rule in _rules(material.settings)}
    for index in range(count):
        tried: list[Attempt] = []
        for attempt in attempts(material, shape, seed=seed, epoch=0, index=index):
            tried.append(attempt)
            if attempt.example is not None:
                break
        rules["main objects given up"].values.append(sum(one.composite is None for one in tried))
        rules["examples rejected"].values.append(
            sum(one.composite is not None and one.example is None for one in tried)
        )
        main, composite, example = tried[-1]
        if composite is not None and example is not None:
            for name, values in _measured(material, main, composite, example).items():
                rules[name].values.extend(values)
        if progress is not None:
            progress(1)
    return {name: rule.to_json() for name, rule in rules.items()}


def _rules(s: SynthesisSettings) -> list[Rule]:
    low, high = s.occluder_scale
    # a side is a whole number of pixels: a scale may be off by half of one, in a canvas of 16 or more
    return [
        Rule("patch covers of the object's box, per dimension", s.min_patch_overlap, 1),
        Rule("patch side in sides of the object's box, per dimension", *s.patch_scale),
        Rule("objects laid over it or behind", 0, s.max_occluders),
        Rule("shortest side of an occluder in the patch's same side", low - 0.5 / 16, high + 0.5 / 16),
        Rule("occluders of the same picture", 0, 0 if not s.same_image else None),
        Rule("visible share of the object", s.min_visible, 1),
        Rule("hidden share of the object in the patch", 0, 1),
        Rule("modal box covers of the tight one, per dimension", s.jitter_min_overlap, 1),
        Rule("modal box side in sides of the tight one", 1 - s.jitter_max_resize, 1 + s.jitter_max_resize),
        Rule("seen part in the patch, per dimension", 1 - 2 * s.trim, 1 - 2 * s.trim),
        Rule("share of the seen part that shows the object", s.min_visible_in_patch, 1),
        Rule("instance weight", 0, 1),
        Rule("operations undone", 0),
        Rule("main objects given up", 0),
        Rule("examples rejected", 0),
    ]


def _measured(material: Material, main: Any, composite: Composite, example: Example) -> dict[str, list[float]]:
    cutout = material.picture(main.source, main.image).cutouts[main.instance]
    assert cutout is not None  # it has become an example
    box = (cutout.truth if material.settings.amodal_truth else cutout).box
    tight = tight_box(composite.visible)
    laid = (*composite.behind, *composite.occluders)
    patch = composite.patch_box
    return {
        "patch covers of the object's box, per dimension": bx.overlap_frac(patch, box).tolist(),
        "patch side in sides of the object's box, per dimension": (bx.sides(patch) / bx.sides(box)).tolist(),
        "objects laid over it or behind": [len(laid)],
        "shortest side of an occluder in the patch's same side": list(composite.occluder_scales),
        "occluders of the same picture": [sum(image == composite.image_id for image, _ in laid)],
        "visible share of the object": [composite.visible_share],
        "hidden share of the object in the patch": [float(example.hidden_share)],
        "modal box covers of the tight one, per dimension": bx.overlap_frac(example.modal_box, tight).tolist(),
        "modal box side in sides of the tight one": (bx.sides(example.modal_box) / bx.sides(tight)).tolist(),
        "seen part in the patch, per dimension": (bx.sides(example.seen_box) / bx.sides(example.frame_box)).tolist(),
        "share of the seen part that shows the object": [share_inside(composite.visible, bx.as_box(example.seen_box))],
        "instance weight": [float(example.weight)],
        "operations undone": [composite.undone],
    }


def is_rules_report(content: object) -> bool:
    """Whether parsed JSON is a report of `report_rules`, told by the names of its quantities."""
    return isinstance(content, dict) and any(rule.name in content for rule in _rules(SynthesisSettings()))


def rules_text(report: dict[str, dict[str, Any]]) -> str:
    """The report to read: a paragraph per rule, its histogram as bars."""
    lines: list[str] = []
    for name, rule in report.items():
        if not rule["count"]:
            lines += [f"{name}: none", ""]
            continue
        bounds = f"{_shown(rule['low'])} to {_shown(rule['high'])}"
        lines.append(
            f"{name}: {bounds}; {rule['broken']} of {rule['count']} out of it; "
            f"mean {rule['mean']:.4g}, {rule['least']:.4g} to {rule['most']:.4g}"
        )
        most = max(rule["counts"])
        for low, count in zip(rule["edges"], rule["counts"], strict=False):
            lines.append(f"  {low:>8.3f} {count:>7} {'#' * round(_BAR * count / most)}".rstrip())
        lines.append("")
    return "\n".join(lines)


def _shown(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:g}"
