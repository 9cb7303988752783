"""The named numbers of prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..core.errors import RecipeError


@dataclass(frozen=True, slots=True)
class PredictionSettings:
    """Every number of paper section 4.1, and ours where the paper is silent; numpy's become Python's own.

    Raises:
        RecipeError: a value of the wrong type or out of range.

    >>> PredictionSettings(max_steps=0)
    Traceback (most recent call last):
    amodal.core.errors.RecipeError: prediction.max_steps: a whole number from 1 on; found 0
    """

    modal_threshold: float = 0.8
    """Modal mask: the pixels whose modal heat exceeds this (section 4.1)."""
    amodal_threshold: float = 0.7
    """Amodal mask: the pixels whose amodal heat exceeds this (section 4.1)."""
    given_threshold: float = 0.5
    """Visible pixels of a heat that another segmenter gives: those above this. The paper does not say; ours."""
    strip_threshold: float = 0.1
    """A side moves outward where the mean heat beside it exceeds this (section 4.1)."""
    nested: bool = True
    """A modal mask that IIS finds is cut to the amodal one, which holds what is visible of it. The paper cuts the two
    heats apart (False); on validation scenes visible masks gain 0 to 0.9 points of IoU (docs/experiments.md)."""
    least_probability: float = 0.0
    """A given mask is the whole one where the probability that anything hides the object is below this: completing a
    clear object can only lose. 0, the paper's, always completes. Not for boxes: there it gains nothing."""
    others: bool = True
    """Objects asked about together are told where the others of their picture are seen, by networks that take it. The
    paper looks at each object alone (False)."""
    others_score: float = 0.3
    """Least score with which an object tells the others where it is seen: what a detector half believes hides nothing.
    Not measured; ours."""
    max_steps: int = 10
    """Most iterations of the expansion. The paper names no cap; ours is reported as stop reason "cap"."""
    iis_passes: int = 3
    """Passes of Iterative Instance Segmentation at test (Li, Hariharan, Malik, CVPR 2016)."""
    mirror: bool = False
    """The last answer of each network is the mean of what it says of the patch and of its mirror image, at the cost of
    two answers more an object, one where its mask is given. The paper asks once (False)."""
    stop_at_border: bool = True
    """Keep the expanding box inside the picture, as in the paper's Fig. 5."""
    beyond_border: float = 0.5
    """Without `stop_at_border`: how far beyond each border boxes and masks may go, in lengths of the picture."""
    batch_size: int = 8
    """Most patches given to a network at once. On a CPU more of them are slower: they fall out of its cache."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if isinstance(value := getattr(self, field.name), np.generic):
                object.__setattr__(self, field.name, value.item())
        for name in ("modal_threshold", "amodal_threshold", "given_threshold", "strip_threshold"):
            self._need(name, "a number of 0 or more, below 1", _is_number(v := getattr(self, name)) and 0 <= v < 1)
        for name in ("max_steps", "iis_passes", "batch_size"):
            self._need(name, "a whole number from 1 on", type(v := getattr(self, name)) is int and v >= 1)
        for name in ("least_probability", "others_score"):
            self._need(name, "a number from 0 to 1", _is_number(v := getattr(self, name)) and 0 <= v <= 1)
        for name in ("stop_at_border", "nested", "others", "mirror"):
            self._need(name, "true or false", isinstance(getattr(self, name), bool))
        self._need(
            "beyond_border", "a number from 0 to 10", _is_number(self.beyond_border) and 0 <= self.beyond_border <= 10
        )

    def _need(self, name: str, rule: str, holds: bool) -> None:
        if not holds:
            raise RecipeError(rule, record=f"prediction.{name}", value=getattr(self, name))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, file: object = "") -> PredictionSettings:
        """Settings from parsed JSON or YAML; what is not named keeps its default.

        Raises:
            RecipeError: an unknown name, or a value out of range; ``file`` is named.
        """
        known = [field.name for field in fields(cls)]
        unknown = [key for key in values if key not in known]
        if unknown:
            raise RecipeError(
                f"the settings of prediction are {', '.join(known)}",
                file=file,
                value=unknown[0],
                remedy="correct or remove the name",
            )
        try:
            return cls(**values)
        except RecipeError as problem:
            raise RecipeError(str(problem).rstrip("."), file=file) from None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
