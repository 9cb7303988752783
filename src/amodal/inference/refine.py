"""Iterative Instance Segmentation: the modal heat of a box, refined over passes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.resample import resample, resample_taps
from .pair import Network, ask, ask_mirrored

NO_HYPOTHESIS = 0.5
"""The heat that says nothing: what the first pass is given (Li, Hariharan, Malik, CVPR 2016)."""


def refine(
    network: Network,
    patches: NDArray[np.uint8],
    category: NDArray[np.int64] | None,
    passes: int,
    hypothesis: NDArray[np.float32] | None = None,
    others: NDArray[np.float32] | None = None,
    *,
    mirror: bool = False,
) -> NDArray[np.float32]:
    """Modal heat of a batch of boxes (paper section 4.1; IIS).

    The first pass is given the hypothesis or, without one, the constant 1/2; every other one the heat of the pass
    before it.

    Args:
        network: the modal network.
        patches: uint8 ``(n, 3, p, p)``, what lies in each modal box.
        category: int64 ``(n,)`` or None.
        passes: how many, >= 1.
        hypothesis: float32 ``(n, p, p)`` in [0, 1] over the boxes: what is believed already.
        others: float32 ``(n, p, p)``, where other objects are seen, for networks that take it.
        mirror: the last pass is the mean of what is found in the patches and in their mirror images.

    Returns:
        float32 ``(n, s, s)`` in [0, 1] over the boxes.
    """
    if hypothesis is None:
        hypothesis = np.full((len(patches), network.patch_px, network.patch_px), NO_HYPOTHESIS, np.float32)
    found = ask(network, patches, hypothesis, category, others)
    for _ in range(passes - 1):
        hypothesis = stretched(found, network.patch_px)
        found = ask(network, patches, hypothesis, category, others)
    if mirror:
        found = (found + ask_mirrored(network, patches, hypothesis, category, others)) * np.float32(0.5)
    return found


def stretched(heat: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Heat ``(..., s, s)`` as the next pass is given it, float32 ``(..., side, side)``."""
    taps = resample_taps(heat.shape[-1], side, outside="edge")
    return resample(heat, taps, taps)
