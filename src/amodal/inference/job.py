"""One object to be found, and what is known of it before its turn comes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.masks import Mask
from .found import FoundHeats
from .seen import Others

Evidence = Mask | NDArray[np.floating]
"""What is given of an object's visible part: a mask, or heat ``(H, W)`` in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the first pass of IIS found in a modal box.

    Attributes:
        heat: float16 ``(s, s)`` over the box.
        patch: uint8 ``(3, p, p)``, what the network saw; None: not kept.
    """

    heat: NDArray[np.float16]
    patch: NDArray[np.uint8] | None = None


@dataclass(slots=True)
class Job:
    """One object to be found.

    Attributes:
        image: uint8 ``(H, W, 3)``, RGB; shared by the jobs of a picture.
        modal_box: xyxy, where IIS looks and expansion starts.
        limits: the box expansion may not leave: the picture, or more.
        category: what the networks are told; None for networks that take none.
        evidence: the visible part, where it is given.
        refines: IIS improves the evidence; without it, evidence is taken as it is.
        tells: the other objects of the picture are told where this one is seen.
        others: where the other objects of the picture are seen, those whose visible parts are given; None: none is.
        found: the same of those that IIS has looked at; None: it has looked at none.
        number: its own, in ``found``.
        look: what the first pass of IIS found, where it has looked already.
    """

    image: NDArray[np.uint8]
    modal_box: bx.Box
    limits: bx.Box
    category: int | None = None
    evidence: Evidence | None = None
    refines: bool = False
    tells: bool = True
    others: Others | None = None
    found: FoundHeats | None = None
    number: int = 0
    look: Look | None = None
