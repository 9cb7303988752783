"""Numbers as people read them."""

from __future__ import annotations

import math


def percent(value: float) -> str:
    """A share as percent with one decimal; a dash where undefined.

    >>> percent(0.643), percent(float("nan"))
    ('64.3', '-')
    """
    return f"{100 * value:.1f}" if math.isfinite(value) else "-"


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "step"), counted(0, "step")
    ('1 step', '0 steps')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
